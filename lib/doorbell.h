/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What wakes a worker: a mark in front of an eventfd, so that ringing costs one load while the worker is
 * awake and enters the kernel only for a sleeper.
 *
 * The sleeper leaves its mark, passes the heavy barrier, looks for work once more, then blocks. A ringer
 * publishes its work, passes the light barrier, then looks for the mark. Either the ringer sees the mark and
 * wakes the sleeper, or the sleeper sees the work (barrier.h): no wake-up can be lost.
 */
#ifndef WEIR__DOORBELL_H
#define WEIR__DOORBELL_H

#include <stdbool.h>
#include <stdint.h>

#include "barrier.h"

struct weir__doorbell {
	_Alignas(64) uint32_t sleeping; /* the mark */
	int fd;
	uint64_t wakes; /* how often the kernel was entered; counted by the ringers */
};

/* Returns 0 or a negative errno. */
int weir__doorbell_open(struct weir__doorbell *bell);
void weir__doorbell_close(struct weir__doorbell *bell);

/* The kernel's part of a ring. */
void weir__doorbell_wake(struct weir__doorbell *bell);

/* A worker rings another one. */
static inline void weir__doorbell_ring(struct weir__doorbell *bell)
{
	weir__barrier_light(); /* pairs with the heavy barrier behind weir__doorbell_sleep() */
	if (__builtin_expect(__atomic_load_n(&bell->sleeping, __ATOMIC_RELAXED), 0))
		weir__doorbell_wake(bell);
}

/* A thread that is in no hurry rings: this works even for a sleeper that passes only a full barrier. */
static inline void weir__doorbell_ring_slowly(struct weir__doorbell *bell)
{
	weir__barrier_full();
	weir__doorbell_ring(bell);
}

/* The worker will block. It must pass a barrier after this, then look for work, then block. */
static inline void weir__doorbell_sleep(struct weir__doorbell *bell)
{
	weir__point("bell sleep");
	__atomic_store_n(&bell->sleeping, 1, __ATOMIC_RELAXED);
}

/* The worker is awake; rung: poll() said that bell->fd is readable. */
void weir__doorbell_awake(struct weir__doorbell *bell, bool rung);

#endif
