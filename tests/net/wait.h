/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for events: a test waits as long as it takes on a busy machine, and fails loudly if that is for
 * ever.
 */
#ifndef WEIR_TEST_WAIT_H
#define WEIR_TEST_WAIT_H

#include <time.h>

#include "test.h"

#define WAIT_S  60
#define WAIT_MS (WAIT_S * 1000)

static inline uint64_t wait_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Lets others run. */
static inline void wait_a_moment(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

/* Until the condition, which is evaluated again and again, is true. */
#define wait_until(condition)                                                                \
	do {                                                                                 \
		const uint64_t wait_end = wait_now_ms() + WAIT_MS;                           \
		while (!(condition)) {                                                       \
			if (wait_now_ms() > wait_end)                                        \
				fail_msg("waited %d s in vain for: %s", WAIT_S, #condition); \
			wait_a_moment();                                                     \
		}                                                                            \
	} while (0)

#endif
