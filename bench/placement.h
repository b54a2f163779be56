/* SPDX-License-Identifier: Apache-2.0 */
/* Which processor each thread of a measurement runs on. */
#ifndef WEIR_BENCH_PLACEMENT_H
#define WEIR_BENCH_PLACEMENT_H

#include <pthread.h>

#include "rig.h"

/* Negative: wherever the scheduler puts it. */
struct placement {
	int one;        /* the forwarder's thread, if it has one */
	int two[SIDES]; /* if it has two: the one that writes to that side's device. The kernel's part of a
			   write is most of all the work, so like does like on the same processor */
	int traffic[SIDES]; /* client and server */
};

/*
 * The traffic on two processors and the forwarder on two others or, where there are no more, on the same,
 * each thread next to the side that it writes to. With the scheduler choosing, the same forwarder was seen to
 * give 1.0 to 3.4 Gbit/s from one second to the next on two processors; this way, 2.0 to 2.2.
 */
void placement_default(struct placement *placement);

/* "0" or "0,1", left and right, or "none"; false: it is none of them. */
bool placement_parse(const char *text, int cpu[SIDES]);

void placement_start_thread(pthread_t *thread, int cpu, void *(*run)(void *), void *argument);

#endif
