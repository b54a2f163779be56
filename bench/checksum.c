/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What checksums cost: a sum, and a copy that yields one, by each code that the processor runs, next to the
 * sum of RFC 1071 word for word and to memcpy(); and a super-packet cut into its segments, checksums and all,
 * next to a memcpy() of it.
 */
#include <getopt.h>
#include <netinet/in.h>
#include <string.h>

#include "bytes.h"
#include "checksum.h"
#include "report.h"
#include "segment.h"

#define PACKET  65535
#define HEADERS 52   /* IPv4, TCP and its timestamps */
#define SEGMENT 1448 /* what they leave of 1500 */
#define ROOM    1728 /* like those of a pool: from one to the next an odd number of cache lines */
#define PIECES  ((PACKET - HEADERS + SEGMENT - 1) / SEGMENT)

static const size_t sizes[] = { 64, 1500, 65536 };

struct options {
	unsigned rounds;
	double seconds; /* of each measurement */
	const char *json;
};

/* What is measured: one call, which the compiler cannot know to be in vain. */
struct work {
	uint64_t (*run)(const struct work *work);
	const struct weir__checksum_code *code;
	const struct weir_buf *super;
	uint8_t *to;
	const uint8_t *from;
	size_t size;
};

static uint64_t run_plain(const struct work *work)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < work->size; i += 2)
		sum += weir__load_be16(work->from + i);
	return (sum & 0xffff) + (sum >> 16);
}

static uint64_t run_memcpy(const struct work *work)
{
	memcpy(work->to, work->from, work->size);
	return work->to[0];
}

static uint64_t run_sum(const struct work *work)
{
	return work->code->add(work->from, work->size);
}

static uint64_t run_copy(const struct work *work)
{
	return work->code->copy(work->to, work->from, work->size);
}

static uint64_t run_split(const struct work *work)
{
	struct weir__segments segments;

	if (!weir__segments_begin(&segments, work->super, 0) || segments.n != PIECES)
		give_up(BENCH_FAILED, "checksum: the super-packet is refused");
	for (uint32_t k = 0; k < segments.n; k++)
		weir__segments_write(&segments, k, work->to + k * (size_t)ROOM);
	return segments.n;
}

static double time_calls(const struct work *work, uint64_t calls)
{
	const uint64_t begin = now_ns();
	volatile uint64_t result = 0;

	for (uint64_t i = 0; i < calls; i++)
		result = work->run(work);
	(void)result;
	return (double)(now_ns() - begin) / (double)calls;
}

/* As many calls as take the time asked for, found out by a short run, which also warms up. */
static double measure(const struct work *work, double seconds)
{
	const double trial = time_calls(work, 100);

	return time_calls(work, (uint64_t)(seconds * 1e9 / (trial + 1)) + 100);
}

static void measure_size(struct report *report, const struct options *options, struct work work)
{
	char name[32];
	unsigned n;
	const struct weir__checksum_code *codes = weir__checksum_codes(&n);

	snprintf(name, sizeof(name), "bytes%zu", work.size);
	work.run = run_plain;
	report_add(report, name, "plain", "sum_ns", measure(&work, options->seconds));
	work.run = run_memcpy;
	report_add(report, name, "memcpy", "copy_ns", measure(&work, options->seconds));
	for (unsigned i = 0; i < n; i++) {
		work.code = &codes[i];
		work.run = run_sum;
		report_add(report, name, codes[i].name, "sum_ns", measure(&work, options->seconds));
		work.run = run_copy;
		report_add(report, name, codes[i].name, "copy_ns", measure(&work, options->seconds));
	}
}

static void measure_split(struct report *report, const struct options *options, struct work work)
{
	work.size = PACKET;
	work.run = run_memcpy;
	report_add(report, "tcp64k", "memcpy", "ns", measure(&work, options->seconds));
	work.run = run_split;
	report_add(report, "tcp64k", "split", "ns", measure(&work, options->seconds));
}

/* A super-packet as a kernel gives it. */
static struct weir_buf make_super(uint8_t *packet)
{
	static const uint8_t headers[HEADERS] = {
		0x45, 0, 0xff, 0xff, 0,  1, 0x40, 0,    64,   IPPROTO_TCP, 0,    0, 10,
		0,    0, 1,    10,   0,  0, 2,    0x30, 0x39, 0x14,        0x51, 0, 0,
		0,    1, 0,    0,    0,  1, 0x80, 0x18, 0xff, 0xff,        0,    0, 0,
		0,    1, 1,    8,    10, 0, 0,    0,    1,    0,           0,    0, 1,
	};
	const uint16_t pseudo =
		weir__checksum_fold(weir__checksum_pseudo4(headers + 12, IPPROTO_TCP, PACKET - 20));

	for (uint32_t i = 0; i < PACKET; i++)
		packet[i] = (uint8_t)(i * 31);
	memcpy(packet, headers, HEADERS);
	memcpy(packet + 36, &pseudo, 2);
	return (struct weir_buf){
		.data = packet,
		.len = PACKET,
		.gso_type = WEIR_GSO_TCPV4,
		.gso_size = SEGMENT,
		.hdr_len = HEADERS,
		.csum_start = 20,
		.csum_offset = 16,
		.flags = WEIR_BUF_NEEDS_CSUM,
	};
}

static void print(const struct report *report)
{
	for (unsigned i = 0; i < report->n; i++) {
		const struct result *result = &report->results[i];

		printf("%-12s %-10s", result->kase, result->mode);
		for (unsigned j = 0; j < result->n; j++) {
			const struct series *series = &result->series[j];
			const struct spread spread = report_spread(series->values, series->n);

			printf(" %8s %9.1f [%.1f-%.1f]", series->name, spread.median, spread.min, spread.max);
		}
		printf("\n");
	}
}

static void parse(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "json", required_argument, NULL, 'j' },
		{ 0 },
	};
	int option;

	*options = (struct options){ .seconds = 0.005, .rounds = 21 };
	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (option == 's' && (options->seconds = atof(optarg)) > 0)
			continue;
		if (option == 'r' && (options->rounds = (unsigned)atoi(optarg)) > 0)
			continue;
		if (option == 'j' && (options->json = optarg))
			continue;
		give_up(BENCH_USAGE, "usage: checksum [--seconds S] [--rounds N] [--json FILE]");
	}
}

int main(int argc, char **argv)
{
	static const struct ratio ratios[] = {
		{ "gso_split_vs_memcpy", "tcp64k", "ns", "split", "memcpy", BAR_AT_MOST, 1.5 },
	};
	struct options options;
	struct report report = { .bench = "checksum" };
	uint8_t *from = aligned_alloc(4096, 128 << 10), *to = aligned_alloc(4096, 128 << 10);
	struct weir_buf super;

	_Static_assert(PIECES * ROOM <= 128 << 10, "the pieces have room");
	parse(&options, argc, argv);
	if (!from || !to)
		give_up(BENCH_FAILED, "checksum: no memory");
	memset(to, 0, 128 << 10);
	super = make_super(from);
	report.rounds = options.rounds;
	report_print_host(stdout);
	for (unsigned r = 0; r < options.rounds; r++) {
		struct work work = { .super = &super, .from = from, .to = to };

		for (unsigned i = 0; i < countof(sizes); i++) {
			work.size = sizes[i];
			measure_size(&report, &options, work);
		}
		measure_split(&report, &options, work);
	}
	print(&report);
	report_ratio_figures(&report, ratios, countof(ratios));
	report_print_figures(&report, stdout);
	if (options.json)
		report_write(&report, options.json);
	report_free(&report);
	free(from);
	free(to);
	return 0;
}
