/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <weir/host.h>

#include "frames.h"
#include "clock.h"
#include "host/host.h"

#define HOST_MAC "02:00:00:00:00:01"
#define SECOND   UINT64_C(1000000000)

static const uint8_t own[6] = { 2, 0, 0, 0, 0, 1 }, mac_a[6] = { 2, 0, 0, 0, 0, 0xa },
		     mac_b[6] = { 2, 0, 0, 0, 0, 0xb }, nobody[6] = { 0 };

struct fixture {
	struct weir_host *host;
	struct stage stage;
};

/* 10.0.0.1/24, fd00::1/64 and gateways, all of whose probes are over. */
static void begin(struct fixture *f, bool pad)
{
	const struct weir_host_options options = {
		.mac = HOST_MAC,
		.ipv4 = WEIR_LIST("10.0.0.1/24"),
		.ipv6 = WEIR_LIST("fd00::1/64"),
		.route = (const struct weir_route[]){ { "10.64.0.0/10", .via = "10.0.0.254" }, { 0 } },
	};
	uint64_t now = weir__now();

	assert_int_equal(weir__host_open(&f->host, &options, NULL), 0);
	weir__host_set_carrier(f->host, true, now);
	for (unsigned i = 0; i < 100; i++) {
		now += SECOND / 10;
		weir__host_run(f->host, now);
		while (weir__host_peek(f->host))
			weir__host_sent(f->host);
	}
	configure(&f->stage, ROW(weir_neighbour_wrap(.host = f->host, .pad = pad)));
}

static void end(struct fixture *f)
{
	stage_close(&f->stage);
	weir__host_free(f->host);
}

static void know(struct fixture *f, const char *address, const uint8_t *mac)
{
	const struct weir__ip neighbour = ip(address);

	assert_int_equal(weir__neighbours_set_static(&f->host->neighbours, &neighbour, mac, 0), 0);
}

static uint32_t make_packet(uint8_t packet[100], const char *to)
{
	const struct weir__ip destination = ip(to);

	if (destination.family == 4) {
		make_ipv4(packet, 100, 20);
		memcpy(packet + 16, destination.bytes, 4);
	} else {
		make_ipv6(packet, 100);
		memcpy(packet + 24, destination.bytes, 16);
	}
	return 100;
}

static void make_frame(uint8_t frame[114], const uint8_t *mac, const uint8_t *packet)
{
	memcpy(frame, mac, 6);
	memcpy(frame + 6, own, 6);
	memcpy(frame + 12, packet[0] >> 4 == 4 ? "\x08\x00" : "\x86\xdd", 2);
	memcpy(frame + 14, packet, 100);
}

static void expect_mac(struct fixture *f, const char *to, const uint8_t *mac)
{
	uint8_t packet[100], frame[114];

	make_packet(packet, to);
	make_frame(frame, mac, packet);
	run_one(&f->stage, packet, sizeof(packet));
	expect_next(&f->stage, 0, frame, sizeof(frame));
}

static void expect_open(struct fixture *f, const char *to)
{
	uint8_t packet[100], frame[114];

	make_packet(packet, to);
	make_frame(frame, nobody, packet);
	run_one(&f->stage, packet, sizeof(packet));
	expect_exit(&f->stage, 0, 0, frame, sizeof(frame));
}

static void expect_dropped(struct fixture *f, const char *to, const char *reason)
{
	uint8_t packet[100];

	make_packet(packet, to);
	run_one(&f->stage, packet, sizeof(packet));
	expect_drop(&f->stage, 0, reason);
}

static void finds_the_next_hop(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, false);
	expect_open(&f, "10.0.0.7");
	expect_open(&f, "fd00::7");
	expect_open(&f, "10.64.0.1");
	know(&f, "10.0.0.7", mac_a);
	know(&f, "fd00::7", mac_a);
	know(&f, "10.0.0.254", mac_b);
	expect_mac(&f, "10.0.0.7", mac_a);
	expect_mac(&f, "fd00::7", mac_a);
	expect_mac(&f, "10.64.0.1", mac_b);
	expect_mac(&f, "10.127.255.255", mac_b);
	expect_dropped(&f, "10.128.0.1", "no_route");
	expect_dropped(&f, "2001:db8::1", "no_route");
	end(&f);
}

/* What it keeps is of no use any more once something has changed. */
static void sees_changes(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, false);
	know(&f, "10.0.0.7", mac_a);
	expect_mac(&f, "10.0.0.7", mac_a);
	expect_mac(&f, "10.0.0.7", mac_a);
	assert_int_equal(stage_counter(&f.stage, "looked_up"), 1);
	know(&f, "10.0.0.7", mac_b);
	expect_mac(&f, "10.0.0.7", mac_b);
	assert_int_equal(stage_counter(&f.stage, "looked_up"), 2);
	know(&f, "10.0.0.7", NULL);
	expect_open(&f, "10.0.0.7");
	end(&f);
}

/* A state is handed on to a stage of the same name, which may have another host by then. */
static void sees_another_host(void **state)
{
	struct fixture f, other;
	void *config;

	(void)state;
	begin(&f, false);
	begin(&other, false);
	know(&f, "10.0.0.7", mac_a);
	know(&other, "10.0.0.7", mac_b);
	expect_mac(&f, "10.0.0.7", mac_a);
	config = f.stage.config;
	f.stage.config = other.stage.config;
	expect_mac(&f, "10.0.0.7", mac_b);
	f.stage.config = config;
	expect_mac(&f, "10.0.0.7", mac_a);
	end(&f);
	end(&other);
}

static void maps_groups_and_broadcasts(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, false);
	expect_mac(&f, "255.255.255.255", everybody);
	expect_mac(&f, "10.0.0.255", everybody);
	expect_mac(&f, "224.0.0.251", (const uint8_t[]){ 0x01, 0x00, 0x5e, 0, 0, 0xfb });
	expect_mac(&f, "ff02::1:ff28:9c5a", (const uint8_t[]){ 0x33, 0x33, 0xff, 0x28, 0x9c, 0x5a });
	end(&f);
}

/* Tens of thousands of destinations by a cache of few. */
static void is_right_for_many(void **state)
{
	struct fixture f;
	uint8_t mac[6] = { 2, 9, 9 };

	(void)state;
	begin(&f, false);
	for (unsigned i = 2; i < 250; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.0.0.%u", i);
		mac[5] = (uint8_t)i;
		know(&f, text, mac);
	}
	for (unsigned i = 0; i < 10000; i++) {
		const unsigned n = 2 + i * 7919 % 248;
		char text[32];

		snprintf(text, sizeof(text), "10.0.0.%u", n);
		mac[5] = (uint8_t)n;
		expect_mac(&f, text, mac);
	}
	end(&f);
}

static void keeps_the_kernel_quiet(void **state)
{
	static const uint8_t types[] = { 130, 131, 132, 133, 134, 135, 136, 137, 143 };
	uint8_t packet[100];
	struct fixture f;

	(void)state;
	begin(&f, false);
	know(&f, "fd00::7", mac_a);
	for (unsigned i = 0; i < countof(types); i++) {
		make_packet(packet, "fd00::7");
		packet[6] = 58;
		packet[40] = types[i];
		run_one(&f.stage, packet, sizeof(packet));
		expect_drop(&f.stage, 0, "kernel_discovery");
		/* Behind a router alert (RFC 2711). */
		packet[6] = 0;
		packet[40] = 58;
		packet[41] = 0;
		packet[48] = types[i];
		run_one(&f.stage, packet, sizeof(packet));
		expect_drop(&f.stage, 0, "kernel_discovery");
	}
	/* An echo is another thing. */
	packet[48] = 128;
	run_one(&f.stage, packet, sizeof(packet));
	assert_string_equal(verdict_name(&f.stage, 0), "next");
	/* An address that the kernel has made by itself. */
	make_packet(packet, "fd00::7");
	memcpy(packet + 8, ip("fe80::1").bytes, 16);
	run_one(&f.stage, packet, sizeof(packet));
	expect_drop(&f.stage, 0, "link_local");
	memcpy(packet + 8, ip("fe80::ff:fe00:1").bytes, 16);
	run_one(&f.stage, packet, sizeof(packet));
	assert_string_equal(verdict_name(&f.stage, 0), "next");
	end(&f);
}

static void keeps_super_packets_whole(void **state)
{
	uint8_t packet[100];
	struct weir_buf *buf;
	struct fixture f;

	(void)state;
	begin(&f, false);
	know(&f, "10.0.0.7", mac_a);
	make_packet(packet, "10.0.0.7");
	buf = stage_add(&f.stage, packet, sizeof(packet));
	buf->flags = WEIR_BUF_NEEDS_CSUM;
	buf->csum_start = 20;
	buf->hdr_len = 40;
	run(&f.stage);
	assert_int_equal(buf->csum_start, 34);
	assert_int_equal(buf->hdr_len, 54);
	end(&f);
}

static void pads(void **state)
{
	struct weir_buf *buf;
	uint8_t packet[28];
	struct fixture f;

	(void)state;
	begin(&f, true);
	know(&f, "10.0.0.7", mac_a);
	make_ipv4(packet, sizeof(packet), 20);
	memcpy(packet + 16, ip("10.0.0.7").bytes, 4);
	buf = run_one(&f.stage, packet, sizeof(packet));
	assert_int_equal(buf->len, 60);
	assert_memory_equal(buf->data + 14, packet, sizeof(packet));
	for (unsigned i = 42; i < 60; i++)
		assert_int_equal(buf->data[i], 0);
	end(&f);
}

static void drops_what_has_no_destination(void **state)
{
	uint8_t packet[64];
	struct fixture f;

	(void)state;
	begin(&f, false);
	make_ipv4(packet, sizeof(packet), 20);
	run_one(&f.stage, packet, 19);
	expect_drop(&f.stage, 0, "not_ip");
	make_ipv6(packet, sizeof(packet));
	run_one(&f.stage, packet, 39);
	expect_drop(&f.stage, 0, "not_ip");
	end(&f);
	expect_refused(ROW(weir_neighbour_wrap()), "host: there is none: weir_host_create() makes it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_next_hop),
		cmocka_unit_test(sees_changes),
		cmocka_unit_test(sees_another_host),
		cmocka_unit_test(maps_groups_and_broadcasts),
		cmocka_unit_test(is_right_for_many),
		cmocka_unit_test(keeps_the_kernel_quiet),
		cmocka_unit_test(keeps_super_packets_whole),
		cmocka_unit_test(pads),
		cmocka_unit_test(drops_what_has_no_destination),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
