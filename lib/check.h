/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds with checks (-Dchecks=enabled, and every debug build) know who owns each buffer, fill freed ones
 * with poison, and look at every buffer before and after every stage. A broken rule ends the program and
 * names the stage that broke it; of a write to a freed buffer, the row that freed it. In other builds all of
 * this is nothing.
 */
#ifndef WEIR__CHECK_H
#define WEIR__CHECK_H

#include <weir/stage.h>

#include "pool.h"

enum weir__owner {
	WEIR__OWNER_POOL = 0, /* free: in a depot or a stash */
	WEIR__OWNER_WORKER,
	WEIR__OWNER_RING,
	WEIR__OWNER_SEEN, /* a worker, while a vector is looked through */
};

#ifdef WEIR__CHECKS

/* What is known of a buffer besides its owner. */
struct weir__check {
	const char *path;    /* where it was last */
	const uint8_t *data; /* of the packet before the stage that has it now */
	const uint8_t *end;
};

#define WEIR__CHECK_SIZE sizeof(struct weir__check)

/* The list of them begins here. */
static inline void weir__check_list(struct weir__pool *pool, void *list)
{
	pool->check = list;
}

/* These buffers change hands at the row of this path, and belonged to from. */
void weir__check_pass(struct weir__pool *pool, const uint32_t *index, uint32_t n, enum weir__owner from,
		      enum weir__owner to, const char *path);

/* A stage is given these packets. */
void weir__check_before(struct weir__pool *pool, const uint32_t *index, uint32_t n);

/* The stage of this path has had them: each is there once, within its room, and has not grown by more than
 * the type says. */
void weir__check_after(struct weir__pool *pool, const uint32_t *index, uint32_t n,
		       const struct weir_stage_type *type, const char *path);

/* A reader is given these free buffers: nobody may have written to them since they were freed. */
void weir__check_free(struct weir__pool *pool, const uint32_t *index, uint32_t n, const char *path);

/* This free buffer is new, or may have been written to by a reader, for a packet that did not come. */
void weir__check_unused(struct weir__pool *pool, uint32_t index);

/* What a reader received into this buffer began n bytes in front of the packet: they are as if never written.
 */
void weir__check_taken_off(struct weir_buf *buf, uint32_t n);

#else

#define WEIR__CHECK_SIZE ((size_t)0)

static inline void weir__check_list(struct weir__pool *pool, void *list)
{
	(void)pool, (void)list;
}

static inline void weir__check_pass(struct weir__pool *pool, const uint32_t *index, uint32_t n,
				    enum weir__owner from, enum weir__owner to, const char *path)
{
	(void)pool, (void)index, (void)n, (void)from, (void)to, (void)path;
}

static inline void weir__check_before(struct weir__pool *pool, const uint32_t *index, uint32_t n)
{
	(void)pool, (void)index, (void)n;
}

static inline void weir__check_after(struct weir__pool *pool, const uint32_t *index, uint32_t n,
				     const struct weir_stage_type *type, const char *path)
{
	(void)pool, (void)index, (void)n, (void)type, (void)path;
}

static inline void weir__check_free(struct weir__pool *pool, const uint32_t *index, uint32_t n,
				    const char *path)
{
	(void)pool, (void)index, (void)n, (void)path;
}

static inline void weir__check_unused(struct weir__pool *pool, uint32_t index)
{
	(void)pool, (void)index;
}

static inline void weir__check_taken_off(struct weir_buf *buf, uint32_t n)
{
	(void)buf, (void)n;
}

#endif

#endif
