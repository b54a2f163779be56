/* SPDX-License-Identifier: Apache-2.0 */
#include <weir/host.h>

#include "host/host.h"
#include "wrap.h"

/* So many destinations are known without a look into the host's tables. */
#define SLOTS_LOG 6

struct config {
	const struct weir__hops *hops;
	uint8_t source[6];
	uint8_t link_local[16];
	bool pad;
};

/* What was found last for a destination; right while the host's tables are of that generation. A state
 * outlives a config, but no two hosts have the same generations. */
struct slot {
	struct weir__key key;
	uint64_t generation;
	uint8_t mac[6];
};

struct state {
	struct slot slot[1 << SLOTS_LOG];
	uint64_t looked_up;
};

enum { NOT_IP, KERNEL_DISCOVERY, LINK_LOCAL, NO_ROUTE };

static const struct weir_reason reasons[] = {
	[NOT_IP] = { "not_ip", "no IPv4 or IPv6 header to take the destination from" },
	[KERNEL_DISCOVERY] = { "kernel_discovery",
			       "neighbour discovery or MLD of the kernel's, which the host does itself" },
	[LINK_LOCAL] = { "link_local", "a link-local source that is not the host's" },
	[NO_ROUTE] = { "no_route", "no prefix of the link and no gateway leads to its destination" },
	{ 0 },
};

static const struct weir_counter counters[] = {
	{ "looked_up", "packets whose neighbour was not the one found last",
	  offsetof(struct state, looked_up) },
	{ 0 },
};

static int neighbour_wrap_configure(void *memory, const void *memory_options, const struct weir_place *place,
				    struct weir_error *err)
{
	const struct weir_neighbour_wrap *options = memory_options;
	struct config *config = memory;

	(void)place;
	if (!options->host)
		return weir_invalid(err, "host", "there is none: weir_host_create() makes it");
	config->hops = &options->host->hops;
	memcpy(config->source, options->host->mac, sizeof(config->source));
	memcpy(config->link_local, options->host->link_local, sizeof(config->link_local));
	config->pad = options->pad;
	return 0;
}

/*
 * ICMPv6 of the kernel's that belongs to the link, where the host speaks: types 130 to 137, and 143 (RFC
 * 2710, 3810, 4861). MLD has hop-by-hop options in front (RFC 2710 §3).
 */
static bool is_discovery(const uint8_t *packet, uint32_t len)
{
	enum { HOP_BY_HOP = 0, ICMPV6 = 58, MLD = 130, REDIRECT = 137, MLD2 = 143 };
	uint32_t at = WEIR__IPV6_HEADER;
	uint8_t next = packet[6];

	if (next == HOP_BY_HOP && len >= at + 2) {
		next = packet[at];
		at += 8 + packet[at + 1] * 8u;
	}
	if (next != ICMPV6 || len <= at)
		return false;
	return (packet[at] >= MLD && packet[at] <= REDIRECT) || packet[at] == MLD2;
}

/* What of IPv6 must not get out. */
static inline weir_verdict check_ipv6(const uint8_t *packet, uint32_t len, const struct config *config)
{
	if (WEIR_UNLIKELY(packet[6] == 58 || packet[6] == 0) && is_discovery(packet, len))
		return WEIR_DROP(KERNEL_DISCOVERY);
	if (WEIR_UNLIKELY(packet[8] == 0xfe && (packet[9] & 0xc0) == 0x80) &&
	    memcmp(packet + 8, config->link_local, 16) != 0)
		return WEIR_DROP(LINK_LOCAL);
	return WEIR_NEXT;
}

static inline struct slot *slot_of(struct state *state, struct weir__key key)
{
	return &state->slot[((key.high ^ key.low) * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - SLOTS_LOG)];
}

/* Out of line: only where the destination, or what is known of it, is new. Returns what becomes of the
 * packet. */
static weir_verdict look_up(const struct config *config, struct state *state, struct weir__key key,
			    uint8_t mac[6])
{
	struct slot *slot = slot_of(state, key);
	uint64_t generation;

	weir_count(&state->looked_up, 1);
	switch (weir__hops_find(config->hops, key, mac, &generation)) {
	case WEIR__HOPS_MAC:
		slot->key = key;
		slot->generation = generation;
		memcpy(slot->mac, mac, 6);
		return WEIR_NEXT;
	case WEIR__HOPS_UNKNOWN:
		memset(mac, 0, 6);
		return WEIR_EXIT(0);
	case WEIR__HOPS_NO_ROUTE:
		break;
	}
	return WEIR_DROP(NO_ROUTE);
}

/* Writes the destination of the frame. */
static inline weir_verdict find(uint8_t mac[6], const uint8_t *packet, uint8_t family,
				const struct config *config, struct state *state)
{
	const struct weir__key key = family == 4 ? weir__key4(packet + 16) : weir__key6(packet + 24);
	const struct slot *slot = slot_of(state, key);

	if (WEIR_LIKELY(weir__key_equal(slot->key, key) &&
			slot->generation == weir__hops_generation(config->hops))) {
		memcpy(mac, slot->mac, 6);
		return WEIR_NEXT;
	}
	if (weir__wrap_is_group(packet, family)) {
		weir__wrap_group(mac, packet, family);
		return WEIR_NEXT;
	}
	if (family == 4 && (uint32_t)key.low == UINT32_MAX) {
		memset(mac, 0xff, 6);
		return WEIR_NEXT;
	}
	return look_up(config, state, key, mac);
}

static inline weir_verdict neighbour_wrap(struct weir_buf *buf, const struct config *config,
					  struct state *state)
{
	const uint8_t *packet = buf->data;
	const uint8_t family = weir__wrap_family(buf);
	weir_verdict verdict = WEIR_NEXT;
	uint8_t *frame = buf->data - WEIR__ETH_HEADER;

	if (WEIR_UNLIKELY(!family))
		return WEIR_DROP(NOT_IP);
	buf->family = family;
	if (family == 6)
		verdict = check_ipv6(packet, buf->len, config);
	if (WEIR_LIKELY(verdict == WEIR_NEXT))
		verdict = find(frame, packet, family, config, state);
	if (WEIR_UNLIKELY(verdict != WEIR_NEXT && verdict != WEIR_EXIT(0)))
		return verdict;
	weir_buf_push(buf, WEIR__ETH_HEADER);
	weir_buf_shift(buf, WEIR__ETH_HEADER);
	memcpy(frame + 6, config->source, 6);
	weir__store_be16(frame + 12, weir__wrap_ethertype(family));
	if (config->pad)
		weir__wrap_pad(buf);
	return verdict;
}

WEIR_PROCESS(neighbour_wrap_vector, neighbour_wrap, struct config, struct state)

static const struct weir_option options[] = {
	WEIR_OPTION(struct weir_neighbour_wrap, host, OBJECT, "whose neighbours; required"),
	WEIR_OPTION(struct weir_neighbour_wrap, pad, BOOL, "pad frames to 60 bytes with zeros"),
	{ 0 },
};

const struct weir_stage_type weir_neighbour_wrap_type = {
	.name = "neighbour_wrap",
	.help = "prepend the Ethernet header for the neighbour that an IP packet goes to",
	.offload = WEIR_OFFLOAD_ALL,
	.takes = WEIR_LAYER_L3,
	.gives = WEIR_LAYER_L2,
	.exits = 1,
	.exits_give = WEIR_LAYER_L2,
	.headroom = WEIR__ETH_HEADER,
	.tailroom = WEIR__PAD_MAX,
	.reasons = reasons,
	.counters = counters,
	.options = options,
	.options_size = sizeof(struct weir_neighbour_wrap),
	.config_size = sizeof(struct config),
	.state_size = sizeof(struct state),
	.configure = neighbour_wrap_configure,
	.process = neighbour_wrap_vector,
};
