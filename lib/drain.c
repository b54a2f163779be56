/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "clock.h"
#include "drain.h"
#include "error.h"
#include "grace.h"
#include "pipeline.h"

#define LOOK_NS     50000 /* between two looks, at first and at last */
#define LOOK_MAX_NS 5000000

void weir__drain_all(struct weir__drain *drain, const struct weir__shape *shape)
{
	drain->shape = shape;
	for (unsigned w = 0; w < shape->n_workers; w++)
		drain->sinks[w] = weir__bits(shape->programs[w]->n_sinks);
}

static bool is_full(const struct weir__worker *worker, const struct weir__op *op)
{
	return __atomic_load_n(&worker->blocked, __ATOMIC_RELAXED) & op->sink ||
	       (op->row->kind == WEIR__ROW_RING && weir__ring_size(&op->row->ring));
}

/* A row that is not empty as far as another thread can see at this moment; NULL: all look empty. */
static const struct weir__row *look(const struct weir__drain *drain)
{
	for (unsigned w = 0; w < drain->shape->n_workers; w++)
		for (uint64_t left = drain->sinks[w]; left; left &= left - 1) {
			const struct weir__op *op = drain->shape->programs[w]->sinks[__builtin_ctzll(left)];

			if (is_full(drain->shape->workers[w], op))
				return op->row;
		}
	return NULL;
}

/* Packets that have come to these places so far. */
static uint64_t handed_over(const struct weir__drain *drain)
{
	uint64_t n = 0;

	for (unsigned w = 0; w < drain->shape->n_workers; w++)
		for (uint64_t left = drain->sinks[w]; left; left &= left - 1) {
			const struct weir__op *op = drain->shape->programs[w]->sinks[__builtin_ctzll(left)];

			if (op->row->kind == WEIR__ROW_RING)
				n += __atomic_load_n(&op->row->counters.packets, __ATOMIC_RELAXED);
		}
	return n;
}

/*
 * Whether it is empty for certain: what a worker had in its hands at the first look, or took while one ring
 * after the other was looked at, has left when every worker has passed a grace period, or waits for a writer,
 * or has come to a ring since. Returns 1, 0 with what is full in *full, or a negative errno.
 */
static int is_empty(struct weir_pipeline *pipeline, const struct weir__drain *drain, uint64_t deadline,
		    const struct weir__row **full, struct weir_error *err)
{
	const uint64_t before = handed_over(drain);
	int rc;

	*full = look(drain);
	if (*full)
		return 0;
	rc = weir__grace(pipeline, drain->shape, deadline, err);
	if (rc < 0)
		return rc;
	*full = look(drain);
	return !*full && handed_over(drain) == before;
}

int weir__drain(struct weir_pipeline *pipeline, const struct weir__drain *drain, uint64_t deadline,
		struct weir_error *err)
{
	struct timespec pause = { .tv_nsec = LOOK_NS };
	const struct weir__row *full;
	int rc;

	while ((rc = is_empty(pipeline, drain, deadline, &full, err)) == 0) {
		if (weir__now() >= deadline)
			return weir_failed(err, -ETIMEDOUT,
					   "%s is not empty: what is behind it takes nothing",
					   full ? full->path : "a ring");
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < LOOK_MAX_NS)
			pause.tv_nsec *= 2;
	}
	return rc < 0 ? rc : 0;
}
