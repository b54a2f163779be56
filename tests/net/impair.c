/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "impair.h"
#include "payload.h"

#define SLOTS    4096
#define ROOM     2048
#define OVERTAKE 8       /* packets that may pass a late one */
#define LATE_NS  2000000 /* after which it comes if there are none */
#define PORT     4789

enum {
	LOST,
	FULL,
	TOO_LONG,
};

static const struct weir_reason reasons[] = {
	[LOST] = { "lost", "as it was asked to" },
	[FULL] = { "full", "nobody read" },
	[TOO_LONG] = { "too_long", "longer than a packet here" },
	{ 0 },
};

struct slot {
	uint32_t len;
	uint8_t bytes[ROOM];
};

/* Written by one worker and read by maybe another. */
struct state {
	pthread_mutex_t lock;
	int fd; /* a timer: now if there is something to read, soon if there is a late packet */
	uint32_t loss, duplicate, late;
	uint64_t seed, dice;
	struct slot *slots; /* a ring */
	uint32_t first, n;
	struct slot later;
	uint32_t overtake; /* packets that may still pass it */
	struct impair_counts counts;
};

static uint32_t chance(struct state *state)
{
	return (uint32_t)(payload_word(state->seed, state->dice++) % 100);
}

static bool is_vxlan(const uint8_t *frame, uint32_t len)
{
	const uint32_t header = frame[12] == 0x86 ? 54 : 34; /* IPv6 or IPv4, without options */

	return len >= header + 8 && frame[header - (frame[12] == 0x86 ? 34 : 11)] == IPPROTO_UDP &&
	       (frame[header + 2] << 8 | frame[header + 3]) == PORT;
}

static void set_timer(struct state *state, uint64_t ns)
{
	const struct itimerspec at = { .it_value.tv_nsec = (long)ns };

	timerfd_settime(state->fd, 0, &at, NULL);
}

static void put(struct state *state, const uint8_t *bytes, uint32_t len)
{
	struct slot *slot = &state->slots[(state->first + state->n++) % SLOTS];

	slot->len = len;
	memcpy(slot->bytes, bytes, len);
}

static void put_late(struct state *state)
{
	if (!state->later.len)
		return;
	put(state, state->later.bytes, state->later.len);
	state->later.len = 0;
}

/* Returns the reason to drop it, or -1. */
static int take(struct state *state, const uint8_t *bytes, uint32_t len)
{
	const bool counts = is_vxlan(bytes, len);

	if (len > ROOM || state->n + 3 > SLOTS)
		return len > ROOM ? TOO_LONG : FULL;
	state->counts.came += counts;
	if (chance(state) < state->loss) {
		state->counts.lost += counts;
		return LOST;
	}
	if (chance(state) < state->duplicate) {
		state->counts.doubled += counts;
		put(state, bytes, len);
	}
	if (!state->later.len && chance(state) < state->late) {
		state->counts.late += counts;
		memcpy(state->later.bytes, bytes, len);
		state->later.len = len;
		state->overtake = OVERTAKE;
		return -1;
	}
	put(state, bytes, len);
	if (state->later.len && --state->overtake == 0)
		put_late(state);
	return -1;
}

static uint32_t impair_write(void *memory, struct weir_writer *writer)
{
	struct state *state = memory;

	pthread_mutex_lock(&state->lock);
	for (uint32_t i = 0; i < writer->n; i++) {
		const struct weir_buf *buf = weir_writer_buf(writer, i);
		const int reason = take(state, buf->data, buf->len);

		if (reason >= 0)
			weir_writer_drop(writer, i, (unsigned)reason);
	}
	if (state->n || state->later.len)
		set_timer(state, state->n ? 1 : LATE_NS);
	pthread_mutex_unlock(&state->lock);
	return writer->n;
}

static int impair_get(void *memory, struct weir_reader *reader)
{
	struct state *state = memory;
	uint64_t expired = 0;
	struct weir_buf *buf;

	pthread_mutex_lock(&state->lock);
	if (read(state->fd, &expired, sizeof(expired)) < 0)
		expired = 0;
	if (expired && !state->n)
		put_late(state);
	while (state->n && (buf = weir_reader_buf(reader))) {
		const struct slot *slot = &state->slots[state->first];

		memcpy(buf->data, slot->bytes, slot->len);
		state->counts.went += is_vxlan(slot->bytes, slot->len);
		weir_reader_commit(reader, slot->len);
		state->first = (state->first + 1) % SLOTS;
		state->n--;
	}
	if (state->n || state->later.len)
		set_timer(state, state->n ? 1 : LATE_NS);
	pthread_mutex_unlock(&state->lock);
	return 0;
}

static int impair_check(const void *options, struct weir_endpoint_info *info, struct weir_error *err)
{
	(void)options, (void)err;
	info->layer = WEIR_LAYER_L2;
	info->max_packet = 1514;
	return 0;
}

static int impair_open(void *memory, const void *opts, struct weir_endpoint_info *info,
		       struct weir_error *err)
{
	const struct impair *options = opts;
	struct state *state = memory;

	state->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	state->slots = calloc(SLOTS, sizeof(*state->slots));
	if (state->fd < 0 || !state->slots)
		return weir_failed(err, -ENOMEM, "no memory or descriptor");
	pthread_mutex_init(&state->lock, NULL);
	state->loss = options->loss;
	state->duplicate = options->duplicate;
	state->late = options->late;
	state->seed = options->seed;
	info->read_fd = state->fd;
	return 0;
}

static void impair_close(void *memory)
{
	struct state *state = memory;

	close(state->fd);
	free(state->slots);
	pthread_mutex_destroy(&state->lock);
}

struct impair_counts impair_read(const void *impair)
{
	struct state *state = (struct state *)(uintptr_t)impair;
	struct impair_counts counts;

	pthread_mutex_lock(&state->lock);
	counts = state->counts;
	pthread_mutex_unlock(&state->lock);
	return counts;
}

const struct weir_endpoint_type impair_type = {
	.name = "impair",
	.help = "a bad network",
	.reasons = reasons,
	.options_size = sizeof(struct impair),
	.state_size = sizeof(struct state),
	.check = impair_check,
	.open = impair_open,
	.close = impair_close,
	.read = impair_get,
	.write = impair_write,
};
