/* SPDX-License-Identifier: Apache-2.0 */
/* Pseudo-random bytes that both ends of a transfer know: any part of an endless sequence, by seed and offset.
 */
#ifndef WEIR_TEST_PAYLOAD_H
#define WEIR_TEST_PAYLOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Word i of the sequence: splitmix64. */
static inline uint64_t payload_word(uint64_t seed, uint64_t i)
{
	uint64_t z = seed * 0xd1342543de82ef95u + (i + 1) * 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Writes the bytes from offset on. */
static inline void payload_fill(uint64_t seed, uint64_t offset, uint8_t *bytes, size_t n)
{
	while (n) {
		const uint64_t word = payload_word(seed, offset / 8);
		const size_t skip = offset % 8;
		const size_t part = n < 8 - skip ? n : 8 - skip;

		memcpy(bytes, (const uint8_t *)&word + skip, part);
		bytes += part;
		offset += part;
		n -= part;
	}
}

/* Whether these are the bytes from offset on. */
static inline bool payload_is(uint64_t seed, uint64_t offset, const uint8_t *bytes, size_t n)
{
	uint8_t expected[4096];

	while (n) {
		const size_t part = n < sizeof(expected) ? n : sizeof(expected);

		payload_fill(seed, offset, expected, part);
		if (memcmp(bytes, expected, part) != 0)
			return false;
		bytes += part;
		offset += part;
		n -= part;
	}
	return true;
}

#endif
