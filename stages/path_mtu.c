/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>

#include <weir/path_mtu.h>

#include "address.h"
#include "checksum.h"
#include "headers.h"
#include "ip.h"

#define DEFAULT_MTU  1500
#define MTU_MIN      68 /* RFC 791 §3.2 */
#define MTU_MAX      65535
#define DEFAULT_RATE 100
#define SECOND       UINT64_C(1000000000)

/* The messages, and what they quote: RFC 1812 §4.3.2.3, RFC 4443 §3.2. */
#define ICMP_HEADER    8
#define IPV4_QUOTE_MAX (576 - WEIR__IPV4_HEADER - ICMP_HEADER)
#define IPV6_QUOTE_MAX (1280 - WEIR__IPV6_HEADER - ICMP_HEADER)

enum {
	ICMP_CHECKSUM = 2,
	ICMP_MTU = 4, /* of both, in the last bytes of a word of four */
	ICMPV4_UNREACHABLE = 3,
	ICMPV4_NEEDS_FRAGMENTATION = 4, /* a code of it */
	ICMPV6_PACKET_TOO_BIG = 2,
	ICMPV6_INFORMATIONAL = 128, /* and all above, */
	ICMPV6_REDIRECT = 137,      /* but this */
};

enum {
	HOPS = 64,
	INTERNETWORK_CONTROL = 0xc0, /* of ICMP errors: RFC 1812 §4.3.2.5 */
	DONT_FRAGMENT = 0x4000,
	FRAGMENT_OFFSET = 0x1fff,
	IPV6_FRAGMENT_OFFSET = 0xfff8,
	IPV4_TTL = 8,
	IPV6_HOPS = 7,
	TCP_SYN = 0x02,
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_MSS = 2,
	OPTION_MSS_LENGTH = 4,
};

struct config {
	uint32_t mtu;
	bool clamp;
	bool answer;
	uint8_t mss_ipv4[2], mss_ipv6[2]; /* in network order */
	struct weir__ip ipv4, ipv6;       /* family 0: whom the packet was for */
	uint64_t interval;                /* nanoseconds between messages, and */
	uint64_t burst;                   /* how much of it may be used in advance */
};

struct state {
	uint64_t answers;
	uint64_t clamped;
	uint64_t next; /* when a message would come that keeps the rate exactly */
};

enum { TOO_LONG = WEIR__IP_REASONS_N, LIMITED };

static const struct weir_reason reasons[] = {
	WEIR__IP_REASONS,
	[TOO_LONG] = { "too_long", "longer than the mtu, and not to be answered" },
	[LIMITED] = { "limited", "longer than the mtu, when as many were answered as the rate allows" },
	{ 0 },
};

static const struct weir_counter counters[] = {
	{ "answers", "packets that were too long and became a message to their sender",
	  offsetof(struct state, answers) },
	{ "clamped", "maximum segment sizes of TCP that were lowered", offsetof(struct state, clamped) },
	{ 0 },
};

static int configure_address(struct weir__ip *ip, const char *field, const char *text, uint8_t family,
			     struct weir_error *err)
{
	if (!text)
		return 0;
	if (!weir__ip_parse(text, ip) || ip->family != family)
		return weir_invalid(err, field, "'%s' is no IPv%u address", text, family);
	return 0;
}

static int path_mtu_configure(void *memory, const void *memory_options, const struct weir_place *place,
			      struct weir_error *err)
{
	const struct weir_path_mtu *options = memory_options;
	const uint32_t mtu = options->mtu ? options->mtu : DEFAULT_MTU;
	const uint32_t rate = options->rate ? options->rate : DEFAULT_RATE;
	struct config *config = memory;
	int code = 0;

	(void)place;
	if (mtu < MTU_MIN || mtu > MTU_MAX)
		code = weir_invalid(err, "mtu", "%u is not from %d to %d", mtu, MTU_MIN, MTU_MAX);
	if (configure_address(&config->ipv4, "ipv4", options->ipv4, 4, err) < 0)
		code = -EINVAL;
	if (configure_address(&config->ipv6, "ipv6", options->ipv6, 6, err) < 0)
		code = -EINVAL;
	config->mtu = mtu;
	config->clamp = options->clamp;
	config->answer = options->exit[0] && !options->no_errors;
	/* The options of IP and of TCP are its sender's to subtract (RFC 6691). */
	weir__store_be16(config->mss_ipv4, (uint16_t)(mtu - WEIR__IPV4_HEADER - WEIR__TCP_HEADER));
	weir__store_be16(config->mss_ipv6, (uint16_t)(mtu - WEIR__IPV6_HEADER - WEIR__TCP_HEADER));
	config->interval = SECOND / rate;
	config->burst = rate > 10 ? SECOND / 10 : config->interval;
	return code;
}

/* --- what may be answered */

static bool is_one_ipv4(const uint8_t *address)
{
	return address[0] != 0 && address[0] != 127 && address[0] < 224;
}

static bool is_one_ipv6(const uint8_t *address)
{
	static const uint8_t none[15];

	if (memcmp(address, none, 15) == 0 && address[15] <= 1) /* nobody, or oneself */
		return false;
	return address[0] != 0xff;
}

/* Of ICMP only what asks and what is answered: echo, timestamp and the like. */
static bool is_ipv4_error(const uint8_t *icmp, uint32_t len)
{
	static const uint8_t harmless[] = { 0, 8, 9, 10, 13, 14, 15, 16, 17, 18 };

	return len == 0 || !memchr(harmless, icmp[0], sizeof(harmless));
}

static bool is_ipv6_error(const uint8_t *icmp, uint32_t len)
{
	return len == 0 || icmp[0] < ICMPV6_INFORMATIONAL || icmp[0] == ICMPV6_REDIRECT;
}

static bool may_answer_ipv4(const uint8_t *packet, uint32_t len)
{
	const uint32_t header = (packet[0] & 0x0fu) * 4;

	if (!is_one_ipv4(packet + WEIR__IPV4_ADDRESSES) || !is_one_ipv4(packet + WEIR__IPV4_ADDRESSES + 4))
		return false;
	if (weir__load_be16(packet + WEIR__IPV4_FRAGMENT) & FRAGMENT_OFFSET)
		return false;
	return packet[WEIR__IPV4_PROTOCOL] != IPPROTO_ICMP || !is_ipv4_error(packet + header, len - header);
}

/* What stands behind the extension headers (RFC 8200 §4). */
struct upper {
	uint32_t at; /* 0: not to be found, or only in an earlier fragment */
	uint8_t protocol;
};

static uint32_t extension_length(uint8_t kind, const uint8_t *extension)
{
	switch (kind) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
		return (extension[1] + 1u) * 8;
	case IPPROTO_FRAGMENT:
		return 8;
	default:
		return 0;
	}
}

static struct upper find_upper(const uint8_t *packet, uint32_t len)
{
	struct upper upper = { .at = WEIR__IPV6_HEADER, .protocol = packet[WEIR__IPV6_NEXT] };

	while (len - upper.at >= 8) {
		const uint8_t *extension = packet + upper.at;
		const uint32_t size = extension_length(upper.protocol, extension);

		if (size == 0)
			return upper;
		if (size > len - upper.at || (upper.protocol == IPPROTO_FRAGMENT &&
					      weir__load_be16(extension + 2) & IPV6_FRAGMENT_OFFSET))
			break;
		upper.protocol = extension[0];
		upper.at += size;
	}
	upper.at = 0;
	return upper;
}

static bool may_answer_ipv6(const uint8_t *packet, uint32_t len)
{
	const struct upper upper = find_upper(packet, len);

	if (!is_one_ipv6(packet + WEIR__IPV6_ADDRESSES) || !is_one_ipv6(packet + WEIR__IPV6_ADDRESSES + 16))
		return false;
	return upper.at &&
	       (upper.protocol != IPPROTO_ICMPV6 || !is_ipv6_error(packet + upper.at, len - upper.at));
}

/* --- messages */

static void store_checksum(uint8_t *to, uint16_t checksum)
{
	memcpy(to, &checksum, sizeof(checksum));
}

static void put_icmp(uint8_t *icmp, uint8_t type, uint8_t code, uint32_t mtu)
{
	memset(icmp, 0, ICMP_HEADER);
	icmp[0] = type;
	icmp[1] = code;
	weir__store_be32(icmp + ICMP_MTU, mtu);
}

/* The packet that is quoted begins behind the room for both headers. */
static void put_ipv4_message(uint8_t *message, uint32_t len, const struct config *config)
{
	const uint8_t *addresses = message + WEIR__IPV4_HEADER + ICMP_HEADER + WEIR__IPV4_ADDRESSES;
	uint8_t *icmp = message + WEIR__IPV4_HEADER;

	memset(message, 0, WEIR__IPV4_HEADER);
	message[0] = 0x45;
	message[1] = INTERNETWORK_CONTROL;
	weir__store_be16(message + WEIR__IPV4_LENGTH, (uint16_t)len);
	weir__store_be16(message + WEIR__IPV4_FRAGMENT, DONT_FRAGMENT);
	message[IPV4_TTL] = HOPS;
	message[WEIR__IPV4_PROTOCOL] = IPPROTO_ICMP;
	memcpy(message + WEIR__IPV4_ADDRESSES, config->ipv4.family ? config->ipv4.bytes : addresses + 4, 4);
	memcpy(message + WEIR__IPV4_ADDRESSES + 4, addresses, 4);
	store_checksum(message + WEIR__IPV4_CHECKSUM,
		       weir__checksum_finish(weir__checksum_add(0, message, WEIR__IPV4_HEADER)));
	put_icmp(icmp, ICMPV4_UNREACHABLE, ICMPV4_NEEDS_FRAGMENTATION, config->mtu);
	store_checksum(icmp + ICMP_CHECKSUM,
		       weir__checksum_finish(weir__checksum_add(0, icmp, len - WEIR__IPV4_HEADER)));
}

static void put_ipv6_message(uint8_t *message, uint32_t len, const struct config *config)
{
	const uint8_t *addresses = message + WEIR__IPV6_HEADER + ICMP_HEADER + WEIR__IPV6_ADDRESSES;
	uint8_t *icmp = message + WEIR__IPV6_HEADER;
	const uint32_t length = len - WEIR__IPV6_HEADER;
	uint64_t sum;

	memset(message, 0, WEIR__IPV6_HEADER);
	message[0] = 0x60;
	weir__store_be16(message + WEIR__IPV6_LENGTH, (uint16_t)length);
	message[WEIR__IPV6_NEXT] = IPPROTO_ICMPV6;
	message[IPV6_HOPS] = HOPS;
	memcpy(message + WEIR__IPV6_ADDRESSES, config->ipv6.family ? config->ipv6.bytes : addresses + 16, 16);
	memcpy(message + WEIR__IPV6_ADDRESSES + 16, addresses, 16);
	put_icmp(icmp, ICMPV6_PACKET_TOO_BIG, 0, config->mtu);
	sum = weir__checksum_pseudo6(message + WEIR__IPV6_ADDRESSES, IPPROTO_ICMPV6, length);
	store_checksum(icmp + ICMP_CHECKSUM, weir__checksum_finish(weir__checksum_add(sum, icmp, length)));
}

/* Makes the message of the packet, which it quotes as it came: of a super-packet, with the length of all. */
static void become_message(struct weir_buf *buf, uint8_t family, const struct config *config)
{
	const uint32_t quote = family == 4 ? IPV4_QUOTE_MAX : IPV6_QUOTE_MAX;
	const uint32_t header = (family == 4 ? WEIR__IPV4_HEADER : WEIR__IPV6_HEADER) + ICMP_HEADER;

	if (buf->len > quote)
		weir_buf_trim(buf, quote);
	weir_buf_push(buf, header);
	buf->family = family;
	buf->flags &= (uint16_t)~WEIR_BUF_NEEDS_CSUM;
	buf->gso_type = WEIR_GSO_NONE;
	buf->gso_size = buf->hdr_len = buf->csum_start = buf->csum_offset = 0;
	if (family == 4)
		put_ipv4_message(buf->data, buf->len, config);
	else
		put_ipv6_message(buf->data, buf->len, config);
}

static bool within_rate(const struct config *config, struct state *state, uint64_t now)
{
	const uint64_t next = state->next > now ? state->next : now;

	if (next + config->interval - now > config->burst)
		return false;
	state->next = next + config->interval;
	return true;
}

/* Of a super-packet, hdr_len has been checked by whoever made it. */
static uint32_t length_on_the_way(const struct weir_buf *buf)
{
	const uint32_t segment = (uint32_t)buf->hdr_len + buf->gso_size;

	return buf->gso_type && segment < buf->len ? segment : buf->len;
}

/* Out of line: longer than the mtu, most likely because it is a super-packet. */
static __attribute__((noinline)) weir_verdict judge(struct weir_buf *buf, const struct config *config,
						    struct state *state)
{
	struct weir__ip_check ip;

	if (length_on_the_way(buf) <= config->mtu)
		return WEIR_NEXT;
	ip = weir__ip_check(buf->data, buf->len);
	if (ip.verdict != WEIR_NEXT)
		return ip.verdict;
	if (ip.length <= config->mtu) /* the rest is padding */
		return WEIR_NEXT;
	if (!config->answer ||
	    !(ip.family == 4 ? may_answer_ipv4(buf->data, ip.length) : may_answer_ipv6(buf->data, ip.length)))
		return WEIR_DROP(TOO_LONG);
	if (!within_rate(config, state, buf->arrival))
		return WEIR_DROP(LIMITED);
	weir_count(&state->answers, 1);
	become_message(buf, ip.family, config);
	return WEIR_EXIT(0);
}

/* --- the maximum segment size */

/* The place of the option's value in a TCP header of that length; 0: it is not there. */
static uint32_t find_mss(const uint8_t *tcp, uint32_t header)
{
	uint32_t at = WEIR__TCP_HEADER;

	while (at < header && tcp[at] != OPTION_END) {
		if (tcp[at] == OPTION_NOP) {
			at++;
			continue;
		}
		if (header - at < 2 || tcp[at + 1] < 2 || tcp[at + 1] > header - at)
			return 0;
		if (tcp[at] == OPTION_MSS)
			return tcp[at + 1] == OPTION_MSS_LENGTH ? at + 2 : 0;
		at += tcp[at + 1];
	}
	return 0;
}

/* The word in which a sum sees two bytes at that place. */
static uint16_t word_at(uint32_t at, const uint8_t value[2])
{
	const uint8_t swapped[2] = { value[1], value[0] };
	uint16_t word;

	memcpy(&word, at % 2 ? swapped : value, sizeof(word));
	return word;
}

/* RFC 1624 §3 (eqn. 3). A sum that is still to be completed has only the pseudo-header in it so far. */
static void replace(struct weir_buf *buf, uint8_t *tcp, uint32_t at, const uint8_t mss[2])
{
	uint16_t checksum;
	uint64_t sum;

	if (!(buf->flags & WEIR_BUF_NEEDS_CSUM)) {
		memcpy(&checksum, tcp + WEIR__TCP_CHECKSUM, sizeof(checksum));
		sum = (uint64_t)(uint16_t)~checksum + (uint16_t)~word_at(at, tcp + at) + word_at(at, mss);
		store_checksum(tcp + WEIR__TCP_CHECKSUM, weir__checksum_finish(sum));
	}
	memcpy(tcp + at, mss, 2);
}

/* Where TCP begins in a packet that is one; 0: there is none. */
static uint32_t find_tcp(const uint8_t *packet, const struct weir__ip_check *ip)
{
	struct upper upper;

	if (ip->family == 6) {
		upper = find_upper(packet, ip->length);
		return upper.protocol == IPPROTO_TCP ? upper.at : 0;
	}
	if (packet[WEIR__IPV4_PROTOCOL] != IPPROTO_TCP ||
	    weir__load_be16(packet + WEIR__IPV4_FRAGMENT) & FRAGMENT_OFFSET)
		return 0;
	return (packet[0] & 0x0fu) * 4;
}

/* Out of line: seldom anything but the first packet of a connection. */
static __attribute__((noinline)) void clamp(struct weir_buf *buf, const struct config *config,
					    struct state *state)
{
	const struct weir__ip_check ip = weir__ip_check(buf->data, buf->len);
	const uint8_t *mss = ip.family == 4 ? config->mss_ipv4 : config->mss_ipv6;
	uint32_t tcp, header, at;

	if (ip.verdict != WEIR_NEXT) /* who takes packets of layer 3 for granted will see */
		return;
	tcp = find_tcp(buf->data, &ip);
	if (!tcp || ip.length - tcp < WEIR__TCP_HEADER || !(buf->data[tcp + WEIR__TCP_FLAGS] & TCP_SYN))
		return;
	header = (buf->data[tcp + WEIR__TCP_DATA_OFFSET] >> 4) * 4u;
	if (header > ip.length - tcp)
		return;
	at = find_mss(buf->data + tcp, header);
	if (!at || weir__load_be16(buf->data + tcp + at) <= weir__load_be16(mss))
		return;
	replace(buf, buf->data + tcp, at, mss);
	weir_count(&state->clamped, 1);
}

/* Whether it may be one that clamp() changes: not so if it is plain TCP without SYN, or no TCP. */
static inline bool may_be_syn(const struct weir_buf *buf)
{
	const uint8_t *packet = buf->data;
	uint32_t tcp = WEIR__IPV6_HEADER;

	if (WEIR_UNLIKELY(buf->len < WEIR__IPV4_HEADER + WEIR__TCP_HEADER))
		return false;
	if (packet[0] >> 4 == 4) {
		if (packet[WEIR__IPV4_PROTOCOL] != IPPROTO_TCP)
			return false;
		tcp = (packet[0] & 0x0fu) * 4;
	} else if (packet[WEIR__IPV6_NEXT] != IPPROTO_TCP) {
		return packet[WEIR__IPV6_NEXT] != IPPROTO_UDP;
	}
	return tcp + WEIR__TCP_FLAGS < buf->len && packet[tcp + WEIR__TCP_FLAGS] & TCP_SYN;
}

static inline weir_verdict path_mtu(struct weir_buf *buf, const struct config *config, struct state *state)
{
	if (config->clamp && may_be_syn(buf))
		clamp(buf, config, state);
	if (WEIR_LIKELY(buf->len <= config->mtu))
		return WEIR_NEXT;
	return judge(buf, config, state);
}

WEIR_PROCESS(path_mtu_vector, path_mtu, struct config, struct state)

static const struct weir_option options[] = {
	WEIR_OPTION(struct weir_path_mtu, mtu, U32, "bytes of the largest IP packet; 0: 1500"),
	WEIR_OPTION(struct weir_path_mtu, clamp, BOOL, "lower the maximum segment size of TCP to what fits"),
	WEIR_OPTION(struct weir_path_mtu, no_errors, BOOL, "drop what is too long without a message"),
	WEIR_OPTION(struct weir_path_mtu, ipv4, STRING,
		    "sender of the messages; not given: whom the packet was for"),
	WEIR_OPTION(struct weir_path_mtu, ipv6, STRING,
		    "sender of the messages; not given: whom the packet was for"),
	WEIR_OPTION(struct weir_path_mtu, rate, U32, "messages a second at the most; 0: 100"),
	{ 0 },
};

const struct weir_stage_type weir_path_mtu_type = {
	.name = "path_mtu",
	.help = "tell the senders of packets that are too long, and lower the segment size of TCP",
	.offload = WEIR_OFFLOAD_ALL,
	.takes = WEIR_LAYER_L3,
	.gives = WEIR_LAYER_L3,
	.headroom = WEIR__IPV6_HEADER + ICMP_HEADER,
	.exits = 1,
	.reasons = reasons,
	.counters = counters,
	.options = options,
	.options_size = sizeof(struct weir_path_mtu),
	.config_size = sizeof(struct config),
	.state_size = sizeof(struct state),
	.configure = path_mtu_configure,
	.process = path_mtu_vector,
};
