/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What checksums cost: a sum, and a copy that yields one, by each code that the processor runs, next to the
 * sum of RFC 1071 word for word and to memcpy(); and a super-packet cut into its segments, checksums and all,
 * next to a memcpy() of it, and to one by pieces. That goes around through as many super-packets as a pool
 * has buffers for; or, hot, through one, which with its pieces stays in the second cache, where memcpy() of
 * many pages has means that nothing that stores has.
 */
#include <getopt.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>

#include "bytes.h"
#include "checksum.h"
#include "report.h"
#include "segment.h"

#define PACKET  65535
#define HEADERS 52   /* IPv4, TCP and its timestamps */
#define SEGMENT 1448 /* what they leave of 1500 */
#define ROOM    1728 /* like those of a pool: from one to the next an odd number of cache lines */
#define PIECES  ((PACKET - HEADERS + SEGMENT - 1) / SEGMENT)
#define LAST    (PACKET - HEADERS - (PIECES - 1) * SEGMENT)
#define BUFFERS 64                     /* jumbo buffers of a pool, unless it is told otherwise */
#define STRIDE  (PACKET + 1 + 17 * 64) /* between them, like ROOM */

static const size_t sizes[] = { 64, 1500, 65536 };

struct options {
	unsigned rounds;
	double seconds; /* of each measurement */
	const char *json;
};

struct memory {
	uint8_t *supers;
	uint8_t *copies;
	uint8_t *pieces;
};

/* What is measured: calls that the compiler cannot know to be in vain. */
struct work {
	uint64_t (*run)(const struct work *work, uint64_t i);
	const struct weir__checksum_code *code;
	const struct memory *memory;
	size_t size;
	uint32_t around; /* how many buffers the calls go through */
};

static uint8_t *super_of(const struct work *work, uint64_t i)
{
	return work->memory->supers + i % work->around * STRIDE;
}

static uint8_t *copy_of(const struct work *work, uint64_t i)
{
	return work->memory->copies + i % work->around * STRIDE;
}

static uint64_t run_plain(const struct work *work, uint64_t i)
{
	const uint8_t *from = super_of(work, i);
	uint32_t sum = 0;

	for (size_t at = 0; at + 1 < work->size; at += 2)
		sum += weir__load_be16(from + at);
	return (sum & 0xffff) + (sum >> 16);
}

static uint64_t run_memcpy(const struct work *work, uint64_t i)
{
	uint8_t *to = copy_of(work, i);

	memcpy(to, super_of(work, i), work->size);
	return to[0];
}

static uint64_t run_sum(const struct work *work, uint64_t i)
{
	return work->code->add(super_of(work, i), work->size);
}

static uint64_t run_copy(const struct work *work, uint64_t i)
{
	return work->code->copy(copy_of(work, i), super_of(work, i), work->size);
}

static uint8_t *pieces_of(const struct work *work, uint64_t i)
{
	return work->memory->pieces + i % work->around * PIECES * ROOM;
}

static uint64_t run_pieces(const struct work *work, uint64_t i)
{
	const uint8_t *from = super_of(work, i) + HEADERS;
	uint8_t *to = pieces_of(work, i) + HEADERS;

	for (size_t k = 0; k < PIECES; k++)
		memcpy(to + k * ROOM, from + k * SEGMENT, k + 1 < PIECES ? SEGMENT : LAST);
	return to[0];
}

static uint64_t run_split(const struct work *work, uint64_t i)
{
	const struct weir_buf super = {
		.data = super_of(work, i),
		.len = PACKET,
		.gso_type = WEIR_GSO_TCPV4,
		.gso_size = SEGMENT,
		.hdr_len = HEADERS,
		.csum_start = 20,
		.csum_offset = 16,
		.flags = WEIR_BUF_NEEDS_CSUM,
	};
	uint8_t *to = pieces_of(work, i);
	struct weir__segments segments;

	if (!weir__segments_begin(&segments, &super, 0) || segments.n != PIECES)
		give_up(BENCH_FAILED, "checksum: the super-packet is refused");
	for (uint32_t k = 0; k < segments.n; k++)
		weir__segments_write(&segments, k, to + k * (size_t)ROOM);
	return segments.n;
}

/* Nanoseconds of the processor that this thread had: what else runs on the machine disturbs less. */
static double time_calls(const struct work *work, uint64_t calls)
{
	const uint64_t begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	volatile uint64_t result = 0;

	for (uint64_t i = 0; i < calls; i++)
		result = work->run(work, i);
	(void)result;
	return (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin) / (double)calls;
}

/* As many calls as take the time asked for, found out by a short run, which also warms up. */
static double measure(const struct work *work, double seconds)
{
	const double trial = time_calls(work, 2 * BUFFERS);

	return time_calls(work, (uint64_t)(seconds * 1e9 / (trial + 1)) + 1);
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

static void measure_split(struct report *report, const struct options *options, const char *name,
			  struct work work)
{
	static const struct {
		const char *name;
		uint64_t (*run)(const struct work *work, uint64_t i);
	} modes[] = { { "memcpy", run_memcpy }, { "pieces", run_pieces }, { "split", run_split } };

	work.size = PACKET;
	for (unsigned i = 0; i < countof(modes); i++) {
		work.run = modes[i].run;
		report_add(report, name, modes[i].name, "ns", measure(&work, options->seconds));
	}
}

static void measure_all(struct report *report, const struct options *options, const struct memory *memory)
{
	struct work work = { .memory = memory, .around = 1 };

	for (unsigned i = 0; i < countof(sizes); i++) {
		work.size = sizes[i];
		measure_size(report, options, work);
	}
	measure_split(report, options, "hot", work);
	work.around = BUFFERS;
	measure_split(report, options, "around", work);
}

/* A super-packet as a kernel gives it. */
static void make_super(uint8_t *packet)
{
	static const uint8_t headers[HEADERS] = {
		0x45, 0, 0xff, 0xff, 0,  1, 0x40, 0,    64,   IPPROTO_TCP, 0,    0, 10,
		0,    0, 1,    10,   0,  0, 2,    0x30, 0x39, 0x14,        0x51, 0, 0,
		0,    1, 0,    0,    0,  1, 0x80, 0x18, 0xff, 0xff,        0,    0, 0,
		0,    1, 1,    8,    10, 0, 0,    0,    1,    0,           0,    0, 1,
	};
	const uint16_t pseudo =
		weir__checksum_fold(weir__checksum_pseudo4(headers + 12, IPPROTO_TCP, PACKET - 20));

	for (uint32_t i = HEADERS; i < STRIDE; i++)
		packet[i] = (uint8_t)(i * 31);
	memcpy(packet, headers, HEADERS);
	memcpy(packet + 36, &pseudo, 2);
}

/* Of huge pages if there are any, like those of a pool. */
static uint8_t *allocate(size_t size)
{
	const size_t huge = 2 << 20;
	uint8_t *bytes;

	size = (size + huge - 1) / huge * huge;
	bytes = aligned_alloc(huge, size);
	if (!bytes)
		give_up(BENCH_FAILED, "checksum: no memory");
	madvise(bytes, size, MADV_HUGEPAGE);
	return memset(bytes, 0, size);
}

static struct memory make_memory(void)
{
	const struct memory memory = {
		.supers = allocate((size_t)BUFFERS * STRIDE),
		.copies = allocate((size_t)BUFFERS * STRIDE),
		.pieces = allocate((size_t)BUFFERS * PIECES * ROOM),
	};

	for (size_t i = 0; i < BUFFERS; i++)
		make_super(memory.supers + i * STRIDE);
	return memory;
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

	*options = (struct options){ .seconds = 0.001, .rounds = 101 };
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
		{ "gso_split_vs_memcpy", "around", "ns", "split", "memcpy", BAR_AT_MOST, 1.5 },
		{ "gso_split_vs_pieces", "around", "ns", "split", "pieces", BAR_NONE, 0 },
		{ "gso_split_vs_memcpy_hot", "hot", "ns", "split", "memcpy", BAR_NONE, 0 },
	};
	struct options options;
	struct report report = { .bench = "checksum" };
	struct memory memory;

	parse(&options, argc, argv);
	memory = make_memory();
	report.rounds = options.rounds;
	report_print_host(stdout);
	for (unsigned r = 0; r < options.rounds; r++)
		measure_all(&report, &options, &memory);
	print(&report);
	report_ratio_figures(&report, ratios, countof(ratios));
	report_finish(&report, options.json);
	free(memory.supers);
	free(memory.copies);
	free(memory.pieces);
	return 0;
}
