/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <weir/af_decap.h>

#include "bad_ip.h"

#define PREFIX 4

static const uint8_t utun_ipv4[PREFIX] = { 0, 0, 0, 2 };

/* What each system's layer-3 device writes in front of an IPv6 packet. */
static const uint8_t utun_ipv6[][PREFIX] = {
	{ 0, 0, 0, 30 }, /* Darwin */
	{ 0, 0, 0, 28 }, /* FreeBSD, DragonFly */
	{ 0, 0, 0, 24 }, /* OpenBSD, NetBSD */
	{ 0, 0, 0, 10 }, /* Linux */
};

static const uint8_t pi_ipv4[PREFIX] = { 0, 0, 0x08, 0x00 };
static const uint8_t pi_ipv6[PREFIX] = { 0, 0, 0x86, 0xdd };

static struct weir_buf *add(struct stage *stage, uint8_t framing, const uint8_t *prefix,
			    const uint8_t *packet, uint32_t len)
{
	static uint8_t bytes[PREFIX + 65535];
	struct weir_buf *buf;

	memcpy(bytes, prefix, PREFIX);
	memcpy(bytes + PREFIX, packet, len);
	buf = stage_add(stage, bytes, PREFIX + len);
	buf->framing = framing;
	return buf;
}

static void takes_raw_packets_as_they_are(void **state)
{
	struct stage stage;
	uint8_t v4[100], v6[100];

	(void)state;
	make_ipv4(v4, sizeof(v4), 20);
	make_ipv6(v6, sizeof(v6));
	configure(&stage, ROW(weir_af_decap()));
	stage_add(&stage, v4, sizeof(v4));
	stage_add(&stage, v6, sizeof(v6));
	run(&stage);
	expect_next(&stage, 0, v4, sizeof(v4));
	expect_next(&stage, 1, v6, sizeof(v6));
	assert_int_equal(stage_packet(&stage, 0)->family, 4);
	assert_int_equal(stage_packet(&stage, 1)->family, 6);
	assert_int_equal(stage_counter(&stage, "prefix_mismatch"), 0);
	assert_int_equal(stage_counter(&stage, "trimmed"), 0);
	stage_close(&stage);
}

static void takes_ip_options_and_bare_headers(void **state)
{
	static const uint32_t headers[] = { 20, 24, 60 };
	struct stage stage;
	uint8_t packet[60];

	(void)state;
	configure(&stage, ROW(weir_af_decap()));
	for (size_t i = 0; i < countof(headers); i++) {
		make_ipv4(packet, headers[i], headers[i]);
		run_one(&stage, packet, headers[i]);
		expect_next(&stage, 0, packet, headers[i]);
	}
	make_ipv6(packet, 40);
	run_one(&stage, packet, 40);
	expect_next(&stage, 0, packet, 40);
	stage_close(&stage);
}

static void takes_a_super_packet(void **state)
{
	static uint8_t packet[65535];
	struct stage stage;
	struct weir_buf *buf;

	(void)state;
	make_ipv4(packet, sizeof(packet), 20);
	configure(&stage, ROW(weir_af_decap()));
	buf = stage_add(&stage, packet, sizeof(packet));
	buf->gso_type = 1;
	buf->gso_size = 1448;
	run(&stage);
	expect_next(&stage, 0, packet, sizeof(packet));
	assert_int_equal(buf->gso_type, 1);
	assert_int_equal(buf->gso_size, 1448);
	stage_close(&stage);
}

static void takes_off_the_family_of_every_system(void **state)
{
	struct stage stage;
	uint8_t v4[64], v6[64];

	(void)state;
	make_ipv4(v4, sizeof(v4), 20);
	make_ipv6(v6, sizeof(v6));
	configure(&stage, ROW(weir_af_decap()));
	for (size_t i = 0; i < countof(utun_ipv6); i++)
		add(&stage, WEIR_FRAMING_UTUN, utun_ipv6[i], v6, sizeof(v6));
	add(&stage, WEIR_FRAMING_UTUN, utun_ipv4, v4, sizeof(v4));
	run(&stage);
	for (uint32_t i = 0; i < countof(utun_ipv6); i++) {
		expect_next(&stage, i, v6, sizeof(v6));
		assert_int_equal(stage_packet(&stage, i)->family, 6);
	}
	expect_next(&stage, countof(utun_ipv6), v4, sizeof(v4));
	assert_int_equal(stage_counter(&stage, "prefix_mismatch"), 0);
	stage_close(&stage);
}

static void takes_off_tun_pi(void **state)
{
	struct stage stage;
	uint8_t v4[64], v6[64];

	(void)state;
	make_ipv4(v4, sizeof(v4), 20);
	make_ipv6(v6, sizeof(v6));
	configure(&stage, ROW(weir_af_decap()));
	add(&stage, WEIR_FRAMING_TUN_PI, pi_ipv4, v4, sizeof(v4));
	add(&stage, WEIR_FRAMING_TUN_PI, pi_ipv6, v6, sizeof(v6));
	run(&stage);
	expect_next(&stage, 0, v4, sizeof(v4));
	expect_next(&stage, 1, v6, sizeof(v6));
	assert_int_equal(stage_packet(&stage, 0)->family, 4);
	assert_int_equal(stage_packet(&stage, 1)->family, 6);
	assert_int_equal(stage_counter(&stage, "prefix_mismatch"), 0);
	stage_close(&stage);
}

static void believes_the_packet_not_its_prefix(void **state)
{
	static const uint8_t little_endian[PREFIX] = { 2, 0, 0, 0 };
	static const uint8_t unknown[PREFIX] = { 0, 0, 0, 18 };
	static const uint8_t arp[PREFIX] = { 0, 0, 0x08, 0x06 };
	const struct {
		uint8_t framing;
		const uint8_t *prefix;
	} rows[] = {
		{ WEIR_FRAMING_UTUN, utun_ipv6[0] }, { WEIR_FRAMING_UTUN, little_endian },
		{ WEIR_FRAMING_UTUN, unknown },      { WEIR_FRAMING_TUN_PI, pi_ipv6 },
		{ WEIR_FRAMING_TUN_PI, arp },
	};
	struct stage stage;
	uint8_t v4[64], v6[64];

	(void)state;
	make_ipv4(v4, sizeof(v4), 20);
	make_ipv6(v6, sizeof(v6));
	configure(&stage, ROW(weir_af_decap()));
	for (size_t i = 0; i < countof(rows); i++)
		add(&stage, rows[i].framing, rows[i].prefix, v4, sizeof(v4));
	add(&stage, WEIR_FRAMING_UTUN, utun_ipv4, v6, sizeof(v6));
	run(&stage);
	for (uint32_t i = 0; i < countof(rows); i++) {
		expect_next(&stage, i, v4, sizeof(v4));
		assert_int_equal(stage_packet(&stage, i)->family, 4);
	}
	expect_next(&stage, countof(rows), v6, sizeof(v6));
	assert_int_equal(stage_packet(&stage, countof(rows))->family, 6);
	assert_int_equal(stage_counter(&stage, "prefix_mismatch"), countof(rows) + 1);
	stage_close(&stage);
}

static void drops_what_the_device_cut(void **state)
{
	uint8_t cut[PREFIX], other_flag[PREFIX];
	struct stage stage;
	uint8_t v4[64];

	(void)state;
	memcpy(cut, pi_ipv4, PREFIX);
	memcpy(cut, &(uint16_t){ 0x0001 }, 2);
	memcpy(other_flag, pi_ipv4, PREFIX);
	memcpy(other_flag, &(uint16_t){ 0x0100 }, 2);
	make_ipv4(v4, sizeof(v4), 20);
	configure(&stage, ROW(weir_af_decap()));
	add(&stage, WEIR_FRAMING_TUN_PI, cut, v4, sizeof(v4));
	add(&stage, WEIR_FRAMING_TUN_PI, other_flag, v4, sizeof(v4));
	run(&stage);
	expect_drop(&stage, 0, "cut");
	expect_next(&stage, 1, v4, sizeof(v4));
	stage_close(&stage);
}

static void drops_what_is_no_packet(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_af_decap()));
	for (size_t i = 0; i < countof(bad_ips); i++) {
		stage_add(&stage, bad_ips[i].bytes, bad_ips[i].len);
		add(&stage, WEIR_FRAMING_TUN_PI, pi_ipv4, bad_ips[i].bytes, bad_ips[i].len);
		add(&stage, WEIR_FRAMING_UTUN, utun_ipv4, bad_ips[i].bytes, bad_ips[i].len);
	}
	run(&stage);
	for (uint32_t i = 0; i < stage.work.n; i++)
		expect_drop(&stage, i, bad_ips[i / 3].reason);
	assert_int_equal(stage_counter(&stage, "prefix_mismatch"), 0);
	stage_close(&stage);
}

static void drops_less_than_a_prefix(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_af_decap()));
	for (uint32_t len = 0; len <= PREFIX; len++) {
		stage_add(&stage, pi_ipv4, len)->framing = WEIR_FRAMING_TUN_PI;
		stage_add(&stage, utun_ipv4, len)->framing = WEIR_FRAMING_UTUN;
		stage_add(&stage, utun_ipv4, len)->framing = WEIR_FRAMING_RAW;
	}
	run(&stage);
	for (uint32_t i = 0; i < stage.work.n; i++)
		expect_drop(&stage, i, "short");
	stage_close(&stage);
}

static void trims_what_follows_the_packet(void **state)
{
	struct stage stage;
	uint8_t packet[100];

	(void)state;
	configure(&stage, ROW(weir_af_decap()));
	make_ipv4(packet, 60, 20);
	run_one(&stage, packet, 100);
	expect_next(&stage, 0, packet, 60);
	make_ipv6(packet, 99);
	stage_clear(&stage);
	add(&stage, WEIR_FRAMING_UTUN, utun_ipv6[0], packet, 100);
	run(&stage);
	expect_next(&stage, 0, packet, 99);
	assert_int_equal(stage_counter(&stage, "trimmed"), 2);
	stage_close(&stage);
}

static void moves_the_checksum_with_the_prefix(void **state)
{
	struct stage stage;
	struct weir_buf *buf;
	uint8_t v4[64];

	(void)state;
	make_ipv4(v4, sizeof(v4), 20);
	configure(&stage, ROW(weir_af_decap()));
	buf = add(&stage, WEIR_FRAMING_TUN_PI, pi_ipv4, v4, sizeof(v4));
	buf->flags = WEIR_BUF_NEEDS_CSUM;
	buf->csum_start = 24;
	buf->csum_offset = 6;
	buf->hdr_len = 32;
	run(&stage);
	expect_next(&stage, 0, v4, sizeof(v4));
	assert_int_equal(buf->csum_start, 20);
	assert_int_equal(buf->csum_offset, 6);
	assert_int_equal(buf->hdr_len, 28);
	stage_close(&stage);
}

static void handles_a_full_vector_of_everything(void **state)
{
	struct stage stage;
	uint8_t v4[64];

	(void)state;
	make_ipv4(v4, sizeof(v4), 20);
	configure(&stage, ROW(weir_af_decap()));
	for (uint32_t i = 0; i < WEIR_VECTOR_SIZE; i++) {
		if (i % 3 == 0)
			stage_add(&stage, v4, sizeof(v4));
		else if (i % 3 == 1)
			add(&stage, WEIR_FRAMING_UTUN, utun_ipv4, v4, sizeof(v4));
		else
			stage_add(&stage, v4, 10);
	}
	run(&stage);
	for (uint32_t i = 0; i < WEIR_VECTOR_SIZE; i++) {
		if (i % 3 < 2)
			expect_next(&stage, i, v4, sizeof(v4));
		else
			expect_drop(&stage, i, "short");
	}
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_raw_packets_as_they_are),
		cmocka_unit_test(takes_ip_options_and_bare_headers),
		cmocka_unit_test(takes_a_super_packet),
		cmocka_unit_test(takes_off_the_family_of_every_system),
		cmocka_unit_test(takes_off_tun_pi),
		cmocka_unit_test(believes_the_packet_not_its_prefix),
		cmocka_unit_test(drops_what_the_device_cut),
		cmocka_unit_test(drops_what_is_no_packet),
		cmocka_unit_test(drops_less_than_a_prefix),
		cmocka_unit_test(trims_what_follows_the_packet),
		cmocka_unit_test(moves_the_checksum_with_the_prefix),
		cmocka_unit_test(handles_a_full_vector_of_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
