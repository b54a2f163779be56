/* SPDX-License-Identifier: Apache-2.0 */
/* Stages that break the rules of buffers, each in a process of its own that a build with checks ends. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "fake.h"

#define HEADROOM 14
#define TAILROOM 8

#ifdef WEIR__CHECKS
static const bool checked = true;
#else
static const bool checked = false;
#endif

static struct fake in, out;

/* A stage that does to a packet whatever the test says. */
struct deed {
	WEIR_STAGE_OPTIONS
	void (*commit)(struct weir_work *work, uint64_t *state);
};

static unsigned deed_vector(struct weir_work *work)
{
	const struct deed *config = work->config;

	memset(work->verdict, WEIR_NEXT, sizeof(work->verdict));
	work->bytes = 0;
	config->commit(work, work->state);
	return work->verdict[0];
}

static const struct weir_stage_type deed_type = {
	.name = "deed",
	.help = "does what the test says",
	.headroom = HEADROOM,
	.tailroom = TAILROOM,
	.reasons = fake_reasons,
	.options_size = sizeof(struct deed),
	.config_size = sizeof(struct deed),
	.state_size = 2 * sizeof(uint64_t),
	.process = deed_vector,
};

#define deed(...) WEIR_STAGE(deed_type, struct deed, __VA_ARGS__)

/* Three vectors through an honest stage, the deed and another honest stage. */
static void run_deed(void (*commit)(struct weir_work *work, uint64_t *state))
{
	const struct weir_config config = {
		.endpoints = { fake("in", .fake = &in), fake("out", .fake = &out) },
		.workers = { { "rx", .unpinned = true } },
		.chains = { { "flow", .stages = { weir_read("in", .worker = "rx"), weir_stats(),
						  deed(.commit = commit), weir_stats(.name = "behind"),
						  weir_write("out") } } },
	};
	struct weir_pipeline *pipeline = create(&config);

	start(pipeline);
	for (uint64_t i = 1; i <= 3; i++) {
		fake_give(&in, i == 2 ? 1 : WEIR_VECTOR_SIZE);
		wait_for(fake_load(in.given) == fake_load(in.allowed) && is_asleep(pipeline, 0));
	}
	weir_pipeline_destroy(pipeline);
}

/* What a child says to stderr until it dies. */
static int watch(void (*commit)(struct weir_work *work, uint64_t *state), char *text, size_t size)
{
	size_t n = 0;
	ssize_t got;
	char *emulator;
	int pipes[2], status;
	pid_t child;

	fflush(NULL);
	assert_int_equal(pipe(pipes), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		const struct rlimit no_core = { 0, 0 };

		setrlimit(RLIMIT_CORE, &no_core);
		signal(SIGABRT, SIG_DFL); /* cmocka's handler would have its say */
		dup2(pipes[1], STDERR_FILENO);
		run_deed(commit);
		_exit(0);
	}
	close(pipes[1]);
	while ((got = read(pipes[0], text + n, size - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	emulator = strstr(text, "qemu: "); /* an emulator says of itself that the program was ended */
	if (emulator)
		*emulator = '\0';
	close(pipes[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

/* It is ended, and the line names these rows and says that of the buffer. */
static void dies(void (*commit)(struct weir_work *work, uint64_t *state), const char *row, const char *last,
		 const char *what)
{
	char text[4096], begin[64], middle[64];
	int status;

	if (!checked)
		skip();
	status = watch(commit, text, sizeof(text));
	snprintf(begin, sizeof(begin), "weir: %s: buffer ", row);
	snprintf(middle, sizeof(middle), ", last at %s, ", last);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || strncmp(text, begin, strlen(begin)) != 0 ||
	    !strstr(text, middle) || !strstr(text, what))
		fail_msg("status %d: %s", status, text);
}

static void nothing(struct weir_work *work, uint64_t *state)
{
	(void)work;
	(void)state;
}

static void all_that_is_allowed(struct weir_work *work, uint64_t *state)
{
	(void)state;
	for (uint32_t i = 0; i < work->n; i++) {
		struct weir_buf *buf = &work->bufs[work->index[i]];

		memset(weir_buf_push(buf, HEADROOM), 1, HEADROOM);
		memset(weir_buf_put(buf, TAILROOM), 2, TAILROOM);
	}
}

/* Nobody is accused who keeps the rules. */
static void honest_stages_live(void **state)
{
	char text[4096];

	(void)state;
	assert_int_equal(watch(nothing, text, sizeof(text)), 0);
	assert_string_equal(text, "");
	assert_int_equal(watch(all_that_is_allowed, text, sizeof(text)), 0);
	assert_string_equal(text, "");
}

static void push_too_much(struct weir_work *work, uint64_t *state)
{
	(void)state;
	weir_buf_push(&work->bufs[work->index[work->n - 1]], HEADROOM + 1);
}

/* There is more room than the type asks for, but another chain may need it. */
static void prepends_more_than_its_type_says(void **state)
{
	(void)state;
	dies(push_too_much, "flow/deed", "flow/stats", "was given 15 bytes in front, and the type says 14\n");
}

static void put_too_much(struct weir_work *work, uint64_t *state)
{
	(void)state;
	weir_buf_put(&work->bufs[work->index[0]], TAILROOM + 1);
}

static void appends_more_than_its_type_says(void **state)
{
	(void)state;
	dies(put_too_much, "flow/deed", "flow/stats", "was given 9 bytes behind, and the type says 8\n");
}

static void leave_the_room(struct weir_work *work, uint64_t *state)
{
	(void)state;
	weir_buf_push(&work->bufs[work->index[0]], 1000);
}

static void prepends_beyond_the_room(void **state)
{
	(void)state;
	dies(leave_the_room, "flow/deed", "flow/stats", "has 1064 bytes at -856 of a room of ");
}

static void grow_without_end(struct weir_work *work, uint64_t *state)
{
	(void)state;
	work->bufs[work->index[0]].len = UINT32_MAX;
}

static void has_more_bytes_than_room(void **state)
{
	(void)state;
	dies(grow_without_end, "flow/deed", "flow/stats", "has 4294967295 bytes at ");
}

/* The first packet is remembered when it is dropped, and written to when the second vector is there. */
static void write_to_what_was_dropped(struct weir_work *work, uint64_t *state)
{
	memset(work->verdict, WEIR_DROP(0), sizeof(work->verdict));
	if (state[0])
		*(uint8_t *)(uintptr_t)state[0] = 0x42;
	else
		state[0] = (uintptr_t)work->bufs[work->index[0]].data;
}

static void writes_to_a_buffer_that_it_dropped(void **state)
{
	(void)state;
	dies(write_to_what_was_dropped, "flow/read", "flow/deed", "was written to at ");
}

static void write_to_what_was_sent(struct weir_work *work, uint64_t *state)
{
	if (state[0])
		*(uint8_t *)(uintptr_t)state[0] = 0x42;
	else
		state[0] = (uintptr_t)work->bufs[work->index[0]].data;
}

/* Who kept the pointer cannot be known, but which way the buffer went. */
static void writes_to_a_buffer_that_was_sent(void **state)
{
	(void)state;
	dies(write_to_what_was_sent, "flow/read", "flow/write", "was written to at ");
}

/* The index of a packet as nobody should use it. */
static uint32_t *own_index(struct weir_work *work, uint32_t i)
{
	return (uint32_t *)(uintptr_t)&work->index[i];
}

static void double_one(struct weir_work *work, uint64_t *state)
{
	(void)state;
	if (work->n > 7)
		*own_index(work, 7) = work->index[3];
}

static void gives_a_buffer_twice(void **state)
{
	(void)state;
	dies(double_one, "flow/deed", "flow/deed", "is in a vector twice\n");
}

static void bring_back(struct weir_work *work, uint64_t *state)
{
	if (state[0])
		*own_index(work, 0) = (uint32_t)state[0] - 1;
	else
		state[0] = work->index[0] + 1;
}

static void gives_a_buffer_that_is_free(void **state)
{
	(void)state;
	dies(bring_back, "flow/deed", "flow/write", "belongs to the pool\n");
}

static void invent(struct weir_work *work, uint64_t *state)
{
	(void)state;
	*own_index(work, 0) = 123456789;
}

static void gives_a_buffer_that_there_is_not(void **state)
{
	char text[4096];
	int status;

	(void)state;
	if (!checked)
		skip();
	status = watch(invent, text, sizeof(text));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_string_equal(text, "weir: flow/deed: no buffer has the index 123456789\n");
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

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(honest_stages_live),
		test(prepends_more_than_its_type_says),
		test(appends_more_than_its_type_says),
		test(prepends_beyond_the_room),
		test(has_more_bytes_than_room),
		test(writes_to_a_buffer_that_it_dropped),
		test(writes_to_a_buffer_that_was_sent),
		test(gives_a_buffer_twice),
		test(gives_a_buffer_that_is_free),
		test(gives_a_buffer_that_there_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
