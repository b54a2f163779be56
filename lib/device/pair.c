/* SPDX-License-Identifier: Apache-2.0 */
#include <ck_ring.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include <weir/pair.h>

#include "doorbell.h"
#include "ip.h"
#include "option.h"
#include "reader.h"

#define PACKET_MAX 65535
#define SLOTS_MAX  65535

/* Behind those of weir__ip_check(), which are for WEIR_LAYER_L3. */
enum {
	PAIR_FULL = WEIR__IP_REASONS_N,
	TOO_LONG,
	EMPTY,
	CLOSED,
};

static const struct weir_reason pair_reasons[] = {
	WEIR__IP_REASONS,
	[PAIR_FULL] = { "pair_full", "the other side does not read fast enough" },
	[TOO_LONG] = { "too_long", "more bytes than the link was made for" },
	[EMPTY] = { "empty", "no bytes at all" },
	[CLOSED] = { "closed", "this side of the link was closed" },
	{ 0 },
};

struct slot {
	uint32_t len;
	uint8_t bytes[];
};

/*
 * One way of a link. The sender fills the slots in turn, and a ring hands them over. There is one slot more
 * than the ring may hold: that is the one the receiver has taken off the ring and reads, until it takes the
 * next. So a slot that the sender comes to again is nobody's, and none needs to be given back.
 */
struct way {
	ck_ring_t ring; /* keeps sender and receiver on lines of their own */
	ck_ring_buffer_t *entries;
	uint8_t *slots;
	size_t stride;
	uint32_t capacity;
	uint32_t max_packet;
	uint32_t closed;                /* by the sender's side: nothing more comes */
	_Alignas(64) uint32_t next;     /* the sender's: the slot to fill */
	_Alignas(64) struct slot *held; /* the receiver's: taken off the ring and not yet read; NULL: none */
	struct weir__doorbell came;     /* wakes a receiver that found nothing */
	struct weir__doorbell room;     /* wakes a sender that found it full */
};

struct weir_pair_link {
	struct way way[2]; /* from side 0 to side 1, and back */
	uint32_t user[2];  /* how the endpoint of that side uses it: see use_of(); 0: none does */
};

struct pair {
	struct weir_pair_link *link;
	unsigned side;
	struct way *in;
	struct way *out;
	bool l3;
	bool wait;
	bool waiting; /* the writer's: it asked to be woken */
};

static void way_close(struct way *way)
{
	free(way->entries);
	free(way->slots);
	if (way->came.fd >= 0)
		weir__doorbell_close(&way->came);
	if (way->room.fd >= 0)
		weir__doorbell_close(&way->room);
}

static int way_open(struct way *way, uint32_t capacity, uint32_t max_packet)
{
	uint32_t size = 2;
	size_t bytes;
	int ret;

	way->came.fd = -1;
	way->room.fd = -1;
	/* A Concurrency Kit ring has a power of two of entries. One is the receiver's as well, and one stays
	 * empty. */
	while (size < capacity + 2)
		size *= 2;
	ck_ring_init(&way->ring, size);
	way->capacity = capacity;
	way->max_packet = max_packet;
	/* An odd number of cache lines, so that the first lines of the slots do not share a set of the cache.
	 */
	way->stride = (sizeof(struct slot) + max_packet + 63) / 64 * 64 | 64;
	if (__builtin_mul_overflow(way->stride, (size_t)capacity + 1, &bytes))
		return -ENOMEM;
	way->entries = calloc(size, sizeof(*way->entries));
	way->slots = aligned_alloc(64, bytes);
	if (!way->entries || !way->slots)
		return -ENOMEM;
	/* Written once, so that no page of it is missing when traffic comes. */
	memset(way->slots, 0, bytes);
	ret = weir__doorbell_open(&way->came);
	return ret < 0 ? ret : weir__doorbell_open(&way->room);
}

int weir_pair_link_create(struct weir_pair_link **link, uint32_t slots, uint32_t max_packet)
{
	struct weir_pair_link *created;
	int ret;

	*link = NULL;
	weir__barrier_init();
	if (slots == 0 || slots > SLOTS_MAX || max_packet == 0 || max_packet > PACKET_MAX)
		return -EINVAL;
	created = aligned_alloc(_Alignof(struct weir_pair_link), sizeof(*created));
	if (!created)
		return -ENOMEM;
	memset(created, 0, sizeof(*created));
	created->way[1].came.fd = -1;
	created->way[1].room.fd = -1;
	ret = way_open(&created->way[0], slots, max_packet);
	if (!ret)
		ret = way_open(&created->way[1], slots, max_packet);
	if (ret < 0)
		weir_pair_link_destroy(created);
	else
		*link = created;
	return ret;
}

void weir_pair_link_destroy(struct weir_pair_link *link)
{
	if (!link)
		return;
	way_close(&link->way[0]);
	way_close(&link->way[1]);
	free(link);
}

/* The sender's. Puts a packet in, without ringing. Returns false if the way is full. */
static bool put(struct way *way, const void *bytes, uint32_t len)
{
	struct slot *slot = (struct slot *)(way->slots + way->next * way->stride);
	unsigned used;
	ck_ring_buffer_t *entry = ck_ring_enqueue_reserve_spsc_size(&way->ring, way->entries, &used);

	if (!entry || used >= way->capacity)
		return false;
	slot->len = len;
	memcpy(slot->bytes, bytes, len);
	entry->value = slot;
	/* Publishes behind a store barrier, which pairs with the load barrier of the dequeue. */
	ck_ring_enqueue_commit_spsc(&way->ring);
	way->next = way->next == way->capacity ? 0 : way->next + 1;
	return true;
}

/* The receiver's. Returns the oldest packet, the same one until way->held is NULL; NULL: there is none. */
static struct slot *peek(struct way *way)
{
	void *taken;

	if (way->held || ck_ring_size(&way->ring) == 0)
		return way->held;
	/* The packet read last is read before the ring says that the next one was taken, as the sender may
	 * then come to its slot. */
	ck_pr_fence_load_store();
	if (ck_ring_dequeue_spsc(&way->ring, way->entries, &taken))
		way->held = taken;
	return way->held;
}

static bool is_closed(const struct way *way)
{
	/* Pairs with the release in weir_pair_close(): what was sent before is in the ring. */
	return __atomic_load_n(&way->closed, __ATOMIC_ACQUIRE);
}

int weir_pair_send(struct weir_pair_link *link, unsigned side, const void *packet, size_t size)
{
	struct way *way;

	if (side > 1 || size == 0)
		return -EINVAL;
	way = &link->way[side];
	if (is_closed(way))
		return -EPIPE;
	if (size > way->max_packet)
		return -EMSGSIZE;
	if (!put(way, packet, (uint32_t)size))
		return -EAGAIN;
	weir__doorbell_ring(&way->came);
	return 0;
}

int64_t weir_pair_receive(struct weir_pair_link *link, unsigned side, void *packet, size_t size)
{
	const struct slot *slot;
	struct way *way;
	bool closed;
	uint32_t len;

	if (side > 1)
		return -EINVAL;
	way = &link->way[1 - side];
	closed = is_closed(way);
	slot = peek(way);
	if (!slot)
		return closed ? 0 : -EAGAIN;
	weir__doorbell_ring(&way->room);
	if (slot->len > size)
		return -EMSGSIZE;
	len = slot->len;
	memcpy(packet, slot->bytes, len);
	way->held = NULL;
	return len;
}

void weir_pair_close(struct weir_pair_link *link, unsigned side)
{
	if (side > 1)
		return;
	__atomic_store_n(&link->way[side].closed, 1, __ATOMIC_RELEASE);
	weir__doorbell_ring(&link->way[side].came);
	/* A writer that waits for room waits no longer: it drops. */
	weir__doorbell_ring(&link->way[side].room);
}

static enum weir_layer layer_of(const struct weir_pair *options)
{
	return options->layer ? options->layer : WEIR_LAYER_AF;
}

static int pair_check(const void *options_, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct weir_pair *options = options_;
	int ret = 0;

	if (!options->link)
		ret = weir_invalid(err, "link", "there is none: weir_pair_link_create() makes it");
	if (options->side > 1)
		ret = weir_invalid(err, "side", "%u is not 0 or 1", options->side);
	if ((unsigned)options->layer > WEIR_LAYER_L2)
		ret = weir_invalid(err, "layer", "%d is not one", (int)options->layer);
	if ((unsigned)options->framing > WEIR_FRAMING_UTUN)
		ret = weir_invalid(err, "framing", "%d is not one", (int)options->framing);
	else if (options->framing != WEIR_FRAMING_RAW && layer_of(options) != WEIR_LAYER_AF)
		ret = weir_invalid(err, "framing", "only packets of WEIR_LAYER_AF have one");
	info->layer = layer_of(options);
	info->framing = options->framing;
	info->max_packet = options->link ? options->link->way[0].max_packet : 0;
	return ret;
}

/* What both sides must agree on, and never 0. */
static uint32_t use_of(const struct weir_pair *options)
{
	return (uint32_t)layer_of(options) << 8 | (uint32_t)options->framing;
}

static int pair_open(void *state, const void *options_, struct weir_endpoint_info *info,
		     struct weir_error *err)
{
	const struct weir_pair *options = options_;
	struct weir_pair_link *link = options->link;
	const unsigned side = options->side;
	uint32_t other, none = 0;

	if (!__atomic_compare_exchange_n(&link->user[side], &none, use_of(options), false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		return weir_failed(err, -EBUSY, "side: %u of the link is another endpoint's already", side);
	other = __atomic_load_n(&link->user[1 - side], __ATOMIC_ACQUIRE);
	if (other && other != use_of(options)) {
		__atomic_store_n(&link->user[side], 0, __ATOMIC_RELEASE);
		return weir_invalid(err, "layer", "the other side of the link has another layer or framing");
	}
	*(struct pair *)state = (struct pair){
		.link = link,
		.side = side,
		.in = &link->way[1 - side],
		.out = &link->way[side],
		.l3 = layer_of(options) == WEIR_LAYER_L3,
		.wait = options->wait,
	};
	info->read_fd = link->way[1 - side].came.fd;
	info->write_fd = options->wait ? link->way[side].room.fd : -1;
	info->write_events = POLLIN;
	return 0;
}

static void pair_close(void *state)
{
	struct pair *pair = state;

	__atomic_store_n(&pair->link->user[pair->side], 0, __ATOMIC_RELEASE);
}

/* Layer 3 promises what nobody has checked yet, as an application may be the sender. Returns false: no buffer
 * now. */
static bool deliver_l3(const struct slot *slot, struct weir_reader *reader)
{
	const struct weir__ip_check ip = weir__ip_check(slot->bytes, slot->len);
	const uint32_t n = reader->n;

	if (ip.verdict != WEIR_NEXT) {
		weir_reader_drop(reader, ip.verdict - 1u);
		return true;
	}
	if (!weir__reader_copy(reader, slot->bytes, ip.length))
		return false;
	if (reader->n > n)
		reader->bufs[reader->index[n]].family = ip.family;
	return true;
}

static int pair_read(void *state, struct weir_reader *reader)
{
	const struct pair *pair = state;
	struct way *in = pair->in;
	/* First, so that what is found afterwards is all there is. */
	const bool closed = is_closed(in);
	uint32_t left = reader->limit;
	bool end = false;

	for (; left > 0; left--) {
		const struct slot *slot = peek(in);

		end = !slot && closed;
		if (!slot)
			break;
		if (pair->l3 ? !deliver_l3(slot, reader) : !weir__reader_copy(reader, slot->bytes, slot->len))
			break;
		in->held = NULL;
	}
	/* A packet that found no buffer has left the ring too. */
	if (left < reader->limit || in->held)
		weir__doorbell_ring(&in->room);
	return end ? -ENODATA : 0;
}

static bool pair_arm(void *state)
{
	struct pair *pair = state;
	struct way *in = pair->in;

	weir__doorbell_sleep(&in->came);
	weir__barrier_heavy(); /* pairs with the light one of whoever rings */
	return !in->held && ck_ring_size(&in->ring) == 0 && !is_closed(in);
}

static void pair_disarm(void *state)
{
	struct pair *pair = state;

	weir__doorbell_awake(&pair->in->came, false);
}

static void stop_waiting(struct pair *pair)
{
	if (pair->waiting)
		weir__doorbell_awake(&pair->out->room, false);
	pair->waiting = false;
}

/*
 * Asks to be woken when there is room. Returns false if there is some already. Asks once: the barrier is felt
 * on other processors too, and a worker that is busy otherwise comes here again and again.
 */
static bool wait_for_room(struct pair *pair)
{
	struct way *out = pair->out;

	if (pair->waiting && __atomic_load_n(&out->room.sleeping, __ATOMIC_RELAXED))
		return true;
	stop_waiting(pair);
	weir__doorbell_sleep(&out->room);
	pair->waiting = true;
	weir__barrier_heavy(); /* pairs with the light one of whoever rings */
	return ck_ring_size(&out->ring) >= out->capacity;
}

/* Sends a packet, or drops it. Returns false if it has to wait. */
static bool send_packet(struct pair *pair, struct weir_writer *writer, uint32_t i)
{
	const struct weir_buf *buf = weir_writer_buf(writer, i);

	if (buf->len == 0 || buf->len > pair->out->max_packet) {
		weir_writer_drop(writer, i, buf->len ? TOO_LONG : EMPTY);
		return true;
	}
	while (!put(pair->out, buf->data, buf->len)) {
		if (!pair->wait) {
			weir_writer_drop(writer, i, PAIR_FULL);
			return true;
		}
		if (wait_for_room(pair))
			return false;
	}
	return true;
}

static uint32_t pair_write(void *state, struct weir_writer *writer)
{
	struct pair *pair = state;
	uint32_t n = 0;

	if (is_closed(pair->out)) {
		for (; n < writer->n; n++)
			weir_writer_drop(writer, n, CLOSED);
	} else {
		while (n < writer->n && send_packet(pair, writer, n))
			n++;
		if (n)
			weir__doorbell_ring(&pair->out->came);
	}
	if (n == writer->n)
		stop_waiting(pair);
	return n;
}

static const struct weir_option pair_options[] = {
	WEIR_OPTION(struct weir_pair, link, OBJECT, "what joins the two; required"),
	WEIR_OPTION(struct weir_pair, side, U32, "of the link, 0 or 1"),
	WEIR_ENUM_OPTION(struct weir_pair, layer, weir__layer_values, "af, l3 or l2; default af"),
	WEIR_ENUM_OPTION(struct weir_pair, framing, weir__framing_values,
			 "the prefix of a packet of the layer af"),
	WEIR_OPTION(struct weir_pair, wait, BOOL, "when full, wait for the other side, instead of dropping"),
	{ 0 },
};

const struct weir_endpoint_type weir_pair_type = {
	.name = "pair",
	.help = "one of two endpoints that are joined in memory",
	.reasons = pair_reasons,
	.options = pair_options,
	.options_size = sizeof(struct weir_pair),
	.state_size = sizeof(struct pair),
	.check = pair_check,
	.open = pair_open,
	.close = pair_close,
	.read = pair_read,
	.arm = pair_arm,
	.disarm = pair_disarm,
	.write = pair_write,
};
