/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <weir/path_mtu.h>

#include "packet.h"

#define ANSWER(...) ROW(weir_path_mtu(.exit = { "errors" }, __VA_ARGS__))
#define SECOND      UINT64_C(1000000000)

static const struct packet udp4 = { .family = 4, .protocol = IPPROTO_UDP };
static const struct packet udp6 = { .family = 6, .protocol = IPPROTO_UDP };

/* A packet of that many bytes in all. */
static uint8_t *make(struct packet packet, uint32_t total)
{
	packet.size = total - packet_headers(&packet);
	return packet_make(&packet);
}

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static void renew_sum4(uint8_t *packet)
{
	packet_put16(packet + 10, 0);
	packet_put16(packet + 10, ~packet_sum(0, packet, (packet[0] & 15u) * 4));
}

static void expect_sum6(const uint8_t *packet, size_t len, uint8_t protocol)
{
	uint8_t rest[4] = { 0 };

	packet_put16(rest, protocol);
	packet_put16(rest + 2, (unsigned)(len - 40));
	assert_int_equal(
		packet_sum(packet_sum(packet_sum(0, packet + 8, 32), rest, 4), packet + 40, len - 40),
		0xffff);
}

/* Runs the packet, which is freed; returns what has become of it. */
static struct weir_buf *run_made(struct stage *stage, uint8_t *packet, uint32_t len)
{
	struct weir_buf *buf = run_one(stage, packet, len);

	free(packet);
	return buf;
}

static void lets_pass_what_fits(void **state)
{
	static const struct packet *const kinds[] = { &udp4, &udp6 };
	struct stage stage;

	(void)state;
	configure(&stage, ANSWER(.mtu = 1400));
	for (unsigned i = 0; i < countof(kinds); i++) {
		uint8_t *packet = make(*kinds[i], 1400);

		run_one(&stage, packet, 1400);
		expect_next(&stage, 0, packet, 1400);
		free(packet);
		run_made(&stage, make(*kinds[i], 1401), 1401);
		assert_int_equal(stage_verdict(&stage, 0), WEIR_EXIT(0));
	}
	assert_int_equal(stage_counter(&stage, "answers"), 2);
	stage_close(&stage);
	configure(&stage, ANSWER(.mtu = 0));
	run_made(&stage, make(udp4, 1500), 1500);
	assert_int_equal(stage_verdict(&stage, 0), WEIR_NEXT);
	run_made(&stage, make(udp4, 1501), 1501);
	assert_int_equal(stage_verdict(&stage, 0), WEIR_EXIT(0));
	stage_close(&stage);
}

static void expect_message4(const struct weir_buf *buf, const uint8_t *packet, uint32_t quoted, unsigned mtu)
{
	const uint8_t *message = buf->data;

	assert_int_equal(buf->len, 28 + quoted);
	assert_int_equal(buf->family, 4);
	assert_memory_equal(message, ((uint8_t[2]){ 0x45, 0xc0 }), 2);
	assert_int_equal(get16(message + 2), buf->len);
	assert_int_equal(get16(message + 6), 0x4000);
	assert_int_equal(message[8], 64);
	assert_int_equal(message[9], IPPROTO_ICMP);
	assert_int_equal(packet_sum(0, message, 20), 0xffff);
	assert_memory_equal(message + 16, packet + 12, 4);
	assert_memory_equal(message + 20, ((uint8_t[2]){ 3, 4 }), 2);
	assert_memory_equal(message + 24, ((uint8_t[2]){ 0, 0 }), 2);
	assert_int_equal(get16(message + 26), mtu);
	assert_int_equal(packet_sum(0, message + 20, buf->len - 20), 0xffff);
	assert_memory_equal(message + 28, packet, quoted);
}

static void says_so_in_ipv4(void **state)
{
	struct packet options = udp4;
	struct stage stage;
	uint8_t *packet = make(udp4, 1401);
	struct weir_buf *buf;

	(void)state;
	configure(&stage, ANSWER(.mtu = 1400));
	buf = run_one(&stage, packet, 1401);
	assert_int_equal(stage_verdict(&stage, 0), WEIR_EXIT(0));
	expect_message4(buf, packet, 548, 1400);
	assert_memory_equal(buf->data + 12, packet + 16, 4);
	free(packet);
	stage_close(&stage);

	/* From an address that was told; of a packet with options that is quoted whole. */
	configure(&stage, ANSWER(.mtu = 68, .ipv4 = "10.0.0.9"));
	options.ip_options = 40;
	packet = make(options, 100);
	expect_message4(run_one(&stage, packet, 100), packet, 100, 68);
	assert_memory_equal(stage_packet(&stage, 0)->data + 12, ((uint8_t[4]){ 10, 0, 0, 9 }), 4);
	free(packet);
	stage_close(&stage);
}

static void expect_message6(const struct weir_buf *buf, const uint8_t *packet, uint32_t quoted, unsigned mtu)
{
	const uint8_t *message = buf->data;

	assert_int_equal(buf->len, 48 + quoted);
	assert_int_equal(buf->family, 6);
	assert_memory_equal(message, ((uint8_t[4]){ 0x60 }), 4);
	assert_int_equal(get16(message + 4), 8 + quoted);
	assert_int_equal(message[6], IPPROTO_ICMPV6);
	assert_int_equal(message[7], 64);
	assert_memory_equal(message + 24, packet + 8, 16);
	assert_memory_equal(message + 40, ((uint8_t[2]){ 2, 0 }), 2);
	assert_memory_equal(message + 44, ((uint8_t[2]){ 0, 0 }), 2);
	assert_int_equal(get16(message + 46), mtu);
	expect_sum6(message, buf->len, IPPROTO_ICMPV6);
	assert_memory_equal(message + 48, packet, quoted);
}

static void says_so_in_ipv6(void **state)
{
	static const uint8_t told[16] = { 0xfd, [15] = 9 };
	struct stage stage;
	uint8_t *packet = make(udp6, 1500);
	struct weir_buf *buf;

	(void)state;
	configure(&stage, ANSWER(.mtu = 1400));
	buf = run_one(&stage, packet, 1500);
	assert_int_equal(stage_verdict(&stage, 0), WEIR_EXIT(0));
	expect_message6(buf, packet, 1232, 1400);
	assert_memory_equal(buf->data + 8, packet + 24, 16);
	free(packet);
	stage_close(&stage);

	configure(&stage, ANSWER(.mtu = 68, .ipv6 = "fd00::9"));
	packet = make(udp6, 101); /* of an odd length */
	expect_message6(run_one(&stage, packet, 101), packet, 101, 68);
	assert_memory_equal(stage_packet(&stage, 0)->data + 8, told, 16);
	free(packet);
	stage_close(&stage);
}

/* The packet is changed at these bytes. */
struct patch {
	unsigned at, n;
	const char *bytes;
};

#define PATCH(at, bytes)                     \
	{                                    \
		at, sizeof(bytes) - 1, bytes \
	}

static const char *become(struct packet kind, const struct patch *patches, unsigned n)
{
	static char name[32];
	uint8_t *packet = make(kind, 1500);
	struct stage stage;

	for (unsigned i = 0; i < n; i++)
		memcpy(packet + patches[i].at, patches[i].bytes, patches[i].n);
	configure(&stage, ANSWER(.mtu = 1400));
	run_made(&stage, packet, 1500);
	snprintf(name, sizeof(name), "%s", verdict_name(&stage, 0));
	stage_close(&stage);
	return name;
}

#define BECOME(kind, ...) \
	become(kind, (const struct patch[]){ __VA_ARGS__ }, countof(((const struct patch[]){ __VA_ARGS__ })))

#define ICMP          PATCH(9, "\x01")
#define SILENCE(...)  assert_string_equal(BECOME(udp4, __VA_ARGS__), "too_long")
#define ANSWERED(...) assert_string_equal(BECOME(udp4, __VA_ARGS__), "exit")

static void knows_what_not_to_answer_in_ipv4(void **state)
{
	(void)state;
	ANSWERED(PATCH(6, "\0\0"));             /* it may be fragmented, */
	ANSWERED(PATCH(6, "\x20\0"));           /* and has been: the first of them, */
	SILENCE(PATCH(6, "\x20\x01"));          /* one that follows, */
	SILENCE(PATCH(6, "\0\x01"));            /* the last */
	SILENCE(PATCH(12, "\0\0\0\0"));         /* from nobody, */
	SILENCE(PATCH(12, "\x7f\0\0\x01"));     /* from a loopback, */
	SILENCE(PATCH(12, "\xe0\0\0\x01"));     /* a group, */
	SILENCE(PATCH(12, "\xff\xff\xff\xff")); /* from everybody; */
	SILENCE(PATCH(16, "\xe0\0\0\xfb"));     /* to a group, */
	SILENCE(PATCH(16, "\xff\xff\xff\xff")); /* to everybody */
	ANSWERED(ICMP, PATCH(20, "\x08"));      /* echo, */
	ANSWERED(ICMP, PATCH(20, "\0"));        /* and its answer, */
	ANSWERED(ICMP, PATCH(20, "\x0d"));      /* timestamp */
	SILENCE(ICMP, PATCH(20, "\x03"));       /* errors, */
	SILENCE(ICMP, PATCH(20, "\x04"));
	SILENCE(ICMP, PATCH(20, "\x05"));
	SILENCE(ICMP, PATCH(20, "\x0b"));
	SILENCE(ICMP, PATCH(20, "\x0c"));
	SILENCE(ICMP, PATCH(20, "\xfd")); /* what may be one */
}

#define SILENCE6(...)  assert_string_equal(BECOME(udp6, __VA_ARGS__), "too_long")
#define ANSWERED6(...) assert_string_equal(BECOME(udp6, __VA_ARGS__), "exit")
#define ICMP6          PATCH(6, "\x3a")

static void knows_what_not_to_answer_in_ipv6(void **state)
{
	(void)state;
	SILENCE6(PATCH(8, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
	SILENCE6(PATCH(8, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"));
	ANSWERED6(PATCH(8, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x01"));
	SILENCE6(PATCH(8, "\xff\x02"));
	SILENCE6(PATCH(24, "\xff\x02"));
	ANSWERED6(ICMP6, PATCH(40, "\x80"));
	SILENCE6(ICMP6, PATCH(40, "\x01"));
	SILENCE6(ICMP6, PATCH(40, "\x02"));
	SILENCE6(ICMP6, PATCH(40, "\x7f"));
	SILENCE6(ICMP6, PATCH(40, "\x89"));
	/* Behind hop-by-hop and destination options. */
	ANSWERED6(PATCH(6, "\0"), PATCH(40, "\x3c\x01"), PATCH(56, "\x3a\0"), PATCH(64, "\x80"));
	SILENCE6(PATCH(6, "\0"), PATCH(40, "\x3c\x01"), PATCH(56, "\x3a\0"), PATCH(64, "\x02"));
	/* The first fragment, and another one. */
	ANSWERED6(PATCH(6, "\x2c"), PATCH(40, "\x11\0\0\x01"));
	SILENCE6(PATCH(6, "\x2c"), PATCH(40, "\x11\0\0\x08"));
	SILENCE6(PATCH(6, "\x2c"), PATCH(40, "\x3a\0\0\x01\0\0\0\0\x04"));
	/* A chain of headers that does not end within the packet. */
	SILENCE6(PATCH(6, "\0"), PATCH(40, "\x3c\xff"));
}

static void is_silent_if_told(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ANSWER(.mtu = 1400, .no_errors = true));
	run_made(&stage, make(udp4, 1401), 1401);
	expect_drop(&stage, 0, "too_long");
	stage_close(&stage);
	configure(&stage, ROW(weir_path_mtu(.mtu = 1400)));
	run_made(&stage, make(udp6, 1401), 1401);
	expect_drop(&stage, 0, "too_long");
	assert_int_equal(stage_counter(&stage, "answers"), 0);
	stage_close(&stage);
}

static unsigned answered_of(struct stage *stage, unsigned n, uint64_t arrival)
{
	uint8_t *packet = make(udp4, 1401);
	unsigned answered = 0;

	for (unsigned i = 0; i < n; i++) {
		stage_clear(stage);
		stage_add(stage, packet, 1401)->arrival = arrival;
		run(stage);
		if (stage_verdict(stage, 0) == WEIR_EXIT(0))
			answered++;
		else
			expect_drop(stage, 0, "limited");
	}
	free(packet);
	return answered;
}

static void keeps_to_the_rate(void **state)
{
	struct stage stage;
	unsigned answered = 0;

	(void)state;
	configure(&stage, ANSWER(.mtu = 1400));
	assert_int_equal(answered_of(&stage, 50, 5 * SECOND), 10);
	assert_int_equal(answered_of(&stage, 50, 5 * SECOND + SECOND / 100), 1);
	for (unsigned ms = 1000; ms < 2000; ms++)
		answered += answered_of(&stage, 1, 5 * SECOND + ms * (SECOND / 1000));
	assert_in_range(answered, 100, 110);
	assert_int_equal(answered_of(&stage, 50, 100 * SECOND), 10);
	assert_int_equal(answered_of(&stage, 5, 99 * SECOND), 0); /* what was read a little earlier */
	stage_close(&stage);
	configure(&stage, ANSWER(.mtu = 1400, .rate = 1));
	assert_int_equal(answered_of(&stage, 5, 5 * SECOND), 1);
	assert_int_equal(answered_of(&stage, 5, 6 * SECOND - 1), 0);
	assert_int_equal(answered_of(&stage, 5, 6 * SECOND), 1);
	stage_close(&stage);
}

/* A super-packet of segments of that size, as a device gives it. */
static struct weir_buf *run_super(struct stage *stage, struct packet kind, uint16_t size, uint8_t *bytes)
{
	const uint32_t len = (uint32_t)packet_length(&kind);
	struct weir_buf *buf, described = packet_describe(&kind, bytes, size);

	stage_clear(stage);
	buf = stage_add(stage, bytes, len);
	buf->gso_type = described.gso_type;
	buf->gso_size = size;
	buf->csum_start = described.csum_start;
	buf->csum_offset = described.csum_offset;
	buf->flags = described.flags;
	buf->hdr_len = (uint16_t)packet_headers(&kind);
	run(stage);
	return buf;
}

static void judges_super_packets_by_their_segments(void **state)
{
	struct packet kind = { .family = 4, .protocol = IPPROTO_TCP, .partial = true, .size = 30000 };
	struct stage stage;
	uint8_t *bytes;
	struct weir_buf *buf;

	(void)state;
	configure(&stage, ANSWER(.mtu = 1400));
	for (; kind.family <= 6; kind.family += 2) {
		const unsigned header = kind.family == 4 ? 40 : 60;

		bytes = packet_make(&kind);
		buf = run_super(&stage, kind, (uint16_t)(1400 - header), bytes);
		expect_next(&stage, 0, bytes, 30000 + header);
		assert_int_equal(buf->gso_size, 1400 - header);
		assert_int_equal(buf->flags, WEIR_BUF_NEEDS_CSUM);
		buf = run_super(&stage, kind, (uint16_t)(1401 - header), bytes);
		assert_int_equal(stage_verdict(&stage, 0), WEIR_EXIT(0));
		if (kind.family == 4)
			expect_message4(buf, bytes, 548, 1400);
		else
			expect_message6(buf, bytes, 1232, 1400);
		assert_int_equal(buf->flags, 0);
		assert_int_equal(buf->gso_type, 0);
		assert_int_equal(buf->gso_size, 0);
		assert_int_equal(weir_buf_segments(buf), 1);
		free(bytes);
	}
	/* One segment that is not full. */
	kind = (struct packet){ .family = 4, .protocol = IPPROTO_TCP, .partial = true, .size = 1360 };
	bytes = packet_make(&kind);
	run_super(&stage, kind, 1460, bytes);
	expect_next(&stage, 0, bytes, 1400);
	free(bytes);
	stage_close(&stage);
}

static void drops_what_is_no_packet(void **state)
{
	struct stage stage;
	uint8_t *packet = make(udp4, 1500);

	(void)state;
	configure(&stage, ANSWER(.mtu = 1400));
	packet[0] = 0x75;
	run_one(&stage, packet, 1500);
	expect_drop(&stage, 0, "version");
	packet[0] = 0x44;
	run_one(&stage, packet, 1500);
	expect_drop(&stage, 0, "header_length");
	packet[0] = 0x45;
	packet_put16(packet + 2, 1501);
	run_one(&stage, packet, 1500);
	expect_drop(&stage, 0, "total_length");
	/* Only what is behind it is too long. */
	packet_put16(packet + 2, 1400);
	renew_sum4(packet);
	run_one(&stage, packet, 1500);
	expect_next(&stage, 0, packet, 1500);
	free(packet);
	stage_close(&stage);
}

/* --- the maximum segment size */

#define FLAGS_SYN 0x02

/* A SYN with these options. The rest behind them is payload, so that all is checked. */
static uint8_t *make_syn(struct packet *kind, const void *options, unsigned n)
{
	uint8_t *bytes, *tcp;
	size_t len;

	kind->protocol = IPPROTO_TCP;
	kind->flags |= FLAGS_SYN;
	kind->tcp_options = (n + 3) / 4 * 4;
	kind->size = 5;
	bytes = packet_make(kind);
	len = packet_length(kind);
	tcp = bytes + packet_ip_header(kind);
	memset(tcp + 20, 0, kind->tcp_options);
	memcpy(tcp + 20, options, n);
	packet_put16(tcp + 16, 0);
	if (kind->partial)
		packet_put16(tcp + 16, packet_pseudo(kind, bytes));
	else
		packet_put16(tcp + 16,
			     ~packet_sum(packet_pseudo(kind, bytes), tcp, len - packet_ip_header(kind)));
	return bytes;
}

/* The MSS that stands at that place of the options becomes this; all else stays, and the sum is right. */
static void expect_clamped(struct packet kind, const void *options, unsigned n, unsigned at, unsigned mss)
{
	uint8_t *bytes = make_syn(&kind, options, n), *wanted;
	uint8_t changed[40];
	const uint32_t len = (uint32_t)packet_length(&kind);
	struct stage stage;

	memcpy(changed, options, n);
	packet_put16(changed + at, mss);
	wanted = make_syn(&kind, changed, n);
	configure(&stage, ANSWER(.mtu = 1400, .clamp = true));
	stage_add(&stage, bytes, len)->flags = kind.partial ? WEIR_BUF_NEEDS_CSUM : 0;
	run(&stage);
	expect_next(&stage, 0, wanted, len);
	assert_int_equal(stage_counter(&stage, "clamped"), memcmp(changed, options, n) != 0);
	free(bytes);
	free(wanted);
	stage_close(&stage);
}

#define CLAMPED(options, at, mss, ...) \
	expect_clamped((struct packet){ __VA_ARGS__ }, options, sizeof(options) - 1, at, mss)

static void lowers_the_mss(void **state)
{
	(void)state;
	CLAMPED("\x02\x04\x05\xb4", 2, 1360, .family = 4);
	CLAMPED("\x02\x04\x05\xa0", 2, 1340, .family = 6);
	CLAMPED("\x02\x04\xff\xff", 2, 1360, .family = 4, .flags = TCP_ACK);
	CLAMPED("\x02\x04\x05\xb4", 2, 1360, .family = 4, .ip_options = 40);
	CLAMPED("\x02\x04\x05\xa0", 2, 1340, .family = 6, .ip_options = 48);
	CLAMPED("\x04\x02\x08\x0a\1\2\3\4\5\6\7\x08\x02\x04\x05\xb4\x01\x03\x03\x07", 14, 1360, .family = 4);
	/* At an odd place, where the sum sees its bytes the other way round. */
	CLAMPED("\x01\x02\x04\x05\xb4", 3, 1360, .family = 4);
	CLAMPED("\x03\x03\x07\x02\x04\x05\xb4", 5, 1340, .family = 6);
	/* The sum is still to be completed: it does not know of the option yet. */
	CLAMPED("\x02\x04\x05\xb4", 2, 1360, .family = 4, .partial = true);
	CLAMPED("\x01\x02\x04\x05\xb4", 3, 1340, .family = 6, .partial = true);
}

static void leaves_a_lower_mss(void **state)
{
	(void)state;
	CLAMPED("\x02\x04\x05\x50", 2, 1360, .family = 4);
	CLAMPED("\x02\x04\x02\x00", 2, 512, .family = 4);
	CLAMPED("\x02\x04\x05\x3c", 2, 1340, .family = 6);
}

static void expect_left(struct packet kind, const void *options, unsigned n)
{
	uint8_t *bytes = make_syn(&kind, options, n);
	const uint32_t len = (uint32_t)packet_length(&kind);
	struct stage stage;

	configure(&stage, ANSWER(.mtu = 1400, .clamp = true));
	run_one(&stage, bytes, len);
	expect_next(&stage, 0, bytes, len);
	assert_int_equal(stage_counter(&stage, "clamped"), 0);
	free(bytes);
	stage_close(&stage);
}

#define LEFT(options) expect_left((struct packet){ .family = 4 }, options, sizeof(options) - 1)

static void leaves_broken_options(void **state)
{
	(void)state;
	LEFT("");
	LEFT("\x01\x01\x01\x02");     /* a length that is not there, */
	LEFT("\x02\x05\x05\xb4\x05"); /* a wrong one, */
	LEFT("\x02\x03\x05\x01");
	LEFT("\x03\x00\x02\x04\x05\xb4"); /* that never ends, */
	LEFT("\x03\x01\x02\x04\x05\xb4");
	LEFT("\x03\x20\x02\x04\x05\xb4");         /* or ends behind the header */
	LEFT("\x00\x00\x00\x00\x02\x04\x05\xb4"); /* behind the end */
	LEFT("\x01\x01\x02\x04");
}

/* The packet of a SYN that would be changed, but for these bytes. */
static void expect_untouched(struct packet kind, unsigned at, uint8_t byte)
{
	uint8_t *bytes = make_syn(&kind, "\x02\x04\x05\xb4", 4);
	const uint32_t len = (uint32_t)packet_length(&kind);
	struct stage stage;

	assert_int_not_equal(bytes[at], byte);
	bytes[at] = byte;
	configure(&stage, ANSWER(.mtu = 1400, .clamp = true));
	run_one(&stage, bytes, len);
	expect_next(&stage, 0, bytes, len);
	free(bytes);
	stage_close(&stage);
}

static void leaves_what_is_no_syn(void **state)
{
	const struct packet tcp4 = { .family = 4 }, tcp6 = { .family = 6 };
	const struct packet extended = { .family = 6, .ip_options = 8 };

	(void)state;
	expect_untouched(tcp4, 33, 0x10);
	expect_untouched(tcp4, 9, IPPROTO_UDP);
	expect_untouched(tcp4, 7, 1);    /* no first fragment */
	expect_untouched(tcp4, 0, 0x4f); /* a header as long as the packet */
	expect_untouched(tcp4, 0, 0x75);
	expect_untouched(tcp4, 2, 1);     /* longer than what came */
	expect_untouched(tcp4, 32, 0xf0); /* a header of TCP that ends behind the packet, */
	expect_untouched(tcp4, 32, 0x50); /* or before the option */
	expect_untouched(tcp6, 53, 0x10);
	expect_untouched(tcp6, 6, IPPROTO_UDP);
	expect_untouched(tcp6, 6, IPPROTO_HOPOPTS);
	expect_untouched(extended, 40, IPPROTO_UDP);
	expect_untouched(extended, 41, 9);
}

static void does_not_clamp_unless_told(void **state)
{
	struct packet kind = { .family = 4 };
	uint8_t *bytes = make_syn(&kind, "\x02\x04\x05\xb4", 4);
	const uint32_t len = (uint32_t)packet_length(&kind);
	struct stage stage;

	(void)state;
	configure(&stage, ANSWER(.mtu = 1400));
	run_one(&stage, bytes, len);
	expect_next(&stage, 0, bytes, len);
	stage_close(&stage);
	free(bytes);
}

static void cut_short(struct packet kind)
{
	uint8_t *bytes = make_syn(&kind, "\x02\x04\x05\xb4", 4);
	const uint32_t len = (uint32_t)packet_length(&kind);
	struct stage stage;

	configure(&stage, ANSWER(.mtu = 1400, .clamp = true));
	for (uint32_t n = 0; n < len; n++) {
		run_one(&stage, bytes, n);
		expect_next(&stage, 0, bytes, n);
		/* And where the length in the header is so too. */
		if (n < packet_ip_header(&kind))
			continue;
		packet_put16(bytes + (kind.family == 4 ? 2 : 4), kind.family == 4 ? n : n - 40);
		run_one(&stage, bytes, n);
		assert_int_equal(stage_verdict(&stage, 0), WEIR_NEXT);
		packet_put16(bytes + (kind.family == 4 ? 2 : 4), kind.family == 4 ? len : len - 40);
	}
	free(bytes);
	stage_close(&stage);
}

static void looks_no_further_than_the_packet(void **state)
{
	(void)state;
	cut_short((struct packet){ .family = 4 });
	cut_short((struct packet){ .family = 4, .ip_options = 12 });
	cut_short((struct packet){ .family = 6 });
	cut_short((struct packet){ .family = 6, .ip_options = 24 });
}

static void refuses_bad_options(void **state)
{
	(void)state;
	expect_refused(ROW(weir_path_mtu(.mtu = 67)), "mtu: 67 is not from 68 to 65535");
	expect_refused(ROW(weir_path_mtu(.mtu = 65536)), "mtu: 65536 is not from 68 to 65535");
	expect_refused(ROW(weir_path_mtu(.ipv4 = "fd00::1", .ipv6 = "10.0.0.1")),
		       "ipv4: 'fd00::1' is no IPv4 address\nipv6: '10.0.0.1' is no IPv6 address");
	expect_refused(ROW(weir_path_mtu(.ipv4 = "10.0.0")), "ipv4: '10.0.0' is no IPv4 address");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lets_pass_what_fits),
		cmocka_unit_test(says_so_in_ipv4),
		cmocka_unit_test(says_so_in_ipv6),
		cmocka_unit_test(knows_what_not_to_answer_in_ipv4),
		cmocka_unit_test(knows_what_not_to_answer_in_ipv6),
		cmocka_unit_test(is_silent_if_told),
		cmocka_unit_test(keeps_to_the_rate),
		cmocka_unit_test(judges_super_packets_by_their_segments),
		cmocka_unit_test(drops_what_is_no_packet),
		cmocka_unit_test(lowers_the_mss),
		cmocka_unit_test(leaves_a_lower_mss),
		cmocka_unit_test(leaves_broken_options),
		cmocka_unit_test(leaves_what_is_no_syn),
		cmocka_unit_test(does_not_clamp_unless_told),
		cmocka_unit_test(looks_no_further_than_the_packet),
		cmocka_unit_test(refuses_bad_options),
	};

	return cmocka_run_group_tests(tests, packet_fill_payload, NULL);
}
