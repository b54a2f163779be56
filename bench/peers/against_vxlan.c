/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weir's VXLAN session next to the kernel's own vxlan device, over the same pair of virtual Ethernet devices:
 * with all that spares such a pair to cut packets and to compute checksums, and without any of it.
 */
#include <math.h>
#include <string.h>

#include <weir/weir.h>

#include "cases.h"
#include "engine.h"
#include "links.h"
#include "suite.h"

static struct rig kernel, kernel_wire, weir, weir_wire;
static char namespaces[SIDES][32];

#define DEVICE(side_, name_, address_)                                                             \
	weir_tun(name_, .tap = true, .ipv4 = WEIR_LIST(address_), .mtu = RIG_MTU, .no_ipv6 = true, \
		 .queue_length = RIG_QUEUE_LENGTH, .netns = namespaces[side_])
#define SESSION(side_, name_, local_, remote_)                                             \
	weir_vxlan(name_, .vni = LINKS_VNI, .local = local_, .remote = WEIR_LIST(remote_), \
		   .netns = namespaces[side_])
#define CHAIN(name_, from_, worker_, to_)                                                 \
	{                                                                                 \
		name_, .stages = { weir_read(from_, .worker = worker_), weir_write(to_) } \
	}

static struct weir_config config = {
	.endpoints = { DEVICE(LEFT, "left", "10.77.0.1/24"), DEVICE(RIGHT, "right", "10.77.0.2/24"),
		       SESSION(LEFT, "vxleft", LINKS_ADDRESS_LEFT, LINKS_ADDRESS_RIGHT),
		       SESSION(RIGHT, "vxright", LINKS_ADDRESS_RIGHT, LINKS_ADDRESS_LEFT) },
	/* To wake a worker takes longer than all else that a round trip does. */
	.workers = { { .name = "left", .spin_us = 20 }, { .name = "right", .spin_us = 20 } },
	.chains = { CHAIN("leftout", "left", "left", "vxleft"), CHAIN("leftin", "vxleft", "left", "left"),
		    CHAIN("rightout", "right", "right", "vxright"),
		    CHAIN("rightin", "vxright", "right", "right") },
};

static void place(struct weir_worker *worker, int cpu)
{
	worker->cpu = cpu < 0 ? 0 : (unsigned)cpu;
	worker->unpinned = cpu < 0;
}

static void start(const struct rig *rig, const struct placement *placement)
{
	for (enum side side = LEFT; side < SIDES; side++) {
		snprintf(namespaces[side], sizeof(namespaces[side]), "/proc/self/fd/%d", rig->netns[side]);
		place(&config.workers[side], placement->two[side]);
	}
	engine_start_config(&config);
}

/* The device is there all the time. */
static void start_nothing(const struct rig *rig, const struct placement *placement)
{
	(void)rig, (void)placement;
}

static const struct mode modes[] = {
	{ "kernel", NULL, "the kernel's vxlan over veth", start_nothing, .rig = &kernel },
	{ "weir", "kernel", "Weir's over veth, a worker at each side that looks on for 20 us", start,
	  engine_stop, .rig = &weir },
	{ "kernelwire", NULL, "the kernel's, on the veth without offloads, as on a plain wire", start_nothing,
	  .rig = &kernel_wire },
	{ "weirwire", "kernelwire", "Weir's on that", start, engine_stop, .rig = &weir_wire },
};

static const struct suite suite = {
	.name = "vxlan",
	.cases = peer_cases,
	.n_cases = PEER_CASES,
	.modes = modes,
	.n_modes = countof(modes),
	.seconds = 0.5,
	.rounds = 9,
	.quick = "tcp1,rtt",
};

static const struct ratio ratios[] = {
	{ "vxlan_tcp1_vs_kernel_offloads", "tcp1", "gbps", "weir", "kernel" },
	{ "vxlan_tcp1_vs_kernel_wire", "tcp1", "gbps", "weirwire", "kernelwire" },
	{ "vxlan_tcp4_vs_kernel_offloads", "tcp4", "gbps", "weir", "kernel" },
	{ "vxlan_tcp4_vs_kernel_wire", "tcp4", "gbps", "weirwire", "kernelwire" },
	{ "vxlan_udp64_vs_kernel_offloads", "udp64", "pps", "weir", "kernel" },
	{ "vxlan_udp64_vs_kernel_wire", "udp64", "pps", "weirwire", "kernelwire" },
	{ "vxlan_rtt_p50_offloads", "rtt", "p50_us", "weir", "kernel" },
	{ "vxlan_rtt_p50_wire", "rtt", "p50_us", "weirwire", "kernelwire" },
};

/* Of the same ratio with and without offloads, the one that the bar is for. */
static void add_worse(struct report *report, const char *key, const char *kase, const char *metric,
		      enum bar bar, double limit)
{
	const double offloads = report_ratio(report, kase, metric, "weir", "kernel").median;
	const double wire = report_ratio(report, kase, metric, "weirwire", "kernelwire").median;

	if (!isnan(offloads) && !isnan(wire))
		report_figure(report, key, bar == BAR_AT_LEAST ? fmin(offloads, wire) : fmax(offloads, wire),
			      bar, limit);
}

int main(int argc, char **argv)
{
	struct report report = { .bench = suite.name };
	struct conservation sum = { 0 };
	struct options options;
	bool kept;

	suite_parse(&suite, &options, argc, argv);
	report.rounds = options.rounds;
	report_print_host(stdout);
	links_make_vxlan(&kernel, true);
	links_make_vxlan(&kernel_wire, false);
	links_make_underlay(&weir, true);
	links_make_underlay(&weir_wire, false);
	suite_measure(&suite, &options, &report, &weir, &sum);
	suite_print_table(&suite, &report);
	kept = suite_print_conservation(&sum);
	add_worse(&report, "vxlan_tcp1_vs_kernel", "tcp1", "gbps", BAR_AT_LEAST, 0.5);
	add_worse(&report, "vxlan_rtt_p50", "rtt", "p50_us", BAR_AT_MOST, 1.0);
	report_ratio_figures(&report, ratios, countof(ratios));
	report_finish(&report, options.json);
	return kept ? 0 : BENCH_FAILED;
}
