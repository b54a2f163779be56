/* SPDX-License-Identifier: Apache-2.0 */
/* One request, one answer, of small datagrams: how long a packet is on its way there and back. */
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "traffic.h"

static void open_pair(struct traffic *traffic)
{
	traffic_udp_pair(traffic->rig, 0, &traffic->client[0], &traffic->server[0]);
	traffic_open_records(traffic);
}

/* Waits for the answer to this request. False: it is lost. */
static bool answered(int fd, const struct traffic_header *request, uint8_t *bytes, size_t size)
{
	for (;;) {
		ssize_t n = recv(fd, bytes, size, 0);

		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0)
			give_up(BENCH_FAILED, "rtt: receive: %s", strerror(errno));
		if ((size_t)n == size && memcmp(bytes, request, sizeof(*request)) == 0)
			return true;
	}
}

static void ask(struct traffic *traffic, uint64_t sequence)
{
	const struct traffic_header request = { traffic->run, sequence };
	size_t size = traffic->kase->size;
	int fd = traffic->client[0];
	uint8_t bytes[2048] = { 0 };
	uint64_t begin = now_ns();

	memcpy(bytes, &request, sizeof(request));
	if (send(fd, bytes, size, 0) != (ssize_t)size)
		give_up(BENCH_FAILED, "rtt: send: %s", strerror(errno));
	traffic_count(&traffic->sent, 1);
	if (!answered(fd, &request, bytes, size))
		return;
	traffic_note_round_trip(traffic, now_ns() - begin);
	traffic_count(&traffic->received, 1);
	traffic_count(&traffic->bytes, size);
}

static void *run_client(void *argument)
{
	struct traffic *traffic = argument;
	struct timespec gap = { .tv_nsec = (long)traffic->kase->gap_us * 1000 };
	uint64_t sequence = 0;

	prctl(PR_SET_TIMERSLACK, 1ul);
	while (!atomic_load_explicit(&traffic->stop, memory_order_relaxed)) {
		ask(traffic, ++sequence);
		if (gap.tv_nsec)
			nanosleep(&gap, NULL);
	}
	return NULL;
}

static void *run_server(void *argument)
{
	struct traffic *traffic = argument;
	uint8_t bytes[2048];

	while (!atomic_load_explicit(&traffic->stop, memory_order_relaxed)) {
		ssize_t n = recv(traffic->server[0], bytes, sizeof(bytes), 0);

		if (n < 0 && errno != EAGAIN)
			give_up(BENCH_FAILED, "rtt: receive: %s", strerror(errno));
		if (n > 0 && send(traffic->server[0], bytes, (size_t)n, 0) != n)
			give_up(BENCH_FAILED, "rtt: answer: %s", strerror(errno));
	}
	return NULL;
}

const struct traffic_type traffic_rtt = { open_pair, run_client, run_server, "p50_us" };
