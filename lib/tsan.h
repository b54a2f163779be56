/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ThreadSanitizer cannot see the inline assembly of Concurrency Kit, and would take what it copies between
 * threads for races. The wrappers of its rings hide these copies, and say instead what the barriers do: what
 * happened before a release is visible after an acquire of the same address.
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
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);
#define weir__tsan_acquire(address) __tsan_acquire(address)
#define weir__tsan_release(address) __tsan_release(address)
#define weir__tsan_hide() \
	(AnnotateIgnoreReadsBegin(__FILE__, __LINE__), AnnotateIgnoreWritesBegin(__FILE__, __LINE__))
#define weir__tsan_show() \
	(AnnotateIgnoreWritesEnd(__FILE__, __LINE__), AnnotateIgnoreReadsEnd(__FILE__, __LINE__))
#else
#define weir__tsan_acquire(address) ((void)(address))
#define weir__tsan_release(address) ((void)(address))
#define weir__tsan_hide()           ((void)0)
#define weir__tsan_show()           ((void)0)
#endif

#endif
