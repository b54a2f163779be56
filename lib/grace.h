/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A grace period: the time until every worker has ended the pass that it was in, or sleeps. Whoever has
 * published something waits for one, and knows then that no worker uses what was there before.
 *
 * synchronize_rcu() of liburcu tells the same, but cannot give up; a worker that is stuck in a stage would
 * hang the caller with it. So this one is asked for and granted in words of our own: a number that the worker
 * finds between two passes and gives back. liburcu's own announcements go on beside it, for structures of
 * liburcu that a stage may use.
 */
#ifndef WEIR__GRACE_H
#define WEIR__GRACE_H

#include "shape.h"

/*
 * Waits until done(data), on the bell that is rung whenever that may have become true, after a full barrier.
 * Returns false if the deadline (CLOCK_MONOTONIC, ns; UINT64_MAX: none) comes first. One thread at a time.
 */
bool weir__await(struct weir__doorbell *bell, bool (*done)(void *), void *data, uint64_t deadline);

/*
 * Waits for a grace period of the workers of the shape. Returns 0, or -ETIMEDOUT, with the worker that is
 * stuck and its row in err. Control thread, with the lock.
 */
int weir__grace(struct weir_pipeline *pipeline, const struct weir__shape *shape, uint64_t deadline,
		struct weir_error *err);

/* The same for some of them, by bit. */
int weir__grace_of(const struct weir__shape *shape, uint64_t workers, uint64_t deadline,
		   struct weir_error *err);

/* Grants what was asked for. The worker's thread, between two passes. */
void weir__grace_answer(struct weir__worker *worker);

static inline bool weir__grace_asked(const struct weir__worker *worker)
{
	return __atomic_load_n(&worker->asked, __ATOMIC_ACQUIRE) != worker->answered;
}

/* The worker is about to block, and then will look whether it was asked before it touches anything. */
static inline void weir__grace_offline(struct weir__worker *worker)
{
	weir__worker_at(worker, NULL); /* that row may go, as this worker is not waited for */
	__atomic_store_n(&worker->offline, 1, __ATOMIC_RELEASE);
}

static inline void weir__grace_online(struct weir__worker *worker)
{
	__atomic_store_n(&worker->offline, 0, __ATOMIC_RELAXED);
	weir__barrier_full(); /* pairs with that of whoever asks: either this worker sees the question, or its
				 absence was seen when it was asked */
}

#endif
