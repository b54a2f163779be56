/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Weir moves between two TUN devices, next to what a bare loop moves between the same two. The modes
 * take turns, so that what disturbs the machine disturbs all of them; a ratio is the median of the quotients
 * of each turn.
 */
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "engine.h"
#include "figures.h"
#include "raw.h"
#include "resources.h"
#include "table.h"

static const struct traffic_case cases[] = {
	{ "tcp1", "TCP, 1 stream", &traffic_tcp, .streams = 1 },
	{ "tcp4", "TCP, 4 streams", &traffic_tcp, .streams = 4 },
	{ "udp64", "flood of UDP datagrams of 64 bytes", &traffic_udp, .size = 64 },
	{ "udp1400", "flood of UDP datagrams of 1400 bytes", &traffic_udp, .size = 1400 },
	{ "rtt", "UDP request and response of 64 bytes, back to back", &traffic_rtt, .size = 64 },
	{ "rtt1ms", "the same with a millisecond between", &traffic_rtt, .size = 64, .gap_us = 1000 },
};

/* Each next to the one that it is compared with. */
static const struct mode modes[] = {
	{ "raw", NULL, "poll, read and write in one thread", raw_start, NULL },
	{ "fused", "raw", "Weir, all stages on one worker", engine_start_fused, engine_stop },
	{ "raw2", NULL, "read and write, one thread a direction", raw2_start, NULL },
	{ "threaded", "raw2", "Weir, two workers with a ring in each direction", engine_start_threaded,
	  engine_stop },
};

/* What is measured once and without traffic. */
enum extra {
	EXTRA_RSS = 0,
	EXTRA_IDLE,
	EXTRAS,
};

static const struct {
	const char *name;
	const char *help;
} extras[EXTRAS] = {
	{ "rss", "memory before and after ten million packets of a generator" },
	{ "idle", "processor time in 10 seconds without traffic" },
};

#define CASES countof(cases)
#define MODES countof(modes)

struct options {
	bool case_on[CASES + EXTRAS];
	bool mode_on[MODES];
	double seconds;
	unsigned rounds;
	struct placement placement;
	const char *json;
};

/* What became of all packets that Weir was given. */
struct conservation {
	uint64_t received, injected, sent, dropped, held;
};

static void list(void)
{
	puts("cases:");
	for (unsigned i = 0; i < countof(cases); i++)
		printf("  %-9s %s\n", cases[i].name, cases[i].help);
	for (unsigned i = 0; i < EXTRAS; i++)
		printf("  %-9s %s\n", extras[i].name, extras[i].help);
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
	for (unsigned i = 0; i < EXTRAS; i++)
		if (strcmp(extras[i].name, name) == 0)
			return (int)(CASES + i);
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

static void parse_cpus(const char *text, int cpu[SIDES], const char *what)
{
	if (!placement_parse(text, cpu))
		give_up(BENCH_USAGE, "--%s: '%s' is not a processor, two of them, or none", what, text);
}

static void set_defaults(struct options *options)
{
	memset(options, 0, sizeof(*options));
	memset(options->case_on, true, sizeof(options->case_on));
	memset(options->mode_on, true, sizeof(options->mode_on));
	placement_default(&options->placement);
	/* Many short rounds tell more than few long ones: what disturbs lasts for seconds. */
	options->seconds = 0.5;
	options->rounds = 15;
}

static void set_quick(struct options *options)
{
	char names[] = "tcp1,tcp4,udp64,rtt,rss";

	choose(options->case_on, countof(options->case_on), find_case, names, "case");
	options->seconds = 0.25;
	options->rounds = 5;
}

static void take_option(struct options *options, int option, char *value)
{
	switch (option) {
	case 'c':
		choose(options->case_on, countof(options->case_on), find_case, value, "case");
		break;
	case 'm':
		choose(options->mode_on, MODES, find_mode, value, "mode");
		break;
	case 's':
		options->seconds = parse_number(value, 0.1, 3600, "seconds");
		break;
	case 'r':
		options->rounds = (unsigned)parse_number(value, 1, 1000, "rounds");
		break;
	case 'p':
		parse_cpus(value, options->placement.two, "cpu");
		options->placement.one = options->placement.two[RIGHT];
		break;
	case 't':
		parse_cpus(value, options->placement.traffic, "traffic-cpu");
		break;
	case 'j':
		options->json = value;
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

static void parse(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{ "case", required_argument, NULL, 'c' },
		{ "mode", required_argument, NULL, 'm' },
		{ "seconds", required_argument, NULL, 's' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "cpu", required_argument, NULL, 'p' },
		{ "traffic-cpu", required_argument, NULL, 't' },
		{ "json", required_argument, NULL, 'j' },
		{ "quick", no_argument, NULL, 'q' },
		{ "list", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	set_defaults(options);
	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
		take_option(options, option, optarg);
	if (optind < argc)
		give_up(BENCH_USAGE, "what is '%s'? (see --help)", argv[optind]);
}

static unsigned count(const bool *on, unsigned n)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += on[i];
	return sum;
}

static void sum_up(struct conservation *sum, const struct forwarder_report *report)
{
	sum->received += report->received;
	sum->injected += report->injected;
	sum->sent += report->sent;
	sum->dropped += report->dropped;
	sum->held += report->held;
}

/* On a machine that is busy with something else, a thread may not run for longer than a measurement takes. */
static void visit_patiently(struct visit *v, const struct rig *rig, const struct mode *mode,
			    const struct traffic_case *kase, const struct options *options)
{
	for (unsigned tries = 0; tries < 3; tries++) {
		if (visit(v, rig, mode, kase, &options->placement, options->seconds))
			return;
		fprintf(stderr, "nothing came through in %g s: case %s, mode %s\n", v->seconds, kase->name,
			mode->name);
	}
	give_up(BENCH_FAILED, "giving up after three times");
}

static void measure_traffic(struct report *report, const struct rig *rig, const struct options *options,
			    struct conservation *sum)
{
	const unsigned all =
		options->rounds * count(options->case_on, CASES) * count(options->mode_on, MODES);
	unsigned done = 0;
	struct visit v;

	for (unsigned i = 0; i < options->rounds * CASES * MODES; i++) {
		const unsigned c = i / MODES % CASES, m = i % MODES;

		if (!options->case_on[c] || !options->mode_on[m])
			continue;
		visit_patiently(&v, rig, &modes[m], &cases[c], options);
		table_add(report, &cases[c], &modes[m], &v);
		sum_up(sum, &v.report);
		table_print_progress(report, &cases[c], &modes[m], ++done, all);
	}
}

/* A raw loop has neither memory nor idle time to speak of. */
static void measure_resources(struct report *report, const struct rig *rig, const struct options *options)
{
	if (options->case_on[CASES + EXTRA_RSS])
		resources_measure_memory(report, rig, &options->placement);
	for (unsigned m = 0; options->case_on[CASES + EXTRA_IDLE] && m < MODES; m++)
		if (options->mode_on[m] && modes[m].stop)
			resources_measure_idle(report, rig, &modes[m], &options->placement);
}

static void print_table(const struct report *report)
{
	table_print_head();
	for (unsigned i = 0; i < CASES * MODES; i++)
		table_print_row(report, &cases[i / MODES], &modes[i % MODES]);
	table_print_stages(report);
}

/* Whether no packet is unaccounted for. */
static bool print_conservation(const struct conservation *sum)
{
	bool kept = sum->received + sum->injected == sum->sent + sum->dropped + sum->held;

	printf("\nreceived %" PRIu64 " + injected %" PRIu64 " %s sent %" PRIu64 " + dropped %" PRIu64
	       " + held %" PRIu64 "\n\n",
	       sum->received, sum->injected, kept ? "==" : "!=", sum->sent, sum->dropped, sum->held);
	return kept;
}

int main(int argc, char **argv)
{
	struct report report = { .bench = "throughput" };
	struct conservation sum = { 0 };
	struct options options;
	struct rig rig;
	bool kept;

	parse(&options, argc, argv);
	report.rounds = options.rounds;
	report_print_host(stdout);
	rig_make(&rig);
	measure_traffic(&report, &rig, &options, &sum);
	measure_resources(&report, &rig, &options);
	print_table(&report);
	kept = print_conservation(&sum);
	figures_add(&report);
	report_print_figures(&report, stdout);
	if (options.json)
		report_write(&report, options.json);
	report_free(&report);
	return kept ? 0 : BENCH_FAILED;
}
