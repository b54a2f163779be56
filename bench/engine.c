/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "engine.h"

#define CONTROL_LOOK_US 2000
#define TIMED_ENOUGH    100 /* packets; a chain that nearly nothing passes says nothing of its cost */

static struct weir_pipeline *pipeline;
static uint64_t awaited; /* packets that shall have been received before it is stopped */
static uint64_t resident_at_start;
static double start_ms;

static uint64_t resident(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file || fscanf(file, "%*u %lu", &pages) != 1)
		give_up(BENCH_FAILED, "cannot read /proc/self/statm");
	fclose(file);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static struct weir_counters *read_counters(void)
{
	struct weir_counters *counters = weir_counters_read(pipeline);

	if (!counters)
		give_up(BENCH_FAILED, "out of memory");
	return counters;
}

static void wait_for_received(uint64_t packets)
{
	uint64_t received = 0;

	while (received < packets) {
		struct weir_counters *counters = read_counters();

		received = counters->received;
		weir_counters_free(counters);
		usleep(CONTROL_LOOK_US);
	}
}

struct weir_pipeline *engine_start_config(const struct weir_config *config)
{
	const uint64_t begin = now_ns();
	static struct weir_error err;

	if (weir_pipeline_create(&pipeline, config, &err) < 0 || weir_pipeline_start(pipeline, &err) < 0)
		give_up(BENCH_FAILED, "%s", err.text);
	start_ms = (double)(now_ns() - begin) / 1e6;
	return pipeline;
}

struct weir_pipeline *engine_start(enum shape shape, enum shape_ends ends, const struct rig *rig,
				   const struct placement *placement)
{
	for (enum side side = LEFT; ends < ENDS_NEW && side < SIDES; side++)
		rig_await_device(rig, side);
	return engine_start_config(shapes_config(shape, ends, rig, placement));
}

void engine_start_fused(const struct rig *rig, const struct placement *placement)
{
	engine_start(SHAPE_FUSED, ENDS_PLAIN, rig, placement);
}

void engine_start_threaded(const struct rig *rig, const struct placement *placement)
{
	engine_start(SHAPE_SPLIT, ENDS_PLAIN, rig, placement);
}

void engine_start_fused_gso(const struct rig *rig, const struct placement *placement)
{
	engine_start(SHAPE_FUSED, ENDS_OFFLOAD, rig, placement);
}

void engine_start_threaded_gso(const struct rig *rig, const struct placement *placement)
{
	engine_start(SHAPE_SPLIT, ENDS_OFFLOAD, rig, placement);
}

void engine_start_coalesce(const struct rig *rig, const struct placement *placement)
{
	engine_start(SHAPE_FUSED, ENDS_COALESCE, rig, placement);
}

void engine_start_fused_uring(const struct rig *rig, const struct placement *placement)
{
	engine_start(SHAPE_FUSED, ENDS_URING, rig, placement);
}

void engine_start_fused_uring_gso(const struct rig *rig, const struct placement *placement)
{
	engine_start(SHAPE_FUSED, ENDS_URING_OFFLOAD, rig, placement);
}

void engine_start_generating(const struct rig *rig, const struct placement *placement)
{
	engine_start(SHAPE_GENERATING, ENDS_PLAIN, rig, placement);
	wait_for_received(1);
	resident_at_start = resident();
	awaited = SHAPES_GENERATED;
}

void engine_start_new(const struct rig *rig, const struct placement *placement)
{
	struct rig empty;

	(void)rig;
	rig_make_namespaces(&empty);
	engine_start(SHAPE_SPLIT, ENDS_NEW, &empty, placement);
}

static void fill_stages(struct forwarder_report *report, const struct weir_counters *counters)
{
	for (unsigned i = 0; i < counters->n_stages && report->n < FORWARDER_STAGES_MAX; i++) {
		const struct weir_stage_counters *stage = &counters->stages[i];

		if (stage->ns_packets < TIMED_ENOUGH)
			continue;
		snprintf(report->stages[report->n].path, sizeof(report->stages[0].path), "%s", stage->path);
		report->stages[report->n].ns = (double)stage->ns / (double)stage->ns_packets;
		report->stages[report->n].fill = (double)stage->packets / (double)stage->calls;
		report->n++;
	}
}

static void fill_report(struct forwarder_report *report, const struct weir_counters *counters)
{
	report->filled = true;
	report->start_ms = start_ms;
	report->received = counters->received;
	report->injected = counters->injected;
	report->sent = counters->sent;
	report->dropped = counters->dropped;
	report->consumed = counters->consumed;
	report->held = counters->held;
	for (unsigned i = 0; i < counters->n_workers; i++) {
		report->passes += counters->workers[i].passes;
		report->sleeps += counters->workers[i].sleeps;
		report->wakes += counters->workers[i].wakes;
	}
	fill_stages(report, counters);
}

void engine_stop(struct forwarder_report *report)
{
	struct weir_counters *counters;

	wait_for_received(awaited);
	report->resident_at_start = resident_at_start;
	report->resident = resident();
	if (weir_pipeline_stop(pipeline) < 0)
		give_up(BENCH_FAILED, "packets could not leave the pipeline");
	counters = read_counters();
	fill_report(report, counters);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}
