/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the stages cost without a device: generator, stages, null, on one worker. Each case is a chain that is
 * one stage longer than the case before it; a stage costs what its case takes more.
 *
 * With --instructions, the same chains run under callgrind, which counts instead of timing: the instructions
 * of a packet are the difference between a long run and a short one.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/weir.h>

#include "report.h"

#define SOURCE      "02:00:00:00:00:01"
#define DESTINATION "02:00:00:00:00:02"

/* What the cases add, in the order of the chain. */
static const char *const names[] = { "none",  "af_decap",   "eth_wrap", "mac_filter",
				     "stats", "eth_unwrap", "af_encap" };

#define ALL (countof(names) - 1)

struct options {
	double seconds;
	unsigned rounds;
	unsigned cpu;
	uint32_t size;
	uint32_t room;
	int only;         /* a case, or -1 */
	uint64_t packets; /* with only: how many; 0: as the seconds say */
	bool instructions;
	const char *json;
};

/* The chain of a case: the writer comes earlier for the shorter ones, and takes any layer. */
static void shorten(struct weir_chain *chain, unsigned n)
{
	const struct weir_stage write = chain->stages[1 + ALL];

	chain->stages[1 + n] = write;
	for (unsigned i = 2 + n; i <= 1 + ALL; i++)
		chain->stages[i] = (struct weir_stage){ 0 };
}

/* Runs packets through the first n stages and returns nanoseconds a packet: those of the processor that the
 * worker had, so that what else runs on the machine disturbs less. */
static double run(const struct options *options, unsigned n, uint64_t packets)
{
	struct weir_config config = {
		.endpoints = { weir_generator("in", .count = packets, .size = options->size),
			       weir_null("out") },
		.workers = { { "worker", .cpu = options->cpu } },
		.chains = { { "chain",
			      .stages = { weir_read("in", .worker = "worker"), weir_af_decap(),
					  weir_eth_wrap(.source = SOURCE, .next_hop = DESTINATION),
					  weir_mac_filter(.own = WEIR_LIST(DESTINATION)), weir_stats(),
					  weir_eth_unwrap(), weir_af_encap(), weir_write("out") } } },
		.pool = { .room = options->room },
	};
	struct weir_pipeline *pipeline;
	struct weir_counters *counters;
	struct weir_error err;
	uint64_t took;

	shorten(&config.chains[0], n);
	if (weir_pipeline_create(&pipeline, &config, &err) < 0)
		give_up(BENCH_FAILED, "stages: %s", err.text);
	if (weir_pipeline_start(pipeline, &err) < 0)
		give_up(BENCH_FAILED, "stages: %s", err.text);
	weir_pipeline_wait(pipeline, -1);
	counters = weir_counters_read(pipeline);
	if (!counters || counters->sent != packets)
		give_up(BENCH_FAILED, "stages: of %llu packets not all came through",
			(unsigned long long)packets);
	took = counters->workers[0].cpu_ns;
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
	return (double)took / (double)packets;
}

/* Instructions that callgrind counts for one run of this program. */
static double count_run(const struct options *options, unsigned n, uint64_t packets)
{
	char command[512], self[256], line[256];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	double instructions = NAN;
	FILE *pipe;

	if (len < 0)
		give_up(BENCH_FAILED, "stages: /proc/self/exe: %s", strerror(errno));
	self[len] = '\0';
	snprintf(command, sizeof(command),
		 "valgrind --tool=callgrind --callgrind-out-file=/dev/null '%s' --case %s --packets %llu "
		 "--size %u 2>&1",
		 self, names[n], (unsigned long long)packets, options->size);
	pipe = popen(command, "r");
	while (pipe && fgets(line, sizeof(line), pipe)) {
		const char *found = strstr(line, "Collected : ");

		if (found)
			instructions = strtod(found + strlen("Collected : "), NULL);
	}
	if (!pipe || pclose(pipe) != 0 || isnan(instructions))
		give_up(BENCH_REFUSED, "stages: --instructions needs valgrind");
	return instructions;
}

static double instructions(const struct options *options, unsigned n)
{
	const uint64_t few = 31000, many = 310000;

	return (count_run(options, n, many) - count_run(options, n, few)) / (double)(many - few);
}

static void count_instructions(const struct options *options, struct report *report)
{
	double before = 0;

	for (unsigned n = 0; n <= ALL; n++) {
		double all = instructions(options, n);

		printf("%-12s %8.1f instructions a packet\n", n ? names[n] : "in and out", all - before);
		report_add(report, names[n], "fused", "instructions_per_packet", all - before);
		before = all;
	}
	report_figure(report, "six_stages_instructions",
		      before - report_series(report, "none", "fused", "instructions_per_packet")->values[0],
		      BAR_NONE, 0);
}

/* As many packets as take the time asked for, found out by a short run, which also warms up. */
static uint64_t packets_for(const struct options *options)
{
	const uint64_t trial = 1000000;

	return (uint64_t)(options->seconds * 1e9 / run(options, ALL, trial)) + trial;
}

static void measure(const struct options *options, struct report *report)
{
	const uint64_t packets = packets_for(options);

	for (unsigned r = 0; r < options->rounds; r++) {
		double before = 0, first = 0;

		for (unsigned n = 0; n <= ALL; n++) {
			double ns = run(options, n, packets);

			report_add(report, names[n], "fused", "ns_per_packet", ns - before);
			before = ns;
			first = n ? first : ns;
		}
		report_add(report, "six", "fused", "ns_per_packet", before - first);
	}
}

static void print(struct report *report)
{
	for (unsigned i = 0; i < report->n; i++) {
		const char *name = report->results[i].kase;
		const struct series *series = report_series(report, name, "fused", "ns_per_packet");
		struct spread spread = report_spread(series->values, series->n);

		printf("%-12s %8.2f ns a packet [%.2f-%.2f]\n",
		       strcmp(name, "none") == 0 ? "in and out" : name, spread.median, spread.min,
		       spread.max);
		if (strcmp(name, "six") == 0)
			report_figure(report, "six_stages_ns", spread.median, BAR_AT_MOST, 30);
	}
}

static int find_case(const char *name)
{
	for (unsigned n = 0; n <= ALL; n++)
		if (strcmp(names[n], name) == 0)
			return (int)n;
	give_up(BENCH_USAGE, "stages: no such case: '%s'", name);
}

static void parse(struct options *options, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "seconds", required_argument, NULL, 's' }, { "rounds", required_argument, NULL, 'r' },
		{ "cpu", required_argument, NULL, 'p' },     { "size", required_argument, NULL, 'b' },
		{ "room", required_argument, NULL, 'm' },    { "case", required_argument, NULL, 'c' },
		{ "packets", required_argument, NULL, 'n' }, { "instructions", no_argument, NULL, 'i' },
		{ "json", required_argument, NULL, 'j' },    { 0 },
	};
	int option;

	*options = (struct options){ .seconds = 0.2, .rounds = 9, .size = 64, .only = -1 };
	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (option == 's' && (options->seconds = atof(optarg)) > 0)
			continue;
		if (option == 'r' && (options->rounds = (unsigned)atoi(optarg)) > 0)
			continue;
		if (option == 'p' && sscanf(optarg, "%u", &options->cpu) == 1)
			continue;
		if (option == 'b' && sscanf(optarg, "%u", &options->size) == 1)
			continue;
		if (option == 'm' && sscanf(optarg, "%u", &options->room) == 1)
			continue;
		if (option == 'c' && (options->only = find_case(optarg)) >= 0)
			continue;
		if (option == 'n' && (options->packets = strtoull(optarg, NULL, 10)) > 0)
			continue;
		if (option == 'i' && (options->instructions = true))
			continue;
		if (option == 'j' && (options->json = optarg))
			continue;
		give_up(BENCH_USAGE, "usage: stages [--seconds S] [--rounds N] [--cpu N] [--size BYTES] "
				     "[--room BYTES] [--json FILE]\n"
				     "              [--case NAME --packets N] [--instructions]");
	}
}

int main(int argc, char **argv)
{
	struct options options;
	struct report report = { .bench = "stages" };

	parse(&options, argc, argv);
	if (options.only >= 0) {
		printf("%.2f ns a packet\n", run(&options, (unsigned)options.only,
						 options.packets ? options.packets : packets_for(&options)));
		return 0;
	}
	report.rounds = options.instructions ? 1 : options.rounds;
	report_print_host(stdout);
	if (options.instructions) {
		count_instructions(&options, &report);
	} else {
		measure(&options, &report);
		print(&report);
	}
	report_print_figures(&report, stdout);
	if (options.json)
		report_write(&report, options.json);
	report_free(&report);
	return 0;
}
