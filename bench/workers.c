/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same stages between two TUN devices, cut by rings over 1, 2, 4 and 8 workers: what it costs to have
 * more workers than processors. The first half of the workers shares one processor and the rest the other, so
 * that a packet changes it once.
 */
#include <math.h>

#include "engine.h"
#include "suite.h"
#include "table.h"

#define WORKERS_MAX 8

static const struct traffic_case cases[] = {
	{ "tcp1", "TCP, 1 stream", &traffic_tcp, .streams = 1 },
	{ "udp64", "flood of UDP datagrams of 64 bytes", &traffic_udp, .size = 64 },
	{ "rtt", "UDP request and response of 64 bytes, back to back", &traffic_rtt, .size = 64 },
	{ "rtt1ms", "the same with a millisecond between", &traffic_rtt, .size = 64, .gap_us = 1000,
	  .longer = 3 },
};

/* --- the chains -------------------------------------------------------------------------------------------
 */

#define LEFT_MAC  "02:00:00:00:00:01"
#define RIGHT_MAC "02:00:00:00:00:02"

static const char *const names[WORKERS_MAX] = { "w0", "w1", "w2", "w3", "w4", "w5", "w6", "w7" };

/* The first row of a way, by the worker that reads. */
static const struct weir_stage from_left[] = { weir_read("left", .worker = "w0") };
static const struct weir_stage from_right[WORKERS_MAX] = {
	weir_read("right", .worker = "w0"), weir_read("right", .worker = "w1"),
	weir_read("right", .worker = "w2"), weir_read("right", .worker = "w3"),
	weir_read("right", .worker = "w4"), weir_read("right", .worker = "w5"),
	weir_read("right", .worker = "w6"), weir_read("right", .worker = "w7"),
};

/* The ring to a worker. */
static const struct weir_stage ring_to[WORKERS_MAX] = {
	weir_ring(.worker = "w0", .name = "to0"), weir_ring(.worker = "w1", .name = "to1"),
	weir_ring(.worker = "w2", .name = "to2"), weir_ring(.worker = "w3", .name = "to3"),
	weir_ring(.worker = "w4", .name = "to4"), weir_ring(.worker = "w5", .name = "to5"),
	weir_ring(.worker = "w6", .name = "to6"), weir_ring(.worker = "w7", .name = "to7"),
};

/* All other rows. With the first one, as many as there can be workers. */
#define REST(source_, destination_, to)                                                                   \
	{                                                                                                 \
		weir_af_decap(), weir_eth_wrap(.source = source_, .next_hop = destination_),              \
			weir_mac_filter(.own = WEIR_LIST(destination_)), weir_stats(), weir_eth_unwrap(), \
			weir_af_encap(), weir_write(to)                                                   \
	}
static const struct weir_stage forth[WORKERS_MAX - 1] = REST(LEFT_MAC, RIGHT_MAC, "right");
static const struct weir_stage back[WORKERS_MAX - 1] = REST(RIGHT_MAC, LEFT_MAC, "left");

/* Each of n workers gets as many rows as the others; the way back goes through them from the last to the
 * first. */
static void cut(struct weir_chain *chain, unsigned n, bool backwards)
{
	const unsigned share = WORKERS_MAX / n;
	const struct weir_stage *rest = backwards ? back : forth;
	struct weir_stage *row = chain->stages;

	chain->name = backwards ? "back" : "forth";
	*row++ = backwards ? from_right[n - 1] : from_left[0];
	for (unsigned i = 1; i < WORKERS_MAX; i++) {
		if (i % share == 0)
			*row++ = ring_to[backwards ? n - 1 - i / share : i / share];
		*row++ = rest[i - 1];
	}
}

static void start(unsigned n, const struct rig *rig, const struct placement *placement)
{
	static struct weir_config config;

	for (unsigned w = 0; w < n; w++) {
		const int cpu = n == 1 ? placement->one : placement->two[w * SIDES / n];

		config.workers[w] = (struct weir_worker){ .name = names[w],
							  .cpu = cpu < 0 ? 0 : (unsigned)cpu,
							  .unpinned = cpu < 0 };
	}
	cut(&config.chains[0], n, false);
	cut(&config.chains[1], n, true);
	shapes_add_ends(&config, ENDS_PLAIN, rig);
	engine_start_config(&config);
}

/* --- the modes --------------------------------------------------------------------------------------------
 */

static void start1(const struct rig *rig, const struct placement *placement)
{
	start(1, rig, placement);
}

static void start2(const struct rig *rig, const struct placement *placement)
{
	start(2, rig, placement);
}

static void start4(const struct rig *rig, const struct placement *placement)
{
	start(4, rig, placement);
}

static void start8(const struct rig *rig, const struct placement *placement)
{
	start(8, rig, placement);
}

static const struct mode modes[] = {
	{ "workers1", NULL, "one worker, no ring", start1, engine_stop },
	{ "workers2", "workers1", "two workers, a ring each way", start2, engine_stop },
	{ "workers4", "workers1", "four workers, three rings each way", start4, engine_stop },
	{ "workers8", "workers1", "eight workers, seven rings each way", start8, engine_stop },
};

static const struct suite suite = {
	.name = "workers",
	.cases = cases,
	.n_cases = countof(cases),
	.modes = modes,
	.n_modes = countof(modes),
	.seconds = 0.5,
	.rounds = 7,
	.quick = "tcp1,udp64,rtt",
};

/* --- figures ----------------------------------------------------------------------------------------------
 */

static const struct {
	const char *kase, *metric;
} compared[] = {
	{ "tcp1", "gbps" },  { "tcp1", "cpu_s_per_gb" }, { "udp64", "pps" },     { "rtt", "p50_us" },
	{ "rtt", "p99_us" }, { "rtt1ms", "p50_us" },     { "rtt1ms", "p99_us" },
};

/* "tcp1_gbps_workers8": how much that is with 8 workers for each that it is with one. */
static void add_figures(struct report *report)
{
	for (unsigned i = 0; i < countof(compared); i++)
		for (unsigned m = 1; m < countof(modes); m++) {
			char key[48];

			snprintf(key, sizeof(key), "%s_%s_%s", compared[i].kase, compared[i].metric,
				 modes[m].name);
			report_figure(report, key,
				      report_ratio(report, compared[i].kase, compared[i].metric,
						   modes[m].name, modes[m].base)
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
	rig_make(&rig);
	suite_measure(&suite, &options, &report, &rig, &sum);
	suite_print_table(&suite, &report);
	kept = suite_print_conservation(&sum);
	add_figures(&report);
	report_finish(&report, options.json);
	return kept ? 0 : BENCH_FAILED;
}
