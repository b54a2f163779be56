/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts that a pipeline has at one time and where each stands: what a change goes from and leads to. The
 * parts themselves live as long as any shape has them.
 */
#ifndef WEIR__SHAPE_H
#define WEIR__SHAPE_H

#include <weir/config.h>

#include "endpoint.h"
#include "worker.h"

/* Where a row stands, and what it has only there. */
struct weir__place {
	struct weir__row *row;
	const struct weir_stage_type *type; /* of the row, also when that is another shape's */
	struct weir__worker *worker;        /* that runs it; of a ring, the producer */
	void *config;                       /* of a stage */
	void *options;                      /* a copy, to tell what a later configuration changes */
};

struct weir__plan;

struct weir__shape {
	uint64_t version; /* no two shapes have the same */
	unsigned n_endpoints;
	unsigned n_workers;
	unsigned n_places;
	struct weir__endpoint *endpoints[WEIR_ENDPOINTS_MAX];
	void *changes[WEIR_ENDPOINTS_MAX]; /* of those that stay: other options to take over; NULL: the same
					    */
	struct weir__worker *workers[WEIR_WORKERS_MAX];
	bool shared[WEIR_WORKERS_MAX]; /* the worker is another shape's too, and stays with that one */
	unsigned
		spinning; /* workers that were to spin but may not, as there are too few processors; else 0 */
	const struct weir__program *programs[WEIR_WORKERS_MAX]; /* of the workers, in their order */
	struct weir_worker given[WEIR_WORKERS_MAX];             /* what the configuration says of them */
	struct weir__shape *next;                               /* of those that were replaced */
	struct weir__place places[];                            /* in the order of the configuration */
};

/* A place by "chain/row", of rings the first; NULL: there is none. */
struct weir__place *weir__shape_place(struct weir__shape *shape, const char *path);

struct weir__endpoint *weir__shape_endpoint(const struct weir__shape *shape, const char *name);

/* Where the row stands; NULL: not in this shape. */
const struct weir__place *weir__shape_place_of(const struct weir__shape *shape, const struct weir__row *row);

/* Which of its workers that is; n_workers: none. */
unsigned weir__shape_index(const struct weir__shape *shape, const struct weir__worker *worker);

static inline bool weir__shape_has_row(const struct weir__shape *shape, const struct weir__row *row)
{
	return weir__shape_place_of(shape, row);
}

static inline bool weir__shape_has_worker(const struct weir__shape *shape, const struct weir__worker *worker)
{
	return weir__shape_index(shape, worker) < shape->n_workers;
}

bool weir__shape_has_endpoint(const struct weir__shape *shape, const struct weir__endpoint *endpoint);

/* Opens its endpoints, but for those that other (NULL: has none) has too, by their options in the plan; parts
 * of others last. Returns 0 or a negative errno, in words in plan->err. */
int weir__shape_open(struct weir__shape *shape, const struct weir__shape *other,
		     const struct weir__plan *plan);

/* Takes every part out of the shape that other has too (NULL: has none), so that it can be freed. Workers
 * stay in the list, marked as shared, because a program may still look there for whom to ring. */
void weir__shape_subtract(struct weir__shape *shape, const struct weir__shape *other);

/* Closes its endpoints and frees them, its rows, programs and workers, whose threads have ended. NULL is
 * allowed. */
void weir__shape_free(struct weir__shape *shape);

#endif
