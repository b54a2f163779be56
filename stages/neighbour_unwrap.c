/* SPDX-License-Identifier: Apache-2.0 */
#include <weir/host.h>

#include "headers.h"
#include "host/host.h"
#include "ip.h"

struct config {
	const struct weir_host *host;
	uint8_t own[6];
	bool all_groups;
};

struct state {
	uint64_t tags_removed;
	uint64_t trimmed;
};

enum { RUNT = WEIR__IP_REASONS_N, DESTINATION, GROUP, LOOPED, NOT_IP, MISMATCH, HIDDEN };

static const struct weir_reason reasons[] = {
	WEIR__IP_REASONS,
	[RUNT] = { "runt", "fewer bytes than an Ethernet header has" },
	[DESTINATION] = { "destination", "for another station" },
	[GROUP] = { "group", "for a group that the host is not in, and all_groups is not set" },
	[LOOPED] = { "looped", "from the host's own address: the network sent it back" },
	[NOT_IP] = { "not_ip", "neither IPv4, IPv6 nor ARP by the EtherType" },
	[MISMATCH] = { "ethertype_mismatch", "the EtherType says another IP version than the packet" },
	[HIDDEN] = { "hidden_discovery",
		     "neighbour discovery behind extension headers, where nobody looks for it" },
	{ 0 },
};

static const struct weir_counter counters[] = {
	{ "tags_removed", "802.1Q tags taken off", offsetof(struct state, tags_removed) },
	{ "trimmed", "packets that were followed by padding, now cut off", offsetof(struct state, trimmed) },
	{ 0 },
};

static int neighbour_unwrap_configure(void *memory, const void *memory_options,
				      const struct weir_place *place, struct weir_error *err)
{
	const struct weir_neighbour_unwrap *options = memory_options;
	struct config *config = memory;

	(void)place;
	if (!options->host)
		return weir_invalid(err, "host", "there is none: weir_host_create() makes it");
	config->host = options->host;
	memcpy(config->own, options->host->mac, sizeof(config->own));
	config->all_groups = options->all_groups;
	return 0;
}

/* Groups that each host is in: everybody; all systems (RFC 1112); all nodes and the solicited-node groups
 * (RFC 4291 §2.8), of which the host itself knows better. */
static bool takes_group(const uint8_t *mac, const struct config *config)
{
	static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	static const uint8_t all_systems[6] = { 0x01, 0x00, 0x5e, 0x00, 0x00, 0x01 };
	static const uint8_t all_nodes[6] = { 0x33, 0x33, 0x00, 0x00, 0x00, 0x01 };
	static const uint8_t solicited_node[3] = { 0x33, 0x33, 0xff };

	return config->all_groups || memcmp(mac, everybody, 6) == 0 || memcmp(mac, all_systems, 6) == 0 ||
	       memcmp(mac, all_nodes, 6) == 0 || memcmp(mac, solicited_node, 3) == 0;
}

static inline bool is_discovery_type(uint8_t type)
{
	return type >= WEIR__ND_RS && type <= WEIR__ND_REDIRECT;
}

/*
 * The kernel behind an L3 device must see no neighbour discovery at all: it would take a router's word. So
 * what hides behind extension headers is looked for too (RFC 8200 §4.1); the first fragment of a packet is
 * enough, the kernel takes none that is in fragments (RFC 6980).
 */
static weir_verdict check_extensions(const uint8_t *packet, uint32_t len)
{
	enum { HOP_BY_HOP = 0, ROUTING = 43, ICMPV6 = 58, DESTINATION_OPTIONS = 60 };
	uint32_t at = WEIR__IPV6_HEADER;
	uint8_t next = packet[WEIR__IPV6_NEXT];

	while (next == HOP_BY_HOP || next == ROUTING || next == DESTINATION_OPTIONS) {
		if (len < at + 8)
			return WEIR_NEXT;
		next = packet[at];
		at += 8 + packet[at + 1] * 8u;
	}
	return next == ICMPV6 && at < len && is_discovery_type(packet[at]) ? WEIR_DROP(HIDDEN) : WEIR_NEXT;
}

static inline weir_verdict classify_ipv6(const uint8_t *packet, uint32_t len)
{
	enum { ICMPV6 = 58, TCP = 6, UDP = 17 };
	const uint8_t next = packet[WEIR__IPV6_NEXT];

	if (WEIR_LIKELY(next == TCP || next == UDP))
		return WEIR_NEXT;
	if (next == ICMPV6)
		return len > WEIR__IPV6_HEADER && is_discovery_type(packet[WEIR__IPV6_HEADER]) ? WEIR_EXIT(0)
											       : WEIR_NEXT;
	return check_extensions(packet, len);
}

/* From a DHCP server to a client, while there is one. */
static inline bool is_dhcp(const uint8_t *packet, uint32_t len, const struct config *config)
{
	enum { UDP = 17, SERVER = 67, CLIENT = 68 };
	const uint32_t header = (packet[0] & 0x0fu) * 4;

	return packet[WEIR__IPV4_PROTOCOL] == UDP && len >= header + WEIR__UDP_HEADER &&
	       weir__load_be32(packet + header) == (SERVER << 16 | CLIENT) &&
	       !(weir__load_be16(packet + WEIR__IPV4_FRAGMENT) & WEIR__IPV4_IS_FRAGMENT) &&
	       weir__host_takes_dhcp(config->host);
}

/* Whose the packet is: the host's, which leaves by the exit, or the device's. */
static inline weir_verdict classify(const uint8_t *packet, const struct weir__ip_check *ip, uint16_t type,
				    const struct config *config)
{
	if (WEIR_UNLIKELY(ip->verdict != WEIR_NEXT))
		return ip->verdict;
	if (WEIR_UNLIKELY((type == WEIR__ETHERTYPE_IPV4) != (ip->family == 4)))
		return WEIR_DROP(MISMATCH);
	if (ip->family == 6)
		return classify_ipv6(packet, ip->length);
	return WEIR_UNLIKELY(is_dhcp(packet, ip->length, config)) ? WEIR_EXIT(0) : WEIR_NEXT;
}

static inline weir_verdict admit(const uint8_t *frame, const struct config *config)
{
	if (WEIR_UNLIKELY(memcmp(frame, config->own, 6) != 0)) {
		if (!(frame[0] & 1))
			return WEIR_DROP(DESTINATION);
		if (!takes_group(frame, config))
			return WEIR_DROP(GROUP);
	}
	return WEIR_UNLIKELY(memcmp(frame + 6, config->own, 6) == 0) ? WEIR_DROP(LOOPED) : WEIR_NEXT;
}

static inline weir_verdict unwrap(struct weir_buf *buf, uint32_t header, const struct config *config,
				  struct state *state)
{
	const uint16_t type = weir__load_be16(buf->data + header - 2);
	struct weir__ip_check ip;
	weir_verdict verdict;

	if (type == WEIR__ETHERTYPE_ARP)
		return WEIR_EXIT(0);
	if (WEIR_UNLIKELY(type != WEIR__ETHERTYPE_IPV4 && type != WEIR__ETHERTYPE_IPV6))
		return WEIR_DROP(NOT_IP);
	ip = weir__ip_check(buf->data + header, buf->len - header);
	verdict = classify(buf->data + header, &ip, type, config);
	if (WEIR_UNLIKELY(verdict != WEIR_NEXT))
		return verdict;
	weir_buf_pull(buf, header);
	weir_buf_shift(buf, -(int)header);
	weir__ip_accept(buf, &ip, &state->trimmed);
	return WEIR_NEXT;
}

/* Out of line: only tagged frames come here. A frame for the host keeps its tag. */
static weir_verdict untag(struct weir_buf *buf, const struct config *config, struct state *state)
{
	enum { HEADER = WEIR__ETH_HEADER + WEIR__ETH_VLAN };
	weir_verdict verdict;

	if (buf->len < HEADER)
		return WEIR_DROP(RUNT);
	verdict = unwrap(buf, HEADER, config, state);
	if (verdict == WEIR_NEXT)
		weir_count(&state->tags_removed, 1);
	return verdict;
}

static inline weir_verdict neighbour_unwrap(struct weir_buf *buf, const struct config *config,
					    struct state *state)
{
	weir_verdict verdict;

	if (WEIR_UNLIKELY(buf->len < WEIR__ETH_HEADER))
		return WEIR_DROP(RUNT);
	verdict = admit(buf->data, config);
	if (WEIR_UNLIKELY(verdict != WEIR_NEXT))
		return verdict;
	if (WEIR_UNLIKELY(weir__load_be16(buf->data + WEIR__ETH_HEADER - 2) == WEIR__ETHERTYPE_VLAN))
		return untag(buf, config, state);
	return unwrap(buf, WEIR__ETH_HEADER, config, state);
}

WEIR_PROCESS(neighbour_unwrap_vector, neighbour_unwrap, struct config, struct state)

static const struct weir_option options[] = {
	WEIR_OPTION(struct weir_neighbour_unwrap, host, OBJECT, "for whom frames are; required"),
	WEIR_OPTION(struct weir_neighbour_unwrap, all_groups, BOOL, "take frames to all group addresses"),
	{ 0 },
};

const struct weir_stage_type weir_neighbour_unwrap_type = {
	.name = "neighbour_unwrap",
	.help = "take the Ethernet header off what is for a host, and leave it what it must see",
	.offload = WEIR_OFFLOAD_ALL,
	.takes = WEIR_LAYER_L2,
	.gives = WEIR_LAYER_L3,
	.exits = 1,
	.reasons = reasons,
	.counters = counters,
	.options = options,
	.options_size = sizeof(struct weir_neighbour_unwrap),
	.config_size = sizeof(struct config),
	.state_size = sizeof(struct state),
	.configure = neighbour_unwrap_configure,
	.process = neighbour_unwrap_vector,
};
