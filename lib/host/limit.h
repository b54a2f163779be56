/* SPDX-License-Identifier: Apache-2.0 */
/* At most so many a second, after so many at once: a bucket of tokens. */
#ifndef WEIR__LIMIT_H
#define WEIR__LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct weir__limit {
	uint32_t rate;  /* a second */
	uint32_t burst; /* at once */
	uint64_t full;  /* when the bucket is full again, if nobody takes anything */
};

static inline bool weir__limit_take(struct weir__limit *limit, uint64_t now)
{
	const uint64_t each = UINT64_C(1000000000) / limit->rate;

	if (limit->full < now)
		limit->full = now;
	if (limit->full - now > each * (limit->burst - 1))
		return false;
	limit->full += each;
	return true;
}

#endif
