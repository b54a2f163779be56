/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Weir moves between two devices, next to what the kernel moves without any program between: through a
 * pair of virtual Ethernet devices, which is the most that this rig can do, and through VXLAN over it.
 */
#include "cases.h"
#include "engine.h"
#include "links.h"
#include "suite.h"
#include "table.h"

static struct rig veth, vxlan, vxlan_plain;

/* The devices are there all the time. */
static void start_nothing(const struct rig *rig, const struct placement *placement)
{
	(void)rig, (void)placement;
}

static const struct mode modes[] = {
	{ "veth", NULL, "the kernel, a pair of veth", start_nothing, .rig = &veth },
	{ "vxlan", "veth", "the kernel, VXLAN over veth", start_nothing, .rig = &vxlan },
	{ "vxlanwire", "veth", "the same, on the veth without offloads, as on a plain wire", start_nothing,
	  .rig = &vxlan_plain },
	{ "fused", "veth", "Weir, all stages on one worker", engine_start_fused, engine_stop },
	{ "fused_gso", "veth", "the same with super-packets", engine_start_fused_gso, engine_stop },
};

static const struct suite suite = {
	.name = "kernel",
	.cases = peer_cases,
	.n_cases = PEER_CASES,
	.modes = modes,
	.n_modes = countof(modes),
	.seconds = 0.5,
	.rounds = 9,
	.quick = "tcp1,udp64",
};

static const struct ratio ratios[] = {
	{ "tcp1_vs_veth", "tcp1", "gbps", "fused_gso", "veth" },
	{ "tcp4_vs_veth", "tcp4", "gbps", "fused_gso", "veth" },
	{ "udp64_vs_veth", "udp64", "pps", "fused_gso", "veth" },
	{ "rtt_p50_vs_veth", "rtt", "p50_us", "fused_gso", "veth" },
	{ "tcp1_vs_vxlan", "tcp1", "gbps", "fused_gso", "vxlan" },
	{ "tcp4_vs_vxlan", "tcp4", "gbps", "fused_gso", "vxlan" },
	{ "udp64_vs_vxlan", "udp64", "pps", "fused_gso", "vxlan" },
	{ "rtt_p50_vs_vxlan", "rtt", "p50_us", "fused_gso", "vxlan" },
	{ "tcp1_vs_vxlanwire", "tcp1", "gbps", "fused_gso", "vxlanwire" },
	{ "tcp4_vs_vxlanwire", "tcp4", "gbps", "fused_gso", "vxlanwire" },
	{ "udp64_vs_vxlanwire", "udp64", "pps", "fused_gso", "vxlanwire" },
	{ "rtt_p50_vs_vxlanwire", "rtt", "p50_us", "fused_gso", "vxlanwire" },
};

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
	links_make_veth(&veth);
	links_make_vxlan(&vxlan, true);
	links_make_vxlan(&vxlan_plain, false);
	suite_measure(&suite, &options, &report, &rig, &sum);
	suite_print_table(&suite, &report);
	kept = suite_print_conservation(&sum);
	report_ratio_figures(&report, ratios, countof(ratios));
	report_finish(&report, options.json);
	return kept ? 0 : BENCH_FAILED;
}
