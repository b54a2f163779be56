/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include "stats.h"

#define VECTORS 64
#define SECOND  UINT64_C(1000000000)

struct arrival {
	uint64_t time;
	uint64_t packets;
	uint64_t bytes;
};

static uint64_t sum(const uint64_t bins[WEIR_STATS_BINS])
{
	uint64_t total = 0;

	for (unsigned i = 0; i < WEIR_STATS_BINS; i++)
		total += bins[i];
	return total;
}

/* The rate by going through all that ever came. */
static void require_rate(struct weir_rate rate, const struct arrival *arrivals, unsigned n, uint64_t now,
			 uint64_t seconds)
{
	const uint64_t end = now / SECOND;
	uint64_t packets = 0, bits = 0;

	for (unsigned i = 0; i < n; i++) {
		uint64_t second = arrivals[i].time / SECOND;

		if (second < end && second + seconds >= end) {
			packets += arrivals[i].packets;
			bits += 8 * arrivals[i].bytes;
		}
	}
	require(rate.packets >= (double)packets / (double)seconds &&
		rate.packets <= (double)packets / (double)seconds);
	require(rate.bits >= (double)bits / (double)seconds && rate.bits <= (double)bits / (double)seconds);
}

static struct arrival arrive(struct stage *stage, uint64_t time, struct input *input)
{
	static const uint8_t payload[65535];
	struct arrival arrival = { .time = time, .packets = 1u + input_byte(input) % WEIR_VECTOR_SIZE };
	const uint32_t len = (uint32_t)input_number(input, 2);

	stage_clear(stage);
	for (uint64_t i = 0; i < arrival.packets; i++) {
		struct weir_buf *buf = stage_add(stage, payload, len >> i % 16);

		buf->arrival = time;
		buf->family = (uint8_t)(i % 8);
		arrival.bytes += buf->len;
	}
	run(stage);
	return arrival;
}

static void require_totals(const struct weir_stats_snapshot *now, const struct arrival *arrivals, unsigned n)
{
	uint64_t packets = 0, bytes = 0;

	for (unsigned i = 0; i < n; i++) {
		packets += arrivals[i].packets;
		bytes += arrivals[i].bytes;
	}
	require(now->packets == packets);
	require(now->bytes == bytes);
	require(now->ipv4 + now->ipv6 + now->other == packets);
	require(sum(now->size) == packets);
	require(sum(now->interval) == (packets ? packets - 1 : 0));
	if (n) {
		require(now->first == arrivals[0].time);
		require(now->last == arrivals[n - 1].time);
	}
}

/* For each vector: nanoseconds since the one before (5, cut to 18 minutes), packets, length (2) */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = { bytes, size };
	struct arrival arrivals[VECTORS];
	struct weir_stats_snapshot now;
	struct stage stage;
	uint64_t time = 0;
	unsigned n = 0;

	open_for(&stage, ROW(weir_stats()), WEIR_FRAMING_RAW);
	while (input.size && n < VECTORS) {
		time += input_number(&input, 5);
		arrivals[n] = arrive(&stage, time, &input);
		n++;
		weir__stats_snapshot(stage.state, time, &now);
		require_totals(&now, arrivals, n);
		require_rate(now.rate_1s, arrivals, n, time, 1);
		require_rate(now.rate_10s, arrivals, n, time, 10);
	}
	stage_close(&stage);
	return 0;
}
