/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds with checks (-Dchecks=enabled, and every debug build) know who owns each buffer, fill freed ones
 * with poison, and look at every buffer after every stage. A broken rule ends the program and names the stage
 * that broke it. In other builds all of this is nothing.
 */
#ifndef WEIR__CHECK_H
#define WEIR__CHECK_H

#include "pool.h"

enum weir__owner {
	WEIR__OWNER_POOL = 0, /* free: in a depot or a stash */
	WEIR__OWNER_WORKER,
	WEIR__OWNER_RING,
};

#ifdef WEIR__CHECKS

int weir__check_create(struct weir__pool *pool);
void weir__check_destroy(struct weir__pool *pool);

/* These buffers change hands at the row of this path, and belonged to from. */
void weir__check_pass(struct weir__pool *pool, const uint32_t *index, uint32_t n, enum weir__owner from,
		      enum weir__owner to, const char *path);

/* The row of this path has had these packets: each must lie within its room. */
void weir__check_bounds(struct weir__pool *pool, const uint32_t *index, uint32_t n, const char *path);

#else

static inline int weir__check_create(struct weir__pool *pool)
{
	(void)pool;
	return 0;
}

static inline void weir__check_destroy(struct weir__pool *pool)
{
	(void)pool;
}

static inline void weir__check_pass(struct weir__pool *pool, const uint32_t *index, uint32_t n,
				    enum weir__owner from, enum weir__owner to, const char *path)
{
	(void)pool, (void)index, (void)n, (void)from, (void)to, (void)path;
}

static inline void weir__check_bounds(struct weir__pool *pool, const uint32_t *index, uint32_t n,
				      const char *path)
{
	(void)pool, (void)index, (void)n, (void)path;
}

#endif

#endif
