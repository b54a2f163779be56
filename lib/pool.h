/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All packet memory of a pipeline: the metadata of every buffer, dense, and the rooms of the bytes. Small
 * buffers have rooms of a few cache lines more than an MTU; jumbo buffers hold the largest IP packet in an
 * Ethernet frame. Which of the two a buffer is, its index says.
 *
 * The pool grows while workers use it, and what it has never moves: an index stays that of its buffer, and
 * the list of metadata stays where it is. So the lists are address space for as many buffers as there may
 * ever be, of which only the pages of those that exist are memory; rooms are a mapping for each growth.
 *
 * Free buffers lie in two depots, as batches, last in first out. Each worker keeps a stash of its own in
 * front of them, and exchanges whole batches: a packet that is read and written by one worker never touches
 * anything shared.
 */
#ifndef WEIR__POOL_H
#define WEIR__POOL_H

#include <weir/buf.h>
#include <weir/error.h>

#include "barrier.h"

#define WEIR__JUMBO_PACKET (65535 + 18) /* bytes: the largest IP packet in an Ethernet frame with a tag */
#define WEIR__JUMBO_BATCH  4            /* jumbo buffers exchanged at once */
#define WEIR__LARGE_FRONT  16 /* bytes in front of a packet that a reader may write to, if it is large */

/* A worker's free buffers: refilled when there are fewer than a batch, and a batch given back above three. */
#define WEIR__STASH_BATCHES 4
#define WEIR__STASH_SIZE    (WEIR__STASH_BATCHES * WEIR_VECTOR_SIZE)

struct weir__stash {
	uint32_t n;
	uint32_t index[WEIR__STASH_SIZE];
};

/* Indices of small buffers are below, those of jumbo buffers from here on: growth renumbers nothing. */
#define WEIR__SMALL_MAX  (1u << 23)
#define WEIR__JUMBO_BASE WEIR__SMALL_MAX
#define WEIR__JUMBO_MAX  (1u << 16)

/* Free buffers that lie in a depot together, at the place of the first of them in pool->batches. */
struct weir__batch {
	uint32_t next; /* index of the batch below + 1; 0: none */
	uint32_t n;
	uint32_t others[WEIR_VECTOR_SIZE - 1]; /* the first one's index is the batch's own */
};

_Static_assert(sizeof(struct weir__batch) == 128, "a batch is two cache lines");

/*
 * A stack of batches. ck_stack would need a compare-and-exchange of two words, which not every architecture
 * has; with indices instead of pointers, top and tag are one. Every change increments the tag: who takes a
 * batch off must not succeed if others took it, and the one below, and put it back meanwhile.
 */
struct weir__depot {
	uint8_t before[64]; /* what stands around it is read by all, and this is written by all */
	uint64_t head;      /* tag << 32 | index of the batch on top + 1; 0: empty */
	uint32_t free;      /* buffers in it; changed once a batch, read by others */
	uint8_t behind[52];
};

struct weir__pool_size {
	uint32_t small;
	uint32_t jumbo;
	uint32_t room; /* bytes of a packet in a small buffer */
	uint32_t headroom;
	uint32_t tailroom;
	uint32_t reserve; /* small buffers that readers leave in the depot */
	bool no_huge_pages;
};

/* The rooms that came at once. Lies in front of them, in their mapping. */
struct weir__growth {
	struct weir__growth *next;
	size_t map_size;
	uint32_t small;
	uint32_t jumbo;
};

struct weir__pool {
	struct weir_buf *bufs;
	struct weir__batch *batches;
	uint32_t small; /* how many there are; grow, so others than control threads ask below */
	uint32_t jumbo;
	uint32_t room;      /* bytes of a packet in a small buffer, as asked for */
	uint32_t headroom;  /* bytes that a reader leaves free; at least what was asked for */
	uint32_t tailroom;  /* and behind a packet, as asked for */
	uint32_t stride[2]; /* bytes of a room: small, jumbo */
	bool huge_pages;
	uint32_t reserve;  /* small buffers that readers leave in the depot; changes with the chains */
	uint32_t starving; /* a reader found nothing: give back what you can and ring */
	uint64_t starved;  /* how often */
	struct weir__growth *growths;
#ifdef WEIR__CHECKS
	struct weir__check *check; /* one a buffer; see check.h */
#endif
	struct weir__depot depot[2]; /* small, jumbo */
};

/* Takes the memory for the buffers, and address space for more. Returns 0 or -ENOMEM, in words in err. */
int weir__pool_create(struct weir__pool *pool, const struct weir__pool_size *size, struct weir_error *err);
void weir__pool_destroy(struct weir__pool *pool);

/*
 * More buffers, while workers use those that there are: all of them or none. Returns 0, -EINVAL (more than
 * the maximum) or -ENOMEM, in words in err. If workers starve (weir__pool_fed()), the caller rings them.
 *
 * That is weir__pool_prepare(), which takes the memory and may fail, and weir__pool_commit(), which makes
 * the buffers free and cannot; instead of that, weir__pool_abandon() leaves the pool as it was. One growth at
 * a time; control thread.
 */
int weir__pool_grow(struct weir__pool *pool, uint32_t small, uint32_t jumbo, struct weir_error *err);
int weir__pool_prepare(struct weir__pool *pool, uint32_t small, uint32_t jumbo, struct weir__growth **growth,
		       struct weir_error *err);
void weir__pool_commit(struct weir__pool *pool, struct weir__growth *growth);
void weir__pool_abandon(struct weir__pool *pool, struct weir__growth *growth);

/* Free buffers in the depots; exact at rest. */
uint32_t weir__pool_free(const struct weir__pool *pool);

/* Buffers that there are by now. Any thread. */
static inline uint32_t weir__pool_small(const struct weir__pool *pool)
{
	return __atomic_load_n(&pool->small, __ATOMIC_RELAXED);
}

static inline uint32_t weir__pool_jumbo(const struct weir__pool *pool)
{
	return __atomic_load_n(&pool->jumbo, __ATOMIC_RELAXED);
}

/* Whether the depot has any. */
static inline bool weir__pool_has(const struct weir__pool *pool, bool jumbo)
{
	return __atomic_load_n(&pool->depot[jumbo].free, __ATOMIC_RELAXED) > 0;
}

/*
 * Whether the depot has small buffers for readers. The others are for who cuts packets: if all buffers were
 * in packets that wait to be cut, and in others behind these, there would be none for the first piece.
 */
static inline bool weir__pool_feeds_readers(const struct weir__pool *pool)
{
	const uint32_t reserve = __atomic_load_n(&pool->reserve, __ATOMIC_RELAXED);

	return !reserve || __atomic_load_n(&pool->depot[0].free, __ATOMIC_RELAXED) > reserve;
}

/* Buffers of a full batch. */
static inline uint32_t weir__pool_batch(bool jumbo)
{
	return jumbo ? WEIR__JUMBO_BATCH : WEIR_VECTOR_SIZE;
}

static inline bool weir__pool_is_jumbo(uint32_t index)
{
	return index >= WEIR__JUMBO_BASE;
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
