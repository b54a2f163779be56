/* SPDX-License-Identifier: Apache-2.0 */
/* Single turns of workers that have no threads: what each does, and what it leaves to the next one. */
#include "fake.h"

#include "rcu.h"

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
		fake_free(&fakes[i]);
	}
	return 0;
}

#define FAKE(name, i)      fake(name, .fake = &fakes[i])
#define FAKE_9000(name, i) fake(name, .fake = &fakes[i], .max_packet = 9000)

/* fakes[0] to fakes[1] by a ring, fakes[2] to fakes[3] on the second worker. */
#define CONFIG(...)                                                                                         \
	{                                                                                                   \
		.endpoints = { FAKE_9000("in", 0), FAKE("out", 1), FAKE("in2", 2), FAKE("out2", 3) },       \
		.workers = { { "rx", .unpinned = true }, { "tx", .unpinned = true } },                      \
		.chains = { { "flow",                                                                       \
			      .stages = { weir_read("in", .worker = "rx"),                                  \
					  weir_ring(.worker = "tx", .capacity = 40), weir_write("out") } }, \
			    { "flow2",                                                                      \
			      .stages = { weir_read("in2", .worker = "tx"), weir_write("out2") } } },       \
		.pool = { __VA_ARGS__ },                                                                    \
	}

static bool turn(struct weir_pipeline *pipeline, unsigned worker)
{
	return weir__worker_pass(pipeline->shape->workers[worker]);
}

static uint32_t stashed(const struct weir_pipeline *pipeline, unsigned worker, int jumbo)
{
	return pipeline->shape->workers[worker]->stash[jumbo].n;
}

/* An input gets one vector, a ring more of them, but not so many that others wait long. */
static void takes_a_bounded_share_of_each_input(void **state)
{
	const struct weir_config config = CONFIG(.buffers = 0);
	struct weir_pipeline *pipeline = create(&config);

	(void)state;
	fake_give(&fakes[0], 40 * WEIR_VECTOR_SIZE);
	for (uint64_t i = 1; i <= 40; i++) {
		assert_true(turn(pipeline, 0));
		assert_int_equal(fakes[0].given, i * WEIR_VECTOR_SIZE);
	}
	fake_give(&fakes[2], 1000);
	assert_true(turn(pipeline, 1));
	assert_int_equal(fakes[1].taken, 16 * WEIR_VECTOR_SIZE);
	assert_int_equal(fakes[3].taken, WEIR_VECTOR_SIZE);
	assert_true(turn(pipeline, 1));
	assert_int_equal(fakes[1].taken, 32 * WEIR_VECTOR_SIZE);
	assert_true(turn(pipeline, 1));
	assert_int_equal(fakes[1].taken, 40 * WEIR_VECTOR_SIZE);
	assert_int_equal(fakes[3].taken, 3 * WEIR_VECTOR_SIZE);
	weir_pipeline_destroy(pipeline);
}

/* An input that was emptied is not asked again until poll() says so, or another one was full. */
static void does_not_ask_an_empty_input_again(void **state)
{
	const struct weir_config config = CONFIG(.buffers = 0);
	struct weir_pipeline *pipeline = create(&config);

	(void)state;
	fake_give(&fakes[0], 10);
	assert_true(turn(pipeline, 0));
	assert_int_equal(fakes[0].reads, 1);
	assert_false(turn(pipeline, 0));
	assert_false(turn(pipeline, 0));
	assert_int_equal(fakes[0].reads, 1);
	pipeline->shape->workers[0]->ready = UINT64_MAX;
	fake_give(&fakes[0], WEIR_VECTOR_SIZE);
	assert_true(turn(pipeline, 0));
	assert_false(turn(pipeline, 0));
	assert_int_equal(fakes[0].reads, 3);
	weir_pipeline_destroy(pipeline);
}

/* A worker that finds no jumbo buffer does not sit on the small ones that another may be waiting for. */
static void gives_back_what_it_cannot_use(void **state)
{
	const struct weir_config config = CONFIG(.buffers = 124, .jumbo = 16, .overcommit = true);
	struct weir_pipeline *pipeline = create(&config);

	(void)state;
	fakes[0].bytes = 5000;
	fake_give(&fakes[0], 100);
	while (!pipeline->shape->workers[0]->starved) {
		pipeline->shape->workers[0]->ready = UINT64_MAX;
		turn(pipeline, 0);
	}
	assert_int_equal(fakes[0].given, 16);
	assert_int_equal(stashed(pipeline, 0, false), 0);
	assert_int_equal(stashed(pipeline, 0, true), 0);
	assert_int_equal(weir__pool_free(&pipeline->pool), 124);
	assert_true(weir__pool_starving(&pipeline->pool));
	/* Who empties the ring gives back of what comes free. */
	assert_true(turn(pipeline, 1));
	assert_int_equal(fakes[1].taken, 16);
	assert_false(weir__pool_starving(&pipeline->pool));
	for (int i = 0; i < 100 && fakes[1].taken < 100; i++) {
		pipeline->shape->workers[0]->ready = UINT64_MAX;
		turn(pipeline, 0);
		turn(pipeline, 1);
	}
	assert_int_equal(fakes[1].taken, 100);
	weir_pipeline_destroy(pipeline);
}

/* A pool without jumbo buffers gets some while its workers are there: what was too long goes on from then. */
static void uses_the_first_jumbo_buffers(void **state)
{
	const struct weir_config config = CONFIG(.room = 9000);
	struct weir_pipeline *pipeline = create(&config);
	struct weir_error err;

	(void)state;
	assert_int_equal(pipeline->pool.jumbo, 0);
	fakes[0].bytes = FAKE_PACKET_MAX;
	fake_give(&fakes[0], 40);
	while (fakes[0].given < 40)
		turn(pipeline, 0);
	turn(pipeline, 1);
	assert_int_equal(fakes[1].taken, 0);
	assert_int_equal(weir__pool_grow(&pipeline->pool, 0, 16, &err), 0);
	fake_give(&fakes[0], 40);
	for (int i = 0; i < 100 && fakes[1].taken < 40; i++) {
		pipeline->shape->workers[0]->ready = UINT64_MAX;
		turn(pipeline, 0);
		turn(pipeline, 1);
	}
	assert_int_equal(fakes[1].taken, 40);
	weir_pipeline_destroy(pipeline);
}

/* Somebody began to starve after the last turn of a worker that has buffers to spare. */
static void does_not_sleep_on_what_others_need(void **state)
{
	const struct weir_config config = CONFIG(.buffers = 0);
	struct weir_pipeline *pipeline = create(&config);

	(void)state;
	fake_give(&fakes[0], WEIR_VECTOR_SIZE);
	assert_true(turn(pipeline, 0));
	assert_true(turn(pipeline, 1));
	assert_false(turn(pipeline, 1));
	assert_true(stashed(pipeline, 1, false) > 0);
	weir__pool_starve(&pipeline->pool);
	rcu_register_thread();
	weir__worker_sleep(pipeline->shape->workers[1]); /* returns, as it does not sleep */
	rcu_unregister_thread();
	assert_int_equal(pipeline->shape->workers[1]->sleeps, 0);
	turn(pipeline, 1);
	assert_int_equal(stashed(pipeline, 1, false), 0);
	assert_false(weir__pool_starving(&pipeline->pool));
	weir_pipeline_destroy(pipeline);
}

/* There is something to do: each of these keeps a worker from sleeping. */
static void does_not_sleep_on_work(void **state)
{
	const struct weir_config config = CONFIG(.buffers = 0);
	struct weir_pipeline *pipeline = create(&config);
	struct weir__worker *rx = pipeline->shape->workers[0], *tx = pipeline->shape->workers[1];

	(void)state;
	rcu_register_thread();
	/* A vector in a ring. */
	fake_give(&fakes[0], 1);
	turn(pipeline, 0);
	weir__worker_sleep(tx);
	assert_int_equal(tx->sleeps, 0);
	/* Room in a ring that was full. */
	for (int i = 0; i < 41; i++) {
		fake_give(&fakes[0], WEIR_VECTOR_SIZE);
		rx->ready = UINT64_MAX;
		turn(pipeline, 0);
	}
	assert_true(rx->blocked);
	turn(pipeline, 1);
	weir__worker_sleep(rx);
	assert_int_equal(rx->sleeps, 0);
	/* The end. */
	while ((int)turn(pipeline, 1) | (int)turn(pipeline, 0))
		;
	weir__worker_set_phase(rx, WEIR__PHASE_STOP);
	weir__worker_sleep(rx);
	assert_int_equal(rx->sleeps, 0);
	rcu_unregister_thread();
	weir_pipeline_destroy(pipeline);
}

/* A descriptor that is readable ends the sleep, and is read in the next turn. */
static void wakes_for_a_descriptor(void **state)
{
	const struct weir_config config = CONFIG(.buffers = 0);
	struct weir_pipeline *pipeline = create(&config);
	struct weir__worker *rx = pipeline->shape->workers[0];

	(void)state;
	rcu_register_thread();
	assert_false(turn(pipeline, 0));
	fake_give(&fakes[0], 5);
	weir__worker_sleep(rx);
	assert_int_equal(rx->sleeps, 1);
	assert_true(turn(pipeline, 0));
	assert_int_equal(fakes[0].given, 5);
	/* So does a bell that was rung for one that sleeps. */
	weir__worker_sleep(rx); /* the descriptor is still readable, and empty */
	assert_false(turn(pipeline, 0));
	weir__doorbell_sleep(&rx->bell);
	weir__doorbell_ring_slowly(&rx->bell);
	weir__worker_sleep(rx);
	assert_int_equal(rx->sleeps, 3);
	rcu_unregister_thread();
	weir_pipeline_destroy(pipeline);
}

/* While it drains, endpoints are left alone, and what is inside goes on. */
static void drains(void **state)
{
	const struct weir_config config = CONFIG(.buffers = 0);
	struct weir_pipeline *pipeline = create(&config);

	(void)state;
	fake_give(&fakes[0], 50);
	fake_give(&fakes[2], 50);
	assert_true(turn(pipeline, 0));
	weir__worker_set_phase(pipeline->shape->workers[0], WEIR__PHASE_DRAIN);
	weir__worker_set_phase(pipeline->shape->workers[1], WEIR__PHASE_DRAIN);
	assert_false(turn(pipeline, 0));
	assert_true(turn(pipeline, 1));
	assert_int_equal(fakes[0].given, WEIR_VECTOR_SIZE);
	assert_int_equal(fakes[1].taken, WEIR_VECTOR_SIZE);
	assert_int_equal(fakes[2].given, 0);
	weir_pipeline_destroy(pipeline);
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(takes_a_bounded_share_of_each_input),
		test(does_not_ask_an_empty_input_again),
		test(gives_back_what_it_cannot_use),
		test(uses_the_first_jumbo_buffers),
		test(does_not_sleep_on_what_others_need),
		test(does_not_sleep_on_work),
		test(wakes_for_a_descriptor),
		test(drains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
