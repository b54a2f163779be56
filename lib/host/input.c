/* SPDX-License-Identifier: Apache-2.0 */
/* What the network says to the host: ARP, neighbour discovery, DHCP. Nothing of it is trusted. */
#include "arp.h"
#include "bytes.h"
#include "headers.h"
#include "host.h"
#include "ip.h"

/* A frame that is being looked at. */
struct frame {
	struct weir_host *host;
	const uint8_t *mac; /* of its sender */
	bool to_us;         /* alone */
	uint64_t now;
};

static bool takes(const struct frame *frame, enum weir__host_class class)
{
	return weir__limit_take(&frame->host->limit[class], frame->now);
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

static struct weir__ip ip4(const uint8_t *address)
{
	struct weir__ip ip = { .family = 4 };

	memcpy(ip.bytes, address, 4);
	return ip;
}

static struct weir__ip ip6(const uint8_t *address)
{
	struct weir__ip ip = { .family = 6 };

	memcpy(ip.bytes, address, 16);
	return ip;
}

/* Whether somebody on the link may have this address, so that it is worth an entry. */
static bool may_be_neighbour(const struct weir_host *host, const struct weir__ip *ip)
{
	const struct weir__key key = weir__key(ip);
	struct weir__key next;
	uint64_t generation;
	uint8_t mac[6];

	if (ip->family == 4 ? ip->bytes[0] == 0 || ip->bytes[0] >= 224 : ip->bytes[0] == 0xff)
		return false;
	if (!weir__hops_next(&host->hops, key, &next) || !weir__key_equal(key, next))
		return false;
	/* The broadcast address of a subnet. */
	return weir__hops_find(&host->hops, key, mac, &generation) != WEIR__HOPS_MAC || !(mac[0] & 1);
}

/* Of a message about a neighbour, whichever family. */
static enum weir__host_result tell(const struct frame *frame, const struct weir__ip *ip, const uint8_t *mac,
				   bool answers)
{
	struct weir_host *host = frame->host;
	const bool expected = answers && weir__neighbours_expects(&host->neighbours, ip, mac);

	if (!takes(frame, expected ? WEIR__HOST_ANSWER : WEIR__HOST_UNASKED))
		return WEIR__HOST_FLOOD;
	weir__neighbours_told(&host->neighbours, ip, mac, expected ? WEIR__TOLD_ANSWER : WEIR__TOLD_UNASKED,
			      frame->now);
	return WEIR__HOST_TAKEN;
}

static enum weir__host_result conflict(const struct frame *frame, struct weir__own *own)
{
	if (!takes(frame, WEIR__HOST_UNASKED))
		return WEIR__HOST_FLOOD;
	weir__owns_conflict(&frame->host->owns, own, frame->now);
	return WEIR__HOST_TAKEN;
}

/* Whether a question of that sender's is answered now. */
static bool answers(const struct frame *frame, const struct weir__ip *sender, const uint8_t *mac)
{
	switch (weir__neighbours_may(&frame->host->neighbours, sender, mac, frame->now)) {
	case WEIR__MAY_ASK:
		return true;
	case WEIR__MAY_NOT_YET:
		break;
	case WEIR__MAY_UNKNOWN:
		return takes(frame, WEIR__HOST_REQUEST);
	}
	return false;
}

static void asked_by(const struct frame *frame, const struct weir__ip *sender, const uint8_t *mac)
{
	if (may_be_neighbour(frame->host, sender))
		weir__neighbours_told(&frame->host->neighbours, sender, mac, WEIR__TOLD_REQUEST, frame->now);
}

static enum weir__host_result arp_request(const struct frame *frame, const struct weir__arp *arp,
					  struct weir__own *target)
{
	const struct weir__ip sender = ip4(arp->sender);
	const bool probes = is_zero(arp->sender, 4);

	if (target->state == WEIR_HOST_TENTATIVE && probes)
		return conflict(frame, target); /* two at once: RFC 5227 §2.1.1 */
	if (!weir__own_is_used(target))
		return WEIR__HOST_UNWANTED;
	if (!answers(frame, &sender, arp->sender_mac))
		return WEIR__HOST_FLOOD;
	weir__host_answer_arp(frame->host, arp->target, arp->sender_mac, arp->sender);
	if (!probes)
		asked_by(frame, &sender, arp->sender_mac);
	return WEIR__HOST_TAKEN;
}

static enum weir__host_result take_arp(const struct frame *frame, const uint8_t *bytes, size_t size)
{
	struct weir__owns *owns = &frame->host->owns;
	struct weir__own *own, *target;
	struct weir__ip sender, asked;
	struct weir__arp arp;

	if (!weir__arp_parse(bytes, size, &arp) || !weir__mac_is_station(arp.sender_mac))
		return WEIR__HOST_MALFORMED;
	if (memcmp(arp.sender_mac, frame->host->mac, 6) == 0)
		return WEIR__HOST_UNWANTED; /* our own, that somebody sent back */
	sender = ip4(arp.sender);
	asked = ip4(arp.target);
	own = weir__owns_find(owns, &sender);
	target = weir__owns_find(owns, &asked);
	if (own)
		return conflict(frame, own);
	if (target && !arp.reply)
		return arp_request(frame, &arp, target);
	return tell(frame, &sender, arp.sender_mac, arp.reply && frame->to_us && target);
}

static enum weir__host_result take_solicitation(const struct frame *frame, const struct weir__nd *nd)
{
	const struct weir__ip sender = ip6(nd->from), asked = ip6(nd->target);
	struct weir__own *own = weir__owns_find(&frame->host->owns, &asked);
	const uint8_t *mac = nd->has_mac ? nd->mac : frame->mac;
	const bool probes = is_zero(nd->from, 16);

	if (!own)
		return WEIR__HOST_UNWANTED;
	if (own->state == WEIR_HOST_TENTATIVE && probes)
		return conflict(frame, own);
	if (!weir__own_is_used(own))
		return WEIR__HOST_UNWANTED;
	if (!answers(frame, &sender, mac))
		return WEIR__HOST_FLOOD;
	weir__host_answer_nd(frame->host, nd->target, mac, probes ? NULL : nd->from);
	if (!probes && nd->has_mac)
		asked_by(frame, &sender, nd->mac);
	return WEIR__HOST_TAKEN;
}

static enum weir__host_result take_advertisement(const struct frame *frame, const struct weir__nd *nd)
{
	struct weir_host *host = frame->host;
	const struct weir__ip ip = ip6(nd->target);
	struct weir__own *own = weir__owns_find(&host->owns, &ip);
	const bool solicited = nd->solicited && frame->to_us;
	const uint8_t *mac = nd->has_mac ? nd->mac : NULL;

	if (own)
		return conflict(frame, own);
	/* RFC 4861 §7.2.5: it was a router and is none any more; believed only where it was asked. */
	if (solicited && !nd->router && weir__neighbours_expects(&host->neighbours, &ip, mac))
		host->routes_changed |= weir__routers_remove(&host->routers, nd->target);
	return tell(frame, &ip, mac, solicited);
}

static enum weir__host_result take_router(const struct frame *frame, const struct weir__nd *nd)
{
	const struct weir__ip router = ip6(nd->from);
	struct weir_host *host = frame->host;

	if (!host->slaac)
		return WEIR__HOST_UNWANTED;
	if (!takes(frame, WEIR__HOST_ROUTER))
		return WEIR__HOST_FLOOD;
	host->routes_changed |= weir__routers_input(&host->routers, nd, frame->now);
	host->solicitations_left = 0;
	host->solicit_at = UINT64_MAX;
	if (nd->has_mac)
		weir__neighbours_told(&host->neighbours, &router, nd->mac, WEIR__TOLD_UNASKED, frame->now);
	return WEIR__HOST_TAKEN;
}

static enum weir__host_result take_ipv6(const struct frame *frame, const uint8_t *packet, size_t size)
{
	const struct weir__ip_check ip = weir__ip_check(packet, (uint32_t)size);
	struct weir__nd nd;

	if (frame->host->no_ipv6)
		return WEIR__HOST_UNWANTED;
	if (ip.verdict != WEIR_NEXT || ip.family != 6 || !weir__nd_parse(packet, ip.length, &nd))
		return WEIR__HOST_MALFORMED;
	if (nd.has_mac && !weir__mac_is_station(nd.mac))
		return WEIR__HOST_MALFORMED;
	switch (nd.type) {
	case WEIR__ND_NS:
		return take_solicitation(frame, &nd);
	case WEIR__ND_NA:
		return take_advertisement(frame, &nd);
	case WEIR__ND_RA:
		return take_router(frame, &nd);
	}
	return WEIR__HOST_UNWANTED; /* we are no router */
}

static enum weir__host_result take_ipv4(const struct frame *frame, const uint8_t *packet, size_t size)
{
	const struct weir__ip_check ip = weir__ip_check(packet, (uint32_t)size);
	struct weir_host *host = frame->host;

	if (!host->dhcp || !host->carrier)
		return WEIR__HOST_UNWANTED;
	if (ip.verdict != WEIR_NEXT || ip.family != 4)
		return WEIR__HOST_MALFORMED;
	if (!takes(frame, WEIR__HOST_DHCP))
		return WEIR__HOST_FLOOD;
	if (!weir__dhcp_input(host->dhcp, packet, ip.length, frame->now))
		return WEIR__HOST_UNWANTED;
	weir__host_wake(host, frame->now);
	return WEIR__HOST_TAKEN;
}

static enum weir__host_result take(const struct frame *frame, const uint8_t *bytes, size_t size)
{
	size_t header = WEIR__ETH_HEADER;
	uint16_t type = weir__load_be16(bytes + header - 2);

	if (type == WEIR__ETHERTYPE_VLAN) {
		header += WEIR__ETH_VLAN;
		if (size < header)
			return WEIR__HOST_MALFORMED;
		type = weir__load_be16(bytes + header - 2);
	}
	switch (type) {
	case WEIR__ETHERTYPE_ARP:
		return take_arp(frame, bytes + header, size - header);
	case WEIR__ETHERTYPE_IPV4:
		return take_ipv4(frame, bytes + header, size - header);
	case WEIR__ETHERTYPE_IPV6:
		return take_ipv6(frame, bytes + header, size - header);
	}
	return WEIR__HOST_UNWANTED;
}

enum weir__host_result weir__host_input(struct weir_host *host, const uint8_t *bytes, size_t size,
					uint64_t now)
{
	const struct frame frame = {
		.host = host,
		.mac = bytes + 6,
		.to_us = size >= 6 && memcmp(bytes, host->mac, 6) == 0,
		.now = now,
	};
	enum weir__host_result result;

	if (size < WEIR__ETH_HEADER)
		return WEIR__HOST_MALFORMED;
	/* What came before the link was lost may still be on its way here; and our own may be sent back. */
	if (!host->carrier || !weir__mac_is_station(frame.mac) || memcmp(frame.mac, host->mac, 6) == 0)
		return WEIR__HOST_UNWANTED;
	result = take(&frame, bytes, size);
	host->flood_drops += result == WEIR__HOST_FLOOD;
	return result;
}
