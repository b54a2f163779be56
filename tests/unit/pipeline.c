/* SPDX-License-Identifier: Apache-2.0 */
/* The life of pipelines: started, stopped, waited for, hit by death and hunger; every packet is accounted
 * for. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "fake.h"
#include "sanitizer.h"

#define RX                             \
	{                              \
		"rx", .unpinned = true \
	}
#define TX                             \
	{                              \
		"tx", .unpinned = true \
	}
#define FAKE(name, i)  fake(name, .fake = &fakes[i])
#define READ(name, on) weir_read(name, .worker = on)
#define MAC            "02:00:00:00:00:01"

#define FAKES 4

static struct fake fakes[FAKES];

/* What the pipeline of a test said. */
static struct {
	pthread_mutex_t lock;
	unsigned n;
	enum weir_log_level levels[8];
	char lines[8][256];
} said = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void hear(void *data, enum weir_log_level level, const char *line)
{
	(void)data;
	/* What the watchdog says of a worker that a busy machine does not let run. */
	if (strncmp(line, "worker ", 7) == 0)
		return;
	pthread_mutex_lock(&said.lock);
	if (said.n < countof(said.lines)) {
		said.levels[said.n] = level;
		snprintf(said.lines[said.n], sizeof(said.lines[0]), "%s", line);
	}
	said.n++;
	pthread_mutex_unlock(&said.lock);
}

static unsigned heard(void)
{
	unsigned n;

	pthread_mutex_lock(&said.lock);
	n = said.n;
	pthread_mutex_unlock(&said.lock);
	return n;
}

static void expect_said(unsigned i, enum weir_log_level level, const char *line)
{
	assert_true(heard() > i);
	assert_string_equal(said.lines[i], line);
	assert_int_equal(said.levels[i], level);
}

static int setup(void **state)
{
	(void)state;
	said.n = 0;
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

static uint64_t drops(struct weir_pipeline *pipeline, const char *path, const char *reason)
{
	struct weir_counters *counters = weir_counters_read(pipeline);
	uint64_t n;

	assert_non_null(counters);
	n = weir_counters_drop(counters, path, reason);
	weir_counters_free(counters);
	return n;
}

static unsigned count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(directory);
	while (readdir(directory))
		n++;
	closedir(directory);
	return n;
}

/* fakes[0] to fakes[1], by a ring. */
static const struct weir_config two_workers = {
	.endpoints = { FAKE("in", 0), FAKE("out", 1) },
	.workers = { RX, TX },
	.chains = { { "flow",
		      .stages = { READ("in", "rx"), weir_ring(.worker = "tx"), weir_write("out") } } },
	.drain_ms = 1000000, /* longer than any machine is busy */
	.log = hear,
};

/* fakes[0] to fakes[1] and fakes[2] to fakes[3], a worker each. */
static const struct weir_config two_flows = {
	.endpoints = { FAKE("in", 0), FAKE("out", 1), FAKE("in2", 2), FAKE("out2", 3) },
	.workers = { RX, TX },
	.chains = { { "flow", .stages = { READ("in", "rx"), weir_write("out") } },
		    { "flow2", .stages = { READ("in2", "tx"), weir_write("out2") } } },
	.log = hear,
};

static void runs_on_one_worker(void **state)
{
	const struct weir_config config = {
		.endpoints = { weir_generator("in", .count = 100000), weir_null("out") },
		.workers = { RX },
		.chains = { { "flow", .stages = { READ("in", "rx"), weir_write("out") } } },
	};
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters = run(pipeline);

	(void)state;
	assert_int_equal(counters->received, 100000);
	assert_int_equal(counters->sent, 100000);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

static void runs_on_two_workers(void **state)
{
	const uint64_t n = TEST_ROUNDS(3000000);
	const struct weir_config config = {
		.endpoints = { weir_generator("in", .count = n), weir_null("out") },
		.workers = { RX, TX },
		.chains = { { "flow", .stages = { READ("in", "rx"), weir_ring(.worker = "tx"),
						  weir_write("out") } } },
	};
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters = run(pipeline);

	(void)state;
	assert_int_equal(counters->received, n);
	assert_int_equal(counters->sent, n);
	assert_int_equal(counters->dropped, 0);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

/* The reader finds no buffer most of the time, and whoever frees one may be faster than it falls asleep. */
static void runs_on_few_buffers(void **state)
{
	const uint64_t n = TEST_ROUNDS(10000000);
	const struct weir_config config = {
		.endpoints = { weir_generator("in", .count = n), weir_null("out") },
		.workers = { RX, TX },
		.pool = { .buffers = 4 * WEIR_VECTOR_SIZE, .overcommit = true },
		.chains = { { "flow", .stages = { READ("in", "rx"), weir_ring(.worker = "tx"),
						  weir_write("out") } } },
	};
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters = run(pipeline);

	(void)state;
	assert_int_equal(counters->sent, n);
	assert_true(counters->starved > 0);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

static void runs_all_stages(void **state)
{
	const uint64_t n = TEST_ROUNDS(10000000);
	const struct weir_config config = {
		.endpoints = { weir_generator("in", .count = n, .flows = 100), weir_null("out") },
		.workers = { RX },
		.chains = { { "flow", .stages = { READ("in", "rx"), weir_af_decap(),
						  weir_eth_wrap(.source = MAC, .next_hop = MAC),
						  weir_mac_filter(.own = WEIR_LIST(MAC)), weir_stats(),
						  weir_eth_unwrap(), weir_af_encap(), weir_write("out") } } },
	};
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters = run(pipeline);
	struct weir_stats_snapshot stats;

	(void)state;
	assert_int_equal(counters->received, n);
	assert_int_equal(counters->sent, n);
	assert_int_equal(counters->dropped, 0);
	for (unsigned i = 0; i < counters->n_stages; i++) {
		assert_int_equal(counters->stages[i].packets, n);
		assert_int_equal(counters->stages[i].bytes,
				 n * (i >= 2 && i <= 4 ? 64 + 14 : 64)); /* between eth_wrap and eth_unwrap */
	}
	assert_int_equal(weir_stats_read(pipeline, "flow/stats", 0, &stats), 0);
	assert_int_equal(stats.packets, n);
	assert_int_equal(stats.ipv4, n);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

static void starts_and_stops(void **state)
{
	const unsigned fds = count_fds();
	struct weir_pipeline *pipeline = create(&two_workers);
	struct weir_error err;

	(void)state;
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	assert_int_equal(weir_pipeline_wait(pipeline, 0), -EINVAL);
	start(pipeline);
	assert_int_equal(weir_pipeline_start(pipeline, &err), -EALREADY);
	assert_string_equal(err.text, "the pipeline runs already");
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	assert_int_equal(weir_pipeline_wait(pipeline, 0), -EINVAL);
	start(pipeline);
	/* Running or not, it can be destroyed; so can nothing. */
	weir_pipeline_destroy(pipeline);
	weir_pipeline_destroy(NULL);
	assert_int_equal(count_fds(), fds);
}

static void goes_on_after_a_stop(void **state)
{
	struct weir_pipeline *pipeline = create(&two_workers);
	struct weir_counters *counters;

	(void)state;
	fake_record(&fakes[1], 10000);
	for (uint64_t round = 1; round <= 10; round++) {
		fake_give(&fakes[0], 500);
		start(pipeline);
		fake_give(&fakes[0], 500);
		wait_for(fake_load(fakes[0].given) == round * 1000);
		assert_int_equal(weir_pipeline_stop(pipeline), 0);
		/* What was read has left. */
		assert_int_equal(fakes[1].taken, round * 1000);
		counters = read_counters(pipeline);
		assert_int_equal(counters->sent, round * 1000);
		assert_int_equal(counters->held, 0);
		weir_counters_free(counters);
	}
	for (uint64_t i = 0; i < 10000; i++)
		assert_int_equal(fakes[1].numbers[i], i);
	weir_pipeline_destroy(pipeline);
}

static void a_stop_does_not_wait_for_a_blocked_writer(void **state)
{
	const uint64_t inside = (1 + 16 + 1) * WEIR_VECTOR_SIZE;
	struct weir_config config = two_workers;
	struct weir_pipeline *pipeline;
	struct weir_counters *counters;
	uint64_t begin;

	(void)state;
	config.drain_ms = 50;
	pipeline = create(&config);
	fakes[1].room = 5;
	fake_record(&fakes[1], 10000);
	fake_give(&fakes[0], 10000);
	start(pipeline);
	wait_for(fake_load(fakes[0].given) == inside);
	begin = weir__now();
	assert_int_equal(weir_pipeline_stop(pipeline), -ETIMEDOUT);
	assert_true(weir__now() - begin >= 50 * 1000000ull);
	counters = read_counters(pipeline);
	assert_int_equal(counters->received, inside);
	assert_int_equal(counters->sent, 5);
	assert_int_equal(counters->held, 0);
	assert_int_equal(weir_counters_drop(counters, "flow/write", "stopped"), WEIR_VECTOR_SIZE - 5);
	assert_int_equal(weir_counters_drop(counters, "flow/ring", "stopped"), inside - WEIR_VECTOR_SIZE);
	weir_counters_free(counters);

	/* It is as good as new. */
	fake_take(&fakes[1], 10000);
	start(pipeline);
	fake_give_last(&fakes[0], 0);
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = read_counters(pipeline);
	assert_int_equal(counters->received, 10000);
	assert_int_equal(counters->sent, 10000 - inside + 5);
	for (uint64_t i = 5; i < fakes[1].taken; i++)
		assert_int_equal(fakes[1].numbers[i], i + inside - 5);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

static void a_stop_waits_for_a_writer_that_goes_on(void **state)
{
	struct weir_pipeline *pipeline = create(&two_workers);
	struct weir_counters *counters;

	(void)state;
	fakes[1].room = 0;
	fake_give(&fakes[0], 500);
	start(pipeline);
	wait_for(fake_load(fakes[0].given) == 500);
	/* Enough for the writer to go on while the stop waits; it does not depend on when that is. */
	fake_take(&fakes[1], 500);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = read_counters(pipeline);
	assert_int_equal(counters->sent, 500);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

static void waits_until_nothing_is_in_flight(void **state)
{
	struct weir_pipeline *pipeline = create(&two_workers);
	struct weir_counters *counters;

	(void)state;
	fakes[1].room = 0;
	start(pipeline);
	/* A reader that may give more. */
	assert_int_equal(weir_pipeline_wait(pipeline, 0), -ETIMEDOUT);
	fake_give(&fakes[0], 100);
	wait_for(fake_load(fakes[0].given) == 100);
	assert_int_equal(weir_pipeline_wait(pipeline, 10), -ETIMEDOUT);
	/* It has ended, but a packet is inside. */
	fake_give_last(&fakes[0], 0);
	wait_for(weir_pipeline_endpoint_state(pipeline, "in", NULL) == WEIR_ENDPOINT_ENDED);
	assert_int_equal(weir_pipeline_wait(pipeline, 10), -ETIMEDOUT);
	fake_take(&fakes[1], 99);
	wait_for(fake_load(fakes[1].taken) == 99);
	assert_int_equal(weir_pipeline_wait(pipeline, 10), -ETIMEDOUT);
	fake_take(&fakes[1], 1);
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	assert_int_equal(fake_load(fakes[1].taken), 100);
	/* It runs all the same. */
	assert_int_equal(weir_pipeline_wait(pipeline, 0), 0);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = read_counters(pipeline);
	assert_int_equal(counters->sent, 100);
	weir_counters_free(counters);
	expect_said(0, WEIR_LOG_INFO, "endpoint in ended");
	assert_int_equal(heard(), 1);
	weir_pipeline_destroy(pipeline);
}

static void goes_on_without_a_reader_that_died(void **state)
{
	struct weir_pipeline *pipeline = create(&two_flows);
	struct weir_counters *counters;
	struct weir_error err;
	int error = 1;

	(void)state;
	start(pipeline);
	assert_int_equal(weir_pipeline_endpoint_state(pipeline, "in", &error), WEIR_ENDPOINT_UP);
	assert_int_equal(error, 0);
	assert_int_equal(weir_pipeline_endpoint_recover(pipeline, "in", &err), -EALREADY);
	assert_string_equal(err.text, "endpoint in: it is not dead");
	assert_int_equal(weir_pipeline_endpoint_recover(pipeline, "inn", &err), -ENOENT);
	assert_string_equal(err.text, "no endpoint is named 'inn'");
	assert_int_equal(weir_pipeline_endpoint_state(pipeline, "inn", &error), -ENOENT);

	/* What was read together with the error is not lost. */
	wait_for(is_asleep(pipeline, 0));
	fake_store(fakes[0].read_error, -ENODEV);
	fake_give(&fakes[0], 10);
	wait_for(weir_pipeline_endpoint_state(pipeline, "in", &error) == WEIR_ENDPOINT_DEAD);
	assert_int_equal(error, -ENODEV);
	wait_for(fake_load(fakes[1].taken) == 10);
	fake_give(&fakes[2], 1000);
	wait_for(fake_load(fakes[3].taken) == 1000);
	expect_said(0, WEIR_LOG_ERROR, "endpoint in died: No such device");
	assert_int_equal(heard(), 1);

	fakes[0].recover_error = -EBUSY;
	assert_int_equal(weir_pipeline_endpoint_recover(pipeline, "in", &err), -EBUSY);
	assert_string_equal(err.text, "endpoint in: still dead");
	assert_int_equal(weir_pipeline_endpoint_state(pipeline, "in", NULL), WEIR_ENDPOINT_DEAD);
	fakes[0].recover_error = 0;
	assert_int_equal(weir_pipeline_endpoint_recover(pipeline, "in", &err), 0);
	assert_int_equal(weir_pipeline_endpoint_state(pipeline, "in", &error), WEIR_ENDPOINT_UP);
	assert_int_equal(error, 0);
	expect_said(1, WEIR_LOG_INFO, "endpoint in is back");
	fake_give(&fakes[0], 10);
	wait_for(fake_load(fakes[1].taken) == 20);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = read_counters(pipeline);
	assert_int_equal(counters->sent, 1020);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

static void counts_what_a_dead_writer_does_not_take(void **state)
{
	struct weir_pipeline *pipeline = create(&two_workers);
	struct weir_counters *counters;
	int error;

	(void)state;
	fakes[1].room = 40;
	fake_give(&fakes[0], 100);
	start(pipeline);
	wait_for(fake_load(fakes[1].taken) == 40 && fake_load(fakes[0].given) == 100);
	/* It is blocked when it dies. */
	fake_fail_write(&fakes[1], -EIO);
	wait_for(weir_pipeline_endpoint_state(pipeline, "out", &error) == WEIR_ENDPOINT_DEAD);
	assert_int_equal(error, -EIO);
	fake_give(&fakes[0], 1000);
	wait_for(drops(pipeline, "flow/write", "endpoint_down") == 1060);
	expect_said(0, WEIR_LOG_ERROR, "endpoint out died: Input/output error");
	assert_int_equal(heard(), 1);

	assert_int_equal(weir_pipeline_endpoint_recover(pipeline, "out", NULL), 0);
	fake_take(&fakes[1], 1000);
	fake_give_last(&fakes[0], 10);
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = read_counters(pipeline);
	assert_int_equal(counters->sent, 50);
	assert_int_equal(weir_counters_drop(counters, "flow/write", "endpoint_down"), 1060);
	assert_int_equal(counters->received, 1110);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

static void a_dead_reader_is_waited_for_no_longer(void **state)
{
	struct weir_pipeline *pipeline = create(&two_workers);

	(void)state;
	fake_give(&fakes[0], 20);
	fake_fail_read(&fakes[0], -EIO);
	start(pipeline);
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	assert_int_equal(fake_load(fakes[1].taken), 20);
	weir_pipeline_destroy(pipeline);
}

static void not_everything_can_be_recovered(void **state)
{
	struct weir_endpoint_type mortal = fake_type;
	const struct fake_options options = { .name = "in", .fake = &fakes[0] };
	const struct weir_config config = {
		.endpoints = { { &mortal, &options }, FAKE("out", 1) },
		.workers = { RX },
		.chains = { { "flow", .stages = { READ("in", "rx"), weir_write("out") } } },
		.log = hear,
	};
	struct weir_pipeline *pipeline;
	struct weir_error err;

	(void)state;
	mortal.recover = NULL;
	pipeline = create(&config);
	fake_fail_read(&fakes[0], -EIO);
	start(pipeline);
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	assert_int_equal(weir_pipeline_endpoint_recover(pipeline, "in", &err), -ENOTSUP);
	assert_string_equal(err.text, "endpoint in: fake cannot be recovered");
	weir_pipeline_destroy(pipeline);
}

/* Both ends of one endpoint find it dead at the same time: that is one death. */
static void dies_once(void **state)
{
	const unsigned rounds = 300;
	const struct weir_config config = {
		.endpoints = { FAKE("both", 0), FAKE("in", 2), FAKE("out", 3) },
		.workers = { RX, TX },
		.chains = { { "from", .stages = { READ("both", "rx"), weir_write("out") } },
			    { "to", .stages = { READ("in", "tx"), weir_write("both") } } },
		.log = hear,
	};
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters;

	(void)state;
	start(pipeline);
	for (unsigned i = 0; i < rounds; i++) {
		fake_fail_write(&fakes[0], -EPIPE);
		fake_give(&fakes[2], 100);
		fake_fail_read(&fakes[0], -EPIPE);
		wait_for(weir_pipeline_endpoint_state(pipeline, "both", NULL) == WEIR_ENDPOINT_DEAD);
		assert_int_equal(weir_pipeline_endpoint_recover(pipeline, "both", NULL), 0);
		fake_give(&fakes[0], 10);
		wait_for(fake_load(fakes[3].taken) == 10 * (i + 1));
	}
	/* Each round said that it died and that it is back. */
	assert_int_equal(heard(), 2 * rounds);
	wait_for(fake_load(fakes[2].given) == 100 * rounds);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = read_counters(pipeline);
	assert_int_equal(packets_of(counters, "to/write") +
				 weir_counters_drop(counters, "to/write", "endpoint_down"),
			 100 * rounds);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

/* A hang-up that was seen together with the death is not the death of what came back. */
static void forgets_a_hang_up_with_its_endpoint(void **state)
{
	const struct weir_config config = {
		.endpoints = { FAKE("both", 0), FAKE("in", 2), FAKE("out", 3) },
		.workers = { RX },
		.chains = { { "from", .stages = { READ("both", "rx"), weir_write("out") } },
			    { "to", .stages = { READ("in", "rx"), weir_write("both") } } },
		.log = hear,
	};
	struct weir_pipeline *pipeline;
	char path[40];
	int pipes[2];

	(void)state;
	assert_int_equal(pipe2(pipes, O_CLOEXEC | O_NONBLOCK), 0);
	close(fakes[0].read_fd);
	fakes[0].read_fd = pipes[0];
	fakes[0].room = 0;
	pipeline = create(&config);
	start(pipeline);
	/* The writer is blocked, so its end is tried again whenever the worker wakes. */
	fake_give(&fakes[2], 1);
	wait_for(fake_load(pipeline->shape->workers[0]->blocked) && is_asleep(pipeline, 0));
	fake_store(fakes[0].write_error, -EPIPE);
	close(pipes[1]);
	wait_for(weir_pipeline_endpoint_state(pipeline, "both", NULL) == WEIR_ENDPOINT_DEAD);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", pipes[0]);
	pipes[1] = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(pipes[1] >= 0);
	assert_int_equal(weir_pipeline_endpoint_recover(pipeline, "both", NULL), 0);
	/* Nothing has come yet when it is read for the first time. */
	wait_for(is_asleep(pipeline, 0));
	assert_int_equal(weir_pipeline_endpoint_state(pipeline, "both", NULL), WEIR_ENDPOINT_UP);
	fake_store(fakes[0].allowed, 10);
	fake_ring(pipes[1]);
	wait_for(fake_load(fakes[3].taken) == 10);
	/* A new one is. */
	close(pipes[1]);
	wait_for(weir_pipeline_endpoint_state(pipeline, "both", NULL) == WEIR_ENDPOINT_DEAD);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	weir_pipeline_destroy(pipeline);
}

/* There and back, by rings, with far fewer buffers than they could hold. */
static void starves(const struct weir_config *config, uint64_t n)
{
	struct weir_pipeline *pipeline = create(config);
	struct weir_counters *counters;

	fake_record(&fakes[1], n);
	fake_record(&fakes[3], n);
	fakes[1].room = 0;
	fake_give_last(&fakes[0], n);
	fake_give_last(&fakes[2], n);
	start(pipeline);
	/* One way is blocked, and has taken what it could get. */
	wait_for(is_asleep(pipeline, 0) && is_asleep(pipeline, 1) && fake_load(fakes[0].given));
	fake_take(&fakes[1], n);
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = read_counters(pipeline);
	assert_int_equal(counters->sent, 2 * n);
	assert_int_equal(counters->held, 0);
	assert_true(counters->starved > 0);
	for (uint64_t i = 0; i < n; i++) {
		assert_int_equal(fakes[1].numbers[i], i);
		assert_int_equal(fakes[3].numbers[i], i);
	}
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

#define HUNGRY(...)                                                                              \
	{                                                                                        \
		.endpoints = { FAKE("in", 0), FAKE("out", 1), FAKE("in2", 2), FAKE("out2", 3) }, \
		.workers = { RX, TX },                                                           \
		.chains = { { "flow", .stages = { READ("in", "rx"), weir_ring(.worker = "tx"),   \
						  weir_write("out") } },                         \
			    { "flow2", .stages = { READ("in2", "tx"), weir_ring(.worker = "rx"), \
						   weir_write("out2") } } },                     \
		.pool = { .overcommit = true, __VA_ARGS__ }, .log = hear,                        \
	}

static void everybody_eats_in_the_end(void **state)
{
	const struct weir_config config = HUNGRY(.buffers = 2 * 2 * WEIR_VECTOR_SIZE);

	(void)state;
	starves(&config, TEST_ROUNDS(20000));
}

static void everybody_eats_jumbo_buffers_in_the_end(void **state)
{
	const struct weir_config config = HUNGRY(.buffers = 200, .jumbo = 16);

	(void)state;
	for (int i = 0; i < FAKES; i++)
		fakes[i].bytes = 9000;
	starves(&config, TEST_ROUNDS(4000));
}

static void carries_packets_of_any_size(void **state)
{
	const struct weir_config config = {
		.endpoints = { fake("in", .fake = &fakes[0], .max_packet = 65535), FAKE("out", 1) },
		.workers = { RX, TX },
		.chains = { { "flow", .stages = { READ("in", "rx"), weir_ring(.worker = "tx"), weir_stats(),
						  weir_write("out") } } },
	};
	static const uint64_t sizes[] = { 65535, 8, 1536, 1537, 9000, 65534, 100 };
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters;
	uint64_t n = 0;

	(void)state;
	start(pipeline);
	for (size_t i = 0; i < countof(sizes); i++) {
		fake_store(fakes[0].bytes, sizes[i]);
		fake_store(fakes[1].bytes, sizes[i]);
		fake_give(&fakes[0], 300);
		n += 300;
		wait_for(fake_load(fakes[1].taken) == n);
	}
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = read_counters(pipeline);
	assert_int_equal(counters->sent, n);
	assert_int_equal(counters->held, 0);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

/* A pool of small buffers only. */
static void counts_packets_that_are_too_long(void **state)
{
	struct weir_pipeline *pipeline = create(&two_workers);
	struct weir_counters *counters;

	(void)state;
	fakes[0].bytes = 5000;
	fake_give(&fakes[0], 100);
	start(pipeline);
	wait_for(fake_load(fakes[0].given) == 100 && is_asleep(pipeline, 0));
	fake_store(fakes[0].bytes, 500);
	fake_give_last(&fakes[0], 10);
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = read_counters(pipeline);
	assert_int_equal(counters->received, 110);
	assert_int_equal(counters->sent, 10);
	assert_int_equal(weir_counters_drop(counters, "flow/read", "too_long"), 100);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

/* The fd endpoint has a reason of that name too. */
static void finds_reasons_of_one_name(void **state)
{
	static const uint8_t packet[3000];
	struct weir_config config = {
		.workers = { RX },
		.chains = { { "flow", .stages = { READ("in", "rx"), weir_write("out") } } },
	};
	struct weir_pipeline *pipeline;
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
	config.endpoints[0] = (struct weir_endpoint)weir_fd("in", .fd = ends[0], .ownership = WEIR_FD_TAKEN);
	config.endpoints[1] = (struct weir_endpoint)weir_null("out");
	pipeline = create(&config);
	start(pipeline);
	assert_int_equal(send(ends[1], packet, sizeof(packet), 0), sizeof(packet));
	wait_for(drops(pipeline, "flow/read", "too_long") == 1);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	weir_pipeline_destroy(pipeline);
	close(ends[1]);
}

/* While others work, a worker without work does not turn once. */
static void an_idle_worker_sleeps(void **state)
{
	struct weir_pipeline *pipeline = create(&two_flows);
	struct weir_counters *before, *after;
	struct pollfd fd = { .fd = fakes[0].read_fd, .events = POLLIN };

	(void)state;
	start(pipeline);
	/* A worker that begins rings the others. */
	fake_give(&fakes[2], 50);
	wait_for(fake_load(fakes[3].taken) == 50);
	fake_give(&fakes[0], 10);
	wait_for(fake_load(fakes[1].taken) == 10);
	/* It finds its descriptor empty, and sleeps for good. */
	wait_for(poll(&fd, 1, 0) == 0);
	wait_for(is_asleep(pipeline, 0));
	before = weir_counters_read(pipeline);
	for (uint64_t i = 2; i <= 1000; i++) {
		fake_give(&fakes[2], 50);
		wait_for(fake_load(fakes[3].taken) == 50 * i);
	}
	after = weir_counters_read(pipeline);
	assert_int_equal(before->workers[0].passes, after->workers[0].passes);
	assert_true(after->workers[1].passes > before->workers[1].passes);
	weir_counters_free(before);
	weir_counters_free(after);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	weir_pipeline_destroy(pipeline);
}

/* The thread of this name; 0: there is none. */
static int find_thread(const char *name)
{
	DIR *directory = opendir("/proc/self/task");
	const struct dirent *entry;
	int found = 0;

	assert_non_null(directory);
	while (!found && (entry = readdir(directory))) {
		char path[300], line[32] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (fgets(line, sizeof(line), file) && strncmp(line, name, strlen(name)) == 0)
			found = atoi(entry->d_name);
		fclose(file);
	}
	closedir(directory);
	return found;
}

static unsigned last_cpu(void)
{
	cpu_set_t cpus;
	unsigned last = 0;

	assert_int_equal(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &cpus))
			last = cpu;
	return last;
}

static void pins_and_names_its_threads(void **state)
{
	const unsigned cpu = last_cpu();
	const struct weir_config config = {
		.endpoints = { FAKE("in", 0), FAKE("out", 1) },
		.workers = { { "fifteen-letters", .cpu = cpu }, { "loose", .unpinned = true } },
		.chains = { { "flow", .stages = { READ("in", "fifteen-letters"), weir_ring(.worker = "loose"),
						  weir_write("out") } } },
	};
	struct weir_pipeline *pipeline = create(&config);
	cpu_set_t own, cpus;

	(void)state;
	start(pipeline);
	wait_for(find_thread("fifteen-letters") && find_thread("loose"));
	assert_int_equal(sched_getaffinity(0, sizeof(own), &own), 0);
	assert_int_equal(sched_getaffinity(find_thread("loose"), sizeof(cpus), &cpus), 0);
	assert_true(CPU_EQUAL(&cpus, &own));
	assert_int_equal(sched_getaffinity(find_thread("fifteen-letters"), sizeof(cpus), &cpus), 0);
	assert_int_equal(CPU_COUNT(&cpus), 1);
	assert_true(CPU_ISSET(cpu, &cpus));
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	/* A thread that was joined may be seen a moment longer. */
	wait_for(!find_thread("fifteen-letters"));
	weir_pipeline_destroy(pipeline);
}

/* The processor of the second worker has gone since it was checked. */
static void starts_all_workers_or_none(void **state)
{
	struct weir_pipeline *pipeline = create(&two_workers);
	struct weir_counters *counters;
	struct weir_error err;

	(void)state;
	pipeline->shape->given[1].unpinned = false;
	pipeline->shape->given[1].cpu = CPU_SETSIZE - 1;
	fake_give_last(&fakes[0], 1000);
	assert_int_equal(weir_pipeline_start(pipeline, &err), -EINVAL);
	assert_string_equal(err.text, "worker 'tx': cpu: processor 1023 may not be used any more");
	assert_int_equal(weir_pipeline_wait(pipeline, 0), -EINVAL);
	wait_for(!find_thread("rx"));
	/* What the first worker read until then is still there. */
	pipeline->shape->given[1].unpinned = true;
	counters = run(pipeline);
	assert_int_equal(counters->sent, 1000);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

/* More workers are to spin than there are processors. */
static void does_not_spin_in_others_way(void **state)
{
	struct weir_config config = two_workers;
	cpu_set_t before, one;
	struct weir_pipeline *pipeline;
	struct weir_counters *counters;

	(void)state;
	config.workers[0].spin_us = 1000;
	config.workers[1].spin_us = 500;
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	CPU_ZERO(&one);
	CPU_SET(last_cpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	pipeline = create(&config);
	fake_give_last(&fakes[0], 1000);
	counters = run(pipeline);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
	assert_int_equal(counters->sent, 1000);
	expect_said(0, WEIR_LOG_WARNING, "2 workers are to spin on 1 processors: none of them will");
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

/* A worker that spins sees what comes, and stops with the pipeline. */
static void spins(void **state)
{
	struct weir_config config = two_workers;
	struct weir_pipeline *pipeline;
	struct weir_counters *counters;

	(void)state;
	config.workers[1].spin_us = 1000;
	pipeline = create(&config);
	start(pipeline);
	for (uint64_t i = 1; i <= 200; i++) {
		fake_give(&fakes[0], 1);
		wait_for(fake_load(fakes[1].taken) == i);
	}
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = read_counters(pipeline);
	assert_int_equal(counters->sent, 200);
	assert_int_equal(heard(), 0);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

static void finds_its_parts_by_name_and_type(void **state)
{
	const struct weir_config config = {
		.endpoints = { FAKE("in", 0), weir_null("out") },
		.workers = { RX },
		.chains = { { "flow", .stages = { READ("in", "rx"), weir_stats(), weir_write("out") } } },
	};
	struct weir_pipeline *pipeline = create(&config);
	struct weir_stats_snapshot stats;

	(void)state;
	assert_non_null(weir_pipeline_endpoint(pipeline, "in", &fake_type));
	assert_null(weir_pipeline_endpoint(pipeline, "in", &weir_null_type));
	assert_null(weir_pipeline_endpoint(pipeline, "inn", &fake_type));
	assert_non_null(weir_pipeline_stage(pipeline, "flow/stats", &weir_stats_type));
	assert_null(weir_pipeline_stage(pipeline, "flow/stats", &weir_mac_filter_type));
	assert_null(weir_pipeline_stage(pipeline, "stats", &weir_stats_type));
	assert_int_equal(weir_stats_read(pipeline, "flow/stat", 0, &stats), -ENOENT);
	weir_pipeline_destroy(pipeline);
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(runs_on_one_worker),
		test(runs_on_two_workers),
		test(runs_on_few_buffers),
		test(runs_all_stages),
		test(starts_and_stops),
		test(goes_on_after_a_stop),
		test(a_stop_does_not_wait_for_a_blocked_writer),
		test(a_stop_waits_for_a_writer_that_goes_on),
		test(waits_until_nothing_is_in_flight),
		test(goes_on_without_a_reader_that_died),
		test(counts_what_a_dead_writer_does_not_take),
		test(a_dead_reader_is_waited_for_no_longer),
		test(not_everything_can_be_recovered),
		test(dies_once),
		test(forgets_a_hang_up_with_its_endpoint),
		test(everybody_eats_in_the_end),
		test(everybody_eats_jumbo_buffers_in_the_end),
		test(carries_packets_of_any_size),
		test(counts_packets_that_are_too_long),
		test(finds_reasons_of_one_name),
		test(an_idle_worker_sleeps),
		test(pins_and_names_its_threads),
		test(starts_all_workers_or_none),
		test(does_not_spin_in_others_way),
		test(spins),
		test(finds_its_parts_by_name_and_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
