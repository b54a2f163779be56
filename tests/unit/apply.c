/* SPDX-License-Identifier: Apache-2.0 */
/* From every shape to every other one while packets flow: none is lost, doubled or overtaken. */
#include <errno.h>

#include "fake.h"

#define FLOWS 4

static struct fake in, out, side;

/* --- what passes ------------------------------------------------------------------------------------------
 */

/* The next number of each flow. Writers of different workers see it, one after the other. */
static uint64_t expected[FLOWS];
static uint64_t disorder;

static uint64_t note(uint64_t number)
{
	uint64_t *next = &expected[number % FLOWS];

	if (fake_load(*next) != number)
		__atomic_add_fetch(&disorder, 1, __ATOMIC_RELAXED);
	fake_store(*next, number + FLOWS);
	return 0;
}

static uint64_t passed(void)
{
	uint64_t n = 0;

	for (unsigned flow = 0; flow < FLOWS; flow++)
		n += (fake_load(expected[flow]) - flow) / FLOWS;
	return n;
}

/* Whole flows part, so that each keeps its order. */
static weir_verdict part(struct weir_buf *buf)
{
	const uint64_t flow = fake_number(buf) % FLOWS;

	return flow == 1 ? WEIR_EXIT(0) : flow == 2 ? WEIR_EXIT(1) : WEIR_NEXT;
}

static weir_verdict next(struct weir_buf *buf)
{
	(void)buf;
	return WEIR_NEXT;
}

/* --- the shapes -------------------------------------------------------------------------------------------
 */

#define WORKER(name_)                   \
	{                               \
		name_, .unpinned = true \
	}
#define ENDS                                                                     \
	{                                                                        \
		fake("in", .fake = &in), fake("out", .fake = &out, .any = true), \
			fake("side", .fake = &side, .any = true)                 \
	}
#define SHAPE(workers_, ...)                                                          \
	{                                                                             \
		.endpoints = ENDS, .workers = { workers_ }, .chains = { __VA_ARGS__ } \
	}
#define CHAIN(name_, ...)                        \
	{                                        \
		name_, .stages = { __VA_ARGS__ } \
	}
#define A        WORKER("a")
#define AB       WORKER("a"), WORKER("b")
#define ABC      WORKER("a"), WORKER("b"), WORKER("c")
#define READ(on) weir_read("in", .worker = on)
#define RING(to) weir_ring(to)
#define OUT      weir_write("out")
#define SIDE     weir_write("side")

static const struct weir_config shapes[] = {
	SHAPE(A, CHAIN("main", READ("a"), OUT)),
	SHAPE(A, CHAIN("main", READ("a"), weir_stats(), OUT)),
	SHAPE(A, CHAIN("main", READ("a"), weir_stats(), judge(.decide = next), OUT)),
	SHAPE(A, CHAIN("main", READ("a"), judge(.decide = next), weir_stats(), OUT)),
	SHAPE(AB, CHAIN("main", READ("a"), weir_ring("b"), OUT)),
	SHAPE(AB, CHAIN("main", READ("a"), weir_stats(), weir_ring("b"), judge(.decide = next), OUT)),
	SHAPE(AB, CHAIN("main", READ("b"), weir_ring("a"), weir_stats(), OUT)),
	SHAPE(AB, CHAIN("main", READ("a"), weir_ring("b", .capacity = 1), weir_stats(), OUT)),
	SHAPE(ABC,
	      CHAIN("main", READ("a"), weir_ring("b"), weir_stats(), weir_ring("c", .name = "second"), OUT)),
	SHAPE(ABC, CHAIN("main", READ("a"), weir_stats(), weir_ring("c"), judge(.decide = next),
			 weir_ring("b", .name = "second"), OUT)),
	SHAPE(A, CHAIN("main", READ("a"), judge(.decide = part, .exit = { "one", "two" }), OUT),
	      CHAIN("one", weir_stats(), SIDE), CHAIN("two", OUT)),
	SHAPE(AB, CHAIN("main", READ("a"), judge(.decide = part, .exit = { "one", "two" }), OUT),
	      CHAIN("one", weir_ring("b"), weir_stats(), SIDE), CHAIN("two", weir_stats(), OUT)),
	SHAPE(ABC,
	      CHAIN("main", READ("b"), weir_ring("a"), judge(.decide = part, .exit = { "two", "one" }),
		    weir_ring("c", .name = "second"), OUT),
	      CHAIN("one", weir_ring("b"), SIDE), CHAIN("two", weir_ring("c"), weir_stats(), OUT)),
	SHAPE(ABC,
	      CHAIN("main", READ("c"), weir_ring("b"), weir_stats(), weir_ring("a", .name = "second"), SIDE)),
};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

/* --- the test ---------------------------------------------------------------------------------------------
 */

static int setup(void **state)
{
	(void)state;
	fake_init(&in);
	fake_init(&out);
	fake_init(&side);
	out.reason = note;
	side.reason = note;
	for (unsigned flow = 0; flow < FLOWS; flow++)
		expected[flow] = flow;
	disorder = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_free(&in);
	fake_free(&out);
	fake_free(&side);
	return 0;
}

static void apply(struct weir_pipeline *pipeline, const struct weir_config *config)
{
	struct weir_error err;

	if (weir_pipeline_apply(pipeline, config, &err) < 0)
		fail_msg("%s", err.text);
}

/* Lets everything come out that was given, and holds the law of conservation. */
static void settle(struct weir_pipeline *pipeline)
{
	fake_give_last(&in, 1000);
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	assert_int_equal(disorder, 0);
	assert_int_equal(passed(), in.given);
	weir_counters_free(read_counters(pipeline));
}

static void from_each_to_each(void **state)
{
	struct weir_pipeline *pipeline = create(&shapes[0]);

	(void)state;
	start(pipeline);
	for (unsigned a = 0; a < SHAPES; a++)
		for (unsigned b = 0; b < SHAPES; b++) {
			const uint64_t before = passed();

			/* More than fits anywhere, so that rings are full at the change. */
			fake_give(&in, 3000);
			apply(pipeline, &shapes[a]);
			wait_for(passed() > before);
			apply(pipeline, &shapes[b]);
			assert_int_equal(disorder, 0);
		}
	settle(pipeline);
	weir_pipeline_destroy(pipeline);
	assert_int_equal(in.opened, 1);
	assert_int_equal(in.closed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(from_each_to_each, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
