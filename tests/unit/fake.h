/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipelines whose ends are in the hands of the test: an endpoint that gives numbered packets when the test
 * says so, takes as many as the test allows, and dies on demand; and a stage whose verdicts are the test's.
 */
#ifndef WEIR_TEST_FAKE_H
#define WEIR_TEST_FAKE_H

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <weir/weir.h>

#include "option.h"
#include "pipeline.h"
#include "test.h"

#define FAKE_PACKET_MAX 65535

/* Waits for an event. The time-out of the test as a whole is the only one. */
#define wait_for(condition)          \
	do {                         \
		while (!(condition)) \
			usleep(50);  \
	} while (0)

/* The test's side. Members that both sides use are accessed by fake_load() and fake_store(). */
struct fake {
	/* Reader. */
	uint64_t allowed; /* packets that it may give in all */
	uint64_t given;
	uint64_t first; /* number of the first packet */
	uint64_t bytes; /* of each packet, at least 8; 0: 64 */
	uint64_t ends;  /* when all have been given */
	uint64_t reads; /* calls */
	int64_t read_error;
	uint64_t read_died; /* it has told that error, and must be left alone */
	int read_fd;

	/* Writer. */
	uint64_t room; /* packets that it may take in all */
	uint64_t taken;
	uint64_t dropped;
	uint64_t wrong; /* packets whose bytes are not as they were given, and calls after its death */
	int64_t write_error;
	uint64_t write_died;
	uint64_t (*reason)(uint64_t number); /* NULL, or 1 + the reason to drop the packet for; 0: takes it */
	uint64_t *numbers;                   /* of the packets taken */
	uint64_t numbers_max;
	int write_fd;

	uint64_t opened;
	uint64_t closed;
	uint64_t recovered;
	int64_t recover_error;
};

#define fake_load(member)         __atomic_load_n(&(member), __ATOMIC_ACQUIRE)
#define fake_store(member, value) __atomic_store_n(&(member), (value), __ATOMIC_RELEASE)

static inline void fake_ring(int fd)
{
	assert_int_equal(eventfd_write(fd, 1), 0);
}

/* One that takes everything. */
static inline void fake_init(struct fake *fake)
{
	*fake = (struct fake){ .room = UINT64_MAX };
	fake->read_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fake->write_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(fake->read_fd >= 0 && fake->write_fd >= 0);
}

/* Remembers the numbers of so many packets that it takes. */
static inline void fake_record(struct fake *fake, uint64_t max)
{
	fake->numbers = calloc(max, sizeof(*fake->numbers));
	assert_non_null(fake->numbers);
	fake->numbers_max = max;
}

static inline void fake_free(struct fake *fake)
{
	close(fake->read_fd);
	close(fake->write_fd);
	free(fake->numbers);
}

/* It may give n packets more. */
static inline void fake_give(struct fake *fake, uint64_t n)
{
	__atomic_add_fetch(&fake->allowed, n, __ATOMIC_RELEASE);
	fake_ring(fake->read_fd);
}

/* It gives n packets more and ends. */
static inline void fake_give_last(struct fake *fake, uint64_t n)
{
	fake_store(fake->ends, 1);
	fake_give(fake, n);
}

/* It may take n packets more. */
static inline void fake_take(struct fake *fake, uint64_t n)
{
	__atomic_add_fetch(&fake->room, n, __ATOMIC_RELEASE);
	fake_ring(fake->write_fd);
}

static inline void fake_fail_read(struct fake *fake, int error)
{
	fake_store(fake->read_error, error);
	fake_ring(fake->read_fd);
}

/* The first packet that comes finds it dead. */
static inline void fake_fail_write(struct fake *fake, int error)
{
	fake_store(fake->write_error, error);
	fake_ring(fake->write_fd);
}

/* The bytes of a packet: its number, then what follows from it. */
static inline void fake_fill(uint8_t *bytes, uint64_t len, uint64_t number)
{
	memcpy(bytes, &number, sizeof(number));
	for (uint64_t i = sizeof(number); i < len; i++)
		bytes[i] = (uint8_t)(number + i);
}

static inline uint64_t fake_number(const struct weir_buf *buf)
{
	uint64_t number;

	memcpy(&number, buf->data, sizeof(number));
	return number;
}

static inline bool fake_is_whole(const struct weir_buf *buf, uint64_t len)
{
	const uint64_t number = fake_number(buf);

	if (buf->len < len)
		return false;
	for (uint64_t i = sizeof(number); i < len; i++)
		if (buf->data[i] != (uint8_t)(number + i))
			return false;
	return true;
}

struct fake_options {
	WEIR_ENDPOINT_OPTIONS;
	struct fake *fake;
	enum weir_layer layer; /* 0: WEIR_LAYER_AF */
	enum weir_framing framing;
	uint32_t max_packet; /* 0: 1500; UINT32_MAX: gives none */
	bool any;            /* WEIR_LAYER_ANY */
	bool takes_none;
	uint16_t headroom;
	uint16_t tailroom;
	int refuse; /* what check() returns, without a word */
	int fail;   /* what open() returns, without a word */
};

static inline int fake_check(const void *memory, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct fake_options *options = memory;

	(void)err;
	info->layer = options->any ? WEIR_LAYER_ANY : options->layer ? options->layer : WEIR_LAYER_AF;
	info->framing = options->framing;
	info->max_packet = options->max_packet == UINT32_MAX ? 0
			   : options->max_packet             ? options->max_packet
							     : 1500;
	info->takes_none = options->takes_none;
	info->headroom = options->headroom;
	info->tailroom = options->tailroom;
	return options->refuse;
}

static inline int fake_open(void *state, const void *memory, struct weir_endpoint_info *info,
			    struct weir_error *err)
{
	const struct fake_options *options = memory;

	(void)err;
	if (options->fail)
		return options->fail;
	*(struct fake **)state = options->fake;
	info->read_fd = options->fake->read_fd;
	info->write_fd = options->fake->write_fd;
	info->write_events = POLLIN;
	options->fake->opened++;
	return 0;
}

static inline void fake_close(void *state)
{
	(*(struct fake **)state)->closed++;
}

static inline int fake_recover(void *state, struct weir_error *err)
{
	struct fake *fake = *(struct fake **)state;

	if (fake->recover_error)
		return weir_failed(err, (int)fake->recover_error, "still dead");
	fake->recovered++;
	fake_store(fake->read_died, 0);
	fake_store(fake->write_died, 0);
	fake_store(fake->read_error, 0);
	fake_store(fake->write_error, 0);
	return 0;
}

/* Empties an eventfd that was rung for what is seen now; the caller looks again. */
static inline void fake_heard(int fd)
{
	eventfd_t count;

	eventfd_read(fd, &count);
}

static inline bool fake_copy(struct weir_reader *reader, uint64_t number, uint64_t len)
{
	static _Thread_local uint8_t bytes[FAKE_PACKET_MAX];

	fake_fill(bytes, len, number);
	return weir__reader_copy(reader, bytes, (uint32_t)len);
}

/* Both ends may have something to complain of. */
static inline void fake_wrong(struct fake *fake)
{
	__atomic_add_fetch(&fake->wrong, 1, __ATOMIC_RELEASE);
}

static inline int fake_read(void *state, struct weir_reader *reader)
{
	struct fake *fake = *(struct fake **)state;
	const int error = (int)fake_load(fake->read_error);

	fake_store(fake->reads, fake->reads + 1);
	if (fake_load(fake->read_died))
		fake_wrong(fake);
	if (fake_load(fake->given) == fake_load(fake->allowed))
		fake_heard(fake->read_fd);
	while (fake->given < fake_load(fake->allowed)) {
		/* Behind the look at what is allowed: the test may have set another size before that. */
		const uint64_t len = fake_load(fake->bytes) ? fake_load(fake->bytes) : 64;

		if (!fake_copy(reader, fake->first + fake->given, len))
			break;
		fake_store(fake->given, fake->given + 1);
	}
	if (error) {
		fake_store(fake->read_died, 1);
		return error;
	}
	return fake_load(fake->ends) && fake->given == fake_load(fake->allowed) ? -ENODATA : 0;
}

/* Takes a packet for good. */
static inline void fake_accept(struct fake *fake, struct weir_writer *writer, uint32_t i)
{
	const struct weir_buf *buf = weir_writer_buf(writer, i);
	const uint64_t reason = fake->reason ? fake->reason(fake_number(buf)) : 0;
	const uint64_t taken = fake->taken;

	if (reason) {
		weir_writer_drop(writer, i, (unsigned)reason - 1);
		fake_store(fake->dropped, fake->dropped + 1);
		return;
	}
	if (!fake_is_whole(buf, fake_load(fake->bytes) ? fake_load(fake->bytes) : buf->len))
		fake_wrong(fake);
	if (taken < fake->numbers_max)
		fake->numbers[taken] = fake_number(buf);
	fake_store(fake->taken, taken + 1);
}

static inline uint32_t fake_write(void *state, struct weir_writer *writer)
{
	struct fake *fake = *(struct fake **)state;

	if (fake_load(fake->write_died))
		fake_wrong(fake);
	for (uint32_t i = 0; i < writer->n; i++) {
		if (fake_load(fake->write_error)) {
			writer->error = (int)fake_load(fake->write_error);
			fake_store(fake->write_died, 1);
			return i;
		}
		if (fake->taken + fake->dropped == fake_load(fake->room))
			fake_heard(fake->write_fd);
		if (fake->taken + fake->dropped == fake_load(fake->room))
			return i;
		fake_accept(fake, writer, i);
	}
	return writer->n;
}

static const struct weir_reason fake_reasons[] = {
	{ "first", "the first reason of the test" },
	{ "second", "the second reason of the test" },
	{ 0 },
};

static const struct weir_option fake_table[] = {
	WEIR_OPTION(struct fake_options, fake, OBJECT, "what the test sees"),
	WEIR_ENUM_OPTION(struct fake_options, layer, weir__layer_values, "af or what is given"),
	WEIR_ENUM_OPTION(struct fake_options, framing, weir__framing_values, "with af"),
	WEIR_OPTION(struct fake_options, max_packet, U32, "1500 or what is given"),
	WEIR_OPTION(struct fake_options, any, BOOL, "take all layers"),
	WEIR_OPTION(struct fake_options, takes_none, BOOL, "take no packets"),
	WEIR_OPTION(struct fake_options, headroom, U16, "that write() wants"),
	WEIR_OPTION(struct fake_options, tailroom, U16, "that write() wants"),
	WEIR_OPTION(struct fake_options, refuse, INT, "what check() returns"),
	WEIR_OPTION(struct fake_options, fail, INT, "what open() returns"),
	{ 0 },
};

static const struct weir_endpoint_type fake_type = {
	.name = "fake",
	.help = "the test",
	.reasons = fake_reasons,
	.options = fake_table,
	.options_size = sizeof(struct fake_options),
	.state_size = sizeof(struct fake *),
	.check = fake_check,
	.open = fake_open,
	.close = fake_close,
	.recover = fake_recover,
	.read = fake_read,
	.write = fake_write,
};

#define fake(...) WEIR_ENDPOINT(fake_type, struct fake_options, __VA_ARGS__)

/* What the test thinks of a packet. */
typedef weir_verdict judgement(struct weir_buf *buf);

struct judge {
	WEIR_STAGE_OPTIONS
	judgement *decide;
};

struct judge_config {
	judgement *decide;
};

static inline int judge_configure(void *config, const void *options, const struct weir_place *place,
				  struct weir_error *err)
{
	(void)place;
	(void)err;
	*(struct judge_config *)config = (struct judge_config){ ((const struct judge *)options)->decide };
	return 0;
}

static inline weir_verdict judge_packet(struct weir_buf *buf, const struct judge_config *config, void *state)
{
	(void)state;
	return config->decide(buf);
}

WEIR_PROCESS(judge_vector, judge_packet, struct judge_config, void)

#define JUDGE_EXITS 4

static const struct weir_option judge_table[] = {
	WEIR_OPTION(struct judge, decide, OBJECT, "what the test thinks"),
	{ 0 },
};

static const struct weir_stage_type judge_type = {
	.name = "judge",
	.help = "the verdicts of the test",
	.exits = JUDGE_EXITS,
	.reasons = fake_reasons,
	.options = judge_table,
	.options_size = sizeof(struct judge),
	.config_size = sizeof(struct judge_config),
	.configure = judge_configure,
	.process = judge_vector,
};

#define judge(...) WEIR_STAGE(judge_type, struct judge, __VA_ARGS__)

static inline struct weir_pipeline *create(const struct weir_config *config)
{
	struct weir_pipeline *pipeline;
	struct weir_error err;

	if (weir_pipeline_create(&pipeline, config, &err) < 0)
		fail_msg("%s", err.text);
	return pipeline;
}

static inline void start(struct weir_pipeline *pipeline)
{
	struct weir_error err;

	if (weir_pipeline_start(pipeline, &err) < 0)
		fail_msg("%s", err.text);
}

/* The counters at rest: every packet is in exactly one of them. */
static inline struct weir_counters *read_counters(struct weir_pipeline *pipeline)
{
	struct weir_counters *counters = weir_counters_read(pipeline);
	uint64_t drops = 0;

	assert_non_null(counters);
	for (unsigned i = 0; i < counters->n_stages; i++)
		for (unsigned k = 0; k < counters->stages[i].n_drops; k++)
			drops += counters->stages[i].drops[k].n;
	assert_int_equal(counters->dropped, drops);
	assert_int_equal(counters->received + counters->injected,
			 counters->sent + counters->dropped + counters->consumed + counters->held);
	assert_int_equal(counters->held + counters->buffers_free, counters->buffers);
	return counters;
}

static inline uint64_t packets_of(const struct weir_counters *counters, const char *path)
{
	assert_non_null(weir_counters_stage(counters, path));
	return weir_counters_stage(counters, path)->packets;
}

/* Runs it until its readers have ended and everything has left. */
static inline struct weir_counters *run(struct weir_pipeline *pipeline)
{
	struct weir_counters *counters;

	start(pipeline);
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = read_counters(pipeline);
	assert_int_equal(counters->held, 0);
	return counters;
}

/* The worker has ended its last pass and sleeps, or is about to: it may still find work that came since. */
static inline bool is_asleep(struct weir_pipeline *pipeline, unsigned worker)
{
	return __atomic_load_n(&pipeline->shape->workers[worker]->bell.sleeping, __ATOMIC_ACQUIRE);
}

#endif
