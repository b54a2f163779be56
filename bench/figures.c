/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "figures.h"

static const struct ratio ratios[] = {
	{ "tcp1_fused_vs_raw", "tcp1", "gbps", "fused", "raw", BAR_AT_LEAST, 0.97 },
	{ "tcp4_fused_vs_raw", "tcp4", "gbps", "fused", "raw", BAR_AT_LEAST, 0.97 },
	{ "tcp1_threaded_vs_raw", "tcp1", "gbps", "threaded", "raw2", BAR_AT_LEAST, 0.97 },
	{ "tcp4_threaded_vs_raw", "tcp4", "gbps", "threaded", "raw2", BAR_AT_LEAST, 0.97 },
	{ "udp64_fused_vs_raw", "udp64", "pps", "fused", "raw", BAR_AT_LEAST, 0.97 },
	{ "tcp1_cpu_fused_vs_raw", "tcp1", "cpu_s_per_gb", "fused", "raw", BAR_AT_MOST, 1.05 },
	{ "rtt_p50_fused_vs_raw", "rtt", "p50_us", "fused", "raw", BAR_AT_MOST, 1.05 },

	{ "gso_tcp1_vs_raw", "tcp1", "gbps", "fused_gso", "raw_gso", BAR_AT_LEAST, 0.97 },
	{ "gso_tcp4_vs_raw", "tcp4", "gbps", "fused_gso", "raw_gso", BAR_AT_LEAST, 0.97 },
	{ "gso_tcp1_threaded_vs_raw", "tcp1", "gbps", "threaded_gso", "raw2_gso", BAR_NONE, 0 },
	{ "gso_tcp4_threaded_vs_raw", "tcp4", "gbps", "threaded_gso", "raw2_gso", BAR_NONE, 0 },
	{ "gso_udp64_vs_raw", "udp64_gso", "pps", "fused_gso", "raw_gso", BAR_NONE, 0 },
	{ "gso_cpu_vs_raw", "tcp1", "cpu_s_per_gb", "fused_gso", "raw_gso", BAR_AT_MOST, 1.05 },
	{ "coalesce_tcp1_vs_raw", "tcp1", "gbps", "coalesce", "raw", BAR_AT_LEAST, 1.5 },
	{ "uring_tcp1_vs_raw", "tcp1", "gbps", "fused_uring", "raw_uring", BAR_NONE, 0 },
	{ "uring_udp64_vs_raw", "udp64", "pps", "fused_uring", "raw_uring", BAR_NONE, 0 },

	/* With a millisecond between the requests, everybody sleeps; back to back, nobody for long. */
	{ "rtt_p50_sleeping", "rtt1ms", "p50_us", "fused", "raw", BAR_AT_MOST, 1.05 },
	{ "rtt_p99_sleeping", "rtt1ms", "p99_us", "fused", "raw", BAR_AT_MOST, 1.05 },
	{ "rtt_p50_busy", "rtt", "p50_us", "fused", "raw", BAR_AT_MOST, 1.05 },
	{ "rtt_p99_busy", "rtt", "p99_us", "fused", "raw", BAR_AT_MOST, 1.05 },
};

static const char *const raw[] = { "raw", "raw2", "raw_uring", "raw_gso", "raw2_gso", "raw_uring_gso" };
static const char *const weir[] = { "fused",        "threaded", "fused_uring",    "fused_gso",
				    "threaded_gso", "coalesce", "fused_uring_gso" };

/* The best mode of Weir against the best raw loop of any kind. */
static const struct {
	const char *key, *kase, *metric;
	double at_least;
} bests[] = {
	{ "best_tcp1_vs_best_raw", "tcp1", "gbps", 1 },
	{ "best_tcp4_vs_best_raw", "tcp4", "gbps", 0 },
	{ "udp64_vs_best_raw", "udp64", "pps", 1 },
	{ "udp64_gso_vs_best_raw", "udp64_gso", "pps", 0 },
};

/*
 * The best of either is the mode with the highest median over all rounds, and the two are compared like any
 * others: by the quotients of each round. The best of each round would compare who was lucky in it, and luck
 * favours those who have more modes.
 */
static void add_bests(struct report *report)
{
	for (unsigned i = 0; i < countof(bests); i++) {
		const char *kase = bests[i].kase, *metric = bests[i].metric;
		const char *best = report_best(report, kase, metric, weir, countof(weir));
		const char *base = report_best(report, kase, metric, raw, countof(raw));

		if (!best || !base)
			continue;
		printf("best in %s: %s, and of the raw loops %s\n", kase, best, base);
		report_figure(report, bests[i].key, report_ratio(report, kase, metric, best, base).median,
			      bests[i].at_least > 0 ? BAR_AT_LEAST : BAR_NONE, bests[i].at_least);
	}
}

void figures_add(struct report *report)
{
	double rss = report_median(report, "rss", "fused", "mib");

	report_ratio_figures(report, ratios, countof(ratios));
	add_bests(report);
	report_figure(report, "startup_ms", report_median(report, "startup", "threaded", "ms"), BAR_AT_MOST,
		      10);
	report_figure(report, "rss_mib", rss, BAR_AT_MOST, 32);
	report_figure(report, "rss_growth_mib", rss - report_median(report, "rss", "fused", "mib_at_start"),
		      BAR_NONE, 0);
	report_figure(report, "idle_cpu_ms",
		      fmax(report_median(report, "idle", "fused_gso", "cpu_ms"),
			   fmax(report_median(report, "idle", "fused", "cpu_ms"),
				report_median(report, "idle", "threaded", "cpu_ms"))),
		      BAR_AT_MOST, 10);
}
