/* SPDX-License-Identifier: Apache-2.0 */
/* Whole pipelines without a device: every packet is accounted for, whichever way it goes. */
#include "sanitizer.h"
#include "test.h"

#include <weir/weir.h>

static struct weir_pipeline *create(const struct weir_config *config)
{
	struct weir_pipeline *pipeline;
	struct weir_error err;

	if (weir_pipeline_create(&pipeline, config, &err) < 0)
		fail_msg("%s", err.text);
	return pipeline;
}

/* Runs it until its readers end, and gives the counters at rest. */
static struct weir_counters *run(struct weir_pipeline *pipeline)
{
	struct weir_counters *counters;

	assert_int_equal(weir_pipeline_start(pipeline, NULL), 0);
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = weir_counters_read(pipeline);
	assert_non_null(counters);
	assert_int_equal(counters->received + counters->injected,
			 counters->sent + counters->dropped + counters->held);
	assert_int_equal(counters->held, 0);
	assert_int_equal(counters->buffers_free, counters->buffers);
	return counters;
}

static void one_worker(void **state)
{
	const struct weir_config config = {
		.endpoints = { weir_generator("in", .count = 100000), weir_null("out") },
		.workers = { { "rx", .unpinned = true } },
		.chains = { { "flow", .stages = { weir_read("in", .worker = "rx"), weir_write("out") } } },
	};
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters = run(pipeline);

	(void)state;
	assert_int_equal(counters->received, 100000);
	assert_int_equal(counters->sent, 100000);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

static void two_workers(void **state)
{
	const struct weir_config config = {
		.endpoints = { weir_generator("in", .count = 3000000), weir_null("out") },
		.workers = { { "rx", .unpinned = true }, { "tx", .unpinned = true } },
		.chains = { { "flow", .stages = { weir_read("in", .worker = "rx"), weir_ring(.worker = "tx"),
						  weir_write("out") } } },
	};
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters = run(pipeline);

	(void)state;
	assert_int_equal(counters->received, 3000000);
	assert_int_equal(counters->sent, 3000000);
	assert_int_equal(counters->dropped, 0);
	weir_counters_print(counters, stdout);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

/* The reader finds no buffer most of the time, and whoever frees one may be faster than it falls asleep. */
static void too_few_buffers(void **state)
{
	const uint64_t count = TEST_ROUNDS(10000000);
	const struct weir_config config = {
		.endpoints = { weir_generator("in", .count = count), weir_null("out") },
		.workers = { { "rx", .unpinned = true }, { "tx", .unpinned = true } },
		.pool = { .buffers = 4 * WEIR_VECTOR_SIZE, .overcommit = true },
		.chains = { { "flow", .stages = { weir_read("in", .worker = "rx"), weir_ring(.worker = "tx"),
						  weir_write("out") } } },
	};
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters = run(pipeline);

	(void)state;
	assert_int_equal(counters->sent, count);
	assert_true(counters->starved > 0);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_worker),
		cmocka_unit_test(two_workers),
		cmocka_unit_test(too_few_buffers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
