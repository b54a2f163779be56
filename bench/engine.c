/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include <weir/weir.h>

#include "engine.h"

#define LEFT_MAC  "02:00:00:00:00:01"
#define RIGHT_MAC "02:00:00:00:00:02"

/* The rows of a chain up to where a ring may stand, and after it. */
#define FIRST_HALF(endpoint_, worker_, source_, destination_)               \
	weir_read(endpoint_, .worker = worker_), weir_af_decap(),           \
		weir_eth_wrap(.source = source_, .next_hop = destination_), \
		weir_mac_filter(.own = WEIR_LIST(destination_)), weir_stats()
#define SECOND_HALF(endpoint_) weir_eth_unwrap(), weir_af_encap(), weir_write(endpoint_)

#define NS_PATH_SIZE    32
#define CONTROL_LOOK_US 2000
#define TIMED_ENOUGH    100 /* packets; a chain that nearly nothing passes says nothing of its cost */

static struct weir_pipeline *pipeline;
static uint64_t awaited; /* packets that shall have been received before it is stopped */
static uint64_t resident_at_start;

static const char *ns_path(const struct rig *rig, enum side side, char path[NS_PATH_SIZE])
{
	snprintf(path, NS_PATH_SIZE, "/proc/self/fd/%d", rig->netns[side]);
	return path;
}

static struct weir_worker worker(const char *name, int cpu)
{
	return (struct weir_worker){ .name = name, .cpu = cpu < 0 ? 0 : (unsigned)cpu, .unpinned = cpu < 0 };
}

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

static void start(const struct weir_config *config)
{
	static struct weir_error err;

	if (weir_pipeline_create(&pipeline, config, &err) < 0 || weir_pipeline_start(pipeline, &err) < 0)
		give_up(BENCH_FAILED, "%s", err.text);
}

void engine_start_fused(const struct rig *rig, const struct placement *placement)
{
	char left[NS_PATH_SIZE], right[NS_PATH_SIZE];
	struct weir_config config = {
		.endpoints = { weir_tun("left", .netns = ns_path(rig, LEFT, left)),
			       weir_tun("right", .netns = ns_path(rig, RIGHT, right)) },
		.workers = { worker("all", placement->one) },
		.chains = { { "forth", .stages = { FIRST_HALF("left", "all", LEFT_MAC, RIGHT_MAC),
						   SECOND_HALF("right") } },
			    { "back", .stages = { FIRST_HALF("right", "all", RIGHT_MAC, LEFT_MAC),
						  SECOND_HALF("left") } } },
	};

	start(&config);
}

void engine_start_threaded(const struct rig *rig, const struct placement *placement)
{
	char left[NS_PATH_SIZE], right[NS_PATH_SIZE];
	struct weir_config config = {
		.endpoints = { weir_tun("left", .netns = ns_path(rig, LEFT, left)),
			       weir_tun("right", .netns = ns_path(rig, RIGHT, right)) },
		.workers = { worker("rx", placement->two[LEFT]), worker("tx", placement->two[RIGHT]) },
		.chains = { { "forth", .stages = { FIRST_HALF("left", "rx", LEFT_MAC, RIGHT_MAC),
						   weir_ring(.worker = "tx"), SECOND_HALF("right") } },
			    { "back", .stages = { FIRST_HALF("right", "tx", RIGHT_MAC, LEFT_MAC),
						  weir_ring(.worker = "rx"), SECOND_HALF("left") } } },
	};

	start(&config);
}

void engine_start_generating(const struct rig *rig, const struct placement *placement)
{
	char left[NS_PATH_SIZE], right[NS_PATH_SIZE];
	struct weir_config config = {
		.endpoints = { weir_tun("left", .netns = ns_path(rig, LEFT, left)),
			       weir_tun("right", .netns = ns_path(rig, RIGHT, right)),
			       weir_generator("generator", .count = ENGINE_GENERATED, .imix = true),
			       weir_null("nothing") },
		.workers = { worker("all", placement->one) },
		.chains = { { "forth", .stages = { FIRST_HALF("left", "all", LEFT_MAC, RIGHT_MAC),
						   SECOND_HALF("right") } },
			    { "back", .stages = { FIRST_HALF("right", "all", RIGHT_MAC, LEFT_MAC),
						  SECOND_HALF("left") } },
			    { "made", .stages = { FIRST_HALF("generator", "all", LEFT_MAC, RIGHT_MAC),
						  SECOND_HALF("nothing") } } },
	};

	start(&config);
	wait_for_received(1);
	resident_at_start = resident();
	awaited = ENGINE_GENERATED;
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
	report->received = counters->received;
	report->injected = counters->injected;
	report->sent = counters->sent;
	report->dropped = counters->dropped;
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
