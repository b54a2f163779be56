/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The internet checksum (RFC 1071). Sums are of 16-bit words as they lie in memory, so that no byte is
 * swapped (RFC 1071 §2 (B)): a folded sum is stored by memcpy() as it is. A sum can be continued over several
 * pieces of a packet; every piece but the last must have an even length.
 */
#ifndef WEIR__CHECKSUM_H
#define WEIR__CHECKSUM_H

#include <weir/base.h>

/* Adds size bytes to a sum; begin with 0. */
uint64_t weir__checksum_add(uint64_t sum, const void *bytes, size_t size);

/* Copies and returns the sum of what was copied, in one pass. to and from do not overlap. */
uint64_t weir__checksum_copy(void *to, const void *from, size_t size);

/* Both for one kind of processor: what the two above choose from. */
struct weir__checksum_code {
	const char *name;
	uint64_t (*add)(const void *bytes, size_t size);
	uint64_t (*copy)(void *to, const void *from, size_t size);
};

/* All n that this processor runs, the one that is chosen first: for tests and benches. */
const struct weir__checksum_code *weir__checksum_codes(unsigned *n);

/*
 * The sum of the pseudo-header of TCP and UDP: RFC 9293 §3.1 over IPv4, RFC 8200 §8.1 over IPv6. addresses:
 * source and destination, one behind the other as in the header; length: of the transport header and its
 * payload.
 */
uint64_t weir__checksum_pseudo4(const void *addresses, uint8_t protocol, uint16_t length);
uint64_t weir__checksum_pseudo6(const void *addresses, uint8_t protocol, uint32_t length);

/* The sum in 16 bits, not complemented: what a packet whose checksum is still to be completed has in its
 * field. */
static inline uint16_t weir__checksum_fold(uint64_t sum)
{
	uint32_t half;

	/* Both halves added, with the carry: what of it is in the lower half is carried into the upper one.
	 */
	sum += sum >> 32 | sum << 32;
	half = (uint32_t)(sum >> 32);
	half += half >> 16 | half << 16;
	return (uint16_t)(half >> 16);
}

/* The checksum to store; 0 of what had a right checksum in it. */
static inline uint16_t weir__checksum_finish(uint64_t sum)
{
	return (uint16_t)~weir__checksum_fold(sum);
}

/* The same for UDP, where 0 would say that there is no checksum (RFC 768; RFC 8200 §8.1). */
static inline uint16_t weir__checksum_finish_udp(uint64_t sum)
{
	uint16_t checksum = weir__checksum_finish(sum);

	return checksum ? checksum : 0xffff;
}

#endif
