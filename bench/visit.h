/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One measurement: one case through one forwarder for some time. A mode that can rest does so in turns, every
 * tenth of a second, so that both halves meet the same disturbances.
 */
#ifndef WEIR_BENCH_VISIT_H
#define WEIR_BENCH_VISIT_H

#include "forwarder.h"
#include "traffic.h"

/* The points of the distribution of round trips that are kept, in percent. */
#define VISIT_PERCENTS 17
extern const double visit_percents[VISIT_PERCENTS];

/* NaN: not measured in this case. */
struct visit {
	double seconds;
	double gbps;
	double pps;  /* datagrams or answers that arrived; with TCP, packets that the forwarder wrote */
	double loss; /* of datagrams or requests; with TCP, of packets at the devices */
	double retransmits;
	double reordered;
	double lost, duplicated, by_kernels; /* numbered datagrams, from the first to the last */
	double cpu;                          /* processors' worth that the forwarder used */
	double cpu_s_per_gb;                 /* of received payload */
	double p50_us, p99_us, p999_us;      /* round trips */
	double calm_p99_us;                  /* the median of the p99 of every 1,000 round trips */
	double percent_us[VISIT_PERCENTS];   /* round trips at those points */
	struct forwarder_report report;
};

enum phase {
	WORKING = 0,
	RESTING, /* only of a mode that can rest */
	PHASES,
};

/* Each phase lasts so many seconds in all. Returns false if nothing came through in that time, and so nothing
 * was measured. */
bool visit(struct visit visits[PHASES], const struct rig *rig, const struct mode *mode,
	   const struct traffic_case *kase, const struct placement *placement, double seconds);

#endif
