/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that are cut and put together on their way: nothing is lost, doubled or overtaken, wherever it
 * blocks, starves, stops or is changed, and every segment is counted.
 */
#include "wire.h"

#define READ(name, worker_) weir_read(name, .worker = worker_)
#define RX                                                    \
	{                                                     \
		"rx", .unpinned = true, .sleep_at_once = true \
	}
#define TX                                                    \
	{                                                     \
		"tx", .unpinned = true, .sleep_at_once = true \
	}
#define SUPERS    wire("in", .wire = &in, .gives = WEIR_OFFLOAD_ALL)
#define PLAIN     wire("out", .wire = &out)
#define FLOW(...) .chains = { { "flow", .stages = { READ("in", "rx"), __VA_ARGS__, weir_write("out") } } }

static struct wire in, out, other;

static void begin_kind(uint8_t family, uint8_t protocol, wire_plan *plan)
{
	wire_init(&in, family, protocol, plan);
	wire_init(&out, family, protocol, NULL);
	wire_init(&other, family, protocol, NULL);
}

static void begin(wire_plan *plan)
{
	begin_kind(4, IPPROTO_TCP, plan);
}

/* All that was given has come to the ends, or the test has said that it may not. */
static void end(struct weir_pipeline *pipeline)
{
	weir_pipeline_destroy(pipeline);
	if (out.wrong)
		fail_msg("%s, at %llu", out.wrong, (unsigned long long)out.expected);
	if (other.wrong)
		fail_msg("%s, at %llu of the other", other.wrong, (unsigned long long)other.expected);
	if (!out.lossy)
		assert_int_equal(out.expected, in.offset);
	wire_free(&in);
	wire_free(&out);
	wire_free(&other);
}

/* As run(), with the law of segments. */
static struct weir_counters *run_to_rest(struct weir_pipeline *pipeline)
{
	weir_counters_free(run(pipeline));
	return read_segments(pipeline);
}

static void stop(struct weir_pipeline *pipeline)
{
	struct weir_counters *counters;

	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = read_segments(pipeline);
	assert_int_equal(counters->held, 0);
	weir_counters_free(counters);
}

static const struct weir_stage_counters *row(const struct weir_counters *counters, const char *path)
{
	const struct weir_stage_counters *stage = weir_counters_stage(counters, path);

	if (!stage)
		fail_msg("there is no %s", path);
	return stage;
}

/* --- what is given ----------------------------------------------------------------------------------------
 */

/* Super-packets of many and of few segments, of full and of short last ones, and packets between them. */
static struct wire_packet mixed(uint64_t i)
{
	static const struct wire_packet packets[] = {
		{ .payload = 20007, .size = 1000 },  { .payload = 100 },
		{ .payload = 901, .partial = true }, { .payload = 1000, .size = 500 },
		{ .payload = 64000, .size = 1448 },  { .payload = 1200 },
		{ .payload = 31, .size = 1 },        { .payload = 32, .size = 1 },
		{ .payload = 5, .size = 1400 },
	};

	return packets[i % countof(packets)];
}

static uint64_t segments_of(wire_plan *plan, uint64_t n)
{
	uint64_t segments = 0;

	for (uint64_t i = 0; i < n; i++) {
		const struct wire_packet packet = plan(i);

		segments += packet.size ? (packet.payload + packet.size - 1u) / packet.size : 1;
	}
	return segments;
}

static uint64_t supers_of(wire_plan *plan, uint64_t n)
{
	uint64_t supers = 0;

	for (uint64_t i = 0; i < n; i++)
		supers += plan(i).size > 0;
	return supers;
}

static struct wire_packet forty(uint64_t i)
{
	(void)i;
	return (struct wire_packet){ .payload = 40000, .size = 1000 };
}

/* One super-packet among many packets that only take buffers. */
static struct wire_packet rare(uint64_t i)
{
	const struct wire_packet small = { .payload = 100 };

	return i % 16 ? small : forty(i);
}

static struct wire_packet small(uint64_t i)
{
	return (struct wire_packet){ .payload = i % 40 == 39 ? 10 : 1000, .partial = i % 3 == 0 };
}

static weir_verdict pass(struct weir_buf *buf)
{
	(void)buf;
	return WEIR_NEXT;
}

/* --- cutting ----------------------------------------------------------------------------------------------
 */

struct way {
	enum weir_layer layer;
	enum weir_framing framing;
	uint32_t prefix_len;
	uint8_t prefix[18]; /* of a packet of IPv4 */
};

static const struct way ways[] = {
	{ WEIR_LAYER_L3, WEIR_FRAMING_RAW, 0, { 0 } },
	{ WEIR_LAYER_AF, WEIR_FRAMING_RAW, 0, { 0 } },
	{ WEIR_LAYER_AF, WEIR_FRAMING_TUN_PI, 4, { 0, 0, 8, 0 } },
	{ WEIR_LAYER_L2, WEIR_FRAMING_RAW, 14, { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0 } },
	{ WEIR_LAYER_L2, WEIR_FRAMING_RAW, 18, { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0, 5, 8, 0 } },
};

static void cut_on(const struct way *way, uint8_t family, uint8_t protocol)
{
	const uint64_t n = 90;
	uint8_t prefix[sizeof(way->prefix)];
	struct weir_pipeline *pipeline;
	struct weir_counters *counters;

	memcpy(prefix, way->prefix, sizeof(prefix));
	if (family == 6 && way->prefix_len)
		plain_store(prefix + way->prefix_len - 2, 0x86dd);
	begin_kind(family, protocol, mixed);
	wire_prefix(&in, prefix, way->prefix_len);
	wire_prefix(&out, prefix, way->prefix_len);
	pipeline = create(&(struct weir_config){
		.endpoints = { wire("in", .wire = &in, .layer = way->layer, .framing = way->framing,
				    .gives = WEIR_OFFLOAD_ALL),
			       wire("out", .wire = &out, .layer = way->layer, .framing = way->framing) },
		.workers = { RX },
		.chains = { { "flow", .stages = { READ("in", "rx"), weir_write("out") } } } });
	wire_give_last(&in, n);
	counters = run_to_rest(pipeline);
	assert_int_equal(counters->received, n);
	assert_int_equal(counters->received_segments, segments_of(mixed, n));
	assert_int_equal(counters->sent, counters->received_segments);
	assert_int_equal(counters->dropped, 0);
	assert_int_equal(row(counters, "flow/gso_split")->packets, n);
	assert_int_equal(row(counters, "flow/gso_split")->segments, counters->received_segments);
	assert_int_equal(row(counters, "flow/gso_split")->consumed, supers_of(mixed, n));
	assert_int_equal(row(counters, "flow/gso_split")->made,
			 segments_of(mixed, n) - n + supers_of(mixed, n));
	assert_int_equal(row(counters, "flow/read")->segments, counters->received_segments);
	assert_int_equal(row(counters, "flow/write")->segments, counters->sent_segments);
	weir_counters_free(counters);
	assert_int_equal(out.supers, 0);
	end(pipeline);
}

static void cuts_on_every_layer(void **state)
{
	static const uint8_t families[] = { 4, 6 }, protocols[] = { IPPROTO_TCP, IPPROTO_UDP };

	(void)state;
	for (unsigned w = 0; w < countof(ways); w++)
		for (unsigned f = 0; f < 2; f++)
			for (unsigned p = 0; p < 2; p++)
				cut_on(&ways[w], families[f], protocols[p]);
}

/* What is understood stays whole: here TCP over IPv4, and nothing else. */
static void keeps_what_is_understood(void **state)
{
	const uint32_t keep = WEIR_OFFLOAD_CSUM | WEIR_OFFLOAD_TSO4;

	(void)state;
	for (unsigned family = 4; family <= 6; family += 2) {
		struct weir_pipeline *pipeline;

		begin_kind((uint8_t)family, IPPROTO_TCP, mixed);
		pipeline = create(&(struct weir_config){
			.endpoints = { SUPERS, wire("out", .wire = &out, .takes = keep) },
			.workers = { RX },
			FLOW(sight(.decide = pass)) });
		wire_give_last(&in, 45);
		weir_counters_free(run_to_rest(pipeline));
		assert_int_equal(out.supers, family == 4 ? supers_of(mixed, 45) : 0);
		end(pipeline);
	}
}

/* It takes so many at a time: in the middle of super-packets, at their ends, of vectors and of pieces. */
static void take_by(uint64_t step, const struct weir_config *config)
{
	const uint64_t n = 27, all = segments_of(mixed, n);
	struct weir_pipeline *pipeline;

	begin(mixed);
	out.room = 0;
	pipeline = create(config);
	start(pipeline);
	wire_give_last(&in, n);
	for (uint64_t taken = 0; taken < all; taken += step) {
		wire_take(&out, step);
		wait_for(fake_load(out.taken) >= (taken + step < all ? taken + step : all));
	}
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	stop(pipeline);
	assert_int_equal(out.taken, all);
	end(pipeline);
}

static void goes_on_where_it_was_blocked(void **state)
{
	static const uint64_t steps[] = { 1, 2, 7, 30, 31, 32, 33, 100 };
	const struct weir_config fused = { .endpoints = { SUPERS, PLAIN },
					   .workers = { RX },
					   FLOW(weir_stats()) };
	const struct weir_config before = { .endpoints = { SUPERS, PLAIN },
					    .workers = { RX, TX },
					    FLOW(weir_ring(.worker = "tx", .capacity = 1)) };
	const struct weir_config behind = { .endpoints = { SUPERS, PLAIN },
					    .workers = { RX, TX },
					    FLOW(weir_gso_split(),
						 weir_ring(.worker = "tx", .capacity = 1)) };
	const struct weir_config judged = { .endpoints = { SUPERS, PLAIN },
					    .workers = { RX },
					    FLOW(sight(.decide = pass), judge(.decide = pass)) };

	(void)state;
	for (unsigned i = 0; i < countof(steps); i++) {
		take_by(steps[i], &fused);
		take_by(steps[i], &before);
		take_by(steps[i], &behind);
		take_by(steps[i], &judged);
	}
}

/* Two splits, one behind the other: the first leaves what the second cuts. */
static void splits_in_a_row(void **state)
{
	const struct weir_config config = {
		.endpoints = { SUPERS, PLAIN },
		.workers = { RX },
		FLOW(weir_gso_split(.name = "one", .keep = WEIR_OFFLOAD_CSUM | WEIR_OFFLOAD_TSO4),
		     weir_gso_split(.name = "two", .keep = WEIR_OFFLOAD_CSUM),
		     weir_gso_split(.name = "three")),
	};

	(void)state;
	for (uint64_t step = 1; step < 40; step += 13)
		take_by(step, &config);
}

/* While it is blocked, the worker sleeps: it needs a few passes for each packet that goes on, and no more. */
static void sleeps_while_it_is_blocked(void **state)
{
	const uint64_t n = 20, all = 40 * n;
	struct weir_pipeline *pipeline;
	struct weir_counters *counters;

	(void)state;
	begin(forty);
	out.room = 0;
	pipeline = create(&(struct weir_config){
		.endpoints = { SUPERS, PLAIN }, .workers = { RX }, FLOW(weir_stats()) });
	start(pipeline);
	wire_give_last(&in, n);
	for (uint64_t taken = 1; taken <= all; taken++) {
		wire_take(&out, 1);
		wait_for(fake_load(out.taken) == taken);
	}
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	stop(pipeline);
	counters = read_segments(pipeline);
	assert_true(counters->workers[0].passes < 8 * all + 100);
	weir_counters_free(counters);
	end(pipeline);
}

/* --- buffers ----------------------------------------------------------------------------------------------
 */

static void starves(const struct weir_config *config, wire_plan *plan, uint64_t n)
{
	struct weir_pipeline *pipeline;
	struct weir_counters *counters;
	uint64_t passes = 0, turns = 0;

	begin(plan);
	out.room = 0;
	pipeline = create(config);
	start(pipeline);
	wire_give_last(&in, n);
	for (uint64_t taken = 0, all = segments_of(plan, n); taken < all; taken += 20, turns++) {
		wire_take(&out, 20);
		wait_for(fake_load(out.taken) >= (taken + 20 < all ? taken + 20 : all));
	}
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	stop(pipeline);
	counters = read_segments(pipeline);
	assert_int_equal(counters->dropped, 0);
	for (unsigned i = 0; i < counters->n_workers; i++)
		passes += counters->workers[i].passes;
	assert_true(passes < 100 * turns + 1000);
	weir_counters_free(counters);
	end(pipeline);
}

#define FEW(n) .pool = { .buffers = (n), .overcommit = true, .jumbo = 64, .no_huge_pages = true }

static void waits_for_buffers(void **state)
{
	const struct weir_config fused = {
		.endpoints = { SUPERS, PLAIN }, .workers = { RX }, FLOW(weir_stats()), FEW(93)
	};
	const struct weir_config behind = { .endpoints = { SUPERS, PLAIN },
					    .workers = { RX, TX },
					    FLOW(weir_gso_split(), weir_ring(.worker = "tx", .capacity = 64)),
					    FEW(186) };

	(void)state;
	starves(&fused, mixed, 90);
	starves(&fused, rare, 600);
	starves(&behind, mixed, 90);
	starves(&behind, rare, 600);
}

/* What waits in front of the split must not have all buffers that its pieces need. */
static void waits_for_buffers_behind_a_ring(void **state)
{
	const struct weir_config config = { .endpoints = { SUPERS, PLAIN },
					    .workers = { RX, TX },
					    FLOW(weir_ring(.worker = "tx", .capacity = 64)),
					    FEW(186) };

	(void)state;
	starves(&config, mixed, 90);
	starves(&config, rare, 2000);
}

/* Pieces that no small buffer holds take jumbo buffers, and give them back before more are needed. */
static void cuts_into_jumbo_buffers(void **state)
{
	const struct weir_config config = {
		.endpoints = { SUPERS, PLAIN },
		.workers = { RX },
		.pool = { .room = 512, .jumbo = 8, .no_huge_pages = true },
		FLOW(weir_stats()),
	};

	(void)state;
	take_by(1, &config);
	take_by(50, &config);
}

/* Where others hold the jumbo buffers, the rest is lost, and counted. */
static void drops_what_needs_too_many_jumbo_buffers(void **state)
{
	const uint64_t n = 30;
	struct weir_pipeline *pipeline;
	struct weir_counters *counters;

	(void)state;
	begin(forty);
	out.lossy = true;
	out.room = 0;
	pipeline = create(
		&(struct weir_config){ .endpoints = { SUPERS, PLAIN },
				       .workers = { RX, TX },
				       .pool = { .room = 512, .jumbo = 64, .no_huge_pages = true },
				       FLOW(weir_gso_split(), weir_ring(.worker = "tx", .capacity = 64)) });
	start(pipeline);
	wire_give_last(&in, n);
	for (counters = NULL; !counters || !weir_counters_drop(counters, "flow/gso_split", "too_long");) {
		weir_counters_free(counters);
		counters = weir_counters_read(pipeline);
		usleep(50);
	}
	weir_counters_free(counters);
	wire_take(&out, UINT32_MAX);
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	stop(pipeline);
	counters = read_segments(pipeline);
	assert_int_equal(counters->dropped, weir_counters_drop(counters, "flow/gso_split", "too_long"));
	assert_int_equal(counters->received, n);
	assert_int_equal(out.taken, counters->sent);
	assert_int_equal(counters->received_segments, 40 * n);
	weir_counters_free(counters);
	assert_true(out.skipped > 0);
	end(pipeline);
}

/* --- what is wrong ----------------------------------------------------------------------------------------
 */

static struct wire_packet some_wrong(uint64_t i)
{
	struct wire_packet packet = mixed(i);

	packet.foreign = packet.size && i % 2;
	return packet;
}

static void drops_what_is_malformed(void **state)
{
	const uint64_t n = 180;
	struct weir_pipeline *pipeline;
	struct weir_counters *counters;
	uint64_t wrong = 0;

	(void)state;
	begin(some_wrong);
	pipeline = create(&(struct weir_config){
		.endpoints = { SUPERS, PLAIN }, .workers = { RX }, FLOW(weir_stats()) });
	wire_give_last(&in, n);
	counters = run_to_rest(pipeline);
	for (uint64_t i = 0; i < n; i++)
		wrong += some_wrong(i).foreign;
	assert_int_equal(weir_counters_drop(counters, "flow/gso_split", "malformed"), wrong);
	assert_int_equal(counters->dropped, wrong);
	weir_counters_free(counters);
	end(pipeline);
}

/* A length that the headers do not tell would be segments that nobody gets. */
static weir_verdict lie(struct weir_buf *buf)
{
	uint8_t *ip = buf->data;

	if (buf->gso_type) {
		plain_store(ip + 2, plain_load(ip + 2) - 2000u);
		plain_store(ip + 10, 0);
		plain_store(ip + 10, (uint16_t)~plain_sum(0, ip, 20));
	}
	return WEIR_NEXT;
}

static void drops_what_its_length_belies(void **state)
{
	const uint64_t n = 20;
	struct weir_pipeline *pipeline;
	struct weir_counters *counters;

	(void)state;
	begin(forty);
	out.lossy = true;
	pipeline = create(&(struct weir_config){
		.endpoints = { SUPERS, PLAIN }, .workers = { RX }, FLOW(sight(.decide = lie)) });
	wire_give_last(&in, n);
	counters = run_to_rest(pipeline);
	assert_int_equal(weir_counters_drop(counters, "flow/gso_split", "malformed"), n);
	weir_counters_free(counters);
	end(pipeline);
}

/* --- stopping ---------------------------------------------------------------------------------------------
 */

static void stop_with(uint64_t room)
{
	struct weir_pipeline *pipeline;
	struct weir_counters *counters;

	begin(forty);
	out.room = room;
	pipeline = create(&(struct weir_config){
		.endpoints = { SUPERS, PLAIN }, .workers = { RX }, .drain_ms = 1, FLOW(weir_stats()) });
	start(pipeline);
	wire_give(&in, 3);
	wait_for(fake_load(in.given) == 3 && fake_load(out.taken) == room);
	assert_int_equal(weir_pipeline_stop(pipeline), -ETIMEDOUT);
	counters = read_segments(pipeline);
	assert_int_equal(counters->held, 0);
	assert_int_equal(counters->sent, room);
	assert_int_equal(counters->dropped_segments, 120 - room);
	assert_int_equal(weir_counters_drop(counters, "flow/gso_split", "stopped") +
				 weir_counters_drop(counters, "flow/write", "stopped"),
			 counters->dropped);
	weir_counters_free(counters);
	assert_int_equal(out.expected, 1000 * room);
	/* What comes now is whole. */
	out.lossy = true;
	wire_take(&out, UINT32_MAX);
	start(pipeline);
	wire_give_last(&in, 2);
	wait_for(fake_load(out.taken) == room + 80);
	stop(pipeline);
	assert_int_equal(out.skipped, 120000 - 1000 * room);
	assert_int_equal(out.expected, in.offset);
	assert_int_equal(out.taken, room + 80);
	end(pipeline);
}

static void stops_in_the_middle(void **state)
{
	(void)state;
	for (uint64_t room = 0; room < 120; room += 7)
		stop_with(room);
}

/* --- where ways meet --------------------------------------------------------------------------------------
 */

/* Packets go by the split to the writer, or straight to it. */
static weir_verdict by_size(struct weir_buf *buf)
{
	return buf->gso_type ? WEIR_EXIT(0) : WEIR_EXIT(1);
}

static weir_verdict back(struct weir_buf *buf)
{
	(void)buf;
	return WEIR_EXIT(0);
}

static struct wire_packet then_small(uint64_t i)
{
	const struct wire_packet small = { .payload = 100 };

	return i ? small : forty(i);
}

/* What the pieces have left no room for is dropped where it is in the way. */
static void crowds_where_ways_meet(void **state)
{
	const uint64_t n = 31;
	struct weir_pipeline *pipeline;
	struct weir_counters *counters;

	(void)state;
	begin(then_small);
	out.lossy = true;
	out.room = 0;
	pipeline = create(&(struct weir_config){
		.endpoints = { SUPERS, wire("out", .wire = &out, .takes = WEIR_OFFLOAD_ALL),
			       wire("other", .wire = &other) },
		.workers = { RX },
		.chains = { { "flow", .stages = { READ("in", "rx"),
						  sight(.decide = by_size, .exit = { "cut", "meet" }),
						  weir_write("other") } },
			    { "cut", .stages = { weir_gso_split(), judge(.decide = back, .exit = { "meet" }),
						 weir_write("other") } },
			    { "meet", .stages = { weir_write("out") } } } });
	wire_give_last(&in, n);
	start(pipeline);
	wait_for(fake_load(in.given) == n && is_asleep(pipeline, 0));
	wire_take(&out, UINT32_MAX);
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = read_segments(pipeline);
	assert_int_equal(counters->held, 0);
	assert_int_equal(weir_counters_drop(counters, "meet/write", "crowded"), n - 1);
	assert_int_equal(counters->dropped, n - 1);
	assert_int_equal(counters->sent, 40);
	weir_counters_free(counters);
	end(pipeline);
}

/* --- putting together -------------------------------------------------------------------------------------
 */

#define GATHERER wire("out", .wire = &out, .takes = WEIR_OFFLOAD_ALL, .gathers = true)
#define SEGMENTS wire("in", .wire = &in, .gives = WEIR_OFFLOAD_CSUM, .max_packet = 1500)

static void put_together(uint8_t family, uint8_t protocol)
{
	const uint64_t n = 1000;
	struct weir_pipeline *pipeline;
	struct weir_counters *counters;

	begin_kind(family, protocol, small);
	pipeline = create(&(struct weir_config){ .endpoints = { SEGMENTS, GATHERER },
						 .workers = { RX },
						 .pool = { .jumbo = 8 },
						 FLOW(weir_stats()) });
	wire_give_last(&in, n);
	counters = run_to_rest(pipeline);
	assert_int_equal(counters->received_segments, n);
	assert_int_equal(counters->sent_segments, n);
	assert_int_equal(row(counters, "flow/gro_coalesce")->packets, n);
	assert_int_equal(row(counters, "flow/gro_coalesce")->segments, n);
	assert_int_equal(row(counters, "flow/gro_coalesce")->made, out.supers);
	assert_int_equal(counters->sent, n + out.supers - counters->consumed);
	assert_true(out.supers > 0 && out.taken < n / 4);
	weir_counters_free(counters);
	end(pipeline);
}

static void puts_together_for_who_gains(void **state)
{
	(void)state;
	put_together(4, IPPROTO_TCP);
	put_together(6, IPPROTO_TCP);
	put_together(4, IPPROTO_UDP);
	put_together(6, IPPROTO_UDP);
}

static void leaves_packets_alone_without_jumbo_buffers(void **state)
{
	struct weir_pipeline *pipeline;
	struct weir_counters *counters;

	(void)state;
	begin(small);
	pipeline = create(&(struct weir_config){
		.endpoints = { SEGMENTS, wire("out", .wire = &out, .takes = WEIR_OFFLOAD_ALL, .gathers = true,
					      .max_packet = 1500) },
		.workers = { RX },
		FLOW(weir_stats()) });
	wire_give_last(&in, 1000);
	counters = run_to_rest(pipeline);
	assert_int_equal(row(counters, "flow/gro_coalesce")->made, 0);
	assert_int_equal(counters->sent, 1000);
	weir_counters_free(counters);
	assert_int_equal(out.supers, 0);
	end(pipeline);
}

/* As many jumbo buffers as there must be, all of them in front of a writer that takes little. */
static void puts_together_while_jumbo_buffers_are_few(void **state)
{
	const uint64_t n = 2000;
	struct weir_pipeline *pipeline;

	(void)state;
	begin(small);
	out.room = 0;
	pipeline = create(&(struct weir_config){ .endpoints = { SEGMENTS, GATHERER },
						 .workers = { RX, TX },
						 .pool = { .jumbo = 16 },
						 FLOW(weir_gro_coalesce(), weir_ring(.worker = "tx")) });
	start(pipeline);
	wire_give_last(&in, n);
	while (fake_load(out.expected) < fake_load(in.offset) || fake_load(in.given) < n) {
		wire_take(&out, 1);
		usleep(50);
	}
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	stop(pipeline);
	assert_true(out.supers > 0);
	end(pipeline);
}

/* Two that follow each other, of which the first has a wrong checksum: begun in vain. */
static struct wire_packet in_vain(uint64_t i)
{
	const uint64_t k = i % 5;

	return (struct wire_packet){ .payload = 1000, .foreign = k < 2, .ahead = k == 1 ? 1000 : 0 };
}

static weir_verdict drop_foreign(struct weir_buf *buf)
{
	return buf->mark == WIRE_FOREIGN ? WEIR_DROP(0) : WEIR_NEXT;
}

static void puts_nothing_together_that_is_wrong(void **state)
{
	const uint64_t n = 1000;
	struct weir_pipeline *pipeline;
	struct weir_counters *counters;

	(void)state;
	begin(in_vain);
	pipeline = create(&(struct weir_config){ .endpoints = { SEGMENTS, GATHERER },
						 .workers = { RX },
						 .pool = { .jumbo = 8 },
						 FLOW(weir_gro_coalesce(), sight(.decide = drop_foreign)) });
	start(pipeline);
	/* One vector after the other: the jumbo buffer is looked at between them. */
	for (uint64_t given = 0; given < n; given += 5) {
		wire_give(&in, 5);
		wait_for(fake_load(in.given) == given + 5);
	}
	wire_give_last(&in, 0);
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	stop(pipeline);
	counters = read_segments(pipeline);
	assert_int_equal(weir_counters_drop(counters, "flow/sight", "first"), 2 * n / 5);
	weir_counters_free(counters);
	end(pipeline);
}

/* What was put together for one writer is cut again for another. */
static void puts_together_and_cuts_again(void **state)
{
	const struct weir_config config = {
		.endpoints = { SEGMENTS, PLAIN },
		.workers = { RX },
		.pool = { .jumbo = 16 },
		FLOW(weir_gro_coalesce(), weir_stats()),
	};

	(void)state;
	begin(small);
	{
		struct weir_pipeline *pipeline = create(&config);
		struct weir_counters *counters;

		wire_give_last(&in, 1000);
		counters = run_to_rest(pipeline);
		assert_int_equal(row(counters, "flow/gso_split")->consumed,
				 row(counters, "flow/gro_coalesce")->made);
		assert_int_equal(counters->sent, 1000);
		weir_counters_free(counters);
		end(pipeline);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_on_every_layer),
		cmocka_unit_test(keeps_what_is_understood),
		cmocka_unit_test(goes_on_where_it_was_blocked),
		cmocka_unit_test(splits_in_a_row),
		cmocka_unit_test(sleeps_while_it_is_blocked),
		cmocka_unit_test(waits_for_buffers),
		cmocka_unit_test(cuts_into_jumbo_buffers),
		cmocka_unit_test(drops_what_needs_too_many_jumbo_buffers),
		cmocka_unit_test(drops_what_is_malformed),
		cmocka_unit_test(drops_what_its_length_belies),
		cmocka_unit_test(stops_in_the_middle),
		cmocka_unit_test(crowds_where_ways_meet),
		cmocka_unit_test(puts_together_for_who_gains),
		cmocka_unit_test(leaves_packets_alone_without_jumbo_buffers),
		cmocka_unit_test(puts_together_while_jumbo_buffers_are_few),
		cmocka_unit_test(puts_nothing_together_that_is_wrong),
		cmocka_unit_test(puts_together_and_cuts_again),
		cmocka_unit_test(waits_for_buffers_behind_a_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
