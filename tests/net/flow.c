/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "flow.h"
#include "wait.h"

#define DEFAULT_WINDOW 64
#define LARGEST        65535
#define HEADERS        48  /* of IP and UDP, at the most */
#define STEP           997 /* a prime, so that sizes come in no order, and all of them come */
#define SOCKET_BUFFER  (32 << 20)

static int open_socket(const struct site site[2], int family, unsigned pair, unsigned side, uint16_t port)
{
	const int size = SOCKET_BUFFER;
	int fd = site_socket(&site[side], family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	union address own, other;
	const socklen_t own_size = address_fill(&own, family, address_text(family, pair, side), port);
	const socklen_t other_size = address_fill(&other, family, address_text(family, pair, !side), port);

	/* Not in a user namespace; there it is what net.core.rmem_max allows. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
	assert_int_equal(bind(fd, &own.any, own_size), 0);
	assert_int_equal(connect(fd, &other.any, other_size), 0);
	return fd;
}

/* Datagrams that the socket can hold, by what the kernel takes for a packet, or less. */
static uint32_t capacity(int fd, const struct flow_options *options)
{
	const uint32_t mtu = options->mtu ? options->mtu : 1500;
	const uint32_t packets = options->max / (mtu - HEADERS) + 1;
	const uint32_t memory = 2 * (packets > 1 ? mtu : options->max + HEADERS) + 1024;
	socklen_t size = sizeof(int);
	int bytes;

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &size), 0);
	return (uint32_t)bytes / (packets * memory) + 1;
}

void flow_open(struct flow *flow, const struct site site[2], int family, unsigned pair, uint16_t port,
	       const struct flow_options *options)
{
	memset(flow, 0, sizeof(*flow));
	flow->options = *options;
	flow->seed = port;
	for (unsigned side = 0; side < 2; side++)
		flow->fd[side] = open_socket(site, family, pair, side, port);
	flow->options.window = options->window ? options->window : DEFAULT_WINDOW;
	if (flow->options.window > capacity(flow->fd[0], options))
		flow->options.window = capacity(flow->fd[0], options);
}

void flow_close(struct flow *flow)
{
	close(flow->fd[0]);
	close(flow->fd[1]);
}

static size_t size_of(const struct flow *flow, uint64_t i)
{
	return flow->options.min + i * STEP % (flow->options.max - flow->options.min + 1);
}

/* The bytes of datagram i of that side begin with its number, where there are 8 of them. */
static size_t fill(const struct flow *flow, unsigned side, uint64_t i, uint8_t *datagram)
{
	const size_t size = size_of(flow, i);

	payload_fill(flow->seed + side, i * LARGEST, datagram, size);
	if (size >= sizeof(i))
		memcpy(datagram, &i, sizeof(i));
	return size;
}

static void failed(struct flow *flow, const char *what, unsigned side)
{
	if (!flow->options.lossy)
		snprintf(flow->error, sizeof(flow->error), "UDP: side %u: %s: %s", side, what,
			 strerror(errno));
}

static bool give(struct flow *flow, unsigned side)
{
	const uint64_t waits =
		flow->next[side] > flow->given_up[side] ? flow->next[side] : flow->given_up[side];
	uint8_t datagram[LARGEST];
	size_t size;

	if (flow->sent[side] == flow->options.count || flow->sent[side] - waits >= flow->options.window)
		return false;
	size = fill(flow, side, flow->sent[side], datagram);
	if (send(flow->fd[side], datagram, size, 0) < 0) {
		failed(flow, "send", side);
		return false;
	}
	flow->sent[side]++;
	return true;
}

/* A datagram came from that side. */
static void check(struct flow *flow, unsigned side, const uint8_t *datagram, size_t n)
{
	uint8_t expected[LARGEST];
	uint64_t i = flow->next[side];

	if (flow->options.lossy && n >= sizeof(i))
		memcpy(&i, datagram, sizeof(i));
	if ((i < flow->next[side] && !flow->options.lossy) || i >= flow->sent[side] ||
	    n != fill(flow, side, i, expected) || memcmp(datagram, expected, n) != 0)
		snprintf(flow->error, sizeof(flow->error),
			 "UDP: from side %u came %zu bytes that are not datagram %llu of %zu bytes", side, n,
			 (unsigned long long)flow->next[side], size_of(flow, flow->next[side]));
	/* What waits in the kernel for a lost neighbour's MAC address is overtaken by what is sent behind it.
	 */
	if (i >= flow->next[side])
		flow->next[side] = i + 1;
	flow->received[side]++;
}

/* What the other side has sent. */
static bool take(struct flow *flow, unsigned side)
{
	uint8_t datagram[LARGEST];
	ssize_t n = recv(flow->fd[side], datagram, sizeof(datagram), 0);

	if (n >= 0)
		check(flow, !side, datagram, (size_t)n);
	else if (errno != EAGAIN)
		failed(flow, "recv", side);
	return n >= 0;
}

bool flow_turn(struct flow *flow)
{
	bool moved = false;

	for (unsigned side = 0; side < 2; side++) {
		while (flow->error[0] == '\0' && give(flow, side))
			moved = true;
		while (flow->error[0] == '\0' && take(flow, side))
			moved = true;
	}
	return moved;
}

void flow_give_up(struct flow *flow)
{
	flow->given_up[0] = flow->sent[0];
	flow->given_up[1] = flow->sent[1];
}

static bool is_done(const struct flow *flow)
{
	return flow->received[0] == flow->options.count && flow->received[1] == flow->options.count;
}

void flow_run(struct flow *flow)
{
	while (!is_done(flow)) {
		struct pollfd fds[2] = { { .fd = flow->fd[0], .events = POLLIN },
					 { .fd = flow->fd[1], .events = POLLIN } };

		if (!flow_turn(flow) && !flow->error[0] && poll(fds, 2, WAIT_MS) == 0)
			fail_msg("UDP stands still: of %llu and %llu datagrams came %llu and %llu",
				 (unsigned long long)flow->sent[0], (unsigned long long)flow->sent[1],
				 (unsigned long long)flow->received[0],
				 (unsigned long long)flow->received[1]);
		if (flow->error[0])
			fail_msg("%s", flow->error);
	}
}
