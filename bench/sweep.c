/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a packet costs in the engine alone, without a device: generator, stages, null. Against the number of
 * stages and the size of the packet, on one worker; and against the number of rings, each of which leads to
 * another worker. Processor time of all workers, so that what else runs on the machine disturbs less.
 */
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include <weir/weir.h>

#include "report.h"

#define SOURCE      "02:00:00:00:00:01"
#define DESTINATION "02:00:00:00:00:02"

#define STAGES_MAX 12
#define RINGS_MAX  4

static const uint32_t sizes[] = { 64, 256, 1024, 1500 };

struct options {
	double seconds;
	unsigned rounds;
	unsigned cpu[2];
	const char *json;
};

/* One chain: stages, or as many looks as there can be rings, with a ring behind the first few. */
struct length {
	uint32_t size; /* bytes of a packet */
	unsigned stages;
	unsigned rings;
	bool looks;
};

struct cost {
	double cpu_ns;  /* a packet, of all workers */
	double wall_ns; /* from the start to the last packet, a packet */
};

/* Twice what a packet of a VPN passes. */
static const struct weir_stage stages[STAGES_MAX] = {
	weir_af_decap(.name = "decap1"),
	weir_eth_wrap(.name = "wrap1", .source = SOURCE, .next_hop = DESTINATION),
	weir_mac_filter(.name = "filter1", .own = WEIR_LIST(DESTINATION)),
	weir_stats(.name = "stats1"),
	weir_eth_unwrap(.name = "unwrap1"),
	weir_af_encap(.name = "encap1"),
	weir_af_decap(.name = "decap2"),
	weir_eth_wrap(.name = "wrap2", .source = SOURCE, .next_hop = DESTINATION),
	weir_mac_filter(.name = "filter2", .own = WEIR_LIST(DESTINATION)),
	weir_stats(.name = "stats2"),
	weir_eth_unwrap(.name = "unwrap2"),
	weir_af_encap(.name = "encap2"),
};

static const char *const workers[1 + RINGS_MAX] = { "w0", "w1", "w2", "w3", "w4" };
static const struct weir_stage rings[RINGS_MAX] = {
	weir_ring(.worker = "w1", .name = "ring1"),
	weir_ring(.worker = "w2", .name = "ring2"),
	weir_ring(.worker = "w3", .name = "ring3"),
	weir_ring(.worker = "w4", .name = "ring4"),
};
static const struct weir_stage looks[RINGS_MAX] = {
	weir_stats(.name = "look1"),
	weir_stats(.name = "look2"),
	weir_stats(.name = "look3"),
	weir_stats(.name = "look4"),
};
static const struct weir_stage first = weir_read("in", .worker = "w0");
static const struct weir_stage last = weir_write("out");

static void lay_out(struct weir_config *config, const struct length *length, const unsigned cpu[2])
{
	struct weir_stage *row = config->chains[0].stages;

	config->chains[0].name = "chain";
	*row++ = first;
	for (unsigned i = 0; i < length->stages; i++)
		*row++ = stages[i];
	for (unsigned i = 0; length->looks && i < RINGS_MAX; i++) {
		*row++ = looks[i];
		if (i < length->rings)
			*row++ = rings[i];
	}
	*row = last;
	for (unsigned i = 0; i <= length->rings; i++)
		config->workers[i] = (struct weir_worker){ .name = workers[i], .cpu = cpu[i % 2] };
}

static struct cost read_cost(struct weir_pipeline *pipeline, uint64_t packets, uint64_t took)
{
	struct weir_counters *counters = weir_counters_read(pipeline);
	struct cost cost = { .wall_ns = (double)took / (double)packets };

	if (!counters || counters->sent != packets)
		give_up(BENCH_FAILED, "sweep: of %" PRIu64 " packets not all came through", packets);
	for (unsigned w = 0; w < counters->n_workers; w++)
		cost.cpu_ns += (double)counters->workers[w].cpu_ns / (double)packets;
	weir_counters_free(counters);
	return cost;
}

static struct cost run(const struct length *length, const unsigned cpu[2], uint64_t packets)
{
	struct weir_config config = {
		.endpoints = { weir_generator("in", .count = packets, .size = length->size),
			       weir_null("out") },
	};
	struct weir_pipeline *pipeline;
	struct weir_error err;
	struct cost cost;
	uint64_t begin;

	lay_out(&config, length, cpu);
	if (weir_pipeline_create(&pipeline, &config, &err) < 0)
		give_up(BENCH_FAILED, "sweep: %s", err.text);
	begin = now_ns();
	if (weir_pipeline_start(pipeline, &err) < 0)
		give_up(BENCH_FAILED, "sweep: %s", err.text);
	weir_pipeline_wait(pipeline, -1);
	cost = read_cost(pipeline, packets, now_ns() - begin);
	weir_pipeline_destroy(pipeline);
	return cost;
}

/* Case "stages6" or "rings2", mode "64": the bytes of a packet. As many packets as take the time asked for,
 * found out by a short run. */
static void measure(const struct options *options, struct report *report, const char *kase,
		    const struct length *length)
{
	const uint64_t trial = 50000;
	const double ns = run(length, options->cpu, trial).wall_ns;
	const struct cost cost = run(length, options->cpu, (uint64_t)(options->seconds * 1e9 / ns) + trial);
	char mode[16];

	snprintf(mode, sizeof(mode), "%u", length->size);
	report_add(report, kase, mode, "ns_per_packet", cost.cpu_ns);
	report_add(report, kase, mode, "wall_ns_per_packet", cost.wall_ns);
}

static void measure_round(const struct options *options, struct report *report)
{
	char kase[16];

	for (unsigned s = 0; s < countof(sizes); s++) {
		struct length length = { .size = sizes[s] };

		for (length.stages = 0; length.stages <= STAGES_MAX; length.stages++) {
			snprintf(kase, sizeof(kase), "stages%u", length.stages);
			measure(options, report, kase, &length);
		}
		length = (struct length){ .size = sizes[s], .looks = true };
		for (length.rings = 0; length.rings <= RINGS_MAX; length.rings++) {
			snprintf(kase, sizeof(kase), "rings%u", length.rings);
			measure(options, report, kase, &length);
		}
	}
}

/* A line for each number of stages or rings, a column for each size. */
static void print(const struct report *report, const char *what, unsigned max)
{
	printf("\n%-10s", what);
	for (unsigned s = 0; s < countof(sizes); s++)
		printf(" %6u B", sizes[s]);
	puts("   ns a packet");
	for (unsigned n = 0; n <= max; n++) {
		char kase[16], mode[16];

		snprintf(kase, sizeof(kase), "%s%u", what, n);
		printf("%-10u", n);
		for (unsigned s = 0; s < countof(sizes); s++) {
			snprintf(mode, sizeof(mode), "%u", sizes[s]);
			printf(" %8.2f", report_median(report, kase, mode, "ns_per_packet"));
		}
		putchar('\n');
	}
}

/* What one more costs, over the whole sweep. */
static void add_figures(struct report *report)
{
	const double none = report_median(report, "stages0", "64", "ns_per_packet");

	report_figure(report, "stage_ns",
		      (report_median(report, "stages12", "64", "ns_per_packet") - none) / STAGES_MAX,
		      BAR_NONE, 0);
	report_figure(report, "stage_1500_ns",
		      (report_median(report, "stages12", "1500", "ns_per_packet") -
		       report_median(report, "stages0", "1500", "ns_per_packet")) /
			      STAGES_MAX,
		      BAR_NONE, 0);
	report_figure(report, "hop_ns",
		      (report_median(report, "rings4", "64", "ns_per_packet") -
		       report_median(report, "rings0", "64", "ns_per_packet")) /
			      RINGS_MAX,
		      BAR_NONE, 0);
}

static void parse(struct options *options, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "cpu", required_argument, NULL, 'p' },
		{ "json", required_argument, NULL, 'j' },
		{ 0 },
	};
	int option;

	*options = (struct options){ .seconds = 0.05, .rounds = 7, .cpu = { 0, 1 } };
	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (option == 's' && (options->seconds = atof(optarg)) > 0)
			continue;
		if (option == 'r' && (options->rounds = (unsigned)atoi(optarg)) > 0)
			continue;
		if (option == 'p' && sscanf(optarg, "%u,%u", &options->cpu[0], &options->cpu[1]) == 2)
			continue;
		if (option == 'j' && (options->json = optarg))
			continue;
		give_up(BENCH_USAGE, "usage: sweep [--seconds S] [--rounds N] [--cpu A,B] [--json FILE]");
	}
}

int main(int argc, char **argv)
{
	struct options options;
	struct report report = { .bench = "sweep" };

	parse(&options, argc, argv);
	report.rounds = options.rounds;
	report_print_host(stdout);
	for (unsigned r = 0; r < options.rounds; r++)
		measure_round(&options, &report);
	print(&report, "stages", STAGES_MAX);
	print(&report, "rings", RINGS_MAX);
	add_figures(&report);
	putchar('\n');
	report_finish(&report, options.json);
	return 0;
}
