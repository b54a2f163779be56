/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One text for vectors of each size that a processor may have, checksum_vector.h. Which is used is decided at
 * the first call, not by a constructor: those of an archive may be lost.
 */
#include <arpa/inet.h>
#include <string.h>

#include "checksum.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

/* Ones for the first or the last n bytes of a vector; n is less than it has. */
#define WIDEST   64
#define OF_4(x)  x, x, x, x
#define OF_64(x) OF_4(OF_4(OF_4(x)))
static const uint8_t masks[3 * WIDEST] = { OF_64(0), OF_64(0xff), OF_64(0) };

static ALWAYS_INLINE const uint8_t *first_bytes(size_t n)
{
	return masks + 2 * WIDEST - n;
}

static ALWAYS_INLINE const uint8_t *last_bytes(size_t n, size_t vector)
{
	return masks + WIDEST + n - vector;
}

/* An odd last byte is the first of a word whose other one is 0: RFC 1071 §4.1. */
static ALWAYS_INLINE uint64_t take_word(uint8_t *to, const uint8_t *from, size_t size)
{
	uint64_t word = 0;

	memcpy(&word, from, size);
	if (to)
		memcpy(to, &word, size);
	/* 2^16, 2^32 and so on are all 1 modulo 2^16 - 1. */
	return (word >> 32) + (word & 0xffffffff);
}

static ALWAYS_INLINE uint64_t run_8(uint8_t *to, const uint8_t *from, size_t size)
{
	uint64_t sum = 0;
	size_t at = 0;

	for (; size - at >= 8; at += 8)
		sum += take_word(to ? to + at : NULL, from + at, 8);
	for (size_t part = 4; part; part /= 2)
		if (size & part) {
			sum += take_word(to ? to + at : NULL, from + at, part);
			at += part;
		}
	return sum;
}

static __attribute__((noinline)) uint64_t add_8(const void *bytes, size_t size)
{
	return run_8(NULL, bytes, size);
}

static __attribute__((noinline, nonnull)) uint64_t copy_8(void *to, const void *from, size_t size)
{
	return run_8(to, from, size);
}

/* What every processor has for 16 bytes, which is no vector on some. */
#define TARGET
#define VECTOR        16
#define CODE(name)    name##_16
#define SMALLER(name) name##_8
#include "checksum_vector.h"
#undef TARGET
#undef VECTOR
#undef CODE
#undef SMALLER

#ifdef __x86_64__
#define TARGET        __attribute__((target("avx2")))
#define VECTOR        32
#define CODE(name)    name##_32
#define SMALLER(name) name##_16
#include "checksum_vector.h"
#undef TARGET
#undef VECTOR
#undef CODE
#undef SMALLER

#define TARGET        __attribute__((target("avx512f,avx512bw")))
#define VECTOR        64
#define CODE(name)    name##_64
#define SMALLER(name) name##_32
#include "checksum_vector.h"
#endif

/* The best first. */
static const struct weir__checksum_code codes[] = {
#ifdef __x86_64__
	{ "avx512", add_64, copy_64 },
	{ "avx2", add_32, copy_32 },
#endif
	{ "portable", add_16, copy_16 },
};

#define N_CODES (sizeof(codes) / sizeof(codes[0]))

/* The index of the best one that this processor runs. */
static unsigned find_best(void)
{
#ifdef __x86_64__
	/* The older processors with AVX-512, which clock down for it, have no VBMI. */
	if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi"))
		return 0;
	if (__builtin_cpu_supports("avx2"))
		return 1;
#endif
	return N_CODES - 1;
}

const struct weir__checksum_code *weir__checksum_codes(unsigned *n)
{
	const unsigned best = find_best();

	*n = N_CODES - best;
	return codes + best;
}

/* Threads that come here first at the same time all find the same. */
static const struct weir__checksum_code *best_code(void)
{
	static const struct weir__checksum_code *best;
	const struct weir__checksum_code *code = __atomic_load_n(&best, __ATOMIC_RELAXED);

	if (WEIR_UNLIKELY(!code)) {
		code = codes + find_best();
		__atomic_store_n(&best, code, __ATOMIC_RELAXED);
	}
	return code;
}

uint64_t weir__checksum_add(uint64_t sum, const void *bytes, size_t size)
{
	const uint64_t more = size < WIDEST ? add_16(bytes, size) : best_code()->add(bytes, size);

	sum += more;
	return sum + (sum < more); /* 2^64 is 1 too */
}

uint64_t weir__checksum_copy(void *to, const void *from, size_t size)
{
	return size < WIDEST ? copy_16(to, from, size) : best_code()->copy(to, from, size);
}

uint64_t weir__checksum_pseudo4(const void *addresses, uint8_t protocol, uint16_t length)
{
	return weir__checksum_add((uint64_t)htons(protocol) + htons(length), addresses, 8);
}

uint64_t weir__checksum_pseudo6(const void *addresses, uint8_t protocol, uint32_t length)
{
	return weir__checksum_add((uint64_t)htons(protocol) + htonl(length), addresses, 32);
}
