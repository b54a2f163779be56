/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place that knows liburcu. QSBR flavour: a worker is online while it may hold a program, says so
 * once per pass, and goes offline around every block.
 *
 * URCU_INLINE_SMALL_FUNCTIONS is defined for the whole build: out of line, rcu_dereference() of 0.13 loses
 * its ordering on weakly ordered machines, and costs 1.3 ns instead of 0.2.
 */
#ifndef WEIR__RCU_H
#define WEIR__RCU_H

#include <urcu-qsbr.h>

#ifdef WEIR__TSAN
/* ThreadSanitizer sees neither the barrier of liburcu's nor that its store is not a plain one. */
#undef rcu_assign_pointer
#define rcu_assign_pointer(p, v) __atomic_store_n(&(p), v, __ATOMIC_RELEASE)
#endif

#endif
