/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must rest on the way from one shape to another, so that no packet is lost or overtakes another one of
 * its flow. docs/live-change.md gives the reasons.
 *
 * Each input of the old programs is compared with the new ones. An input whose packets take another way than
 * before is held: nothing is taken from it until the new programs run. A ring whose packets would meet
 * neither all of the old nor all of the new stages, or could be overtaken, is drained first.
 */
#ifndef WEIR__TRANSITION_H
#define WEIR__TRANSITION_H

#include "drain.h"
#include "shape.h"

struct weir__transition {
	uint64_t held[WEIR_WORKERS_MAX];    /* inputs of each worker of the old shape, by bit */
	uint64_t drained[WEIR_WORKERS_MAX]; /* rings among its inputs that have to be empty first */
	struct weir__drain drain; /* these rings, and what stands before a ring or writer that goes */
	unsigned n_held;
	unsigned n_drained;
	bool must_drain;
};

/* Returns 0 or -ENOMEM. */
int weir__transition_find(struct weir__transition *transition, const struct weir__shape *old,
			  const struct weir__shape *new);

#endif
