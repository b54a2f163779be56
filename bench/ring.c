/* SPDX-License-Identifier: Apache-2.0 */
/* What a packet costs on its way from one pinned thread to another through a ring, by how full the vectors
 * are. */
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include <ck_pr.h>

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

/* One run: vectors of fill packets from the producer's thread to the consumer's. */
struct hop {
	struct weir__ring ring;
	struct weir__doorbell bells[2];
	uint32_t fill;
	uint64_t vectors;
	uint64_t sum; /* of the indices that came out */
	uint32_t ready;
};

static cpu_set_t only(unsigned cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	return cpus;
}

/* On its processor from its first instruction: the producer spins already, and could be in its way. */
static pthread_t start_on(unsigned cpu, void *(*function)(void *), void *argument)
{
	const cpu_set_t cpus = only(cpu);
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	if (pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus) != 0 ||
	    pthread_create(&thread, &attr, function, argument) != 0)
		give_up(BENCH_REFUSED, "ring: processor %u may not be used: choose others with --cpu A,B",
			cpu);
	pthread_attr_destroy(&attr);
	return thread;
}

static void pin(unsigned cpu)
{
	const cpu_set_t cpus = only(cpu);

	if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0)
		give_up(BENCH_REFUSED, "ring: processor %u may not be used: choose others with --cpu A,B",
			cpu);
}

static void meet(struct hop *hop)
{
	__atomic_fetch_add(&hop->ready, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&hop->ready, __ATOMIC_ACQUIRE) < 2)
		ck_pr_stall();
}

/* Waits a turn; a thread that waits long may be in the way of the one that it waits for. */
static void wait_turn(unsigned *turns)
{
	if (++*turns % 4096 == 0)
		sched_yield();
	else
		ck_pr_stall();
}

static void *consume(void *argument)
{
	struct hop *hop = argument;
	struct weir__vector vector;
	unsigned turns = 0;
	uint64_t sum = 0;

	meet(hop);
	for (uint64_t n = 0; n < hop->vectors; n++) {
		while (!weir__ring_pop(&hop->ring, &vector))
			wait_turn(&turns);
		for (uint32_t i = 0; i < vector.n; i++)
			sum += vector.index[i];
		weir__ring_made_room(&hop->ring, &hop->bells[0]);
	}
	hop->sum = sum;
	return NULL;
}

/* Does what a worker does at a ring: copies the vector in and rings the bell of a consumer that is awake. */
static void produce(struct hop *hop)
{
	struct weir__vector vector = { .n = (uint16_t)hop->fill };
	unsigned turns = 0;

	for (uint32_t i = 0; i < hop->fill; i++)
		vector.index[i] = i + 1;
	meet(hop);
	for (uint64_t n = 0; n < hop->vectors; n++) {
		while (!weir__ring_push(&hop->ring, &vector))
			wait_turn(&turns);
		weir__doorbell_ring(&hop->bells[1]);
	}
}

/* Nanoseconds a packet. */
static double run(const struct options *options, uint32_t fill, uint64_t vectors)
{
	struct hop *hop = aligned_alloc(64, (sizeof(*hop) + 63) / 64 * 64);
	pthread_t thread;
	uint64_t begin, took;

	if (!hop)
		give_up(BENCH_FAILED, "ring: no memory");
	memset(hop, 0, sizeof(*hop));
	hop->fill = fill;
	hop->vectors = vectors;
	if (weir__ring_init(&hop->ring, options->capacity) < 0)
		give_up(BENCH_FAILED, "ring: no memory");
	thread = start_on(options->cpu[1], consume, hop);
	pin(options->cpu[0]);
	begin = now_ns();
	produce(hop);
	pthread_join(thread, NULL);
	took = now_ns() - begin;
	if (hop->sum != vectors * fill * (fill + 1) / 2)
		give_up(BENCH_FAILED, "ring: packets were lost or doubled at fill %u", fill);
	weir__ring_fini(&hop->ring);
	free(hop);
	return (double)took / (double)(vectors * fill);
}

/* As many vectors as take the time asked for, found out by a short run, which also warms up. */
static uint64_t vectors_for(const struct options *options, uint32_t fill)
{
	const uint64_t trial = 200000;
	double ns = run(options, fill, trial) * fill;

	return (uint64_t)(options->seconds * 1e9 / ns) + trial;
}

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
		vectors[i] = vectors_for(&options, fills[i]);
	for (unsigned r = 0; r < options.rounds; r++)
		for (unsigned i = 0; i < countof(fills); i++) {
			char name[16];

			snprintf(name, sizeof(name), "fill%u", fills[i]);
			report_add(&report, name, "ring", "ns_per_packet",
				   run(&options, fills[i], vectors[i]));
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
	report_print_figures(&report, stdout);
	if (options.json)
		report_write(&report, options.json);
	report_free(&report);
	return 0;
}
