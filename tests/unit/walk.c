/* SPDX-License-Identifier: Apache-2.0 */
/* Which way packets go, and that none is lost, doubled or overtaken on it. */
#include "fake.h"

#define READ(name, worker_) weir_read(name, .worker = worker_)
#define RX                             \
	{                              \
		"rx", .unpinned = true \
	}
#define TX                             \
	{                              \
		"tx", .unpinned = true \
	}

/* A test has up to so many endpoints. */
#define FAKES 4

static struct fake fakes[FAKES];

static int setup(void **state)
{
	(void)state;
	for (int i = 0; i < FAKES; i++)
		fake_init(&fakes[i]);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < FAKES; i++) {
		assert_int_equal(fakes[i].wrong, 0);
		assert_int_equal(fakes[i].opened, fakes[i].closed);
		fake_free(&fakes[i]);
	}
	return 0;
}

/* What came out is every number below n for which the judgement is that one, in order. */
static void expect_numbers(const struct fake *fake, uint64_t n, judgement *decide, weir_verdict verdict)
{
	uint64_t taken = 0;

	for (uint64_t number = 0; number < n; number++) {
		uint64_t bytes = number;
		struct weir_buf buf = { .data = (uint8_t *)&bytes, .len = sizeof(bytes) };

		if (decide(&buf) != verdict)
			continue;
		assert_true(taken < fake->taken);
		assert_int_equal(fake->numbers[taken++], number);
	}
	assert_int_equal(fake->taken, taken);
}

static weir_verdict next(struct weir_buf *buf)
{
	(void)buf;
	return WEIR_NEXT;
}

static weir_verdict in_all_directions(struct weir_buf *buf)
{
	const uint64_t number = fake_number(buf);

	if (number % 7 == 0)
		return WEIR_EXIT(0);
	if (number % 5 == 0)
		return WEIR_DROP(number % 2);
	return number % 11 == 0 ? WEIR_EXIT(3) : WEIR_NEXT;
}

static void splits(const struct weir_config *config, uint64_t n)
{
	struct weir_pipeline *pipeline = create(config);
	struct weir_counters *counters;

	for (int i = 1; i < FAKES; i++)
		fake_record(&fakes[i], n);
	fake_give_last(&fakes[0], n);
	counters = run(pipeline);
	assert_int_equal(counters->received, n);
	expect_numbers(&fakes[1], n, in_all_directions, WEIR_NEXT);
	expect_numbers(&fakes[2], n, in_all_directions, WEIR_EXIT(0));
	expect_numbers(&fakes[3], n, in_all_directions, WEIR_EXIT(3));
	assert_int_equal(counters->sent, fakes[1].taken + fakes[2].taken + fakes[3].taken);
	assert_int_equal(packets_of(counters, "flow/judge"), n);
	assert_true(weir_counters_drop(counters, "flow/judge", "first") > 0);
	assert_true(weir_counters_drop(counters, "flow/judge", "second") > 0);
	assert_int_equal(weir_counters_drop(counters, "flow/judge", "first") +
				 weir_counters_drop(counters, "flow/judge", "second"),
			 counters->dropped);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

static void keeps_the_order_in_every_direction(void **state)
{
	const struct weir_config config = {
		.endpoints = { fake("in", .fake = &fakes[0]), fake("out", .fake = &fakes[1]),
			       fake("a", .fake = &fakes[2]), fake("b", .fake = &fakes[3]) },
		.workers = { RX },
		.chains = { { "flow",
			      .stages = { READ("in", "rx"),
					  judge(.decide = in_all_directions, .exit = { "a", [3] = "b" }),
					  weir_write("out") } },
			    { "a", .stages = { weir_write("a") } },
			    { "b", .stages = { weir_write("b") } } },
	};

	(void)state;
	splits(&config, 100000);
}

static void exits_lead_to_other_workers(void **state)
{
	const struct weir_config config = {
		.endpoints = { fake("in", .fake = &fakes[0]), fake("out", .fake = &fakes[1]),
			       fake("a", .fake = &fakes[2]), fake("b", .fake = &fakes[3]) },
		.workers = { RX, TX, { "third", .unpinned = true } },
		.chains = { { "flow",
			      .stages = { READ("in", "rx"),
					  judge(.decide = in_all_directions, .exit = { "a", [3] = "b" }),
					  weir_ring(.worker = "tx"), weir_write("out") } },
			    { "a", .stages = { weir_ring(.worker = "tx"), weir_write("a") } },
			    { "b", .stages = { weir_ring(.worker = "third", .capacity = 1), weir_stats(),
					       weir_write("b") } } },
	};

	(void)state;
	splits(&config, 100000);
}

/* Several exits, of several stages, to one chain: what they send there is counted there. */
static void ways_meet_again(void **state)
{
	const struct weir_config config = {
		.endpoints = { fake("in", .fake = &fakes[0]), fake("out", .fake = &fakes[1]),
			       fake("rest", .fake = &fakes[2]) },
		.workers = { RX, TX },
		.chains = { { "flow",
			      .stages = { READ("in", "rx"),
					  judge(.decide = in_all_directions, .exit = { "b", [3] = "c" }),
					  weir_ring(.worker = "tx"), weir_write("out") } },
			    { "b", .stages = { judge(.decide = next),
					       judge(.name = "again", .decide = in_all_directions,
						     .exit = { "c" }),
					       weir_write("rest") } },
			    { "c", .stages = { weir_stats(), weir_write("rest") } } },
	};
	const uint64_t n = 100000;
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters;
	uint64_t exits = 0;

	(void)state;
	fake_give_last(&fakes[0], n);
	counters = run(pipeline);
	for (uint64_t number = 0; number < n; number++)
		exits += number % 7 == 0 || (number % 5 && number % 11 == 0);
	assert_int_equal(packets_of(counters, "c/stats"), exits);
	assert_int_equal(fakes[2].taken, exits);
	assert_int_equal(packets_of(counters, "b/write"), 0);
	assert_int_equal(fakes[1].taken + fakes[2].taken + counters->dropped, n);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

static weir_verdict nonsense(struct weir_buf *buf)
{
	static const weir_verdict verdicts[] = {
		WEIR_NEXT, WEIR_EXIT(1), WEIR_EXIT(JUDGE_EXITS),      WEIR_EXIT(7), 0x88,
		0xff,      WEIR_DROP(2), WEIR_DROP(WEIR_REASONS_MAX), 0x7f
	};

	return verdicts[fake_number(buf) % countof(verdicts)];
}

static unsigned judge_without_exits(struct weir_work *work)
{
	return judge_vector(work);
}

static const struct weir_stage_type strict_type = {
	.name = "strict",
	.help = "has neither exits nor reasons",
	.options_size = sizeof(struct judge),
	.config_size = sizeof(struct judge_config),
	.configure = judge_configure,
	.process = judge_without_exits,
};

/* Exits that lead nowhere and verdicts that the type does not have are counted as what they are. */
static void counts_verdicts_that_lead_nowhere(void **state)
{
	const struct weir_config config = {
		.endpoints = { fake("in", .fake = &fakes[0]), fake("out", .fake = &fakes[1]) },
		.workers = { RX },
		.chains = { { "flow", .stages = { READ("in", "rx"), judge(.decide = nonsense),
						  weir_write("out") } } },
	};
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters;

	(void)state;
	fake_give_last(&fakes[0], 9000);
	counters = run(pipeline);
	assert_int_equal(counters->sent, 1000);
	assert_int_equal(weir_counters_drop(counters, "flow/judge", "exit"), 1000);
	assert_int_equal(weir_counters_drop(counters, "flow/judge", "bad_verdict"), 7000);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

static void a_type_without_exits_has_none(void **state)
{
	const struct judge options = { .decide = nonsense };
	const struct weir_config config = {
		.endpoints = { fake("in", .fake = &fakes[0]), fake("out", .fake = &fakes[1]) },
		.workers = { RX },
		.chains = { { "flow", .stages = { READ("in", "rx"),
						  { &strict_type, &options },
						  weir_write("out") } } },
	};
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters;

	(void)state;
	fake_give_last(&fakes[0], 9000);
	counters = run(pipeline);
	assert_int_equal(counters->sent, 1000);
	assert_int_equal(weir_counters_drop(counters, "flow/strict", "bad_verdict"), 8000);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

static uint64_t some_reasons(uint64_t number)
{
	return number % 4 == 3 ? 8 : number % 4;
}

static void a_writer_drops_for_its_reasons(void **state)
{
	const struct weir_config config = {
		.endpoints = { fake("in", .fake = &fakes[0]), fake("out", .fake = &fakes[1]) },
		.workers = { RX },
		.chains = { { "flow", .stages = { READ("in", "rx"), weir_write("out") } } },
	};
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters;

	(void)state;
	fakes[1].reason = some_reasons;
	fake_give_last(&fakes[0], 4000);
	counters = run(pipeline);
	assert_int_equal(counters->sent, 1000);
	assert_int_equal(weir_counters_stage(counters, "flow/write")->bytes, 64000);
	assert_int_equal(weir_counters_drop(counters, "flow/write", "first"), 1000);
	assert_int_equal(weir_counters_drop(counters, "flow/write", "second"), 1000);
	assert_int_equal(weir_counters_drop(counters, "flow/write", "bad_verdict"), 1000);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

#define FROM_SECOND (1ull << 32) /* numbers of the second of two sources begin here */

static weir_verdict leave(struct weir_buf *buf)
{
	(void)buf;
	return WEIR_EXIT(0);
}

/* What came from two sources: all of both, each in its order. */
static void expect_merged(const struct fake *fake, uint64_t n)
{
	uint64_t expected[2] = { 0, 0 };

	assert_int_equal(fake->taken, 2 * n);
	for (uint64_t i = 0; i < fake->taken; i++) {
		const unsigned source = fake->numbers[i] >= FROM_SECOND;

		assert_int_equal(fake->numbers[i], source * FROM_SECOND + expected[source]);
		expected[source]++;
	}
	assert_int_equal(expected[0], n);
	assert_int_equal(expected[1], n);
}

static void two_workers_lead_into_one_chain(void **state)
{
	const struct weir_config config = {
		.endpoints = { fake("one", .fake = &fakes[0]), fake("two", .fake = &fakes[1]),
			       fake("out", .fake = &fakes[2]), weir_null("nowhere") },
		.workers = { { "rx1", .unpinned = true }, { "rx2", .unpinned = true }, TX },
		.chains = { { "first",
			      .stages = { READ("one", "rx1"), judge(.decide = leave, .exit = { "common" }),
					  weir_ring(.worker = "tx"), weir_write("nowhere") } },
			    { "second",
			      .stages = { READ("two", "rx2"), judge(.decide = leave, .exit = { "common" }),
					  weir_ring(.worker = "tx"), weir_write("nowhere") } },
			    { "common", .stages = { weir_ring(.worker = "tx", .capacity = 2), weir_stats(),
						    weir_write("out") } } },
	};
	const uint64_t n = 100000;
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters;
	unsigned rings = 0;

	(void)state;
	fakes[1].first = FROM_SECOND;
	fake_record(&fakes[2], 2 * n);
	fake_give_last(&fakes[0], n);
	fake_give_last(&fakes[1], n);
	counters = run(pipeline);
	expect_merged(&fakes[2], n);
	/* One row of the chain, though there is a ring for each producer. */
	for (unsigned i = 0; i < counters->n_stages; i++)
		rings += strcmp(counters->stages[i].path, "common/ring") == 0;
	assert_int_equal(rings, 1);
	assert_int_equal(packets_of(counters, "common/ring"), 2 * n);
	assert_int_equal(packets_of(counters, "common/stats"), 2 * n);
	assert_int_equal(packets_of(counters, "first/ring"), 0);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

static const struct weir_config one_worker = {
	.endpoints = { fake("in", .fake = &fakes[0]), fake("out", .fake = &fakes[1]) },
	.workers = { RX },
	.chains = { { "flow", .stages = { READ("in", "rx"), weir_stats(), weir_write("out") } } },
};

static const struct weir_config two_workers = {
	.endpoints = { fake("in", .fake = &fakes[0]), fake("out", .fake = &fakes[1]) },
	.workers = { RX, TX },
	.chains = { { "flow", .stages = { READ("in", "rx"), weir_ring(.worker = "tx", .capacity = 5),
					  weir_stats(), weir_write("out") } } },
};

/* With a writer that takes nothing, just as much is read as there is place for; then everything sleeps until
 * there is more. */
static void a_blocked_writer_stops_the_reader(const struct weir_config *config, uint64_t vectors)
{
	const uint64_t n = 10000, inside = vectors * WEIR_VECTOR_SIZE;
	struct weir_pipeline *pipeline = create(config);
	struct weir_counters *counters;

	fakes[1].room = 0;
	fake_record(&fakes[1], n);
	fake_give_last(&fakes[0], n);
	start(pipeline);
	for (uint64_t taken = 0; taken + inside < n; taken += WEIR_VECTOR_SIZE) {
		wait_for(fake_load(fakes[0].given) == taken + inside);
		if (taken % (50 * WEIR_VECTOR_SIZE) == 0) {
			for (unsigned i = 0; i < pipeline->shape->n_workers; i++)
				wait_for(is_asleep(pipeline, i));
			assert_int_equal(fake_load(fakes[0].given), taken + inside);
			counters = read_counters(pipeline);
			assert_int_equal(counters->held, inside);
			assert_int_equal(counters->sent, taken);
			assert_true(weir_counters_stage(counters, "flow/write")->stalls > 0);
			weir_counters_free(counters);
		}
		fake_take(&fakes[1], WEIR_VECTOR_SIZE);
	}
	fake_take(&fakes[1], n);
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = read_counters(pipeline);
	assert_int_equal(counters->sent, n);
	assert_int_equal(counters->held, 0);
	expect_numbers(&fakes[1], n, next, WEIR_NEXT);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

static void a_blocked_writer_stops_its_own_reader(void **state)
{
	(void)state;
	a_blocked_writer_stops_the_reader(&one_worker, 1);
}

/* In front of the writer, in the ring, and in front of the ring. */
static void a_blocked_writer_stops_a_reader_behind_a_ring(void **state)
{
	(void)state;
	a_blocked_writer_stops_the_reader(&two_workers, 1 + 5 + 1);
}

/* It takes a packet now and then: what is left of a vector stays in front. */
static void a_writer_may_take_less(void **state)
{
	const uint64_t n = 3000;
	struct weir_pipeline *pipeline = create(&two_workers);
	struct weir_counters *counters;

	(void)state;
	fakes[1].room = 0;
	fake_record(&fakes[1], n);
	fake_give_last(&fakes[0], n);
	start(pipeline);
	for (uint64_t taken = 0; taken < n; taken += 1 + taken % 40) {
		wait_for(fake_load(fakes[1].taken) == fake_load(fakes[1].room) ||
			 fake_load(fakes[1].taken) == n);
		fake_take(&fakes[1], 1 + taken % 40);
	}
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = read_counters(pipeline);
	assert_int_equal(counters->sent, n);
	expect_numbers(&fakes[1], n, next, WEIR_NEXT);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

/* One worker, two ways: where one is blocked, the other goes on. */
static void a_blocked_writer_stops_nobody_else(void **state)
{
	const struct weir_config config = {
		.endpoints = { fake("in", .fake = &fakes[0]), fake("out", .fake = &fakes[1]),
			       fake("in2", .fake = &fakes[2]), fake("out2", .fake = &fakes[3]) },
		.workers = { RX, TX },
		.chains = { { "flow",
			      .stages = { READ("in", "rx"), weir_ring(.worker = "tx"), weir_write("out") } },
			    { "flow2", .stages = { READ("in2", "rx"), weir_ring(.worker = "tx"),
						   weir_write("out2") } } },
	};
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters;

	(void)state;
	fakes[1].room = 0;
	fake_record(&fakes[3], 100000);
	fake_give_last(&fakes[0], 1000);
	fake_give_last(&fakes[2], 100000);
	start(pipeline);
	wait_for(fake_load(fakes[3].taken) == 100000);
	wait_for(fake_load(fakes[0].given) == (1 + 16 + 1) * WEIR_VECTOR_SIZE);
	wait_for(is_asleep(pipeline, 0) && is_asleep(pipeline, 1));
	assert_int_equal(fake_load(fakes[0].given), (1 + 16 + 1) * WEIR_VECTOR_SIZE);
	assert_int_equal(fake_load(fakes[1].taken), 0);
	expect_numbers(&fakes[3], 100000, next, WEIR_NEXT);
	fake_take(&fakes[1], 1000);
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = read_counters(pipeline);
	assert_int_equal(counters->sent, 101000);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

/* The exits of one vector and the vector itself come to two blocked writers; neither loses a packet. */
static void exits_are_blocked_too(void **state)
{
	const struct weir_config config = {
		.endpoints = { fake("in", .fake = &fakes[0]), fake("out", .fake = &fakes[1]),
			       fake("a", .fake = &fakes[2]), fake("b", .fake = &fakes[3]) },
		.workers = { RX },
		.chains = { { "flow",
			      .stages = { READ("in", "rx"),
					  judge(.decide = in_all_directions, .exit = { "a", [3] = "b" }),
					  weir_write("out") } },
			    { "a", .stages = { weir_write("a") } },
			    { "b", .stages = { weir_write("b") } } },
	};
	const uint64_t n = 20000;
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters;

	(void)state;
	for (int i = 1; i < FAKES; i++) {
		fakes[i].room = 0;
		fake_record(&fakes[i], n);
	}
	fake_give_last(&fakes[0], n);
	start(pipeline);
	wait_for(fake_load(fakes[0].given) == WEIR_VECTOR_SIZE);
	for (uint64_t i = 0; i < n; i++)
		fake_take(&fakes[1 + i % 3], 1 + i % 5);
	for (int i = 1; i < FAKES; i++)
		fake_take(&fakes[i], n);
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = read_counters(pipeline);
	expect_numbers(&fakes[1], n, in_all_directions, WEIR_NEXT);
	expect_numbers(&fakes[2], n, in_all_directions, WEIR_EXIT(0));
	expect_numbers(&fakes[3], n, in_all_directions, WEIR_EXIT(3));
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

/* When the rest of a vector comes to a writer that did not take its beginning, and now would. */
static weir_verdict leave_late(struct weir_buf *buf)
{
	if (fake_number(buf) == 15)
		fake_take(&fakes[1], 1000);
	return WEIR_EXIT(0);
}

static weir_verdict leave_early(struct weir_buf *buf)
{
	return fake_number(buf) < 10 ? WEIR_EXIT(0) : WEIR_NEXT;
}

static void nothing_overtakes_a_backlog(void **state)
{
	const struct weir_config config = {
		.endpoints = { fake("in", .fake = &fakes[0]), fake("out", .fake = &fakes[1]) },
		.workers = { RX },
		.chains = { { "flow",
			      .stages = { READ("in", "rx"), judge(.decide = leave_early, .exit = { "rest" }),
					  judge(.name = "late", .decide = leave_late, .exit = { "rest" }),
					  weir_write("out") } },
			    { "rest", .stages = { weir_write("out") } } },
	};
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters;

	(void)state;
	fakes[1].room = 4;
	fake_record(&fakes[1], 20);
	fake_give_last(&fakes[0], 20);
	counters = run(pipeline);
	assert_int_equal(weir_counters_stage(counters, "rest/write")->stalls, 2);
	expect_numbers(&fakes[1], 20, next, WEIR_NEXT);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

static void a_full_ring_drops_where_it_is_told_to(void **state)
{
	const struct weir_config config = {
		.endpoints = { fake("in", .fake = &fakes[0]), fake("out", .fake = &fakes[1]) },
		.workers = { RX, TX },
		.chains = { { "flow",
			      .stages = { READ("in", "rx"),
					  weir_ring(.worker = "tx", .capacity = 5, .full = WEIR_FULL_DROP),
					  weir_write("out") } } },
	};
	const uint64_t n = 100000, inside = (1 + 5) * WEIR_VECTOR_SIZE;
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters;

	(void)state;
	fakes[1].room = 0;
	fake_record(&fakes[1], n);
	fake_give(&fakes[0], WEIR_VECTOR_SIZE);
	start(pipeline);
	/* The writer has its vector, so that the ring is empty. */
	wait_for(fake_load(pipeline->shape->workers[1]->blocked) && is_asleep(pipeline, 1));
	fake_give_last(&fakes[0], n - WEIR_VECTOR_SIZE);
	/* The reader is not stopped. */
	wait_for(fake_load(fakes[0].given) == n);
	wait_for(is_asleep(pipeline, 0));
	counters = read_counters(pipeline);
	assert_int_equal(counters->held, inside);
	assert_int_equal(weir_counters_drop(counters, "flow/ring", "ring_full"), n - inside);
	weir_counters_free(counters);
	fake_take(&fakes[1], n);
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = read_counters(pipeline);
	assert_int_equal(counters->sent, inside);
	for (uint64_t i = 0; i < inside; i++)
		assert_int_equal(fakes[1].numbers[i], i);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

static weir_verdict ten_rounds(struct weir_buf *buf)
{
	return ++buf->mark <= 10 ? WEIR_EXIT(0) : WEIR_NEXT;
}

static weir_verdict leave_slowly(struct weir_buf *buf)
{
	usleep(500);
	return leave(buf);
}

static weir_verdict next_slowly(struct weir_buf *buf)
{
	usleep(500);
	return next(buf);
}

/* From rx to tx and back, until the judge lets go. */
#define CIRCLE(there_, back_)                                                                             \
	{                                                                                                 \
		.endpoints = { fake("in", .fake = &fakes[0]), fake("out", .fake = &fakes[1]) },           \
		.workers = { RX, TX },                                                                    \
		.chains = { { "flow",                                                                     \
			      .stages = { READ("in", "rx"), judge(.decide = leave, .exit = { "circle" }), \
					  weir_write("out") } },                                          \
			    { "circle", .stages = { weir_ring(.worker = "tx"),                            \
						    judge(.name = "there", .decide = there_),             \
						    weir_ring(.worker = "rx", .name = "back"),            \
						    judge(.decide = back_, .exit = { "circle" }),         \
						    weir_write("out") } } },                              \
		.drain_ms = 20,                                                                           \
	}

static void a_circle_loses_only_what_it_counts(void **state)
{
	const struct weir_config config = CIRCLE(next, ten_rounds);
	const uint64_t n = 50000;
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters;

	(void)state;
	fake_give_last(&fakes[0], n);
	counters = run(pipeline);
	assert_int_equal(counters->received, n);
	assert_int_equal(fakes[1].taken + weir_counters_drop(counters, "circle/ring", "ring_full") +
				 weir_counters_drop(counters, "circle/back", "ring_full"),
			 n);
	assert_true(fakes[1].taken > 0);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

/* One packet that never leaves: it is in flight, though it lies in a ring for moments only. */
static void a_packet_that_circles_is_in_flight(void **state)
{
	const struct weir_config config = CIRCLE(next_slowly, leave_slowly);
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters;

	(void)state;
	fake_give_last(&fakes[0], 1);
	start(pipeline);
	assert_int_equal(weir_pipeline_wait(pipeline, 300), -ETIMEDOUT);
	assert_int_equal(weir_pipeline_stop(pipeline), -ETIMEDOUT);
	counters = read_counters(pipeline);
	assert_int_equal(counters->held, 0);
	assert_int_equal(weir_counters_drop(counters, "circle/ring", "stopped") +
				 weir_counters_drop(counters, "circle/back", "stopped"),
			 1);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

#define APPENDED 100

static weir_verdict append_packet(struct weir_buf *buf, const void *config, void *state)
{
	(void)config;
	(void)state;
	memset(weir_buf_put(buf, APPENDED), 0xee, APPENDED);
	return WEIR_NEXT;
}

WEIR_PROCESS(append_vector, append_packet, void, void)

static const struct weir_stage_type append_type = {
	.name = "append",
	.help = "appends bytes",
	.tailroom = APPENDED,
	.options_size = sizeof(struct judge),
	.process = append_vector,
};

/* However large a packet is, a stage has the room to append what its type says. */
static void stages_can_append(void **state)
{
	const struct judge options = { .decide = NULL };
	const struct weir_config config = {
		.endpoints = { fake("in", .fake = &fakes[0], .max_packet = 3000),
			       fake("out", .fake = &fakes[1]) },
		.workers = { RX },
		.chains = { { "flow", .stages = { READ("in", "rx"),
						  { &append_type, &options },
						  weir_write("out") } } },
	};
	uint64_t total = 0;

	(void)state;
	for (uint64_t len = 1400; len < 2000; len++) {
		struct weir_pipeline *pipeline = create(&config);
		struct weir_counters *counters;

		fakes[0].bytes = fakes[1].bytes = len;
		fakes[0].allowed = fakes[0].given = 0;
		fake_give_last(&fakes[0], WEIR_VECTOR_SIZE);
		counters = run(pipeline);
		total += WEIR_VECTOR_SIZE;
		assert_int_equal(fakes[1].taken, total);
		assert_int_equal(fakes[1].wrong, 0);
		assert_int_equal(weir_counters_stage(counters, "flow/write")->bytes,
				 WEIR_VECTOR_SIZE * (len + APPENDED));
		weir_counters_free(counters);
		weir_pipeline_destroy(pipeline);
	}
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(keeps_the_order_in_every_direction),
		test(exits_lead_to_other_workers),
		test(ways_meet_again),
		test(counts_verdicts_that_lead_nowhere),
		test(a_type_without_exits_has_none),
		test(a_writer_drops_for_its_reasons),
		test(two_workers_lead_into_one_chain),
		test(a_blocked_writer_stops_its_own_reader),
		test(a_blocked_writer_stops_a_reader_behind_a_ring),
		test(a_writer_may_take_less),
		test(a_blocked_writer_stops_nobody_else),
		test(exits_are_blocked_too),
		test(nothing_overtakes_a_backlog),
		test(a_full_ring_drops_where_it_is_told_to),
		test(a_circle_loses_only_what_it_counts),
		test(a_packet_that_circles_is_in_flight),
		test(stages_can_append),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
