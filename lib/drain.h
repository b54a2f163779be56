/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting until rings and backlogs are empty that nothing new comes to. */
#ifndef WEIR__DRAIN_H
#define WEIR__DRAIN_H

#include "shape.h"

/* What is to be empty. */
struct weir__drain {
	const struct weir__shape *shape;
	uint64_t sinks[WEIR_WORKERS_MAX]; /* of each worker's program, by bit: no backlog, and empty if it is
					     a ring */
};

/* All of it. */
void weir__drain_all(struct weir__drain *drain, const struct weir__shape *shape);

/*
 * Whether it is empty for certain; nothing new comes there. Returns 1, or 0 with what is full in *full (NULL:
 * something moved meanwhile), or -ETIMEDOUT with the worker that is stuck in err. Control thread, with the
 * lock.
 */
int weir__drained(struct weir_pipeline *pipeline, const struct weir__drain *drain, uint64_t deadline,
		  const struct weir__row **full, struct weir_error *err);

/* Sleeps before the next look, each time longer; *ns begins with 0. */
void weir__drain_pause(uint64_t *ns);

/*
 * Waits until it is empty for certain. The readers that lead there have been stopped, and a grace period has
 * passed since. Returns 0, or -ETIMEDOUT, with what is not empty in err, or the worker that is stuck. Control
 * thread, with the lock.
 */
int weir__drain(struct weir_pipeline *pipeline, const struct weir__drain *drain, uint64_t deadline,
		struct weir_error *err);

#endif
