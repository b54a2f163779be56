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
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum;
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
