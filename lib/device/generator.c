/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that costs time is done at open(): one finished packet of each size. A packet is a copy of it in
 * which source port, flow and sequence number are written; its checksum is the sum of the finished packet and
 * these few words. So every packet is valid.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <weir/generator.h>

#include "address.h"
#include "alarm.h"
#include "bytes.h"
#include "checksum.h"
#include "ethernet.h"
#include "headers.h"
#include "ip.h"
#include "option.h"
#include "reader.h"

#define NUMBERS          12 /* bytes of flow and sequence number */
#define PACKET_MAX       65535
#define FLOWS_MAX        16384
#define FIRST_PORT       49152 /* of the dynamic ports (RFC 6335 §6), which are FLOWS_MAX */
#define DESTINATION_PORT 9     /* discard */
#define HOP_LIMIT        64

/* A paced generator wakes every 100 µs at the most, for a batch. One that was late catches up with 10 ms at
 * the most. */
#define TICK_NS     100000
#define CATCH_UP_NS 10000000

#define RATE_MIN 0.001 /* packets a second */

/* What the options mean. */
struct plan {
	bool l2;
	struct weir__ip source;
	struct weir__ip destination;
	uint8_t source_mac[6];
	uint8_t destination_mac[6];
	struct weir_size sizes[WEIR_GENERATOR_SIZES_MAX];
	unsigned n_sizes;
	uint32_t flows;
	uint32_t largest; /* bytes of a packet, Ethernet header included */
};

/* A finished packet of flow 0 with source port and numbers 0. */
struct pattern {
	uint8_t *bytes;
	uint32_t len;
	uint32_t below; /* chosen by numbers below this and not below that of the pattern before */
	uint64_t sum;   /* of all that the UDP checksum covers */
	bool numbered;
};

struct pace {
	double per_ns; /* packets; 0: as fast as they are taken */
	double credit; /* packets that are due */
	uint64_t last; /* when credit was computed; 0: not yet */
	struct weir__alarm alarm;
};

struct generator {
	struct pattern patterns[WEIR_GENERATOR_SIZES_MAX];
	unsigned n_patterns;
	uint32_t weights; /* their sum */
	uint32_t udp;     /* offset of the UDP header */
	uint32_t largest;
	uint32_t flows;
	uint64_t *sequence; /* the next number of each flow */
	uint64_t random;
	uint64_t left; /* packets to the end */
	struct pace pace;
};

static uint32_t l2_header(const struct plan *plan)
{
	return plan->l2 ? WEIR__ETH_HEADER : 0;
}

static uint32_t ip_header(const struct plan *plan)
{
	return plan->source.family == 6 ? WEIR__IPV6_HEADER : WEIR__IPV4_HEADER;
}

static int plan_ip(const char *field, const char *text, struct weir__ip *ip, struct weir_error *err)
{
	return weir__ip_parse(text, ip) ? 0 : weir_invalid(err, field, "'%s' is not an IP address", text);
}

static int plan_ips(const struct weir_generator *options, struct plan *plan, struct weir_error *err)
{
	bool six = (options->source && strchr(options->source, ':')) ||
		   (options->destination && strchr(options->destination, ':'));
	const char *source = options->source ? options->source : six ? "fd00::1" : "10.0.0.1";
	const char *destination = options->destination ? options->destination : six ? "fd00::2" : "10.0.0.2";
	int ret = plan_ip("source", source, &plan->source, err);

	ret |= plan_ip("destination", destination, &plan->destination, err);
	if (!ret && plan->source.family != plan->destination.family)
		ret = weir_invalid(err, "destination", "'%s' is not of the family of the source, '%s'",
				   destination, source);
	return ret;
}

static int plan_mac(const char *field, const char *text, bool l2, uint8_t mac[6], struct weir_error *err)
{
	if (text && !l2)
		return weir_invalid(err, field, "only frames have one: set layer to WEIR_LAYER_L2");
	if (text && !weir__mac_parse(text, mac))
		return weir_invalid(err, field, "'%s' is not a MAC address", text);
	return 0;
}

/* The sizes that the options ask for, before anything is checked. */
static void list_sizes(const struct weir_generator *options, struct plan *plan)
{
	const bool six = plan->source.family == 6;
	const struct weir_size imix[] = { { six ? 60 : 40, 7 }, { 576, 4 }, { 1500, 1 } };

	if (options->imix) {
		memcpy(plan->sizes, imix, sizeof(imix));
		plan->n_sizes = 3;
		return;
	}
	while (plan->n_sizes < WEIR_GENERATOR_SIZES_MAX && options->sizes[plan->n_sizes].weight)
		plan->n_sizes++;
	memcpy(plan->sizes, options->sizes, sizeof(plan->sizes));
	if (plan->n_sizes == 0) {
		plan->sizes[0] = (struct weir_size){ options->size ? options->size : 64, 1 };
		plan->n_sizes = 1;
	}
}

static int plan_sizes(const struct weir_generator *options, struct plan *plan, struct weir_error *err)
{
	const uint32_t min = ip_header(plan) + WEIR__UDP_HEADER;
	const uint32_t max = PACKET_MAX - l2_header(plan);
	uint64_t weights = 0;
	int ret = 0;

	if ((options->size != 0) + options->imix + (options->sizes[0].weight != 0) > 1)
		return weir_invalid(err, "size", "one of size, imix and sizes");
	list_sizes(options, plan);
	for (unsigned i = 0; i < plan->n_sizes; i++) {
		uint32_t bytes = plan->sizes[i].bytes;

		if (bytes < min || bytes > max)
			ret |= weir_invalid(err, options->size ? "size" : "sizes", "%u is not from %u to %u",
					    bytes, min, max);
		if (bytes + l2_header(plan) > plan->largest)
			plan->largest = bytes + l2_header(plan);
		weights += plan->sizes[i].weight;
	}
	if (weights > UINT32_MAX)
		ret |= weir_invalid(err, "sizes", "the weights add up to more than %u", UINT32_MAX);
	return ret;
}

static int make_plan(const struct weir_generator *options, struct plan *plan, struct weir_error *err)
{
	int ret = 0;

	*plan = (struct plan){
		.l2 = options->layer == WEIR_LAYER_L2,
		.source_mac = { 2, 0, 0, 0, 0, 1 },
		.destination_mac = { 2, 0, 0, 0, 0, 2 },
		.flows = options->flows ? options->flows : 1,
	};
	if (options->layer != WEIR_LAYER_ANY && options->layer != WEIR_LAYER_AF && !plan->l2)
		ret = weir_invalid(err, "layer", "%d is not WEIR_LAYER_AF or WEIR_LAYER_L2",
				   (int)options->layer);
	ret |= plan_mac("source_mac", options->source_mac, plan->l2, plan->source_mac, err);
	ret |= plan_mac("destination_mac", options->destination_mac, plan->l2, plan->destination_mac, err);
	ret |= plan_ips(options, plan, err);
	ret |= plan_sizes(options, plan, err);
	if (plan->flows > FLOWS_MAX)
		ret |= weir_invalid(err, "flows", "%u is not from 1 to %u", plan->flows, FLOWS_MAX);
	if (options->rate != 0 && !(options->rate >= RATE_MIN && isfinite(options->rate)))
		ret |= weir_invalid(err, "rate", "%g is not a number of packets a second, 0 or at least %g",
				    options->rate, RATE_MIN);
	return ret;
}

static int generator_check(const void *options, struct weir_endpoint_info *info, struct weir_error *err)
{
	struct plan plan;
	int ret = make_plan(options, &plan, err);

	info->layer = plan.l2 ? WEIR_LAYER_L2 : WEIR_LAYER_AF;
	info->framing = WEIR_FRAMING_RAW;
	info->max_packet = plan.largest;
	return ret;
}

static uint8_t *put_ethernet(const struct plan *plan, uint8_t *at)
{
	memcpy(at, plan->destination_mac, 6);
	memcpy(at + 6, plan->source_mac, 6);
	weir__store_be16(at + 12, plan->source.family == 6 ? WEIR__ETHERTYPE_IPV6 : WEIR__ETHERTYPE_IPV4);
	return at + WEIR__ETH_HEADER;
}

/* RFC 791 §3.1: version and header length, total length, don't fragment, hop limit, protocol. */
static uint8_t *put_ipv4(const struct plan *plan, uint8_t *at, uint32_t len)
{
	uint16_t checksum;

	memcpy(at, (const uint8_t[12]){ 0x45, 0, 0, 0, 0, 0, 0x40, 0, HOP_LIMIT, IPPROTO_UDP }, 12);
	weir__store_be16(at + 2, (uint16_t)len);
	memcpy(at + 12, plan->source.bytes, 4);
	memcpy(at + 16, plan->destination.bytes, 4);
	checksum = weir__checksum_finish(weir__checksum_add(0, at, WEIR__IPV4_HEADER));
	memcpy(at + 10, &checksum, 2);
	return at + WEIR__IPV4_HEADER;
}

/* RFC 8200 §3: version, payload length, next header, hop limit. */
static uint8_t *put_ipv6(const struct plan *plan, uint8_t *at, uint32_t len)
{
	memcpy(at, (const uint8_t[8]){ 0x60, 0, 0, 0, 0, 0, IPPROTO_UDP, HOP_LIMIT }, 8);
	weir__store_be16(at + 4, (uint16_t)(len - WEIR__IPV6_HEADER));
	memcpy(at + 8, plan->source.bytes, 16);
	memcpy(at + 24, plan->destination.bytes, 16);
	return at + WEIR__IPV6_HEADER;
}

/* The UDP header and its payload; the bytes behind the numbers count up. Returns the sum for the checksum. */
static uint64_t put_udp(const struct plan *plan, uint8_t *at, uint16_t len, bool numbered)
{
	const bool six = plan->source.family == 6;
	const uint8_t *addresses = at - (six ? 32 : 8);

	weir__store_be16(at, 0);
	weir__store_be16(at + 2, DESTINATION_PORT);
	weir__store_be16(at + 4, len);
	weir__store_be16(at + WEIR__UDP_CHECKSUM, 0);
	for (uint32_t i = WEIR__UDP_HEADER; i < len; i++)
		at[i] = (uint8_t)(numbered && i < WEIR__UDP_HEADER + NUMBERS ? 0 : i);
	return weir__checksum_add(six ? weir__checksum_pseudo6(addresses, IPPROTO_UDP, len)
				      : weir__checksum_pseudo4(addresses, IPPROTO_UDP, len),
				  at, len);
}

static int make_pattern(const struct plan *plan, uint32_t len, struct pattern *pattern)
{
	const uint32_t udp_len = len - ip_header(plan);
	uint8_t *at;

	pattern->len = l2_header(plan) + len;
	pattern->bytes = malloc(pattern->len);
	if (!pattern->bytes)
		return -ENOMEM;
	at = plan->l2 ? put_ethernet(plan, pattern->bytes) : pattern->bytes;
	at = plan->source.family == 6 ? put_ipv6(plan, at, len) : put_ipv4(plan, at, len);
	pattern->numbered = udp_len >= WEIR__UDP_HEADER + NUMBERS;
	pattern->sum = put_udp(plan, at, (uint16_t)udp_len, pattern->numbered);
	return 0;
}

static int make_patterns(struct generator *generator, const struct plan *plan)
{
	for (unsigned i = 0; i < plan->n_sizes; i++) {
		struct pattern *pattern = &generator->patterns[generator->n_patterns++];
		int ret = make_pattern(plan, plan->sizes[i].bytes, pattern);

		if (ret < 0)
			return ret;
		generator->weights += plan->sizes[i].weight;
		pattern->below = generator->weights;
	}
	generator->udp = l2_header(plan) + ip_header(plan);
	generator->largest = plan->largest;
	return 0;
}

static void generator_close(void *state)
{
	struct generator *generator = state;

	for (unsigned i = 0; i < generator->n_patterns; i++)
		free(generator->patterns[i].bytes);
	free(generator->sequence);
	weir__alarm_close(&generator->pace.alarm);
}

static int generator_open(void *state, const void *options_, struct weir_endpoint_info *info,
			  struct weir_error *err)
{
	const struct weir_generator *options = options_;
	struct generator *generator = state;
	struct plan plan;
	int ret = make_plan(options, &plan, err);

	if (ret < 0)
		return ret;
	generator->flows = plan.flows;
	generator->random = options->seed;
	generator->left = options->count ? options->count : UINT64_MAX;
	generator->pace = (struct pace){ .per_ns = options->rate / 1e9, .credit = 1, .alarm.fd = -1 };
	generator->sequence = calloc(plan.flows, sizeof(*generator->sequence));
	ret = generator->sequence ? make_patterns(generator, &plan) : -ENOMEM;
	if (!ret && options->rate > 0)
		ret = weir__alarm_open(&generator->pace.alarm);
	info->read_fd = generator->pace.alarm.fd;
	info->write_fd = -1;
	if (ret < 0) {
		generator_close(generator);
		return weir_failed(err, ret, "cannot be opened: %s", strerror(-ret));
	}
	return 0;
}

/* Packets that are due now, n at the most. */
static uint32_t pace_due(struct pace *pace, uint64_t now, uint32_t n)
{
	if (now < pace->alarm.at)
		return 0;
	if (pace->last)
		pace->credit += (double)(now - pace->last) * pace->per_ns;
	pace->last = now;
	if (pace->credit > 1 + CATCH_UP_NS * pace->per_ns)
		pace->credit = 1 + CATCH_UP_NS * pace->per_ns;
	return pace->credit < n ? (uint32_t)pace->credit : n;
}

/* n of them are out. The alarm stays on while more are due, and also at the end, so that the end is seen at
 * once. */
static void pace_made(struct pace *pace, uint32_t n, bool end)
{
	double wait;

	pace->credit -= n;
	if (pace->credit >= 1 || end)
		return;
	wait = (1 - pace->credit) / pace->per_ns;
	weir__alarm_set(&pace->alarm, pace->last + (wait < TICK_NS ? TICK_NS : (uint64_t)wait + 1));
}

/* SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014. */
static inline uint64_t draw(uint64_t *random)
{
	uint64_t z = *random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* A 32-bit random number scaled to [0, n). */
static inline uint32_t scale(uint32_t random, uint32_t n)
{
	return (uint32_t)((uint64_t)random * n >> 32);
}

/* Makes the packet of a flow of what is a copy of the pattern. */
static inline void finish(struct generator *generator, const struct pattern *pattern, uint32_t flow,
			  uint8_t *bytes)
{
	uint8_t *udp = bytes + generator->udp;
	const uint16_t port = htons((uint16_t)(FIRST_PORT + flow));
	const uint32_t number = htonl(flow);
	const uint64_t sequence = htobe64(generator->sequence[flow]++);
	uint64_t sum = pattern->sum + port;
	uint16_t checksum;

	memcpy(udp, &port, 2);
	if (pattern->numbered) {
		memcpy(udp + WEIR__UDP_HEADER, &number, 4);
		memcpy(udp + WEIR__UDP_HEADER + 4, &sequence, 8);
		sum += number + (sequence >> 32) + (sequence & 0xffffffff);
	}
	checksum = weir__checksum_finish_udp(sum);
	memcpy(udp + WEIR__UDP_CHECKSUM, &checksum, 2);
}

/* Makes one packet of a random size and flow. Returns false if there is no buffer; then nothing was drawn. */
static inline bool make(struct generator *generator, struct weir_reader *reader)
{
	struct pattern *pattern = generator->patterns;
	struct weir_buf *buf = weir_reader_buf(reader);
	uint64_t random;
	uint32_t flow;

	if (!buf)
		return false;
	/* A size that was drawn cannot be put back: the packets would no longer be the same ones for the same
	 * seed. */
	if (WEIR_UNLIKELY(generator->largest > weir_reader_room(reader, buf)) && !reader->spill.iov_len)
		return false;
	random = draw(&generator->random);
	flow = scale((uint32_t)random, generator->flows);
	while (scale((uint32_t)(random >> 32), generator->weights) >= pattern->below)
		pattern++;
	if (WEIR_LIKELY(pattern->len <= weir_reader_room(reader, buf))) {
		memcpy(buf->data, pattern->bytes, pattern->len);
		finish(generator, pattern, flow, buf->data);
		weir_reader_commit(reader, pattern->len);
	} else {
		finish(generator, pattern, flow, pattern->bytes);
		weir__reader_copy(reader, pattern->bytes, pattern->len);
	}
	return true;
}

static int generator_read(void *state, struct weir_reader *reader)
{
	struct generator *generator = state;
	const bool paced = generator->pace.per_ns > 0;
	uint32_t n = reader->limit - reader->n;
	uint32_t made = 0;

	if (generator->left == 0)
		return -ENODATA;
	if (n > generator->left)
		n = (uint32_t)generator->left;
	if (paced)
		n = pace_due(&generator->pace, reader->now, n);
	while (made < n && make(generator, reader))
		made++;
	generator->left -= made;
	if (paced)
		pace_made(&generator->pace, made, generator->left == 0);
	return 0;
}

static const struct weir_option size_options[] = {
	WEIR_OPTION(struct weir_size, weight, U32, "how often it comes"),
	WEIR_OPTION(struct weir_size, bytes, U32, "of the IP packet"),
	{ 0 },
};

static const struct weir_option options[] = {
	WEIR_ENUM_OPTION(struct weir_generator, layer, weir__layer_values, "af (raw IP) or l2; default af"),
	WEIR_OPTION(struct weir_generator, size, U32, "bytes of every IP packet; default 64"),
	WEIR_OPTION(struct weir_generator, imix, BOOL,
		    "7 of 40, 4 of 576, 1 of 1500 bytes instead (IPv6: 60, 576, 1500)"),
	WEIR_ARRAY_OPTION(struct weir_generator, sizes, size_options, "a mix of sizes of one's own"),
	WEIR_OPTION(struct weir_generator, flows, U32, "different source ports, 1 to 16,384; default 1"),
	WEIR_OPTION(struct weir_generator, count, U64, "packets, then it ends; 0: no end"),
	WEIR_OPTION(struct weir_generator, rate, DOUBLE, "packets a second; 0: as fast as they are taken"),
	WEIR_OPTION(struct weir_generator, seed, U64, "of the order of sizes and flows"),
	WEIR_OPTION(struct weir_generator, source, STRING, "IP address; default 10.0.0.1 or fd00::1"),
	WEIR_OPTION(struct weir_generator, destination, STRING, "IP address; default 10.0.0.2 or fd00::2"),
	WEIR_OPTION(struct weir_generator, source_mac, STRING,
		    "with the layer l2; default 02:00:00:00:00:01"),
	WEIR_OPTION(struct weir_generator, destination_mac, STRING,
		    "with the layer l2; default 02:00:00:00:00:02"),
	{ 0 },
};

const struct weir_endpoint_type weir_generator_type = {
	.name = "generator",
	.help = "UDP packets out of nowhere, the same ones for the same seed",
	.options = options,
	.options_size = sizeof(struct weir_generator),
	.state_size = sizeof(struct generator),
	.check = generator_check,
	.open = generator_open,
	.close = generator_close,
	.read = generator_read,
};
