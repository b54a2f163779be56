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

#include "chain.h"
#include "neighbour.h"
#include "report.h"

struct options {
	double seconds;
	unsigned rounds;
	struct chain chain;
	int only;         /* a case, or -1 */
	uint64_t packets; /* with only: how many; 0: as the seconds say */
	bool instructions;
	const char *json;
};

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
		 self, chain_names[n], (unsigned long long)packets, options->chain.size);
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

	for (unsigned n = 0; n <= CHAIN_STAGES; n++) {
		double all = instructions(options, n);

		printf("%-12s %8.1f instructions a packet\n", n ? chain_names[n] : "in and out",
		       all - before);
		report_add(report, chain_names[n], "fused", "instructions_per_packet", all - before);
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

	return (uint64_t)(options->seconds * 1e9 / chain_run(&options->chain, CHAIN_STAGES, trial)) + trial;
}

static void measure(const struct options *options, struct report *report)
{
	const uint64_t packets = packets_for(options);

	for (unsigned r = 0; r < options->rounds; r++) {
		double before = 0, first = 0;

		for (unsigned n = 0; n <= CHAIN_STAGES; n++) {
			double ns = chain_run(&options->chain, n, packets);

			report_add(report, chain_names[n], "fused", "ns_per_packet", ns - before);
			before = ns;
			first = n ? first : ns;
		}
		report_add(report, "six", "fused", "ns_per_packet", before - first);
	}
}

/* What is known beforehand, and what is looked up, in turns. */
static void measure_neighbours(const struct options *options, struct report *report)
{
	const uint64_t packets = packets_for(options);
	struct weir_host *host = neighbour_open();

	for (unsigned r = 0; r < options->rounds; r++) {
		const double known = neighbour_run(&options->chain, host, NEIGHBOUR_KNOWN, packets);

		for (enum neighbour_wrap wrap = NEIGHBOUR_ONE; wrap < NEIGHBOUR_WRAPS; wrap++)
			report_add(report, neighbour_names[wrap], "fused", "extra_ns_per_packet",
				   neighbour_run(&options->chain, host, wrap, packets) - known);
	}
	weir_host_destroy(host);
}

static struct spread print_row(const struct report *report, const char *kase, const char *metric)
{
	const struct series *series = report_series(report, kase, "fused", metric);
	const struct spread spread = report_spread(series->values, series->n);

	printf("%-15s %8.2f ns a packet [%.2f-%.2f]\n", strcmp(kase, "none") == 0 ? "in and out" : kase,
	       spread.median, spread.min, spread.max);
	return spread;
}

static void print(struct report *report)
{
	double six, one, few;

	for (unsigned n = 0; n <= CHAIN_STAGES; n++)
		print_row(report, chain_names[n], "ns_per_packet");
	six = print_row(report, "six", "ns_per_packet").median;
	puts("more than eth_wrap, a MAC address that is looked up:");
	one = print_row(report, neighbour_names[NEIGHBOUR_ONE], "extra_ns_per_packet").median;
	few = print_row(report, neighbour_names[NEIGHBOUR_FEW], "extra_ns_per_packet").median;
	report_figure(report, "six_stages_ns", six, BAR_AT_MOST, 30);
	report_figure(report, "neighbour_extra_ns", one, BAR_AT_MOST, 5);
	report_figure(report, "neighbour_few_extra_ns", few, BAR_NONE, 0);
}

static int find_case(const char *name)
{
	for (unsigned n = 0; n <= CHAIN_STAGES; n++)
		if (strcmp(chain_names[n], name) == 0)
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

	*options = (struct options){ .seconds = 0.2, .rounds = 9, .chain.size = 64, .only = -1 };
	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (option == 's' && (options->seconds = atof(optarg)) > 0)
			continue;
		if (option == 'r' && (options->rounds = (unsigned)atoi(optarg)) > 0)
			continue;
		if (option == 'p' && sscanf(optarg, "%u", &options->chain.cpu) == 1)
			continue;
		if (option == 'b' && sscanf(optarg, "%u", &options->chain.size) == 1)
			continue;
		if (option == 'm' && sscanf(optarg, "%u", &options->chain.room) == 1)
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
		printf("%.2f ns a packet\n",
		       chain_run(&options.chain, (unsigned)options.only,
				 options.packets ? options.packets : packets_for(&options)));
		return 0;
	}
	report.rounds = options.instructions ? 1 : options.rounds;
	report_print_host(stdout);
	if (options.instructions) {
		count_instructions(&options, &report);
	} else {
		measure(&options, &report);
		measure_neighbours(&options, &report);
		print(&report);
	}
	report_finish(&report, options.json);
	return 0;
}
