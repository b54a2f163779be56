/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for events: a test waits as long as it takes on a busy machine, and fails loudly if that is for
 * ever.
 */
#ifndef WEIR_TEST_WAIT_H
#define WEIR_TEST_WAIT_H

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "test.h"

#define WAIT_S  60
#define WAIT_MS 60000

static inline uint64_t wait_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/*
 * connect() that goes on where it was interrupted, as it is by what io_uring still has to do for a thread
 * that has closed a ring. Returns 0 or -1 with errno.
 */
static inline int wait_connect(int fd, const void *to, socklen_t size)
{
	struct pollfd polled = { .fd = fd, .events = POLLOUT };
	socklen_t length = sizeof(int);
	int error = 0;

	if (connect(fd, to, size) == 0)
		return 0;
	if (errno != EINTR)
		return -1;
	while (poll(&polled, 1, WAIT_MS) < 0 && errno == EINTR)
		continue;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 || !error)
		return error;
	errno = error;
	return -1;
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
