/* SPDX-License-Identifier: Apache-2.0 */
/* Bulk TCP from left to right. One thread serves all streams of a side, as iperf3 does. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic.h"

#define CHUNK (128 << 10)

static int listen_on(const struct rig *rig, struct sockaddr_in *address)
{
	const int yes = 1;
	int fd;

	*address = (struct sockaddr_in){ .sin_family = AF_INET,
					 .sin_port = htons(TRAFFIC_PORT),
					 .sin_addr.s_addr = htonl(rig_address(RIGHT)) };
	rig_enter(rig, RIGHT);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
	    bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 ||
	    listen(fd, TRAFFIC_STREAMS_MAX) != 0)
		give_up(BENCH_FAILED, "cannot listen on the right: %s", strerror(errno));
	return fd;
}

static void open_streams(struct traffic *traffic)
{
	const struct timeval timeout = { .tv_sec = 10 };
	struct sockaddr_in address;
	int listener = listen_on(traffic->rig, &address);

	setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	rig_enter(traffic->rig, LEFT);
	traffic->streams = traffic->kase->streams;
	for (unsigned i = 0; i < traffic->streams; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
		if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
			give_up(BENCH_FAILED, "cannot connect through the forwarder: %s", strerror(errno));
		traffic->client[i] = fd;
		traffic->server[i] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (traffic->server[i] < 0)
			give_up(BENCH_FAILED, "cannot accept a connection: %s", strerror(errno));
	}
	close(listener);
}

/* Moves one chunk on each stream that is ready. The counter is of those bytes. */
static void serve(struct traffic *traffic, const int *fds, short events, _Atomic uint64_t *counter)
{
	struct pollfd polled[TRAFFIC_STREAMS_MAX];
	char *chunk = calloc(1, CHUNK);

	if (!chunk)
		give_up(BENCH_FAILED, "out of memory");
	for (unsigned i = 0; i < traffic->streams; i++)
		polled[i] = (struct pollfd){ .fd = fds[i], .events = events };
	while (!atomic_load_explicit(&traffic->stop, memory_order_relaxed)) {
		if (poll(polled, traffic->streams, TRAFFIC_WAIT_MS) < 0)
			give_up(BENCH_FAILED, "tcp: poll: %s", strerror(errno));
		for (unsigned i = 0; i < traffic->streams; i++) {
			ssize_t n;

			if (!polled[i].revents)
				continue;
			n = events == POLLOUT ? send(fds[i], chunk, CHUNK, MSG_DONTWAIT | MSG_NOSIGNAL)
					      : recv(fds[i], chunk, CHUNK, MSG_DONTWAIT);
			if (n <= 0 && errno != EAGAIN)
				give_up(BENCH_FAILED, "tcp: stream %u: %s", i,
					n ? strerror(errno) : "closed");
			if (n > 0)
				traffic_count(counter, (uint64_t)n);
		}
	}
	free(chunk);
}

static void *run_client(void *argument)
{
	struct traffic *traffic = argument;

	serve(traffic, traffic->client, POLLOUT, &traffic->sent);
	return NULL;
}

static void *run_server(void *argument)
{
	struct traffic *traffic = argument;

	serve(traffic, traffic->server, POLLIN, &traffic->bytes);
	return NULL;
}

const struct traffic_type traffic_tcp = { open_streams, run_client, run_server, "gbps" };
