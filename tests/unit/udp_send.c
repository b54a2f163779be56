/* SPDX-License-Identifier: Apache-2.0 */
/* Which messages a vector becomes, and what is made of each answer of the system, which the test gives. */
#include "test.h"

#include <netinet/udp.h>

#include "io.h"
#include "udp_socket.h"

#define CALLS_MAX 8192

/* A message that was sent: its packets, what the kernel is to cut it into, and whither. */
struct sent {
	unsigned packets;
	unsigned segment; /* 0: not said */
	size_t bytes;
	const void *to;
	int fd;
};

static struct {
	struct sent sent[CALLS_MAX];
	unsigned sent_n;
	int answers[64]; /* errors, one a call; 0: takes all */
	unsigned answers_n, calls;
	unsigned take;  /* messages at once; 0: all */
	unsigned limit; /* refuses segments of more bytes; 0: never */
	int refusal;
} kernel;

static struct io io;
static struct weir__udp udp;
static uint8_t bytes[65535];

static unsigned segment_of(struct msghdr *header)
{
	const struct cmsghdr *control = CMSG_FIRSTHDR(header);
	uint16_t segment;

	if (!control)
		return 0;
	assert_int_equal(control->cmsg_level, IPPROTO_UDP);
	assert_int_equal(control->cmsg_type, UDP_SEGMENT);
	memcpy(&segment, CMSG_DATA(control), sizeof(segment));
	return segment;
}

static struct sent message_of(int fd, struct msghdr *header)
{
	struct sent message = { .packets = (unsigned)header->msg_iovlen,
				.segment = segment_of(header),
				.to = header->msg_name,
				.fd = fd };

	for (unsigned i = 0; i < message.packets; i++) {
		const size_t len = header->msg_iov[i].iov_len;

		message.bytes += len;
		/* The kernel cuts without looking at the parts. */
		if (message.packets > 1)
			assert_true(i + 1 < message.packets ? len == message.segment
							    : len <= message.segment);
	}
	assert_true((message.packets > 1) == (message.segment > 0));
	return message;
}

int __wrap_sendmmsg(int fd, struct mmsghdr *headers, unsigned n, int flags);

int __wrap_sendmmsg(int fd, struct mmsghdr *headers, unsigned n, int flags)
{
	const unsigned call = kernel.calls++;
	unsigned i = 0;

	assert_int_equal(flags, MSG_DONTWAIT | MSG_NOSIGNAL);
	assert_true(n > 0);
	if (call < kernel.answers_n && kernel.answers[call]) {
		errno = kernel.answers[call];
		return -1;
	}
	for (; i < n && (!kernel.take || i < kernel.take); i++) {
		const struct sent message = message_of(fd, &headers[i].msg_hdr);

		if (kernel.limit && message.segment > kernel.limit) {
			errno = kernel.refusal;
			return i ? (int)i : -1;
		}
		assert_true(kernel.sent_n < CALLS_MAX);
		kernel.sent[kernel.sent_n++] = message;
	}
	return (int)i;
}

static void begin(void)
{
	memset(&kernel, 0, sizeof(kernel));
	memset(&udp, 0, sizeof(udp));
	udp.sender.gso = true;
	udp.sender.segment_max = WEIR__UDP_MESSAGE;
	io_begin(&io);
}

/* Begins the next vector. */
static void add(unsigned n, uint32_t len)
{
	for (unsigned i = 0; i < n; i++)
		io_add(&io, bytes, len);
}

static uint32_t send_all(const union weir_socket_address *const *to)
{
	return weir__udp_send(&udp, &io.writer, to, NULL);
}

static void sent_is(unsigned i, unsigned packets, size_t total)
{
	assert_true(i < kernel.sent_n);
	assert_int_equal(kernel.sent[i].packets, packets);
	assert_int_equal(kernel.sent[i].bytes, total);
}

static void answer(int a, int b, int c)
{
	kernel.answers[0] = a;
	kernel.answers[1] = b;
	kernel.answers[2] = c;
	kernel.answers_n = 3;
}

static void packets_of_one_size_are_one_message(void **state)
{
	(void)state;
	begin();
	add(31, 1400);
	assert_int_equal(send_all(NULL), 31);
	assert_int_equal(kernel.sent_n, 1);
	sent_is(0, 31, 31 * 1400);
	assert_int_equal(kernel.sent[0].segment, 1400);
	assert_int_equal(udp.sender.messages, 1);
	assert_int_equal(udp.sender.segments, 31);
}

static void one_shorter_packet_ends_a_message(void **state)
{
	(void)state;
	begin();
	add(3, 1000);
	add(1, 52);
	add(2, 1000);
	add(1, 1001);
	add(1, 10);
	add(1, 10);
	assert_int_equal(send_all(NULL), 9);
	assert_int_equal(kernel.calls, 1);
	assert_int_equal(kernel.sent_n, 4);
	sent_is(0, 4, 3052);
	sent_is(1, 2, 2000);
	sent_is(2, 2, 1011);
	sent_is(3, 1, 10);
	assert_int_equal(udp.sender.messages, 3);
	assert_int_equal(udp.sender.segments, 8);
}

static void a_message_is_no_longer_than_a_datagram(void **state)
{
	(void)state;
	begin();
	add(4, 30000);
	assert_int_equal(send_all(NULL), 4);
	assert_int_equal(kernel.sent_n, 2);
	sent_is(0, 2, 60000);
	sent_is(1, 2, 60000);
	begin();
	add(2, 32754); /* one byte too many */
	assert_int_equal(send_all(NULL), 2);
	assert_int_equal(kernel.sent_n, 2);
}

static void a_message_goes_to_one_peer(void **state)
{
	static const union weir_socket_address a = { .ipv4 = { .sin_family = AF_INET } };
	static const union weir_socket_address b = { .ipv6 = { .sin6_family = AF_INET6 } };
	const union weir_socket_address *const to[] = { &a, &a, &b, &a, NULL, &a, &a };

	(void)state;
	begin();
	add(7, 100);
	assert_int_equal(send_all(to), 7);
	assert_int_equal(kernel.sent_n, 4);
	sent_is(0, 2, 200);
	sent_is(1, 1, 100);
	sent_is(2, 1, 100);
	sent_is(3, 2, 200);
	assert_ptr_equal(kernel.sent[0].to, &a);
	assert_ptr_equal(kernel.sent[1].to, &b);
	assert_int_equal(io.writer.verdict[3], WEIR_NEXT);
	assert_int_equal(io.writer.verdict[4], WEIR_DROP(WEIR__UDP_NO_PEER));
}

/* A message leaves by one socket, and one call is for one socket. */
static void each_packet_leaves_by_its_source(void **state)
{
	static const union weir_socket_address a = { .ipv4 = { .sin_family = AF_INET } };
	const union weir_socket_address *const to[] = { &a, &a, &a, &a, &a, NULL, &a };
	static const uint8_t source[] = { 0, 0, 1, 2, 5, 1, 3 };

	(void)state;
	begin();
	udp.fd = 100;
	udp.n_sources = 2;
	udp.sources[0] = 101;
	udp.sources[1] = 102;
	add(7, 100);
	assert_int_equal(weir__udp_send(&udp, &io.writer, to, source), 7);
	assert_int_equal(kernel.sent_n, 4);
	sent_is(0, 2, 200);
	sent_is(1, 1, 100);
	sent_is(2, 2, 200);
	sent_is(3, 1, 100);
	assert_int_equal(kernel.sent[0].fd, 100);
	assert_int_equal(kernel.sent[1].fd, 101);
	assert_int_equal(kernel.sent[2].fd, 102);
	assert_int_equal(kernel.sent[3].fd, 100);
	assert_int_equal(io.writer.verdict[5], WEIR_DROP(WEIR__UDP_NO_PEER));
	/* The one that is full is to be waited for. */
	io_begin(&io);
	add(3, 100);
	kernel.calls = 0;
	answer(0, EAGAIN, 0);
	assert_int_equal(weir__udp_send(&udp, &io.writer, to, source + 1), 1);
	assert_int_equal(udp.sender.full, 101);
}

static void an_empty_packet_is_dropped(void **state)
{
	(void)state;
	begin();
	add(2, 100);
	add(1, 0);
	add(2, 100);
	assert_int_equal(send_all(NULL), 5);
	assert_int_equal(kernel.sent_n, 2);
	assert_int_equal(io.writer.verdict[2], WEIR_DROP(WEIR__UDP_EMPTY));
	assert_true(io.writer.any);
}

static void without_gso_each_goes_by_itself(void **state)
{
	(void)state;
	begin();
	udp.sender.gso = false;
	add(31, 100);
	assert_int_equal(send_all(NULL), 31);
	assert_int_equal(kernel.calls, 1);
	assert_int_equal(kernel.sent_n, 31);
	assert_int_equal(udp.sender.messages, 0);
}

/* What a message of segments is refused for, its packets need not be refused for. */
static void a_refused_message_is_sent_one_by_one(void **state)
{
	static const int errors[] = { EINVAL, EIO };

	(void)state;
	for (size_t i = 0; i < countof(errors); i++) {
		begin();
		kernel.limit = 1000;
		kernel.refusal = errors[i];
		add(2, 500);
		add(5, 1400);
		add(2, 500);
		assert_int_equal(send_all(NULL), 9);
		assert_int_equal(io.writer.any, 0);
		assert_int_equal(udp.sender.unbundled, 1);
		/* The last one of those has a shorter one behind it, but is known to be too long for that. */
		assert_int_equal(kernel.sent_n, 7);
		sent_is(0, 2, 1000);
		for (unsigned k = 1; k <= 5; k++)
			sent_is(k, 1, 1400);
		sent_is(6, 2, 1000);

		/* The next vector knows. */
		io_begin(&io);
		add(31, 1400);
		assert_int_equal(send_all(NULL), 31);
		assert_int_equal(udp.sender.unbundled, 1);
		assert_int_equal(kernel.sent_n, 7 + 31);
	}
}

static void a_size_is_tried_again_after_a_while(void **state)
{
	unsigned vectors = 0;

	(void)state;
	begin();
	kernel.limit = 1000;
	kernel.refusal = EMSGSIZE;
	add(2, 1400);
	assert_int_equal(send_all(NULL), 2);
	assert_int_equal(udp.sender.unbundled, 1);
	kernel.limit = 0;
	for (; udp.sender.messages == 0; vectors++) {
		assert_true(vectors < 4096);
		io_begin(&io);
		add(31, 1400);
		assert_int_equal(send_all(NULL), 31);
	}
	assert_true(vectors > 100);
}

static void refusals_in_a_row_end_it(void **state)
{
	(void)state;
	begin();
	kernel.limit = 1; /* whatever the size */
	kernel.refusal = EIO;
	for (uint32_t i = 0; i < 8; i++) {
		assert_true(udp.sender.gso);
		io_begin(&io);
		add(2, 100 - i);
		assert_int_equal(send_all(NULL), 2);
	}
	assert_false(udp.sender.gso);
	assert_int_equal(udp.sender.unbundled, 8);
	assert_int_equal(kernel.sent_n, 16);
}

static void a_message_that_is_taken_ends_the_row(void **state)
{
	(void)state;
	begin();
	kernel.refusal = EIO;
	for (uint32_t i = 0; i < 20; i++) {
		io_begin(&io);
		add(2, 1000 - i);
		kernel.limit = 500;
		assert_int_equal(send_all(NULL), 2);
		io_begin(&io);
		add(2, 100);
		assert_int_equal(send_all(NULL), 2);
	}
	assert_true(udp.sender.gso);
	assert_int_equal(udp.sender.unbundled, 20);
}

static void a_full_socket_keeps_the_rest(void **state)
{
	(void)state;
	begin();
	add(3, 100);
	add(3, 200);
	add(3, 300);
	answer(0, EAGAIN, 0);
	kernel.take = 1;
	assert_int_equal(send_all(NULL), 3);
	assert_int_equal(io.writer.error, 0);
	assert_int_equal(io.writer.any, 0);
	assert_int_equal(kernel.sent_n, 1);
}

static void an_interrupted_call_is_made_again(void **state)
{
	(void)state;
	begin();
	add(2, 100);
	answer(EINTR, EINTR, EINTR);
	assert_int_equal(send_all(NULL), 2);
	assert_int_equal(kernel.sent_n, 1);
	assert_int_equal(io.writer.any, 0);
}

/* An error may be of an earlier packet: the one at hand is tried once more. */
static void what_the_network_says_is_heard_once(void **state)
{
	(void)state;
	begin();
	add(2, 100);
	answer(ECONNREFUSED, 0, 0);
	assert_int_equal(send_all(NULL), 2);
	assert_int_equal(kernel.sent_n, 1);
	assert_int_equal(io.writer.any, 0);
	assert_int_equal(udp.sender.notices, 1);
	/* With df: the earlier one was too long for some part of the way, these are not. */
	io_begin(&io);
	add(2, 100);
	kernel.calls = 0;
	answer(EMSGSIZE, 0, 0);
	assert_int_equal(send_all(NULL), 2);
	assert_int_equal(udp.sender.unbundled, 0);
	assert_int_equal(udp.sender.notices, 2);
}

static void what_cannot_be_sent_is_dropped_by_its_reason(void **state)
{
	static const struct {
		int error;
		unsigned reason;
	} cases[] = {
		{ EMSGSIZE, WEIR__UDP_TOO_LONG },        { ENOBUFS, WEIR__UDP_NO_MEMORY },
		{ ENOMEM, WEIR__UDP_NO_MEMORY },         { ECONNREFUSED, WEIR__UDP_REFUSED },
		{ EHOSTUNREACH, WEIR__UDP_UNREACHABLE }, { ENETUNREACH, WEIR__UDP_UNREACHABLE },
		{ ENETDOWN, WEIR__UDP_UNREACHABLE },     { ENODEV, WEIR__UDP_UNREACHABLE },
		{ EPERM, WEIR__UDP_FORBIDDEN },          { EACCES, WEIR__UDP_FORBIDDEN },
		{ EINVAL, WEIR__UDP_INVALID },           { EAFNOSUPPORT, WEIR__UDP_INVALID },
	};

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		begin();
		udp.sender.gso = false;
		add(2, 100);
		answer(cases[i].error, weir__udp_is_notice(cases[i].error) ? cases[i].error : 0, 0);
		assert_int_equal(send_all(NULL), 2);
		assert_int_equal(io.writer.error, 0);
		assert_int_equal(io.writer.verdict[0], WEIR_DROP(cases[i].reason));
		assert_int_equal(io.writer.verdict[1], WEIR_NEXT);
		assert_int_equal(kernel.sent_n, 1);
		assert_int_equal(udp.sender.notices, 0);
	}
	/* All packets of a message. */
	begin();
	add(3, 100);
	add(1, 200);
	answer(ENOBUFS, 0, 0);
	assert_int_equal(send_all(NULL), 4);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(io.writer.verdict[i], WEIR_DROP(WEIR__UDP_NO_MEMORY));
	assert_int_equal(io.writer.verdict[3], WEIR_NEXT);
}

static void other_errors_are_death(void **state)
{
	(void)state;
	begin();
	udp.sender.gso = false;
	add(3, 100);
	answer(0, EBADF, 0);
	kernel.take = 1;
	assert_int_equal(send_all(NULL), 1);
	assert_int_equal(io.writer.error, -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_of_one_size_are_one_message),
		cmocka_unit_test(one_shorter_packet_ends_a_message),
		cmocka_unit_test(a_message_is_no_longer_than_a_datagram),
		cmocka_unit_test(a_message_goes_to_one_peer),
		cmocka_unit_test(each_packet_leaves_by_its_source),
		cmocka_unit_test(an_empty_packet_is_dropped),
		cmocka_unit_test(without_gso_each_goes_by_itself),
		cmocka_unit_test(a_refused_message_is_sent_one_by_one),
		cmocka_unit_test(a_size_is_tried_again_after_a_while),
		cmocka_unit_test(refusals_in_a_row_end_it),
		cmocka_unit_test(a_message_that_is_taken_ends_the_row),
		cmocka_unit_test(a_full_socket_keeps_the_rest),
		cmocka_unit_test(an_interrupted_call_is_made_again),
		cmocka_unit_test(what_the_network_says_is_heard_once),
		cmocka_unit_test(what_cannot_be_sent_is_dropped_by_its_reason),
		cmocka_unit_test(other_errors_are_death),
	};
	int failed;

	io_init(&io);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	io_free(&io);
	return failed;
}
