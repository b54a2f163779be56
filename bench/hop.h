/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets on their way from one pinned thread to another, a vector at a time: what every measurement of a
 * hand-off has in common. What is handed over are the numbers from 1 to fill, and the sum of all that came
 * out tells whether any was lost.
 */
#ifndef WEIR_BENCH_HOP_H
#define WEIR_BENCH_HOP_H

#include <sched.h>

#include <ck_pr.h>

#include "bench.h"

struct hop {
	void (*produce)(struct hop *hop);     /* hands all vectors over */
	uint64_t (*consume)(struct hop *hop); /* takes all vectors, and returns the sum */
	void *ring;
	unsigned cpu[2]; /* of the producer and of the consumer */
	uint32_t fill;   /* packets of a vector */
	uint64_t vectors;
	uint64_t sum; /* for hop_run() alone, as the next */
	uint32_t ready;
};

/* Nanoseconds a packet. The calling thread produces, and stays on its processor. */
double hop_run(struct hop *hop);

/* One way of doing it, from making the ring to removing it. */
typedef double hop_measure(const unsigned cpu[2], uint32_t capacity, uint32_t fill, uint64_t vectors);

/* As many vectors as take the time asked for, found out by a short run, which also warms up. */
uint64_t hop_vectors(hop_measure *measure, const unsigned cpu[2], uint32_t capacity, uint32_t fill,
		     double seconds);

/* Through a ring of Weir, of so many vectors. */
hop_measure hop_weir;

/* Waits a turn; a thread that waits long may be in the way of the one that it waits for. */
static inline void hop_wait_turn(unsigned *turns)
{
	if (++*turns % 4096 == 0)
		sched_yield();
	else
		ck_pr_stall();
}

#endif
