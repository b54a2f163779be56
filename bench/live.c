/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What live changes cost. The same traffic through the same pipeline, which every other tenth of a second is
 * left alone ("still") and else given 1,000 other configurations of its stages a second, or 50 other shapes.
 * Left alone, it is in one shape as often as in another. Numbered datagrams tell whether the changes lose,
 * double or reorder any; each change tells how long it took.
 */
#include <math.h>
#include <string.h>

#include "changer.h"
#include "changes.h"
#include "engine.h"
#include "suite.h"
#include "table.h"

#define CONFIGS_PER_S 1000
#define SHAPES_PER_S  50

static const struct traffic_case cases[] = {
	{ "tcp1", "TCP, 1 stream", &traffic_tcp, .streams = 1 },
	{ "window", "4 flows of numbered UDP datagrams of 64 bytes, 32 of each on the way", &traffic_window,
	  .streams = 4, .size = 64, .window = 32 },
	{ "rtt", "UDP request and response of 64 bytes, back to back", &traffic_rtt, .size = 64 },
};

/* --- the changes ------------------------------------------------------------------------------------------
 */

static struct {
	struct weir_pipeline *pipeline;
	enum shape_ends ends;
	const struct rig *rig;
	const struct placement *placement;
	unsigned configured;
} changed;

/* The ways in turn: each filter gets one configuration, then each the other one. */
static int configure(unsigned kind, struct weir_report **report, struct weir_error *err)
{
	const unsigned n = changed.configured++;
	const struct weir_stage filter = shapes_filter(n % 2, n / 2);

	(void)kind;
	(void)report;
	return weir_stage_configure(changed.pipeline, n % 2 ? SHAPES_FILTER_BACK : SHAPES_FILTER_FORTH,
				    &filter, err);
}

static const char *const config_kinds[] = { "config" };

static const struct changer configuring = { CONFIGS_PER_S, countof(config_kinds), config_kinds, configure };

/* From the shape that the pipeline was started with through all of them and back. */
static const char *const shape_kinds[] = {
	"insert", "remove", "join", "split", "move", "back", "add", "end"
};
static const enum shape shapes[countof(shape_kinds)] = {
	SHAPE_LONGER, SHAPE_SPLIT, SHAPE_JOINED, SHAPE_SPLIT,
	SHAPE_MOVED,  SHAPE_SPLIT, SHAPE_ADDED,  SHAPE_SPLIT
};

static int apply(unsigned kind, struct weir_report **report, struct weir_error *err)
{
	return weir_pipeline_apply(changed.pipeline,
				   shapes_config(shapes[kind], changed.ends, changed.rig, changed.placement),
				   err, .report = report);
}

static const struct changer applying = { SHAPES_PER_S, countof(shape_kinds), shape_kinds, apply };

/* --- the modes --------------------------------------------------------------------------------------------
 */

static void start(enum shape_ends ends, const struct rig *rig, const struct placement *placement,
		  const struct changer *changer)
{
	changed.pipeline = engine_start(SHAPE_SPLIT, ends, rig, placement);
	changed.ends = ends;
	changed.rig = rig;
	changed.placement = placement;
	changer_start(changer);
}

static void start_configuring(const struct rig *rig, const struct placement *placement)
{
	start(ENDS_PLAIN, rig, placement, &configuring);
}

static void start_applying(const struct rig *rig, const struct placement *placement)
{
	start(ENDS_PLAIN, rig, placement, &applying);
}

static void start_busy_configuring(const struct rig *rig, const struct placement *placement)
{
	(void)rig;
	start(ENDS_GENERATORS, NULL, placement, &configuring);
}

static void start_busy_applying(const struct rig *rig, const struct placement *placement)
{
	(void)rig;
	start(ENDS_GENERATORS, NULL, placement, &applying);
}

static void stop(struct forwarder_report *report)
{
	changer_stop(report);
	engine_stop(report);
}

static const struct mode modes[] = {
	{ "configs", "still1", "two workers and two rings; 1,000 configurations of the filters a second",
	  start_configuring, stop, changer_rest },
	{ "shapes", "still2", "the same; 50 shapes a second, in turn", start_applying, stop, changer_rest },
};

/* Both workers have work all the time, and no system call to do. */
static const struct mode busy_modes[] = {
	{ "configs", NULL, "", start_busy_configuring, stop, NULL },
	{ "shapes", NULL, "", start_busy_applying, stop, NULL },
};

enum {
	EXTRA_BUSY = 0,
};

static const struct extra extras[] = {
	[EXTRA_BUSY] = { "busy", "the time of a change while generators keep both workers busy, no devices" },
};

static const struct suite suite = {
	.name = "reconfigure",
	.cases = cases,
	.n_cases = countof(cases),
	.extras = extras,
	.n_extras = countof(extras),
	.modes = modes,
	.n_modes = countof(modes),
	.seconds = 0.5,
	.rounds = 15,
	.quick = "tcp1,window,busy",
};

static void measure_busy(const struct options *options, struct report *report, const struct rig *rig,
			 struct conservation *sum)
{
	for (unsigned i = 0; i < options->rounds * countof(busy_modes); i++) {
		const struct mode *mode = &busy_modes[i % countof(busy_modes)];
		struct forwarder forwarder;
		struct forwarder_report told;

		forwarder_start(&forwarder, mode, rig, &options->placement);
		pause_ns((uint64_t)(options->seconds * 1e9));
		forwarder_stop(&forwarder, &told);
		changes_add(report, extras[EXTRA_BUSY].name, mode->name, &told);
		suite_sum_up(sum, &told);
	}
}

/* --- figures ----------------------------------------------------------------------------------------------
 */

static const struct ratio ratios[] = {
	{ "config_changes_throughput", "tcp1", "gbps", "configs", "still1", BAR_AT_LEAST, 0.97 },
	{ "config_changes_window_pps", "window", "pps", "configs", "still1", BAR_NONE, 0 },
	{ "config_changes_p99", "rtt", "calm_p99_us", "configs", "still1", BAR_AT_MOST, 1.1 },
	{ "config_changes_window_p99", "window", "calm_p99_us", "configs", "still1", BAR_NONE, 0 },
	{ "shape_changes_throughput", "tcp1", "gbps", "shapes", "still2", BAR_AT_LEAST, 0.90 },
	{ "shape_changes_window_pps", "window", "pps", "shapes", "still2", BAR_NONE, 0 },
	{ "shape_changes_p99", "rtt", "calm_p99_us", "shapes", "still2", BAR_NONE, 0 },
	{ "shape_changes_window_p99", "window", "calm_p99_us", "shapes", "still2", BAR_NONE, 0 },
};

/* The time of a change: where the workers always have work, and where writes that deliver TCP make their
 * passes long, and traffic and workers want the same processors. */
static const struct {
	const char *key, *worst, *kase, *mode;
	enum bar bar;
	double limit;
} times[] = {
	{ "config_change_us", "config_change_worst_us", "busy", "configs", BAR_AT_MOST, 50 },
	{ "shape_change_us", "shape_change_worst_us", "busy", "shapes", BAR_AT_MOST, 1000 },
	{ "config_change_tcp_us", "config_change_tcp_worst_us", "tcp1", "configs", BAR_AT_MOST, 50 },
	{ "shape_change_tcp_us", "shape_change_tcp_worst_us", "tcp1", "shapes", BAR_AT_MOST, 1000 },
};

/* Of numbered datagrams, in all modes and rounds; NaN: not measured. */
static double total(const struct report *report, const char *metric)
{
	double sum = NAN;

	for (unsigned m = 0; m < countof(modes); m++) {
		const struct series *series = report_series(report, "window", modes[m].name, metric);

		for (unsigned i = 0; series && i < series->n; i++)
			sum = (isnan(sum) ? 0 : sum) + series->values[i];
	}
	return sum;
}

static void add_figures(struct report *report)
{
	report_figure(report, "lost", total(report, "lost"), BAR_AT_MOST, 0);
	report_figure(report, "duplicated", total(report, "duplicated"), BAR_AT_MOST, 0);
	report_figure(report, "reordered", total(report, "reordered"), BAR_AT_MOST, 0);
	report_ratio_figures(report, ratios, countof(ratios));
	for (unsigned i = 0; i < countof(times); i++) {
		report_figure(report, times[i].key,
			      changes_median(report, times[i].kase, times[i].mode, "all"), times[i].bar,
			      times[i].limit);
		report_figure(report, times[i].worst,
			      changes_worst(report, times[i].kase, times[i].mode, "all"), BAR_NONE, 0);
	}
}

/* Whether the changes cost a packet or its place, as far as that was measured. */
static bool is_correct(const struct report *report)
{
	return !(total(report, "lost") > 0 || total(report, "duplicated") > 0 ||
		 total(report, "reordered") > 0);
}

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
	changer_init();
	rig_make(&rig);
	suite_measure(&suite, &options, &report, &rig, &sum);
	if (suite_extra_on(&suite, &options, EXTRA_BUSY))
		measure_busy(&options, &report, &rig, &sum);
	suite_print_table(&suite, &report);
	changes_print(&report);
	kept = suite_print_conservation(&sum) && is_correct(&report);
	add_figures(&report);
	report_finish(&report, options.json);
	return kept ? 0 : BENCH_FAILED;
}
