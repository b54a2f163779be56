/* SPDX-License-Identifier: Apache-2.0 */
/* Packets and super-packets of TCP and UDP, made by plain code that shares nothing with the library's. */
#ifndef WEIR_TEST_PACKET_H
#define WEIR_TEST_PACKET_H

#include <netinet/in.h>

#include <weir/offload.h>

#include "test.h"

#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_ECE 0x40
#define TCP_CWR 0x80

/* What to make. The fields that differ from piece to piece come last. */
struct packet {
	unsigned network; /* bytes in front of the IP header */
	unsigned family;
	unsigned protocol;
	unsigned ip_options; /* bytes of IPv4 options, or of extension headers */
	unsigned routing;    /* of the latter, the one that names the final destination; 0: none */
	unsigned tcp_options;
	bool partial; /* the checksum is the sum of the pseudo-header */
	uint32_t sequence;
	uint16_t id;
	uint8_t flags;
	size_t offset, size; /* of the payload in what is sent */
};

static uint8_t packet_payload[65535];

static inline void packet_put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* The internet checksum, not complemented. */
static inline uint32_t packet_sum(uint32_t sum, const uint8_t *at, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
		sum = (sum >> 16) + (sum & 0xffff);
	}
	return sum;
}

static inline unsigned packet_ip_header(const struct packet *packet)
{
	return (packet->family == 4 ? 20 : 40) + packet->ip_options;
}

static inline unsigned packet_transport_header(const struct packet *packet)
{
	return packet->protocol == IPPROTO_TCP ? 20 + packet->tcp_options : 8;
}

static inline unsigned packet_headers(const struct packet *packet)
{
	return packet->network + packet_ip_header(packet) + packet_transport_header(packet);
}

static inline size_t packet_length(const struct packet *packet)
{
	return packet_headers(packet) + packet->size;
}

static inline void packet_put_ipv4(const struct packet *packet, uint8_t *ip)
{
	memcpy(ip,
	       (const uint8_t[20]){ 0x45, 0x02, [6] = 0x40, 0, 63, [12] = 192, 0, 2, 1, 198, 51, 100, 77 },
	       20);
	ip[0] = (uint8_t)(0x40 | packet_ip_header(packet) / 4);
	packet_put16(ip + 2, (unsigned)(packet_length(packet) - packet->network));
	packet_put16(ip + 4, packet->id);
	ip[9] = (uint8_t)packet->protocol;
	memset(ip + 20, 1, packet->ip_options);
	packet_put16(ip + 10, ~packet_sum(0, ip, packet_ip_header(packet)));
}

/* Extension headers of 8, 16, 24 bytes and so on, as far as there is room. */
static inline void packet_put_ipv6(const struct packet *packet, uint8_t *ip)
{
	static const uint8_t kinds[] = { IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS };
	uint8_t *next = ip + 6, *at = ip + 40;
	const uint8_t *end = at + packet->ip_options;

	memcpy(ip, (const uint8_t[8]){ 0x62, 0x01, 0x23, 0x45, [7] = 63 }, 8);
	packet_put16(ip + 4, (unsigned)(packet_length(packet) - packet->network - 40));
	for (unsigned i = 0; i < 32; i++)
		ip[8 + i] = (uint8_t)(0x20 + i * 7);
	for (unsigned i = 0; at < end; i++) {
		const unsigned size = 8 * (i + 1) < end - at ? 8 * (i + 1) : (unsigned)(end - at);

		*next = kinds[i % 3];
		memset(at, 0, size);
		at[1] = (uint8_t)(size / 8 - 1);
		next = at;
		at += size;
	}
	*next = (uint8_t)packet->protocol;
}

static inline uint32_t packet_pseudo(const struct packet *packet, const uint8_t *ip)
{
	const unsigned addresses = packet->family == 4 ? 8 : 32;
	uint8_t rest[4];
	uint8_t both[32];

	memcpy(both, ip + (packet->family == 4 ? 12 : 8), addresses);
	if (packet->routing)
		memset(both + addresses / 2, (int)packet->routing, addresses / 2);
	packet_put16(rest, packet->protocol);
	packet_put16(rest + 2, (unsigned)(packet_transport_header(packet) + packet->size));
	return packet_sum(packet_sum(0, both, addresses), rest, 4);
}

static inline void packet_put_transport(const struct packet *packet, const uint8_t *ip, uint8_t *at)
{
	const bool tcp = packet->protocol == IPPROTO_TCP;
	const unsigned size = packet_transport_header(packet);
	uint8_t *checksum = at + (tcp ? 16 : 6);
	uint32_t sum = packet_pseudo(packet, ip);

	memset(at, 0, size);
	memcpy(at, (const uint8_t[4]){ 0xc0, 0x01, 0x00, 0x50 }, 4);
	if (tcp) {
		packet_put16(at + 4, packet->sequence >> 16);
		packet_put16(at + 6, packet->sequence);
		memcpy(at + 8,
		       (const uint8_t[8]){ 1, 2, 3, 4, (uint8_t)(size / 4 << 4), packet->flags, 9, 8 }, 8);
		memset(at + 20, 0x1e, packet->tcp_options);
	} else {
		packet_put16(at + 4, (unsigned)(size + packet->size));
	}
	if (!packet->partial)
		sum = ~packet_sum(packet_sum(sum, at, size), at + size, packet->size);
	if (!packet->partial && !tcp && (uint16_t)sum == 0)
		sum = 0xffff;
	packet_put16(checksum, sum);
}

/* In a block of its own, so that a sanitizer sees what is touched outside. */
static inline uint8_t *packet_make(const struct packet *packet)
{
	uint8_t *bytes = malloc(packet_length(packet)), *ip = bytes + packet->network;

	assert_non_null(bytes);
	for (unsigned i = 0; i < packet->network; i++)
		bytes[i] = (uint8_t)(0xe0 + i);
	memcpy(bytes + packet_headers(packet), packet_payload + packet->offset, packet->size);
	if (packet->family == 4)
		packet_put_ipv4(packet, ip);
	else
		packet_put_ipv6(packet, ip);
	packet_put_transport(packet, ip, ip + packet_ip_header(packet));
	return bytes;
}

static inline struct weir_buf packet_describe(const struct packet *packet, uint8_t *bytes, uint16_t size)
{
	const bool tcp = packet->protocol == IPPROTO_TCP;

	return (struct weir_buf){
		.data = bytes,
		.len = (uint32_t)packet_length(packet),
		.gso_type = !tcp                  ? WEIR_GSO_UDP
			    : packet->family == 4 ? WEIR_GSO_TCPV4
						  : WEIR_GSO_TCPV6,
		.gso_size = size,
		.csum_start = (uint16_t)(packet->network + packet_ip_header(packet)),
		.csum_offset = tcp ? 16 : 6,
		.hdr_len = 7, /* nobody believes it */
		.flags = packet->partial ? WEIR_BUF_NEEDS_CSUM : 0,
	};
}

/* Something else at each place. */
static inline int packet_fill_payload(void **state)
{
	uint32_t x = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(packet_payload); i++) {
		x = x * 1664525 + 1013904223;
		packet_payload[i] = (uint8_t)(x >> 24);
	}
	return 0;
}

#endif
