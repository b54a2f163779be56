/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of TCP and UDP as a test wants them, and what is right of them told in the plainest way, one byte
 * after the other. Without a test library, for unit tests and fuzzing.
 */
#ifndef WEIR_TEST_PLAIN_H
#define WEIR_TEST_PLAIN_H

#include <stdbool.h>
#include <string.h>

#include <netinet/in.h>

#include <weir/buf.h>

/* --- the wire, one byte after the other --- */

static inline uint16_t plain_load(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline void plain_store(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline uint32_t plain_load32(const uint8_t *at)
{
	return (uint32_t)plain_load(at) << 16 | plain_load(at + 2);
}

static inline void plain_store32(uint8_t *at, uint32_t value)
{
	plain_store(at, value >> 16);
	plain_store(at + 2, value);
}

/* RFC 1071 §4.1 word for word. */
static inline uint16_t plain_sum(uint32_t sum, const uint8_t *at, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
		sum = (sum >> 16) + (sum & 0xffff);
	}
	return (uint16_t)sum;
}

static inline bool plain_is_ipv6(const uint8_t *ip)
{
	return ip[0] >> 4 == 6;
}

static inline uint32_t plain_ip_header(const uint8_t *ip)
{
	return plain_is_ipv6(ip) ? 40 : 20;
}

static inline uint8_t plain_protocol(const uint8_t *ip)
{
	return ip[plain_is_ipv6(ip) ? 6 : 9];
}

static inline uint8_t *plain_checksum(uint8_t *ip)
{
	return ip + plain_ip_header(ip) + (plain_protocol(ip) == IPPROTO_TCP ? 16 : 6);
}

/* Of a transport header and payload of that length. */
static inline uint16_t plain_pseudo(const uint8_t *ip, uint32_t length)
{
	const uint8_t tail[4] = { 0, plain_protocol(ip), (uint8_t)(length >> 8), (uint8_t)length };
	const bool ipv6 = plain_is_ipv6(ip);

	return plain_sum(plain_sum(0, ip + (ipv6 ? 8 : 12), ipv6 ? 32 : 8), tail, sizeof(tail));
}

/* Completes the checksum of the transport header behind ip, whose field has the sum of the pseudo-header. */
static inline void plain_complete(uint8_t *ip, uint32_t len)
{
	const uint32_t header = plain_ip_header(ip);
	uint16_t checksum = (uint16_t)~plain_sum(0, ip + header, len - header);

	if (!checksum && plain_protocol(ip) == IPPROTO_UDP)
		checksum = 0xffff;
	plain_store(plain_checksum(ip), checksum);
}

/* Lengths and checksums of the packet from ip to its end. */
static inline void plain_finish(uint8_t *ip, uint32_t len)
{
	const uint32_t header = plain_ip_header(ip);

	plain_store(ip + (plain_is_ipv6(ip) ? 4 : 2), plain_is_ipv6(ip) ? len - 40 : len);
	if (!plain_is_ipv6(ip)) {
		plain_store(ip + 10, 0);
		plain_store(ip + 10, (uint16_t)~plain_sum(0, ip, 20));
	}
	if (plain_protocol(ip) == IPPROTO_UDP)
		plain_store(ip + header + 4, len - header);
	plain_store(plain_checksum(ip), plain_pseudo(ip, len - header));
	plain_complete(ip, len);
}

/* Writes piece k of what is behind header bytes, as the kernel cuts it; returns its length. */
static inline uint32_t plain_cut(const uint8_t *super, uint32_t len, uint32_t network, uint32_t header,
				 uint32_t size, uint32_t k, uint8_t *to)
{
	const uint32_t left = len - header - k * size;
	const uint32_t payload = left < size ? left : size;
	uint8_t *ip = to + network, *transport;

	memcpy(to, super, header);
	memcpy(to + header, super + header + k * size, payload);
	transport = ip + plain_ip_header(ip);
	if (!plain_is_ipv6(ip))
		plain_store(ip + 4, plain_load(ip + 4) + k);
	if (plain_protocol(ip) == IPPROTO_TCP) {
		plain_store32(transport + 4, plain_load32(transport + 4) + k * size);
		if (left > size)
			transport[13] &= (uint8_t)~0x09; /* FIN, PSH */
	}
	plain_finish(ip, header - network + payload);
	return header + payload;
}

/* --- packets --- */

struct segment {
	uint8_t family;   /* 4 or 6 */
	uint8_t protocol; /* IPPROTO_TCP or IPPROTO_UDP */
	uint8_t flow;     /* addresses and ports */
	uint8_t tos, ttl;
	uint16_t id;
	uint16_t fragment; /* flags and offset */
	uint32_t label;
	uint32_t sequence, acknowledged;
	uint16_t flags, window, urgent;
	uint8_t options; /* bytes, a multiple of 4 */
	uint8_t option;  /* each of them */
	uint8_t fill;    /* the payload's first byte */
	uint32_t payload;
};

static inline uint32_t segment_network_header(const struct segment *segment, uint8_t *ip)
{
	const bool ipv6 = segment->family == 6;

	if (!ipv6) {
		memset(ip, 0, 20);
		ip[0] = 0x45;
		ip[1] = segment->tos;
		plain_store(ip + 4, segment->id);
		plain_store(ip + 6, segment->fragment);
		ip[8] = segment->ttl;
		ip[9] = segment->protocol;
		memcpy(ip + 12, (const uint8_t[]){ 10, 0, 0, 1, 10, 0, 0, 2 }, 8);
	} else {
		memset(ip, 0, 40);
		plain_store32(ip, 6u << 28 | (uint32_t)segment->tos << 20 | (segment->label & 0xfffff));
		ip[6] = segment->protocol;
		ip[7] = segment->ttl;
		ip[8] = ip[24] = 0xfd;
		ip[23] = 1;
		ip[39] = 2;
	}
	ip[ipv6 ? 22 : 14] = segment->flow / 16;
	return ipv6 ? 40 : 20;
}

static inline uint32_t segment_transport_header(const struct segment *segment, uint8_t *transport)
{
	plain_store(transport, 1000 + segment->flow % 16u);
	plain_store(transport + 2, 5201);
	if (segment->protocol == IPPROTO_UDP)
		return 8;
	plain_store32(transport + 4, segment->sequence);
	plain_store32(transport + 8, segment->acknowledged);
	plain_store(transport + 12, (20u + segment->options) / 4 << 12 | (segment->flags & 0xfff));
	plain_store(transport + 14, segment->window);
	plain_store(transport + 18, segment->urgent);
	memset(transport + 20, segment->option, segment->options);
	return 20u + segment->options;
}

/* Writes it with right lengths and checksums; returns its length. */
static inline uint32_t segment_write(const struct segment *segment, uint8_t *ip)
{
	uint32_t len = segment_network_header(segment, ip);

	len += segment_transport_header(segment, ip + len);
	for (uint32_t i = 0; i < segment->payload; i++)
		ip[len + i] = (uint8_t)(segment->fill + i * 7 + i / 256);
	len += segment->payload;
	plain_finish(ip, len);
	return len;
}

/* The packet as an endpoint gives it that leaves the checksum to others. */
static inline void segment_make_partial(struct weir_buf *buf, uint32_t network)
{
	uint8_t *ip = buf->data + network, *field = plain_checksum(ip);

	plain_store(field, plain_pseudo(ip, buf->len - network - plain_ip_header(ip)));
	buf->flags |= WEIR_BUF_NEEDS_CSUM;
	buf->csum_start = (uint16_t)(network + plain_ip_header(ip));
	buf->csum_offset = (uint16_t)(field - buf->data - buf->csum_start);
}

#endif
