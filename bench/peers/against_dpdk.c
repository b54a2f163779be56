/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Weir moves and costs, next to what DPDK does: a forwarder between two devices, a hand-off between two
 * processors, and six stages on one. Both take turns in one run.
 */
#include "cases.h"
#include "chain.h"
#include "eal.h"
#include "engine.h"
#include "graph.h"
#include "hop_dpdk.h"
#include "ring.h"
#include "suite.h"
#include "table.h"
#include "tap.h"
#include "touch.h"

/* The devices of DPDK's driver come and go with it, and so have namespaces of their own. */
static struct rig tap_rig;

static const struct mode modes[] = {
	{ "tap", NULL, "DPDK's net_tap, polling without end", tap_start, .rig = &tap_rig },
	{ "tap_idle", "tap", "the same, sleeping 20 us when nothing came", tap_start_idle, .rig = &tap_rig },
	{ "quiet", "tap", "tap without the driver's signals", tap_start_quiet, .rig = &tap_rig },
	{ "quietidle", "tap", "tap_idle without the driver's signals", tap_start_quiet_idle,
	  .rig = &tap_rig },
	{ "fused", "tap", "Weir, all stages on one worker", engine_start_fused, engine_stop },
	{ "fused_gso", "tap", "the same with super-packets", engine_start_fused_gso, engine_stop },
};

enum {
	EXTRA_RING = 0,
	EXTRA_GRAPH,
};

static const struct extra extras[] = {
	[EXTRA_RING] = { "ring", "packets from one processor to another, through our ring and rte_ring" },
	[EXTRA_GRAPH] = { "graph", "packets through our six stages and through six nodes of rte_graph" },
};

static const struct suite suite = {
	.name = "dpdk",
	.cases = peer_cases,
	.n_cases = PEER_CASES,
	.extras = extras,
	.n_extras = countof(extras),
	.modes = modes,
	.n_modes = countof(modes),
	.seconds = 0.5,
	.rounds = 9,
	.quick = "tcp1,udp64,ring,graph",
};

#define NS "ns_per_packet"

static const struct ratio ratios[] = {
	/* Next to a program as DPDK's documentation has it. */
	{ "tcp1_vs_dpdk_tap", "tcp1", "gbps", "fused_gso", "tap", BAR_AT_LEAST, 15 },
	{ "tcp4_vs_dpdk_tap", "tcp4", "gbps", "fused_gso", "tap" },
	{ "cpu_vs_dpdk_tap", "tcp1", "cpu_s_per_gb", "fused_gso", "tap", BAR_AT_MOST, 0.1 },
	{ "udp64_vs_dpdk_tap", "udp64", "pps", "fused_gso", "tap" },
	{ "rtt_p50_vs_dpdk_tap", "rtt", "p50_us", "fused_gso", "tap" },
	/* Sleeping when idle, which is kinder to it where there are few processors. */
	{ "tcp1_vs_dpdk_tap_idle", "tcp1", "gbps", "fused_gso", "tap_idle" },
	{ "cpu_vs_dpdk_tap_idle", "tcp1", "cpu_s_per_gb", "fused_gso", "tap_idle" },
	{ "udp64_vs_dpdk_tap_idle", "udp64", "pps", "fused_gso", "tap_idle" },
	/* The best that was found for it. */
	{ "tcp1_vs_dpdk_tap_quiet", "tcp1", "gbps", "fused_gso", "quiet" },
	{ "cpu_vs_dpdk_tap_quiet", "tcp1", "cpu_s_per_gb", "fused_gso", "quiet" },
	{ "udp64_vs_dpdk_tap_quiet", "udp64", "pps", "fused_gso", "quietidle" },
	{ "rtt_p50_vs_dpdk_tap_quiet", "rtt", "p50_us", "fused_gso", "quiet" },
	/* Packet for packet. */
	{ "plain_tcp1_vs_dpdk_tap", "tcp1", "gbps", "fused", "tap" },
	{ "plain_tcp1_vs_dpdk_tap_quiet", "tcp1", "gbps", "fused", "quiet" },
	{ "plain_udp64_vs_dpdk_tap_quiet", "udp64", "pps", "fused", "quietidle" },

	{ "ring_vs_rte_ring", "ring", NS, "weir", "rte32", BAR_AT_MOST, 1 },
	{ "ring_vs_rte_ring_4096", "ring", NS, "weir4k", "rte4k" },
	{ "six_stages_vs_rte_graph", "graph", NS, "weirtouch", "touch32", BAR_AT_MOST, 1 },
	{ "six_stages_vs_rte_graph_256", "graph", NS, "weirtouch", "touch256" },
	{ "six_real_stages_vs_rte_graph", "graph", NS, "weir", "same32" },
	{ "six_real_stages_vs_rte_graph_256", "graph", NS, "weir", "same256" },
};

/* --- the ring ------------------------------------------------------------------------------------------- */

static const struct {
	const char *mode;
	const char *help;
	hop_measure *measure;
	uint32_t capacity; /* vectors of ours, pointers of theirs */
	uint32_t fill;
} hops[] = {
	{ "weir", "Weir's ring of 496 packets, full vectors", hop_weir, WEIR__RING_CAPACITY,
	  WEIR_VECTOR_SIZE },
	{ "weir4k", "Weir's ring of 4092 packets", hop_weir, 132, WEIR_VECTOR_SIZE },
	{ "rte31", "rte_ring of 512, as many a call", hop_dpdk, 512, WEIR_VECTOR_SIZE },
	{ "rte32", "rte_ring of 512, 32 a call", hop_dpdk, 512, 32 },
	{ "rte4k", "rte_ring of 4096, 32 a call", hop_dpdk, 4096, 32 },
};

#define HOP_SECONDS 0.1

/* The processors of --cpu, or the first ones. */
static unsigned processor(const struct options *options, enum side side)
{
	const int cpu = options->placement.two[side];

	return cpu < 0 ? (unsigned)side : (unsigned)cpu;
}

static void measure_ring(const struct options *options, struct report *report)
{
	const unsigned cpu[2] = { processor(options, LEFT), processor(options, RIGHT) };
	uint64_t vectors[countof(hops)];

	for (unsigned i = 0; i < countof(hops); i++)
		vectors[i] = hop_vectors(hops[i].measure, cpu, hops[i].capacity, hops[i].fill, HOP_SECONDS);
	for (unsigned i = 0; i < options->rounds * countof(hops); i++) {
		const unsigned h = i % countof(hops);

		report_add(report, "ring", hops[h].mode, NS,
			   hops[h].measure(cpu, hops[h].capacity, hops[h].fill, vectors[h]));
	}
}

/* --- the graph ------------------------------------------------------------------------------------------ */

static const struct {
	const char *mode;
	const char *help;
	struct graph graph;
} graphs[] = {
	{ "move32", "rte_graph, six nodes that move the packets, 32 at once", { 2176, 32, GRAPH_MOVE } },
	{ "touch31", "six nodes that change 8 bytes of each, 31 at once", { 2176, 31, GRAPH_TOUCH } },
	{ "touch32", "32 at once", { 2176, 32, GRAPH_TOUCH } },
	{ "touch256", "256 at once", { 2176, 256, GRAPH_TOUCH } },
	{ "small32", "32 at once, in mbufs of 256 bytes", { 256, 32, GRAPH_TOUCH } },
	{ "small256", "256 at once, in mbufs of 256 bytes", { 256, 256, GRAPH_TOUCH } },
	{ "same32", "six nodes that do what Weir's stages do, 32 at once", { 2176, 32, GRAPH_SAME } },
	{ "same256", "256 at once", { 2176, 256, GRAPH_SAME } },
};

#define GRAPH_PACKETS 5000000u

/* What six of them add to the way in and out. */
static void measure_graph(const struct options *options, struct report *report)
{
	const struct chain chain = { .cpu = processor(options, LEFT), .size = GRAPH_PACKET };

	for (unsigned r = 0; r < options->rounds; r++) {
		const double none = chain_run(&chain, 0, GRAPH_PACKETS);

		report_add(report, "graph", "weirtouch", NS, touch_run(&chain, GRAPH_PACKETS) - none);
		report_add(report, "graph", "weir", NS,
			   chain_run(&chain, CHAIN_STAGES, GRAPH_PACKETS) - none);
		for (unsigned i = 0; i < countof(graphs); i++)
			report_add(report, "graph", graphs[i].mode, NS,
				   graph_run(&graphs[i].graph, chain.cpu, GRAPH_NODES, GRAPH_PACKETS) -
					   graph_run(&graphs[i].graph, chain.cpu, 0, GRAPH_PACKETS));
	}
}

/* --- what people see ------------------------------------------------------------------------------------ */

static void print_ns(const struct report *report, const char *kase, const char *mode, const char *help)
{
	const struct series *series = report_series(report, kase, mode, NS);
	struct spread spread;

	if (!series)
		return;
	spread = report_spread(series->values, series->n);
	printf("%-8s %-9s %8.2f ns a packet [%.2f-%.2f]   %s\n", kase, mode, spread.median, spread.min,
	       spread.max, help);
}

static void print_all(const struct report *report)
{
	for (unsigned i = 0; i < countof(hops); i++)
		print_ns(report, "ring", hops[i].mode, hops[i].help);
	print_ns(report, "graph", "weirtouch", "Weir, six stages that change 8 bytes of each packet");
	print_ns(report, "graph", "weir", "Weir, six real stages: see bench/stages");
	for (unsigned i = 0; i < countof(graphs); i++)
		print_ns(report, "graph", graphs[i].mode, graphs[i].help);
	putchar('\n');
}

static bool any_traffic(const struct options *options)
{
	bool any = false;

	for (unsigned i = 0; i < PEER_CASES; i++)
		any |= options->case_on[i];
	return any;
}

/* Returns whether all packets are accounted for. */
static bool measure_traffic(const struct options *options, struct report *report)
{
	struct conservation sum = { 0 };
	struct rig rig;

	rig_make(&rig);
	rig_make_namespaces(&tap_rig);
	suite_measure(&suite, options, report, &rig, &sum);
	suite_print_table(&suite, report);
	return suite_print_conservation(&sum);
}

int main(int argc, char **argv)
{
	struct report report = { .bench = suite.name };
	struct options options;
	bool kept = true;

	suite_parse(&suite, &options, argc, argv);
	report.rounds = options.rounds;
	report_print_host(stdout);
	if (any_traffic(&options))
		kept = measure_traffic(&options, &report);
	/* Last: the forwarders are children, and start DPDK themselves. */
	weir__barrier_init();
	eal_start();
	if (suite_extra_on(&suite, &options, EXTRA_RING))
		measure_ring(&options, &report);
	if (suite_extra_on(&suite, &options, EXTRA_GRAPH))
		measure_graph(&options, &report);
	print_all(&report);
	report_ratio_figures(&report, ratios, countof(ratios));
	report_finish(&report, options.json);
	return kept ? 0 : BENCH_FAILED;
}
