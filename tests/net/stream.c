/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "stream.h"
#include "wait.h"

#define CHUNK 65536

#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44
#endif

static int listen_at(const struct site *site, int family, const char *address, uint16_t port)
{
	const struct timeval timeout = { .tv_sec = WAIT_S };
	int fd = site_socket(site, family, SOCK_STREAM, 0);
	union address at;
	const socklen_t size = address_fill(&at, family, address, port);

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), 0);
	assert_int_equal(bind(fd, &at.any, size), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static int connect_to(const struct site *site, int family, const char *address, uint16_t port)
{
	const struct timeval timeout = { .tv_sec = WAIT_S };
	int fd = site_socket(site, family, SOCK_STREAM, 0);
	union address to;
	const socklen_t size = address_fill(&to, family, address, port);

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)), 0);
	if (wait_connect(fd, &to.any, size))
		fail_msg("connect to %s: %s", address, strerror(errno));
	return fd;
}

void stream_open(struct stream *stream, const struct site site[2], int family, unsigned pair, uint16_t port,
		 uint64_t size)
{
	const unsigned give_up = 600000;
	const int rto_max = 1000;
	const char *right = address_text(family, pair, 1);
	int listener = listen_at(&site[1], family, right, port);

	memset(stream, 0, sizeof(*stream));
	stream->seed = port;
	stream->size = size;
	stream->fd[0] = connect_to(&site[0], family, right, port);
	stream->fd[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(stream->fd[1] >= 0);
	close(listener);
	for (unsigned side = 0; side < 2; side++) {
		assert_int_equal(fcntl(stream->fd[side], F_SETFL, O_NONBLOCK), 0);
		/* Kernels that do not know this yet only take longer to come back after a failure. */
		setsockopt(stream->fd[side], IPPROTO_TCP, TCP_RTO_MAX_MS, &rto_max, sizeof(rto_max));
		/* With so short a time between its tries, the kernel would give up after a quarter of a
		 * minute. */
		assert_int_equal(setsockopt(stream->fd[side], IPPROTO_TCP, TCP_USER_TIMEOUT, &give_up,
					    sizeof(give_up)),
				 0);
	}
}

void stream_close(struct stream *stream)
{
	close(stream->fd[0]);
	close(stream->fd[1]);
}

static bool failed(struct stream *stream, const char *what, unsigned side)
{
	if (errno != EAGAIN)
		snprintf(stream->error, sizeof(stream->error), "TCP: side %u: %s: %s", side, what,
			 strerror(errno));
	return false;
}

static bool give(struct stream *stream, unsigned side)
{
	const uint64_t left = stream->size - stream->sent[side];
	const size_t size = left < CHUNK ? (size_t)left : CHUNK;
	uint8_t chunk[CHUNK];
	ssize_t n;

	if (!size)
		return false;
	payload_fill(stream->seed + side, stream->sent[side], chunk, size);
	n = send(stream->fd[side], chunk, size, MSG_NOSIGNAL);
	if (n < 0)
		return failed(stream, "send", side);
	stream->sent[side] += (uint64_t)n;
	return true;
}

/* What the other side has sent. */
static bool take(struct stream *stream, unsigned side)
{
	uint64_t *received = &stream->received[!side];
	uint8_t chunk[CHUNK];
	ssize_t n;

	if (*received == stream->size)
		return false;
	n = recv(stream->fd[side], chunk, sizeof(chunk), 0);
	if (n < 0)
		return failed(stream, "recv", side);
	if (stream->error[0])
		return false;
	if (n == 0 || !payload_is(stream->seed + !side, *received, chunk, (size_t)n))
		snprintf(stream->error, sizeof(stream->error), "TCP: side %u: %s behind byte %llu", side,
			 n ? "wrong bytes" : "closed", (unsigned long long)*received);
	*received += (uint64_t)n;
	return true;
}

bool stream_turn(struct stream *stream)
{
	bool moved = false;

	for (unsigned side = 0; side < 2; side++) {
		moved |= give(stream, side);
		moved |= take(stream, side);
	}
	return moved;
}

bool stream_is_done(const struct stream *stream)
{
	return stream->received[0] == stream->size && stream->received[1] == stream->size;
}

short stream_events(const struct stream *stream, unsigned side)
{
	return (short)((stream->sent[side] < stream->size ? POLLOUT : 0) |
		       (stream->received[!side] < stream->size ? POLLIN : 0));
}

/* One turn of each. Returns whether anything moved; *done: nothing is left to do. */
static bool turn_all(struct stream *streams, unsigned n, bool *done)
{
	bool moved = false;

	*done = true;
	for (unsigned i = 0; i < n; i++) {
		moved |= stream_turn(&streams[i]);
		if (streams[i].error[0])
			fail_msg("connection %u: %s", i, streams[i].error);
		*done &= stream_is_done(&streams[i]);
	}
	return moved;
}

static void wait_for_any(const struct stream *streams, unsigned n)
{
	struct pollfd fds[2 * STREAM_RUN_MAX];

	for (unsigned i = 0; i < 2 * n; i++)
		fds[i] = (struct pollfd){ .fd = streams[i / 2].fd[i % 2],
					  .events = stream_events(&streams[i / 2], i % 2) };
	if (poll(fds, (nfds_t)2 * n, WAIT_MS) != 0)
		return;
	for (unsigned i = 0; i < n; i++)
		print_error("connection %u: %llu and %llu bytes sent, %llu and %llu received\n", i,
			    (unsigned long long)streams[i].sent[0], (unsigned long long)streams[i].sent[1],
			    (unsigned long long)streams[i].received[0],
			    (unsigned long long)streams[i].received[1]);
	fail_msg("TCP stands still");
}

void stream_run(struct stream *streams, unsigned n)
{
	bool done = false;

	while (!done)
		if (!turn_all(streams, n, &done) && !done)
			wait_for_any(streams, n);
}
