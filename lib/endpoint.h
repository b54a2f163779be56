/* SPDX-License-Identifier: Apache-2.0 */
/* An endpoint of a pipeline while it is open. */
#ifndef WEIR__ENDPOINT_H
#define WEIR__ENDPOINT_H

#include <weir/pipeline.h>

#include "point.h"

struct weir__endpoint {
	const struct weir_endpoint_type *type;
	char *name;
	void *state;
	struct weir_endpoint_info info;
	uint32_t status; /* enum weir_endpoint_state; set by a worker to DEAD or ENDED, by recovery to UP */
	int error;       /* written before status becomes DEAD */
	bool open;
	const struct weir__endpoint *whole; /* that it is a part of; NULL: of none */
	void *options;                      /* a copy, to tell what a later configuration changes */
};

struct weir__worker;

/* One that is not open yet. NULL: no memory. */
struct weir__endpoint *weir__endpoint_new(const struct weir_endpoint_type *type, const char *name,
					  const void *options, const struct weir_endpoint_info *info);

/* Opens it. Returns 0 or a negative errno, in words in err. */
int weir__endpoint_open(struct weir__endpoint *endpoint, const void *options, struct weir_error *err);

/* The pipeline or change that it is a part of has succeeded: only now what the options give away is its own.
 */
void weir__endpoint_created(struct weir__endpoint *endpoint);

/*
 * Whether it takes over other options, which say that of it, while it stays open: 1; 0, it does not; or the
 * negative errno that it refused them with, in words in err. Changes nothing. Control thread, with the lock.
 */
int weir__endpoint_try(const struct weir__endpoint *endpoint, const void *options,
		       const struct weir_endpoint_info *info, struct weir_error *err);

/* Takes them over, after that; the copy of them is the endpoint's now. */
void weir__endpoint_change(struct weir_pipeline *pipeline, struct weir__endpoint *endpoint, void *copy);

/* Closes it if it is open, and frees it; no worker uses it any more. NULL is allowed. */
void weir__endpoint_destroy(struct weir__endpoint *endpoint);

/* It ended (error 0) or died: one event, however many workers notice. A worker's thread. */
void weir__endpoint_gone(struct weir__worker *worker, struct weir__endpoint *endpoint, int error);

/* Whether workers may use it. A dead one is left alone, so that recovery can work on it after a grace period.
 */
static inline bool weir__endpoint_dead(const struct weir__endpoint *endpoint)
{
	weir__point("endpoint dead?");
	return __atomic_load_n(&endpoint->status, __ATOMIC_ACQUIRE) == WEIR_ENDPOINT_DEAD;
}

static inline bool weir__endpoint_up(const struct weir__endpoint *endpoint)
{
	weir__point("endpoint up?");
	return __atomic_load_n(&endpoint->status, __ATOMIC_ACQUIRE) == WEIR_ENDPOINT_UP;
}

#endif
