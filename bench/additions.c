/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to change a filter by one entry, and what that costs the packets meanwhile: generator,
 * filter, null on one worker, with 65,535 addresses added one by one. In every other run one address more is
 * added and removed again all the time, as fast as one thread can.
 */
#include <getopt.h>
#include <math.h>
#include <string.h>

#include <weir/weir.h>

#include "clock.h"
#include "report.h"

#define SOURCE  "02:ff:00:00:00:01"
#define FILTER  "chain/filter"
#define CHANGED 4096 /* different addresses that come and go */

struct options {
	double seconds;
	unsigned rounds;
	unsigned cpu;
	const char *json;
};

/* What one run gave: nanoseconds of the worker a packet, and of the other thread a call. */
struct outcome {
	double packet_ns;
	double add_ns;
	double remove_ns;
	double changes_per_s;
};

static void name_address(char text[18], unsigned i)
{
	snprintf(text, 18, "02:00:00:%02x:%02x:%02x", i >> 16 & 0xff, i >> 8 & 0xff, i & 0xff);
}

static void add(struct weir_pipeline *pipeline, const char *address)
{
	struct weir_error err;

	if (weir_mac_filter_add(pipeline, FILTER, WEIR_MAC_ALLOW_SOURCE, address, &err) < 0)
		give_up(BENCH_FAILED, "additions: %s", err.text);
}

static void take_out(struct weir_pipeline *pipeline, const char *address)
{
	struct weir_error err;

	if (weir_mac_filter_remove(pipeline, FILTER, WEIR_MAC_ALLOW_SOURCE, address, &err) < 0)
		give_up(BENCH_FAILED, "additions: %s", err.text);
}

static struct weir_pipeline *make(const struct options *options, uint64_t packets)
{
	const struct weir_config config = {
		.endpoints = { weir_generator("in", .count = packets, .size = 64), weir_null("out") },
		.workers = { { "worker", .cpu = options->cpu } },
		.chains = { { "chain",
			      .stages = { weir_read("in", .worker = "worker"), weir_af_decap(),
					  weir_eth_wrap(.source = SOURCE, .next_hop = "02:ff:00:00:00:02"),
					  weir_mac_filter(.name = "filter"), weir_write("out") } } },
	};
	struct weir_pipeline *pipeline;
	struct weir_error err;
	char address[18];

	if (weir_pipeline_create(&pipeline, &config, &err) < 0)
		give_up(BENCH_FAILED, "additions: %s", err.text);
	add(pipeline, SOURCE);
	for (unsigned i = 2; i < WEIR_MAC_FILTER_ENTRIES_MAX; i++) {
		name_address(address, i);
		add(pipeline, address);
	}
	return pipeline;
}

/* Adds and removes until the generator has ended. */
static void change(struct weir_pipeline *pipeline, struct outcome *outcome)
{
	char addresses[CHANGED][18];
	uint64_t add_ns = 0, remove_ns = 0, changes = 0, began;

	for (unsigned i = 0; i < CHANGED; i++)
		name_address(addresses[i], WEIR_MAC_FILTER_ENTRIES_MAX + i);
	began = weir__now();
	while (weir_pipeline_endpoint_state(pipeline, "in", NULL) == WEIR_ENDPOINT_UP) {
		const char *address = addresses[changes % CHANGED];
		const uint64_t before = weir__now();
		uint64_t between;

		add(pipeline, address);
		between = weir__now();
		take_out(pipeline, address);
		remove_ns += weir__now() - between;
		add_ns += between - before;
		changes++;
	}
	outcome->add_ns = (double)add_ns / (double)changes;
	outcome->remove_ns = (double)remove_ns / (double)changes;
	outcome->changes_per_s = 2e9 * (double)changes / (double)(weir__now() - began);
}

/* The worker's own processor time is taken, so that what else runs on the machine disturbs less. */
static struct outcome run(const struct options *options, uint64_t packets, bool changing)
{
	struct weir_pipeline *pipeline = make(options, packets);
	struct outcome outcome = { 0 };
	struct weir_counters *counters;
	struct weir_error err;

	if (weir_pipeline_start(pipeline, &err) < 0)
		give_up(BENCH_FAILED, "additions: %s", err.text);
	if (changing)
		change(pipeline, &outcome);
	weir_pipeline_wait(pipeline, -1);
	counters = weir_counters_read(pipeline);
	if (!counters || counters->sent != packets)
		give_up(BENCH_FAILED, "additions: of %llu packets not all came through",
			(unsigned long long)packets);
	outcome.packet_ns = (double)counters->workers[0].cpu_ns / (double)packets;
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
	return outcome;
}

static void measure(const struct options *options, struct report *report)
{
	const uint64_t trial = 1000000;
	const uint64_t packets =
		(uint64_t)(options->seconds * 1e9 / run(options, trial, false).packet_ns) + trial;

	for (unsigned r = 0; r < options->rounds; r++) {
		const struct outcome still = run(options, packets, false);
		const struct outcome changing = run(options, packets, true);

		report_add(report, "filter", "still", "ns_per_packet", still.packet_ns);
		report_add(report, "filter", "changing", "ns_per_packet", changing.packet_ns);
		report_add(report, "filter", "changing", "add_ns", changing.add_ns);
		report_add(report, "filter", "changing", "remove_ns", changing.remove_ns);
		report_add(report, "filter", "changing", "changes_per_s", changing.changes_per_s);
	}
}

static struct spread spread_of(const struct report *report, const char *mode, const char *metric)
{
	const struct series *series = report_series(report, "filter", mode, metric);

	return report_spread(series->values, series->n);
}

static void print(struct report *report)
{
	static const struct {
		const char *mode, *metric, *words;
	} lines[] = {
		{ "still", "ns_per_packet", "ns a packet, nothing changes" },
		{ "changing", "ns_per_packet", "ns a packet while entries come and go" },
		{ "changing", "add_ns", "ns to add an entry" },
		{ "changing", "remove_ns", "ns to remove it" },
		{ "changing", "changes_per_s", "changes a second" },
	};

	for (unsigned i = 0; i < countof(lines); i++) {
		const struct spread spread = spread_of(report, lines[i].mode, lines[i].metric);

		printf("%12.2f %s [%.2f-%.2f]\n", spread.median, lines[i].words, spread.min, spread.max);
	}
	report_figure(report, "table_add_us", spread_of(report, "changing", "add_ns").median / 1000,
		      BAR_AT_MOST, 2);
	report_figure(report, "table_reader_ratio",
		      report_ratio(report, "filter", "ns_per_packet", "changing", "still").median, BAR_NONE,
		      0);
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

	*options = (struct options){ .seconds = 0.3, .rounds = 9 };
	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (option == 's' && (options->seconds = atof(optarg)) > 0)
			continue;
		if (option == 'r' && (options->rounds = (unsigned)atoi(optarg)) > 0)
			continue;
		if (option == 'p' && sscanf(optarg, "%u", &options->cpu) == 1)
			continue;
		if (option == 'j' && (options->json = optarg))
			continue;
		give_up(BENCH_USAGE, "usage: additions [--seconds S] [--rounds N] [--cpu N] [--json FILE]");
	}
}

int main(int argc, char **argv)
{
	struct options options;
	struct report report = { .bench = "additions" };

	parse(&options, argc, argv);
	report.rounds = options.rounds;
	report_print_host(stdout);
	measure(&options, &report);
	print(&report);
	report_finish(&report, options.json);
	return 0;
}
