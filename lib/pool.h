/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All packet memory of a pipeline: one mapping with the metadata of every buffer, dense, and the rooms of the
 * bytes. Small buffers have rooms of a few cache lines more than an MTU; jumbo buffers hold 65,535 bytes.
 * Both kinds are one index space: an index below small is a small buffer.
 *
 * Free buffers lie in two depots, Concurrency Kit rings of any number of producers and consumers, whose
 * elements are vectors of indices. Each worker keeps a stash of its own in front of them, last in first out,
 * and exchanges whole vectors: a packet that is read and written by one worker never touches anything shared.
 */
#ifndef WEIR__POOL_H
#define WEIR__POOL_H

#include <ck_ring.h>

#include <weir/buf.h>
#include <weir/error.h>

#include "barrier.h"
#include "vector.h"

#define WEIR__JUMBO_PACKET 65535
#define WEIR__JUMBO_BATCH  4 /* jumbo buffers exchanged at once */

/* A worker's free buffers: refilled when there are fewer than a batch, and a batch given back above three. */
#define WEIR__STASH_BATCHES 4
#define WEIR__STASH_SIZE    (WEIR__STASH_BATCHES * WEIR_VECTOR_SIZE)

struct weir__stash {
	uint32_t n;
	uint32_t index[WEIR__STASH_SIZE];
};

struct weir__depot {
	ck_ring_t ring;
	struct weir__vector *slots;
	uint32_t batch; /* buffers of a full vector */
	uint32_t free;  /* buffers in it; changed once a vector, read by others */
};

struct weir__pool_size {
	uint32_t small;
	uint32_t jumbo;
	uint32_t room; /* bytes of a packet in a small buffer */
	uint32_t headroom;
	uint32_t tailroom;
	bool no_huge_pages;
};

struct weir__pool {
	struct weir_buf *bufs;
	uint32_t small;
	uint32_t jumbo;
	uint32_t headroom;           /* bytes that a reader leaves free; at least what was asked for */
	uint32_t tailroom;           /* and behind a packet, as asked for */
	struct weir__depot depot[2]; /* small, jumbo */
	uint32_t starving;           /* a reader found nothing: give back what you can and ring */
	uint64_t starved;            /* how often */
	void *map;
	size_t map_size;
#ifdef WEIR__CHECKS
	struct weir__check *check; /* one a buffer; see check.h */
#endif
};

/* Takes the memory, all of it: it never grows. Returns 0 or -ENOMEM, in words in err. */
int weir__pool_create(struct weir__pool *pool, const struct weir__pool_size *size, struct weir_error *err);
void weir__pool_destroy(struct weir__pool *pool);

/* Free buffers in the depots; exact at rest. */
uint32_t weir__pool_free(const struct weir__pool *pool);

static inline bool weir__pool_is_jumbo(const struct weir__pool *pool, uint32_t index)
{
	return index >= pool->small;
}

static inline bool weir__pool_starving(const struct weir__pool *pool)
{
	return __atomic_load_n(&pool->starving, __ATOMIC_RELAXED);
}

/*
 * A reader found nothing. It looks once more after this: either it sees the buffers that were given back, or
 * the giver sees the mark. Returns whether the other workers must be rung, to give back what they do not
 * need.
 */
static inline bool weir__pool_starve(struct weir__pool *pool)
{
	bool first = !__atomic_exchange_n(&pool->starving, 1, __ATOMIC_ACQ_REL);

	__atomic_fetch_add(&pool->starved, 1, __ATOMIC_RELAXED);
	weir__barrier_heavy(); /* pairs with the light one of weir__pool_fed() */
	return first;
}

/* Buffers were given back. Returns whether workers wait for them and must be rung. */
static inline bool weir__pool_fed(struct weir__pool *pool)
{
	weir__barrier_light();
	return weir__pool_starving(pool) && __atomic_exchange_n(&pool->starving, 0, __ATOMIC_ACQ_REL);
}

/* Moves a batch from the depot to the stash. Returns false if the depot is empty. */
bool weir__stash_refill(struct weir__stash *stash, struct weir__pool *pool, bool jumbo);

/* Moves the coldest batch of the stash to the depot. */
void weir__stash_shrink(struct weir__stash *stash, struct weir__pool *pool, bool jumbo);

/* Moves everything to the depot, as when the worker ends or another one starves. */
void weir__stash_empty(struct weir__stash *stash, struct weir__pool *pool, bool jumbo);

#endif
