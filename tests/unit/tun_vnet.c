/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader and the writer of a device with offload, on a socket pair in the place of the device. What the
 * kernel refuses, and when it has no room, the test says instead of it.
 */
#include "test.h"

#include <sys/socket.h>
#include <unistd.h>

#include "../plain.h"
#include "device/tun.h"
#include "device/vnet.h"
#include "io.h"
#include "pool.h"
#include "row.h"

#define REFUSALS 16 /* as the writer has it */

struct fake {
	struct weir__tun tun;
	int fds[2];
	struct io io;
};

/* The kernel's answers to writes. */
static int device = -1;
static bool refuses;     /* super-packets */
static unsigned offered; /* super-packets */
static unsigned room;    /* writes that it takes before it says EAGAIN, once */

ssize_t __real_write(int fd, const void *bytes, size_t n);
ssize_t __wrap_write(int fd, const void *bytes, size_t n);

ssize_t __wrap_write(int fd, const void *bytes, size_t n)
{
	struct virtio_net_hdr header;

	if (fd != device || n < sizeof(header))
		return __real_write(fd, bytes, n);
	memcpy(&header, bytes, sizeof(header));
	if (!room--) {
		errno = EAGAIN;
		return -1;
	}
	offered += header.gso_type != 0;
	if (header.gso_type && refuses) {
		errno = EINVAL;
		return -1;
	}
	return __real_write(fd, bytes, n);
}

static int make_fake(void **state)
{
	struct fake *fake = calloc(1, sizeof(*fake));
	const int size = 1 << 20;

	assert_non_null(fake);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fake->fds), 0);
	for (int i = 0; i < 2; i++)
		setsockopt(fake->fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	fake->tun.device = &fake->tun;
	fake->tun.fd = device = fake->fds[0];
	fake->tun.offload = WEIR_OFFLOAD_ALL;
	fake->tun.frame_max = 1500;
	assert_int_equal(weir__tun_make_piece(&fake->tun, NULL), 0);
	assert_non_null(fake->tun.piece);
	io_init(&fake->io);
	refuses = false;
	offered = 0;
	room = UINT32_MAX;
	*state = fake;
	return 0;
}

static int free_fake(void **state)
{
	struct fake *fake = *state;

	close(fake->fds[0]);
	close(fake->fds[1]);
	free(fake->tun.piece);
	io_free(&fake->io);
	free(fake);
	return 0;
}

/* The number of a reason, so that the tests name reasons as a user sees them. */
static unsigned reason(const char *name)
{
	unsigned i = 0;

	while (weir_tun_type.reasons[i].name && strcmp(weir_tun_type.reasons[i].name, name) != 0)
		i++;
	assert_non_null(weir_tun_type.reasons[i].name);
	return i;
}

/* --- packets ----------------------------------------------------------------------------------------------
 */

/* The next packet of a flow, behind a prefix, with the header that the kernel gives it. */
struct sample {
	struct virtio_net_hdr header;
	uint32_t len;
	uint8_t bytes[65536 + 64];
};

static struct sample *make_behind(const void *prefix, uint32_t n, uint8_t family, uint32_t payload,
				  uint16_t size)
{
	const struct segment segment = { .family = family,
					 .protocol = IPPROTO_TCP,
					 .ttl = 64,
					 .flags = 0x10,
					 .sequence = 1000,
					 .options = 12,
					 .option = 1,
					 .fill = (uint8_t)payload,
					 .payload = payload };
	struct sample *sample = calloc(1, sizeof(*sample));
	struct weir_buf buf = { .data = sample->bytes };

	assert_non_null(sample);
	if (n)
		memcpy(sample->bytes, prefix, n);
	sample->len = n + segment_write(&segment, sample->bytes + n);
	if (!size)
		return sample;
	buf.len = sample->len;
	segment_make_partial(&buf, n);
	sample->header = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = family == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6,
		.hdr_len = (uint16_t)(sample->len - payload),
		.gso_size = size,
		.csum_start = buf.csum_start,
		.csum_offset = buf.csum_offset,
	};
	return sample;
}

static struct sample *make(uint32_t payload, uint16_t size)
{
	return make_behind(NULL, 0, 4, payload, size);
}

/* The device gives it. */
static void give(const struct fake *fake, const struct sample *sample, uint32_t len)
{
	uint8_t *bytes = malloc(WEIR__VNET + len);

	assert_non_null(bytes);
	memcpy(bytes, &sample->header, WEIR__VNET);
	memcpy(bytes + WEIR__VNET, sample->bytes, len < sizeof(sample->bytes) ? len : sizeof(sample->bytes));
	assert_int_equal(write(fake->fds[1], bytes, WEIR__VNET + len), WEIR__VNET + len);
	free(bytes);
}

static void read_all(struct fake *fake)
{
	assert_int_equal(io_read(&fake->io, &weir_tun_type, &fake->tun, WEIR_VECTOR_SIZE), 0);
}

/* It goes into the vector that is to be written. */
static struct weir_buf *add(struct fake *fake, const struct sample *sample)
{
	struct weir_buf *buf = io_add(&fake->io, sample->bytes, sample->len);

	buf->flags = 0;
	buf->gso_type = 0;
	weir__vnet_decode(&sample->header, buf);
	return buf;
}

static uint32_t write_all(struct fake *fake)
{
	return io_write(&fake->io, &weir_tun_type, &fake->tun);
}

/* The device has taken this, with that header. */
static void expect(const struct fake *fake, const struct virtio_net_hdr *header, const uint8_t *bytes,
		   uint32_t len)
{
	static uint8_t got[WEIR__VNET + 65536 + 64];

	assert_int_equal(recv(fake->fds[1], got, sizeof(got), 0), WEIR__VNET + len);
	assert_memory_equal(got, header, WEIR__VNET);
	assert_memory_equal(got + WEIR__VNET, bytes, len);
}

static void expect_whole(const struct fake *fake, const struct sample *sample)
{
	expect(fake, &sample->header, sample->bytes, sample->len);
}

static void expect_pieces(const struct fake *fake, const struct sample *sample, uint32_t network)
{
	const struct virtio_net_hdr none = { 0 };
	const uint32_t header = sample->header.hdr_len, size = sample->header.gso_size;
	const uint32_t n = (sample->len - header + size - 1) / size;
	uint8_t piece[65536];

	for (uint32_t k = 0; k < n; k++)
		expect(fake, &none, piece,
		       plain_cut(sample->bytes, sample->len, network, header, size, k, piece));
}

static void expect_nothing(const struct fake *fake)
{
	uint8_t byte;

	assert_int_equal(recv(fake->fds[1], &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
}

/* --- reading ----------------------------------------------------------------------------------------------
 */

static void expect_read(struct fake *fake, uint32_t i, const struct sample *sample)
{
	const struct weir_buf *buf = io_packet(&fake->io, i);
	const bool partial = sample->header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;

	assert_int_equal(buf->len, sample->len);
	assert_memory_equal(buf->data, sample->bytes, sample->len);
	assert_int_equal(buf->data - buf->room, IO_HEADROOM);
	assert_int_equal(buf->flags, partial ? WEIR_BUF_NEEDS_CSUM : 0);
	assert_int_equal(buf->gso_type, sample->header.gso_type);
	if (!partial)
		return;
	assert_int_equal(buf->csum_start, sample->header.csum_start);
	assert_int_equal(buf->csum_offset, sample->header.csum_offset);
	assert_int_equal(buf->gso_size, sample->header.gso_size);
	assert_int_equal(buf->hdr_len, sample->header.hdr_len);
}

static void reads_packets_of_each_kind(void **state)
{
	struct fake *fake = *state;
	struct sample *samples[] = { make(100, 0),
				     make(IO_ROOM - IO_HEADROOM - 52, 0),
				     make(IO_ROOM - IO_HEADROOM - 51, 0),
				     make(20000, 1448),
				     make(900, 500),
				     make_behind(NULL, 0, 6, 30000, 1400),
				     make(65535 - 52, 1) };

	for (unsigned i = 0; i < countof(samples); i++)
		give(fake, samples[i], samples[i]->len);
	/* The hint of the kernel is not always right. */
	samples[3]->header.hdr_len = 52;
	read_all(fake);
	assert_int_equal(fake->io.reader.n, countof(samples));
	for (unsigned i = 0; i < countof(samples); i++) {
		expect_read(fake, i, samples[i]);
		free(samples[i]);
	}
	read_all(fake);
	assert_int_equal(fake->io.reader.n, 0);
	assert_false(fake->io.reader.more);
}

static void puts_the_true_length_in_place_of_a_hint(void **state)
{
	struct fake *fake = *state;
	struct sample *sample = make(20000, 1448);

	sample->header.hdr_len = 300;
	give(fake, sample, sample->len);
	sample->header.hdr_len = 52;
	read_all(fake);
	expect_read(fake, 0, sample);
	free(sample);
}

static void drops_what_is_no_packet(void **state)
{
	struct fake *fake = *state;
	struct sample *small = make(100, 0), *super = make(20000, 1448);

	give(fake, small, 0);
	assert_int_equal(write(fake->fds[1], "short", 5), 5);
	give(fake, small, WEIR__JUMBO_PACKET + 1);
	give(fake, small, WEIR__JUMBO_PACKET + 100);
	super->header.csum_offset = 6;
	give(fake, super, super->len);
	super->header.csum_offset = 16;
	super->header.csum_start = 65535;
	give(fake, super, super->len);
	give(fake, small, small->len);
	give(fake, small, WEIR__JUMBO_PACKET);
	read_all(fake);
	assert_int_equal(fake->io.dropped[reason("empty")], 2);
	assert_int_equal(fake->io.dropped[reason("cut")], 2);
	assert_int_equal(fake->io.dropped[reason("malformed")], 2);
	assert_int_equal(fake->io.reader.n, 2);
	expect_read(fake, 0, small);
	assert_int_equal(io_packet(&fake->io, 1)->len, WEIR__JUMBO_PACKET);
	free(small);
	free(super);
}

/* However many of them come, it returns. */
static void returns_though_all_is_dropped(void **state)
{
	struct fake *fake = *state;
	struct sample *super = make(20000, 1448);

	super->header.gso_size = 0;
	for (int i = 0; i < 5; i++)
		give(fake, super, super->len);
	assert_int_equal(io_read(&fake->io, &weir_tun_type, &fake->tun, 3), 0);
	assert_int_equal(fake->io.dropped[reason("malformed")], 3);
	assert_int_equal(io_read(&fake->io, &weir_tun_type, &fake->tun, 3), 0);
	assert_int_equal(fake->io.dropped[reason("malformed")], 2);
	free(super);
}

static void goes_on_when_there_are_jumbo_buffers_again(void **state)
{
	struct fake *fake = *state;
	struct sample *super = make(20000, 1448);

	for (int i = 0; i < IO_JUMBO + 1; i++)
		give(fake, super, super->len);
	read_all(fake);
	assert_int_equal(fake->io.reader.n, IO_JUMBO);
	assert_true(fake->io.reader.more);
	read_all(fake);
	assert_int_equal(fake->io.reader.n, 1);
	expect_read(fake, 0, super);
	free(super);
}

static void drops_large_packets_of_a_pool_without_jumbo_buffers(void **state)
{
	static uint8_t scratch[WEIR__SCRATCH_SIZE];
	struct fake *fake = *state;
	struct io *io = &fake->io;
	struct sample *super = make(20000, 1448), *small = make(100, 0);

	give(fake, super, super->len);
	give(fake, small, small->len);
	io_read(io, &weir_tun_type, &fake->tun, 0);
	io->spill = (struct weir__spill){ .scratch = scratch };
	io->reader.limit = 10;
	weir__reader_spill(&io->reader);
	assert_int_equal(weir_tun_type.read(&fake->tun, &io->reader), 0);
	assert_int_equal(io->dropped[WEIR__REASON_TOO_LONG], 1);
	assert_int_equal(io->reader.n, 1);
	expect_read(fake, 0, small);
	free(super);
	free(small);
}

static void dies_of_a_bad_descriptor(void **state)
{
	struct fake *fake = *state;
	struct sample *small = make(100, 0);

	fake->tun.fd = -1;
	assert_int_equal(io_read(&fake->io, &weir_tun_type, &fake->tun, 1), -EBADF);
	io_begin(&fake->io);
	add(fake, small);
	assert_int_equal(write_all(fake), 0);
	assert_int_equal(fake->io.writer.error, -EBADF);
	free(small);
}

/* --- writing ----------------------------------------------------------------------------------------------
 */

static void writes_packets_as_they_are(void **state)
{
	struct fake *fake = *state;
	struct sample *samples[] = { make(100, 0), make(30000, 1448), make(1, 0), make(65535 - 52, 1400) };

	io_begin(&fake->io);
	for (unsigned i = 0; i < countof(samples); i++)
		add(fake, samples[i]);
	assert_int_equal(write_all(fake), countof(samples));
	assert_int_equal(fake->io.writer.any, 0);
	for (unsigned i = 0; i < countof(samples); i++) {
		expect_whole(fake, samples[i]);
		free(samples[i]);
	}
	assert_int_equal(fake->tun.refused, 0);
}

static void writes_in_pieces(struct fake *fake, const struct sample *super, uint32_t network)
{
	io_begin(&fake->io);
	add(fake, super);
	assert_int_equal(write_all(fake), 1);
	assert_int_equal(fake->io.writer.any, 0);
	expect_pieces(fake, super, network);
	expect_nothing(fake);
}

static void writes_what_is_refused_in_pieces(void **state)
{
	static const uint8_t frame[] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0, 5, 0x88, 0xa8, 0, 6
	};
	static const uint32_t prefixes[] = { 14, 18, 22 };
	struct fake *fake = *state;
	unsigned n = 0;

	refuses = true;
	for (unsigned family = 4; family <= 6; family += 2) {
		struct sample *super = make_behind(NULL, 0, (uint8_t)family, 30000, 1448);

		writes_in_pieces(fake, super, 0);
		free(super);
		n++;
		for (unsigned i = 0; i < countof(prefixes); i++) {
			uint8_t prefix[22];

			memcpy(prefix, frame, sizeof(frame));
			plain_store(prefix + prefixes[i] - 2, family == 4 ? 0x0800 : 0x86dd);
			super = make_behind(prefix, prefixes[i], (uint8_t)family, 30000, 1000);
			fake->tun.tap = true;
			writes_in_pieces(fake, super, prefixes[i]);
			fake->tun.tap = false;
			free(super);
			n++;
		}
	}
	assert_int_equal(fake->tun.refused, n);
	assert_int_equal(fake->tun.cut, n);
}

/* With no room at any place, once and for as long as one packet takes. */
static void goes_on_at_the_right_piece(void **state)
{
	struct fake *fake = *state;
	struct sample *first = make(10, 0), *super = make(30000, 1448), *other = make(3000, 1000),
		      *last = make(20, 0);

	refuses = true;
	/* The first, 21 pieces with the refused whole, 3 with theirs, the last. */
	for (unsigned before = 0; before < 1 + 1 + 21 + 1 + 3 + 1; before++) {
		uint32_t done;

		fake->tun.refused = 0;
		io_begin(&fake->io);
		add(fake, first);
		add(fake, super);
		add(fake, other);
		add(fake, last);
		room = before;
		done = write_all(fake);
		assert_int_equal(done, before < 1 ? 0 : before < 23 ? 1 : before < 27 ? 2 : 3);
		fake->io.writer.index += done;
		fake->io.writer.n -= done;
		room = 0;
		assert_int_equal(write_all(fake), 0);
		assert_int_equal(write_all(fake), fake->io.writer.n);
		assert_int_equal(fake->io.writer.any, 0);
		expect_whole(fake, first);
		expect_pieces(fake, super, 0);
		expect_pieces(fake, other, 0);
		expect_whole(fake, last);
		expect_nothing(fake);
	}
	free(first);
	free(super);
	free(other);
	free(last);
}

/* The pipeline stops while a packet is written, and drops it: the next one is another. */
static void forgets_a_packet_that_was_dropped(void **state)
{
	struct fake *fake = *state;
	struct sample *super = make(30000, 1448), *small = make(20, 0);

	refuses = true;
	for (unsigned i = 0; i < 2; i++) {
		io_begin(&fake->io);
		add(fake, super);
		room = 5;
		assert_int_equal(write_all(fake), 0);
		for (unsigned k = 0; k < 4; k++)
			assert_true(recv(fake->fds[1], (uint8_t[1]){ 0 }, 1, 0) > 0);
		expect_nothing(fake);
		io_begin(&fake->io);
		add(fake, i ? super : small);
		room = UINT32_MAX;
		assert_int_equal(write_all(fake), 1);
		assert_int_equal(fake->io.writer.any, 0);
		if (i)
			expect_pieces(fake, super, 0);
		else
			expect_whole(fake, small);
		expect_nothing(fake);
	}
	free(super);
	free(small);
}

static void offers_none_any_more_after_so_many_refusals(void **state)
{
	struct fake *fake = *state;
	struct sample *super = make(3000, 1000);

	refuses = true;
	for (unsigned i = 1; i <= REFUSALS + 10; i++) {
		writes_in_pieces(fake, super, 0);
		assert_int_equal(offered, i < REFUSALS ? i : REFUSALS);
		assert_int_equal(fake->tun.cut, i);
	}
	assert_int_equal(fake->tun.refused, REFUSALS);
	free(super);
}

/* No kernel takes so many. */
static void offers_none_of_more_segments_than_a_kernel_counts(void **state)
{
	struct fake *fake = *state;
	struct sample *most = make(128, 1), *more = make(129, 1);

	io_begin(&fake->io);
	add(fake, most);
	add(fake, more);
	assert_int_equal(write_all(fake), 2);
	expect_whole(fake, most);
	expect_pieces(fake, more, 0);
	expect_nothing(fake);
	assert_int_equal(offered, 1);
	assert_int_equal(fake->tun.cut, 1);
	assert_int_equal(fake->tun.refused, 0);
	free(most);
	free(more);
}

static void drops_what_is_refused_and_cannot_be_cut(void **state)
{
	struct fake *fake = *state;
	struct sample *super = make(3000, 1000), *small = make(20, 0);

	refuses = true;
	io_begin(&fake->io);
	add(fake, super)->data[0] = 0x65;
	add(fake, small);
	assert_int_equal(write_all(fake), 2);
	assert_int_equal(fake->io.writer.verdict[0], WEIR_DROP(reason("refused")));
	assert_int_equal(fake->io.writer.verdict[1], WEIR_NEXT);
	expect_whole(fake, small);
	expect_nothing(fake);
	assert_int_equal(fake->tun.cut, 0);
	free(super);
	free(small);
}

#define test(function) cmocka_unit_test_setup_teardown(function, make_fake, free_fake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(reads_packets_of_each_kind),
		test(puts_the_true_length_in_place_of_a_hint),
		test(drops_what_is_no_packet),
		test(returns_though_all_is_dropped),
		test(goes_on_when_there_are_jumbo_buffers_again),
		test(drops_large_packets_of_a_pool_without_jumbo_buffers),
		test(dies_of_a_bad_descriptor),
		test(writes_packets_as_they_are),
		test(writes_what_is_refused_in_pieces),
		test(goes_on_at_the_right_piece),
		test(forgets_a_packet_that_was_dropped),
		test(offers_none_any_more_after_so_many_refusals),
		test(offers_none_of_more_segments_than_a_kernel_counts),
		test(drops_what_is_refused_and_cannot_be_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
