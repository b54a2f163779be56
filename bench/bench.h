/* SPDX-License-Identifier: Apache-2.0 */
/* What every bench needs: the clock, and how to give up. */
#ifndef WEIR_BENCH_H
#define WEIR_BENCH_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BENCH_FAILED  1
#define BENCH_USAGE   2
#define BENCH_REFUSED 77 /* this system does not let us: what meson and automake take for "skipped" */

#define countof(array) (sizeof(array) / sizeof((array)[0]))

static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static inline void pause_ns(uint64_t ns)
{
	struct timespec left = { (time_t)(ns / 1000000000u), (long)(ns % 1000000000u) };

	while (nanosleep(&left, &left) != 0)
		continue;
}

/* One line to stderr, and the end. */
__attribute__((format(printf, 2, 3), noreturn)) static inline void give_up(int status, const char *format,
									   ...)
{
	va_list args;

	va_start(args, format);
	fflush(stdout);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(status);
}

#endif
