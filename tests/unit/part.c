/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints that are parts of others: what they are told, and when they are opened and closed. */
#include "test.h"

#include <weir/weir.h>

#include "pipeline.h"

struct whole_options {
	WEIR_ENDPOINT_OPTIONS;
	uint32_t size; /* max_packet; the parts say the same unless they are told */
	bool fails;
};

struct part_options {
	WEIR_PART_OPTIONS;
	bool fails;
};

static const struct weir_option whole_table[] = {
	WEIR_OPTION(struct whole_options, size, U32, ""),
	WEIR_OPTION(struct whole_options, fails, BOOL, ""),
	{ 0 },
};

static const struct weir_option part_table[] = {
	WEIR_OPTION(struct part_options, of, STRING, ""),
	WEIR_OPTION(struct part_options, fails, BOOL, ""),
	{ 0 },
};

static char happened[512]; /* "open a, open a.1, …" */

static void note(const char *what, const char *name)
{
	const size_t used = strlen(happened);

	snprintf(happened + used, sizeof(happened) - used, "%s%s %s", used ? ", " : "", what, name);
}

struct state {
	char name[16];
	const struct state *whole; /* of a part */
	unsigned number;
};

static int whole_check(const void *opts, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct whole_options *options = opts;

	(void)err;
	info->layer = WEIR_LAYER_L2;
	info->max_packet = options->size;
	return 0;
}

static int open_state(struct state *state, const char *name, bool fails, struct weir_error *err)
{
	snprintf(state->name, sizeof(state->name), "%s", name);
	note("open", name);
	return fails ? weir_failed(err, -EIO, "as told") : 0;
}

static int whole_open(void *state, const void *opts, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct whole_options *options = opts;

	assert_null(info->whole);
	assert_null(info->whole_options);
	return open_state(state, options->name, options->fails, err);
}

static int part_check(const void *opts, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct part_options *options = opts;
	const struct whole_options *whole = info->whole_options;

	(void)err;
	assert_string_equal(options->of, whole->name);
	assert_int_equal(info->layer, WEIR_LAYER_L2);
	assert_int_equal(info->max_packet, whole->size);
	assert_true(info->part > 0);
	return 0;
}

static int part_open(void *memory, const void *opts, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct part_options *options = opts;
	const struct whole_options *whole = info->whole_options;
	struct state *state = memory;

	state->whole = info->whole;
	state->number = info->part;
	assert_string_equal(options->of, whole->name);
	assert_string_equal(options->of, state->whole->name);
	return open_state(state, options->name, options->fails, err);
}

static void close_state(void *memory)
{
	const struct state *state = memory;

	note("close", state->name);
}

static int read_nothing(void *state, struct weir_reader *reader)
{
	(void)state;
	(void)reader;
	return -ENODATA;
}

static const struct weir_endpoint_type whole_type = {
	.name = "whole",
	.options = whole_table,
	.options_size = sizeof(struct whole_options),
	.state_size = sizeof(struct state),
	.check = whole_check,
	.open = whole_open,
	.close = close_state,
	.read = read_nothing,
};

static const struct weir_endpoint_type part_type = {
	.name = "part",
	.of = &whole_type,
	.options = part_table,
	.options_size = sizeof(struct part_options),
	.state_size = sizeof(struct state),
	.check = part_check,
	.open = part_open,
	.close = close_state,
	.read = read_nothing,
};

#define whole(...) WEIR_ENDPOINT(whole_type, struct whole_options, __VA_ARGS__)
#define part(...)  WEIR_ENDPOINT(part_type, struct part_options, __VA_ARGS__)

#define CHAIN(name_)                                                                     \
	{                                                                                \
		name_, .stages = { weir_read(name_, .worker = "rx"), weir_write("out") } \
	}
#define CONFIG(...)                                                                                        \
	{                                                                                                  \
		.endpoints = { weir_null("out"), __VA_ARGS__ }, .workers = { { "rx", .unpinned = true } }, \
	}

static struct weir_pipeline *pipeline;
static struct weir_error err;

/* For each endpoint that there may be. */
static const struct weir_chain chains[] = { CHAIN("a"), CHAIN("a.1"), CHAIN("a.2"), CHAIN("b") };

static struct weir_config with_chains(struct weir_config config)
{
	unsigned n = 0;

	for (unsigned c = 0; c < countof(chains); c++)
		for (unsigned i = 1; i < WEIR_ENDPOINTS_MAX && config.endpoints[i].type; i++) {
			const struct whole_options *options = config.endpoints[i].options;

			if (strcmp(options->name, chains[c].name) == 0)
				config.chains[n++] = chains[c];
		}
	return config;
}

static void create(struct weir_config given, const char *expected)
{
	const struct weir_config config = with_chains(given);

	happened[0] = '\0';
	if (weir_pipeline_create(&pipeline, &config, &err))
		fail_msg("%s", err.text);
	assert_string_equal(happened, expected);
}

static void apply(struct weir_config given, const char *expected)
{
	const struct weir_config config = with_chains(given);

	happened[0] = '\0';
	if (weir_pipeline_apply(pipeline, &config, &err))
		fail_msg("%s", err.text);
	assert_string_equal(happened, expected);
}

static const struct state *state_of(const char *name)
{
	return weir_pipeline_endpoint(pipeline, name, &part_type);
}

static int destroy(void **state)
{
	(void)state;
	weir_pipeline_destroy(pipeline);
	pipeline = NULL;
	return 0;
}

static void opens_the_whole_first(void **state)
{
	(void)state;
	create((struct weir_config)CONFIG(part("a.1", .of = "a"), part("a.2", .of = "a"),
					  whole("a", .size = 100), whole("b", .size = 100)),
	       "open a, open b, open a.1, open a.2");
	assert_int_equal(state_of("a.1")->number, 1);
	assert_int_equal(state_of("a.2")->number, 2);
	assert_ptr_equal(state_of("a.1")->whole, weir_pipeline_endpoint(pipeline, "a", &whole_type));
}

static void closes_all_when_one_fails(void **state)
{
	const struct weir_config config = with_chains((struct weir_config)CONFIG(
		part("a.1", .of = "a"), part("a.2", .of = "a", .fails = true), whole("a", .size = 100)));

	(void)state;
	happened[0] = '\0';
	assert_int_equal(weir_pipeline_create(&pipeline, &config, &err), -EIO);
	assert_string_equal(err.text, "endpoint a.2: as told");
	assert_string_equal(happened, "open a, open a.1, open a.2, close a.1, close a");
}

static void comes_and_goes_alone(void **state)
{
	const struct state *first;

	(void)state;
	create((struct weir_config)CONFIG(part("a.1", .of = "a"), whole("a", .size = 100)),
	       "open a, open a.1");
	first = state_of("a.1");
	apply((struct weir_config)CONFIG(part("a.2", .of = "a"), part("a.1", .of = "a"),
					 whole("a", .size = 100)),
	      "open a.2");
	assert_ptr_equal(state_of("a.1"), first);
	assert_ptr_equal(state_of("a.2")->whole, first->whole);
	apply((struct weir_config)CONFIG(part("a.2", .of = "a"), whole("a", .size = 100)), "close a.1");
}

static void goes_with_its_whole(void **state)
{
	(void)state;
	create((struct weir_config)CONFIG(whole("a", .size = 100), part("a.1", .of = "a"),
					  whole("b", .size = 100)),
	       "open a, open b, open a.1");
	apply((struct weir_config)CONFIG(whole("a", .size = 200), part("a.1", .of = "a"),
					 whole("b", .size = 100)),
	      "open a, open a.1, close a, close a.1");
	/* To another one, which was there. */
	apply((struct weir_config)CONFIG(whole("a", .size = 200), part("a.1", .of = "b"),
					 whole("b", .size = 100)),
	      "open a.1, close a.1");
	assert_ptr_equal(state_of("a.1")->whole, weir_pipeline_endpoint(pipeline, "b", &whole_type));
}

static void stays_when_a_change_fails(void **state)
{
	const struct weir_config config = with_chains(
		(struct weir_config)CONFIG(whole("a", .size = 200, .fails = true), part("a.1", .of = "a")));
	const struct state *first;

	(void)state;
	create((struct weir_config)CONFIG(whole("a", .size = 100), part("a.1", .of = "a")),
	       "open a, open a.1");
	first = state_of("a.1");
	happened[0] = '\0';
	assert_int_equal(weir_pipeline_apply(pipeline, &config, &err), -EIO);
	assert_string_equal(err.text, "endpoint a: as told");
	assert_string_equal(happened, "open a");
	assert_ptr_equal(state_of("a.1"), first);
}

static void is_of_something_whole(void **state)
{
	struct weir_endpoint_type type = part_type;

	(void)state;
	type.name = "part of a part";
	type.of = &part_type;
	assert_int_equal(weir_endpoint_register(&type), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(opens_the_whole_first, destroy),
		cmocka_unit_test_teardown(closes_all_when_one_fails, destroy),
		cmocka_unit_test_teardown(comes_and_goes_alone, destroy),
		cmocka_unit_test_teardown(goes_with_its_whole, destroy),
		cmocka_unit_test_teardown(stays_when_a_change_fails, destroy),
		cmocka_unit_test(is_of_something_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
