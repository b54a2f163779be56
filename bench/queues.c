/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What more queues of a device bring, with as many processors: the same stages between two TUN devices on one
 * worker, on two with one for each direction, and on two with a queue of each device for each.
 */
#include "engine.h"
#include "suite.h"
#include "table.h"

static const struct traffic_case cases[] = {
	{ "tcp1", "TCP, 1 stream", &traffic_tcp, .streams = 1 },
	{ "tcp4", "TCP, 4 streams", &traffic_tcp, .streams = 4 },
	{ "tcp16", "TCP, 16 streams", &traffic_tcp, .streams = 16 },
	{ "udp64", "flood of UDP datagrams of 64 bytes", &traffic_udp, .size = 64 },
};

/* The namespaces of the devices, once there are any. */
static char namespaces[SIDES][32];

/* Devices with many queues are not those of the rig, so every forwarder makes its own, with the same
 * settings. */
#define DEVICE(name, side, address_, ...)                                                            \
	weir_tun(name, .netns = namespaces[side], .ipv4 = WEIR_LIST(address_ "/24"), .mtu = RIG_MTU, \
		 .queue_length = RIG_QUEUE_LENGTH, .no_ipv6 = true, __VA_ARGS__)
#define DEVICES(...) \
	DEVICE("left", LEFT, "10.77.0.1", __VA_ARGS__), DEVICE("right", RIGHT, "10.77.0.2", __VA_ARGS__)
#define PLAIN .no_offload = WEIR_OFFLOAD_ALL

#define CHAIN(name_, on, from, to)                     \
	{                                              \
		name_, .stages = {                     \
			weir_read(from, .worker = on), \
			weir_af_decap(),               \
			weir_stats(),                  \
			weir_af_encap(),               \
			weir_write(to)                 \
		}                                      \
	}
#define LANE(k, on, left, right) CHAIN("forth" #k, on, left, right), CHAIN("back" #k, on, right, left)
#define ONE                      .workers = { { .name = "one" } }, .chains = { LANE(0, "one", "left", "right") }
#define TWO                                                  \
	.workers = { { .name = "one" }, { .name = "two" } }, \
	.chains = { CHAIN("forth0", "one", "left", "right"), CHAIN("back0", "two", "right", "left") }
#define QUEUES                                               \
	.workers = { { .name = "one" }, { .name = "two" } }, \
	.chains = { LANE(0, "one", "left", "right"), LANE(1, "two", "left.1", "right.1") }
#define MORE weir_tun_queue("left.1", .of = "left"), weir_tun_queue("right.1", .of = "right")

static struct weir_config one = { .endpoints = { DEVICES(PLAIN) }, ONE };
static struct weir_config two = { .endpoints = { DEVICES(PLAIN) }, TWO };
static struct weir_config queues = { .endpoints = { DEVICES(PLAIN, .queues = 2), MORE }, QUEUES };
static struct weir_config one_gso = { .endpoints = { DEVICES(.no_offload = 0) }, ONE };
static struct weir_config two_gso = { .endpoints = { DEVICES(.no_offload = 0) }, TWO };
static struct weir_config queues_gso = { .endpoints = { DEVICES(.queues = 2), MORE }, QUEUES };

static void start(struct weir_config *config, const struct rig *rig, const struct placement *placement)
{
	for (enum side side = LEFT; side < SIDES; side++)
		snprintf(namespaces[side], sizeof(namespaces[side]), "/proc/self/fd/%d", rig->netns[side]);
	for (unsigned w = 0; config->workers[w].name; w++) {
		const int cpu = config->workers[1].name ? placement->two[w] : placement->one;

		config->workers[w].cpu = cpu < 0 ? 0 : (unsigned)cpu;
		config->workers[w].unpinned = cpu < 0;
	}
	engine_start_config(config);
}

#define START(config)                                                                        \
	static void start_##config(const struct rig *rig, const struct placement *placement) \
	{                                                                                    \
		start(&config, rig, placement);                                              \
	}

START(one)
START(two)
START(queues)
START(one_gso)
START(two_gso)
START(queues_gso)

static const struct mode modes[] = {
	{ "one", NULL, "one worker", start_one, engine_stop },
	{ "two", "one", "two workers, one for each direction", start_two, engine_stop },
	{ "queues", "one", "two workers, one for each queue", start_queues, engine_stop },
	{ "one_gso", NULL, "one worker, super-packets", start_one_gso, engine_stop },
	{ "two_gso", "one_gso", "two workers, one for each direction, super-packets", start_two_gso,
	  engine_stop },
	{ "queues_gso", "one_gso", "two workers, one for each queue, super-packets", start_queues_gso,
	  engine_stop },
};

static const struct suite suite = {
	.name = "queues",
	.cases = cases,
	.n_cases = countof(cases),
	.modes = modes,
	.n_modes = countof(modes),
	.seconds = 0.5,
	.rounds = 7,
	.quick = "tcp1,tcp4,udp64",
};

/* "tcp4_gbps_queues": how much that is with two queues for each that it is on one worker. */
static void add_figures(struct report *report)
{
	for (unsigned c = 0; c < countof(cases); c++)
		for (unsigned m = 0; m < countof(modes); m++) {
			const char *metric = cases[c].streams ? "gbps" : "pps";
			char key[48];

			if (!modes[m].base)
				continue;
			snprintf(key, sizeof(key), "%s_%s_%s", cases[c].name, metric, modes[m].name);
			report_figure(
				report, key,
				report_ratio(report, cases[c].name, metric, modes[m].name, modes[m].base)
					.median,
				BAR_NONE, 0);
		}
}

int main(int argc, char **argv)
{
	struct report report = { .bench = suite.name };
	struct conservation sum = { 0 };
	struct options options;
	struct rig rig;
	bool kept;

	suite_parse(&suite, &options, argc, argv);
	report.rounds = options.rounds;
	report_print_host(stdout);
	rig_make_namespaces(&rig);
	suite_measure(&suite, &options, &report, &rig, &sum);
	suite_print_table(&suite, &report);
	kept = suite_print_conservation(&sum);
	add_figures(&report);
	report_finish(&report, options.json);
	return kept ? 0 : BENCH_FAILED;
}
