/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hand-over of vectors from one worker to another (lib/ring.h and the SPSC ring of Concurrency Kit below it): each
 * comes out once, whole and in its order, and neither a producer that waits for room nor a consumer that waits for
 * vectors sleeps for ever. A vector is its number.
 *
 * holds:
 * holds: PSO
 * holds: CAPACITY=2
 * holds: CAPACITY=2 PSO
 * fails (assertion violated): PUBLISH_EARLY
 * fails (assertion violated): NO_SLOT_BARRIER PSO
 * fails (invalid end state): LOOK_EARLY
 * fails (invalid end state): LIGHT_LIGHT
 * fails (invalid end state): MARK_LATE
 * fails (invalid end state): NO_MADE_ROOM
 */
#ifndef CAPACITY
#define CAPACITY 1
#endif
#define SIZE  (2 * CAPACITY) /* of slots: a power of two, more than the capacity */
#define ITEMS (SIZE + 1)     /* so that the slots are used again */

#define PRODUCER 0 /* its processor and its bell */
#define CONSUMER 1
#define CPUS     2
#define BELLS    2
#define RINGERS  1
#define DEPTH    3

#define SLEEPING(b) (b)
#define TAIL        2 /* p_tail of ck_ring: vectors that have come */
#define HEAD        3 /* c_head: vectors that have been taken */
#define WAITING     4
#define SLOT(n)     (5 + (n) % SIZE)
#define CELLS       (5 + SIZE)

#include "memory.pml"
#include "doorbell.pml"

/* weir__ring_push(), and the bell */
inline push()
{
	load(PRODUCER, HEAD, seen);
	room = (tail - seen < CAPACITY);
	seen = 0;
	if
	:: room ->
#ifdef PUBLISH_EARLY
		store(PRODUCER, TAIL, tail + 1); /* broken: what the slot had before may be taken */
		store(PRODUCER, SLOT(tail), tail + 1);
#else
		store(PRODUCER, SLOT(tail), tail + 1);
#ifndef NO_SLOT_BARRIER
		fence_store(PRODUCER);
#endif
		store(PRODUCER, TAIL, tail + 1);
#endif
		tail++;
		doorbell_ring(PRODUCER, CONSUMER)
	:: else
	fi
}

inline look_for_room()
{
	load(PRODUCER, HEAD, seen);
	room = (tail - seen < CAPACITY);
	seen = 0
}

proctype producer()
{
	byte tail, seen, other;
	bool room;

	do
	:: tail == ITEMS -> break
	:: else ->
		push();
		if
		:: !room ->
			/* weir__worker_sleep() */
			doorbell_sleep(PRODUCER, PRODUCER);
#ifdef MARK_LATE
			barrier_heavy(PRODUCER);
			look_for_room();
			store_release(PRODUCER, WAITING, 1); /* broken: the last look comes before the mark */
			barrier_heavy(PRODUCER);
#else
			store_release(PRODUCER, WAITING, 1);
			barrier_heavy(PRODUCER);
			look_for_room();
#endif
			if
			:: !room ->
				RUNG(PRODUCER);
				doorbell_awake(PRODUCER, PRODUCER, true)
			:: else -> doorbell_awake(PRODUCER, PRODUCER, false)
			fi;
			room = false
		:: else -> room = false
		fi
	od
}

/* weir__ring_pop(), if there is something */
inline pop()
{
	load(CONSUMER, SLOT(head), seen);
	fence_store(CONSUMER);
	store(CONSUMER, HEAD, head + 1);
	assert(seen == head + 1);
	head++;
	seen = 0
}

/* weir__ring_made_room(). Its light barrier stops the compiler only. */
inline made_room()
{
#ifndef LOOK_EARLY
	load(CONSUMER, WAITING, waits);
#endif
	if
	:: waits ->
		exchange(CONSUMER, WAITING, 0, waits);
		if
		:: waits -> doorbell_ring(CONSUMER, PRODUCER)
		:: else
		fi;
		waits = 0
	:: else
	fi
}

proctype consumer()
{
	byte head, seen, other, waits;

	do
	:: head == ITEMS -> break
	:: else ->
#ifdef LOOK_EARLY
		/* broken: without the light barrier, the compiler may look for the mark first */
		load(CONSUMER, WAITING, waits);
#endif
		load(CONSUMER, TAIL, seen);
		if
		:: seen != head ->
			seen = 0;
			pop();
			/* Sometimes it takes more before it says that there is room. */
			do
			:: break
			:: head < ITEMS ->
				load(CONSUMER, TAIL, seen);
				if
				:: seen == head ->
					seen = 0;
					break
				:: else -> pop()
				fi
			od;
#ifndef NO_MADE_ROOM
			made_room()
#endif
		:: else ->
			doorbell_sleep(CONSUMER, CONSUMER);
			barrier_heavy(CONSUMER);
			load(CONSUMER, TAIL, seen);
			if
			:: seen == head ->
				RUNG(CONSUMER);
				doorbell_awake(CONSUMER, CONSUMER, true)
			:: else -> doorbell_awake(CONSUMER, CONSUMER, false)
			fi;
			seen = 0
		fi
	od
}

init {
	atomic {
		run processor(PRODUCER);
		run processor(CONSUMER);
		run producer();
		run consumer()
	}
}
