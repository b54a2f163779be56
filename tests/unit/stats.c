/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <pthread.h>

#include <weir/weir.h>

#include "stats.h"

#define SECOND UINT64_C(1000000000)

/* A vector of n packets of that length and family, which arrived then. */
static void arrive(struct stage *stage, uint64_t arrival, uint32_t n, uint32_t len, uint8_t family)
{
	static const uint8_t bytes[65535];

	stage_clear(stage);
	for (uint32_t i = 0; i < n; i++) {
		struct weir_buf *buf = stage_add(stage, bytes, len);

		buf->arrival = arrival;
		buf->family = family;
	}
	run(stage);
}

static uint64_t sum(const uint64_t bins[WEIR_STATS_BINS])
{
	uint64_t total = 0;

	for (unsigned i = 0; i < WEIR_STATS_BINS; i++)
		total += bins[i];
	return total;
}

/* As whole numbers: the rates of these tests are. */
static void expect_rate(struct weir_rate rate, unsigned packets, unsigned bits)
{
	assert_true(rate.packets >= packets && rate.packets <= packets);
	assert_true(rate.bits >= bits && rate.bits <= bits);
}

static void is_zero_before_the_first_packet(void **state)
{
	const struct weir_stats_snapshot zero = { 0 };
	struct weir_stats_snapshot now;
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_stats()));
	memset(&now, 0xff, sizeof(now));
	weir__stats_snapshot(stage.state, 5 * SECOND, &now);
	assert_memory_equal(&now, &zero, sizeof(now));
	weir__stats_snapshot(stage.state, 0, &now);
	assert_memory_equal(&now, &zero, sizeof(now));
	stage_close(&stage);
}

static void counts_packets_bytes_and_families(void **state)
{
	struct weir_stats_snapshot now;
	struct stage stage;
	const struct weir_buf *buf;

	(void)state;
	configure(&stage, ROW(weir_stats()));
	arrive(&stage, SECOND, 3, 100, 4);
	arrive(&stage, SECOND + 7, 31, 1500, 6);
	arrive(&stage, SECOND + 9, 1, 60, 0);
	buf = stage_packet(&stage, 0);
	assert_int_equal(stage_verdict(&stage, 0), WEIR_NEXT);
	assert_int_equal(stage.any, 0);
	assert_int_equal(buf->len, 60);
	assert_ptr_equal(buf->data, buf->room);
	assert_int_equal(buf->family, 0);
	weir__stats_snapshot(stage.state, SECOND, &now);
	assert_int_equal(now.packets, 35);
	assert_int_equal(now.segments, 35);
	assert_int_equal(now.bytes, 300 + 31 * 1500 + 60);
	assert_int_equal(now.ipv4, 3);
	assert_int_equal(now.ipv6, 31);
	assert_int_equal(now.other, 1);
	assert_int_equal(now.first, SECOND);
	assert_int_equal(now.last, SECOND + 9);
	assert_int_equal(stage_counter(&stage, "ipv4"), 3);
	assert_int_equal(stage_counter(&stage, "ipv6"), 31);
	assert_int_equal(stage_counter(&stage, "other"), 1);
	stage_close(&stage);
}

static void counts_what_super_packets_stand_for(void **state)
{
	struct weir_stats_snapshot now;
	struct stage stage;
	struct weir_buf *buf;

	(void)state;
	configure(&stage, ROW(weir_stats()));
	stage_add(&stage, "abcdefgh", 8);
	buf = stage_add(&stage, "hhhhpppppppppp", 14); /* 10 bytes behind 4 of headers, 3 in each segment */
	buf->gso_type = WEIR_GSO_UDP;
	buf->gso_size = 3;
	buf->hdr_len = 4;
	run(&stage);
	weir__stats_snapshot(stage.state, 1, &now);
	assert_int_equal(now.packets, 2);
	assert_int_equal(now.segments, 5);
	assert_int_equal(now.bytes, 22);
	stage_close(&stage);
}

static void counts_families_of_a_mixed_vector(void **state)
{
	static const uint8_t families[] = { 4, 6, 0, 4, 4, 6 };
	struct weir_stats_snapshot now;
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_stats()));
	for (size_t i = 0; i < countof(families); i++) {
		struct weir_buf *buf = stage_add(&stage, "abcdefgh", (uint32_t)i);

		buf->family = families[i];
		buf->arrival = 1;
	}
	run(&stage);
	weir__stats_snapshot(stage.state, 1, &now);
	assert_int_equal(now.ipv4, 3);
	assert_int_equal(now.ipv6, 2);
	assert_int_equal(now.other, 1);
	assert_int_equal(now.bytes, 15);
	stage_close(&stage);
}

static void sorts_sizes_by_powers_of_two(void **state)
{
	static const struct {
		uint32_t len;
		unsigned bin;
	} rows[] = { { 0, 0 },     { 1, 0 },     { 2, 1 },     { 3, 1 },      { 4, 2 },      { 7, 2 },
		     { 63, 5 },    { 64, 6 },    { 127, 6 },   { 128, 7 },    { 1023, 9 },   { 1024, 10 },
		     { 1500, 10 }, { 2047, 10 }, { 2048, 11 }, { 32767, 14 }, { 32768, 15 }, { 65535, 15 } };
	uint64_t expected[WEIR_STATS_BINS] = { 0 };
	struct weir_stats_snapshot now;
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_stats()));
	for (size_t i = 0; i < countof(rows); i++) {
		arrive(&stage, SECOND, 1, rows[i].len, 4);
		expected[rows[i].bin]++;
		weir__stats_snapshot(stage.state, SECOND, &now);
		assert_memory_equal(now.size, expected, sizeof(expected));
	}
	stage_close(&stage);
}

static void sorts_intervals_by_powers_of_two(void **state)
{
	static const struct {
		uint64_t ns;
		unsigned bin;
	} rows[] = { { 0, 0 },
		     { 1, 0 },
		     { 2, 1 },
		     { 1000, 9 },
		     { 1023, 9 },
		     { 1024, 10 },
		     { SECOND, 29 },
		     { UINT64_C(1) << 39, 39 },
		     { UINT64_C(1) << 45, 39 } };
	uint64_t expected[WEIR_STATS_BINS] = { 0 };
	struct weir_stats_snapshot now;
	uint64_t arrival = 77;
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_stats()));
	arrive(&stage, arrival, 1, 60, 4);
	weir__stats_snapshot(stage.state, arrival, &now);
	assert_int_equal(sum(now.interval), 0); /* nothing came before the first */
	for (size_t i = 0; i < countof(rows); i++) {
		arrival += rows[i].ns;
		arrive(&stage, arrival, 1, 60, 4);
		expected[rows[i].bin]++;
		weir__stats_snapshot(stage.state, arrival, &now);
		assert_memory_equal(now.interval, expected, sizeof(expected));
		assert_int_equal(now.last, arrival);
	}
	assert_int_equal(now.first, 77);
	stage_close(&stage);
}

static void packets_of_a_vector_arrive_together(void **state)
{
	struct weir_stats_snapshot now;
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_stats()));
	arrive(&stage, 1000, 31, 60, 4);
	arrive(&stage, 2000, 31, 60, 4);
	weir__stats_snapshot(stage.state, 2000, &now);
	assert_int_equal(now.interval[0], 60);
	assert_int_equal(now.interval[9], 1);
	assert_int_equal(sum(now.interval), 61);
	stage_close(&stage);
}

static void an_older_vector_counts_as_together(void **state)
{
	struct weir_stats_snapshot now;
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_stats()));
	arrive(&stage, 5000, 1, 60, 4);
	arrive(&stage, 3000, 1, 60, 4);
	arrive(&stage, 5001, 1, 60, 4);
	weir__stats_snapshot(stage.state, 5001, &now);
	assert_int_equal(now.interval[0], 2);
	assert_int_equal(sum(now.interval), 2);
	assert_int_equal(now.first, 5000);
	assert_int_equal(now.last, 5001);
	stage_close(&stage);
}

static void rates_are_of_whole_seconds(void **state)
{
	struct weir_stats_snapshot now;
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_stats()));
	arrive(&stage, 50 * SECOND, 20, 125, 4);
	arrive(&stage, 51 * SECOND - 1, 10, 125, 4);
	weir__stats_snapshot(stage.state, 51 * SECOND - 1, &now);
	expect_rate(now.rate_1s, 0, 0); /* the running second is not whole yet */
	expect_rate(now.rate_10s, 0, 0);
	weir__stats_snapshot(stage.state, 51 * SECOND, &now);
	expect_rate(now.rate_1s, 30, 30000);
	expect_rate(now.rate_10s, 3, 3000);
	weir__stats_snapshot(stage.state, 52 * SECOND - 1, &now);
	expect_rate(now.rate_1s, 30, 30000);
	weir__stats_snapshot(stage.state, 52 * SECOND, &now);
	expect_rate(now.rate_1s, 0, 0);
	expect_rate(now.rate_10s, 3, 3000);
	weir__stats_snapshot(stage.state, 61 * SECOND - 1, &now);
	expect_rate(now.rate_10s, 3, 3000);
	weir__stats_snapshot(stage.state, 61 * SECOND, &now);
	expect_rate(now.rate_10s, 0, 0);
	stage_close(&stage);
}

static void rates_forget_old_seconds(void **state)
{
	struct weir_stats_snapshot now;
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_stats()));
	for (uint64_t second = 1; second <= 100; second++)
		arrive(&stage, second * SECOND, 10, 125, 6);
	weir__stats_snapshot(stage.state, 100 * SECOND, &now);
	expect_rate(now.rate_1s, 10, 10000);
	expect_rate(now.rate_10s, 10, 10000);

	/* Too late for the rates, not for the rest. */
	arrive(&stage, 84 * SECOND, 10, 125, 6);
	weir__stats_snapshot(stage.state, 101 * SECOND, &now);
	expect_rate(now.rate_1s, 10, 10000);
	assert_int_equal(now.packets, 1010);

	/* A reader who asks for what is no longer there gets nothing rather than another second. */
	weir__stats_snapshot(stage.state, 50 * SECOND, &now);
	expect_rate(now.rate_1s, 0, 0);
	expect_rate(now.rate_10s, 0, 0);
	stage_close(&stage);
}

static void rates_begin_with_the_clock(void **state)
{
	struct weir_stats_snapshot now;
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_stats()));
	arrive(&stage, 1, 10, 125, 4);
	weir__stats_snapshot(stage.state, SECOND, &now);
	expect_rate(now.rate_1s, 10, 10000);
	expect_rate(now.rate_10s, 1, 1000);
	stage_close(&stage);
}

#define RACE_SECONDS 40000
#define RACE_VECTORS 50 /* in each second */

static void *write_seconds(void *memory)
{
	struct stage *stage = memory;

	for (uint64_t i = 0; i < (uint64_t)RACE_VECTORS * RACE_SECONDS; i++) {
		stage_packet(stage, 0)->arrival = (100 + i / RACE_VECTORS) * SECOND;
		stage_run(stage);
	}
	return NULL;
}

/* Buckets are given to new seconds while a reader looks at them; ThreadSanitizer sees any access that is not
 * atomic. */
static void another_thread_reads_whole_seconds_or_none(void **state)
{
	const unsigned per_second = RACE_VECTORS * 4;
	struct weir_stats_snapshot now;
	struct stage stage;
	pthread_t thread;

	(void)state;
	configure(&stage, ROW(weir_stats()));
	for (uint32_t i = 0; i < 4; i++)
		stage_add(&stage, "12345", 5);
	assert_int_equal(pthread_create(&thread, NULL, write_seconds, &stage), 0);
	for (unsigned i = 0;; i++) {
		weir__stats_snapshot(stage.state, 0, &now);
		if (now.last == (100 + RACE_SECONDS - 1) * SECOND)
			break;
		/* The oldest seconds that are kept: their buckets are the next to be given away. */
		weir__stats_snapshot(stage.state, now.last - (14 - i % 4) * SECOND, &now);
		if (now.rate_1s.packets > 0 || now.rate_1s.bits > 0)
			expect_rate(now.rate_1s, per_second, per_second * 40);
		assert_true(now.rate_10s.packets <= per_second);
	}
	pthread_join(thread, NULL);
	weir__stats_snapshot(stage.state, (100 + RACE_SECONDS) * SECOND, &now);
	expect_rate(now.rate_1s, per_second, per_second * 40);
	assert_int_equal(now.packets, (uint64_t)per_second * RACE_SECONDS);
	stage_close(&stage);
}

/* All stages in a row, under the engine's own checks in a debug build. */
static void is_read_by_its_path(void **state)
{
	const struct weir_config config = {
		.endpoints = { weir_generator("in", .count = 10000, .size = 100), weir_null("out") },
		.workers = { { "rx", .unpinned = true } },
		.chains = { { "flow", .stages = { weir_read("in", .worker = "rx"), weir_af_decap(),
						  weir_eth_wrap(.source = "02:00:00:00:00:01"),
						  weir_mac_filter(), weir_stats(.name = "meter"),
						  weir_eth_unwrap(), weir_af_encap(), weir_write("out") } } },
	};
	struct weir_stats_snapshot now;
	struct weir_pipeline *pipeline;
	struct weir_counters *counters;

	(void)state;
	assert_int_equal(weir_pipeline_create(&pipeline, &config, NULL), 0);
	assert_int_equal(weir_pipeline_start(pipeline, NULL), 0);
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	assert_int_equal(weir_stats_read(pipeline, "flow/meter", 0, &now), 0);
	assert_int_equal(now.packets, 10000);
	assert_int_equal(now.ipv4, 10000);
	assert_int_equal(now.size[6], 10000);
	assert_int_equal(now.bytes, 10000 * 114);
	assert_int_equal(weir_stats_read(pipeline, "flow/mac_filter", 0, &now), -ENOENT);
	assert_int_equal(weir_stats_read(pipeline, "flow/stats", 0, &now), -ENOENT);
	counters = weir_counters_read(pipeline);
	assert_non_null(counters);
	assert_int_equal(counters->sent, 10000);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_zero_before_the_first_packet),
		cmocka_unit_test(counts_packets_bytes_and_families),
		cmocka_unit_test(counts_what_super_packets_stand_for),
		cmocka_unit_test(counts_families_of_a_mixed_vector),
		cmocka_unit_test(sorts_sizes_by_powers_of_two),
		cmocka_unit_test(sorts_intervals_by_powers_of_two),
		cmocka_unit_test(packets_of_a_vector_arrive_together),
		cmocka_unit_test(an_older_vector_counts_as_together),
		cmocka_unit_test(rates_are_of_whole_seconds),
		cmocka_unit_test(rates_forget_old_seconds),
		cmocka_unit_test(rates_begin_with_the_clock),
		cmocka_unit_test(is_read_by_its_path),
		cmocka_unit_test(another_thread_reads_whole_seconds_or_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
