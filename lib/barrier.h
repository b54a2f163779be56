/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A memory barrier in two unequal halves, for a thread that writes A and then reads B, often, and another
 * that writes B and then reads A, seldom: at least one of them must see what the other wrote. The first
 * passes the light barrier between its write and its read, the second the heavy one.
 *
 * The light one costs nothing but the compiler's freedom: a full barrier there would wait for cache lines of
 * the other processor with every vector, which was measured at about 100 ns. The heavy one has the kernel
 * pass a barrier on every processor that runs a thread of this process (membarrier(2), measured at 0.5 to 1.3
 * us). If that barrier falls behind the other thread's write, the write is visible here now; if it falls
 * before the other thread's read, that read sees ours. Where the kernel has no membarrier, both halves are
 * full barriers.
 */
#ifndef WEIR__BARRIER_H
#define WEIR__BARRIER_H

#include <stdbool.h>

#include <ck_pr.h>

#include "point.h"

/* Whether the kernel does the heavy half. Set once, before the first worker starts. */
extern bool weir__barrier_by_kernel;

/* Asks the kernel; any number of times, from any thread. */
void weir__barrier_init(void);

static inline void weir__barrier_light(void)
{
	if (__builtin_expect(weir__barrier_by_kernel, 1))
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
	else
		ck_pr_fence_memory();
	weir__point("light barrier");
}

void weir__barrier_heavy(void);

/* For two threads that both pass it: an ordinary full barrier. */
static inline void weir__barrier_full(void)
{
	ck_pr_fence_memory();
	weir__point("full barrier");
}

#endif
