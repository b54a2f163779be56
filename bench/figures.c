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
};

void figures_add(struct report *report)
{
	double rss = report_median(report, "rss", "fused", "mib");

	report_ratio_figures(report, ratios, countof(ratios));
	report_figure(report, "rss_mib", rss, BAR_AT_MOST, 32);
	report_figure(report, "rss_growth_mib", rss - report_median(report, "rss", "fused", "mib_at_start"),
		      BAR_NONE, 0);
	report_figure(report, "idle_cpu_ms",
		      fmax(report_median(report, "idle", "fused", "cpu_ms"),
			   report_median(report, "idle", "threaded", "cpu_ms")),
		      BAR_AT_MOST, 10);
}
