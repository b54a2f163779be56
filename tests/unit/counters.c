/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include <weir/counters.h>

#include "fake.h"
#include "sanitizer.h"

static struct fake in, out;

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

static weir_verdict every_third(struct weir_buf *buf)
{
	return fake_number(buf) % 3 ? WEIR_NEXT : WEIR_DROP(1);
}

static const struct weir_config config = {
	.endpoints = { fake("in", .fake = &in), fake("out", .fake = &out) },
	.workers = { { "rx", .unpinned = true }, { "tx", .unpinned = true } },
	.chains = { { "flow", .stages = { weir_read("in", .worker = "rx"), judge(.decide = every_third),
					  weir_ring(.worker = "tx"), weir_stats(), weir_write("out") } } },
};

static void expect_names(const struct weir_named_count *counts, unsigned n, const char *names)
{
	char text[200] = "";

	for (unsigned i = 0; i < n; i++) {
		strcat(strcat(text, i ? " " : ""), counts[i].name);
		assert_true(strlen(counts[i].sentence) > 0);
	}
	assert_string_equal(text, names);
}

static void expect_row(const struct weir_stage_counters *row, const char *path, const char *type,
		       const char *worker, const char *drops, const char *counts)
{
	assert_string_equal(row->path, path);
	assert_string_equal(row->type, type);
	assert_string_equal(row->worker, worker);
	expect_names(row->drops, row->n_drops, drops);
	expect_names(row->counts, row->n_counts, counts);
}

static void names_every_row_and_reason(void **state)
{
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters = read_counters(pipeline);

	(void)state;
	assert_int_equal(counters->n_stages, 5);
	expect_row(&counters->stages[0], "flow/read", "fake", "rx", "first second too_long", "");
	expect_row(&counters->stages[1], "flow/judge", "judge", "rx", "first second bad_verdict exit", "");
	expect_row(&counters->stages[2], "flow/ring", "ring", "rx", "ring_full crowded stopped", "");
	expect_row(&counters->stages[3], "flow/stats", "stats", "tx", "bad_verdict", "ipv4 ipv6 other");
	expect_row(&counters->stages[4], "flow/write", "fake", "tx",
		   "first second bad_verdict crowded endpoint_down stopped", "");
	assert_int_equal(counters->n_workers, 2);
	assert_string_equal(counters->workers[0].name, "rx");
	assert_string_equal(counters->workers[1].name, "tx");
	assert_int_equal(counters->workers[0].passes, 0);
	assert_int_equal(counters->workers[0].cpu_ns, 0);

	assert_ptr_equal(weir_counters_stage(counters, "flow/ring"), &counters->stages[2]);
	assert_null(weir_counters_stage(counters, "flow/rin"));
	assert_null(weir_counters_stage(counters, "ring"));
	assert_int_equal(weir_counters_drop(counters, "flow/ring", "no_reason"), 0);
	assert_int_equal(weir_counters_drop(counters, "nowhere", "ring_full"), 0);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

static void expect_sums(const struct weir_counters *counters)
{
	for (unsigned i = 0; i < counters->n_stages; i++) {
		const struct weir_stage_counters *row = &counters->stages[i];
		uint64_t calls = 0, packets = 0;

		for (unsigned n = 0; n <= WEIR_VECTOR_SIZE; n++) {
			calls += row->fill[n];
			packets += n * row->fill[n];
		}
		assert_int_equal(calls, row->calls);
		assert_int_equal(packets, row->packets);
		assert_int_equal(row->bytes, 64 * row->packets);
		assert_true(row->ns_packets <= row->packets);
	}
}

/* Gives packets and waits until they have left, so that the vectors are known. */
static void give(uint64_t n)
{
	const uint64_t given = in.allowed + n;

	fake_give(&in, n);
	wait_for(fake_load(out.taken) == given - (given + 2) / 3);
}

static void counts_vectors_by_their_fill(void **state)
{
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters;
	const struct weir_stage_counters *read, *judged, *written;

	(void)state;
	start(pipeline);
	give(1); /* number 0, which is dropped */
	give(2);
	give(30);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = read_counters(pipeline);
	expect_sums(counters);
	read = weir_counters_stage(counters, "flow/read");
	assert_int_equal(read->packets, 33);
	judged = weir_counters_stage(counters, "flow/judge");
	assert_int_equal(judged->packets, 33);
	assert_int_equal(judged->calls, read->calls);
	assert_int_equal(weir_counters_drop(counters, "flow/judge", "second"), 11);
	written = weir_counters_stage(counters, "flow/write");
	assert_int_equal(written->packets, 22);
	assert_true(written->fill[2] >= 1);
	assert_int_equal(written->fill[0], 0);
	assert_int_equal(weir_counters_stage(counters, "flow/stats")->counts[2].n, 22);
	assert_int_equal(counters->received, 33);
	assert_int_equal(counters->sent, 22);
	assert_int_equal(counters->dropped, 11);
	weir_counters_free(counters);

	/* Full ones, most of them. */
	start(pipeline);
	give(31000);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = read_counters(pipeline);
	expect_sums(counters);
	assert_true(weir_counters_stage(counters, "flow/read")->fill[WEIR_VECTOR_SIZE] >= 999);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

/* One vector in 64 has its time taken, the first one among them. */
static void takes_the_time_of_some_vectors(void **state)
{
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters;
	const struct weir_stage_counters *row;

	(void)state;
	start(pipeline);
	give(WEIR_VECTOR_SIZE * 6400);
	counters = weir_counters_read(pipeline);
	assert_true(counters->workers[0].cpu_ns > 0);
	assert_true(counters->workers[1].cpu_ns > 0);
	assert_true(counters->workers[0].passes > 0);
	weir_counters_free(counters);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = read_counters(pipeline);
	row = weir_counters_stage(counters, "flow/judge");
	assert_true(row->ns > 0);
	assert_true(row->ns_packets > 0);
	assert_true(row->ns_packets <= (row->calls / 64 + 1) * WEIR_VECTOR_SIZE);
	assert_int_equal(counters->workers[0].cpu_ns, 0);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

struct watch {
	struct weir_pipeline *pipeline;
	uint32_t ends;
	uint64_t looks;
	const char *wrong;
};

/* What no counter may do between two looks. */
static const char *what_is_wrong(const struct weir_counters *before, const struct weir_counters *now)
{
	if (now->n_stages != before->n_stages || now->n_workers != before->n_workers)
		return "rows came or went";
	if (now->buffers_free > now->buffers || now->held > now->buffers)
		return "more buffers than there are";
	if (now->received < before->received || now->sent < before->sent || now->dropped < before->dropped)
		return "a sum went back";
	for (unsigned i = 0; i < now->n_stages; i++)
		if (now->stages[i].packets < before->stages[i].packets ||
		    now->stages[i].bytes < before->stages[i].bytes ||
		    now->stages[i].calls < before->stages[i].calls)
			return "a counter went back";
	for (unsigned i = 0; i < now->n_workers; i++)
		if (now->workers[i].passes < before->workers[i].passes)
			return "a worker went back";
	return NULL;
}

static void *watch(void *argument)
{
	struct watch *watch = argument;
	struct weir_counters *before = weir_counters_read(watch->pipeline);

	while (before && !watch->wrong && !__atomic_load_n(&watch->ends, __ATOMIC_ACQUIRE)) {
		struct weir_counters *now = weir_counters_read(watch->pipeline);

		if (!now)
			break;
		watch->wrong = what_is_wrong(before, now);
		weir_counters_free(before);
		before = now;
		__atomic_add_fetch(&watch->looks, 1, __ATOMIC_RELEASE);
	}
	weir_counters_free(before);
	return NULL;
}

/* Also while it starts and stops: nobody who looks waits, or makes others wait. */
static void are_read_at_any_time(void **state)
{
	struct watch watches[2] = { { 0 } };
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters;
	pthread_t threads[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		watches[i].pipeline = pipeline;
		assert_int_equal(pthread_create(&threads[i], NULL, watch, &watches[i]), 0);
	}
	for (int round = 0; round < 30; round++) {
		start(pipeline);
		give(TEST_ROUNDS(20000));
		assert_int_equal(weir_pipeline_stop(pipeline), 0);
	}
	for (int i = 0; i < 2; i++) {
		wait_for(fake_load(watches[i].looks) > 10);
		fake_store(watches[i].ends, 1);
		pthread_join(threads[i], NULL);
		if (watches[i].wrong)
			fail_msg("%s", watches[i].wrong);
	}
	counters = read_counters(pipeline);
	assert_int_equal(counters->held, 0);
	expect_sums(counters);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

/* A line of the table, and what it says. */
static void expect_line(char **text, const struct weir_stage_counters *row)
{
	char path[64], type[64], worker[64], cost[64];
	unsigned long long packets, bytes, dropped;
	double fill;
	int used;

	assert_int_equal(sscanf(*text, "%63s %63s %63s %llu %llu %lf %63s\n%n", path, type, worker, &packets,
				&bytes, &fill, cost, &used),
			 7);
	*text += used;
	assert_string_equal(path, row->path);
	assert_string_equal(type, row->type);
	assert_string_equal(worker, row->worker);
	assert_int_equal(packets, row->packets);
	assert_int_equal(bytes, row->bytes);
	assert_true(row->calls ? fill >= 1 && fill <= WEIR_VECTOR_SIZE : fill == 0);
	assert_true(row->ns_packets ? atof(cost) >= 0 : strcmp(cost, "-") == 0);
	for (unsigned i = 0; i < row->n_drops; i++) {
		if (!row->drops[i].n)
			continue;
		assert_int_equal(
			sscanf(*text, "dropped %llu as %63[a-z_]: %*[^\n]\n%n", &dropped, path, &used), 2);
		*text += used;
		assert_int_equal(dropped, row->drops[i].n);
		assert_string_equal(path, row->drops[i].name);
	}
	for (unsigned i = 0; i < row->n_counts; i++) {
		if (!row->counts[i].n)
			continue;
		assert_int_equal(sscanf(*text, "%63s %llu: %*[^\n]\n%n", path, &dropped, &used), 2);
		*text += used;
		assert_string_equal(path, row->counts[i].name);
		assert_int_equal(dropped, row->counts[i].n);
	}
}

static void can_be_printed(void **state)
{
	struct weir_pipeline *pipeline = create(&config);
	struct weir_counters *counters;
	char *text = NULL, *at;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	char expected[300];

	(void)state;
	out.room = 500;
	fake_give(&in, 1000);
	start(pipeline);
	wait_for(fake_load(out.taken) == 500 && fake_load(in.given) == 1000);
	wait_for(is_asleep(pipeline, 0) && is_asleep(pipeline, 1));
	counters = read_counters(pipeline);
	assert_non_null(file);
	weir_counters_print(counters, file);
	fclose(file);
	at = text + strcspn(text, "\n") + 1;
	for (unsigned i = 0; i < counters->n_stages; i++)
		expect_line(&at, &counters->stages[i]);
	snprintf(expected, sizeof(expected),
		 "received 1000 + injected 0 == sent 500 + dropped 334 + consumed 0 + held 166; %u of %u "
		 "buffers free\n",
		 counters->buffers - 166, counters->buffers);
	assert_string_equal(at, expected);
	free(text);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(names_every_row_and_reason),
		test(counts_vectors_by_their_fill),
		test(takes_the_time_of_some_vectors),
		test(are_read_at_any_time),
		test(can_be_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
