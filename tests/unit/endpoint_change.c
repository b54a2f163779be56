/* SPDX-License-Identifier: Apache-2.0 */
/* Other options for endpoints that stay open, while packets flow through them. */
#include <errno.h>

#include "fake.h"

/* What the endpoint works by, and what was asked of it. */
struct works {
	uint64_t rate;
	uint64_t tries;
	uint64_t changes;
	uint64_t opened;
	uint64_t closed;
	char name[16]; /* that the real change was given */
};

struct gate_options {
	WEIR_ENDPOINT_OPTIONS;
	struct works *works;
	uint64_t rate;
	uint32_t max_packet;
	uint16_t headroom;
	const char *path;
};

static int gate_check(const void *memory, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct gate_options *options = memory;

	info->layer = WEIR_LAYER_L2;
	info->max_packet = options->max_packet ? options->max_packet : 1500;
	info->headroom = options->headroom;
	return options->rate == 13 ? weir_invalid(err, "rate", "13 brings bad luck") : 0;
}

static int gate_open(void *state, const void *memory, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct gate_options *options = memory;

	(void)info;
	if (options->path && strcmp(options->path, "none") == 0)
		return weir_failed(err, -ENOENT, "there is none");
	*(struct works **)state = options->works;
	options->works->rate = options->rate;
	options->works->opened++;
	return 0;
}

static void gate_close(void *state)
{
	(*(struct works **)state)->closed++;
}

/* Only the rate; 7 is refused, and 8 without a word. */
static int gate_change(void *state, const void *memory, bool try_only, struct weir_error *err)
{
	const struct gate_options *options = memory;
	struct works *works = *(struct works **)state;

	if (try_only) {
		works->tries++;
		if (options->path)
			return -ENOTSUP;
		return options->rate == 7   ? weir_invalid(err, "rate", "7 is for another day")
		       : options->rate == 8 ? -EBUSY
					    : 0;
	}
	works->changes++;
	works->rate = options->rate;
	snprintf(works->name, sizeof(works->name), "%s", options->name);
	return 0;
}

static int gate_read(void *state, struct weir_reader *reader)
{
	(void)state;
	(void)reader;
	return -ENODATA;
}

static uint32_t gate_write(void *state, struct weir_writer *writer)
{
	(void)state;
	return writer->n;
}

static const struct weir_option gate_table[] = {
	WEIR_OPTION(struct gate_options, works, OBJECT, "what the test sees"),
	WEIR_OPTION(struct gate_options, rate, U64, "that changes"),
	WEIR_OPTION(struct gate_options, max_packet, U32, "default 1500"),
	WEIR_OPTION(struct gate_options, headroom, U16, "that write() wants"),
	WEIR_OPTION(struct gate_options, path, STRING, "that takes opening anew"),
	{ 0 },
};

static const struct weir_endpoint_type gate_type = {
	.name = "gate",
	.help = "changes its rate",
	.options = gate_table,
	.options_size = sizeof(struct gate_options),
	.state_size = sizeof(struct works *),
	.check = gate_check,
	.open = gate_open,
	.change = gate_change,
	.close = gate_close,
	.read = gate_read,
	.write = gate_write,
};

#define gate(...) WEIR_ENDPOINT(gate_type, struct gate_options, __VA_ARGS__)

/* --- the tests --------------------------------------------------------------------------------------------
 */

static struct fake in;
static struct works works;

/* The rows live as long as their block: so the configurations are objects of a macro. */
#define CONFIG(...)                                                                         \
	{                                                                                   \
		.endpoints = { fake("in", .fake = &in, .layer = WEIR_LAYER_L2),           \
			       gate("gate", .works = &works, __VA_ARGS__) },              \
		.workers = { { "w", .unpinned = true } },                                 \
		.chains = {                                                               \
			{ "out", .stages = { weir_read("in", .worker = "w"),              \
					     weir_write("gate") } },                      \
		},                                                                        \
		.change_ms = 60000, \
	}

static int setup(void **state)
{
	(void)state;
	fake_init(&in);
	works = (struct works){ 0 };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_free(&in);
	return 0;
}

static struct weir_pipeline *begin(void)
{
	const struct weir_config config = CONFIG(.rate = 1);
	struct weir_pipeline *pipeline = create(&config);

	start(pipeline);
	fake_give(&in, 1000);
	return pipeline;
}

static void end(struct weir_pipeline *pipeline)
{
	struct weir_counters *counters;

	fake_give_last(&in, 1000);
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = read_counters(pipeline);
	assert_int_equal(counters->received, 2000);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
	assert_int_equal(works.opened, works.closed);
}

static void configures_one(void **state)
{
	struct weir_pipeline *pipeline = begin();
	const struct weir_endpoint other = gate("gate", .works = &works, .rate = 2);
	struct weir_error err;

	(void)state;
	assert_int_equal(weir_endpoint_configure(pipeline, "gate", &other, &err), 0);
	assert_int_equal(works.rate, 2);
	assert_int_equal(works.tries, 1);
	assert_string_equal(works.name, "gate");
	assert_int_equal(works.opened, 1);
	end(pipeline);
}

static void refuse(struct weir_pipeline *pipeline, const char *name, const struct weir_endpoint *other,
		   int code, const char *text)
{
	struct weir_error err;

	assert_int_equal(weir_endpoint_configure(pipeline, name, other, &err), code);
	assert_string_equal(err.text, text);
	assert_int_equal(weir_endpoint_configure(pipeline, name, other, NULL), code);
	assert_int_equal(works.rate, 1);
	assert_int_equal(works.changes, 0);
}

static void refuses_to_configure(void **state)
{
	struct weir_pipeline *pipeline = begin();

	(void)state;
	refuse(pipeline, "gate", &(struct weir_endpoint)gate("gate", .works = &works, .rate = 13), -EINVAL,
	       "endpoint gate: rate: 13 brings bad luck");
	refuse(pipeline, "gate", &(struct weir_endpoint)gate("gate", .works = &works, .rate = 7), -EINVAL,
	       "endpoint gate: rate: 7 is for another day");
	refuse(pipeline, "gate", &(struct weir_endpoint)gate("gate", .works = &works, .rate = 8), -EBUSY,
	       "endpoint gate: Device or resource busy");
	refuse(pipeline, "gate", &(struct weir_endpoint)gate("gate", .works = &works, .path = "x"), -ENOTSUP,
	       "endpoint gate: only weir_pipeline_apply() changes that: it is opened anew");
	refuse(pipeline, "gate", &(struct weir_endpoint)gate("gate", .works = &works, .max_packet = 1501),
	       -ENOTSUP, "endpoint gate: only weir_pipeline_apply() changes that: it is opened anew");
	refuse(pipeline, "gate", &(struct weir_endpoint)gate("other", .works = &works), -EINVAL,
	       "endpoint gate: name: 'other' is another endpoint");
	refuse(pipeline, "other", &(struct weir_endpoint)gate("other", .works = &works), -ENOENT,
	       "endpoint other: there is no such endpoint");
	refuse(pipeline, "in", &(struct weir_endpoint)gate("in", .works = &works), -EINVAL,
	       "endpoint in: it is a fake, not a gate");
	refuse(pipeline, "gate", &(struct weir_endpoint){ .type = &gate_type }, -EINVAL,
	       "endpoint gate: options: missing");
	end(pipeline);
}

static enum weir_fate fate_of(const struct weir_report *report, const char *name)
{
	for (unsigned i = 0; i < report->n_items; i++)
		if (strcmp(report->items[i].kind, "endpoint") == 0 &&
		    strcmp(report->items[i].name, name) == 0)
			return report->items[i].fate;
	fail_msg("the report has no endpoint %s", name);
	return WEIR_KEPT;
}

static enum weir_fate applied(struct weir_pipeline *pipeline, const struct weir_config *config, bool dry_run)
{
	struct weir_report *report = NULL;
	struct weir_error err;
	enum weir_fate fate;

	if (weir_pipeline_apply(pipeline, config, &err, .report = &report, .dry_run = dry_run) < 0)
		fail_msg("%s", err.text);
	fate = fate_of(report, "gate");
	weir_report_free(report);
	return fate;
}

static void applies(void **state)
{
	const struct weir_config same = CONFIG(.rate = 1);
	const struct weir_config other = CONFIG(.rate = 3);
	const struct weir_config anew = CONFIG(.rate = 3, .path = "x");
	const struct weir_config larger = CONFIG(.rate = 4, .path = "x", .headroom = 8);
	struct weir_pipeline *pipeline = begin();

	(void)state;
	assert_int_equal(applied(pipeline, &same, false), WEIR_KEPT);
	assert_int_equal(works.tries, 0);
	assert_int_equal(applied(pipeline, &other, true), WEIR_CHANGED);
	assert_int_equal(works.rate, 1);
	assert_int_equal(applied(pipeline, &other, false), WEIR_CHANGED);
	assert_int_equal(works.rate, 3);
	assert_int_equal(works.opened, 1);
	/* It remembers the new ones. */
	assert_int_equal(applied(pipeline, &other, false), WEIR_KEPT);
	assert_int_equal(applied(pipeline, &anew, false), WEIR_CHANGED);
	assert_int_equal(works.opened, 2);
	assert_int_equal(works.closed, 1);
	assert_int_equal(applied(pipeline, &larger, false), WEIR_CHANGED);
	assert_int_equal(works.opened, 3);
	assert_int_equal(works.changes, 1);
	end(pipeline);
}

static void leaves_all_when_refused(void **state)
{
	const struct weir_config refused = CONFIG(.rate = 7);
	struct weir_config later = CONFIG(.rate = 2);
	struct weir_pipeline *pipeline = begin();
	struct weir_error err;

	(void)state;
	assert_int_equal(weir_pipeline_apply(pipeline, &refused, &err), -EINVAL);
	assert_string_equal(err.text, "endpoint gate: rate: 7 is for another day");
	assert_int_equal(works.rate, 1);
	/* It agrees, but another part of the change fails. */
	later.endpoints[2] =
		(struct weir_endpoint)gate("second", .works = &(struct works){ 0 }, .path = "none");
	later.chains[0].stages[1] = (struct weir_stage)weir_write("gate");
	later.chains[1] = (struct weir_chain){ "more", .stages = { weir_read("second", .worker = "w"),
								   weir_write("gate") } };
	assert_int_equal(weir_pipeline_apply(pipeline, &later, &err), -ENOENT);
	assert_string_equal(err.text, "endpoint second: there is none");
	assert_int_equal(works.rate, 1);
	assert_int_equal(works.changes, 0);
	assert_int_equal(works.opened, 1);
	end(pipeline);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(configures_one),
		TEST(refuses_to_configure),
		TEST(applies),
		TEST(leaves_all_when_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
