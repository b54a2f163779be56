/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "changes.h"
#include "suite.h"
#include "table.h"

static void list(const struct suite *suite)
{
	puts("cases:");
	for (unsigned i = 0; i < suite->n_cases; i++)
		printf("  %-13s %s\n", suite->cases[i].name, suite->cases[i].help);
	for (unsigned i = 0; i < suite->n_extras; i++)
		printf("  %-13s %s\n", suite->extras[i].name, suite->extras[i].help);
	puts("modes:");
	for (unsigned i = 0; i < suite->n_modes; i++)
		printf("  %-13s %s\n", suite->modes[i].name, suite->modes[i].help);
}

static void usage(const struct suite *suite, FILE *file)
{
	fprintf(file,
		"usage: %s [--case NAME,…] [--mode NAME,…] [--seconds S] [--rounds N] [--cpu A[,B]|none]\n"
		"       [--traffic-cpu A[,B]|none] [--json FILE] [--quick] [--list]\n",
		suite->name);
}

static int find_case(const struct suite *suite, const char *name)
{
	for (unsigned i = 0; i < suite->n_cases; i++)
		if (strcmp(suite->cases[i].name, name) == 0)
			return (int)i;
	for (unsigned i = 0; i < suite->n_extras; i++)
		if (strcmp(suite->extras[i].name, name) == 0)
			return (int)(suite->n_cases + i);
	return -1;
}

static int find_mode(const struct suite *suite, const char *name)
{
	for (unsigned i = 0; i < suite->n_modes; i++)
		if (strcmp(suite->modes[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* Turns on what the list names, and nothing else. */
static void choose(const struct suite *suite, bool *on, unsigned n,
		   int (*find)(const struct suite *, const char *), const char *list_, const char *what)
{
	char names[256];

	snprintf(names, sizeof(names), "%s", list_);
	memset(on, 0, n * sizeof(*on));
	for (char *save = NULL, *name = strtok_r(names, ",", &save); name;
	     name = strtok_r(NULL, ",", &save)) {
		int i = find(suite, name);

		if (i < 0)
			give_up(BENCH_USAGE, "no such %s: '%s' (see --list)", what, name);
		on[i] = true;
	}
}

static void choose_cases(const struct suite *suite, struct options *options, const char *names)
{
	choose(suite, options->case_on, SUITE_CASES_MAX, find_case, names, "case");
}

static void choose_modes(const struct suite *suite, struct options *options, const char *names)
{
	choose(suite, options->mode_on, SUITE_MODES_MAX, find_mode, names, "mode");
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

static void set_defaults(const struct suite *suite, struct options *options)
{
	memset(options, 0, sizeof(*options));
	memset(options->case_on, true, sizeof(options->case_on));
	memset(options->mode_on, true, sizeof(options->mode_on));
	placement_default(&options->placement);
	options->seconds = suite->seconds;
	options->rounds = suite->rounds;
}

static void set_quick(const struct suite *suite, struct options *options)
{
	choose_cases(suite, options, suite->quick);
	if (suite->quick_modes)
		choose_modes(suite, options, suite->quick_modes);
	options->seconds = 0.2;
	options->rounds = 5;
}

static void take_option(const struct suite *suite, struct options *options, int option, const char *value)
{
	switch (option) {
	case 'c':
		choose_cases(suite, options, value);
		break;
	case 'm':
		choose_modes(suite, options, value);
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
		set_quick(suite, options);
		break;
	case 'l':
		list(suite);
		exit(0);
	case 'h':
		usage(suite, stdout);
		exit(0);
	default:
		usage(suite, stderr);
		exit(BENCH_USAGE);
	}
}

static void leave_out_impossible(const struct suite *suite, struct options *options)
{
	for (unsigned m = 0; m < suite->n_modes; m++) {
		const struct mode *mode = &suite->modes[m];
		const char *reason = options->mode_on[m] && mode->lacks ? mode->lacks() : NULL;

		if (!reason)
			continue;
		fprintf(stderr, "mode %s is left out: %s\n", mode->name, reason);
		options->mode_on[m] = false;
	}
}

void suite_parse(const struct suite *suite, struct options *options, int argc, char **argv)
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
	bool cases = false, modes = false;
	int option;

	set_defaults(suite, options);
	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		take_option(suite, options, option, optarg);
		cases |= option == 'c';
		modes |= option == 'm';
	}
	if (optind < argc)
		give_up(BENCH_USAGE, "what is '%s'? (see --help)", argv[optind]);
	options->every_pair = cases && modes;
	leave_out_impossible(suite, options);
}

bool suite_extra_on(const struct suite *suite, const struct options *options, unsigned extra)
{
	return options->case_on[suite->n_cases + extra];
}

/* Whether a list with commas has the name. */
static bool has(const char *names, const char *name)
{
	const size_t size = strlen(name);

	for (; *names; names += strcspn(names, ","), names += *names == ',')
		if (strcspn(names, ",") == size && strncmp(names, name, size) == 0)
			return true;
	return false;
}

bool suite_pair_on(const struct options *options, const char *kase, const struct mode *mode)
{
	return options->every_pair || !mode->cases || has(mode->cases, kase);
}

static bool is_on(const struct suite *suite, const struct options *options, unsigned c, unsigned m)
{
	return options->case_on[c] && options->mode_on[m] &&
	       suite_pair_on(options, suite->cases[c].name, &suite->modes[m]);
}

/* The visits of a round. */
static unsigned count(const struct suite *suite, const struct options *options)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < suite->n_cases * suite->n_modes; i++)
		sum += is_on(suite, options, i / suite->n_modes, i % suite->n_modes);
	return sum;
}

void suite_sum_up(struct conservation *sum, const struct forwarder_report *report)
{
	sum->received += report->received;
	sum->injected += report->injected;
	sum->sent += report->sent;
	sum->dropped += report->dropped;
	sum->consumed += report->consumed;
	sum->held += report->held;
}

/* On a machine that is busy with something else, a thread may not run for longer than a measurement takes. */
static void visit_patiently(struct visit v[PHASES], const struct rig *rig, const struct mode *mode,
			    const struct traffic_case *kase, const struct options *options)
{
	const double seconds = options->seconds * (kase->longer ? kase->longer : 1);

	for (unsigned tries = 0; tries < 3; tries++) {
		if (visit(v, rig, mode, kase, &options->placement, seconds))
			return;
		fprintf(stderr, "nothing came through in %g s: case %s, mode %s\n", v[WORKING].seconds,
			kase->name, mode->name);
	}
	give_up(BENCH_FAILED, "giving up after three times");
}

void suite_measure(const struct suite *suite, const struct options *options, struct report *report,
		   const struct rig *rig, struct conservation *sum)
{
	const unsigned all = options->rounds * count(suite, options);
	unsigned done = 0;
	struct visit v[PHASES];

	for (unsigned i = 0; i < options->rounds * suite->n_cases * suite->n_modes; i++) {
		const unsigned c = i / suite->n_modes % suite->n_cases, m = i % suite->n_modes;
		const struct traffic_case *kase = &suite->cases[c];
		const struct mode *mode = &suite->modes[m];

		if (!is_on(suite, options, c, m))
			continue;
		visit_patiently(v, mode->rig ? mode->rig : rig, mode, kase, options);
		table_add(report, kase->name, mode->name, &v[WORKING]);
		if (mode->rest)
			table_add(report, kase->name, mode->base, &v[RESTING]);
		changes_add(report, kase->name, mode->name, &v[WORKING].report);
		suite_sum_up(sum, &v[WORKING].report);
		table_print_progress(report, kase, mode, ++done, all);
	}
}

void suite_print_table(const struct suite *suite, const struct report *report)
{
	table_print_head(report);
	for (unsigned i = 0; i < suite->n_cases * suite->n_modes; i++) {
		const struct mode *mode = &suite->modes[i % suite->n_modes];
		const struct mode resting = { .name = mode->base };

		if (mode->rest)
			table_print_row(report, &suite->cases[i / suite->n_modes], &resting);
		table_print_row(report, &suite->cases[i / suite->n_modes], mode);
	}
}

bool suite_print_conservation(const struct conservation *sum)
{
	bool kept = sum->received + sum->injected == sum->sent + sum->dropped + sum->consumed + sum->held;

	printf("\nreceived %" PRIu64 " + injected %" PRIu64 " %s sent %" PRIu64 " + dropped %" PRIu64
	       " + consumed %" PRIu64 " + held %" PRIu64 "\n\n",
	       sum->received, sum->injected, kept ? "==" : "!=", sum->sent, sum->dropped, sum->consumed,
	       sum->held);
	return kept;
}
