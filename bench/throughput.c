/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Weir moves between two TUN devices, next to what a bare loop moves between the same two. The modes
 * take turns, so that what disturbs the machine disturbs all of them; a ratio is the median of the quotients
 * of each turn.
 */
#include "engine.h"
#include "figures.h"
#include "raw.h"
#include "resources.h"
#include "suite.h"
#include "table.h"

static const struct traffic_case cases[] = {
	{ "tcp1", "TCP, 1 stream", &traffic_tcp, .streams = 1 },
	{ "tcp4", "TCP, 4 streams", &traffic_tcp, .streams = 4 },
	{ "udp64", "flood of UDP datagrams of 64 bytes", &traffic_udp, .size = 64 },
	{ "udp64_gso", "the same flood, for devices that give 64 datagrams as one super-packet", &traffic_udp,
	  .size = 64 },
	{ "udp1400", "flood of UDP datagrams of 1400 bytes", &traffic_udp, .size = 1400 },
	{ "rtt", "UDP request and response of 64 bytes, back to back", &traffic_rtt, .size = 64 },
	{ "rtt1ms", "the same with a millisecond between", &traffic_rtt, .size = 64, .gap_us = 1000,
	  .longer = 3 },
};

#define TCP   "tcp1,tcp4,"
#define PLAIN TCP "udp64,udp1400,idle"
#define GSO   TCP "udp64_gso,"
#define RTT   "rtt,rtt1ms,"

/* Each next to the one that it is compared with. */
static const struct mode modes[] = {
	{ "raw", NULL, "poll, read and write in one thread", raw_start, .cases = RTT PLAIN },
	{ "fused", "raw", "Weir, all stages on one worker", engine_start_fused, engine_stop,
	  .cases = RTT PLAIN },
	{ "raw_uring", NULL, "io_uring in one thread", raw_uring_start, .cases = RTT "tcp1,udp64",
	  .lacks = raw_uring_lacks },
	{ "fused_uring", "raw_uring", "Weir, all stages on one worker, writes by io_uring",
	  engine_start_fused_uring, engine_stop, .cases = RTT "tcp1,udp64", .lacks = raw_uring_lacks },
	{ "coalesce", "raw", "Weir, one worker, puts together what the left device gives one by one",
	  engine_start_coalesce, engine_stop, .cases = "tcp1" },
	{ "raw2", NULL, "read and write, one thread a direction", raw2_start, .cases = PLAIN },
	{ "threaded", "raw2", "Weir, two workers with a ring in each direction", engine_start_threaded,
	  engine_stop, .cases = PLAIN },
	{ "raw_gso", NULL, "poll, read and write in one thread, super-packets", raw_start_gso,
	  .cases = RTT GSO },
	{ "fused_gso", "raw_gso", "Weir, all stages on one worker, super-packets", engine_start_fused_gso,
	  engine_stop, .cases = RTT GSO "idle" },
	{ "raw2_gso", NULL, "read and write, one thread a direction, super-packets", raw2_start_gso,
	  .cases = GSO },
	{ "threaded_gso", "raw2_gso", "Weir, two workers with a ring in each direction, super-packets",
	  engine_start_threaded_gso, engine_stop, .cases = GSO },
	{ "raw_uring_gso", NULL, "io_uring in one thread, super-packets", raw_uring_start_gso, .cases = GSO,
	  .lacks = raw_uring_lacks },
	{ "fused_uring_gso", "raw_uring_gso",
	  "Weir, all stages on one worker, writes by io_uring, super-packets", engine_start_fused_uring_gso,
	  engine_stop, .cases = GSO, .lacks = raw_uring_lacks },
};

/* What is measured once and without traffic. */
enum {
	EXTRA_RSS = 0,
	EXTRA_STARTUP,
	EXTRA_IDLE,
};

static const struct extra extras[] = {
	[EXTRA_RSS] = { "rss", "memory before and after ten million packets of a generator" },
	[EXTRA_STARTUP] = { "startup", "time until a pipeline with devices of its own runs" },
	[EXTRA_IDLE] = { "idle", "processor time in 10 seconds without traffic" },
};

static const struct suite suite = {
	.name = "throughput",
	.cases = cases,
	.n_cases = countof(cases),
	.extras = extras,
	.n_extras = countof(extras),
	.modes = modes,
	.n_modes = countof(modes),
	/* Many short rounds tell more than few long ones: what disturbs lasts for seconds. */
	.seconds = 0.5,
	.rounds = 11,
	.quick = "tcp1,tcp4,udp64,rtt,rss,startup",
	.quick_modes = "raw,fused,coalesce,raw2,threaded,raw_gso,fused_gso",
};

/* A raw loop has neither memory nor idle time to speak of. */
static void measure_resources(struct report *report, const struct rig *rig, const struct options *options)
{
	if (suite_extra_on(&suite, options, EXTRA_RSS))
		resources_measure_memory(report, rig, &options->placement);
	if (suite_extra_on(&suite, options, EXTRA_STARTUP))
		resources_measure_startup(report, rig, &options->placement);
	for (unsigned m = 0; suite_extra_on(&suite, options, EXTRA_IDLE) && m < countof(modes); m++)
		if (options->mode_on[m] && modes[m].stop &&
		    suite_pair_on(options, extras[EXTRA_IDLE].name, &modes[m]))
			resources_measure_idle(report, rig, &modes[m], &options->placement);
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
	/* First, while this process, whose memory its children share, is still small. */
	measure_resources(&report, &rig, &options);
	suite_measure(&suite, &options, &report, &rig, &sum);
	suite_print_table(&suite, &report);
	table_print_stages(&report);
	kept = suite_print_conservation(&sum);
	figures_add(&report);
	report_finish(&report, options.json);
	return kept ? 0 : BENCH_FAILED;
}
