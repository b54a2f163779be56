/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "report.h"
#include "visit.h"

/* Enough for TCP to find its rate and for a worker to find its habits. */
#define WARM_UP_NS 200000000u

#define CALM 1000 /* round trips */

struct sample {
	uint64_t at;
	uint64_t cpu_ns;
	struct traffic_counts traffic;
	struct rig_counters devices; /* of both */
};

static void take_sample(struct sample *sample, const struct rig *rig, struct traffic *traffic,
			const struct forwarder *forwarder)
{
	memset(&sample->devices, 0, sizeof(sample->devices));
	sample->at = now_ns();
	sample->cpu_ns = forwarder_cpu_ns(forwarder);
	traffic_read(traffic, &sample->traffic);
	for (enum side side = LEFT; side < SIDES; side++) {
		struct rig_counters one;

		rig_read(rig, side, &one);
		sample->devices.to_forwarder += one.to_forwarder;
		sample->devices.from_forwarder += one.from_forwarder;
		sample->devices.dropped += one.dropped;
	}
}

static double quotient(double a, double b)
{
	return b > 0 ? a / b : NAN;
}

static void count_packets(struct visit *visit, const struct sample *a, const struct sample *b)
{
	double sent = (double)(b->traffic.sent - a->traffic.sent);
	double received = (double)(b->traffic.received - a->traffic.received);
	double dropped = (double)(b->devices.dropped - a->devices.dropped);
	double read = (double)(b->devices.to_forwarder - a->devices.to_forwarder);
	double written = (double)(b->devices.from_forwarder - a->devices.from_forwarder);

	if (received > 0) {
		visit->pps = received / visit->seconds;
		visit->loss = fmax(0, 1 - quotient(received, sent));
	} else {
		visit->pps = written / visit->seconds;
		visit->loss = quotient(dropped, dropped + read);
	}
}

static void compute(struct visit *visit, const struct sample *a, const struct sample *b)
{
	double bytes = (double)(b->traffic.bytes - a->traffic.bytes);
	double cpu_s = (double)(b->cpu_ns - a->cpu_ns) / 1e9;

	visit->seconds = (double)(b->at - a->at) / 1e9;
	visit->gbps = bytes * 8 / visit->seconds / 1e9;
	visit->cpu = cpu_s / visit->seconds;
	visit->cpu_s_per_gb = quotient(cpu_s, bytes / 1e9);
	visit->retransmits = (double)(b->traffic.retransmits - a->traffic.retransmits);
	visit->reordered = (double)(b->traffic.reordered - a->traffic.reordered);
	count_packets(visit, a, b);
}

static int compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double percentile_us(const struct traffic *traffic, double part)
{
	if (!traffic->n_rtt)
		return NAN;
	return traffic->rtt[(size_t)((double)(traffic->n_rtt - 1) * part)] / 1e3;
}

/* The median over every CALM requests of their 99th percentile: what disturbs the whole machine for a moment
 * is in few of them. */
static double calm_p99_us(const struct traffic *traffic)
{
	const unsigned n = (unsigned)(traffic->n_rtt / CALM);
	double *each = calloc(n + 1, sizeof(*each));
	uint32_t sorted[CALM];
	double median;

	if (!each)
		give_up(BENCH_FAILED, "out of memory");
	for (unsigned i = 0; i < n; i++) {
		memcpy(sorted, traffic->rtt + (size_t)i * CALM, sizeof(sorted));
		qsort(sorted, CALM, sizeof(*sorted), compare);
		each[i] = sorted[(CALM - 1) * 99 / 100] / 1e3;
	}
	median = report_spread(each, n).median;
	free(each);
	return median;
}

/* After the traffic's threads have ended. */
static void compute_round_trips(struct visit *visit, struct traffic *traffic)
{
	visit->calm_p99_us = calm_p99_us(traffic);
	if (traffic->n_rtt)
		qsort(traffic->rtt, traffic->n_rtt, sizeof(*traffic->rtt), compare);
	visit->p50_us = percentile_us(traffic, 0.5);
	visit->p99_us = percentile_us(traffic, 0.99);
	visit->p999_us = percentile_us(traffic, 0.999);
}

/* A number of a flow may be missed long after it was sent, so that only the whole can be counted. */
static void take_losses(struct visit *visit, const struct traffic_losses *losses)
{
	visit->lost = visit->duplicated = visit->by_kernels = NAN;
	if (!losses->known)
		return;
	visit->lost = (double)losses->lost;
	visit->duplicated = (double)losses->duplicated;
	visit->by_kernels = (double)losses->by_kernels;
	visit->reordered = (double)losses->reordered;
	visit->loss = NAN;
}

bool visit(struct visit *visit, const struct rig *rig, const struct mode *mode,
	   const struct traffic_case *kase, const struct placement *placement, double seconds)
{
	static struct traffic traffic;
	struct forwarder forwarder;
	struct sample begin, end;

	memset(visit, 0, sizeof(*visit));
	forwarder_start(&forwarder, mode, rig, placement);
	traffic_reach(rig);
	traffic_start(&traffic, kase, rig, placement);
	pause_ns(WARM_UP_NS);
	traffic_record(&traffic, true);
	take_sample(&begin, rig, &traffic, &forwarder);
	pause_ns((uint64_t)(seconds * 1e9));
	take_sample(&end, rig, &traffic, &forwarder);
	traffic_record(&traffic, false);
	traffic_stop(&traffic);
	compute(visit, &begin, &end);
	compute_round_trips(visit, &traffic);
	take_losses(visit, &traffic.losses);
	traffic_free(&traffic);
	forwarder_stop(&forwarder, &visit->report);
	return visit->gbps > 0;
}
