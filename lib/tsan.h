/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For a build with ThreadSanitizer, which includes it before all else: the loads, stores and fences of
 * Concurrency Kit as atomics of the compiler. ThreadSanitizer sees them, which it does not of inline
 * assembly, and so sees what becomes of the slots of a ring. ck_pr.h takes this for the port to a processor.
 * Here is what ck_ring.h uses; the compiler says if that becomes more.
 *
 * ThreadSanitizer knows no fences. So a store releases only if it is the first one behind a fence that holds
 * it back: what is published without a fence is reported. A load always acquires, because what follows is
 * held back by a fence or by a dependency (the producer writes to a slot only if it saw that it is free), and
 * ThreadSanitizer knows neither: a fence that a load lacks is not reported.
 */
#ifndef WEIR__TSAN_H
#define WEIR__TSAN_H

#include <stdbool.h>

#define WEIR__TSAN 1

#define CK_USE_CC_BUILTINS 1
#define CK_F_PR
#define CK_MD_RMO /* no fence is left out because x86 does not need it */

static _Thread_local bool weir__tsan_fenced;

/* Whether a store releases. */
static inline bool weir__tsan_releases(void)
{
	const bool fenced = weir__tsan_fenced;

	weir__tsan_fenced = false;
	return fenced;
}

#define WEIR__TSAN_FENCE(name, holds_back_stores)          \
	static inline void ck_pr_fence_strict_##name(void) \
	{                                                  \
		__sync_synchronize();                      \
		weir__tsan_fenced |= (holds_back_stores);  \
	}

WEIR__TSAN_FENCE(load, false)
WEIR__TSAN_FENCE(store, true)
WEIR__TSAN_FENCE(load_store, true)
WEIR__TSAN_FENCE(store_load, false)
WEIR__TSAN_FENCE(memory, true)
WEIR__TSAN_FENCE(acquire, true)
WEIR__TSAN_FENCE(release, true)
WEIR__TSAN_FENCE(acqrel, true)
WEIR__TSAN_FENCE(lock, true)
WEIR__TSAN_FENCE(unlock, true)
WEIR__TSAN_FENCE(atomic, true)
WEIR__TSAN_FENCE(atomic_load, false)
WEIR__TSAN_FENCE(atomic_store, true)
WEIR__TSAN_FENCE(load_atomic, true)
WEIR__TSAN_FENCE(store_atomic, true)

static inline void ck_pr_stall(void)
{
	__sync_synchronize();
}

static inline unsigned ck_pr_md_load_uint(const unsigned *from)
{
	return __atomic_load_n(from, __ATOMIC_ACQUIRE);
}

static inline void ck_pr_md_store_uint(unsigned *to, unsigned value)
{
	if (weir__tsan_releases())
		__atomic_store_n(to, value, __ATOMIC_RELEASE);
	else
		__atomic_store_n(to, value, __ATOMIC_RELAXED);
}

static inline bool ck_pr_cas_uint_value(unsigned *at, unsigned from, unsigned to, unsigned *found)
{
	*found = from;
	if (weir__tsan_releases())
		return __atomic_compare_exchange_n(at, found, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
	return __atomic_compare_exchange_n(at, found, to, false, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE);
}

static inline bool ck_pr_cas_uint(unsigned *at, unsigned from, unsigned to)
{
	return ck_pr_cas_uint_value(at, from, to, &from);
}

#endif
