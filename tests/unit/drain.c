/* SPDX-License-Identifier: Apache-2.0 */
#include "drain.h"
#include "fake.h"

static struct fake in, out;

static const struct weir_config config = {
	.endpoints = { fake("in", .fake = &in), fake("out", .fake = &out) },
	.workers = { { "rx", .unpinned = true } },
	.chains = { { "chain", .stages = { weir_read("in", .worker = "rx"), weir_write("out") } } },
};

static int drain(struct weir_pipeline *pipeline, struct weir_error *err)
{
	struct weir__drain all;

	memset(err, 0, sizeof(*err));
	weir__drain_all(&all, pipeline->shape);
	return weir__drain(pipeline, &all, 0, err);
}

static void nothing_is_empty(void **state)
{
	struct weir_pipeline *pipeline = create(&config);
	struct weir_error err;

	(void)state;
	assert_int_equal(drain(pipeline, &err), 0);
	weir_pipeline_destroy(pipeline);
}

/* A worker that was given the writer by a change and has not made a pass since does not know that it is
 * blocked. */
static void a_backlog_is_seen_before_its_worker_knows(void **state)
{
	struct weir_pipeline *pipeline = create(&config);
	struct weir__row *row = weir__shape_place(pipeline->shape, "chain/write")->row;
	struct weir_error err;

	(void)state;
	row->backlog.n = 1;
	assert_int_equal(pipeline->shape->workers[0]->blocked, 0);
	assert_int_equal(drain(pipeline, &err), -ETIMEDOUT);
	assert_string_equal(err.text, "chain/write is not empty: what is behind it takes nothing");
	row->backlog.n = 0;
	weir_pipeline_destroy(pipeline);
}

static int setup(void **state)
{
	(void)state;
	fake_init(&in);
	fake_init(&out);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_free(&in);
	fake_free(&out);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(a_backlog_is_seen_before_its_worker_knows, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
