/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether bytes are an IP packet: version, header length and total length against the bytes that came (RFC
 * 791 §3.1, RFC 8200 §3). Shared by the stages that make packets of layer 3 and by the one that hands them to
 * a device, because devices report success for anything.
 */
#ifndef WEIR__IP_H
#define WEIR__IP_H

#include <weir/stage.h>

#include "bytes.h"

#define WEIR__IPV4_HEADER 20
#define WEIR__IPV6_HEADER 40

/* The first reasons of each stage that calls weir__ip_check(); its own follow from WEIR__IP_REASONS_N on. */
enum {
	WEIR__IP_SHORT,
	WEIR__IP_VERSION,
	WEIR__IP_HEADER,
	WEIR__IP_LENGTH,
	WEIR__IP_JUMBOGRAM,
	WEIR__IP_REASONS_N,
};

#define WEIR__IP_REASONS WEIR__IP_REASONS_FROM(0)

/* The same for a type whose own reasons come first. */
#define WEIR__IP_REASONS_FROM(first)                                                                         \
	[(first) +                                                                                           \
		WEIR__IP_SHORT] = { "short", "fewer bytes than an IP header has" },                          \
		[(first) + WEIR__IP_VERSION] = { "version", "the IP version is neither 4 nor 6" },           \
		[(first) + WEIR__IP_HEADER] = { "header_length", "the IPv4 header length is below 20 bytes " \
								 "or beyond the packet" },                   \
		[(first) +                                                                                   \
			WEIR__IP_LENGTH] = { "total_length",                                                 \
					     "the IP total length is below the header or beyond the bytes "  \
					     "that came" },                                                  \
		[(first) + WEIR__IP_JUMBOGRAM] = { "jumbogram", "an IPv6 jumbogram (RFC 2675)" }

struct weir__ip_check {
	weir_verdict verdict; /* WEIR_NEXT, or WEIR_DROP of a reason above; the rest is meaningful with
				 WEIR_NEXT */
	uint8_t family;
	uint32_t length; /* total length; bytes behind it are no part of the packet */
};

static inline struct weir__ip_check weir__ip_fault(unsigned reason)
{
	return (struct weir__ip_check){ .verdict = WEIR_DROP(reason) };
}

static inline struct weir__ip_check weir__ipv4_check(const uint8_t *packet, uint32_t len)
{
	const uint32_t header = (packet[0] & 0x0fu) * 4;
	const uint32_t total = weir__load_be16(packet + 2);

	if (WEIR_LIKELY(header >= WEIR__IPV4_HEADER && total >= header && total <= len))
		return (struct weir__ip_check){ .family = 4, .length = total };
	return weir__ip_fault(header < WEIR__IPV4_HEADER || header > len ? WEIR__IP_HEADER : WEIR__IP_LENGTH);
}

static inline struct weir__ip_check weir__ipv6_check(const uint8_t *packet, uint32_t len)
{
	enum { HOP_BY_HOP = 0 };
	const uint32_t total = WEIR__IPV6_HEADER + (uint32_t)weir__load_be16(packet + 4);

	if (WEIR_UNLIKELY(len < WEIR__IPV6_HEADER))
		return weir__ip_fault(WEIR__IP_SHORT);
	/* Hop-by-hop options do not fit in no bytes: their length, and the packet's, is in the jumbo payload
	 * option. */
	if (WEIR_UNLIKELY(total == WEIR__IPV6_HEADER && packet[6] == HOP_BY_HOP))
		return weir__ip_fault(WEIR__IP_JUMBOGRAM);
	if (WEIR_UNLIKELY(total > len))
		return weir__ip_fault(WEIR__IP_LENGTH);
	return (struct weir__ip_check){ .family = 6, .length = total };
}

static inline struct weir__ip_check weir__ip_check(const uint8_t *packet, uint32_t len)
{
	if (WEIR_UNLIKELY(len < WEIR__IPV4_HEADER))
		return weir__ip_fault(WEIR__IP_SHORT);
	if (packet[0] >> 4 == 4)
		return weir__ipv4_check(packet, len);
	if (packet[0] >> 4 == 6)
		return weir__ipv6_check(packet, len);
	return weir__ip_fault(WEIR__IP_VERSION);
}

/* Notes what a check has found in the buffer that holds exactly the checked bytes; counts it if there were
 * too many. */
static inline void weir__ip_accept(struct weir_buf *buf, const struct weir__ip_check *ip, uint64_t *trimmed)
{
	buf->family = ip->family;
	if (WEIR_UNLIKELY(ip->length < buf->len)) {
		weir_buf_trim(buf, ip->length);
		weir_count(trimmed, 1);
	}
}

#endif
