/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes of rte_graph that do, one after the other, what the stages of bench/chain.h do with such packets:
 * check the IP packet, put it into a frame, filter by the frame's addresses, count, take it out of the frame
 * and check it again. A packet that does not pass only counts as bad.
 */
#ifndef WEIR_BENCH_PEERS_SAME_H
#define WEIR_BENCH_PEERS_SAME_H

#include <rte_graph.h>

#include "graph.h"

extern const rte_node_process_t same_nodes[GRAPH_NODES];

/* Packets that did not pass, of all runs. */
extern uint64_t same_bad;

#endif
