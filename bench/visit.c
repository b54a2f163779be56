/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "report.h"
#include "visit.h"

/* Enough for TCP to find its rate and for a worker to find its habits. */
#define WARM_UP_NS 200000000u

#define SLICE_NS  100000000u /* of a phase, if there are two */
#define SETTLE_NS 5000000u   /* between them */

#define CALM     1000 /* round trips */
#define CALM_P99 989  /* of them, sorted */

const double visit_percents[VISIT_PERCENTS] = { 0,  1,  5,  10, 20, 30, 40,   50,  60,
						70, 80, 90, 95, 98, 99, 99.5, 99.9 };

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

/* What happened between a and b, more. */
static void add(struct sample *sum, const struct sample *a, const struct sample *b)
{
	sum->at += b->at - a->at;
	sum->cpu_ns += b->cpu_ns - a->cpu_ns;
	sum->traffic.sent += b->traffic.sent - a->traffic.sent;
	sum->traffic.received += b->traffic.received - a->traffic.received;
	sum->traffic.bytes += b->traffic.bytes - a->traffic.bytes;
	sum->traffic.reordered += b->traffic.reordered - a->traffic.reordered;
	sum->traffic.retransmits += b->traffic.retransmits - a->traffic.retransmits;
	sum->devices.to_forwarder += b->devices.to_forwarder - a->devices.to_forwarder;
	sum->devices.from_forwarder += b->devices.from_forwarder - a->devices.from_forwarder;
	sum->devices.dropped += b->devices.dropped - a->devices.dropped;
}

static double quotient(double a, double b)
{
	return b > 0 ? a / b : NAN;
}

static void count_packets(struct visit *visit, const struct sample *sum)
{
	const double sent = (double)sum->traffic.sent, received = (double)sum->traffic.received;
	const double dropped = (double)sum->devices.dropped, read = (double)sum->devices.to_forwarder;

	if (received > 0) {
		visit->pps = received / visit->seconds;
		visit->loss = fmax(0, 1 - quotient(received, sent));
	} else {
		visit->pps = (double)sum->devices.from_forwarder / visit->seconds;
		visit->loss = quotient(dropped, dropped + read);
	}
}

static void compute(struct visit *visit, const struct sample *sum)
{
	const double bytes = (double)sum->traffic.bytes, cpu_s = (double)sum->cpu_ns / 1e9;

	visit->seconds = (double)sum->at / 1e9;
	visit->gbps = bytes * 8 / visit->seconds / 1e9;
	visit->cpu = cpu_s / visit->seconds;
	visit->cpu_s_per_gb = quotient(cpu_s, bytes / 1e9);
	visit->retransmits = (double)sum->traffic.retransmits;
	visit->reordered = (double)sum->traffic.reordered;
	count_packets(visit, sum);
}

static int compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double percentile_us(const struct traffic_round_trips *trips, double part)
{
	return trips->n ? trips->ns[(size_t)((double)(trips->n - 1) * part)] / 1e3 : NAN;
}

/* The median over every CALM requests of their 99th percentile: what disturbs the whole machine for a moment
 * is in few of them. */
static double calm_p99_us(const struct traffic_round_trips *trips)
{
	const unsigned n = (unsigned)(trips->n / CALM);
	double *each = calloc(n + 1, sizeof(*each));
	uint32_t sorted[CALM];
	double median;

	if (!each)
		give_up(BENCH_FAILED, "out of memory");
	for (unsigned i = 0; i < n; i++) {
		memcpy(sorted, trips->ns + (size_t)i * CALM, sizeof(sorted));
		qsort(sorted, CALM, sizeof(*sorted), compare);
		each[i] = sorted[CALM_P99] / 1e3;
	}
	median = report_spread(each, n).median;
	free(each);
	return median;
}

/* After the traffic's threads have ended. */
static void compute_round_trips(struct visit *visit, struct traffic_round_trips *trips)
{
	visit->calm_p99_us = calm_p99_us(trips);
	if (trips->n)
		qsort(trips->ns, trips->n, sizeof(*trips->ns), compare);
	visit->p50_us = percentile_us(trips, 0.5);
	visit->p99_us = percentile_us(trips, 0.99);
	visit->p999_us = percentile_us(trips, 0.999);
	for (unsigned i = 0; i < VISIT_PERCENTS; i++)
		visit->percent_us[i] = percentile_us(trips, visit_percents[i] / 100);
}

/* A number of a flow may be missed long after it was sent, so that only the whole can be counted. */
static void take_losses(struct visit *visit, const struct traffic_losses *losses, enum phase phase)
{
	visit->lost = visit->duplicated = visit->by_kernels = NAN;
	if (!losses->known)
		return;
	visit->loss = visit->reordered = NAN;
	if (phase != WORKING)
		return;
	visit->lost = (double)losses->lost;
	visit->duplicated = (double)losses->duplicated;
	visit->by_kernels = (double)losses->by_kernels;
	visit->reordered = (double)losses->reordered;
}

/* One slice of one phase. */
static void measure(struct sample *sum, enum phase phase, uint64_t ns, const struct rig *rig,
		    struct traffic *traffic, const struct forwarder *forwarder)
{
	struct sample begin, end;

	if (forwarder->mode->rest) {
		forwarder->mode->rest(phase == RESTING);
		pause_ns(SETTLE_NS);
	}
	traffic_record(traffic, (int)phase);
	take_sample(&begin, rig, traffic, forwarder);
	pause_ns(ns);
	take_sample(&end, rig, traffic, forwarder);
	traffic_record(traffic, -1);
	add(sum, &begin, &end);
}

/* Returns how many phases there are. */
static unsigned measure_all(struct sample sums[PHASES], uint64_t ns, const struct rig *rig,
			    struct traffic *traffic, const struct forwarder *forwarder)
{
	const unsigned phases = forwarder->mode->rest ? PHASES : 1;
	const unsigned slices = phases == 1 || ns < SLICE_NS ? 1 : (unsigned)(ns / SLICE_NS);

	memset(sums, 0, PHASES * sizeof(*sums));
	for (unsigned i = 0; i < slices * phases; i++)
		measure(&sums[i % phases], i % phases, ns / slices, rig, traffic, forwarder);
	return phases;
}

bool visit(struct visit visits[PHASES], const struct rig *rig, const struct mode *mode,
	   const struct traffic_case *kase, const struct placement *placement, double seconds)
{
	static struct traffic traffic;
	struct sample sums[PHASES];
	struct forwarder forwarder;
	bool came = true;
	unsigned phases;

	memset(visits, 0, PHASES * sizeof(*visits));
	forwarder_start(&forwarder, mode, rig, placement);
	traffic_reach(rig);
	traffic_start(&traffic, kase, rig, placement);
	pause_ns(WARM_UP_NS);
	phases = measure_all(sums, (uint64_t)(seconds * 1e9), rig, &traffic, &forwarder);
	traffic_stop(&traffic);
	for (enum phase phase = WORKING; phase < phases; phase++) {
		compute(&visits[phase], &sums[phase]);
		compute_round_trips(&visits[phase], &traffic.round_trips[phase]);
		take_losses(&visits[phase], &traffic.losses, phase);
		came &= visits[phase].gbps > 0;
	}
	traffic_free(&traffic);
	forwarder_stop(&forwarder, &visits[WORKING].report);
	return came;
}
