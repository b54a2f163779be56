/* SPDX-License-Identifier: Apache-2.0 */
/* What every header of Weir needs: fixed-width types and the marks of an exported symbol. */
#ifndef WEIR_BASE_H
#define WEIR_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define WEIR_BEGIN_DECLS extern "C" {
#define WEIR_END_DECLS   }
#else
#define WEIR_BEGIN_DECLS
#define WEIR_END_DECLS
#endif

#if defined(__GNUC__)
#define WEIR_API               __attribute__((visibility("default")))
#define WEIR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define WEIR_LIKELY(x)         __builtin_expect(!!(x), 1)
#define WEIR_UNLIKELY(x)       __builtin_expect(!!(x), 0)
#else
#define WEIR_API
#define WEIR_PRINTF(fmt, args)
#define WEIR_LIKELY(x)   (x)
#define WEIR_UNLIKELY(x) (x)
#endif

/* Buffers that travel together at the most. With its count, a vector of 31 indices fills two cache lines
 * exactly. */
#define WEIR_VECTOR_SIZE 31

/* A NULL-terminated list of strings, for the options that take one: .allow = WEIR_LIST("02:00:00:00:00:01",
 * "00:1b:21") */
#define WEIR_LIST(...)            \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}

#endif
