/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of shape around a split, which holds half a super-packet while what is behind it is blocked: no
 * piece is lost, doubled or overtaken, and none meets half a change.
 */
#include <pthread.h>

#include "wire.h"

#define WORKER(name_)                   \
	{                               \
		name_, .unpinned = true \
	}
#define A       WORKER("a")
#define AB      WORKER("a"), WORKER("b")
#define READ    weir_read("in", .worker = "a")
#define OUT     weir_write("out")
#define SEE     sight(.decide = pass)
#define JUDGE   judge(.decide = pass)
#define CHANGES 300

#define SHAPE(workers_, ...)                                                                  \
	{                                                                                     \
		.endpoints = { wire("in", .wire = &in, .gives = WEIR_OFFLOAD_ALL),            \
			       wire("out", .wire = &out) },                                   \
		.workers = { workers_ }, .chains = { { "main", .stages = { __VA_ARGS__ } } }, \
		.change_ms = 60000, .pool = {                                                 \
			.headroom = 64                                                        \
		}                                                                             \
	}

static struct wire in, out;

static weir_verdict pass(struct weir_buf *buf)
{
	(void)buf;
	return WEIR_NEXT;
}

/* Of packets that come so often that one is always under way. */
static struct wire_packet mixed(uint64_t i)
{
	return i % 3 ? (struct wire_packet){ .payload = 200 }
		     : (struct wire_packet){ .payload = 40007, .size = 1000 };
}

static struct wire_packet forty(uint64_t i)
{
	(void)i;
	return (struct wire_packet){ .payload = 40000, .size = 1000 };
}

static void begin(wire_plan *plan)
{
	wire_init(&in, 4, IPPROTO_TCP, plan);
	wire_init(&out, 4, IPPROTO_TCP, NULL);
}

static void end(struct weir_pipeline *pipeline)
{
	struct weir_counters *counters;

	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = read_segments(pipeline);
	assert_int_equal(counters->held, 0);
	assert_int_equal(counters->dropped, 0);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
	if (out.wrong)
		fail_msg("%s, at %llu", out.wrong, (unsigned long long)out.expected);
	assert_int_equal(out.expected, in.offset);
	wire_free(&in);
	wire_free(&out);
}

static const struct weir_config shapes[] = {
	SHAPE(A, READ, OUT),
	SHAPE(A, READ, SEE, OUT),
	SHAPE(A, READ, JUDGE, OUT),
	SHAPE(A, READ, weir_stats(), JUDGE, SEE, OUT),
	SHAPE(A, READ, weir_gso_split(.name = "own"), OUT),
	SHAPE(A, READ, weir_gso_split(.name = "own", .keep = WEIR_OFFLOAD_CSUM), OUT),
	SHAPE(A, READ, weir_gso_split(.name = "own", .keep = WEIR_OFFLOAD_ALL), SEE, OUT),
	SHAPE(AB, READ, weir_ring("b"), OUT),
	SHAPE(AB, READ, weir_ring("b", .capacity = 1), JUDGE, OUT),
	SHAPE(AB, READ, JUDGE, weir_ring("b", .capacity = 2), OUT),
	SHAPE(AB, READ, SEE, weir_gso_split(.name = "own"), weir_ring("b", .capacity = 1), weir_stats(), OUT),
	SHAPE(AB, weir_read("in", .worker = "b"), weir_ring("a"), weir_stats(), OUT),
	SHAPE(A, READ, weir_stats(), OUT),
};

static uint64_t stopping;

/* Takes a little at a time, so that it is blocked most of the time. */
static void *take(void *unused)
{
	(void)unused;
	for (uint64_t n = 1; !fake_load(stopping); n = n % 61 + 7) {
		wire_take(&out, n);
		wait_for(fake_load(out.taken) == fake_load(out.room) || fake_load(stopping));
	}
	wire_take(&out, UINT32_MAX);
	return NULL;
}

static void change_to(struct weir_pipeline *pipeline, const struct weir_config *config)
{
	struct weir_error err;

	if (weir_pipeline_apply(pipeline, config, &err) < 0)
		fail_msg("%s", err.text);
}

static void keeps_the_order_through_every_change(void **state)
{
	uint64_t random = 1, n = 0;
	struct weir_pipeline *pipeline;
	pthread_t taker;

	(void)state;
	begin(mixed);
	out.room = 0;
	stopping = 0;
	pipeline = create(&shapes[0]);
	start(pipeline);
	assert_int_equal(pthread_create(&taker, NULL, take, NULL), 0);
	for (unsigned i = 0; i < CHANGES; i++) {
		/* There is always something that has not been given yet. */
		while (n < fake_load(in.given) + 40) {
			wire_give(&in, 40);
			n += 40;
		}
		random = random * 6364136223846793005u + 1442695040888963407u;
		change_to(pipeline, &shapes[(random >> 33) % countof(shapes)]);
	}
	wire_give_last(&in, 0);
	fake_store(stopping, 1);
	pthread_join(taker, NULL);
	end(pipeline);
}

/* Blocked with a part of a super-packet behind the split, and the rest in front of it. */
static struct weir_pipeline *begin_blocked(const struct weir_config *config)
{
	struct weir_pipeline *pipeline;

	begin(forty);
	out.room = 5;
	pipeline = create(config);
	start(pipeline);
	wire_give(&in, 3);
	wait_for(fake_load(in.given) == 3 && fake_load(out.taken) == 5);
	return pipeline;
}

/* What was begun in pieces is ended in pieces, though it may stay whole now. */
static void ends_what_it_has_begun(void **state)
{
	struct weir_config config = SHAPE(A, READ, weir_gso_split(.name = "own"), OUT);
	struct weir_config keeping =
		SHAPE(A, READ, weir_gso_split(.name = "own", .keep = WEIR_OFFLOAD_ALL), OUT);
	struct weir_pipeline *pipeline;

	(void)state;
	config.endpoints[1] = keeping.endpoints[1] =
		(struct weir_endpoint)wire("out", .wire = &out, .takes = WEIR_OFFLOAD_ALL);
	pipeline = begin_blocked(&config);
	change_to(pipeline, &keeping);
	wire_take(&out, UINT32_MAX);
	wire_give_last(&in, 1);
	end(pipeline);
	assert_true(out.supers >= 1 && out.supers <= 3);
}

/* --- half a change ----------------------------------------------------------------------------------------
 */

/* Two stages that come and go together: the second one drops what has not met the first. */
static weir_verdict enter(struct weir_buf *buf)
{
	buf->mark = 1;
	return WEIR_NEXT;
}

static weir_verdict leave(struct weir_buf *buf)
{
	return buf->mark == 1 ? WEIR_NEXT : WEIR_DROP(0);
}

#define FORK(name_) sight(.name = name_, .decide = pass, .exit = { "side" })
#define SIDED(...)                                                                 \
	{                                                                          \
		.endpoints = { wire("in", .wire = &in, .gives = WEIR_OFFLOAD_ALL), \
			       wire("out", .wire = &out) },                        \
		.workers = { A }, .change_ms = 50, .chains = {                     \
			{ "main", .stages = { __VA_ARGS__ } },                     \
			{ "side", .stages = { OUT } }                              \
		}                                                                  \
	}

/* What has passed the first one's place waits in front of the split while both come in. */
static void none_meets_half_a_change(void **state)
{
	const struct weir_config without = SIDED(READ, FORK("fork"), weir_gso_split(), FORK("fork2"), OUT);
	const struct weir_config with =
		SIDED(READ, sight(.name = "enter", .decide = enter), FORK("fork"), weir_gso_split(),
		      FORK("fork2"), sight(.name = "leave", .decide = leave), OUT);
	struct weir_pipeline *pipeline = begin_blocked(&without);
	struct weir_error err;

	(void)state;
	assert_int_equal(weir_pipeline_apply(pipeline, &with, &err), -ETIMEDOUT);
	wire_take(&out, 20);
	wait_for(fake_load(out.taken) == 25);
	assert_int_equal(weir_pipeline_apply(pipeline, &with, &err), -ETIMEDOUT);
	wire_take(&out, UINT32_MAX);
	wait_for(fake_load(out.taken) == 120);
	change_to(pipeline, &with);
	wire_give_last(&in, 3);
	end(pipeline);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_order_through_every_change),
		cmocka_unit_test(ends_what_it_has_begun),
		cmocka_unit_test(none_meets_half_a_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
