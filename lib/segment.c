/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Of each piece only a few words of the headers differ. So what they have in common is added up once, and a
 * piece is a copy of the headers, a copy of its payload that yields the payload's sum, and these few words.
 */
#include <netinet/in.h>
#include <string.h>

#include "checksum.h"
#include "ethernet.h"
#include "framing.h"
#include "headers.h"
#include "ip.h"
#include "segment.h"

/* A word as it lies in memory, as sums have it. */
static inline uint16_t load_word(const uint8_t *from)
{
	uint16_t word;

	memcpy(&word, from, sizeof(word));
	return word;
}

static inline void store_word(uint8_t *to, uint16_t word)
{
	memcpy(to, &word, sizeof(word));
}

/* Of IEEE 802.1Q and 802.1ad. */
static bool is_tag(uint16_t ethertype)
{
	return ethertype == WEIR__ETHERTYPE_VLAN || ethertype == WEIR__ETHERTYPE_QINQ;
}

uint32_t weir__segments_network(const struct weir_buf *buf, enum weir_layer layer, enum weir_framing framing)
{
	uint32_t at = WEIR__ETH_HEADER - 2;

	if (layer == WEIR_LAYER_L3 || (layer == WEIR_LAYER_AF && framing == WEIR_FRAMING_RAW))
		return 0;
	if (layer == WEIR_LAYER_AF)
		return WEIR__PREFIX;
	while (at + WEIR__ETH_VLAN <= buf->len && is_tag(weir__load_be16(buf->data + at)))
		at += WEIR__ETH_VLAN;
	return at + 2;
}

static bool find_behind_ipv4(struct weir__segments *segments)
{
	const uint8_t *ip = segments->packet + segments->network;

	segments->protocol = ip[WEIR__IPV4_PROTOCOL];
	segments->transport = segments->network + (ip[0] & 0x0fu) * 4;
	return (weir__load_be16(ip + WEIR__IPV4_FRAGMENT) & WEIR__IPV4_IS_FRAGMENT) == 0;
}

/* Behind the extension headers that the kernel's GSO passes too; RFC 8200 §4. */
static bool find_behind_ipv6(struct weir__segments *segments)
{
	uint8_t next = segments->packet[segments->network + WEIR__IPV6_NEXT];
	uint32_t at = segments->network + WEIR__IPV6_HEADER;

	while (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS) {
		const uint8_t *extension = segments->packet + at;

		if (segments->len - at < 8 || segments->len - at < (extension[1] + 1u) * 8)
			return false;
		next = extension[0];
		at += (extension[1] + 1u) * 8;
	}
	segments->protocol = next;
	segments->transport = at;
	return true;
}

static bool find_transport(struct weir__segments *segments)
{
	const struct weir__ip_check ip =
		weir__ip_check(segments->packet + segments->network, segments->len - segments->network);

	if (ip.verdict != WEIR_NEXT)
		return false;
	segments->family = ip.family;
	segments->len = segments->network + ip.length; /* what is behind it is padding */
	return ip.family == 4 ? find_behind_ipv4(segments) : find_behind_ipv6(segments);
}

static bool find_payload(struct weir__segments *segments)
{
	const uint32_t left = segments->len - segments->transport;
	const uint8_t *transport = segments->packet + segments->transport;
	uint32_t size;

	if (segments->protocol == IPPROTO_TCP) {
		size = left < WEIR__TCP_HEADER ? 0 : (transport[WEIR__TCP_DATA_OFFSET] >> 4) * 4u;
		if (size < WEIR__TCP_HEADER || size > left)
			return false;
	} else {
		size = WEIR__UDP_HEADER;
		if (left < size || weir__load_be16(transport + WEIR__UDP_LENGTH) != left)
			return false;
	}
	segments->header = segments->transport + size;
	return true;
}

/* Whether the packet is what its metadata says. */
static bool agrees(const struct weir__segments *segments, const struct weir_buf *buf)
{
	const bool tcp = segments->protocol == IPPROTO_TCP;

	if (!tcp && segments->protocol != IPPROTO_UDP)
		return false;
	if (buf->flags & WEIR_BUF_NEEDS_CSUM &&
	    (buf->csum_start != segments->transport ||
	     buf->csum_offset != (tcp ? WEIR__TCP_CHECKSUM : WEIR__UDP_CHECKSUM)))
		return false;
	switch (buf->gso_type & ~WEIR_GSO_ECN) {
	case WEIR_GSO_TCPV4:
		return tcp && segments->family == 4;
	case WEIR_GSO_TCPV6:
		return tcp && segments->family == 6;
	default:
		return !tcp && buf->gso_type == WEIR_GSO_UDP;
	}
}

static uint64_t add_network(const struct weir__segments *segments)
{
	const uint8_t *ip = segments->packet + segments->network;

	if (segments->family == 6)
		return 0;
	/* Without length and identification, nor the checksum. */
	return weir__checksum_add((uint64_t)load_word(ip) + load_word(ip + WEIR__IPV4_FRAGMENT) +
					  load_word(ip + WEIR__IPV4_FRAGMENT + 2),
				  ip + WEIR__IPV4_ADDRESSES,
				  segments->transport - segments->network - WEIR__IPV4_ADDRESSES);
}

/*
 * Without the length. Whoever left the checksum to be completed has put it into its field, length and all; it
 * is taken from there, because behind a routing header the destination is not that of the IP header (RFC 8200
 * §8.1).
 */
static uint64_t add_pseudo(const struct weir__segments *segments, const struct weir_buf *buf)
{
	const uint8_t *ip = segments->packet + segments->network;
	const uint16_t length = htons((uint16_t)(segments->len - segments->transport));

	if (buf->flags & WEIR_BUF_NEEDS_CSUM)
		return (uint64_t)load_word(segments->packet + buf->csum_start + buf->csum_offset) +
		       (uint16_t)~length;
	return segments->family == 4
		       ? weir__checksum_pseudo4(ip + WEIR__IPV4_ADDRESSES, segments->protocol, 0)
		       : weir__checksum_pseudo6(ip + WEIR__IPV6_ADDRESSES, segments->protocol, 0);
}

/* Without the words of the transport header that a piece has of its own, nor the checksum. */
static uint64_t add_transport(const struct weir__segments *segments, uint64_t sum)
{
	const uint8_t *transport = segments->packet + segments->transport;

	if (segments->protocol == IPPROTO_UDP)
		return weir__checksum_add(sum, transport, WEIR__UDP_LENGTH);
	sum = weir__checksum_add(sum, transport, WEIR__TCP_SEQUENCE);
	sum = weir__checksum_add(sum, transport + WEIR__TCP_SEQUENCE + 4, 4);
	sum = weir__checksum_add(sum, transport + WEIR__TCP_CHECKSUM - 2, 2);
	return weir__checksum_add(sum, transport + WEIR__TCP_CHECKSUM + 2,
				  segments->header - segments->transport - WEIR__TCP_CHECKSUM - 2);
}

bool weir__segments_begin(struct weir__segments *segments, const struct weir_buf *buf, uint32_t network)
{
	uint32_t payload;

	*segments = (struct weir__segments){
		.packet = buf->data, .len = buf->len, .network = network, .size = buf->gso_size
	};
	if (!segments->size || network > buf->len || !find_transport(segments) || !agrees(segments, buf) ||
	    !find_payload(segments))
		return false;
	payload = segments->len - segments->header;
	segments->n = payload ? (payload + segments->size - 1) / segments->size : 1;
	segments->network_sum = add_network(segments);
	segments->transport_sum = add_transport(segments, add_pseudo(segments, buf));
	return true;
}

static inline void write_network(const struct weir__segments *segments, uint32_t k, uint8_t *ip, uint32_t len)
{
	uint16_t length, id;

	if (segments->family == 6) {
		weir__store_be16(ip + WEIR__IPV6_LENGTH, (uint16_t)(len - WEIR__IPV6_HEADER));
		return;
	}
	length = htons((uint16_t)len);
	id = htons((uint16_t)(weir__load_be16(segments->packet + segments->network + WEIR__IPV4_ID) + k));
	store_word(ip + WEIR__IPV4_LENGTH, length);
	store_word(ip + WEIR__IPV4_ID, id);
	store_word(ip + WEIR__IPV4_CHECKSUM, weir__checksum_finish(segments->network_sum + length + id));
}

/* Returns the sum of the words that are this piece's own. */
static inline uint64_t write_tcp(const struct weir__segments *segments, uint32_t k, uint8_t *tcp)
{
	const uint8_t *first = segments->packet + segments->transport;
	const uint32_t sequence = htonl(weir__load_be32(first + WEIR__TCP_SEQUENCE) + k * segments->size);
	uint8_t flags = first[WEIR__TCP_FLAGS];

	if (k > 0)
		flags &= (uint8_t)~WEIR__TCP_CWR;
	if (k + 1 < segments->n)
		flags &= (uint8_t) ~(WEIR__TCP_FIN | WEIR__TCP_PSH);
	memcpy(tcp + WEIR__TCP_SEQUENCE, &sequence, sizeof(sequence));
	tcp[WEIR__TCP_FLAGS] = flags;
	return (uint64_t)sequence + htons((uint16_t)(first[WEIR__TCP_DATA_OFFSET] << 8 | flags));
}

static inline uint64_t write_udp(uint8_t *udp, uint16_t length)
{
	store_word(udp + WEIR__UDP_LENGTH, length);
	return length;
}

void weir__segments_write(const struct weir__segments *segments, uint32_t k, uint8_t *to)
{
	const bool tcp = segments->protocol == IPPROTO_TCP;
	const uint32_t len = weir__segments_len(segments, k), header = segments->header;
	const uint16_t length = htons((uint16_t)(len - segments->transport));
	uint8_t *transport = to + segments->transport;
	uint64_t sum = segments->transport_sum + length;

	memcpy(to, segments->packet, header);
	write_network(segments, k, to + segments->network, len - segments->network);
	sum += tcp ? write_tcp(segments, k, transport) : write_udp(transport, length);
	sum += weir__checksum_copy(to + header, segments->packet + header + (size_t)k * segments->size,
				   len - header);
	if (tcp)
		store_word(transport + WEIR__TCP_CHECKSUM, weir__checksum_finish(sum));
	else
		store_word(transport + WEIR__UDP_CHECKSUM, weir__checksum_finish_udp(sum));
}

bool weir__segment_complete(struct weir_buf *buf)
{
	const uint32_t field = (uint32_t)buf->csum_start + buf->csum_offset;

	if (field + 2 > buf->len)
		return false;
	/* The sum of the pseudo-header lies in the field, and so is added with the rest. Only in UDP does 0
	 * mean anything; in TCP both are the same number. */
	store_word(buf->data + field, weir__checksum_finish_udp(weir__checksum_add(
					      0, buf->data + buf->csum_start, buf->len - buf->csum_start)));
	buf->flags &= (uint16_t)~WEIR_BUF_NEEDS_CSUM;
	return true;
}
