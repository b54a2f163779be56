/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "arp.h"
#include "bytes.h"
#include "clock.h"
#include "host.h"
#include "ip.h"

#define OUT_MAX 256 /* packets of others on their way out */

static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* The descriptor says whether there is anything: what the port's worker sleeps on. */
static void set_readable(const struct weir_host *host, bool readable)
{
	uint64_t n = 1;

	/* It cannot block: the counter is only ever 0 or 1. */
	if (readable ? write(host->out_fd, &n, sizeof(n)) < 0 : read(host->out_fd, &n, sizeof(n)) < 0)
		return;
}

static void count_out(struct weir_host *host, uint32_t n)
{
	if (!host->out_n != !n)
		set_readable(host, n);
	__atomic_store_n(&host->out_n, n, __ATOMIC_RELEASE);
}

struct weir__frame *weir__host_peek(struct weir_host *host)
{
	return host->out_control.n ? host->out_control.first : host->out.first;
}

void weir__host_sent(struct weir_host *host)
{
	if (host->out_control.n)
		weir__frame_put(&host->control.free, weir__frame_take(&host->out_control));
	else
		weir__frame_put(&host->frames.free, weir__frame_take(&host->out));
	count_out(host, host->out_n - 1);
	if (!host->out_n)
		pthread_cond_broadcast(&host->moved);
}

void weir__host_flush(struct weir_host *host)
{
	while (host->out_n) {
		host->out_drops++;
		weir__host_sent(host);
	}
}

/* A frame of the host's own, with its Ethernet header; NULL: too many wait already. */
static struct weir__frame *begin(struct weir_host *host, const uint8_t to[6], uint16_t type, size_t size)
{
	struct weir__frame *frame = NULL;

	if (host->carrier && size + WEIR__ETH_HEADER <= host->control.size)
		frame = weir__frame_take(&host->control.free);
	if (!frame) {
		host->out_drops++;
		return NULL;
	}
	frame->len = (uint32_t)(WEIR__ETH_HEADER + size);
	memcpy(frame->bytes, to, 6);
	memcpy(frame->bytes + 6, host->mac, 6);
	weir__store_be16(frame->bytes + 12, type);
	return frame;
}

/* Others pad the frames of the data path where asked to; these are few, and always padded. */
static void end(struct weir_host *host, struct weir__frame *frame)
{
	if (frame->len < WEIR__ETH_FRAME_MIN) {
		memset(frame->bytes + frame->len, 0, WEIR__ETH_FRAME_MIN - frame->len);
		frame->len = WEIR__ETH_FRAME_MIN;
	}
	weir__frame_put(&host->out_control, frame);
	count_out(host, host->out_n + 1);
}

static void send_arp(struct weir_host *host, const uint8_t to[6], const struct weir__arp *arp)
{
	struct weir__frame *frame = begin(host, to, WEIR__ETHERTYPE_ARP, WEIR__ARP_SIZE);

	if (!frame)
		return;
	weir__arp_write(frame->bytes + WEIR__ETH_HEADER, arp);
	end(host, frame);
}

/* ARP of ours: a request, or an answer to that neighbour. */
static struct weir__arp arp_of(const struct weir_host *host, const uint8_t *sender, const uint8_t *target)
{
	struct weir__arp arp = { .reply = false };

	memcpy(arp.sender_mac, host->mac, 6);
	if (sender)
		memcpy(arp.sender, sender, 4);
	memcpy(arp.target, target, 4);
	return arp;
}

static void send_nd(struct weir_host *host, const uint8_t mac[6], struct weir__nd *nd)
{
	uint8_t packet[WEIR__ND_MAX];
	struct weir__frame *frame;
	size_t size;

	memcpy(nd->mac, host->mac, 6);
	size = weir__nd_write(packet, nd);
	frame = begin(host, mac, WEIR__ETHERTYPE_IPV6, size);
	if (!frame)
		return;
	memcpy(frame->bytes + WEIR__ETH_HEADER, packet, size);
	end(host, frame);
}

static void send_nd_to_group(struct weir_host *host, struct weir__nd *nd)
{
	struct weir__ip group = { .family = 6 };
	uint8_t mac[6];

	memcpy(group.bytes, nd->to, 16);
	weir__mac_of_group(&group, mac);
	send_nd(host, mac, nd);
}

static bool shares_prefix(const struct weir__own *own, const struct weir__ip *ip)
{
	const struct weir__prefix prefix = weir__prefix(&own->ip, own->bits, NULL);
	const struct weir__key key = weir__key(ip);

	return (key.high & prefix.mask.high) == prefix.net.high &&
	       (key.low & prefix.mask.low) == prefix.net.low;
}

/* The address that we ask for a neighbour with: one of its prefix, else any. NULL: there is none yet. */
static const uint8_t *source_for(const struct weir_host *host, const struct weir__ip *ip)
{
	const struct weir__own *any = NULL;

	for (unsigned i = 0; i < host->owns.n; i++) {
		const struct weir__own *own = &host->owns.own[i];

		if (own->ip.family != ip->family || !weir__own_is_used(own))
			continue;
		if (shares_prefix(own, ip))
			return own->ip.bytes;
		any = any ? any : own;
	}
	return any ? any->ip.bytes : NULL;
}

static void solicit_nd(struct weir_host *host, const struct weir__ip *ip, const uint8_t *mac,
		       const uint8_t *from)
{
	struct weir__nd nd = { .type = WEIR__ND_NS, .has_mac = from };

	if (from)
		memcpy(nd.from, from, 16);
	memcpy(nd.target, ip->bytes, 16);
	if (mac) {
		memcpy(nd.to, ip->bytes, 16);
		send_nd(host, mac, &nd);
	} else {
		weir__nd_solicited_node(ip->bytes, nd.to);
		send_nd_to_group(host, &nd);
	}
}

void weir__host_solicit(void *context, const struct weir__neighbour *neighbour, bool all)
{
	struct weir_host *host = context;
	const uint8_t *from = source_for(host, &neighbour->ip);
	struct weir__arp arp;

	/* Without an address of our own nobody could answer, and others would take it for a probe. */
	if (!from)
		return;
	if (neighbour->ip.family == 6) {
		solicit_nd(host, &neighbour->ip, all ? NULL : neighbour->mac, from);
		return;
	}
	arp = arp_of(host, from, neighbour->ip.bytes);
	send_arp(host, all ? everybody : neighbour->mac, &arp);
}

void weir__host_probe(void *context, const struct weir__own *own)
{
	struct weir_host *host = context;
	struct weir__arp arp;

	if (own->ip.family == 6) {
		solicit_nd(host, &own->ip, NULL, NULL);
		return;
	}
	arp = arp_of(host, NULL, own->ip.bytes);
	send_arp(host, everybody, &arp);
}

void weir__host_announce(void *context, const struct weir__own *own)
{
	struct weir_host *host = context;
	struct weir__arp arp;

	if (own->ip.family == 6) {
		weir__host_answer_nd(host, own->ip.bytes, NULL, NULL);
		return;
	}
	arp = arp_of(host, own->ip.bytes, own->ip.bytes);
	send_arp(host, everybody, &arp);
}

void weir__host_answer_arp(struct weir_host *host, const uint8_t own[4], const uint8_t mac[6],
			   const uint8_t to[4])
{
	struct weir__arp arp = arp_of(host, own, to);

	arp.reply = true;
	memcpy(arp.target_mac, mac, 6);
	host->replies++;
	send_arp(host, mac, &arp);
}

void weir__host_answer_nd(struct weir_host *host, const uint8_t own[16], const uint8_t *mac,
			  const uint8_t *to)
{
	struct weir__nd nd = { .type = WEIR__ND_NA, .override = true, .has_mac = true, .solicited = to };

	memcpy(nd.from, own, 16);
	memcpy(nd.target, own, 16);
	memcpy(nd.to, to ? to : weir__nd_all_nodes, 16);
	if (to) {
		host->replies++;
		send_nd(host, mac, &nd);
	} else {
		send_nd_to_group(host, &nd);
	}
}

void weir__host_solicit_router(struct weir_host *host)
{
	struct weir__nd nd = { .type = WEIR__ND_RS, .has_mac = true };

	memcpy(nd.from, host->link_local, 16);
	memcpy(nd.to, weir__nd_all_routers, 16);
	send_nd_to_group(host, &nd);
}

void weir__host_transmit(void *context, struct weir__frame *frame)
{
	struct weir_host *host = context;

	if (!host->carrier || host->out.n == OUT_MAX) {
		host->out_drops++;
		weir__frame_put(&host->frames.free, frame);
		return;
	}
	weir__frame_put(&host->out, frame);
	count_out(host, host->out_n + 1);
}

static struct weir__key destination(const uint8_t *packet)
{
	return packet[0] >> 4 == 4 ? weir__key4(packet + 16) : weir__key6(packet + 24);
}

/* Sends a frame that lacks its destination. */
static enum weir__host_result route(struct weir_host *host, struct weir__key to, struct weir__frame *frame,
				    uint64_t now)
{
	struct weir__key next;
	struct weir__ip ip;
	uint64_t generation;

	if (weir__hops_find(&host->hops, to, frame->bytes, &generation) == WEIR__HOPS_MAC) {
		weir__host_transmit(host, frame);
		return WEIR__HOST_TAKEN;
	}
	if (!weir__hops_next(&host->hops, to, &next)) {
		weir__frame_put(&host->frames.free, frame);
		return WEIR__HOST_NO_WAY;
	}
	ip = weir__key_ip(next);
	weir__neighbours_send(&host->neighbours, &ip, !weir__key_equal(next, to), frame, now);
	return WEIR__HOST_TAKEN;
}

enum weir__host_result weir__host_send(struct weir_host *host, const uint8_t *packet, size_t size,
				       uint64_t now)
{
	const struct weir__ip_check ip = weir__ip_check(packet, (uint32_t)size);
	struct weir__frame *frame;

	if (ip.verdict != WEIR_NEXT)
		return WEIR__HOST_MALFORMED;
	if (!host->carrier)
		return WEIR__HOST_DOWN;
	if (size + WEIR__ETH_HEADER > host->frames.size)
		return WEIR__HOST_TOO_LONG;
	frame = weir__frame_take(&host->frames.free);
	if (!frame)
		return WEIR__HOST_NO_ROOM;
	frame->len = (uint32_t)(size + WEIR__ETH_HEADER);
	memcpy(frame->bytes + 6, host->mac, 6);
	weir__store_be16(frame->bytes + 12, ip.family == 4 ? WEIR__ETHERTYPE_IPV4 : WEIR__ETHERTYPE_IPV6);
	memcpy(frame->bytes + WEIR__ETH_HEADER, packet, size);
	return route(host, destination(packet), frame, now);
}

void weir__host_send_dhcp(void *context, const uint8_t *packet, size_t size)
{
	struct weir_host *host = context;
	struct weir__frame *frame;

	if (weir__load_be32(packet + 16) != UINT32_MAX) {
		if (weir__host_send(host, packet, size, weir__now()) != WEIR__HOST_TAKEN)
			host->out_drops++;
		return;
	}
	frame = begin(host, everybody, WEIR__ETHERTYPE_IPV4, size);
	if (!frame)
		return;
	memcpy(frame->bytes + WEIR__ETH_HEADER, packet, size);
	end(host, frame);
}
