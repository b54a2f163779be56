/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipeline around two UDP endpoints that talk to each other over loopback, which is given one shape after
 * the other while packets flow: none is lost, altered or overtaken, also not those that were received and
 * wait in the endpoint for the next vector, whoever reads that.
 *
 *	forth: in -> a ...udp... b -> out
 */
#include "namespace.h"

#include <pthread.h>

#include <weir/weir.h>

#include "payload.h"
#include "wait.h"

#define WINDOW 62 /* packets under way: what the smallest receive buffer holds */
#define SHAPES 200
#define SLOTS  128

static struct weir_pair_link *in, *out;
static struct weir_pipeline *pipeline;

#define ENDPOINTS                                                                                      \
	{                                                                                              \
		weir_pair("in", .link = in, .side = 0, .layer = WEIR_LAYER_L2),                        \
			weir_pair("out", .link = out, .side = 0, .layer = WEIR_LAYER_L2),              \
			weir_udp("a", .local = "127.0.0.1:1001", .remote = "127.0.0.1:1002",           \
				 .layer = WEIR_LAYER_L2),                                              \
			weir_udp("b", .local = "127.0.0.1:1002", .peers = WEIR_LIST("127.0.0.1:1001"), \
				 .layer = WEIR_LAYER_L2),                                              \
	}

#define WORKERS                                 \
	{                                       \
		{ "one", .unpinned = true },    \
		{                               \
			"two", .unpinned = true \
		}                               \
	}

/* Calls function with a configuration: b is read by another worker, before and behind another ring, with
 * stages and without. */
static int with_shape(unsigned shape, int (*function)(const struct weir_config *config))
{
	const struct weir_config configs[] = {
		{
			.endpoints = ENDPOINTS,
			.workers = WORKERS,
			.chains = {
				{ "send", .stages = { weir_read("in", .worker = "one"), weir_write("a") } },
				{ "receive", .stages = { weir_read("b", .worker = "two"), weir_write("out") } },
			},
		},
		{
			.endpoints = ENDPOINTS,
			.workers = WORKERS,
			.chains = {
				{ "send", .stages = { weir_read("in", .worker = "two"), weir_stats(),
						      weir_ring(.worker = "one", .capacity = 2), weir_write("a") } },
				{ "receive", .stages = { weir_read("b", .worker = "one"), weir_stats(), weir_write("out") } },
			},
		},
		{
			.endpoints = ENDPOINTS,
			.workers = WORKERS,
			.chains = {
				{ "send", .stages = { weir_read("in", .worker = "two"), weir_stats(), weir_write("a") } },
				{ "receive", .stages = { weir_read("b", .worker = "one"),
							 weir_ring(.worker = "two", .capacity = 2), weir_write("out") } },
			},
		},
	};

	return function(&configs[shape % countof(configs)]);
}

static int create(const struct weir_config *config)
{
	struct weir_error err;

	if (weir_pipeline_create(&pipeline, config, &err) < 0 || weir_pipeline_start(pipeline, &err) < 0)
		fail_msg("%s", err.text);
	return 0;
}

static int apply(const struct weir_config *config)
{
	struct weir_error err;
	const int rc = weir_pipeline_apply(pipeline, config, &err);

	if (rc < 0)
		print_message("%s\n", err.text);
	return rc;
}

static _Atomic uint32_t arrived; /* packets in all */

/* Each change meets packets: between two of them some have arrived. */
static void *change(void *data)
{
	const uint64_t end = wait_now_ms() + 3 * WAIT_MS;
	int *rc = data;

	for (unsigned shape = 1; shape <= SHAPES && *rc == 0; shape++) {
		const uint32_t before = arrived;

		while (arrived == before && wait_now_ms() < end)
			wait_a_moment();
		*rc = with_shape(shape, apply);
	}
	return NULL;
}

/* Many of one size, then some of others. */
static uint32_t size_of(uint32_t packet)
{
	return packet % 200 < 150 ? 1000 : 64 + packet % 900;
}

static bool send_one(uint32_t packet)
{
	uint8_t bytes[1024];

	payload_fill(packet, 0, bytes, size_of(packet));
	return weir_pair_send(in, 1, bytes, size_of(packet)) == 0;
}

static bool receive_one(uint32_t packet)
{
	uint8_t bytes[1024];
	const int64_t n = weir_pair_receive(out, 1, bytes, sizeof(bytes));

	if (n == -EAGAIN)
		return false;
	assert_int_equal(n, size_of(packet));
	assert_true(payload_is(packet, 0, bytes, (size_t)n));
	return true;
}

/* Sends and receives until the thread has ended, and then what is under way. */
static uint32_t flow(pthread_t thread)
{
	const uint64_t end = wait_now_ms() + 3 * WAIT_MS;
	uint32_t sent = 0, received = 0;
	bool ended = false;

	while (!ended || received < sent) {
		bool moved = false;

		while (!ended && sent < received + WINDOW && send_one(sent)) {
			sent++;
			moved = true;
		}
		while (receive_one(received)) {
			arrived = ++received;
			moved = true;
		}
		if (!moved)
			wait_a_moment();
		ended = ended || pthread_tryjoin_np(thread, NULL) == 0;
		if (wait_now_ms() > end)
			fail_msg("%u packets were sent, %u came", sent, received);
	}
	return sent;
}

static uint64_t count_of(const struct weir_counters *counters, const char *path, const char *name)
{
	const struct weir_stage_counters *row = weir_counters_stage(counters, path);

	assert_non_null(row);
	for (unsigned i = 0; i < row->n_counts; i++)
		if (strcmp(row->counts[i].name, name) == 0)
			return row->counts[i].n;
	fail_msg("%s does not count %s", path, name);
	return 0;
}

static void survives_changes(void **state)
{
	struct weir_counters *counters;
	pthread_t thread;
	uint32_t sent;
	int rc = 0;

	(void)state;
	assert_int_equal(weir_pair_link_create(&in, SLOTS, 2000), 0);
	assert_int_equal(weir_pair_link_create(&out, SLOTS, 2000), 0);
	with_shape(0, create);
	assert_int_equal(pthread_create(&thread, NULL, change, &rc), 0);
	sent = flow(thread);
	assert_int_equal(rc, 0);
	assert_true(sent >= SHAPES);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = weir_counters_read(pipeline);
	assert_non_null(counters);
	assert_int_equal(counters->received, 2 * (uint64_t)sent);
	assert_int_equal(counters->sent, 2 * (uint64_t)sent);
	assert_int_equal(counters->dropped, 0);
	assert_int_equal(counters->held, 0);
	assert_true(count_of(counters, "send/write", "gso_messages") > 0);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
	weir_pair_link_destroy(in);
	weir_pair_link_destroy(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(survives_changes),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
