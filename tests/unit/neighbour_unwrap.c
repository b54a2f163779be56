/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <weir/host.h>

#include "frames.h"
#include "host/host.h"

static const uint8_t own[6] = { 2, 0, 0, 0, 0, 1 }, other[6] = { 2, 0, 0, 0, 0, 2 };

struct fixture {
	struct weir_host *host;
	struct stage stage;
};

static void begin(struct fixture *f, bool all_groups)
{
	const struct weir_host_options options = { .mac = "02:00:00:00:00:01", .dhcp = true };

	assert_int_equal(weir__host_open(&f->host, &options, NULL), 0);
	configure(&f->stage, ROW(weir_neighbour_unwrap(.host = f->host, .all_groups = all_groups)));
}

static void end(struct fixture *f)
{
	stage_close(&f->stage);
	weir__host_free(f->host);
}

static uint32_t make_frame(uint8_t frame[FRAME_MAX], const uint8_t *to, const uint8_t *packet, uint32_t len)
{
	memcpy(frame, to, 6);
	memcpy(frame + 6, other, 6);
	memcpy(frame + 12, packet[0] >> 4 == 4 ? "\x08\x00" : "\x86\xdd", 2);
	memcpy(frame + 14, packet, len);
	return 14 + len;
}

static const char *verdict_of(struct fixture *f, const uint8_t *frame, uint32_t len)
{
	run_one(&f->stage, frame, len);
	return verdict_name(&f->stage, 0);
}

static void takes_what_is_for_it(void **state)
{
	static const uint8_t groups[][6] = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
					     { 0x01, 0x00, 0x5e, 0, 0, 1 },
					     { 0x33, 0x33, 0, 0, 0, 1 },
					     { 0x33, 0x33, 0xff, 1, 2, 3 } },
			     foreign[6] = { 0x01, 0x00, 0x5e, 0, 0, 0xfb };
	uint8_t packet[60], frame[FRAME_MAX];
	struct fixture f, all;

	(void)state;
	begin(&f, false);
	begin(&all, true);
	make_ipv4(packet, sizeof(packet), 20);
	make_frame(frame, own, packet, sizeof(packet));
	run_one(&f.stage, frame, 74);
	expect_next(&f.stage, 0, packet, sizeof(packet));
	assert_int_equal(stage_packet(&f.stage, 0)->family, 4);
	make_ipv6(packet, sizeof(packet));
	make_frame(frame, own, packet, sizeof(packet));
	run_one(&f.stage, frame, 74);
	expect_next(&f.stage, 0, packet, sizeof(packet));
	for (unsigned i = 0; i < countof(groups); i++) {
		memcpy(frame, groups[i], 6);
		assert_string_equal(verdict_of(&f, frame, 74), "next");
	}
	memcpy(frame, other, 6);
	assert_string_equal(verdict_of(&f, frame, 74), "destination");
	assert_string_equal(verdict_of(&all, frame, 74), "destination");
	memcpy(frame, foreign, 6);
	assert_string_equal(verdict_of(&f, frame, 74), "group");
	assert_string_equal(verdict_of(&all, frame, 74), "next");
	memcpy(frame, own, 6);
	memcpy(frame + 6, own, 6);
	assert_string_equal(verdict_of(&f, frame, 74), "looped");
	end(&f);
	end(&all);
}

static void trims_and_strips(void **state)
{
	uint8_t packet[46] = { 0 }, frame[FRAME_MAX];
	struct fixture f;

	(void)state;
	begin(&f, false);
	make_ipv4(packet, 28, 20);
	make_frame(frame, own, packet, sizeof(packet));
	run_one(&f.stage, frame, 60);
	expect_next(&f.stage, 0, packet, 28);
	assert_int_equal(stage_counter(&f.stage, "trimmed"), 1);
	memmove(frame + 16, frame + 12, 48);
	memcpy(frame + 12, "\x81\x00\x00\x05", 4);
	run_one(&f.stage, frame, 64);
	expect_next(&f.stage, 0, packet, 28);
	assert_int_equal(stage_counter(&f.stage, "tags_removed"), 1);
	end(&f);
}

static void moves_the_checksum(void **state)
{
	uint8_t packet[60], frame[FRAME_MAX];
	struct weir_buf *buf;
	struct fixture f;

	(void)state;
	begin(&f, false);
	make_ipv4(packet, sizeof(packet), 20);
	make_frame(frame, own, packet, sizeof(packet));
	memmove(frame + 16, frame + 12, 62);
	memcpy(frame + 12, "\x81\x00\x00\x05", 4);
	buf = stage_add(&f.stage, frame, 78);
	buf->flags = WEIR_BUF_NEEDS_CSUM;
	buf->csum_start = 38;
	run(&f.stage);
	assert_int_equal(buf->csum_start, 20);
	end(&f);
}

static void hands_discovery_to_the_host(void **state)
{
	uint8_t packet[80], frame[FRAME_MAX];
	struct fixture f;
	uint32_t len;

	(void)state;
	begin(&f, false);
	len = (uint32_t)frame_arp(frame, &(const struct arp){ "10.0.0.2", "10.0.0.1", other });
	run_one(&f.stage, frame, len);
	expect_exit(&f.stage, 0, 0, frame, len);
	for (unsigned type = 128; type < 145; type++) {
		const bool host = type >= 133 && type <= 137;

		make_ipv6(packet, sizeof(packet));
		packet[6] = 58;
		packet[40] = (uint8_t)type;
		len = make_frame(frame, own, packet, sizeof(packet));
		run_one(&f.stage, frame, len);
		if (host)
			expect_exit(&f.stage, 0, 0, frame, len);
		else
			expect_next(&f.stage, 0, packet, sizeof(packet));
		/* Behind options that a host would skip. */
		packet[6] = 60;
		packet[40] = 0;
		packet[41] = 0;
		packet[48] = 58;
		packet[49] = 0;
		packet[56] = (uint8_t)type;
		make_frame(frame, own, packet, sizeof(packet));
		assert_string_equal(verdict_of(&f, frame, len), host ? "hidden_discovery" : "next");
		packet[49] = 200; /* beyond the end: the kernel will find out */
		make_frame(frame, own, packet, sizeof(packet));
		assert_string_equal(verdict_of(&f, frame, len), "next");
	}
	end(&f);
}

static void hands_dhcp_to_a_client(void **state)
{
	uint8_t packet[60], frame[FRAME_MAX];
	struct fixture f;
	uint32_t len;

	(void)state;
	begin(&f, false);
	make_ipv4(packet, sizeof(packet), 20);
	packet[6] = packet[7] = 0;
	memcpy(packet + 20, "\0\x43\0\x44", 4);
	len = make_frame(frame, everybody, packet, sizeof(packet));
	/* Not before there is carrier. */
	assert_string_equal(verdict_of(&f, frame, len), "next");
	weir__host_set_carrier(f.host, true, 1);
	run_one(&f.stage, frame, len);
	expect_exit(&f.stage, 0, 0, frame, len);
	frame[14 + 6] = 0x20; /* the first one of several fragments */
	assert_string_equal(verdict_of(&f, frame, len), "next");
	frame[14 + 6] = 0;
	frame[14 + 23] = 0x45;
	assert_string_equal(verdict_of(&f, frame, len), "next");
	frame[14 + 23] = 0x44;
	frame[14 + 9] = 6;
	assert_string_equal(verdict_of(&f, frame, len), "next");
	frame[14 + 9] = 17;
	weir__host_start_release(f.host, 2);
	assert_string_equal(verdict_of(&f, frame, len), "next");
	end(&f);
}

static void drops_what_is_no_packet(void **state)
{
	uint8_t packet[60], frame[FRAME_MAX];
	struct fixture f;

	(void)state;
	begin(&f, false);
	make_ipv4(packet, sizeof(packet), 20);
	make_frame(frame, own, packet, sizeof(packet));
	assert_string_equal(verdict_of(&f, frame, 13), "runt");
	assert_string_equal(verdict_of(&f, frame, 33), "short");
	assert_string_equal(verdict_of(&f, frame, 73), "total_length");
	memcpy(frame + 12, "\x86\xdd", 2);
	assert_string_equal(verdict_of(&f, frame, 74), "ethertype_mismatch");
	memcpy(frame + 12, "\x88\xcc", 2);
	assert_string_equal(verdict_of(&f, frame, 74), "not_ip");
	memcpy(frame + 12, "\x81\x00", 2);
	assert_string_equal(verdict_of(&f, frame, 17), "runt");
	memcpy(frame + 16, "\x81\x00", 2); /* a tag in a tag */
	assert_string_equal(verdict_of(&f, frame, 74), "not_ip");
	end(&f);
	expect_refused(ROW(weir_neighbour_unwrap()), "host: there is none: weir_host_create() makes it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_is_for_it),   cmocka_unit_test(trims_and_strips),
		cmocka_unit_test(moves_the_checksum),     cmocka_unit_test(hands_discovery_to_the_host),
		cmocka_unit_test(hands_dhcp_to_a_client), cmocka_unit_test(drops_what_is_no_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
