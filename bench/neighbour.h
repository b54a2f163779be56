/* SPDX-License-Identifier: Apache-2.0 */
/* What it costs to look up the next hop's MAC address instead of knowing it beforehand. */
#ifndef WEIR_BENCH_NEIGHBOUR_H
#define WEIR_BENCH_NEIGHBOUR_H

#include <weir/host.h>

#include "chain.h"

enum neighbour_wrap {
	NEIGHBOUR_KNOWN, /* eth_wrap, to the one that it is told */
	NEIGHBOUR_ONE,   /* neighbour_wrap, with packets to one neighbour */
	NEIGHBOUR_FEW,   /* and to a few in turn */
	NEIGHBOUR_WRAPS,
};

extern const char *const neighbour_names[NEIGHBOUR_WRAPS];

/* A host with neighbours; to be destroyed by weir_host_destroy(). */
struct weir_host *neighbour_open(void);

/* Nanoseconds a packet of a chain with that stage. The rest of it is the same for all. */
double neighbour_run(const struct chain *chain, struct weir_host *host, enum neighbour_wrap wrap,
		     uint64_t packets);

#endif
