/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DPDK's graph of a source, up to six nodes and a sink, on one processor, over mbufs of a pool: what
 * bench/chain.h is for Weir.
 */
#ifndef WEIR_BENCH_PEERS_GRAPH_H
#define WEIR_BENCH_PEERS_GRAPH_H

#include "bench.h"

enum graph_work {
	GRAPH_MOVE = 0, /* hand the packets on */
	GRAPH_TOUCH,    /* change eight bytes of each packet, and hand all on */
	GRAPH_SAME,     /* do what the six stages of bench/chain.h do */
	GRAPH_WORKS,
};

struct graph {
	uint16_t room; /* of an mbuf, headroom included */
	uint16_t burst;
	enum graph_work work;
};

#define GRAPH_NODES  6
#define GRAPH_PACKET 64 /* bytes */

/* Nanoseconds of the processor a packet, through the first n nodes. After eal_start(). */
double graph_run(const struct graph *options, unsigned cpu, unsigned n, uint64_t packets);

#endif
