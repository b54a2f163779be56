/* SPDX-License-Identifier: Apache-2.0 */
/* Loads and stores at any alignment; memcpy of a constant size is one instruction. */
#ifndef WEIR__BYTES_H
#define WEIR__BYTES_H

#include <arpa/inet.h>
#include <string.h>

#include <weir/base.h>

static inline uint16_t weir__load_be16(const uint8_t *p)
{
	uint16_t value;

	memcpy(&value, p, sizeof(value));
	return ntohs(value);
}

static inline uint32_t weir__load_be32(const uint8_t *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return ntohl(value);
}

static inline uint64_t weir__load_be64(const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return htonl(1) == 1 ? value : __builtin_bswap64(value);
}

static inline void weir__store_be16(uint8_t *p, uint16_t value)
{
	value = htons(value);
	memcpy(p, &value, sizeof(value));
}

static inline void weir__store_be32(uint8_t *p, uint32_t value)
{
	value = htonl(value);
	memcpy(p, &value, sizeof(value));
}

#endif
