/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hand-off from one worker to another: a Concurrency Kit ring with one producer and one consumer whose
 * elements are whole vectors. Both ends may be handed over to other workers, after a grace period in which
 * nobody used them; so the doorbells stand in the programs. The only file that knows ck_ring's SPSC side.
 */
#ifndef WEIR__RING_H
#define WEIR__RING_H

#include <ck_ring.h>

#include "doorbell.h"
#include "vector.h"

CK_RING_PROTOTYPE(weir__vector, weir__vector)

struct weir__ring {
	ck_ring_t ring; /* keeps producer and consumer on lines of their own */
	struct weir__vector *slots;
	uint32_t capacity;             /* vectors that fit; ck_ring has at least one slot more */
	_Alignas(64) uint32_t waiting; /* the producer found it full and sleeps, or is about to */
};

#define WEIR__RING_CAPACITY     16 /* by default */
#define WEIR__RING_CAPACITY_MAX 65535

/* capacity: usable vectors, 1 to WEIR__RING_CAPACITY_MAX. Returns 0 or -ENOMEM. */
int weir__ring_init(struct weir__ring *ring, uint32_t capacity);
void weir__ring_fini(struct weir__ring *ring);

/* Hands a copy of the vector over, without ringing. Returns false if the ring is full. The producer's thread.
 */
static inline bool weir__ring_push(struct weir__ring *ring, const struct weir__vector *vector)
{
	unsigned used;
	struct weir__vector *slot;

	weir__point("ring push");
	slot = ck_ring_enqueue_reserve_spsc_size_weir__vector(&ring->ring, ring->slots, &used);
	if (!slot || used >= ring->capacity)
		return false;
	*slot = *vector;
	/* Publishes the slot behind a store barrier, which pairs with the load barrier of the dequeue. */
	ck_ring_enqueue_commit_spsc(&ring->ring);
	weir__point("ring pushed");
	return true;
}

/* Takes the oldest vector. Returns false if there is none. The consumer's thread. */
static inline bool weir__ring_pop(struct weir__ring *ring, struct weir__vector *vector)
{
	weir__point("ring pop");
	return ck_ring_dequeue_spsc_weir__vector(&ring->ring, ring->slots, vector);
}

/*
 * The producer found it full and will sleep until there is room. It must pass weir__barrier_heavy() after
 * this and look once more: either it sees the room that was made, or the consumer that made it sees this
 * mark.
 */
static inline void weir__ring_wait(struct weir__ring *ring)
{
	/* Release: a consumer that sees it must also see that the producer sleeps. */
	__atomic_store_n(&ring->waiting, 1, __ATOMIC_RELEASE);
}

/* The consumer has made room: rings the producer if that waits for it. */
static inline void weir__ring_made_room(struct weir__ring *ring, struct weir__doorbell *producer)
{
	weir__barrier_light(); /* pairs with the heavy barrier behind weir__ring_wait() */
	if (__builtin_expect(__atomic_load_n(&ring->waiting, __ATOMIC_RELAXED), 0) &&
	    __atomic_exchange_n(&ring->waiting, 0, __ATOMIC_ACQ_REL))
		weir__doorbell_ring(producer);
}

/* Vectors in the ring; exact at rest. Any thread. */
static inline uint32_t weir__ring_size(const struct weir__ring *ring)
{
	weir__point("ring size");
	return ck_ring_size(&ring->ring);
}

static inline bool weir__ring_full(const struct weir__ring *ring)
{
	return weir__ring_size(ring) >= ring->capacity;
}

#endif
