/* SPDX-License-Identifier: Apache-2.0 */
/* Where the bytes of a packet go that does not fit in a small buffer. */
#include "io.h"

#include "pool.h"
#include "row.h"

#define TAILROOM 16
#define SMALL    (IO_ROOM - IO_HEADROOM - TAILROOM) /* bytes that fit in a small buffer */

static struct io io;
static uint8_t bytes[WEIR__JUMBO_PACKET + 1000];

/* A reader for limit packets. */
static struct weir_reader *start(uint32_t limit)
{
	io_reset(&io);
	io.spill = (struct weir__spill){ .jumbo = io.jumbo, .jumbo_n = &io.jumbo_n };
	io.reader = (struct weir_reader){
		.bufs = io.bufs,
		.stash = io.small,
		.stash_n = io.small_n,
		.limit = limit,
		.headroom = IO_HEADROOM,
		.tailroom = TAILROOM,
		.now = 77,
		.dropped = io.dropped,
		.engine = &io.spill,
		.framing = WEIR_FRAMING_UTUN,
	};
	weir__reader_spill(&io.reader);
	return &io.reader;
}

static int setup(void **state)
{
	(void)state;
	io_init(&io);
	for (uint32_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	io_free(&io);
	return 0;
}

/* Packet i is the first len of bytes, with the room that was promised, and with nothing left of what the
 * buffer held before. */
static void expect_packet(uint32_t i, uint32_t len, bool jumbo)
{
	const struct weir_buf *buf = io_packet(&io, i);

	assert_int_equal(io.reader.index[i] >= IO_SMALL, jumbo);
	assert_int_equal(buf->len, len);
	assert_memory_equal(buf->data, bytes, len);
	assert_int_equal(weir_buf_headroom(buf), IO_HEADROOM);
	assert_true(weir_buf_tailroom(buf) >= TAILROOM);
	assert_int_equal(buf->arrival, 77);
	assert_int_equal(buf->framing, WEIR_FRAMING_UTUN);
	assert_int_equal(buf->family, 0);
	assert_int_equal(buf->gso_type, 0);
	assert_int_equal(buf->flags, 0);
	assert_int_equal(buf->mark, 0);
}

static void expect_stashes(uint32_t small, uint32_t jumbo)
{
	bool seen[IO_SMALL + IO_JUMBO] = { false };

	assert_int_equal(io.reader.stash_n, small);
	assert_int_equal(io.jumbo_n, jumbo);
	for (uint32_t i = 0; i < small; i++)
		assert_true(io.small[i] < IO_SMALL);
	for (uint32_t i = 0; i < io.reader.n; i++) {
		assert_false(seen[io.reader.index[i]]);
		seen[io.reader.index[i]] = true;
	}
	for (uint32_t i = 0; i < small; i++) {
		assert_false(seen[io.small[i]]);
		seen[io.small[i]] = true;
	}
	for (uint32_t i = 0; i < jumbo; i++) {
		assert_false(seen[io.jumbo[i]]);
		seen[io.jumbo[i]] = true;
	}
}

/* As recvmsg() or readv() fill it. */
static bool receive(struct weir_reader *reader, uint32_t len)
{
	struct iovec iov[2];

	if (!weir_reader_iov(reader, iov))
		return false;
	assert_true(iov[0].iov_len + iov[1].iov_len >= len);
	memcpy(iov[0].iov_base, bytes, len < iov[0].iov_len ? len : iov[0].iov_len);
	if (len > iov[0].iov_len)
		memcpy(iov[1].iov_base, bytes + iov[0].iov_len, len - iov[0].iov_len);
	weir_reader_commit_iov(reader, len);
	return true;
}

static bool copy(struct weir_reader *reader, uint32_t len)
{
	return weir__reader_copy(reader, bytes, len);
}

static const struct {
	uint32_t len;
	bool jumbo;
} edges[] = {
	{ 1, false },
	{ SMALL - 1, false },
	{ SMALL, false },
	{ SMALL + 1, true },
	/* What fills the room of a small buffer leaves stages no place to append to. */
	{ SMALL + TAILROOM, true },
	{ SMALL + TAILROOM + 1, true },
	{ WEIR__JUMBO_PACKET, true },
};

static void takes_packets_of_any_size(void **state)
{
	bool (*const ways[])(struct weir_reader *, uint32_t) = { receive, copy };

	(void)state;
	for (size_t way = 0; way < countof(ways); way++)
		for (size_t i = 0; i < countof(edges); i++) {
			struct weir_reader *reader = start(31);

			for (uint32_t k = 0; k < IO_SMALL + IO_JUMBO; k++)
				io.bufs[k].flags = io.bufs[k].gso_type = io.bufs[k].family = 1;
			assert_true(ways[way](reader, edges[i].len));
			assert_int_equal(reader->n, 1);
			assert_int_equal(reader->bytes, edges[i].len);
			expect_packet(0, edges[i].len, edges[i].jumbo);
			expect_stashes(IO_SMALL - !edges[i].jumbo, IO_JUMBO - edges[i].jumbo);
		}
}

/* Small and large ones take turns; each lies where it should, and each large one has a jumbo buffer of its
 * own. */
static void keeps_the_order(void **state)
{
	static const uint32_t lens[] = { 100, 65535, 64, SMALL, SMALL + 1, 1, 9000, 1500 };
	struct weir_reader *reader = start(31);

	(void)state;
	for (size_t i = 0; i < countof(lens); i++)
		assert_true(i % 2 ? receive(reader, lens[i]) : copy(reader, lens[i]));
	assert_int_equal(reader->n, countof(lens));
	for (uint32_t i = 0; i < countof(lens); i++)
		expect_packet(i, lens[i], lens[i] > SMALL);
	expect_stashes(IO_SMALL - 5, IO_JUMBO - 3);
}

/* Without a jumbo buffer at hand nothing is received, as it might be large; what is known to be small goes
 * on. */
static void waits_for_jumbo_buffers(void **state)
{
	struct weir_reader *reader = start(31);
	struct iovec iov[2];

	(void)state;
	for (int i = 0; i < IO_JUMBO; i++)
		assert_true(receive(reader, SMALL + 1));
	assert_int_equal(weir_reader_iov(reader, iov), 0);
	assert_false(copy(reader, SMALL + 1));
	assert_true(copy(reader, SMALL));
	assert_int_equal(reader->n, IO_JUMBO + 1);
	expect_stashes(IO_SMALL - 1, 0);
}

static void stops_at_the_limit(void **state)
{
	struct weir_reader *reader = start(3);

	(void)state;
	assert_true(receive(reader, 10));
	assert_true(receive(reader, 9000));
	assert_true(copy(reader, 10));
	assert_null(weir_reader_buf(reader));
	assert_false(receive(reader, 10));
	assert_false(copy(reader, 10));
	assert_int_equal(reader->n, 3);
}

/* A pool without jumbo buffers: the packet is received, and dropped. */
static void drops_what_no_buffer_holds(void **state)
{
	static uint8_t scratch[WEIR__SCRATCH_SIZE];

	(void)state;
	for (size_t i = 0; i < countof(edges); i++) {
		struct weir_reader *reader = start(31);

		io.spill.scratch = scratch;
		weir__reader_spill(reader);
		assert_true(receive(reader, edges[i].len));
		assert_true(copy(reader, edges[i].len));
		assert_int_equal(io.dropped[WEIR__REASON_TOO_LONG], edges[i].jumbo ? 2 : 0);
		assert_int_equal(reader->n, edges[i].jumbo ? 0 : 2);
		assert_true(receive(reader, 5));
		expect_packet(reader->n - 1, 5, false);
		expect_stashes(IO_SMALL - reader->n, IO_JUMBO);
	}
}

/* The buffer that a dropped packet lay in is the next one's. */
static void reuses_the_buffer_of_a_drop(void **state)
{
	struct weir_reader *reader = start(31);
	const struct weir_buf *buf = weir_reader_buf(reader);

	(void)state;
	weir_reader_drop(reader, 2);
	weir_reader_drop(reader, 2);
	assert_int_equal(io.dropped[2], 2);
	assert_ptr_equal(weir_reader_buf(reader), buf);
	expect_stashes(IO_SMALL, IO_JUMBO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_packets_of_any_size),  cmocka_unit_test(keeps_the_order),
		cmocka_unit_test(waits_for_jumbo_buffers),    cmocka_unit_test(stops_at_the_limit),
		cmocka_unit_test(drops_what_no_buffer_holds), cmocka_unit_test(reuses_the_buffer_of_a_drop),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
