/* SPDX-License-Identifier: Apache-2.0 */
/* The other side of DHCP: reads what a client sends, and makes what a server answers, by plain code that
 * shares nothing with the library's. */
#ifndef WEIR_TEST_DHCP_SERVER_H
#define WEIR_TEST_DHCP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE };

#define DHCP_HEADERS 28 /* IP and UDP */
#define DHCP_OPTIONS (DHCP_HEADERS + 240)
#define DHCP_ROOM    4096

/* An IPv4 packet under way. */
struct dhcp_packet {
	uint8_t bytes[DHCP_ROOM];
	size_t len;
};

static inline void dhcp_put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void dhcp_put32(uint8_t *at, uint32_t value)
{
	dhcp_put16(at, value >> 16);
	dhcp_put16(at + 2, value & 0xffff);
}

static inline uint32_t dhcp_get(const uint8_t *at, unsigned n)
{
	uint32_t value = 0;

	while (n--)
		value = value << 8 | *at++;
	return value;
}

/* The internet checksum, not complemented. */
static inline uint32_t dhcp_sum(uint32_t sum, const uint8_t *at, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
		sum = (sum >> 16) + (sum & 0xffff);
	}
	return sum;
}

static inline uint32_t dhcp_udp_sum(const struct dhcp_packet *packet)
{
	uint8_t pseudo[12] = { [9] = 17 };

	memcpy(pseudo, packet->bytes + 12, 8);
	dhcp_put16(pseudo + 10, (unsigned)packet->len - 20);
	return dhcp_sum(dhcp_sum(0, pseudo, 12), packet->bytes + 20, packet->len - 20);
}

/* --- what the client sent */

/* The option of that code in a message without overload; NULL: there is none. Its length goes to *len. */
static inline const uint8_t *dhcp_find(const struct dhcp_packet *packet, uint8_t code, size_t *len)
{
	size_t at = DHCP_OPTIONS;

	*len = 0;
	while (at + 1 < packet->len && packet->bytes[at] != 255) {
		if (packet->bytes[at] == code) {
			*len = packet->bytes[at + 1];
			return packet->bytes + at + 2;
		}
		at += packet->bytes[at] ? 2u + packet->bytes[at + 1] : 1;
	}
	return NULL;
}

/* An option of up to four bytes as a number; 0: there is none. */
static inline uint32_t dhcp_number(const struct dhcp_packet *packet, uint8_t code)
{
	size_t len = 0;
	const uint8_t *option = dhcp_find(packet, code, &len);

	return option && len <= 4 ? dhcp_get(option, (unsigned)len) : 0;
}

static inline unsigned dhcp_type(const struct dhcp_packet *packet)
{
	return dhcp_number(packet, 53);
}

static inline uint32_t dhcp_xid(const struct dhcp_packet *packet)
{
	return dhcp_get(packet->bytes + DHCP_HEADERS + 4, 4);
}

static inline uint32_t dhcp_from(const struct dhcp_packet *packet)
{
	return dhcp_get(packet->bytes + 12, 4);
}

static inline uint32_t dhcp_to(const struct dhcp_packet *packet)
{
	return dhcp_get(packet->bytes + 16, 4);
}

static inline unsigned dhcp_secs(const struct dhcp_packet *packet)
{
	return dhcp_get(packet->bytes + DHCP_HEADERS + 8, 2);
}

static inline bool dhcp_wants_broadcast(const struct dhcp_packet *packet)
{
	return packet->bytes[DHCP_HEADERS + 10] & 0x80;
}

static inline uint32_t dhcp_client_address(const struct dhcp_packet *packet)
{
	return dhcp_get(packet->bytes + DHCP_HEADERS + 12, 4);
}

/* --- what the server answers */

static inline void dhcp_add(struct dhcp_packet *packet, uint8_t code, const void *value, size_t len)
{
	uint8_t *at = packet->bytes + packet->len;

	at[0] = code;
	at[1] = (uint8_t)len;
	memcpy(at + 2, value, len);
	packet->len += 2 + len;
}

static inline void dhcp_add32(struct dhcp_packet *packet, uint8_t code, uint32_t value)
{
	uint8_t bytes[4];

	dhcp_put32(bytes, value);
	dhcp_add(packet, code, bytes, 4);
}

/* An answer to that request, of that type, from that server. Options follow, then dhcp_finish(). */
static inline void dhcp_answer(struct dhcp_packet *packet, const struct dhcp_packet *request, uint8_t type,
			       uint32_t address, uint32_t server)
{
	uint8_t *message = packet->bytes + DHCP_HEADERS;

	memset(packet, 0, sizeof(*packet));
	packet->len = DHCP_OPTIONS;
	memcpy(packet->bytes, (const uint8_t[12]){ 0x45, [8] = 64, 17 }, 12);
	dhcp_put32(packet->bytes + 12, server);
	dhcp_put32(packet->bytes + 16, type == NAK ? UINT32_MAX : address);
	dhcp_put16(packet->bytes + 20, 67);
	dhcp_put16(packet->bytes + 22, 68);
	memcpy(message, (const uint8_t[3]){ 2, 1, 6 }, 3);
	memcpy(message + 4, request->bytes + DHCP_HEADERS + 4, 4);
	dhcp_put32(message + 16, type == NAK ? 0 : address);
	memcpy(message + 28, request->bytes + DHCP_HEADERS + 28, 16);
	memcpy(message + 236, (const uint8_t[4]){ 0x63, 0x82, 0x53, 0x63 }, 4);
	dhcp_add(packet, 53, &type, 1);
	dhcp_add32(packet, 54, server);
}

/* Lengths and checksums, anew if they were there before. */
static inline void dhcp_seal(struct dhcp_packet *packet)
{
	uint32_t sum;

	dhcp_put16(packet->bytes + 2, (unsigned)packet->len);
	dhcp_put16(packet->bytes + 10, 0);
	dhcp_put16(packet->bytes + 10, ~dhcp_sum(0, packet->bytes, 20) & 0xffff);
	dhcp_put16(packet->bytes + 24, (unsigned)packet->len - 20);
	dhcp_put16(packet->bytes + 26, 0);
	sum = ~dhcp_udp_sum(packet) & 0xffff;
	dhcp_put16(packet->bytes + 26, sum ? sum : 0xffff);
}

static inline void dhcp_finish(struct dhcp_packet *packet)
{
	packet->bytes[packet->len++] = 255;
	dhcp_seal(packet);
}

#endif
