/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "sim_clock.h"
#include "faults.h"
#include "real.h"
#include "scheduler.h"

/* Behind every clock of a thread; none of the operating system has such a number. */
#define THREAD_CLOCK 1000

uint64_t sim_time_of(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * 1000000000u + (uint64_t)time->tv_nsec;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	if (!sim_self)
		return __real_clock_gettime(clock, time);
	weir__point("clock");
	if (clock != CLOCK_MONOTONIC && clock < THREAD_CLOCK)
		sim_fail("clock_gettime() of clock %d", (int)clock);
	*time = (struct timespec){ (time_t)(sim_now() / 1000000000), (long)(sim_now() % 1000000000) };
	return 0;
}

int __wrap_pthread_getcpuclockid(pthread_t thread, clockid_t *clock)
{
	if (!sim_self)
		return __real_pthread_getcpuclockid(thread, clock);
	*clock = THREAD_CLOCK + (clockid_t)thread;
	return 0;
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	if (!sim_self)
		return __real_nanosleep(time, left);
	if (sim_interrupted()) {
		if (left)
			*left = *time;
		errno = EINTR;
		return -1;
	}
	sim_sleep(sim_time_of(time));
	return 0;
}

int __wrap_usleep(useconds_t us)
{
	if (!sim_self)
		return __real_usleep(us);
	sim_sleep(us * 1000ull);
	return 0;
}
