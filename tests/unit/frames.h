/* SPDX-License-Identifier: Apache-2.0 */
/* Frames that others of an Ethernet send: ARP, and advertisements of routers. */
#ifndef WEIR_TEST_FRAMES_H
#define WEIR_TEST_FRAMES_H

#include "bytes.h"
#include "checksum.h"
#include "ethernet.h"
#include "host/arp.h"
#include "host/nd.h"
#include "netlink.h"
#include "test.h"

#define FRAME_MAX 256

static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static inline struct weir__ip ip(const char *text)
{
	struct weir__ip ip;

	assert_true(weir__ip_parse(text, &ip));
	return ip;
}

struct arp {
	const char *sender, *target;
	const uint8_t *mac; /* of the sender */
	const uint8_t *to;  /* NULL: everybody */
	bool reply;
};

/* Returns its bytes. */
static inline size_t frame_arp(uint8_t frame[FRAME_MAX], const struct arp *of)
{
	struct weir__arp arp = { .reply = of->reply };

	memset(frame, 0, WEIR__ETH_FRAME_MIN);
	memcpy(arp.sender_mac, of->mac, 6);
	memcpy(arp.sender, ip(of->sender).bytes, 4);
	memcpy(arp.target, ip(of->target).bytes, 4);
	memcpy(frame, of->to ? of->to : everybody, 6);
	memcpy(frame + 6, of->mac, 6);
	weir__store_be16(frame + 12, WEIR__ETHERTYPE_ARP);
	weir__arp_write(frame + 14, &arp);
	return WEIR__ETH_FRAME_MIN;
}

struct ra {
	uint16_t lifetime;
	const char *prefix; /* of 64 bits; NULL: none */
	uint8_t flags;
	uint32_t valid, preferred;
	uint32_t mtu;
	const char *dns;
	const char *domain; /* encoded, of at most 8 bytes */
};

static inline uint8_t *frame_put_prefix(uint8_t *p, const struct ra *ra)
{
	memcpy(p, (const uint8_t[]){ 3, 4, 64, ra->flags }, 4);
	weir__store_be32(p + 4, ra->valid);
	weir__store_be32(p + 8, ra->preferred);
	memcpy(p + 16, ip(ra->prefix).bytes, 16);
	return p + 32;
}

static inline uint8_t *frame_put_options(uint8_t *p, const struct ra *ra)
{
	if (ra->prefix)
		p = frame_put_prefix(p, ra);
	if (ra->mtu) {
		memcpy(p, (const uint8_t[]){ 5, 1 }, 2);
		weir__store_be32(p + 4, ra->mtu);
		p += 8;
	}
	if (ra->dns) {
		memcpy(p, (const uint8_t[]){ 25, 3 }, 2);
		weir__store_be32(p + 4, 600);
		memcpy(p + 8, ip(ra->dns).bytes, 16);
		p += 24;
	}
	if (ra->domain) {
		memcpy(p, (const uint8_t[]){ 31, 2 }, 2);
		weir__store_be32(p + 4, 600);
		memcpy(p + 8, ra->domain, strlen(ra->domain));
		p += 16;
	}
	return p;
}

/* An advertisement of a router's to all nodes. Returns its bytes. */
static inline size_t frame_ra(uint8_t frame[FRAME_MAX], const char *from, const uint8_t *mac,
			      const struct ra *ra)
{
	static const uint8_t head[14] = { 0x33, 0x33, [5] = 1, [12] = 0x86, 0xdd };
	static const uint8_t start[56] = { 0x60, [6] = 58, 255, [40] = 134, [44] = 64 };
	uint8_t *packet = frame + sizeof(head), *p = packet + sizeof(start);
	uint16_t checksum;
	size_t size;
	uint64_t sum;

	memset(frame, 0, FRAME_MAX);
	memcpy(frame, head, sizeof(head));
	memcpy(frame + 6, mac, 6);
	memcpy(packet, start, sizeof(start));
	memcpy(packet + 8, ip(from).bytes, 16);
	memcpy(packet + 24, weir__nd_all_nodes, 16);
	weir__store_be16(packet + 46, ra->lifetime);
	p = frame_put_options(p, ra);
	memcpy(p, (const uint8_t[]){ 1, 1 }, 2);
	memcpy(p + 2, mac, 6);
	size = (size_t)(p + 8 - packet);
	weir__store_be16(packet + 4, (uint16_t)(size - 40));
	sum = weir__checksum_pseudo6(packet + 8, 58, (uint32_t)(size - 40));
	checksum = weir__checksum_finish(weir__checksum_add(sum, packet + 40, size - 40));
	memcpy(packet + 42, &checksum, 2);
	return sizeof(head) + size;
}

#endif
