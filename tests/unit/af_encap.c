/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <weir/af_encap.h>

#include "bad_ip.h"

/* Sends one packet of each family; they come out behind these prefixes of size bytes. */
static void expect_prefixes(struct stage *stage, const uint8_t ipv4[4], const uint8_t ipv6[4], uint32_t size)
{
	uint8_t bytes[4 + 100];

	memcpy(bytes, ipv4, 4);
	make_ipv4(bytes + 4, 100, 20);
	run_one(stage, bytes + 4, 100);
	expect_next(stage, 0, bytes + 4 - size, size + 100);
	assert_int_equal(stage_packet(stage, 0)->family, 4);
	memcpy(bytes, ipv6, 4);
	make_ipv6(bytes + 4, 100);
	run_one(stage, bytes + 4, 100);
	expect_next(stage, 0, bytes + 4 - size, size + 100);
	assert_int_equal(stage_packet(stage, 0)->family, 6);
	stage_close(stage);
}

static void raw_has_no_prefix(void **state)
{
	struct stage stage;

	(void)state;
	configure_for(&stage, ROW(weir_af_encap()), WEIR_FRAMING_RAW);
	expect_prefixes(&stage, (uint8_t[4]){ 0 }, (uint8_t[4]){ 0 }, 0);
}

static void tun_pi_has_the_ethertype(void **state)
{
	struct stage stage;

	(void)state;
	configure_for(&stage, ROW(weir_af_encap()), WEIR_FRAMING_TUN_PI);
	expect_prefixes(&stage, (uint8_t[4]){ 0, 0, 0x08, 0x00 }, (uint8_t[4]){ 0, 0, 0x86, 0xdd }, 4);
}

static void utun_has_the_family_of_the_other_side(void **state)
{
	static const uint8_t systems[] = { 30, 28, 24, 10 };
	struct stage stage;

	(void)state;
	for (size_t i = 0; i < countof(systems); i++) {
		configure_for(&stage, ROW(weir_af_encap(.af_inet6 = systems[i])), WEIR_FRAMING_UTUN);
		expect_prefixes(&stage, (uint8_t[4]){ 0, 0, 0, 2 }, (uint8_t[4]){ 0, 0, 0, systems[i] }, 4);
	}
#ifdef __linux__
	configure_for(&stage, ROW(weir_af_encap()), WEIR_FRAMING_UTUN);
	expect_prefixes(&stage, (uint8_t[4]){ 0, 0, 0, 2 }, (uint8_t[4]){ 0, 0, 0, 30 }, 4);
#endif
}

static void refuses_a_family_that_no_system_has(void **state)
{
	(void)state;
	expect_refused(ROW(weir_af_encap(.af_inet6 = 2)),
		       "af_inet6: 2 is AF_INET6 on no known system (30, 28, 24 or 10)");
	expect_refused(ROW(weir_af_encap(.af_inet6 = 0x1e000000)),
		       "af_inet6: 503316480 is AF_INET6 on no known system (30, 28, 24 or 10)");
}

static void drops_what_is_no_packet(void **state)
{
	struct stage stage;

	(void)state;
	configure_for(&stage, ROW(weir_af_encap()), WEIR_FRAMING_UTUN);
	for (size_t i = 0; i < countof(bad_ips); i++)
		stage_add(&stage, bad_ips[i].bytes, bad_ips[i].len);
	stage_add(&stage, NULL, 0);
	run(&stage);
	for (uint32_t i = 0; i < countof(bad_ips); i++)
		expect_drop(&stage, i, bad_ips[i].reason);
	expect_drop(&stage, countof(bad_ips), "short");
	stage_close(&stage);
}

static void trims_what_follows_the_packet(void **state)
{
	uint8_t bytes[4 + 80] = { 0, 0, 0, 2 };
	struct stage stage;

	(void)state;
	make_ipv4(bytes + 4, 79, 20);
	configure_for(&stage, ROW(weir_af_encap()), WEIR_FRAMING_UTUN);
	run_one(&stage, bytes + 4, 80);
	expect_next(&stage, 0, bytes, 4 + 79);
	assert_int_equal(stage_counter(&stage, "trimmed"), 1);
	run_one(&stage, bytes + 4, 79);
	expect_next(&stage, 0, bytes, 4 + 79);
	assert_int_equal(stage_counter(&stage, "trimmed"), 1);
	stage_close(&stage);
}

static void moves_the_checksum_with_the_prefix(void **state)
{
	struct stage stage;
	struct weir_buf *buf;
	uint8_t packet[100];

	(void)state;
	make_ipv4(packet, sizeof(packet), 20);
	configure_for(&stage, ROW(weir_af_encap()), WEIR_FRAMING_UTUN);
	buf = stage_add(&stage, packet, sizeof(packet));
	buf->flags = WEIR_BUF_NEEDS_CSUM;
	buf->csum_start = 20;
	buf->hdr_len = 0; /* not known, and stays so */
	run(&stage);
	assert_int_equal(stage_verdict(&stage, 0), WEIR_NEXT);
	assert_int_equal(buf->csum_start, 24);
	assert_int_equal(buf->hdr_len, 0);
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raw_has_no_prefix),
		cmocka_unit_test(tun_pi_has_the_ethertype),
		cmocka_unit_test(utun_has_the_family_of_the_other_side),
		cmocka_unit_test(refuses_a_family_that_no_system_has),
		cmocka_unit_test(drops_what_is_no_packet),
		cmocka_unit_test(trims_what_follows_the_packet),
		cmocka_unit_test(moves_the_checksum_with_the_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
