/* SPDX-License-Identifier: Apache-2.0 */
#include "sha0.h"

#include <string.h>

#include "bytes.h"

#define BLOCK 64

struct sha0 {
	uint32_t h[5];
	uint32_t schedule[80];
	uint8_t block[BLOCK];
	uint64_t n; /* bytes so far */
};

static inline uint32_t rotate(uint32_t value, unsigned bits)
{
	return value << bits | value >> (32 - bits);
}

static uint32_t mix(unsigned round, uint32_t b, uint32_t c, uint32_t d)
{
	switch (round / 20) {
	case 0:
		return ((b & c) | (~b & d)) + 0x5a827999;
	case 1:
		return (b ^ c ^ d) + 0x6ed9eba1;
	case 2:
		return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
	default:
		return (b ^ c ^ d) + 0xca62c1d6;
	}
}

static void digest_block(struct sha0 *sha0)
{
	uint32_t *w = sha0->schedule;
	uint32_t a = sha0->h[0], b = sha0->h[1], c = sha0->h[2], d = sha0->h[3], e = sha0->h[4];

	for (unsigned i = 0; i < 16; i++)
		w[i] = weir__se_load32(sha0->block + 4 * (size_t)i);
	/* SHA-1 differs from it by this alone: it rotates each of these by one bit. */
	for (unsigned i = 16; i < 80; i++)
		w[i] = w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16];
	for (unsigned i = 0; i < 80; i++) {
		const uint32_t next = rotate(a, 5) + mix(i, b, c, d) + e + w[i];

		e = d;
		d = c;
		c = rotate(b, 30);
		b = a;
		a = next;
	}
	sha0->h[0] += a;
	sha0->h[1] += b;
	sha0->h[2] += c;
	sha0->h[3] += d;
	sha0->h[4] += e;
}

static void add(struct sha0 *sha0, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		sha0->block[sha0->n++ % BLOCK] = bytes[i];
		if (sha0->n % BLOCK == 0)
			digest_block(sha0);
	}
}

void weir__se_sha0(const void *a, size_t a_n, const void *b, size_t b_n, uint8_t digest[WEIR__SE_SHA0_SIZE])
{
	struct sha0 sha0 = { .h = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 } };
	uint8_t bits[8];

	add(&sha0, a, a_n);
	add(&sha0, b, b_n);
	weir__se_store64(bits, 8 * sha0.n);
	add(&sha0, (const uint8_t[]){ 0x80 }, 1);
	while (sha0.n % BLOCK != BLOCK - sizeof(bits))
		add(&sha0, (const uint8_t[]){ 0 }, 1);
	add(&sha0, bits, sizeof(bits));
	for (unsigned i = 0; i < 5; i++)
		weir__se_store32(digest + 4 * (size_t)i, sha0.h[i]);
	explicit_bzero(&sha0, sizeof(sha0));
}
