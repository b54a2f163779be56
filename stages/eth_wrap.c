/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include <weir/eth_wrap.h>

#include "wrap.h"

#define SUBNETS_MAX 8

struct config {
	uint8_t addresses[12]; /* as a frame begins: next hop, source */
	bool pad;
	bool vlan;
	uint32_t n_broadcast;
	uint32_t broadcast[SUBNETS_MAX];
};

enum { NOT_IP };

static const struct weir_reason reasons[] = {
	[NOT_IP] = { "not_ip", "no IPv4 or IPv6 header to take the destination from" },
	{ 0 },
};

static int configure_addresses(struct config *config, const struct weir_eth_wrap *options,
			       struct weir_error *err)
{
	uint8_t *next_hop = config->addresses;
	uint8_t *source = config->addresses + 6;
	int code = 0;

	memset(next_hop, 0xff, 6);
	if (options->next_hop && !weir__mac_parse(options->next_hop, next_hop))
		code = weir_invalid(err, "next_hop", "'%s' is not a MAC address", options->next_hop);
	if (!options->source)
		code = weir_invalid(err, "source", "missing: the MAC address of this side");
	else if (!weir__mac_parse(options->source, source))
		code = weir_invalid(err, "source", "'%s' is not a MAC address", options->source);
	else if (source[0] & 1)
		code = weir_invalid(err, "source", "'%s' is a group address", options->source);
	return code;
}

static int configure_subnet(struct config *config, const char *text, unsigned i, struct weir_error *err)
{
	struct weir__ip ip;
	unsigned bits;
	char field[32];

	snprintf(field, sizeof(field), "subnet[%u]", i);
	if (!weir__ip_prefix_parse(text, &ip, &bits) || ip.family != 4)
		return weir_invalid(err, field, "'%s' is not an IPv4 prefix", text);
	if (bits > 30)
		return weir_invalid(err, field, "'%s' has no broadcast address (RFC 3021)", text);
	config->broadcast[i] = weir__load_be32(ip.bytes) | UINT32_MAX >> bits;
	config->n_broadcast = i + 1;
	return 0;
}

static int eth_wrap_configure(void *memory, const void *memory_options, const struct weir_place *place,
			      struct weir_error *err)
{
	const struct weir_eth_wrap *options = memory_options;
	struct config *config = memory;
	int code = configure_addresses(config, options, err);
	unsigned n = 0;

	(void)place;
	config->pad = options->pad;
	config->vlan = options->vlan;
	for (; options->subnet && options->subnet[n]; n++)
		if (n < SUBNETS_MAX && configure_subnet(config, options->subnet[n], n, err) < 0)
			code = -EINVAL;
	if (n > SUBNETS_MAX)
		code = weir_invalid(err, "subnet", "%u entries; at most %d", n, SUBNETS_MAX);
	return code;
}

static inline bool is_broadcast(uint32_t ip, const struct config *config)
{
	for (uint32_t i = 0; i < config->n_broadcast; i++)
		if (ip == config->broadcast[i])
			return true;
	return ip == UINT32_MAX;
}

/* Overwrites the next hop where the packet goes to more than one. */
static inline void map_destination(uint8_t mac[6], const uint8_t *packet, uint8_t family,
				   const struct config *config)
{
	if (WEIR_UNLIKELY(weir__wrap_is_group(packet, family)))
		weir__wrap_group(mac, packet, family);
	else if (family == 4 && WEIR_UNLIKELY(is_broadcast(weir__load_be32(packet + 16), config)))
		memset(mac, 0xff, 6);
}

static inline weir_verdict eth_wrap(struct weir_buf *buf, const struct config *config, void *state)
{
	const uint8_t *packet = buf->data;
	const uint8_t family = weir__wrap_family(buf);
	const bool tagged = config->vlan && buf->flags & WEIR_BUF_VLAN;
	const uint32_t header = tagged ? WEIR__ETH_HEADER + WEIR__ETH_VLAN : WEIR__ETH_HEADER;
	uint8_t *frame;

	(void)state;
	if (WEIR_UNLIKELY(!family))
		return WEIR_DROP(NOT_IP);
	buf->family = family;
	frame = weir_buf_push(buf, header);
	weir_buf_shift(buf, (int)header);
	memcpy(frame, config->addresses, sizeof(config->addresses));
	map_destination(frame, packet, family, config);
	if (tagged) {
		weir__store_be16(frame + 12, WEIR__ETHERTYPE_VLAN);
		weir__store_be16(frame + 14, buf->vlan);
		buf->flags = (uint16_t)(buf->flags & ~WEIR_BUF_VLAN);
	}
	weir__store_be16(frame + header - 2, weir__wrap_ethertype(family));
	if (config->pad)
		weir__wrap_pad(buf);
	return WEIR_NEXT;
}

WEIR_PROCESS(eth_wrap_vector, eth_wrap, struct config, void)

static const struct weir_option options[] = {
	WEIR_OPTION(struct weir_eth_wrap, source, STRING, "MAC address of this side; required"),
	WEIR_OPTION(struct weir_eth_wrap, next_hop, STRING,
		    "MAC address that unicast packets go to; default ff:ff:ff:ff:ff:ff"),
	WEIR_OPTION(struct weir_eth_wrap, subnet, LIST,
		    "IPv4 prefixes whose highest address is a broadcast address"),
	WEIR_OPTION(struct weir_eth_wrap, pad, BOOL, "pad frames to 60 bytes with zeros"),
	WEIR_OPTION(struct weir_eth_wrap, vlan, BOOL, "put the tag back that eth_unwrap kept"),
	{ 0 },
};

const struct weir_stage_type weir_eth_wrap_type = {
	.name = "eth_wrap",
	.help = "prepend an Ethernet header to an IP packet",
	.offload = WEIR_OFFLOAD_ALL,
	.takes = WEIR_LAYER_L3,
	.gives = WEIR_LAYER_L2,
	.headroom = WEIR__ETH_HEADER + WEIR__ETH_VLAN,
	.tailroom = WEIR__PAD_MAX,
	.reasons = reasons,
	.options = options,
	.options_size = sizeof(struct weir_eth_wrap),
	.config_size = sizeof(struct config),
	.configure = eth_wrap_configure,
	.process = eth_wrap_vector,
};
