/* SPDX-License-Identifier: Apache-2.0 */
#include <weir/af_encap.h>

#include "ethernet.h"
#include "framing.h"
#include "ip.h"

struct config {
	uint32_t size; /* of the prefix; 0: none */
	uint8_t ipv4[WEIR__PREFIX];
	uint8_t ipv6[WEIR__PREFIX];
};

struct state {
	uint64_t trimmed;
};

static const struct weir_reason reasons[] = {
	WEIR__IP_REASONS,
	{ 0 },
};

static const struct weir_counter counters[] = {
	{ "trimmed", "packets that were followed by other bytes, now cut off",
	  offsetof(struct state, trimmed) },
	{ 0 },
};

static unsigned own_af_inet6(void)
{
#ifdef __linux__
	return WEIR__AF_INET6_DARWIN; /* Linux has no such device; the other side is most often a Mac */
#else
	return AF_INET6;
#endif
}

static int af_encap_configure(void *memory, const void *memory_options, const struct weir_place *place,
			      struct weir_error *err)
{
	const struct weir_af_encap *options = memory_options;
	struct config *config = memory;

	if (options->af_inet6 && !weir__is_af_inet6(options->af_inet6))
		return weir_invalid(err, "af_inet6", "%u is AF_INET6 on no known system (30, 28, 24 or 10)",
				    options->af_inet6);
	switch (place->writer_framing) {
	case WEIR_FRAMING_RAW:
		break;
	case WEIR_FRAMING_TUN_PI:
		config->size = WEIR__PREFIX;
		weir__store_be16(config->ipv4 + 2, WEIR__ETHERTYPE_IPV4);
		weir__store_be16(config->ipv6 + 2, WEIR__ETHERTYPE_IPV6);
		break;
	case WEIR_FRAMING_UTUN:
		config->size = WEIR__PREFIX;
		weir__store_be32(config->ipv4, WEIR__AF_INET);
		weir__store_be32(config->ipv6, options->af_inet6 ? options->af_inet6 : own_af_inet6());
		break;
	}
	return 0;
}

static inline weir_verdict af_encap(struct weir_buf *buf, const struct config *config, struct state *state)
{
	const struct weir__ip_check ip = weir__ip_check(buf->data, buf->len);

	if (WEIR_UNLIKELY(ip.verdict != WEIR_NEXT))
		return ip.verdict;
	weir__ip_accept(buf, &ip, &state->trimmed);
	if (config->size) {
		memcpy(weir_buf_push(buf, WEIR__PREFIX), ip.family == 4 ? config->ipv4 : config->ipv6,
		       WEIR__PREFIX);
		weir_buf_shift(buf, WEIR__PREFIX);
	}
	return WEIR_NEXT;
}

WEIR_PROCESS(af_encap_vector, af_encap, struct config, struct state)

static const struct weir_option options[] = {
	WEIR_OPTION(struct weir_af_encap, af_inet6, U32,
		    "what AF_INET6 is on the other side of a utun framing; 0: this system's own, else 30"),
	{ 0 },
};

const struct weir_stage_type weir_af_encap_type = {
	.name = "af_encap",
	.help = "check the IP packet and prepend the prefix of the layer-3 device that the chain ends in",
	.offload = WEIR_OFFLOAD_ALL,
	.takes = WEIR_LAYER_L3,
	.gives = WEIR_LAYER_AF,
	.headroom = WEIR__PREFIX,
	.reasons = reasons,
	.counters = counters,
	.options = options,
	.options_size = sizeof(struct weir_af_encap),
	.config_size = sizeof(struct config),
	.state_size = sizeof(struct state),
	.configure = af_encap_configure,
	.process = af_encap_vector,
};
