/* SPDX-License-Identifier: Apache-2.0 */
#include "engine.h"
#include "resources.h"

#define IDLE_NS    10000000000u
#define SETTLE_NS  500000000u /* until what a start wakes has gone to sleep again */
#define MIB(bytes) ((double)(bytes) / (1024 * 1024))

#define STARTS 9

static const struct mode starting = { "starting",       NULL,        "with devices of its own",
				      engine_start_new, engine_stop, NULL };

static const struct mode generating = {
	"generating", NULL, "fused, with a generator", engine_start_generating, engine_stop, NULL
};

void resources_measure_memory(struct report *report, const struct rig *rig, const struct placement *placement)
{
	struct forwarder forwarder;
	struct forwarder_report told;

	forwarder_start(&forwarder, &generating, rig, placement);
	forwarder_stop(&forwarder, &told);
	report_add(report, "rss", "fused", "mib_at_start", MIB(told.resident_at_start));
	report_add(report, "rss", "fused", "mib", MIB(told.resident));
	report_add(report, "rss", "fused", "packets", (double)told.received);
	printf("rss       fused         %.1f MiB at the start, %.1f MiB after %.0f packets\n",
	       MIB(told.resident_at_start), MIB(told.resident), (double)told.received);
}

void resources_measure_startup(struct report *report, const struct rig *rig,
			       const struct placement *placement)
{
	for (unsigned i = 0; i < STARTS; i++) {
		struct forwarder forwarder;
		struct forwarder_report told;

		forwarder_start(&forwarder, &starting, rig, placement);
		forwarder_stop(&forwarder, &told);
		report_add(report, "startup", "threaded", "ms", told.start_ms);
		report_add(report, "startup", "threaded", "mib", MIB(told.resident));
	}
	printf("startup   threaded      %.2f ms, %.1f MiB\n",
	       report_median(report, "startup", "threaded", "ms"),
	       report_median(report, "startup", "threaded", "mib"));
}

void resources_measure_idle(struct report *report, const struct rig *rig, const struct mode *mode,
			    const struct placement *placement)
{
	struct forwarder forwarder;
	struct forwarder_report told;
	uint64_t begin;
	double ms;

	forwarder_start(&forwarder, mode, rig, placement);
	pause_ns(SETTLE_NS);
	begin = forwarder_cpu_ns(&forwarder);
	pause_ns(IDLE_NS);
	ms = (double)(forwarder_cpu_ns(&forwarder) - begin) / 1e6;
	forwarder_stop(&forwarder, &told);
	report_add(report, "idle", mode->name, "cpu_ms", ms);
	printf("idle      %-13s %.3f ms of processor time in %g s\n", mode->name, ms, IDLE_NS / 1e9);
	fflush(stdout);
}
