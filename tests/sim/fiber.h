/* SPDX-License-Identifier: Apache-2.0 */
/* AddressSanitizer has to be told of every change of stack. */
#ifndef SIM_FIBER_H
#define SIM_FIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SIM_ASAN 1
#endif

#ifdef SIM_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

struct sim_fiber {
	void *stack;
	size_t size;
	void *fake; /* frames that the sanitizer keeps elsewhere */
};

/* Before the switch; for_good: from will not come back. */
static inline void sim_fiber_leave(struct sim_fiber *from, const struct sim_fiber *to, bool for_good)
{
#ifdef SIM_ASAN
	__sanitizer_start_switch_fiber(for_good ? NULL : &from->fake, to->stack, to->size);
#else
	(void)from, (void)to, (void)for_good;
#endif
}

/* After it. */
static inline void sim_fiber_arrive(const struct sim_fiber *here)
{
#ifdef SIM_ASAN
	__sanitizer_finish_switch_fiber(here->fake, NULL, NULL);
#else
	(void)here;
#endif
}

/* The same on a new stack. first: the fiber of the operating system's thread, which is the one left first of
 * all. */
static inline void sim_fiber_begin(struct sim_fiber *first)
{
#ifdef SIM_ASAN
	const void *stack;
	size_t size;

	__sanitizer_finish_switch_fiber(NULL, &stack, &size);
	if (!first->size)
		*first = (struct sim_fiber){ (void *)(uintptr_t)stack, size, first->fake };
#else
	(void)first;
#endif
}

/* A new thread begins on the stack. */
static inline void sim_fiber_reuse(struct sim_fiber *fiber)
{
#ifdef SIM_ASAN
	__asan_unpoison_memory_region(fiber->stack, fiber->size);
#else
	(void)fiber;
#endif
}

#endif
