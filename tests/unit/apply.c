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
#define SHAPE(workers_, ...)                                                                              \
	{                                                                                                 \
		.endpoints = ENDS, .workers = { workers_ }, .chains = { __VA_ARGS__ }, .change_ms = 60000 \
	}
#define CHAIN(name_, ...)                        \
	{                                        \
		name_, .stages = { __VA_ARGS__ } \
	}
#define A        WORKER("a")
#define AB       WORKER("a"), WORKER("b")
#define AC       WORKER("a"), WORKER("c")
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

struct looker {
	struct weir_pipeline *pipeline;
	bool stop;
	uint64_t received, sent; /* that it has seen */
	uint64_t wrong;
};

static void *look(void *argument)
{
	struct looker *looker = argument;

	while (!fake_load(looker->stop)) {
		struct weir_counters *counters = weir_counters_read(looker->pipeline);
		struct weir_stats_snapshot snapshot;
		const int rc = weir_stats_read(looker->pipeline, "main/stats", 0, &snapshot);

		if (rc != 0 && rc != -ENOENT)
			looker->wrong++;
		if (counters->received < looker->received || counters->sent < looker->sent)
			looker->wrong++;
		looker->received = counters->received;
		looker->sent = counters->sent;
		weir_counters_free(counters);
	}
	return NULL;
}

/* What removed rows have counted is in the sums at every moment, and who reads a stage that goes reads it
 * whole.
 */
static void is_looked_at(void **state)
{
	struct looker looker = { .pipeline = create(&shapes[0]) };
	pthread_t thread;

	(void)state;
	start(looker.pipeline);
	assert_int_equal(pthread_create(&thread, NULL, look, &looker), 0);
	for (unsigned round = 0; round < 20; round++)
		for (unsigned i = 4; i < SHAPES; i++) {
			const uint64_t before = passed();

			fake_give(&in, 100);
			apply(looker.pipeline, &shapes[i]);
			wait_for(passed() > before);
		}
	fake_store(looker.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(looker.wrong, 0);
	settle(looker.pipeline);
	weir_pipeline_destroy(looker.pipeline);
}

static uint64_t count_of(struct weir_pipeline *pipeline, const char *path)
{
	struct weir_counters *counters = weir_counters_read(pipeline);
	const uint64_t n = packets_of(counters, path);

	weir_counters_free(counters);
	return n;
}

static uint64_t sleeps(struct weir_pipeline *pipeline)
{
	struct weir_counters *counters = weir_counters_read(pipeline);
	uint64_t n = 0;

	for (unsigned i = 0; i < counters->n_workers; i++)
		n += counters->workers[i].sleeps;
	weir_counters_free(counters);
	return n;
}

/* An endpoint that rings a bell of its own is taken from a worker while that sleeps and waits for it. What
 * then rings must not keep the next one awake for ever. */
static void lets_a_bell_rest(void **state)
{
	struct weir_pair_link *link;
	struct weir_pipeline *pipeline;

	(void)state;
	assert_int_equal(weir_pair_link_create(&link, 16, 64), 0);
#define PAIRED(on)                                                                   \
	(&(const struct weir_config){                                                \
		.endpoints = { weir_pair("pair", .link = link), weir_null("null") }, \
		.workers = { WORKER(on) },                                           \
		.chains = { CHAIN("main", weir_read("pair", .worker = on), weir_write("null")) } })
	pipeline = create(PAIRED("a"));
	start(pipeline);
	for (unsigned round = 0; round < 10; round++) {
		uint64_t after;

		apply(pipeline, round % 2 ? PAIRED("a") : PAIRED("b"));
		assert_int_equal(weir_pair_send(link, 1, "weir", 4), 0);
		wait_for(count_of(pipeline, "main/write") == round + 1);
		after = sleeps(pipeline);
		usleep(20000);
		/* It may take a few more steps to its rest; whoever does not rest takes thousands. */
		assert_true(sleeps(pipeline) < after + 100);
	}
	weir_pipeline_destroy(pipeline);
	weir_pair_link_destroy(link);
}

/* --- what a change tells and keeps ------------------------------------------------------------------------
 */

static enum weir_fate fate_of(const struct weir_report *report, const char *kind, const char *name)
{
	for (unsigned i = 0; i < report->n_items; i++)
		if (strcmp(report->items[i].kind, kind) == 0 && strcmp(report->items[i].name, name) == 0)
			return report->items[i].fate;
	fail_msg("the report has no %s %s", kind, name);
	return WEIR_KEPT;
}

static const struct weir_config two_rings =
	SHAPE(AB, CHAIN("main", READ("a"), RING("b"), weir_stats(), weir_ring("a", .name = "back"), OUT));
static const struct weir_config other_worker =
	SHAPE(AC, CHAIN("main", READ("a"), judge(.decide = next), RING("c"), weir_stats(), OUT));

static void tells_what_it_does(void **state)
{
	struct weir_pipeline *pipeline = create(&two_rings);
	struct weir_report *report = NULL;
	struct weir_error err;

	(void)state;
	start(pipeline);
	for (int dry_run = 1; dry_run >= 0; dry_run--) {
		fake_give(&in, 1000);
		assert_int_equal(weir_pipeline_apply(pipeline, &other_worker, &err, .report = &report,
						     .dry_run = dry_run),
				 0);
		assert_int_equal(fate_of(report, "worker", "a"), WEIR_KEPT);
		assert_int_equal(fate_of(report, "worker", "b"), WEIR_REMOVED);
		assert_int_equal(fate_of(report, "worker", "c"), WEIR_CREATED);
		assert_int_equal(fate_of(report, "endpoint", "in"), WEIR_KEPT);
		assert_int_equal(fate_of(report, "endpoint", "out"), WEIR_KEPT);
		assert_int_equal(fate_of(report, "reader", "main/read"), WEIR_KEPT);
		assert_int_equal(fate_of(report, "stage", "main/stats"), WEIR_MOVED);
		assert_int_equal(fate_of(report, "stage", "main/judge"), WEIR_CREATED);
		assert_int_equal(fate_of(report, "ring", "main/ring"), WEIR_CHANGED);
		assert_int_equal(fate_of(report, "ring", "main/back"), WEIR_REMOVED);
		assert_int_equal(fate_of(report, "writer", "main/write"), WEIR_MOVED);
		assert_int_equal(report->held, 1);
		assert_int_equal(report->drained, 2);
		weir_report_free(report);
	}
	/* Nothing is left to do. */
	assert_int_equal(weir_pipeline_apply(pipeline, &other_worker, &err, .report = &report), 0);
	for (unsigned i = 0; i < report->n_items; i++)
		assert_int_equal(report->items[i].fate, WEIR_KEPT);
	assert_int_equal(report->held, 0);
	assert_int_equal(report->drained, 0);
	weir_report_free(report);
	settle(pipeline);
	weir_pipeline_destroy(pipeline);
}

/* On its way from worker to worker a stage keeps what it has counted; and what is removed is not forgotten.
 */
static void keeps_state_and_counters(void **state)
{
	struct weir_pipeline *pipeline = create(&two_rings);
	struct weir_stats_snapshot stats;
	struct weir_counters *counters;

	(void)state;
	start(pipeline);
	for (unsigned i = 0; i < 20; i++) {
		fake_give(&in, 100);
		wait_for(passed() == in.allowed);
		apply(pipeline, i % 2 ? &two_rings : &other_worker);
		assert_int_equal(count_of(pipeline, "main/stats"), in.allowed);
		assert_int_equal(weir_stats_read(pipeline, "main/stats", 0, &stats), 0);
		assert_int_equal(stats.packets, in.allowed);
	}
	apply(pipeline, &shapes[0]);
	assert_int_equal(weir_stats_read(pipeline, "main/stats", 0, &stats), -ENOENT);
	settle(pipeline);
	counters = read_counters(pipeline);
	assert_int_equal(counters->received, in.given);
	assert_int_equal(counters->sent, in.given);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

static void changes_one_that_does_not_run(void **state)
{
	struct weir_pipeline *pipeline = create(&shapes[0]);

	(void)state;
	for (unsigned i = 0; i < SHAPES; i++) {
		apply(pipeline, &shapes[i]);
		start(pipeline);
		fake_give(&in, 100);
		wait_for(passed() == in.allowed);
		assert_int_equal(weir_pipeline_stop(pipeline), 0);
	}
	start(pipeline);
	settle(pipeline);
	weir_pipeline_destroy(pipeline);
}

/* --- threads, memory, endpoints ---------------------------------------------------------------------------
 */

static cpu_set_t cpus_of(struct weir_pipeline *pipeline, unsigned worker)
{
	cpu_set_t cpus;

	pthread_getaffinity_np(pipeline->shape->workers[worker]->thread, sizeof(cpus), &cpus);
	return cpus;
}

static unsigned first_cpu(void)
{
	cpu_set_t cpus;
	unsigned cpu = 0;

	assert_int_equal(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	while (!CPU_ISSET(cpu, &cpus))
		cpu++;
	return cpu;
}

static void pins_and_spins(void **state)
{
	struct weir_pipeline *pipeline = create(&shapes[0]);
	struct weir_config config = shapes[0];
	struct weir_report *report = NULL;
	cpu_set_t cpus, all;
	struct weir_error err;

	(void)state;
	start(pipeline);
	all = cpus_of(pipeline, 0);
	config.workers[0] = (struct weir_worker){ "a", .cpu = first_cpu(), .spin_us = 20 };
	assert_int_equal(weir_pipeline_apply(pipeline, &config, &err, .report = &report), 0);
	assert_int_equal(fate_of(report, "worker", "a"), WEIR_CHANGED);
	weir_report_free(report);
	cpus = cpus_of(pipeline, 0);
	assert_int_equal(CPU_COUNT(&cpus), 1);
	assert_true(CPU_ISSET(first_cpu(), &cpus));
	assert_int_equal(pipeline->shape->programs[0]->spin_max_ns, 20000);
	apply(pipeline, &shapes[0]);
	cpus = cpus_of(pipeline, 0);
	assert_true(CPU_EQUAL(&cpus, &all));
	settle(pipeline);
	weir_pipeline_destroy(pipeline);
}

static void grows_the_pool(void **state)
{
	struct weir_pipeline *pipeline = create(&shapes[0]);
	struct weir_config config = shapes[0];
	struct weir_report *report = NULL;
	struct weir_counters *counters;
	struct weir_error err;

	(void)state;
	start(pipeline);
	fake_give(&in, 1000);
	config.pool.buffers = 5000;
	config.pool.jumbo = 100;
	assert_int_equal(weir_pipeline_apply(pipeline, &config, &err, .report = &report), 0);
	assert_int_equal(fate_of(report, "pool", "pool"), WEIR_CHANGED);
	weir_report_free(report);
	counters = weir_counters_read(pipeline);
	assert_int_equal(counters->buffers, 5100);
	weir_counters_free(counters);
	/* It does not shrink. */
	apply(pipeline, &shapes[0]);
	counters = weir_counters_read(pipeline);
	assert_int_equal(counters->buffers, 5100);
	weir_counters_free(counters);
	settle(pipeline);
	weir_pipeline_destroy(pipeline);
}

static void replaces_an_endpoint(void **state)
{
	const struct weir_config other = {
		.endpoints = { fake("in", .fake = &in), fake("out", .fake = &side, .any = true) },
		.workers = { A },
		.chains = { CHAIN("main", READ("a"), OUT) },
	};
	struct weir_pipeline *pipeline = create(&shapes[1]);
	struct weir_report *report = NULL;
	struct weir_error err;

	(void)state;
	start(pipeline);
	fake_give(&in, 1000);
	wait_for(passed() > 0);
	assert_int_equal(weir_pipeline_apply(pipeline, &other, &err, .report = &report), 0);
	assert_int_equal(fate_of(report, "endpoint", "in"), WEIR_KEPT);
	assert_int_equal(fate_of(report, "endpoint", "out"), WEIR_CHANGED);
	assert_int_equal(fate_of(report, "endpoint", "side"), WEIR_REMOVED);
	weir_report_free(report);
	assert_int_equal(out.closed, 1);
	fake_give(&in, 1000);
	settle(pipeline);
	assert_true(side.taken > 0);
	weir_pipeline_destroy(pipeline);
}

/* --- changes that fail ------------------------------------------------------------------------------------
 */

static int try_apply(struct weir_pipeline *pipeline, const struct weir_config *config, const char *text)
{
	struct weir_error err;
	int rc = weir_pipeline_apply(pipeline, config, &err);

	assert_string_equal(err.text, text);
	return rc;
}

/* Whether the change gives up at what is not empty: on a busy machine, a worker may be the cause sooner. */
static bool gives_up(struct weir_pipeline *pipeline, const struct weir_config *config, const char *text)
{
	struct weir_error err;

	assert_int_equal(weir_pipeline_apply(pipeline, config, &err, .deadline_ms = 50), -ETIMEDOUT);
	return strcmp(err.text, text) == 0;
}

static void leaves_everything_when_refused(void **state)
{
	const struct weir_config unopened = {
		.endpoints = { fake("in", .fake = &in), fake("out", .fake = &out, .any = true),
			       fake("side", .fake = &side, .any = true), fake("third", .fail = -EBUSY) },
		.workers = { ABC },
		.chains = { CHAIN("main", READ("c"), RING("b"), OUT),
			    CHAIN("third", weir_read("third", .worker = "a"), SIDE) },
	};
	const struct weir_config unfit = {
		.endpoints = { fake("in", .fake = &in), fake("out", .fake = &out, .headroom = 1000) },
		.workers = { A },
		.chains = { CHAIN("main", READ("a"), OUT) },
	};
	const struct weir_config small = {
		.endpoints = ENDS,
		.workers = { A },
		.chains = { CHAIN("main", READ("a"), OUT) },
		.pool = { .room = 1024 },
	};
	const struct weir_config invalid = SHAPE(A, CHAIN("main", READ("x"), OUT));
	struct weir_pipeline *pipeline = create(&shapes[8]);
	const struct weir__shape *shape = pipeline->shape;

	(void)state;
	start(pipeline);
	fake_give(&in, 1000);
	assert_int_equal(try_apply(pipeline, &invalid, "main/read: worker: no worker is named 'x'"), -EINVAL);
	assert_int_equal(
		try_apply(pipeline, &unfit,
			  "pool: headroom: the chains prepend 1000 bytes, and the pool was made with "
			  "144"),
		-EINVAL);
	assert_int_equal(try_apply(pipeline, &unopened, "endpoint third: Device or resource busy"), -EBUSY);
	assert_int_equal(try_apply(pipeline, &small, "pool: room: 1024, but the pool was made with 1536"),
			 -EINVAL);
	assert_ptr_equal(pipeline->shape, shape);
	assert_int_equal(out.opened, 1);
	settle(pipeline);
	weir_pipeline_destroy(pipeline);
}

/* A writer that takes nothing holds up what is before it, but no change for longer than its deadline. */
static void gives_up_at_a_blocked_writer(void **state)
{
	const struct weir_config elsewhere = SHAPE(AC, CHAIN("main", READ("a"), RING("c"), OUT));
	struct weir_pipeline *pipeline = create(&shapes[4]);

	(void)state;
	out.room = 100;
	start(pipeline);
	fake_give(&in, 2000);
	wait_for(passed() == 100);
	wait_for(weir__ring_size(&weir__shape_place(pipeline->shape, "main/ring")->row->ring) > 0);
	wait_for(gives_up(pipeline, &shapes[0], "main/ring is not empty: what is behind it takes nothing"));
	/* It can be moved elsewhere with what waits for it. */
	apply(pipeline, &elsewhere);
	fake_take(&out, UINT64_MAX / 2);
	apply(pipeline, &shapes[0]);
	settle(pipeline);
	weir_pipeline_destroy(pipeline);
}

/* Two rings lead to one worker, and a flow changes from the one to the other: it could overtake itself. */
static void drains_behind_what_is_rerouted(void **state)
{
#define PARTS(...)                                                                                \
	SHAPE(AB, CHAIN("main", READ("a"), judge(.decide = part, .exit = { __VA_ARGS__ }), SIDE), \
	      CHAIN("one", RING("b"), OUT), CHAIN("two", RING("b"), weir_stats(), OUT))
	struct weir_config before = PARTS("one", "two"), after = PARTS("two", "one");
	struct weir_pipeline *pipeline = create(&before);

	(void)state;
	out.room = 20;
	start(pipeline);
	fake_give(&in, 2000);
	wait_for(fake_load(out.dropped) + fake_load(out.taken) == 20);
	wait_for(weir__ring_size(&weir__shape_place(pipeline->shape, "one/ring")->row->ring) > 0);
	wait_for(gives_up(pipeline, &after, "one/ring is not empty: what is behind it takes nothing"));
	fake_take(&out, UINT64_MAX / 2);
	for (unsigned i = 0; i < 100; i++) {
		fake_give(&in, 100);
		apply(pipeline, i % 2 ? &before : &after);
	}
	settle(pipeline);
	weir_pipeline_destroy(pipeline);
}

/* Of several rows that write to one endpoint, packets that change the row could overtake those that wait. */
static void drains_writers_of_one_endpoint(void **state)
{
#define TO_OUT(...)                                                                             \
	SHAPE(A, CHAIN("main", READ("a"), judge(.decide = part, .exit = { __VA_ARGS__ }), OUT), \
	      CHAIN("one", OUT), CHAIN("two", OUT))
	const struct weir_config before = TO_OUT("one", "two"), after = TO_OUT("two", "one");
	struct weir_pipeline *pipeline = create(&before);
	struct weir_error err;

	(void)state;
	out.room = 100;
	start(pipeline);
	fake_give(&in, 2000);
	wait_for(passed() == 100);
	assert_int_equal(weir_pipeline_apply(pipeline, &after, &err, .deadline_ms = 50), -ETIMEDOUT);
	fake_take(&out, UINT64_MAX / 2);
	for (unsigned i = 0; i < 100; i++) {
		fake_give(&in, 100);
		apply(pipeline, i % 2 ? &before : &after);
	}
	settle(pipeline);
	weir_pipeline_destroy(pipeline);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(from_each_to_each),
		TEST(is_looked_at),
		TEST(lets_a_bell_rest),
		TEST(tells_what_it_does),
		TEST(keeps_state_and_counters),
		TEST(changes_one_that_does_not_run),
		TEST(pins_and_spins),
		TEST(grows_the_pool),
		TEST(replaces_an_endpoint),
		TEST(leaves_everything_when_refused),
		TEST(gives_up_at_a_blocked_writer),
		TEST(drains_behind_what_is_rerouted),
		TEST(drains_writers_of_one_endpoint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
