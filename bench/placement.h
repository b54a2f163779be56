/* SPDX-License-Identifier: Apache-2.0 */
/* Which processor each thread of a measurement runs on. */
#ifndef WEIR_BENCH_PLACEMENT_H
#define WEIR_BENCH_PLACEMENT_H

#include <pthread.h>

#include "bench.h"

/* Negative: wherever the scheduler puts it. */
struct placement {
	int forwarder[2]; /* its threads; if it has one, the first */
	int traffic[2];   /* client and server */
};

/*
 * The forwarder on the first two processors that this process may use, the traffic on the next two or, where
 * there are no more, on the same. With the scheduler choosing, the same forwarder was seen to give 1.0 to 3.4
 * Gbit/s from one second to the next on two processors; this way, 2.2 to 2.4.
 */
void placement_default(struct placement *placement);

/* "0", "0,1" or "none" for the two processors; false: it is none of them. */
bool placement_parse(const char *text, int cpu[2]);

void placement_start_thread(pthread_t *thread, int cpu, void *(*run)(void *), void *argument);

#endif
