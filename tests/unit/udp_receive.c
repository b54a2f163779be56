/* SPDX-License-Identifier: Apache-2.0 */
/* How messages, which the test makes, become packets. */
#include "test.h"

#include <netinet/udp.h>

#include "io.h"
#include "row.h"
#include "udp_socket.h"

#define MESSAGES_MAX 64

/* What the kernel has. Byte k of message i is (i * 31 + k * 7 + k / 256). */
struct message {
	uint32_t len;
	int segment; /* 0: nothing is said of it */
};

static struct {
	struct message messages[MESSAGES_MAX];
	unsigned n, next;
	int error; /* of the next call */
	unsigned calls;
	unsigned asked; /* messages, by the last call */
} kernel;

/* The packet that is to be read next: these bytes of that message. */
static struct {
	unsigned message;
	uint32_t offset;
} next;

static struct io io;
static struct weir__udp udp;

static uint8_t byte_of(unsigned message, uint32_t k)
{
	return (uint8_t)(message * 31 + k * 7 + k / 256);
}

static void fill(struct msghdr *header, unsigned message, uint32_t len)
{
	uint32_t k = 0;

	for (size_t part = 0; part < header->msg_iovlen; part++)
		for (size_t at = 0; at < header->msg_iov[part].iov_len && k < len; at++, k++)
			((uint8_t *)header->msg_iov[part].iov_base)[at] = byte_of(message, k);
	assert_int_equal(k, len);
}

static void say_segment(struct msghdr *header, int segment)
{
	struct cmsghdr *control = header->msg_control;

	if (!segment) {
		header->msg_controllen = 0;
		return;
	}
	assert_true(header->msg_controllen >= CMSG_SPACE(sizeof(segment)));
	control->cmsg_level = IPPROTO_UDP;
	control->cmsg_type = UDP_GRO;
	control->cmsg_len = CMSG_LEN(sizeof(segment));
	memcpy(CMSG_DATA(control), &segment, sizeof(segment));
}

int __wrap_recvmmsg(int fd, struct mmsghdr *headers, unsigned n, int flags, struct timespec *timeout);

int __wrap_recvmmsg(int fd, struct mmsghdr *headers, unsigned n, int flags, struct timespec *timeout)
{
	unsigned i = 0;

	(void)fd;
	assert_int_equal(flags, MSG_DONTWAIT);
	assert_null(timeout);
	kernel.calls++;
	kernel.asked = n;
	if (kernel.error) {
		errno = kernel.error;
		kernel.error = 0;
		return -1;
	}
	for (; i < n && kernel.next < kernel.n; i++, kernel.next++) {
		const struct message *message = &kernel.messages[kernel.next];
		struct sockaddr_in *from = headers[i].msg_hdr.msg_name;

		fill(&headers[i].msg_hdr, kernel.next, message->len);
		say_segment(&headers[i].msg_hdr, message->segment);
		headers[i].msg_len = message->len;
		*from = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = (in_port_t)kernel.next };
	}
	errno = EAGAIN;
	return i ? (int)i : -1;
}

static void begin(void)
{
	uint8_t *slots = udp.receiver.slots;

	memset(&kernel, 0, sizeof(kernel));
	memset(&next, 0, sizeof(next));
	memset(&udp, 0, sizeof(udp));
	udp.receiver.slots = slots;
	udp.receiver.per_message = 1;
}

static void come(unsigned n, uint32_t len, int segment)
{
	for (unsigned i = 0; i < n; i++) {
		assert_true(kernel.n < MESSAGES_MAX);
		kernel.messages[kernel.n++] = (struct message){ len, segment };
	}
}

/* The next packet is right, but for so many bytes in front. It leads on to the one behind it. */
static void compare(const uint8_t *bytes, uint32_t len, uint32_t cut)
{
	const struct message *message = &kernel.messages[next.message];
	const uint32_t segment = message->segment ? (uint32_t)message->segment : message->len;
	const uint32_t rest = message->len - next.offset;

	assert_int_equal(cut + len, rest < segment ? rest : segment);
	for (uint32_t k = 0; k < len; k++)
		assert_int_equal(bytes[k], byte_of(next.message, next.offset + cut + k));
	next.offset += cut + len;
	if (next.offset < message->len)
		return;
	next.message++;
	next.offset = 0;
}

static unsigned skip_each; /* so many: each packet of that number is skipped; 0: none */
static uint32_t cut_front; /* bytes of each that are not taken */

static int read_packets(void *state, struct weir_reader *reader)
{
	struct weir_datagram datagram;
	unsigned n = 0;
	int rc;

	(void)state;
	weir__udp_begin(&udp, reader);
	while ((rc = weir__udp_next(&udp, reader, &datagram)) > 0) {
		struct weir_buf *buf;

		assert_int_equal(datagram.from->ipv4.sin_port, next.message);
		if (skip_each && n++ % skip_each == 0) {
			compare(datagram.bytes, datagram.len, 0);
			weir__udp_skip(&udp, &datagram);
			continue;
		}
		if (!weir__udp_take(&udp, reader, &datagram, cut_front, datagram.len - cut_front, &buf))
			return 0;
		if (buf) {
			assert_true(weir_buf_headroom(buf) >= IO_HEADROOM);
			compare(buf->data, buf->len, cut_front);
		}
	}
	return rc;
}

static const struct weir_endpoint_type type = { .read = read_packets };

/* Reads until there is nothing more, in vectors of so many. Returns the packets. */
static unsigned read_all(uint32_t limit)
{
	unsigned packets = 0;

	do {
		assert_int_equal(io_read(&io, &type, NULL, limit), 0);
		packets += io.reader.n;
		/* Each has a buffer of its own. */
		for (uint32_t i = 0; i < io.reader.n; i++)
			for (uint32_t k = 0; k < i; k++)
				assert_int_not_equal(io.reader.index[i], io.reader.index[k]);
	} while (io.reader.n == limit || weir__udp_pending(&udp) || kernel.next < kernel.n);
	assert_int_equal(next.message, kernel.n);
	return packets;
}

static void single_packets_are_received_in_place(void **state)
{
	(void)state;
	begin();
	come(10, 1400, 0);
	assert_int_equal(read_all(31), 10);
	assert_int_equal(kernel.calls, 1); /* fewer than asked for: there is nothing more */
	assert_int_equal(udp.receiver.messages, 0);
}

static void messages_are_cut_into_packets(void **state)
{
	(void)state;
	begin();
	come(1, 20 * 1400 + 50, 1400);
	assert_int_equal(read_all(31), 21);
	assert_int_equal(udp.receiver.messages, 1);
	assert_int_equal(udp.receiver.segments, 21);
}

static void what_a_vector_has_no_room_for_waits(void **state)
{
	(void)state;
	begin();
	come(3, 45 * 1400, 1400);
	assert_int_equal(io_read(&io, &type, NULL, 31), 0);
	assert_int_equal(io.reader.n, 31);
	assert_true(weir__udp_pending(&udp));
	begin();
	come(3, 45 * 1400, 1400);
	assert_int_equal(read_all(31), 3 * 45);
	assert_false(weir__udp_pending(&udp));
	assert_true(kernel.asked < 3); /* it has learned that few of them make a vector */
}

static void kinds_may_follow_each_other(void **state)
{
	static const uint32_t limits[] = { 1, 2, 7, 31 };

	(void)state;
	for (size_t i = 0; i < countof(limits); i++) {
		begin();
		come(3, 60, 0);
		come(1, 9 * 1000 + 1, 1000);
		come(2, 1400, 0);
		come(1, 1400, 1400); /* a message that is one packet */
		come(1, 50 * 10, 10);
		come(4, 1648, 0);  /* as much as fits in a buffer */
		come(2, 60000, 0); /* and what does not */
		come(1, 1, 0);
		assert_int_equal(read_all(limits[i]), 3 + 10 + 2 + 1 + 50 + 4 + 2 + 1);
	}
}

/* In its place or copied: it begins where it is said to, and has at least the headroom that was asked for. */
static void a_packet_may_be_a_part_of_a_datagram(void **state)
{
	(void)state;
	for (cut_front = 1; cut_front < 60; cut_front += 7) {
		begin();
		come(5, 1400, 0);
		come(1, 9 * 1000, 1000);
		come(2, 60, 0);
		come(2, 60000, 0);
		come(1, 1648, 0);
		assert_int_equal(read_all(31), 5 + 9 + 2 + 2 + 1);
	}
	cut_front = 0;
}

static int read_one(void *state, struct weir_reader *reader)
{
	struct weir_datagram datagram;
	struct weir_buf *buf;

	(void)state;
	weir__udp_begin(&udp, reader);
	assert_int_equal(weir__udp_next(&udp, reader, &datagram), 1);
	assert_true(weir__udp_take(&udp, reader, &datagram, 0, datagram.len, &buf));
	compare(buf->data, buf->len, 0);
	weir__udp_end(&udp, reader);
	return 0;
}

/* Who does not take what there is room for does not lose it with the reader's buffers. */
static void what_is_left_is_kept(void **state)
{
	static const struct weir_endpoint_type one = { .read = read_one };

	(void)state;
	begin();
	come(4, 700, 0);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(io_read(&io, &one, NULL, 31), 0);
		assert_int_equal(io.reader.n, 1);
		for (uint32_t k = 0; k < IO_SMALL; k++)
			memset(io.bufs[k].room, 0xee, io.bufs[k].room_size);
	}
	assert_false(weir__udp_pending(&udp));
	assert_int_equal(kernel.calls, 1);
}

static void skipped_packets_leave_no_gap(void **state)
{
	(void)state;
	for (skip_each = 2; skip_each < 4; skip_each++) {
		begin();
		come(20, 500, 0);
		come(1, 20 * 100, 100);
		assert_int_equal(read_all(31), skip_each == 2 ? 20 : 26);
	}
	skip_each = 0;
}

/* A peer all of whose packets are dropped does not keep the worker. */
static void a_turn_ends_without_packets_too(void **state)
{
	(void)state;
	begin();
	come(60, 10, 0);
	skip_each = 1;
	assert_int_equal(io_read(&io, &type, NULL, 31), 0);
	assert_int_equal(kernel.next, 31);
	assert_int_equal(io.reader.n, 0);
	skip_each = 0;
}

static void empty_datagrams_are_given_too(void **state)
{
	(void)state;
	begin();
	come(1, 10, 0);
	come(2, 0, 0);
	come(1, 10, 0);
	assert_int_equal(read_all(31), 4);
}

/* Without a jumbo buffer the packet waits, and nothing overtakes it. */
static void a_large_packet_waits_for_a_buffer(void **state)
{
	(void)state;
	begin();
	come(2, 60, 0);
	come(IO_JUMBO + 2, 60000, 0);
	come(2, 60, 0);
	assert_int_equal(io_read(&io, &type, NULL, 31), 0);
	assert_int_equal(io.reader.n, 2 + IO_JUMBO);
	assert_true(weir__udp_pending(&udp));
	assert_int_equal(io_read(&io, &type, NULL, 31), 0);
	assert_int_equal(io.reader.n, 2 + 2);
	assert_int_equal(next.message, kernel.n);
}

static void what_the_network_says_is_no_end(void **state)
{
	(void)state;
	begin();
	come(3, 100, 0);
	kernel.error = ECONNREFUSED;
	assert_int_equal(read_all(31), 3);
	assert_int_equal(udp.receiver.notices, 1);
	kernel.error = EINTR;
	assert_int_equal(io_read(&io, &type, NULL, 31), 0);
	assert_int_equal(udp.receiver.notices, 1);
	kernel.error = EBADF;
	assert_int_equal(io_read(&io, &type, NULL, 31), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_packets_are_received_in_place),
		cmocka_unit_test(messages_are_cut_into_packets),
		cmocka_unit_test(what_a_vector_has_no_room_for_waits),
		cmocka_unit_test(kinds_may_follow_each_other),
		cmocka_unit_test(a_packet_may_be_a_part_of_a_datagram),
		cmocka_unit_test(what_is_left_is_kept),
		cmocka_unit_test(skipped_packets_leave_no_gap),
		cmocka_unit_test(a_turn_ends_without_packets_too),
		cmocka_unit_test(empty_datagrams_are_given_too),
		cmocka_unit_test(a_large_packet_waits_for_a_buffer),
		cmocka_unit_test(what_the_network_says_is_no_end),
	};
	int failed;

	udp.receiver.slots = malloc((size_t)WEIR_VECTOR_SIZE * WEIR__UDP_MESSAGE);
	assert_non_null(udp.receiver.slots);
	io_init(&io);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	io_free(&io);
	free(udp.receiver.slots);
	return failed;
}
