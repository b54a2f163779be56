/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <weir/eth_wrap.h>

#include "address.h"

#define SOURCE   "02:00:00:00:00:01"
#define NEXT_HOP "02:00:00:00:00:02"

/* The frame that wrapping a packet must give. */
static uint32_t make_frame(uint8_t *frame, const char *destination, const uint8_t *packet, uint32_t len)
{
	assert_true(weir__mac_parse(destination, frame));
	assert_true(weir__mac_parse(SOURCE, frame + 6));
	memcpy(frame + 12, packet[0] >> 4 == 4 ? "\x08\x00" : "\x86\xdd", 2);
	memcpy(frame + 14, packet, len);
	return 14 + len;
}

/* A packet to that address comes out in a frame to that address. */
static void expect_destination(struct stage *stage, const char *ip, const char *mac)
{
	uint8_t packet[100], frame[14 + sizeof(packet)];
	struct weir__ip destination;

	assert_true(weir__ip_parse(ip, &destination));
	if (destination.family == 4) {
		make_ipv4(packet, sizeof(packet), 20);
		memcpy(packet + 16, destination.bytes, 4);
	} else {
		make_ipv6(packet, sizeof(packet));
		memcpy(packet + 24, destination.bytes, 16);
	}
	make_frame(frame, mac, packet, sizeof(packet));
	run_one(stage, packet, sizeof(packet));
	expect_next(stage, 0, frame, sizeof(frame));
	assert_int_equal(stage_packet(stage, 0)->family, destination.family);
}

static void sends_to_the_next_hop(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_eth_wrap(.source = SOURCE, .next_hop = NEXT_HOP)));
	expect_destination(&stage, "10.9.0.2", NEXT_HOP);
	expect_destination(&stage, "223.255.255.255", NEXT_HOP);
	expect_destination(&stage, "240.0.0.0", NEXT_HOP);
	expect_destination(&stage, "255.255.255.254", NEXT_HOP);
	expect_destination(&stage, "10.9.0.255", NEXT_HOP);
	expect_destination(&stage, "fd00::2", NEXT_HOP);
	expect_destination(&stage, "fe80::1", NEXT_HOP);
	stage_close(&stage);
}

static void broadcasts_without_a_next_hop(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_eth_wrap(.source = SOURCE)));
	expect_destination(&stage, "10.9.0.2", "ff:ff:ff:ff:ff:ff");
	expect_destination(&stage, "fd00::2", "ff:ff:ff:ff:ff:ff");
	stage_close(&stage);
}

static void maps_groups(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_eth_wrap(.source = SOURCE, .next_hop = NEXT_HOP)));
	expect_destination(&stage, "224.0.0.0", "01:00:5e:00:00:00");
	expect_destination(&stage, "224.0.0.1", "01:00:5e:00:00:01");
	expect_destination(&stage, "224.0.0.251", "01:00:5e:00:00:fb");
	expect_destination(&stage, "239.129.2.3", "01:00:5e:01:02:03");
	expect_destination(&stage, "239.255.255.250", "01:00:5e:7f:ff:fa");
	expect_destination(&stage, "239.255.255.255", "01:00:5e:7f:ff:ff");
	expect_destination(&stage, "ff02::1", "33:33:00:00:00:01");
	expect_destination(&stage, "ff02::1:ff28:9c5a", "33:33:ff:28:9c:5a");
	expect_destination(&stage, "ff0e::8123:4567", "33:33:81:23:45:67");
	stage_close(&stage);
}

static void broadcasts_to_everyone_and_to_subnets(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_eth_wrap(.source = SOURCE, .next_hop = NEXT_HOP,
					    .subnet = WEIR_LIST("10.9.0.0/24", "10.8.0.77/22", "192.0.2.4/30",
								"10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16",
								"10.4.0.0/16", "10.5.0.0/16"))));
	expect_destination(&stage, "255.255.255.255", "ff:ff:ff:ff:ff:ff");
	expect_destination(&stage, "10.9.0.255", "ff:ff:ff:ff:ff:ff");
	expect_destination(&stage, "10.9.0.254", NEXT_HOP);
	expect_destination(&stage, "10.9.1.255", NEXT_HOP);
	expect_destination(&stage, "10.8.0.255", NEXT_HOP);
	expect_destination(&stage, "10.8.3.255", "ff:ff:ff:ff:ff:ff");
	expect_destination(&stage, "192.0.2.7", "ff:ff:ff:ff:ff:ff");
	expect_destination(&stage, "192.0.2.6", NEXT_HOP);
	expect_destination(&stage, "10.4.255.255", "ff:ff:ff:ff:ff:ff");
	expect_destination(&stage, "10.5.255.255", "ff:ff:ff:ff:ff:ff");
	expect_destination(&stage, "10.6.255.255", NEXT_HOP);
	stage_close(&stage);
}

/* Where IPv4 has its destination, IPv6 has a part of its source. */
static void reads_the_destination_of_the_right_family(void **state)
{
	static const uint8_t group[4] = { 224, 0, 0, 1 };
	uint8_t packet[60], frame[14 + sizeof(packet)];
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_eth_wrap(.source = SOURCE, .next_hop = NEXT_HOP)));
	make_ipv6(packet, sizeof(packet));
	memset(packet + 16, 0xff, 4);
	make_frame(frame, NEXT_HOP, packet, sizeof(packet));
	run_one(&stage, packet, sizeof(packet));
	expect_next(&stage, 0, frame, sizeof(frame));

	memcpy(packet + 16, group, 4);
	make_frame(frame, NEXT_HOP, packet, sizeof(packet));
	run_one(&stage, packet, sizeof(packet));
	expect_next(&stage, 0, frame, sizeof(frame));

	make_ipv4(packet, sizeof(packet), 20);
	packet[24] = 0xff;
	make_frame(frame, NEXT_HOP, packet, sizeof(packet));
	run_one(&stage, packet, sizeof(packet));
	expect_next(&stage, 0, frame, sizeof(frame));
	stage_close(&stage);
}

static void pads_with_zeros(void **state)
{
	static const uint32_t lengths[] = { 20, 21, 45, 46, 47 };
	struct stage padded, plain;

	(void)state;
	configure(&padded, ROW(weir_eth_wrap(.source = SOURCE, .pad = true)));
	configure(&plain, ROW(weir_eth_wrap(.source = SOURCE)));
	for (size_t i = 0; i < countof(lengths); i++) {
		uint8_t packet[60], frame[14 + sizeof(packet)] = { 0 };
		uint32_t len = lengths[i];

		make_ipv4(packet, len, 20);
		make_frame(frame, "ff:ff:ff:ff:ff:ff", packet, len);
		run_one(&plain, packet, len);
		expect_next(&plain, 0, frame, 14 + len);
		run_one(&padded, packet, len);
		expect_next(&padded, 0, frame, len < 46 ? 60 : 14 + len);
	}
	stage_close(&padded);
	stage_close(&plain);
}

static struct weir_buf *run_tagged(struct stage *stage, const uint8_t *packet, uint32_t len)
{
	struct weir_buf *buf;

	stage_clear(stage);
	buf = stage_add(stage, packet, len);
	buf->flags = WEIR_BUF_VLAN | WEIR_BUF_NEEDS_CSUM;
	buf->vlan = 0xa123;
	buf->csum_start = 20;
	buf->hdr_len = 28;
	run(stage);
	return buf;
}

static void puts_the_tag_back(void **state)
{
	static const uint8_t tag[4] = { 0x81, 0x00, 0xa1, 0x23 };
	uint8_t packet[38], frame[60] = { 0 };
	const struct weir_buf *buf;
	struct stage stage;

	(void)state;
	make_ipv4(packet, sizeof(packet), 20);
	make_frame(frame, NEXT_HOP, packet, sizeof(packet));
	memmove(frame + 16, frame + 12, 2 + sizeof(packet));
	memcpy(frame + 12, tag, 4);
	configure(&stage, ROW(weir_eth_wrap(.source = SOURCE, .next_hop = NEXT_HOP, .vlan = true)));
	buf = run_tagged(&stage, packet, sizeof(packet));
	expect_next(&stage, 0, frame, 18 + sizeof(packet));
	assert_int_equal(buf->flags, WEIR_BUF_NEEDS_CSUM);
	assert_int_equal(buf->csum_start, 38);
	assert_int_equal(buf->hdr_len, 46);
	expect_destination(&stage, "10.9.0.2", NEXT_HOP); /* none was taken off this one */
	stage_close(&stage);

	configure(&stage,
		  ROW(weir_eth_wrap(.source = SOURCE, .next_hop = NEXT_HOP, .vlan = true, .pad = true)));
	run_tagged(&stage, packet, sizeof(packet));
	expect_next(&stage, 0, frame, 60);
	stage_close(&stage);
}

static void leaves_the_tag_off(void **state)
{
	uint8_t packet[60], frame[14 + sizeof(packet)];
	const struct weir_buf *buf;
	struct stage stage;

	(void)state;
	make_ipv4(packet, sizeof(packet), 20);
	make_frame(frame, NEXT_HOP, packet, sizeof(packet));
	configure(&stage, ROW(weir_eth_wrap(.source = SOURCE, .next_hop = NEXT_HOP)));
	buf = run_tagged(&stage, packet, sizeof(packet));
	expect_next(&stage, 0, frame, sizeof(frame));
	assert_int_equal(buf->csum_start, 34);
	assert_int_equal(buf->hdr_len, 42);
	stage_close(&stage);
}

static void drops_what_has_no_destination(void **state)
{
	uint8_t packet[64];
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_eth_wrap(.source = SOURCE)));
	make_ipv4(packet, sizeof(packet), 20);
	stage_add(&stage, packet, 0);
	stage_add(&stage, packet, 19);
	make_ipv6(packet, sizeof(packet));
	stage_add(&stage, packet, 39);
	packet[0] = 0x50;
	stage_add(&stage, packet, sizeof(packet));
	run(&stage);
	for (uint32_t i = 0; i < 4; i++)
		expect_drop(&stage, i, "not_ip");
	stage_close(&stage);
}

static void says_what_is_wrong(void **state)
{
	(void)state;
	expect_refused(ROW(weir_eth_wrap()), "source: missing: the MAC address of this side");
	expect_refused(ROW(weir_eth_wrap(.source = "02:zz")), "source: '02:zz' is not a MAC address");
	expect_refused(ROW(weir_eth_wrap(.source = "33:33:00:00:00:01")),
		       "source: '33:33:00:00:00:01' is a group address");
	expect_refused(ROW(weir_eth_wrap(.source = SOURCE, .next_hop = "02:00:00")),
		       "next_hop: '02:00:00' is not a MAC address");
	expect_refused(ROW(weir_eth_wrap(.next_hop = "x",
					 .subnet = WEIR_LIST("10.9.0.0/24", "fd00::/64", "10.9.0.0/33",
							     "10.9.0.0/31", "10.9.0.1"))),
		       "next_hop: 'x' is not a MAC address\n"
		       "source: missing: the MAC address of this side\n"
		       "subnet[1]: 'fd00::/64' is not an IPv4 prefix\n"
		       "subnet[2]: '10.9.0.0/33' is not an IPv4 prefix\n"
		       "subnet[3]: '10.9.0.0/31' has no broadcast address (RFC 3021)\n"
		       "subnet[4]: '10.9.0.1' has no broadcast address (RFC 3021)");
	expect_refused(ROW(weir_eth_wrap(.source = SOURCE,
					 .subnet = WEIR_LIST("10.0.0.0/8", "10.0.0.0/8", "10.0.0.0/8",
							     "10.0.0.0/8", "10.0.0.0/8", "10.0.0.0/8",
							     "10.0.0.0/8", "10.0.0.0/8", "10.0.0.0/8"))),
		       "subnet: 9 entries; at most 8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends_to_the_next_hop),
		cmocka_unit_test(broadcasts_without_a_next_hop),
		cmocka_unit_test(maps_groups),
		cmocka_unit_test(broadcasts_to_everyone_and_to_subnets),
		cmocka_unit_test(reads_the_destination_of_the_right_family),
		cmocka_unit_test(pads_with_zeros),
		cmocka_unit_test(puts_the_tag_back),
		cmocka_unit_test(leaves_the_tag_off),
		cmocka_unit_test(drops_what_has_no_destination),
		cmocka_unit_test(says_what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
