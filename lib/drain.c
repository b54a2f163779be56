/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "clock.h"
#include "drain.h"
#include "error.h"
#include "grace.h"
#include "pipeline.h"

#define PAUSE_NS     50000 /* between two looks, at first and at last */
#define PAUSE_MAX_NS 5000000
#define PASSES       4 /* that are waited for before the first pause: one may empty a ring, and is shorter */

void weir__drain_all(struct weir__drain *drain, const struct weir__shape *shape)
{
	drain->shape = shape;
	for (unsigned w = 0; w < shape->n_workers; w++)
		drain->sinks[w] = weir__bits(shape->programs[w]->n_sinks);
}

/* The row is asked, not the worker: one that has just been started, or given the row by a change, does not
 * know of its backlog before its next pass. */
static bool is_full(const struct weir__op *op)
{
	return __atomic_load_n(&op->row->backlog.n, __ATOMIC_RELAXED) ||
	       (op->row->kind == WEIR__ROW_RING && weir__ring_size(&op->row->ring));
}

/* A row that is not empty as far as another thread can see at this moment; NULL: all look empty. */
static const struct weir__row *look(const struct weir__drain *drain)
{
	for (unsigned w = 0; w < drain->shape->n_workers; w++)
		for (uint64_t left = drain->sinks[w]; left; left &= left - 1) {
			const struct weir__op *op = drain->shape->programs[w]->sinks[__builtin_ctzll(left)];

			if (is_full(op))
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
 * or has come to a ring since.
 */
int weir__drained(struct weir_pipeline *pipeline, const struct weir__drain *drain, uint64_t deadline,
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

void weir__drain_pause(uint64_t *ns)
{
	*ns = !*ns ? PAUSE_NS : *ns < PAUSE_MAX_NS ? 2 * *ns : *ns;
	nanosleep(&(struct timespec){ .tv_nsec = (long)*ns }, NULL);
}

int weir__drain(struct weir_pipeline *pipeline, const struct weir__drain *drain, uint64_t deadline,
		struct weir_error *err)
{
	const struct weir__row *full;
	unsigned looks = 0;
	uint64_t pause = 0;
	int rc;

	while ((rc = weir__drained(pipeline, drain, deadline, &full, err)) == 0) {
		if (weir__now() >= deadline)
			return weir_failed(err, -ETIMEDOUT,
					   "%s is not empty: what is behind it takes nothing",
					   full ? full->path : "a ring");
		if (looks++ >= PASSES)
			weir__drain_pause(&pause);
		else if ((rc = weir__grace(pipeline, drain->shape, deadline, err)) < 0)
			return rc;
	}
	return rc < 0 ? rc : 0;
}
