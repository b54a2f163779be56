/* SPDX-License-Identifier: Apache-2.0 */
/* What a packet costs on its way from one pinned thread to another through a ring, by how full the vectors
 * are. */
#include <getopt.h>

#include "hop.h"
#include "report.h"
#include "ring.h"

static const unsigned fills[] = { 1, 4, 16, WEIR_VECTOR_SIZE };

struct options {
	double seconds;
	unsigned rounds;
	unsigned cpu[2];
	uint32_t capacity;
	const char *json;
};

static void parse(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{ "seconds", required_argument, NULL, 's' }, { "rounds", required_argument, NULL, 'r' },
		{ "cpu", required_argument, NULL, 'p' },     { "capacity", required_argument, NULL, 'c' },
		{ "json", required_argument, NULL, 'j' },    { 0 },
	};
	int option;

	*options = (struct options){
		.seconds = 0.2, .rounds = 9, .cpu = { 0, 1 }, .capacity = WEIR__RING_CAPACITY
	};
	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (option == 's' && (options->seconds = atof(optarg)) > 0)
			continue;
		if (option == 'r' && (options->rounds = (unsigned)atoi(optarg)) > 0)
			continue;
		if (option == 'c' && (options->capacity = (uint32_t)atoi(optarg)) > 0)
			continue;
		if (option == 'p' && sscanf(optarg, "%u,%u", &options->cpu[0], &options->cpu[1]) == 2)
			continue;
		if (option == 'j' && (options->json = optarg))
			continue;
		give_up(BENCH_USAGE, "usage: ring [--seconds S] [--rounds N] [--cpu A,B] [--capacity "
				     "VECTORS] [--json FILE]");
	}
}

int main(int argc, char **argv)
{
	struct options options;
	struct report report = { .bench = "ring" };
	uint64_t vectors[countof(fills)];

	parse(&options, argc, argv);
	report.rounds = options.rounds;
	weir__barrier_init();
	report_print_host(stdout);
	for (unsigned i = 0; i < countof(fills); i++)
		vectors[i] = hop_vectors(hop_weir, options.cpu, options.capacity, fills[i], options.seconds);
	for (unsigned r = 0; r < options.rounds; r++)
		for (unsigned i = 0; i < countof(fills); i++) {
			char name[16];

			snprintf(name, sizeof(name), "fill%u", fills[i]);
			report_add(&report, name, "ring", "ns_per_packet",
				   hop_weir(options.cpu, options.capacity, fills[i], vectors[i]));
		}
	for (unsigned i = 0; i < report.n; i++) {
		const struct series *series =
			report_series(&report, report.results[i].kase, "ring", "ns_per_packet");
		struct spread spread = report_spread(series->values, series->n);

		printf("%-8s %8.2f ns a packet [%.2f-%.2f]\n", report.results[i].kase, spread.median,
		       spread.min, spread.max);
		if (fills[i] == WEIR_VECTOR_SIZE)
			report_figure(&report, "ring_full_ns", spread.median, BAR_AT_MOST, 2);
	}
	report_finish(&report, options.json);
	return 0;
}
