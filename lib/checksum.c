/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <string.h>

#include "checksum.h"

uint64_t weir__checksum_add(uint64_t sum, const void *bytes, size_t size)
{
	/* Each half takes 2^32 additions before it overflows, and so needs no carry in the loop. */
	uint64_t high = sum >> 32, low = sum & 0xffffffff;
	const uint8_t *at = bytes;
	uint64_t word = 0;

	for (; size >= sizeof(word); at += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		high += word >> 32;
		low += word & 0xffffffff;
	}
	/* An odd last byte is the first of a word whose other one is 0: RFC 1071 §4.1. */
	word = 0;
	memcpy(&word, at, size);
	high += word >> 32;
	low += word & 0xffffffff;

	/* 2^16, 2^32 and so on are all 1 modulo 2^16 - 1. */
	return (high >> 32) + (high & 0xffffffff) + (low >> 32) + (low & 0xffffffff);
}

uint64_t weir__checksum_pseudo4(const void *addresses, uint8_t protocol, uint16_t length)
{
	return weir__checksum_add((uint64_t)htons(protocol) + htons(length), addresses, 8);
}

uint64_t weir__checksum_pseudo6(const void *addresses, uint8_t protocol, uint32_t length)
{
	return weir__checksum_add((uint64_t)htons(protocol) + htonl(length), addresses, 32);
}
