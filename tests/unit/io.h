/* SPDX-License-Identifier: Apache-2.0 */
/* A reader and a writer without an engine, for tests of one endpoint. */
#ifndef WEIR_TEST_IO_H
#define WEIR_TEST_IO_H

#include <weir/endpoint.h>

#include "reader.h"
#include "test.h"

#define IO_SMALL      64 /* buffers */
#define IO_JUMBO      4
#define IO_ROOM       1728
#define IO_JUMBO_ROOM (65535 + 512)
#define IO_HEADROOM   80

struct io {
	struct weir_buf *bufs;
	uint8_t *rooms;
	uint32_t small[IO_SMALL], small_n;
	uint32_t jumbo[IO_JUMBO], jumbo_n;
	uint64_t dropped[2 * WEIR_REASONS_MAX];
	struct weir__spill spill;
	struct weir_reader reader;
	struct weir_writer writer;
	uint32_t out[WEIR_VECTOR_SIZE];
	uint64_t now; /* what the next io_read() says the time is; 1 if the test does not care */
};

/* All buffers free. */
static inline void io_reset(struct io *io)
{
	io->small_n = 0;
	io->jumbo_n = 0;
	for (uint32_t i = 0; i < IO_SMALL; i++)
		io->small[io->small_n++] = i;
	for (uint32_t i = 0; i < IO_JUMBO; i++)
		io->jumbo[io->jumbo_n++] = IO_SMALL + i;
	memset(io->dropped, 0, sizeof(io->dropped));
}

static inline void io_init(struct io *io)
{
	uint8_t *room;

	memset(io, 0, sizeof(*io));
	io->bufs = aligned_alloc(64, (IO_SMALL + IO_JUMBO) * sizeof(*io->bufs));
	io->rooms = malloc((size_t)IO_SMALL * IO_ROOM + (size_t)IO_JUMBO * IO_JUMBO_ROOM);
	assert_non_null(io->bufs);
	assert_non_null(io->rooms);
	memset(io->bufs, 0, (IO_SMALL + IO_JUMBO) * sizeof(*io->bufs));
	room = io->rooms;
	for (uint32_t i = 0; i < IO_SMALL + IO_JUMBO; i++) {
		io->bufs[i].room = room;
		io->bufs[i].room_size = i < IO_SMALL ? IO_ROOM : IO_JUMBO_ROOM;
		room += io->bufs[i].room_size;
	}
	io->now = 1;
	io_reset(io);
}

static inline void io_free(struct io *io)
{
	free(io->bufs);
	free(io->rooms);
}

/* One call of type->read with room for limit packets; io->reader has them afterwards. Returns what it
 * returned. */
static inline int io_read(struct io *io, const struct weir_endpoint_type *type, void *state, uint32_t limit)
{
	io_reset(io);
	io->spill = (struct weir__spill){ .jumbo = io->jumbo, .jumbo_n = &io->jumbo_n };
	io->reader = (struct weir_reader){
		.bufs = io->bufs,
		.stash = io->small,
		.stash_n = io->small_n,
		.limit = limit,
		.headroom = IO_HEADROOM,
		.now = io->now,
		.dropped = io->dropped,
		.engine = &io->spill,
	};
	weir__reader_spill(&io->reader);
	return type->read(state, &io->reader);
}

/* Packet i of the last io_read(). */
static inline struct weir_buf *io_packet(struct io *io, uint32_t i)
{
	assert_true(i < io->reader.n);
	return &io->bufs[io->reader.index[i]];
}

/* Begins a vector to write; io_add() fills it. */
static inline void io_begin(struct io *io)
{
	io_reset(io);
	io->writer = (struct weir_writer){ .bufs = io->bufs, .index = io->out };
}

static inline struct weir_buf *io_add(struct io *io, const void *bytes, uint32_t len)
{
	uint32_t index = len + IO_HEADROOM <= IO_ROOM ? io->small[--io->small_n] : io->jumbo[--io->jumbo_n];
	struct weir_buf *buf = &io->bufs[index];

	assert_true(io->writer.n < WEIR_VECTOR_SIZE);
	buf->data = buf->room + IO_HEADROOM;
	buf->len = len;
	if (len)
		memcpy(buf->data, bytes, len);
	io->out[io->writer.n++] = index;
	return buf;
}

/* Writes the vector; io->writer has verdicts and error afterwards. Returns what type->write returned. */
static inline uint32_t io_write(struct io *io, const struct weir_endpoint_type *type, void *state)
{
	return type->write(state, &io->writer);
}

#endif
