/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What wakes a worker: an event count in front of an eventfd, so that ringing costs one atomic instruction
 * while the worker is awake and enters the kernel only for a sleeper.
 *
 * The sleeper announces itself, then looks for work once more, then blocks. A ringer publishes its work, then
 * rings. Announcing and ringing are both read-modify-writes of the same word, so one of them comes first: if
 * the ring does, the announcement reads from it and the look that follows sees the work; if the announcement
 * does, the ringer sees the sleeper and writes the eventfd. No wake-up can be lost.
 */
#ifndef WEIR__DOORBELL_H
#define WEIR__DOORBELL_H

#include <stdbool.h>
#include <stdint.h>

#define WEIR__SLEEPING 1u

struct weir__doorbell {
	_Alignas(64)
		uint32_t word; /* bit 0: the worker sleeps; above: a count, so that every ring changes it */
	int fd;
	uint64_t wakes; /* how often the kernel was entered; counted by the ringers */
};

/* Returns 0 or a negative errno. */
int weir__doorbell_open(struct weir__doorbell *bell);
void weir__doorbell_close(struct weir__doorbell *bell);

/* The kernel's part of a ring. */
void weir__doorbell_wake(struct weir__doorbell *bell);

/* Any thread. */
static inline void weir__doorbell_ring(struct weir__doorbell *bell)
{
	/* Release: pairs with the acquire of weir__doorbell_sleep(). */
	if (__atomic_fetch_add(&bell->word, 2, __ATOMIC_ACQ_REL) & WEIR__SLEEPING)
		weir__doorbell_wake(bell);
}

/* The worker announces that it will block; it must look for work after this and before it blocks. */
static inline void weir__doorbell_sleep(struct weir__doorbell *bell)
{
	__atomic_fetch_or(&bell->word, WEIR__SLEEPING, __ATOMIC_ACQ_REL);
}

/* The worker is awake; rung: poll() said that bell->fd is readable. */
void weir__doorbell_awake(struct weir__doorbell *bell, bool rung);

#endif
