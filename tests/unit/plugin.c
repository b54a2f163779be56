/* SPDX-License-Identifier: Apache-2.0 */
/* Types from shared objects: all of one or none. The argument is the directory where they are. */
#include "test.h"

#include <unistd.h>

#include <weir/weir.h>

static const char *directory;

static int load(const char *name, struct weir_error *err)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return weir_plugin_load(path, err);
}

static void refuse(const char *name, int code, const char *words)
{
	struct weir_error err;

	assert_int_equal(load(name, &err), code);
	if (!strstr(err.text, words))
		fail_msg("'%s' does not say '%s'", err.text, words);
	assert_int_equal(load(name, NULL), code);
	assert_null(weir_stage_find("plugged_stage"));
	assert_null(weir_endpoint_find("plugged_session"));
}

static void refuses(void **state)
{
	struct weir_error err;

	(void)state;
	refuse("nowhere.so", -ENOENT, "nowhere.so: No such file or directory");
	refuse("plugin_abi.so", -EPROTO, "plugin_abi.so was made for ABI 2, and this is 1");
	refuse("plugin_sizes.so", -EPROTO,
	       "plugin_sizes.so was made where a struct weir_buf has 1 bytes, and here it has 64");
	refuse("plugin_none.so", -ENOEXEC, "plugin_none.so is no plugin: it has no weir_plugin");
	refuse("plugin_known.so", -EEXIST, "the stage 'stats' is known already");
	assert_int_equal(weir_plugin_load("plugin_good.so", &err), -EINVAL);
	assert_string_equal(err.text, "'plugin_good.so' has no slash, and nothing is searched for");
	assert_int_equal(weir_plugin_load("/etc/passwd", &err), -ENOEXEC);
	assert_non_null(strstr(err.text, "/etc/passwd"));
}

/* What it brings works like what is built in. */
static void brings_its_types(void **state)
{
	struct weir_config config = {
		.workers = { { "w", .unpinned = true } },
		.endpoints = { weir_generator("in", .size = 64, .count = 100) },
	};
	const struct {
		WEIR_SESSION_OPTIONS;
	} options = { .name = "out" };
	struct weir_pipeline *pipeline;
	struct weir_counters *counters;
	struct weir_error err;

	(void)state;
	if (load("plugin_good.so", &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(load("plugin_good.so", &err), -EEXIST);
	config.endpoints[1] = (struct weir_endpoint){ weir_endpoint_find("plugged_session"), &options };
	assert_non_null(config.endpoints[1].type);
	assert_non_null(weir_stage_find("plugged_stage"));
	config.chains[0] = (struct weir_chain){ "chain", .stages = { weir_read("in", .worker = "w"),
								     weir_af_decap(), weir_write("out") } };
	if (weir_pipeline_create(&pipeline, &config, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(weir_pipeline_start(pipeline, &err), 0);
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = weir_counters_read(pipeline);
	assert_int_equal(counters->sent + counters->dropped, 100);
	assert_int_equal(weir_counters_drop(counters, "chain/write", "down"), counters->dropped);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(brings_its_types),
	};

	if (argc != 2)
		return 2;
	directory = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
