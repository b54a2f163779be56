/* SPDX-License-Identifier: Apache-2.0 */
#include <weir/eth_unwrap.h>

#include "bytes.h"
#include "ethernet.h"
#include "ip.h"

struct config {
	weir_verdict not_ip;
	bool keep;
	bool refuse;
};

struct state {
	uint64_t tags_removed;
	uint64_t trimmed;
};

enum { RUNT = WEIR__IP_REASONS_N, TAGGED, NOT_IP, MISMATCH };

static const struct weir_reason reasons[] = {
	WEIR__IP_REASONS,
	[RUNT] = { "runt", "fewer bytes than an Ethernet header has" },
	[TAGGED] = { "tagged", "an 802.1Q tag, which the option vlan refuses" },
	[NOT_IP] = { "not_ip", "neither IPv4 nor IPv6 by the EtherType, and exit 0 leads nowhere" },
	[MISMATCH] = { "ethertype_mismatch", "the EtherType says another IP version than the packet" },
	{ 0 },
};

static const struct weir_counter counters[] = {
	{ "tags_removed", "802.1Q tags taken off", offsetof(struct state, tags_removed) },
	{ "trimmed", "packets that were followed by padding, now cut off", offsetof(struct state, trimmed) },
	{ 0 },
};

static int eth_unwrap_configure(void *memory, const void *memory_options, const struct weir_place *place,
				struct weir_error *err)
{
	const struct weir_eth_unwrap *options = memory_options;
	struct config *config = memory;

	(void)place;
	if ((unsigned)options->vlan > WEIR_VLAN_REFUSE)
		return weir_invalid(err, "vlan", "%d is neither strip, keep nor refuse", (int)options->vlan);
	config->keep = options->vlan == WEIR_VLAN_KEEP;
	config->refuse = options->vlan == WEIR_VLAN_REFUSE;
	config->not_ip = options->exit[0] ? WEIR_EXIT(0) : WEIR_DROP(NOT_IP);
	return 0;
}

static inline uint8_t family_of(uint16_t type)
{
	return type == WEIR__ETHERTYPE_IPV4 ? 4 : type == WEIR__ETHERTYPE_IPV6 ? 6 : 0;
}

/* A frame of that family, whose header and tag are checked: leaves the packet. */
static inline weir_verdict unwrap(struct weir_buf *buf, uint32_t header, uint8_t family, struct state *state)
{
	const struct weir__ip_check ip = weir__ip_check(buf->data + header, buf->len - header);

	if (WEIR_UNLIKELY(ip.verdict != WEIR_NEXT))
		return ip.verdict;
	if (WEIR_UNLIKELY(ip.family != family))
		return WEIR_DROP(MISMATCH);
	weir_buf_pull(buf, header);
	weir_buf_shift(buf, -(int)header);
	weir__ip_accept(buf, &ip, &state->trimmed);
	return WEIR_NEXT;
}

/* Out of line: only tagged frames come here. The frame stays whole unless an IP packet goes on. */
static weir_verdict untag(struct weir_buf *buf, const struct config *config, struct state *state)
{
	enum { HEADER = WEIR__ETH_HEADER + WEIR__ETH_VLAN };
	weir_verdict verdict;
	uint16_t tci;
	uint8_t family;

	if (config->refuse)
		return WEIR_DROP(TAGGED);
	if (buf->len < HEADER)
		return WEIR_DROP(RUNT);
	family = family_of(weir__load_be16(buf->data + HEADER - 2));
	if (!family)
		return config->not_ip;
	tci = weir__load_be16(buf->data + WEIR__ETH_HEADER);
	verdict = unwrap(buf, HEADER, family, state);
	if (verdict != WEIR_NEXT)
		return verdict;
	weir_count(&state->tags_removed, 1);
	if (config->keep) {
		buf->vlan = tci;
		buf->flags |= WEIR_BUF_VLAN;
	}
	return WEIR_NEXT;
}

static inline weir_verdict eth_unwrap(struct weir_buf *buf, const struct config *config, struct state *state)
{
	uint16_t type;
	uint8_t family;

	if (WEIR_UNLIKELY(buf->len < WEIR__ETH_HEADER))
		return WEIR_DROP(RUNT);
	type = weir__load_be16(buf->data + WEIR__ETH_HEADER - 2);
	family = family_of(type);
	if (WEIR_LIKELY(family))
		return unwrap(buf, WEIR__ETH_HEADER, family, state);
	return type == WEIR__ETHERTYPE_VLAN ? untag(buf, config, state) : config->not_ip;
}

WEIR_PROCESS(eth_unwrap_vector, eth_unwrap, struct config, struct state)

static const struct weir_option_value vlan_values[] = {
	{ "strip", WEIR_VLAN_STRIP },
	{ "keep", WEIR_VLAN_KEEP },
	{ "refuse", WEIR_VLAN_REFUSE },
	{ 0 },
};

static const struct weir_option options[] = {
	WEIR_ENUM_OPTION(struct weir_eth_unwrap, vlan, vlan_values, "what becomes of an 802.1Q tag"),
	{ 0 },
};

const struct weir_stage_type weir_eth_unwrap_type = {
	.name = "eth_unwrap",
	.help = "take the Ethernet header off and check the IP packet",
	.offload = WEIR_OFFLOAD_ALL,
	.takes = WEIR_LAYER_L2,
	.gives = WEIR_LAYER_L3,
	.exits = 1,
	.reasons = reasons,
	.counters = counters,
	.options = options,
	.options_size = sizeof(struct weir_eth_unwrap),
	.config_size = sizeof(struct config),
	.state_size = sizeof(struct state),
	.configure = eth_unwrap_configure,
	.process = eth_unwrap_vector,
};
