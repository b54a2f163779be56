/* SPDX-License-Identifier: Apache-2.0 */
#include "coalesce.h"

#include <netinet/in.h>

#include "bytes.h"
#include "checksum.h"
#include "ethernet.h"
#include "framing.h"
#include "headers.h"
#include "ip.h"

#define LONGEST \
	65535 /* bytes of a super-packet with all headers, so that the IP header can tell its length */

/* Bits of a header that all packets of a super-packet have in common, because each piece gets a copy. */
static const uint8_t ipv4_common[WEIR__IPV4_HEADER] = {
	0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
};
static const uint8_t ipv6_common[WEIR__IPV6_HEADER] = {
	0xff, 0xff, 0xff, 0xff, 0,    0,    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
};
/* PSH stays with the last piece. The window is common, and so is the number that is acknowledged. */
static const uint8_t tcp_common[WEIR__TCP_HEADER] = {
	0xff, 0xff, 0xff, 0xff, 0,    0,    0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff ^ WEIR__TCP_PSH,
	0xff, 0xff, 0,    0,    0xff, 0xff,
};
static const uint8_t udp_common[WEIR__UDP_HEADER] = { 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0 };

/* The four kinds of packets that can be put together. */
struct kind {
	uint32_t offload; /* the bit of their super-packets */
	uint8_t gso_type;
	uint8_t family;
	uint8_t protocol;
	uint8_t network_header;   /* bytes */
	uint8_t transport_header; /* bytes, without options */
	uint8_t checksum;         /* where it is in the transport header */
	const uint8_t *network_common;
	const uint8_t *transport_common;
};

static const struct kind kinds[] = {
	{ WEIR_OFFLOAD_TSO4, WEIR_GSO_TCPV4, 4, IPPROTO_TCP, WEIR__IPV4_HEADER, WEIR__TCP_HEADER,
	  WEIR__TCP_CHECKSUM, ipv4_common, tcp_common },
	{ WEIR_OFFLOAD_USO4, WEIR_GSO_UDP, 4, IPPROTO_UDP, WEIR__IPV4_HEADER, WEIR__UDP_HEADER,
	  WEIR__UDP_CHECKSUM, ipv4_common, udp_common },
	{ WEIR_OFFLOAD_TSO6, WEIR_GSO_TCPV6, 6, IPPROTO_TCP, WEIR__IPV6_HEADER, WEIR__TCP_HEADER,
	  WEIR__TCP_CHECKSUM, ipv6_common, tcp_common },
	{ WEIR_OFFLOAD_USO6, WEIR_GSO_UDP, 6, IPPROTO_UDP, WEIR__IPV6_HEADER, WEIR__UDP_HEADER,
	  WEIR__UDP_CHECKSUM, ipv6_common, udp_common },
};

/* A packet whose flow is known. */
struct packet {
	const struct weir_buf *buf;
	const struct kind *kind;
	uint32_t key;     /* of its flow: the same for all packets of it, most probably another for others */
	uint32_t network; /* where the IP header begins */
	uint32_t transport; /* where TCP or UDP begins */
	uint32_t header;    /* bytes of all headers; with the payload, of a candidate only */
	uint32_t payload;
};

/* The packet of a flow that the next one may be put to. */
struct item {
	struct packet first;
	struct weir_buf *made; /* what is made of it; nothing yet while it is alone */
	uint32_t place;        /* in coalesce->index */
	uint32_t n;            /* packets in it */
	uint32_t payload;      /* bytes in all of them */
	bool closed;           /* nothing comes behind it */
	uint64_t sum;          /* of the pseudo-header without the length; from the second packet on */
};

/* Of each flow in the vector only the last item, so that no packet overtakes another one of its flow. Two
 * flows with the same key are in each other's way, and lose nothing else. */
struct items {
	uint32_t n;
	uint32_t key[WEIR_VECTOR_SIZE];
	struct item item[WEIR_VECTOR_SIZE];
};

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 32;
}

/* Protocol, ports and addresses. */
static uint32_t key_of(const struct kind *kind, const uint8_t *network)
{
	const bool ipv4 = kind->family == 4;
	const uint8_t *addresses = network + (ipv4 ? WEIR__IPV4_ADDRESSES : WEIR__IPV6_ADDRESSES);
	const uint32_t ports = weir__load_be32(network + kind->network_header);
	uint64_t hash = mix(kind->protocol, ports);

	for (unsigned i = 0; i < (ipv4 ? 8 : 32); i += 8)
		hash = mix(hash, weir__load_be64(addresses + i));
	return (uint32_t)hash;
}

static uint32_t network_of(const struct weir__coalesce *coalesce, const struct weir_buf *buf)
{
	const uint32_t ethertype = WEIR__ETH_HEADER - 2;

	if (coalesce->layer == WEIR_LAYER_AF && coalesce->framing != WEIR_FRAMING_RAW)
		return WEIR__PREFIX;
	if (coalesce->layer != WEIR_LAYER_L2)
		return 0;
	if (buf->len >= WEIR__ETH_HEADER && weir__load_be16(buf->data + ethertype) == WEIR__ETHERTYPE_VLAN)
		return WEIR__ETH_HEADER + WEIR__ETH_VLAN;
	return WEIR__ETH_HEADER;
}

/* NULL: another kind of packet, or it is not known what it is: a fragment, options, extension headers. */
static const struct kind *kind_of(const uint8_t *network, uint32_t len)
{
	const struct kind *kind = kinds;
	uint8_t protocol;

	if (len < WEIR__IPV4_HEADER + WEIR__UDP_HEADER)
		return NULL;
	if (network[0] == 0x45 &&
	    !(weir__load_be16(network + WEIR__IPV4_FRAGMENT) & WEIR__IPV4_IS_FRAGMENT)) {
		protocol = network[WEIR__IPV4_PROTOCOL];
	} else if (network[0] >> 4 == 6) {
		protocol = network[WEIR__IPV6_NEXT];
		kind += 2;
	} else {
		return NULL;
	}
	if (protocol == IPPROTO_UDP)
		kind++;
	else if (protocol != IPPROTO_TCP)
		return NULL;
	return len >= (uint32_t)kind->network_header + kind->transport_header ? kind : NULL;
}

/* Reads which flow a packet belongs to, whether or not it can be put to others. */
static bool read_flow(const struct weir__coalesce *coalesce, const struct weir_buf *buf,
		      struct packet *packet)
{
	const uint32_t network = network_of(coalesce, buf);
	const uint8_t *ip = buf->data + network;

	if (buf->len < network)
		return false;
	packet->kind = kind_of(ip, buf->len - network);
	if (!packet->kind)
		return false;
	if (coalesce->layer == WEIR_LAYER_L2 &&
	    weir__load_be16(ip - 2) !=
		    (packet->kind->family == 4 ? WEIR__ETHERTYPE_IPV4 : WEIR__ETHERTYPE_IPV6))
		return false;
	packet->buf = buf;
	packet->network = network;
	packet->transport = network + packet->kind->network_header;
	packet->key = key_of(packet->kind, ip);
	return true;
}

/* Nothing but data, as most segments are; a piece gets no other flags than the head has. */
static bool read_tcp(struct packet *packet)
{
	const uint16_t word = weir__load_be16(packet->buf->data + packet->transport + WEIR__TCP_DATA_OFFSET);
	const uint32_t header = (word >> 12) * 4u;

	packet->header = packet->transport + header;
	return (word & 0x0fff & ~WEIR__TCP_PSH) == WEIR__TCP_ACK && header >= WEIR__TCP_HEADER;
}

/* A checksum of 0 is none, and a piece would get one. */
static bool read_udp(struct packet *packet)
{
	const uint8_t *udp = packet->buf->data + packet->transport;

	packet->header = packet->transport + WEIR__UDP_HEADER;
	return weir__load_be16(udp + WEIR__UDP_LENGTH) == packet->buf->len - packet->transport &&
	       (udp[WEIR__UDP_CHECKSUM] | udp[WEIR__UDP_CHECKSUM + 1]);
}

/* Whether the packet can be a piece of a super-packet, as far as itself tells. */
static bool read_candidate(const struct weir__coalesce *coalesce, struct packet *packet)
{
	const struct weir_buf *buf = packet->buf;
	const struct kind *kind = packet->kind;
	const uint8_t *ip = buf->data + packet->network;
	const uint32_t length =
		kind->family == 4 ? weir__load_be16(ip + WEIR__IPV4_LENGTH)
				  : weir__load_be16(ip + WEIR__IPV6_LENGTH) + (uint32_t)WEIR__IPV6_HEADER;

	if (buf->gso_type || !(coalesce->offload & kind->offload) || length != buf->len - packet->network)
		return false;
	if (buf->flags & WEIR_BUF_NEEDS_CSUM &&
	    (buf->csum_start != packet->transport || buf->csum_offset != kind->checksum))
		return false;
	if (!(kind->protocol == IPPROTO_TCP ? read_tcp(packet) : read_udp(packet)) ||
	    packet->header >= buf->len)
		return false;
	packet->payload = buf->len - packet->header;
	return true;
}

/* Whether what is common to all pieces is the same in both, n bytes, a multiple of 4. */
static bool have_in_common(const uint8_t *a, const uint8_t *b, const uint8_t *common, uint32_t n)
{
	uint32_t differs = 0;

	for (uint32_t i = 0; i < n; i += 4) {
		uint32_t one, other, mask;

		memcpy(&one, a + i, 4);
		memcpy(&other, b + i, 4);
		memcpy(&mask, common + i, 4);
		differs |= (one ^ other) & mask;
	}
	return !differs;
}

static bool have_same_metadata(const struct weir_buf *a, const struct weir_buf *b)
{
	if ((a->flags ^ b->flags) & WEIR_BUF_VLAN || (a->flags & WEIR_BUF_VLAN && a->vlan != b->vlan))
		return false;
	return a->mark == b->mark && a->peer == b->peer;
}

/* In this order: what is equal in front says how long the next part is. */
static bool have_same_headers(const struct packet *first, const struct packet *packet)
{
	const struct kind *kind = packet->kind;
	const uint8_t *a = first->buf->data, *b = packet->buf->data;
	const uint32_t options = packet->transport + kind->transport_header;

	return kind == first->kind && memcmp(a, b, packet->network) == 0 &&
	       have_in_common(a + packet->network, b + packet->network, kind->network_common,
			      kind->network_header) &&
	       have_in_common(a + packet->transport, b + packet->transport, kind->transport_common,
			      kind->transport_header) &&
	       memcmp(a + options, b + options, packet->header - options) == 0;
}

/* Whether a cut counts the numbers of the item's first packet up to those of this one. */
static bool has_next_numbers(const struct item *item, const struct packet *packet)
{
	const uint8_t *a = item->first.buf->data, *b = packet->buf->data;
	const uint32_t id = packet->network + WEIR__IPV4_ID;
	const uint32_t sequence = packet->transport + WEIR__TCP_SEQUENCE;

	if (packet->kind->family == 4 &&
	    weir__load_be16(b + id) != (uint16_t)(weir__load_be16(a + id) + item->n))
		return false;
	return packet->kind->protocol != IPPROTO_TCP ||
	       weir__load_be32(b + sequence) == weir__load_be32(a + sequence) + item->payload;
}

static bool follows(const struct item *item, const struct packet *packet)
{
	return !item->closed && packet->payload <= item->first.payload &&
	       packet->header + item->payload + packet->payload <= LONGEST &&
	       have_same_headers(&item->first, packet) && has_next_numbers(item, packet) &&
	       have_same_metadata(item->first.buf, packet->buf);
}

/* Whether the checksum of the IPv4 header is right; one that is wrong must not be mended. */
static bool has_right_header(const struct packet *packet)
{
	const uint8_t *ip = packet->buf->data + packet->network;
	uint16_t field;

	if (packet->kind->family == 6)
		return true;
	memcpy(&field, ip + WEIR__IPV4_CHECKSUM, sizeof(field));
	return field != 0xffff && weir__checksum_fold(weir__checksum_add(0, ip, WEIR__IPV4_HEADER)) == 0xffff;
}

/* Copies the payload to its place in what is made. Returns whether all checksums of the packet are right:
 * only then it belongs there. */
static bool copy_payload(const struct item *item, const struct packet *packet, uint32_t at)
{
	const uint8_t *transport = packet->buf->data + packet->transport;
	const uint8_t *payload = packet->buf->data + packet->header;
	uint8_t *to = item->made->data + at;
	uint64_t sum = item->sum + htons((uint16_t)(packet->buf->len - packet->transport));
	uint16_t field;

	memcpy(&field, transport + packet->kind->checksum, sizeof(field));
	if (packet->buf->flags & WEIR_BUF_NEEDS_CSUM) {
		memcpy(to, payload, packet->payload);
		return field == weir__checksum_fold(sum) && has_right_header(packet);
	}
	sum = weir__checksum_add(sum, transport, packet->header - packet->transport) +
	      weir__checksum_copy(to, payload, packet->payload);
	/* 0xffff is a second way to write a checksum of 0, and the one of UDP. */
	return weir__checksum_fold(sum) == 0xffff &&
	       (field != 0xffff || packet->kind->protocol == IPPROTO_UDP) && has_right_header(packet);
}

/* Copies the first packet to where the second one will be put behind it. */
static bool begin(const struct weir__coalesce *coalesce, struct item *item)
{
	const struct packet *first = &item->first;
	const uint8_t *ip = first->buf->data + first->network;
	const uint8_t protocol = first->kind->protocol;

	if (!coalesce->n_jumbo)
		return false;
	item->made = &coalesce->bufs[coalesce->jumbo[coalesce->n_jumbo - 1]];
	item->made->data = item->made->room + coalesce->headroom;
	item->sum = first->kind->family == 4 ? weir__checksum_pseudo4(ip + WEIR__IPV4_ADDRESSES, protocol, 0)
					     : weir__checksum_pseudo6(ip + WEIR__IPV6_ADDRESSES, protocol, 0);
	memcpy(item->made->data, first->buf->data, first->header);
	return copy_payload(item, first, first->header);
}

static bool has_push(const struct packet *packet)
{
	return packet->kind->protocol == IPPROTO_TCP &&
	       packet->buf->data[packet->transport + WEIR__TCP_FLAGS] & WEIR__TCP_PSH;
}

/* Puts the packet behind those of the item, if it belongs there. */
static bool append(struct weir__coalesce *coalesce, struct item *item, const struct packet *packet,
		   uint32_t index)
{
	const struct packet *first = &item->first;

	if (!follows(item, packet) || (item->n == 1 && !begin(coalesce, item)) ||
	    !copy_payload(item, packet, first->header + item->payload))
		return false;
	if (item->n == 1) {
		coalesce->used[coalesce->n_used++] = coalesce->index[item->place];
		coalesce->index[item->place] = coalesce->jumbo[--coalesce->n_jumbo];
		coalesce->made++;
	}
	coalesce->used[coalesce->n_used++] = index;
	item->n++;
	item->payload += packet->payload;
	if (has_push(packet))
		item->made->data[first->transport + WEIR__TCP_FLAGS] |= WEIR__TCP_PSH;
	item->closed = has_push(packet) || packet->payload < first->payload;
	return true;
}

static void set_metadata(const struct item *item)
{
	const struct packet *first = &item->first;
	struct weir_buf *made = item->made;

	made->len = first->header + item->payload;
	made->arrival = first->buf->arrival;
	made->framing = first->buf->framing;
	made->family = first->kind->family;
	made->gso_type = first->kind->gso_type;
	made->gso_size = (uint16_t)first->payload;
	made->csum_start = (uint16_t)first->transport;
	made->csum_offset = first->kind->checksum;
	made->hdr_len = (uint16_t)first->header;
	made->vlan = first->buf->vlan;
	made->flags = first->buf->flags | WEIR_BUF_NEEDS_CSUM;
	made->mark = first->buf->mark;
	made->peer = first->buf->peer;
}

/* Makes one packet of the bytes: lengths, and the checksum as a device is to complete it. */
static void finish(const struct item *item)
{
	const struct packet *first = &item->first;
	const uint16_t length = (uint16_t)(first->header - first->transport + item->payload);
	uint8_t *ip, *transport;
	uint16_t sum;

	if (item->n == 1)
		return;
	set_metadata(item);
	ip = item->made->data + first->network;
	transport = item->made->data + first->transport;
	if (first->kind->family == 4) {
		weir__store_be16(ip + WEIR__IPV4_LENGTH, (uint16_t)(WEIR__IPV4_HEADER + length));
		memset(ip + WEIR__IPV4_CHECKSUM, 0, sizeof(sum));
		sum = weir__checksum_finish(weir__checksum_add(0, ip, WEIR__IPV4_HEADER));
		memcpy(ip + WEIR__IPV4_CHECKSUM, &sum, sizeof(sum));
	} else {
		weir__store_be16(ip + WEIR__IPV6_LENGTH, length);
	}
	if (first->kind->protocol == IPPROTO_UDP)
		weir__store_be16(transport + WEIR__UDP_LENGTH, length);
	sum = weir__checksum_fold(item->sum + htons(length));
	memcpy(transport + first->kind->checksum, &sum, sizeof(sum));
}

static void finish_all(struct items *items)
{
	for (uint32_t i = 0; i < items->n; i++)
		finish(&items->item[i]);
	items->n = 0;
}

/* The packet is the last one of its flow now, in place of item i if there is one. */
static void open_item(struct items *items, uint32_t i, const struct packet *packet, uint32_t place)
{
	if (i < items->n)
		finish(&items->item[i]);
	else
		items->n++;
	items->key[i] = packet->key;
	items->item[i] = (struct item){
		.first = *packet,
		.place = place,
		.n = 1,
		.payload = packet->payload,
		.closed = has_push(packet),
	};
}

static void take(struct weir__coalesce *coalesce, struct items *items, uint32_t index)
{
	struct packet packet;
	uint32_t i = 0;

	if (!read_flow(coalesce, &coalesce->bufs[index], &packet)) {
		/* It may belong to any flow. */
		finish_all(items);
		coalesce->index[coalesce->n++] = index;
		return;
	}
	while (i < items->n && items->key[i] != packet.key)
		i++;
	if (!read_candidate(coalesce, &packet)) {
		if (i < items->n)
			items->item[i].closed = true;
	} else {
		if (i < items->n && append(coalesce, &items->item[i], &packet, index))
			return;
		open_item(items, i, &packet, coalesce->n);
	}
	coalesce->index[coalesce->n++] = index;
}

void weir__coalesce(struct weir__coalesce *coalesce, const uint32_t *index, uint32_t n)
{
	struct items items;

	coalesce->n = 0;
	coalesce->n_used = 0;
	coalesce->made = 0;
	if (n < 2 || !coalesce->n_jumbo) {
		memcpy(coalesce->index, index, n * sizeof(*index));
		coalesce->n = n;
		return;
	}
	items.n = 0;
	for (uint32_t i = 0; i < n; i++)
		take(coalesce, &items, index[i]);
	finish_all(&items);
}
