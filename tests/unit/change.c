/* SPDX-License-Identifier: Apache-2.0 */
/* Stages that get another configuration while packets flow: one, or several as one. */
#include <errno.h>
#include <semaphore.h>

#include "fake.h"

static struct fake in, out;

/* --- stages -----------------------------------------------------------------------------------------------
 */

/* Writes its number on each packet. */
struct stamp {
	WEIR_STAGE_OPTIONS
	uint64_t number;
};

static unsigned configs; /* there are now */

static int stamp_configure(void *config, const void *options, const struct weir_place *place,
			   struct weir_error *err)
{
	const struct stamp *stamp = options;

	(void)place;
	if (stamp->number == UINT64_MAX)
		return weir_invalid(err, "number", "too large");
	*(uint64_t *)config = stamp->number;
	configs++;
	return 0;
}

static void stamp_release(void *config)
{
	(void)config;
	configs--;
}

static inline weir_verdict stamp_packet(struct weir_buf *buf, const uint64_t *number, uint64_t *state)
{
	buf->mark = *number;
	*state += 1;
	return WEIR_NEXT;
}

WEIR_PROCESS(stamp_vector, stamp_packet, uint64_t, uint64_t)

static const struct weir_stage_type stamp_type = {
	.name = "stamp",
	.help = "writes a number on each packet",
	.options_size = sizeof(struct stamp),
	.config_size = sizeof(uint64_t),
	.state_size = sizeof(uint64_t),
	.configure = stamp_configure,
	.release = stamp_release,
	.process = stamp_vector,
};

static inline weir_verdict compare_packet(struct weir_buf *buf, const uint64_t *number, uint64_t *state)
{
	(void)state;
	return buf->mark == *number ? WEIR_NEXT : WEIR_DROP(0);
}

WEIR_PROCESS(compare_vector, compare_packet, uint64_t, uint64_t)

static const struct weir_reason compare_reasons[] = { { "other", "another number is on it" }, { 0 } };

static const struct weir_stage_type compare_type = {
	.name = "compare",
	.help = "looks for its number on each packet",
	.reasons = compare_reasons,
	.options_size = sizeof(struct stamp),
	.config_size = sizeof(uint64_t),
	.configure = stamp_configure,
	.release = stamp_release,
	.process = compare_vector,
};

#define stamp(...)   WEIR_STAGE(stamp_type, struct stamp, __VA_ARGS__)
#define compare(...) WEIR_STAGE(compare_type, struct stamp, __VA_ARGS__)

/* Waits inside of a stage, which no stage may, until the test lets it go. */
static sem_t gate;
static uint64_t shut;

static weir_verdict wait_at_gate(struct weir_buf *buf)
{
	(void)buf;
	if (fake_load(shut))
		sem_wait(&gate);
	return WEIR_NEXT;
}

static void shut_gate(void)
{
	fake_store(shut, 1);
}

static void open_gate(void)
{
	fake_store(shut, 0);
	sem_post(&gate);
}

/* --- what the log said ------------------------------------------------------------------------------------
 */

static char said[4096];
static pthread_mutex_t said_lock = PTHREAD_MUTEX_INITIALIZER;

static void note(void *data, enum weir_log_level level, const char *line)
{
	(void)data;
	(void)level;
	pthread_mutex_lock(&said_lock);
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s\n", line);
	pthread_mutex_unlock(&said_lock);
}

static bool was_said(const char *text)
{
	bool found;

	pthread_mutex_lock(&said_lock);
	found = strstr(said, text);
	pthread_mutex_unlock(&said_lock);
	return found;
}

/* --- the pipeline -----------------------------------------------------------------------------------------
 */

/* Longer than a busy machine needs, and for a worker that is stuck, no longer than a test can wait. */
#define PATIENCE_MS 60000
#define SHORT_MS    100

#define CONFIG(...)                                                                            \
	{                                                                                      \
		.endpoints = { fake("in", .fake = &in), fake("out", .fake = &out) },           \
		.workers = { { "a", .unpinned = true } },                                      \
		.chains = { { "main", .stages = { weir_read("in", .worker = "a"), __VA_ARGS__, \
						  weir_write("out") } } },                     \
		.log = note, .change_ms = PATIENCE_MS,                                         \
	}

static int setup(void **state)
{
	(void)state;
	fake_init(&in);
	fake_init(&out);
	said[0] = '\0';
	sem_init(&gate, 0, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_free(&in);
	fake_free(&out);
	sem_destroy(&gate);
	assert_int_equal(configs, 0);
	return 0;
}

static int configure(struct weir_pipeline *pipeline, const char *path, struct weir_stage stage,
		     struct weir_error *err)
{
	return weir_stage_configure(pipeline, path, &stage, err);
}

#define ROW(...) ((struct weir_stage)__VA_ARGS__)

static uint64_t dropped(struct weir_pipeline *pipeline)
{
	struct weir_counters *counters = weir_counters_read(pipeline);
	const uint64_t n = counters->dropped;

	weir_counters_free(counters);
	return n;
}

/* Every packet that is given from now on meets what is configured now. */
static void pass(struct weir_pipeline *pipeline, uint64_t n)
{
	const uint64_t before = fake_load(out.taken) + dropped(pipeline);

	fake_give(&in, n);
	wait_for(fake_load(out.taken) + dropped(pipeline) == before + n);
}

/* --- one stage --------------------------------------------------------------------------------------------
 */

static void changes_one_stage(void **state)
{
	const struct weir_config config = CONFIG(stamp(.number = 1), compare(.number = 1));
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters;
	struct weir_error err;

	(void)state;
	start(pipeline);
	pass(pipeline, 100);
	assert_int_equal(out.taken, 100);
	assert_int_equal(configure(pipeline, "main/compare", ROW(compare(.number = 2)), &err), 0);
	pass(pipeline, 100);
	assert_int_equal(out.taken, 100);
	assert_int_equal(configure(pipeline, "main/stamp", ROW(stamp(.number = 2)), &err), 0);
	pass(pipeline, 100);
	assert_int_equal(out.taken, 200);
	/* Its state and its counters have stayed. */
	assert_int_equal(*(const uint64_t *)weir_pipeline_stage(pipeline, "main/stamp", &stamp_type), 300);
	counters = read_counters(pipeline);
	assert_int_equal(packets_of(counters, "main/stamp"), 300);
	assert_int_equal(weir_counters_drop(counters, "main/compare", "other"), 100);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

static void changes_one_that_does_not_run(void **state)
{
	const struct weir_config config = CONFIG(stamp(.number = 1), compare(.number = 2));
	struct weir_pipeline *pipeline = create(&config);

	(void)state;
	assert_int_equal(configure(pipeline, "main/stamp", ROW(stamp(.number = 2)), NULL), 0);
	start(pipeline);
	pass(pipeline, 10);
	assert_int_equal(out.taken, 10);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	assert_int_equal(configure(pipeline, "main/stamp", ROW(stamp(.number = 3)), NULL), 0);
	start(pipeline);
	pass(pipeline, 10);
	assert_int_equal(out.taken, 10);
	weir_pipeline_destroy(pipeline);
}

static void refuses(void **state)
{
	const struct weir_config config =
		CONFIG(stamp(.number = 1), compare(.number = 1), judge(.decide = wait_at_gate));
	struct weir_pipeline *pipeline = create(&config);
	struct weir_error err;

	(void)state;
	start(pipeline);
	assert_int_equal(configure(pipeline, "main/stemp", ROW(stamp()), &err), -ENOENT);
	assert_string_equal(err.text, "main/stemp: there is no such stage");
	assert_int_equal(configure(pipeline, "main/write", ROW(stamp()), &err), -ENOENT);
	assert_int_equal(configure(pipeline, "main/stamp", ROW(compare()), &err), -EINVAL);
	assert_string_equal(err.text, "main/stamp: it is a stamp, not a compare");
	assert_int_equal(configure(pipeline, "main/stamp", ROW(stamp(.number = UINT64_MAX)), &err), -EINVAL);
	assert_string_equal(err.text, "main/stamp: number: too large");
	assert_int_equal(configure(pipeline, "main/stamp", (struct weir_stage){ .type = &stamp_type }, &err),
			 -EINVAL);
	assert_string_equal(err.text, "main/stamp: options: missing");
	assert_int_equal(configure(pipeline, "main/judge",
				   ROW(judge(.decide = wait_at_gate, .exit = { "main" })), &err),
			 -EINVAL);
	assert_string_equal(
		err.text, "main/judge: exit[0]: 'main': only weir_pipeline_apply() leads an exit elsewhere");
	pass(pipeline, 10);
	assert_int_equal(out.taken, 10);
	weir_pipeline_destroy(pipeline);
}

/* --- several stages ---------------------------------------------------------------------------------------
 */

static struct weir_change *begin(struct weir_pipeline *pipeline)
{
	struct weir_change *change;

	assert_int_equal(weir_change_begin(&change, pipeline, NULL), 0);
	return change;
}

static int put(struct weir_change *change, const char *path, struct weir_stage stage)
{
	return weir_change_stage(change, path, &stage, NULL);
}

static void change_both(struct weir_pipeline *pipeline, uint64_t number)
{
	struct weir_change *change = begin(pipeline);

	assert_int_equal(put(change, "main/stamp", ROW(stamp(.number = number))), 0);
	assert_int_equal(put(change, "main/compare", ROW(compare(.number = number))), 0);
	assert_int_equal(weir_change_commit(change, NULL), 0);
}

/* A vector that met the one old and the other new would be dropped. */
static void changes_several_as_one(void **state)
{
	const struct weir_config config = CONFIG(stamp(.number = 0), compare(.number = 0));
	struct weir_pipeline *pipeline = create(&config);

	(void)state;
	start(pipeline);
	for (uint64_t number = 1; number < 2000; number++) {
		fake_give(&in, 100);
		change_both(pipeline, number);
	}
	wait_for(fake_load(out.taken) + dropped(pipeline) == in.allowed);
	assert_int_equal(dropped(pipeline), 0);
	weir_pipeline_destroy(pipeline);
}

static void abandons(void **state)
{
	const struct weir_config config = CONFIG(stamp(.number = 1), compare(.number = 1));
	struct weir_pipeline *pipeline = create(&config);
	struct weir_change *change = begin(pipeline);

	(void)state;
	start(pipeline);
	assert_int_equal(put(change, "main/stamp", ROW(stamp(.number = 2))), 0);
	assert_int_equal(put(change, "main/stamp", ROW(stamp(.number = UINT64_MAX))), -EINVAL);
	weir_change_abandon(change);
	pass(pipeline, 10);
	assert_int_equal(out.taken, 10);
	weir_change_abandon(NULL);
	weir_pipeline_destroy(pipeline);
}

/* Of two configurations for a stage the later one counts. */
static void takes_the_later_one(void **state)
{
	const struct weir_config config = CONFIG(stamp(.number = 1), compare(.number = 3));
	struct weir_pipeline *pipeline = create(&config);
	struct weir_change *change = begin(pipeline);

	(void)state;
	start(pipeline);
	assert_int_equal(put(change, "main/stamp", ROW(stamp(.number = 2))), 0);
	assert_int_equal(put(change, "main/stamp", ROW(stamp(.number = 3))), 0);
	assert_int_equal(weir_change_commit(change, NULL), 0);
	pass(pipeline, 10);
	assert_int_equal(out.taken, 10);
	weir_pipeline_destroy(pipeline);
}

static void finds_a_stage_removed(void **state)
{
	const struct weir_config config = CONFIG(stamp(.number = 1), compare(.number = 1));
	const struct weir_config without = CONFIG(stamp(.number = 1));
	struct weir_pipeline *pipeline = create(&config);
	struct weir_change *change = begin(pipeline);
	struct weir_error err;

	(void)state;
	start(pipeline);
	assert_int_equal(put(change, "main/stamp", ROW(stamp(.number = 2))), 0);
	assert_int_equal(put(change, "main/compare", ROW(compare(.number = 2))), 0);
	assert_int_equal(weir_pipeline_apply(pipeline, &without, &err), 0);
	assert_int_equal(weir_change_commit(change, &err), -ENOENT);
	assert_string_equal(err.text, "main/compare: the stage has been removed meanwhile");
	assert_int_equal(weir_pipeline_apply(pipeline, &config, &err), 0);
	pass(pipeline, 10);
	assert_int_equal(out.taken, 10);
	weir_pipeline_destroy(pipeline);
}

/* --- a worker that is stuck -------------------------------------------------------------------------------
 */

static bool is_stuck(struct weir_pipeline *pipeline)
{
	struct weir_counters *counters = weir_counters_read(pipeline);
	const bool stuck = counters->workers[0].stuck_ms > 0;

	if (stuck)
		assert_string_equal(counters->workers[0].stuck_in, "main/judge");
	weir_counters_free(counters);
	return stuck;
}

static void names_a_stage_that_blocks(void **state)
{
	struct weir_config config =
		CONFIG(stamp(.number = 1), judge(.decide = wait_at_gate), compare(.number = 1));
	struct weir_pipeline *pipeline;
	struct weir_counters *counters;
	struct weir_error err;

	(void)state;
	config.change_ms = SHORT_MS;
	pipeline = create(&config);
	start(pipeline);
	shut_gate();
	fake_give(&in, 1);
	wait_for(is_stuck(pipeline));
	wait_for(was_said("worker a is stuck in main/judge"));
	assert_int_equal(configure(pipeline, "main/stamp", ROW(stamp(.number = 2)), &err), -ETIMEDOUT);
	assert_string_equal(err.text, "worker 'a' is stuck in main/judge");
	open_gate();
	wait_for(was_said("worker a goes on after"));
	/* What was refused has left nothing. */
	pass(pipeline, 10);
	assert_int_equal(out.taken, 11);
	wait_for(configure(pipeline, "main/stamp", ROW(stamp(.number = 2)), &err) == 0);
	wait_for(configure(pipeline, "main/compare", ROW(compare(.number = 2)), &err) == 0);
	pass(pipeline, 10);
	assert_int_equal(out.taken, 21);
	counters = read_counters(pipeline);
	assert_true(counters->workers[0].stuck >= 1);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

static void stops_when_it_goes_on(void **state)
{
	struct weir_config config = CONFIG(judge(.decide = wait_at_gate));
	struct weir_pipeline *pipeline;
	struct weir_error err;

	(void)state;
	config.change_ms = SHORT_MS;
	pipeline = create(&config);
	start(pipeline);
	shut_gate();
	fake_give(&in, 1);
	wait_for(is_stuck(pipeline));
	assert_int_equal(weir_pipeline_stop(pipeline), -ETIMEDOUT);
	assert_int_equal(weir_pipeline_apply(pipeline, &config, &err), -EBUSY);
	assert_int_equal(weir_pipeline_start(pipeline, &err), -EBUSY);
	open_gate();
	wait_for(weir_pipeline_stop(pipeline) == 0);
	start(pipeline);
	pass(pipeline, 10);
	weir_pipeline_destroy(pipeline);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(changes_one_stage),
		TEST(changes_one_that_does_not_run),
		TEST(refuses),
		TEST(changes_several_as_one),
		TEST(abandons),
		TEST(takes_the_later_one),
		TEST(finds_a_stage_removed),
		TEST(names_a_stage_that_blocks),
		TEST(stops_when_it_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
