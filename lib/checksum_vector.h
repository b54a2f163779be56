/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sum, and a copy on the way, by vectors of VECTOR bytes. checksum.c includes this once for each size,
 * with CODE() to name what is of this size, TARGET for the instructions that it may use, and SMALLER() for
 * fewer bytes than a vector has. The vectors are the compiler's, so that one text serves all processors.
 */
#define LANES CODE(lanes)
#define SUMS  CODE(sums)

typedef uint64_t LANES __attribute__((vector_size(VECTOR), aligned(1), may_alias));

/* In each lane, what was added, modulo 2^64, and the upper halves of it: the lower ones are the difference.
 */
typedef struct {
	LANES words, upper;
} SUMS;

/* Adds the bytes of a vector for which mask (NULL: all) has ones, and copies all of it (to NULL: none). */
TARGET static ALWAYS_INLINE void CODE(take)(SUMS *sums, uint8_t *to, const uint8_t *from, const uint8_t *mask)
{
	LANES words = *(const LANES *)from;

	if (to)
		*(LANES *)to = words;
	if (mask)
		words &= *(const LANES *)mask;
	sums->words += words;
	sums->upper += words >> 32;
}

TARGET static ALWAYS_INLINE uint64_t CODE(total)(const SUMS *sums)
{
	const LANES halves = sums->words - (sums->upper << 32) + sums->upper;
	uint64_t total = 0;

	for (unsigned i = 0; i < VECTOR / sizeof(total); i++)
		total += halves[i];
	return total;
}

/*
 * Vectors that are aligned where they are written (or read, if nothing is); in front of them and behind them
 * one that overlaps its neighbour, of which only what is missing is added. Each begins at an even offset, for
 * words to stay words; so an odd last byte remains.
 */
TARGET static ALWAYS_INLINE uint64_t CODE(run)(uint8_t *to, const uint8_t *from, size_t size)
{
	const size_t even = size & ~(size_t)1;
	size_t at = -(uintptr_t)(to ? to : from) & (VECTOR - 2);
	SUMS sums = { 0 }, others = { 0 };

	CODE(take)(&sums, to, from, first_bytes(at));
	for (; even - at >= (size_t)2 * VECTOR; at += (size_t)2 * VECTOR) {
		CODE(take)(&sums, to ? to + at : NULL, from + at, NULL);
		CODE(take)(&others, to ? to + at + VECTOR : NULL, from + at + VECTOR, NULL);
	}
	if (even - at >= VECTOR) {
		CODE(take)(&others, to ? to + at : NULL, from + at, NULL);
		at += VECTOR;
	}
	CODE(take)
	(&sums, to ? to + even - VECTOR : NULL, from + even - VECTOR, last_bytes(even - at, VECTOR));
	sums.words += others.words;
	sums.upper += others.upper;
	return CODE(total)(&sums) + (size > even ? take_word(to ? to + even : NULL, from + even, 1) : 0);
}

/* What is less than a vector is left to calls, so that this needs no registers for it. */
TARGET static __attribute__((noinline)) uint64_t CODE(add)(const void *bytes, size_t size)
{
	return size < VECTOR ? SMALLER(add)(bytes, size) : CODE(run)(NULL, bytes, size);
}

TARGET static __attribute__((noinline, nonnull)) uint64_t CODE(copy)(void *to, const void *from, size_t size)
{
	return size < VECTOR ? SMALLER(copy)(to, from, size) : CODE(run)(to, from, size);
}

#undef LANES
#undef SUMS
