/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Weir moves between two TUN devices, next to what a bare loop moves between the same two. The modes
 * take turns, so that what disturbs the machine disturbs all of them; a ratio is the median of the quotients
 * of each turn.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <string.h>

#include "forwarder.h"
#include "raw.h"
#include "report.h"
#include "table.h"
#include "traffic.h"
#include "visit.h"

static const struct traffic_case cases[] = {
	{ "tcp1", "TCP, 1 stream", &traffic_tcp, .streams = 1 },
	{ "tcp4", "TCP, 4 streams", &traffic_tcp, .streams = 4 },
	{ "udp64", "flood of UDP datagrams of 64 bytes", &traffic_udp, .size = 64 },
	{ "udp1400", "flood of UDP datagrams of 1400 bytes", &traffic_udp, .size = 1400 },
	{ "rtt", "UDP request and response of 64 bytes, back to back", &traffic_rtt, .size = 64 },
	{ "rtt1ms", "the same with a millisecond between", &traffic_rtt, .size = 64, .gap_us = 1000 },
};

static void start_raw(const struct rig *rig, const struct placement *placement)
{
	raw_start(rig, placement->cpu[0]);
}

static void start_raw2(const struct rig *rig, const struct placement *placement)
{
	raw2_start(rig, placement->cpu[0], placement->cpu[1]);
}

static const struct mode modes[] = {
	{ "raw", NULL, "poll, read and write in one thread", start_raw, NULL },
	{ "raw2", NULL, "read and write, one thread a direction", start_raw2, NULL },
};

struct options {
	bool case_on[countof(cases)];
	bool mode_on[countof(modes)];
	double seconds;
	unsigned rounds;
	struct placement placement;
	const char *json;
};

static void list(void)
{
	puts("cases:");
	for (unsigned i = 0; i < countof(cases); i++)
		printf("  %-9s %s\n", cases[i].name, cases[i].help);
	puts("modes:");
	for (unsigned i = 0; i < countof(modes); i++)
		printf("  %-9s %s\n", modes[i].name, modes[i].help);
}

static void usage(FILE *file)
{
	fputs("usage: throughput [--case NAME,…] [--mode NAME,…] [--seconds S] [--rounds N] [--cpu "
	      "A[,B]|none]\n"
	      "                  [--json FILE] [--quick] [--list]\n",
	      file);
}

static int find_case(const char *name)
{
	for (unsigned i = 0; i < countof(cases); i++)
		if (strcmp(cases[i].name, name) == 0)
			return (int)i;
	return -1;
}

static int find_mode(const char *name)
{
	for (unsigned i = 0; i < countof(modes); i++)
		if (strcmp(modes[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* Turns on what the list names, and nothing else. */
static void choose(bool *on, unsigned n, int (*find)(const char *), char *names, const char *what)
{
	memset(on, 0, n * sizeof(*on));
	for (char *save = NULL, *name = strtok_r(names, ",", &save); name;
	     name = strtok_r(NULL, ",", &save)) {
		int i = find(name);

		if (i < 0)
			give_up(BENCH_USAGE, "no such %s: '%s' (see --list)", what, name);
		on[i] = true;
	}
}

static double parse_number(const char *text, double min, double max, const char *what)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= min && value <= max))
		give_up(BENCH_USAGE, "--%s: '%s' is not a number from %g to %g", what, text, min, max);
	return value;
}

static void parse_cpus(struct placement *placement, char *text)
{
	char *comma = strchr(text, ',');

	placement->cpu[0] = placement->cpu[1] = -1;
	if (strcmp(text, "none") == 0)
		return;
	if (comma)
		*comma = '\0';
	placement->cpu[0] = placement->cpu[1] = (int)parse_number(text, 0, 1023, "cpu");
	if (comma)
		placement->cpu[1] = (int)parse_number(comma + 1, 0, 1023, "cpu");
}

static void set_defaults(struct options *options)
{
	memset(options, 0, sizeof(*options));
	memset(options->case_on, true, sizeof(options->case_on));
	memset(options->mode_on, true, sizeof(options->mode_on));
	options->seconds = 2;
	options->rounds = 7;
	options->placement = (struct placement){ { 0, 1 } };
}

/* What fits in a minute. */
static void set_quick(struct options *options)
{
	char names[] = "tcp1,tcp4,udp64,rtt";

	choose(options->case_on, countof(cases), find_case, names, "case");
	options->seconds = 0.5;
	options->rounds = 3;
}

static void parse(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{ "case", required_argument, NULL, 'c' },    { "mode", required_argument, NULL, 'm' },
		{ "seconds", required_argument, NULL, 's' }, { "rounds", required_argument, NULL, 'r' },
		{ "cpu", required_argument, NULL, 'p' },     { "json", required_argument, NULL, 'j' },
		{ "quick", no_argument, NULL, 'q' },         { "list", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },          { 0 },
	};
	int option;

	set_defaults(options);
	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (option) {
		case 'c':
			choose(options->case_on, countof(cases), find_case, optarg, "case");
			break;
		case 'm':
			choose(options->mode_on, countof(modes), find_mode, optarg, "mode");
			break;
		case 's':
			options->seconds = parse_number(optarg, 0.1, 3600, "seconds");
			break;
		case 'r':
			options->rounds = (unsigned)parse_number(optarg, 1, 1000, "rounds");
			break;
		case 'p':
			parse_cpus(&options->placement, optarg);
			break;
		case 'j':
			options->json = optarg;
			break;
		case 'q':
			set_quick(options);
			break;
		case 'l':
			list();
			exit(0);
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			exit(BENCH_USAGE);
		}
	}
}

static unsigned count(const bool *on, unsigned n)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += on[i];
	return sum;
}

static void measure(struct report *report, const struct rig *rig, const struct options *options)
{
	const unsigned all = options->rounds * count(options->case_on, countof(cases)) *
			     count(options->mode_on, countof(modes));
	unsigned done = 0;
	struct visit v;

	for (unsigned round = 0; round < options->rounds; round++) {
		for (unsigned c = 0; c < countof(cases); c++) {
			for (unsigned m = 0; options->case_on[c] && m < countof(modes); m++) {
				if (!options->mode_on[m])
					continue;
				visit(&v, rig, &modes[m], &cases[c], &options->placement, options->seconds);
				table_add(report, &cases[c], &modes[m], &v);
				table_print_progress(report, &cases[c], &modes[m], ++done, all);
			}
		}
	}
}

static void print_table(const struct report *report)
{
	table_print_head();
	for (unsigned c = 0; c < countof(cases); c++)
		for (unsigned m = 0; m < countof(modes); m++)
			table_print_row(report, &cases[c], &modes[m]);
	for (unsigned c = 0; c < countof(cases); c++)
		for (unsigned m = 0; m < countof(modes); m++)
			table_print_stages(report, &cases[c], &modes[m]);
}

int main(int argc, char **argv)
{
	struct report report = { .bench = "throughput" };
	struct options options;
	struct rig rig;

	parse(&options, argc, argv);
	report.rounds = options.rounds;
	report_print_host(stdout);
	rig_make(&rig);
	measure(&report, &rig, &options);
	print_table(&report);
	if (options.json)
		report_write(&report, options.json);
	report_free(&report);
	return 0;
}
