/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that workers run for a moment on the way from one shape to another. */
#ifndef WEIR__INTERIM_H
#define WEIR__INTERIM_H

#include "transition.h"

struct weir__interim {
	/* Of the workers of the old shape, in their order. */
	struct weir__program *hold[WEIR_WORKERS_MAX];    /* the old one, without what is held */
	struct weir__program *release[WEIR_WORKERS_MAX]; /* nor what is drained: no row that moves */
	struct weir__program *end[WEIR_WORKERS_MAX];     /* nothing; NULL: the worker stays */
	/* Of the workers of the new shape. */
	struct weir__program *begin[WEIR_WORKERS_MAX]; /* nothing; NULL: the worker was there before */
};

/* NULL: no memory. */
struct weir__interim *weir__interim_make(const struct weir__shape *old, const struct weir__shape *new,
					 const struct weir__transition *transition);

/* memory: of a struct weir__interim; NULL is allowed. */
void weir__interim_free(void *memory);

#endif
