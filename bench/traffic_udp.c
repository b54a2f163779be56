/* SPDX-License-Identifier: Apache-2.0 */
/* A flood of UDP datagrams from left to right, as fast as the kernel takes them. What counts is what arrives.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#include "traffic.h"

#define MESSAGES     16 /* of a call */
#define SEGMENTS_MAX 64 /* datagrams of a message; older kernels take no more */
#define RECEIVE      64 /* datagrams of a call */

struct flood {
	uint8_t *bytes; /* of all messages */
	unsigned segments;
	struct iovec iov[MESSAGES];
	struct mmsghdr messages[MESSAGES];
};

static void open_pair(struct traffic *traffic)
{
	traffic_udp_pair(traffic->rig, 0, &traffic->client[0], &traffic->server[0]);
}

static void prepare(struct flood *flood, unsigned size, unsigned segments)
{
	flood->segments = segments;
	for (unsigned i = 0; i < MESSAGES; i++) {
		flood->iov[i] =
			(struct iovec){ flood->bytes + (size_t)i * segments * size, (size_t)segments * size };
		flood->messages[i].msg_hdr.msg_iov = &flood->iov[i];
		flood->messages[i].msg_hdr.msg_iovlen = 1;
	}
}

/* The kernel cuts a message into datagrams, if it can do so for a device without checksum offload. */
static void open_flood(struct flood *flood, int fd, unsigned size)
{
	unsigned segments = 65000 / size < SEGMENTS_MAX ? 65000 / size : SEGMENTS_MAX;
	const int segment = (int)size;

	memset(flood, 0, sizeof(*flood));
	flood->bytes = calloc((size_t)MESSAGES * SEGMENTS_MAX, size);
	if (!flood->bytes)
		give_up(BENCH_FAILED, "out of memory");
	prepare(flood, size, segments);
	if (setsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)) != 0)
		prepare(flood, size, 1);
}

static void number(struct flood *flood, unsigned size, uint64_t run, uint64_t sequence)
{
	for (unsigned i = 0; i < MESSAGES * flood->segments; i++) {
		const struct traffic_header header = { run, sequence + i };

		memcpy(flood->bytes + (size_t)i * size, &header, sizeof(header));
	}
}

static void *run_client(void *argument)
{
	struct traffic *traffic = argument;
	unsigned size = traffic->kase->size;
	int fd = traffic->client[0];
	struct flood flood;
	uint64_t sequence = 1;

	open_flood(&flood, fd, size);
	while (!atomic_load_explicit(&traffic->stop, memory_order_relaxed)) {
		int sent;

		number(&flood, size, traffic->run, sequence);
		sent = sendmmsg(fd, flood.messages, MESSAGES, 0);
		if (sent < 0 && errno == EIO && flood.segments > 1) {
			const int off = 0;

			setsockopt(fd, SOL_UDP, UDP_SEGMENT, &off, sizeof(off));
			prepare(&flood, size, 1);
		} else if (sent < 0 && errno != EAGAIN && errno != ENOBUFS) {
			give_up(BENCH_FAILED, "udp: send: %s", strerror(errno));
		} else if (sent > 0) {
			sequence += (uint64_t)sent * flood.segments;
			traffic_count(&traffic->sent, (uint64_t)sent * flood.segments);
		}
	}
	free(flood.bytes);
	return NULL;
}

/* Counts the datagrams of this run. */
static void take(struct traffic *traffic, const struct mmsghdr *messages, int n, uint64_t *last)
{
	uint64_t received = 0, bytes = 0, reordered = 0;

	for (int i = 0; i < n; i++) {
		struct traffic_header header;

		if (messages[i].msg_len != traffic->kase->size)
			continue;
		memcpy(&header, messages[i].msg_hdr.msg_iov->iov_base, sizeof(header));
		if (header.run != traffic->run)
			continue;
		received++;
		bytes += messages[i].msg_len;
		reordered += header.sequence < *last;
		*last = header.sequence;
	}
	traffic_count(&traffic->received, received);
	traffic_count(&traffic->bytes, bytes);
	traffic_count(&traffic->reordered, reordered);
}

static void *run_server(void *argument)
{
	static uint8_t bytes[RECEIVE][2048];
	struct traffic *traffic = argument;
	struct mmsghdr messages[RECEIVE] = { 0 };
	struct iovec iov[RECEIVE];
	uint64_t last = 0;

	for (unsigned i = 0; i < RECEIVE; i++) {
		iov[i] = (struct iovec){ bytes[i], sizeof(bytes[i]) };
		messages[i].msg_hdr.msg_iov = &iov[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (!atomic_load_explicit(&traffic->stop, memory_order_relaxed)) {
		int n = recvmmsg(traffic->server[0], messages, RECEIVE, MSG_WAITFORONE, NULL);

		if (n < 0 && errno != EAGAIN)
			give_up(BENCH_FAILED, "udp: receive: %s", strerror(errno));
		take(traffic, messages, n, &last);
	}
	return NULL;
}

const struct traffic_type traffic_udp = { open_pair, run_client, run_server, "pps" };
