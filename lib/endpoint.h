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
	const struct weir__worker *reader; /* the workers of its two ends; NULL: that end is not used */
	const struct weir__worker *writer;
};

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
