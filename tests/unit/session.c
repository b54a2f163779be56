/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a session: every way from one state to another, and every way out. */
#include "test.h"

#include <weir/weir.h>

#include "fake_session.h"

#define NS 1000000000ull

/* One session, and nothing else to do for its worker. */
struct rig {
	struct script script;
	struct fake source, sink;
	struct weir_pipeline *pipeline;
	const void *session;
};

static struct weir_config rig_config(struct rig *rig, const struct fake_session_options *options)
{
	struct weir_config config = {
		.endpoints = { fake("source", .fake = &rig->source, .layer = WEIR_LAYER_L2),
			       fake("sink", .fake = &rig->sink, .layer = WEIR_LAYER_L2),
			       { &fake_session_type, options } },
		.workers = { { "w", .unpinned = true } },
		.chains = { { "out", .stages = { weir_read("source", .worker = "w"), weir_write("s") } },
			    { "in", .stages = { weir_read("s", .worker = "w"), weir_write("sink") } } },
	};

	return config;
}

static struct fake_session_options options_of(struct rig *rig)
{
	return (struct fake_session_options){
		.name = "s",
		.changed = script_tell,
		.context = &rig->script,
		.script = &rig->script,
		/* A test that waits for another attempt asks for it. */
		.retry_ms = 3600 * 1000,
		.retry_max_ms = 3600 * 1000,
	};
}

static void rig_init(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	script_init(&rig->script);
	fake_init(&rig->source);
	fake_init(&rig->sink);
}

static void rig_create(struct rig *rig, const struct fake_session_options *options)
{
	const struct weir_config config = rig_config(rig, options);

	rig->pipeline = create(&config);
	rig->session = weir_pipeline_endpoint(rig->pipeline, "s", &fake_session_type);
	assert_non_null(rig->session);
	start(rig->pipeline);
}

static void rig_begin(struct rig *rig)
{
	const struct fake_session_options options = options_of(rig);

	rig_create(rig, &options);
}

static void rig_end(struct rig *rig)
{
	weir_pipeline_destroy(rig->pipeline);
	script_free(&rig->script);
	fake_free(&rig->source);
	fake_free(&rig->sink);
}

static struct weir_session_status status_of(const struct rig *rig)
{
	struct weir_session_status status;

	weir_session_status(rig->session, &status);
	return status;
}

static uint64_t counter_of(const struct rig *rig, size_t offset)
{
	uint64_t n;

	memcpy(&n, (const char *)rig->session + offset, sizeof(n));
	return n;
}

#define failures_of(rig) counter_of(rig, offsetof(struct fake_session, weir_failures))
#define connects_of(rig) counter_of(rig, offsetof(struct fake_session, weir_connects))

static void test_pause(void **state)
{
	const uint64_t ms = 1000000;

	(void)state;
	/* The shortest, an eighth, the longest: each a quarter less or more. */
	assert_int_equal(weir__session_pause(0, 100, 30000, 0), 75 * ms);
	assert_in_range(weir__session_pause(0, 100, 30000, UINT64_MAX), 75 * ms, 125 * ms);
	assert_int_equal(weir__session_pause(8000 * ms, 100, 30000, 0), 750 * ms);
	assert_int_equal(weir__session_pause(8000 * ms, 100, 30000, 500 * ms), 1250 * ms);
	assert_int_equal(weir__session_pause(24 * 3600 * 1000 * ms, 100, 30000, 0), 22500 * ms);
	for (uint64_t random = 1; random; random <<= 1)
		assert_in_range(weir__session_pause(80000 * ms, 100, 30000, random), 7500 * ms, 12500 * ms);
}

static void test_options(void **state)
{
	struct rig rig;
	struct weir_error err;
	struct fake_session_options options;
	struct weir_config config;

	(void)state;
	rig_init(&rig);
	options = options_of(&rig);
	options.hold = 65537;
	options.retry_max_ms = 5;
	options.retry_ms = 6;
	config = rig_config(&rig, &options);
	assert_int_equal(weir_config_check(&config, &err), -EINVAL);
	assert_string_equal(err.text, "endpoint s: hold: 65537 packets are more than 65536\n"
				      "endpoint s: retry_max_ms: 5 is less than retry_ms, which is 6");
	script_free(&rig.script);
	fake_free(&rig.source);
	fake_free(&rig.sink);
}

static void test_up(void **state)
{
	struct rig rig;
	struct weir_session_status status;

	(void)state;
	rig_init(&rig);
	rig_begin(&rig);
	await_told(&rig.script, "up", 1);
	status = status_of(&rig);
	assert_int_equal(status.state, WEIR_SESSION_UP);
	assert_int_equal(status.error, 0);
	assert_int_equal(status.mtu, 1400);
	assert_string_equal(status.label, "fake");
	assert_int_equal(status.n_addresses, 1);
	assert_string_equal(rig.script.thread, "s");
	assert_string_equal(rig.script.told, "connecting up ");
	assert_int_equal(connects_of(&rig), 1);
	assert_int_equal(failures_of(&rig), 0);
	/* The timer comes at once. */
	await_calls(&rig.script, TIMER, 1);
	weir_pipeline_destroy(rig.pipeline);
	rig.pipeline = NULL;
	assert_string_equal(rig.script.told, "connecting up down ");
	assert_int_equal(rig.script.status.error, 0);
	assert_int_equal(rig.script.status.mtu, 0);
	assert_int_equal(calls_of(&rig.script, DISCONNECT), 1);
	assert_int_equal(calls_of(&rig.script, CLOSE), 1);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
