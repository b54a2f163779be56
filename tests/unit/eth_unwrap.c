/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <weir/eth_unwrap.h>

#include "bad_ip.h"

#define FRAME_MAX 200

static const uint8_t addresses[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };

#define IPV4 0x0800
#define IPV6 0x86dd
#define ARP  0x0806
#define VLAN 0x8100
#define QINQ 0x88a8

static void be16(uint8_t *p, unsigned value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

/* Adds a frame of that EtherType and payload. */
static struct weir_buf *add(struct stage *stage, unsigned type, const uint8_t *payload, uint32_t len)
{
	uint8_t frame[FRAME_MAX];

	memcpy(frame, addresses, sizeof(addresses));
	be16(frame + 12, type);
	memcpy(frame + 14, payload, len);
	return stage_add(stage, frame, 14 + len);
}

/* The same with a tag of that tag control information. */
static struct weir_buf *add_tagged(struct stage *stage, unsigned tpid, unsigned tci, unsigned type,
				   const uint8_t *payload, uint32_t len)
{
	uint8_t inner[FRAME_MAX];

	be16(inner, tci);
	be16(inner + 2, type);
	memcpy(inner + 4, payload, len);
	return add(stage, tpid, inner, 4 + len);
}

static void leaves_the_packet(void **state)
{
	struct stage stage;
	uint8_t v4[100], v6[100];

	(void)state;
	make_ipv4(v4, sizeof(v4), 24);
	make_ipv6(v6, sizeof(v6));
	configure(&stage, ROW(weir_eth_unwrap()));
	add(&stage, IPV4, v4, sizeof(v4));
	add(&stage, IPV6, v6, sizeof(v6));
	run(&stage);
	expect_next(&stage, 0, v4, sizeof(v4));
	expect_next(&stage, 1, v6, sizeof(v6));
	assert_int_equal(stage_packet(&stage, 0)->family, 4);
	assert_int_equal(stage_packet(&stage, 1)->family, 6);
	assert_int_equal(stage_counter(&stage, "trimmed"), 0);
	assert_int_equal(stage_counter(&stage, "tags_removed"), 0);
	stage_close(&stage);
}

static void trims_padding(void **state)
{
	struct stage stage;
	uint8_t v4[46] = { 0 }, v6[46] = { 0 };

	(void)state;
	make_ipv4(v4, 20, 20);
	make_ipv6(v6, 40);
	v6[6] = 59;
	configure(&stage, ROW(weir_eth_unwrap()));
	add(&stage, IPV4, v4, sizeof(v4));
	add(&stage, IPV6, v6, sizeof(v6));
	add_tagged(&stage, VLAN, 5, IPV4, v4, 42);
	add(&stage, IPV4, v4, 20);
	run(&stage);
	expect_next(&stage, 0, v4, 20);
	expect_next(&stage, 1, v6, 40);
	expect_next(&stage, 2, v4, 20);
	expect_next(&stage, 3, v4, 20);
	assert_int_equal(stage_counter(&stage, "trimmed"), 3);
	stage_close(&stage);
}

static void strips_a_tag(void **state)
{
	struct stage stage;
	const struct weir_buf *buf;
	uint8_t v6[60];

	(void)state;
	make_ipv6(v6, sizeof(v6));
	configure(&stage, ROW(weir_eth_unwrap(.vlan = WEIR_VLAN_STRIP)));
	buf = add_tagged(&stage, VLAN, 0xa123, IPV6, v6, sizeof(v6));
	run(&stage);
	expect_next(&stage, 0, v6, sizeof(v6));
	assert_int_equal(buf->flags, 0);
	assert_int_equal(buf->family, 6);
	assert_int_equal(stage_counter(&stage, "tags_removed"), 1);
	stage_close(&stage);
}

static void keeps_a_tag(void **state)
{
	struct stage stage;
	const struct weir_buf *tagged, *plain, *bad;
	uint8_t v4[60];

	(void)state;
	make_ipv4(v4, sizeof(v4), 20);
	configure(&stage, ROW(weir_eth_unwrap(.vlan = WEIR_VLAN_KEEP)));
	tagged = add_tagged(&stage, VLAN, 0xa123, IPV4, v4, sizeof(v4));
	plain = add(&stage, IPV4, v4, sizeof(v4));
	bad = add_tagged(&stage, VLAN, 0xa123, IPV6, v4, sizeof(v4));
	run(&stage);
	expect_next(&stage, 0, v4, sizeof(v4));
	expect_next(&stage, 1, v4, sizeof(v4));
	expect_drop(&stage, 2, "ethertype_mismatch");
	assert_int_equal(tagged->vlan, 0xa123);
	assert_int_equal(tagged->flags, WEIR_BUF_VLAN);
	assert_int_equal(plain->flags, 0);
	assert_int_equal(bad->flags, 0);
	assert_int_equal(stage_counter(&stage, "tags_removed"), 1);
	stage_close(&stage);
}

static void refuses_a_tag(void **state)
{
	struct stage stage;
	uint8_t v4[60];

	(void)state;
	make_ipv4(v4, sizeof(v4), 20);
	configure(&stage, ROW(weir_eth_unwrap(.vlan = WEIR_VLAN_REFUSE, .exit = { "arp" })));
	add_tagged(&stage, VLAN, 1, IPV4, v4, sizeof(v4));
	add_tagged(&stage, VLAN, 1, ARP, v4, 28);
	add(&stage, IPV4, v4, sizeof(v4));
	run(&stage);
	expect_drop(&stage, 0, "tagged");
	expect_drop(&stage, 1, "tagged");
	expect_next(&stage, 2, v4, sizeof(v4));
	assert_int_equal(stage_counter(&stage, "tags_removed"), 0);
	stage_close(&stage);
}

/* All that is not IP: ARP, a length of IEEE 802.3, a service tag, two tags. */
static void add_foreign(struct stage *stage)
{
	uint8_t v4[60];

	make_ipv4(v4, sizeof(v4), 20);
	add(stage, ARP, v4, 28);
	add(stage, 46, v4, 46);
	add(stage, 0, v4, 46);
	add_tagged(stage, QINQ, 1, IPV4, v4, sizeof(v4));
	add_tagged(stage, VLAN, 1, ARP, v4, 28);
	add_tagged(stage, VLAN, 1, VLAN, v4, sizeof(v4));
	add(stage, ARP, v4, 0);
}

static void drops_what_is_not_ip(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_eth_unwrap()));
	add_foreign(&stage);
	run(&stage);
	for (uint32_t i = 0; i < stage.work.n; i++)
		expect_drop(&stage, i, "not_ip");
	stage_close(&stage);
}

static void lets_what_is_not_ip_out_as_it_came(void **state)
{
	struct stage stage, frames;

	(void)state;
	configure(&stage, ROW(weir_eth_unwrap(.exit = { "arp" }, .vlan = WEIR_VLAN_KEEP)));
	configure(&frames, ROW(weir_eth_unwrap()));
	add_foreign(&frames);
	add_foreign(&stage);
	run(&stage);
	for (uint32_t i = 0; i < stage.work.n; i++) {
		const struct weir_buf *frame = stage_packet(&frames, i);

		expect_exit(&stage, i, 0, frame->data, frame->len);
		assert_int_equal(stage_packet(&stage, i)->flags, 0);
	}
	stage_close(&frames);
	stage_close(&stage);
}

static void drops_runts(void **state)
{
	uint8_t frame[18] = { [12] = 0x81, [16] = 0x08 };
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_eth_unwrap(.exit = { "arp" })));
	stage_add(&stage, frame, 0);
	stage_add(&stage, frame, 13);
	stage_add(&stage, frame, 14);
	stage_add(&stage, frame, 17);
	stage_add(&stage, frame, 18);
	run(&stage);
	for (uint32_t i = 0; i < 4; i++)
		expect_drop(&stage, i, "runt");
	expect_drop(&stage, 4, "short"); /* a whole header, of a packet without a byte */
	stage_close(&stage);
}

static void drops_what_is_no_packet(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_eth_unwrap(.exit = { "arp" })));
	for (size_t i = 0; i < countof(bad_ips); i++) {
		unsigned type = bad_ips[i].bytes[0] >> 4 == 6 ? IPV6 : IPV4;

		add(&stage, type, bad_ips[i].bytes, bad_ips[i].len);
		add_tagged(&stage, VLAN, 1, type, bad_ips[i].bytes, bad_ips[i].len);
	}
	run(&stage);
	for (uint32_t i = 0; i < stage.work.n; i++)
		expect_drop(&stage, i, bad_ips[i / 2].reason);
	stage_close(&stage);
}

static void drops_a_family_that_the_ethertype_denies(void **state)
{
	struct stage stage;
	uint8_t v4[60], v6[60];

	(void)state;
	make_ipv4(v4, sizeof(v4), 20);
	make_ipv6(v6, sizeof(v6));
	configure(&stage, ROW(weir_eth_unwrap()));
	add(&stage, IPV6, v4, sizeof(v4));
	add(&stage, IPV4, v6, sizeof(v6));
	run(&stage);
	expect_drop(&stage, 0, "ethertype_mismatch");
	expect_drop(&stage, 1, "ethertype_mismatch");
	stage_close(&stage);
}

static void moves_the_checksum_with_the_header(void **state)
{
	struct stage stage;
	struct weir_buf *buf[3];
	uint8_t v4[60];

	(void)state;
	make_ipv4(v4, sizeof(v4), 20);
	configure(&stage, ROW(weir_eth_unwrap()));
	buf[0] = add(&stage, IPV4, v4, sizeof(v4));
	buf[1] = add_tagged(&stage, VLAN, 1, IPV4, v4, sizeof(v4));
	buf[2] = add(&stage, IPV4, v4, sizeof(v4));
	for (int i = 0; i < 3; i++) {
		buf[i]->flags = WEIR_BUF_NEEDS_CSUM;
		buf[i]->csum_start = i == 1 ? 38 : 34;
		buf[i]->hdr_len = i == 2 ? 10 : 46; /* the last one is shorter than what is taken off */
	}
	run(&stage);
	for (int i = 0; i < 3; i++)
		assert_int_equal(buf[i]->csum_start, 20);
	assert_int_equal(buf[0]->hdr_len, 32);
	assert_int_equal(buf[1]->hdr_len, 28);
	assert_int_equal(buf[2]->hdr_len, 0);
	stage_close(&stage);
}

static void says_what_is_wrong(void **state)
{
	(void)state;
	expect_refused(ROW(weir_eth_unwrap(.vlan = (enum weir_vlan)3)),
		       "vlan: 3 is neither strip, keep nor refuse");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_the_packet),
		cmocka_unit_test(trims_padding),
		cmocka_unit_test(strips_a_tag),
		cmocka_unit_test(keeps_a_tag),
		cmocka_unit_test(refuses_a_tag),
		cmocka_unit_test(drops_what_is_not_ip),
		cmocka_unit_test(lets_what_is_not_ip_out_as_it_came),
		cmocka_unit_test(drops_runts),
		cmocka_unit_test(drops_what_is_no_packet),
		cmocka_unit_test(drops_a_family_that_the_ethertype_denies),
		cmocka_unit_test(moves_the_checksum_with_the_header),
		cmocka_unit_test(says_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
