/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices with many queues: two sites with a pipeline between them that has a chain there and a chain back
 *for each queue, on workers that change.
 *
 *	forth0: left0 -> stats -> right0		forth1: left0.1 -> stats -> right0.1 …
 *	back0:  right0 -> stats -> left0		back1:  right0.1 -> stats -> left0.1 …
 */
#include "namespace.h"

#include <weir/weir.h>

#include "address.h"
#include "events.h"
#include "flow.h"
#include "kernel.h"
#include "load.h"
#include "site.h"
#include "wait.h"

#define QUEUES  4
#define WORKERS 3
#define WINDOW \
	32 /* datagrams under way of a flow each way: all flows together fit in the queue of a device */

/* Which queues there are, and which worker has the chains of each. */
struct shape {
	unsigned n;
	unsigned worker[QUEUES];
	bool tap;
	bool plain; /* no offload */
	enum weir_io io;
	bool devices_last; /* in the table of endpoints */
};

struct rows {
	struct weir_tun tun[2];
	struct weir_tun_queue queue[2][QUEUES];
	struct weir_read read[2][QUEUES];
	struct weir_stats stats;
	struct weir_write write[2][QUEUES];
};

struct rig {
	struct site site[2];
	struct events events;
	struct weir_pipeline *pipeline;
	uint16_t port; /* of the next flow that is looked for */
};

static const char *const endpoint_names[2][QUEUES] = { { "left0", "left0.1", "left0.2", "left0.3" },
						       { "right0", "right0.1", "right0.2", "right0.3" } };
static const char *const chain_names[2][QUEUES] = { { "forth0", "forth1", "forth2", "forth3" },
						    { "back0", "back1", "back2", "back3" } };
static const char *const worker_names[WORKERS] = { "one", "two", "three" };

static const char *const *address_of(unsigned side)
{
	static const char *const addresses[2][2] = { { ADDRESS_IPV4(0, 0) "/24" },
						     { ADDRESS_IPV4(0, 1) "/24" } };

	return addresses[side];
}

static void add_endpoints(struct weir_config *config, struct rows *rows, const struct rig *rig,
			  const struct shape *shape)
{
	const unsigned devices = shape->devices_last ? 2 * (shape->n - 1) : 0;
	unsigned queues = shape->devices_last ? 0 : 2;

	for (unsigned side = 0; side < 2; side++) {
		rows->tun[side] = (struct weir_tun){ .name = endpoint_names[side][0],
						     .netns = rig->site[side].path,
						     .tap = shape->tap,
						     .no_offload = shape->plain ? WEIR_OFFLOAD_ALL : 0,
						     .io = shape->io,
						     .no_ipv6 = true,
						     .ipv4 = address_of(side),
						     .queues = QUEUES };
		config->endpoints[devices + side] =
			(struct weir_endpoint){ &weir_tun_type, &rows->tun[side] };
		for (unsigned k = 1; k < shape->n; k++) {
			rows->queue[side][k] = (struct weir_tun_queue){ .name = endpoint_names[side][k],
									.of = endpoint_names[side][0] };
			config->endpoints[queues++] =
				(struct weir_endpoint){ &weir_tun_queue_type, &rows->queue[side][k] };
		}
	}
}

static void add_workers(struct weir_config *config, const struct shape *shape)
{
	unsigned n = 0;

	for (unsigned w = 0; w < WORKERS; w++) {
		bool used = false;

		for (unsigned k = 0; k < shape->n; k++)
			used |= shape->worker[k] == w;
		if (used)
			config->workers[n++] = (struct weir_worker){ worker_names[w], .unpinned = true };
	}
}

static void add_chains(struct weir_config *config, struct rows *rows, const struct shape *shape)
{
	unsigned n = 0;

	for (unsigned side = 0; side < 2; side++)
		for (unsigned k = 0; k < shape->n; k++) {
			rows->read[side][k] = (struct weir_read){ .endpoint = endpoint_names[side][k],
								  .worker = worker_names[shape->worker[k]] };
			rows->write[side][k] = (struct weir_write){ .endpoint = endpoint_names[!side][k] };
			config->chains[n++] = (struct weir_chain){
				chain_names[side][k],
				.stages = { { &weir_read_type, &rows->read[side][k] },
					    { &weir_stats_type, &rows->stats },
					    { &weir_write_type, &rows->write[side][k] } }
			};
		}
}

static struct weir_config configure(struct rows *rows, struct rig *rig, const struct shape *shape)
{
	struct weir_config config = { .pool.jumbo = 64, /* for larger packets than those of the first MTU */
				      .drain_ms = WAIT_MS,
				      .change_ms = WAIT_MS,
				      .log = events_log,
				      .log_data = &rig->events };

	memset(rows, 0, sizeof(*rows));
	add_endpoints(&config, rows, rig, shape);
	add_workers(&config, shape);
	add_chains(&config, rows, shape);
	return config;
}

static void start(struct rig *rig, const struct weir_config *config)
{
	struct weir_error err;

	if (weir_pipeline_create(&rig->pipeline, config, &err) || weir_pipeline_start(rig->pipeline, &err))
		fail_msg("%s", err.text);
}

static void prepare(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	events_init(&rig->events);
	site_make(&rig->site[0]);
	site_make(&rig->site[1]);
	rig->port = 10000;
}

static void begin(struct rig *rig, const struct shape *shape)
{
	struct rows rows;
	struct weir_config config;

	prepare(rig);
	config = configure(&rows, rig, shape);
	start(rig, &config);
}

static void change(struct rig *rig, const struct shape *shape)
{
	struct rows rows;
	const struct weir_config config = configure(&rows, rig, shape);
	struct weir_error err;

	if (weir_pipeline_apply(rig->pipeline, &config, &err))
		fail_msg("%s", err.text);
}

static void end(struct rig *rig)
{
	struct weir_counters *counters;

	assert_int_equal(weir_pipeline_stop(rig->pipeline), 0);
	counters = weir_counters_read(rig->pipeline);
	assert_non_null(counters);
	if (counters->received != counters->sent + counters->dropped || counters->held) {
		weir_counters_print(counters, stderr);
		fail_msg("not every packet is accounted for");
	}
	weir_counters_free(counters);
	weir_pipeline_destroy(rig->pipeline);
	site_close(&rig->site[0]);
	site_close(&rig->site[1]);
}

/* Packets that were read from a queue of the device at that side. */
static uint64_t read_from(struct rig *rig, unsigned side, unsigned k)
{
	struct weir_counters *counters = weir_counters_read(rig->pipeline);
	const struct weir_stage_counters *row;
	char path[32];
	uint64_t n;

	snprintf(path, sizeof(path), "%s/read", chain_names[side][k]);
	assert_non_null(counters);
	row = weir_counters_stage(counters, path);
	assert_non_null(row);
	n = row->packets;
	weir_counters_free(counters);
	return n;
}

static uint64_t dropped(struct rig *rig)
{
	struct weir_counters *counters = weir_counters_read(rig->pipeline);
	const uint64_t n = counters->dropped;

	weir_counters_free(counters);
	return n;
}

static uint64_t kernel_drops(struct rig *rig, unsigned side)
{
	void *tun = weir_pipeline_endpoint(rig->pipeline, endpoint_names[side][0], &weir_tun_type);
	struct weir_error err;
	uint64_t n;

	assert_non_null(tun);
	if (weir_tun_kernel_drops(tun, &n, &err))
		fail_msg("%s", err.text);
	return n;
}

/* One datagram each way. */
static void exchange(struct rig *rig, uint16_t port)
{
	const struct flow_options options = { .min = 8, .max = 100, .count = 1 };
	struct flow flow;

	flow_open(&flow, rig->site, AF_INET, 0, port, &options);
	flow_run(&flow);
	flow_close(&flow);
}

/* The queue that both datagrams of an exchange at that port came by; nothing else is under way. */
static unsigned queue_of(struct rig *rig, unsigned n, uint16_t port)
{
	uint64_t before[2][QUEUES];
	unsigned found[2] = { n, n };

	for (unsigned side = 0; side < 2; side++)
		for (unsigned k = 0; k < n; k++)
			before[side][k] = read_from(rig, side, k);
	exchange(rig, port);
	for (unsigned side = 0; side < 2; side++)
		for (unsigned k = 0; k < n; k++)
			if (read_from(rig, side, k) != before[side][k])
				found[side] = k;
	assert_true(found[0] < n);
	assert_int_equal(found[0], found[1]);
	return found[0];
}

/* A port whose flow comes by that queue. */
static uint16_t port_of(struct rig *rig, unsigned n, unsigned k)
{
	for (unsigned tries = 0; tries < 1000; tries++) {
		const uint16_t port = rig->port++;

		if (queue_of(rig, n, port) == k)
			return port;
	}
	fail_msg("of 1000 flows, none comes by queue %u of %u", k, n);
	return 0;
}

/* By new flows, until every queue was read at both sides. Others may be under way. */
static void use_all(struct rig *rig, unsigned n)
{
	for (unsigned side = 0; side < 2; side++)
		for (unsigned k = 0; k < n; k++) {
			const uint64_t before = read_from(rig, side, k);

			for (unsigned tries = 0; read_from(rig, side, k) == before; tries++) {
				if (tries == 1000)
					fail_msg("nothing comes by %s", endpoint_names[side][k]);
				exchange(rig, rig->port++);
			}
		}
}

/* Segments that came before an earlier one of their connection. */
static uint64_t out_of_order(const struct site *site)
{
	char names[4096], values[4096], *name_rest, *value_rest;
	FILE *file;

	site_enter(site);
	file = fopen("/proc/thread-self/net/netstat", "re");
	site_leave();
	assert_non_null(file);
	assert_non_null(fgets(names, sizeof(names), file));
	assert_non_null(fgets(values, sizeof(values), file));
	fclose(file);
	for (char *name = strtok_r(names, " \n", &name_rest), *value = strtok_r(values, " \n", &value_rest);
	     name && value;
	     name = strtok_r(NULL, " \n", &name_rest), value = strtok_r(NULL, " \n", &value_rest))
		if (strcmp(name, "TCPOFOQueue") == 0)
			return strtoull(value, NULL, 10);
	fail_msg("the kernel does not count what comes out of order");
	return 0;
}

/* Traffic of which nothing may get lost or overtaken, through each queue. */
struct exact {
	struct load *loads[2 * QUEUES + 2];
	unsigned n;
};

static void begin_exact(struct exact *exact, struct rig *rig, unsigned n)
{
	uint16_t ports[2 * QUEUES];

	for (unsigned i = 0; i < 2 * n; i++)
		ports[i] = port_of(rig, n, i % n);
	for (unsigned i = 0; i < 2 * n; i++)
		exact->loads[i] = load_exact_udp(rig->site, AF_INET, ports[i], WINDOW);
	exact->n = 2 * n;
	for (unsigned i = 0; i < 2; i++)
		exact->loads[exact->n++] = load_exact_tcp(rig->site, AF_INET, (uint16_t)(7000 + i));
}

static void wait_exact(const struct exact *exact)
{
	for (unsigned i = 0; i < exact->n; i++)
		load_wait(exact->loads[i]);
}

static void end_exact(struct exact *exact, struct rig *rig)
{
	for (unsigned i = 0; i < exact->n; i++)
		load_stop(exact->loads[i]);
	assert_int_equal(dropped(rig), 0);
	for (unsigned side = 0; side < 2; side++) {
		assert_int_equal(kernel_drops(rig, side), 0);
		assert_int_equal(out_of_order(&rig->site[side]), 0);
	}
}

static void flows_keep_their_order(void **state)
{
	const struct shape *shape = *state;
	struct rig rig;
	struct exact exact;

	begin(&rig, shape);
	begin_exact(&exact, &rig, shape->n);
	wait_exact(&exact);
	wait_exact(&exact);
	end_exact(&exact, &rig);
	end(&rig);
}

/* Nothing is lost or overtaken when other workers take over. */
static void a_queue_moves_to_another_worker(void **state)
{
	static const struct shape shapes[] = {
		{ .n = 2, .worker = { 0, 1 } }, { .n = 2, .worker = { 1, 0 } },
		{ .n = 2, .worker = { 0, 0 } }, { .n = 2, .worker = { 0, 2 } },
		{ .n = 2, .worker = { 1, 2 } },
	};
	struct rig rig;
	struct exact exact;

	(void)state;
	begin(&rig, &shapes[0]);
	begin_exact(&exact, &rig, 2);
	for (unsigned i = 1; i <= 2 * countof(shapes); i++) {
		wait_exact(&exact);
		change(&rig, &shapes[i % countof(shapes)]);
	}
	wait_exact(&exact);
	end_exact(&exact, &rig);
	end(&rig);
}

/* The kernel loses what waits in a queue that is closed; the rest goes on, and a new one is used at once. */
static void queues_come_and_go(void **state)
{
	static const unsigned steps[] = { 3, 2, 4, 1, 2 };
	struct shape shape = { .n = 2, .worker = { 0, 1, 2, 1 } };
	struct load *tcp, *udp;
	struct rig rig;

	(void)state;
	begin(&rig, &shape);
	tcp = load_exact_tcp(rig.site, AF_INET, 8000);
	udp = load_udp(rig.site, AF_INET, 0);
	for (unsigned i = 0; i < countof(steps); i++) {
		load_wait(tcp);
		load_wait(udp);
		shape.n = steps[i];
		change(&rig, &shape);
		use_all(&rig, shape.n);
	}
	load_wait(tcp);
	load_wait(udp);
	load_stop(tcp);
	load_stop(udp);
	assert_int_equal(dropped(&rig), 0);
	end(&rig);
}

static void taps_have_queues(void **state)
{
	const struct shape shape = { .n = 2, .worker = { 0, 1 }, .tap = true };
	struct rig rig;

	(void)state;
	begin(&rig, &shape);
	use_all(&rig, 2);
	end(&rig);
}

static int error_of(struct rig *rig, const char *endpoint)
{
	int error = 0;

	assert_true(weir_pipeline_endpoint_state(rig->pipeline, endpoint, &error) >= 0);
	return error;
}

static void recover(struct rig *rig, const char *endpoint)
{
	struct weir_error err;

	if (weir_pipeline_endpoint_recover(rig->pipeline, endpoint, &err))
		fail_msg("%s", err.text);
}

static void delete_device(struct rig *rig, const char *device)
{
	site_enter(&rig->site[0]);
	assert_int_equal(kernel_delete(device), 0);
	site_leave();
}

static void dies_with_its_device(void **state)
{
	const struct shape shape = { .n = 3, .worker = { 0, 1, 2 } };
	struct weir_error err;
	struct rig rig;

	(void)state;
	begin(&rig, &shape);
	use_all(&rig, 3);
	for (unsigned i = 0; i < 2; i++) {
		delete_device(&rig, "left0");
		for (unsigned k = 0; k < 3; k++)
			wait_until(error_of(&rig, endpoint_names[0][k]) != 0);
		assert_int_equal(error_of(&rig, "right0.1"), 0);
		assert_int_equal(weir_pipeline_endpoint_recover(rig.pipeline, "left0.1", &err), -ENODEV);
		assert_string_equal(err.text,
				    "endpoint left0.1: device left0 is gone: recover its own endpoint first");
		recover(&rig, "left0");
		recover(&rig, "left0.2");
		recover(&rig, "left0.1");
		use_all(&rig, 3);
	}
	end(&rig);
}

/* What is changed of a device while it runs holds for all its queues. */
static void reads_what_a_raised_mtu_gives(void **state)
{
	const struct shape shape = { .n = 2, .worker = { 0, 1 }, .plain = true };
	const struct flow_options options = { .min = 1000, .max = 8000, .mtu = 9000, .count = 100 };
	struct weir_error err;
	struct flow flow;
	struct rig rig;

	(void)state;
	begin(&rig, &shape);
	for (unsigned side = 0; side < 2; side++) {
		void *tun = weir_pipeline_endpoint(rig.pipeline, endpoint_names[side][0], &weir_tun_type);

		assert_null(weir_pipeline_endpoint(rig.pipeline, endpoint_names[side][1], &weir_tun_type));
		if (weir_tun_set_mtu(tun, 9000, &err))
			fail_msg("%s", err.text);
	}
	for (unsigned k = 0; k < 2; k++) {
		flow_open(&flow, rig.site, AF_INET, 0, port_of(&rig, 2, k), &options);
		flow_run(&flow);
		flow_close(&flow);
	}
	assert_int_equal(dropped(&rig), 0);
	end(&rig);
}

/* The kernel would let a second pipeline in, and give it half of the flows. */
static void one_pipeline_has_the_device(void **state)
{
	const struct shape shape = { .n = 2, .worker = { 0, 1 } };
	struct weir_pipeline *other;
	struct weir_config config;
	struct weir_error err;
	struct rows rows;
	struct rig rig;

	(void)state;
	begin(&rig, &shape);
	config = configure(&rows, &rig, &shape);
	assert_int_equal(weir_pipeline_create(&other, &config, &err), -EBUSY);
	assert_string_equal(err.text, "endpoint left0: TUN device left0: Device or resource busy: it exists "
				      "already, and exclusive is set or somebody uses it");
	use_all(&rig, 2);
	end(&rig);
}

int main(void)
{
	static struct shape shapes[] = {
		{ .n = 2, .worker = { 0, 1 } },
		{ .n = 2, .worker = { 0, 1 }, .devices_last = true, .plain = true },
		{ .n = 3, .worker = { 0, 1, 2 } },
		{ .n = 4, .worker = { 0, 1, 0, 1 }, .io = WEIR_IO_READ_WRITE },
	};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(flows_keep_their_order, &shapes[0]),
		cmocka_unit_test_prestate(flows_keep_their_order, &shapes[1]),
		cmocka_unit_test_prestate(flows_keep_their_order, &shapes[2]),
		cmocka_unit_test_prestate(flows_keep_their_order, &shapes[3]),
		cmocka_unit_test(a_queue_moves_to_another_worker),
		cmocka_unit_test(queues_come_and_go),
		cmocka_unit_test(taps_have_queues),
		cmocka_unit_test(dies_with_its_device),
		cmocka_unit_test(reads_what_a_raised_mtu_gives),
		cmocka_unit_test(one_pipeline_has_the_device),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
