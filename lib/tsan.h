/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ThreadSanitizer cannot see the inline assembly of Concurrency Kit. The wrappers of its rings are hidden
 * from it, and say here what their barriers do: what happened before a release is visible after an acquire of
 * the same address.
 */
#ifndef WEIR__TSAN_H
#define WEIR__TSAN_H

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEIR__TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define WEIR__TSAN 1
#endif

#ifdef WEIR__TSAN
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define WEIR__NO_TSAN               __attribute__((no_sanitize("thread"), noinline))
#define WEIR__NO_TSAN_INLINE        __attribute__((no_sanitize("thread"), noinline, unused))
#define weir__tsan_acquire(address) __tsan_acquire(address)
#define weir__tsan_release(address) __tsan_release(address)
#else
#define WEIR__NO_TSAN
#define WEIR__NO_TSAN_INLINE        inline
#define weir__tsan_acquire(address) ((void)(address))
#define weir__tsan_release(address) ((void)(address))
#endif

#endif
