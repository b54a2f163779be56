/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic.h"

#define SOCKET_BUFFER (4 << 20)

void traffic_set_timeout(int fd)
{
	const struct timeval timeout = { .tv_usec = TRAFFIC_WAIT_MS * 1000L };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
}

static int udp_socket(const struct rig *rig, enum side side, unsigned flow)
{
	const uint16_t port = htons((uint16_t)(TRAFFIC_PORT + flow));
	const enum side other = side == LEFT ? RIGHT : LEFT;
	const struct sockaddr_in own = { .sin_family = AF_INET,
					 .sin_port = port,
					 .sin_addr.s_addr = htonl(rig_address(side)) };
	const struct sockaddr_in peer = { .sin_family = AF_INET,
					  .sin_port = port,
					  .sin_addr.s_addr = htonl(rig_address(other)) };
	const int size = SOCKET_BUFFER;
	int fd;

	rig_enter(rig, side);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&own, sizeof(own)) != 0 ||
	    connect(fd, (const struct sockaddr *)&peer, sizeof(peer)) != 0)
		give_up(BENCH_FAILED, "cannot open a UDP socket on the %s: %s", rig_device(side),
			strerror(errno));
	/* The forced one passes net.core.rmem_max, where this user may. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	traffic_set_timeout(fd);
	return fd;
}

void traffic_udp_pair(const struct rig *rig, unsigned flow, int *left, int *right)
{
	*left = udp_socket(rig, LEFT, flow);
	*right = udp_socket(rig, RIGHT, flow);
}

/* Sends until one arrives, for 10 seconds. */
static bool passes(int from, int to)
{
	struct pollfd polled = { .fd = to, .events = POLLIN };
	char byte = 0;

	for (unsigned i = 0; i < 1000; i++)
		if (send(from, &byte, 1, MSG_DONTWAIT) == 1 && poll(&polled, 1, 10) == 1)
			return true;
	return false;
}

void traffic_reach(const struct rig *rig)
{
	int left, right;

	traffic_udp_pair(rig, 0, &left, &right);
	if (!passes(left, right) || !passes(right, left))
		give_up(BENCH_FAILED, "no packet passed the forwarder within 10 seconds");
	close(left);
	close(right);
}

static uint64_t device_drops(const struct rig *rig)
{
	uint64_t sum = 0;

	for (enum side side = LEFT; side < SIDES; side++) {
		struct rig_counters counters;

		rig_read(rig, side, &counters);
		sum += counters.dropped;
	}
	return sum;
}

void traffic_start(struct traffic *traffic, const struct traffic_case *kase, const struct rig *rig,
		   const struct placement *placement)
{
	memset(traffic, 0, sizeof(*traffic));
	traffic->kase = kase;
	traffic->rig = rig;
	traffic->run = now_ns();
	traffic->streams = 1;
	traffic->recording = -1;
	traffic->device_drops = device_drops(rig);
	kase->type->open(traffic);
	placement_start_thread(&traffic->threads[RIGHT], placement->traffic[RIGHT], kase->type->server,
			       traffic);
	placement_start_thread(&traffic->threads[LEFT], placement->traffic[LEFT], kase->type->client,
			       traffic);
}

static uint64_t retransmits(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_total_retrans : 0;
}

void traffic_read(struct traffic *traffic, struct traffic_counts *counts)
{
	counts->sent = atomic_load(&traffic->sent);
	counts->received = atomic_load(&traffic->received);
	counts->bytes = atomic_load(&traffic->bytes);
	counts->reordered = atomic_load(&traffic->reordered);
	counts->retransmits = 0;
	for (unsigned i = 0; i < traffic->streams; i++)
		counts->retransmits += retransmits(traffic->client[i]);
}

void traffic_open_records(struct traffic *traffic)
{
	for (unsigned i = 0; i < TRAFFIC_RECORDS; i++) {
		traffic->round_trips[i].ns = calloc(TRAFFIC_RTT_MAX, sizeof(*traffic->round_trips[i].ns));
		if (!traffic->round_trips[i].ns)
			give_up(BENCH_FAILED, "out of memory");
	}
}

void traffic_record(struct traffic *traffic, int record)
{
	atomic_store(&traffic->recording, record);
}

static uint64_t socket_drops(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t size = sizeof(info);

	return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size) == 0 ? info[SK_MEMINFO_DROPS] : 0;
}

/* What a kernel has dropped is not the forwarder's loss. */
static void excuse(struct traffic *traffic)
{
	struct traffic_losses *losses = &traffic->losses;

	losses->by_kernels = device_drops(traffic->rig) - traffic->device_drops;
	for (unsigned i = 0; i < traffic->streams; i++)
		losses->by_kernels += socket_drops(traffic->client[i]) + socket_drops(traffic->server[i]);
	losses->lost -= losses->by_kernels < losses->lost ? losses->by_kernels : losses->lost;
}

/* A server that waits for datagrams, which come no more, shall see at once that it is to end. */
static void wake_server(struct traffic *traffic)
{
	for (unsigned i = 0; traffic->kase->size && i < traffic->streams; i++)
		shutdown(traffic->server[i], SHUT_RD);
}

void traffic_stop(struct traffic *traffic)
{
	/* A connection is reset, so that nothing of it is left for the next forwarder to find. */
	const struct linger reset = { .l_onoff = 1 };

	atomic_store(&traffic->stop, true);
	pthread_join(traffic->threads[LEFT], NULL);
	wake_server(traffic);
	pthread_join(traffic->threads[RIGHT], NULL);
	if (traffic->losses.known)
		excuse(traffic);
	for (unsigned i = 0; i < traffic->streams; i++) {
		setsockopt(traffic->client[i], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		setsockopt(traffic->server[i], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(traffic->client[i]);
		close(traffic->server[i]);
	}
}

void traffic_free(struct traffic *traffic)
{
	for (unsigned i = 0; i < TRAFFIC_RECORDS; i++)
		free(traffic->round_trips[i].ns);
}
