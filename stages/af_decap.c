/* SPDX-License-Identifier: Apache-2.0 */
#include <weir/af_decap.h>

#include "ethernet.h"
#include "framing.h"
#include "ip.h"

struct state {
	uint64_t prefix_mismatch;
	uint64_t trimmed;
};

enum { CUT = WEIR__IP_REASONS_N };

static const struct weir_reason reasons[] = {
	WEIR__IP_REASONS,
	[CUT] = { "cut", "the device says that it gave only the beginning of the packet" },
	{ 0 },
};

static const struct weir_counter counters[] = {
	{ "prefix_mismatch", "packets whose prefix says another family than their version",
	  offsetof(struct state, prefix_mismatch) },
	{ "trimmed", "packets that were followed by other bytes, now cut off",
	  offsetof(struct state, trimmed) },
	{ 0 },
};

/* struct tun_pi is of mixed byte order: the flags are the host's. */
static bool pi_says_cut(const uint8_t *prefix)
{
	enum { TUN_PKT_STRIP = 0x0001 };
	uint16_t flags;

	memcpy(&flags, prefix, sizeof(flags));
	return flags & TUN_PKT_STRIP;
}

static uint8_t pi_family(const uint8_t *prefix)
{
	const unsigned type = weir__load_be16(prefix + 2);

	return type == WEIR__ETHERTYPE_IPV4 ? 4 : type == WEIR__ETHERTYPE_IPV6 ? 6 : 0;
}

static uint8_t utun_family(const uint8_t *prefix)
{
	const unsigned af = weir__load_be32(prefix);

	return af == WEIR__AF_INET ? 4 : weir__is_af_inet6(af) ? 6 : 0;
}

static inline weir_verdict decap_raw(struct weir_buf *buf, struct state *state)
{
	const struct weir__ip_check ip = weir__ip_check(buf->data, buf->len);

	if (WEIR_LIKELY(ip.verdict == WEIR_NEXT))
		weir__ip_accept(buf, &ip, &state->trimmed);
	return ip.verdict;
}

static inline weir_verdict af_decap(struct weir_buf *buf, const void *config, struct state *state)
{
	const bool pi = buf->framing == WEIR_FRAMING_TUN_PI;
	weir_verdict verdict;
	uint8_t family;

	(void)config;
	if (buf->framing == WEIR_FRAMING_RAW)
		return decap_raw(buf, state);
	if (WEIR_UNLIKELY(buf->len < WEIR__PREFIX))
		return WEIR_DROP(WEIR__IP_SHORT);
	if (pi && WEIR_UNLIKELY(pi_says_cut(buf->data)))
		return WEIR_DROP(CUT);
	family = pi ? pi_family(buf->data) : utun_family(buf->data);
	weir_buf_pull(buf, WEIR__PREFIX);
	weir_buf_shift(buf, -WEIR__PREFIX);
	verdict = decap_raw(buf, state);
	if (WEIR_UNLIKELY(verdict == WEIR_NEXT && family != buf->family))
		weir_count(&state->prefix_mismatch, 1);
	return verdict;
}

WEIR_PROCESS(af_decap_vector, af_decap, void, struct state)

static const struct weir_option options[] = {
	{ 0 },
};

const struct weir_stage_type weir_af_decap_type = {
	.name = "af_decap",
	.help = "take the prefix of a layer-3 device off and check the IP packet",
	.offload = WEIR_OFFLOAD_ALL,
	.takes = WEIR_LAYER_AF,
	.gives = WEIR_LAYER_L3,
	.reasons = reasons,
	.counters = counters,
	.options = options,
	.options_size = sizeof(struct weir_af_decap),
	.state_size = sizeof(struct state),
	.process = af_decap_vector,
};
