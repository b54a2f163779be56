/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to put the packets of a vector together, against no more than copying their payload to
 * one place, with and without its checksum. And what it costs where there is nothing to put together.
 */
#include <getopt.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>

#include "bytes.h"
#include "checksum.h"
#include "coalesce.h"
#include "report.h"

#define HEADER  52 /* IPv4, TCP with timestamps */
#define PAYLOAD 1448
#define ROOM    (128 + 1536 + 64) /* an odd number of cache lines, as in the pool */
#define JUMBO   (128 + 65535 + 65)

struct options {
	double seconds;
	unsigned rounds;
	unsigned cpu;
	const char *json;
};

/* A vector and a place for what is made of it. */
struct vector {
	struct weir_buf bufs[2 * WEIR_VECTOR_SIZE];
	uint32_t index[WEIR_VECTOR_SIZE];
	uint32_t jumbo[WEIR_VECTOR_SIZE];
	uint32_t n;
	uint8_t rooms[WEIR_VECTOR_SIZE][ROOM] __attribute__((aligned(64)));
	uint8_t jumbos[WEIR_VECTOR_SIZE][JUMBO] __attribute__((aligned(64)));
	uint32_t sum;
};

struct shape {
	const char *name;
	uint32_t n;
	uint32_t payload;
	uint16_t flags;
	bool flows;    /* each packet is of another one */
	uint32_t left; /* packets that go on */
};

static const struct shape shapes[] = {
	{ "one flow", WEIR_VECTOR_SIZE, PAYLOAD, 0x10, false, 1 },
	{ "two packets", 2, PAYLOAD, 0x10, false, 1 },
	{ "one packet", 1, PAYLOAD, 0x10, false, 1 },
	{ "31 flows", WEIR_VECTOR_SIZE, PAYLOAD, 0x10, true, WEIR_VECTOR_SIZE },
	{ "no candidates", WEIR_VECTOR_SIZE, 0, 0x10, false, WEIR_VECTOR_SIZE },
};

/* Segment i of a flow. */
static void write_packet(struct weir_buf *buf, const struct shape *shape, uint32_t i)
{
	static const uint8_t header[HEADER] = { 0x45, 0,  0, 0, 0, 0,  0x40, 0, 64, 6, 0,
						0,    10, 0, 0, 1, 10, 0,    0, 2,  4, 210 };
	uint8_t *ip = buf->data, *tcp = ip + 20;
	uint16_t sum;

	buf->len = HEADER + shape->payload;
	memset(ip, (int)i, buf->len);
	memcpy(ip, header, HEADER);
	weir__store_be16(ip + 2, (uint16_t)buf->len);
	weir__store_be16(ip + 4, (uint16_t)i);
	weir__store_be16(tcp + 2, (uint16_t)(shape->flows ? i : 80));
	weir__store_be32(tcp + 4, i * shape->payload);
	weir__store_be16(tcp + 12, 0x8000 | shape->flags);
	sum = weir__checksum_finish(weir__checksum_add(0, ip, 20));
	memcpy(ip + 10, &sum, 2);
	sum = weir__checksum_finish(weir__checksum_add(
		weir__checksum_pseudo4(ip + 12, IPPROTO_TCP, (uint16_t)(buf->len - 20)), tcp, buf->len - 20));
	memcpy(tcp + 16, &sum, 2);
}

static void make_vector(struct vector *vector, const struct shape *shape)
{
	memset(vector, 0, sizeof(*vector));
	vector->n = shape->n;
	for (uint32_t i = 0; i < WEIR_VECTOR_SIZE; i++) {
		struct weir_buf *jumbo = &vector->bufs[WEIR_VECTOR_SIZE + i];

		vector->index[i] = i;
		vector->bufs[i].room = vector->rooms[i];
		vector->bufs[i].room_size = ROOM;
		vector->bufs[i].data = vector->rooms[i] + 144;
		vector->jumbo[i] = WEIR_VECTOR_SIZE + i;
		jumbo->room = vector->jumbos[i];
		jumbo->room_size = JUMBO;
	}
	for (uint32_t i = 0; i < shape->n; i++)
		write_packet(&vector->bufs[i], shape, i);
}

/* Returns how many packets go on. */
static uint32_t coalesce(struct vector *vector)
{
	struct weir__coalesce coalesce = {
		.bufs = vector->bufs,
		.layer = WEIR_LAYER_L3,
		.offload = WEIR_OFFLOAD_ALL,
		.headroom = 144,
		.jumbo = vector->jumbo,
		.n_jumbo = WEIR_VECTOR_SIZE,
	};

	weir__coalesce(&coalesce, vector->index, vector->n);
	return coalesce.n;
}

static uint32_t copy(struct vector *vector)
{
	uint8_t *to = vector->jumbos[WEIR_VECTOR_SIZE - 1] + 144 + HEADER;

	for (uint32_t i = 0; i < vector->n; i++) {
		const struct weir_buf *buf = &vector->bufs[vector->index[i]];

		memcpy(to, buf->data + HEADER, buf->len - HEADER);
		to += buf->len - HEADER;
	}
	/* The compiler must not know that nobody reads it. */
	__asm__ volatile("" : : "r"(to) : "memory");
	return vector->n;
}

static uint32_t copy_and_sum(struct vector *vector)
{
	uint8_t *to = vector->jumbos[WEIR_VECTOR_SIZE - 1] + 144 + HEADER;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < vector->n; i++) {
		const struct weir_buf *buf = &vector->bufs[vector->index[i]];

		sum += weir__checksum_copy(to, buf->data + HEADER, buf->len - HEADER);
		to += buf->len - HEADER;
	}
	vector->sum = weir__checksum_fold(sum);
	return vector->n;
}

static const struct {
	const char *name;
	uint32_t (*run)(struct vector *vector);
} modes[] = { { "coalesce", coalesce }, { "memcpy", copy }, { "checksum_copy", copy_and_sum } };

/* Nanoseconds a packet. */
static double run(struct vector *vector, unsigned mode, uint64_t vectors, uint32_t left)
{
	const uint64_t begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);

	for (uint64_t i = 0; i < vectors; i++)
		if (modes[mode].run(vector) != left && mode == 0)
			give_up(BENCH_FAILED, "coalesce: other packets went on than expected");
	return (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin) / (double)(vectors * vector->n);
}

static void measure(struct report *report, const struct options *options, const struct shape *shape)
{
	struct vector *vector = aligned_alloc(64, sizeof(*vector));
	uint64_t vectors;

	if (!vector)
		give_up(BENCH_FAILED, "coalesce: no memory");
	make_vector(vector, shape);
	vectors = (uint64_t)(options->seconds * 1e9 / (run(vector, 0, 10000, shape->left) * shape->n)) + 1000;
	for (unsigned r = 0; r < options->rounds; r++)
		for (unsigned mode = 0; mode < countof(modes); mode++)
			report_add(report, shape->name, modes[mode].name, "ns_per_packet",
				   run(vector, mode, vectors, shape->left));
	printf("%-14s", shape->name);
	for (unsigned mode = 0; mode < countof(modes); mode++)
		printf("  %s %.1f", modes[mode].name,
		       report_median(report, shape->name, modes[mode].name, "ns_per_packet"));
	printf(" ns a packet\n");
	free(vector);
}

static void parse(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "cpu", required_argument, NULL, 'p' },
		{ "json", required_argument, NULL, 'j' },
		{ 0 },
	};
	int option;

	*options = (struct options){ .seconds = 0.02, .rounds = 9, .cpu = 1 };
	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (option == 's' && (options->seconds = atof(optarg)) > 0)
			continue;
		if (option == 'r' && (options->rounds = (unsigned)atoi(optarg)) > 0)
			continue;
		if (option == 'p' && sscanf(optarg, "%u", &options->cpu) == 1)
			continue;
		if (option == 'j' && (options->json = optarg))
			continue;
		give_up(BENCH_USAGE, "usage: coalesce [--seconds S] [--rounds N] [--cpu CPU] [--json FILE]");
	}
}

int main(int argc, char **argv)
{
	static const struct ratio ratios[] = {
		{ "coalesce_vs_memcpy", "one flow", "ns_per_packet", "coalesce", "memcpy", BAR_NONE, 0 },
		{ "coalesce_vs_checksum_copy", "one flow", "ns_per_packet", "coalesce", "checksum_copy",
		  BAR_NONE, 0 },
	};
	struct report report = { .bench = "coalesce" };
	struct options options;
	cpu_set_t cpus;

	parse(&options, argc, argv);
	CPU_ZERO(&cpus);
	CPU_SET(options.cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0)
		give_up(BENCH_REFUSED, "coalesce: processor %u may not be used: choose another with --cpu",
			options.cpu);
	report.rounds = options.rounds;
	report_print_host(stdout);
	for (unsigned i = 0; i < countof(shapes); i++)
		measure(&report, &options, &shapes[i]);
	report_ratio_figures(&report, ratios, countof(ratios));
	report_finish(&report, options.json);
	return 0;
}
