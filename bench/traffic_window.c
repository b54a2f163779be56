/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows of numbered UDP datagrams in a closed loop: the right sends back what comes, with a number of its
 * own, and the left sends another one for each that has come back. So both directions tell what is lost,
 * comes twice or is overtaken, and no queue of a kernel can overflow: of all flows, no more is on its way
 * than fits into each. The time of a datagram there and back is that under load.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "sequence.h"
#include "traffic.h"

#define BATCH        32 /* datagrams of a call */
#define DATAGRAM_MAX 2048
#define WRITE_OFF_NS 200000000u  /* silence after which new datagrams are sent for those that are missing, */
#define WRITE_OFFS   3           /* so often, because they may only be late, and the queues have an end */
#define LOST_NS      5000000000u /* and after which, at the end, none is waited for */

struct numbered {
	struct traffic_header header; /* of the way there */
	uint64_t answer;              /* the number on the way back */
};

/* One side of a flow. */
struct flow {
	struct sequence sequence; /* of what arrives */
	uint64_t sent;
	uint64_t written_off;
	uint64_t sent_at[SEQUENCE_SPAN]; /* by number */
};

struct batch {
	uint8_t bytes[BATCH][DATAGRAM_MAX];
	struct iovec iov[BATCH];
	struct mmsghdr messages[BATCH];
};

/* What a side's thread works with. */
struct end {
	struct traffic *traffic;
	const int *fds;
	struct flow *flows;
	struct batch batch;
	uint64_t heard_at;   /* when something came last */
	unsigned write_offs; /* of the left */
};

static void open_flows(struct traffic *traffic)
{
	traffic->streams = traffic->kase->streams;
	for (unsigned i = 0; i < traffic->streams; i++)
		traffic_udp_pair(traffic->rig, i, &traffic->client[i], &traffic->server[i]);
	traffic->losses.known = true;
	traffic_open_records(traffic);
}

static struct end *open_end(struct traffic *traffic, const int *fds)
{
	struct end *end = calloc(1, sizeof(*end));

	if (end)
		end->flows = calloc(traffic->streams, sizeof(*end->flows));
	if (!end || !end->flows)
		give_up(BENCH_FAILED, "out of memory");
	end->traffic = traffic;
	end->fds = fds;
	end->heard_at = now_ns();
	for (unsigned i = 0; i < BATCH; i++) {
		end->batch.iov[i] = (struct iovec){ end->batch.bytes[i], traffic->kase->size };
		end->batch.messages[i].msg_hdr.msg_iov = &end->batch.iov[i];
		end->batch.messages[i].msg_hdr.msg_iovlen = 1;
	}
	return end;
}

/* Adds what this side has found to what the other one has: the left before it lets the right end. */
static void close_end(struct end *end)
{
	struct traffic_losses *losses = &end->traffic->losses;

	for (unsigned i = 0; i < end->traffic->streams; i++) {
		losses->duplicated += end->flows[i].sequence.duplicated;
		losses->reordered += end->flows[i].sequence.reordered;
	}
	free(end->flows);
	free(end);
}

/* An earlier traffic's last datagram may have met no socket: the kernel tells that once. */
static bool is_nothing(int error)
{
	return error == EAGAIN || error == ECONNREFUSED || error == ENOBUFS || error == EINTR;
}

static void send_batch(struct end *end, int fd, unsigned n)
{
	unsigned done = 0;

	while (done < n) {
		int sent = sendmmsg(fd, end->batch.messages + done, n - done, 0);

		if (sent < 0 && !is_nothing(errno))
			give_up(BENCH_FAILED, "window: send: %s", strerror(errno));
		done += sent > 0 ? (unsigned)sent : 0;
	}
}

/* The datagrams of this traffic among n that were received, in front. */
static unsigned receive(struct end *end, int fd)
{
	unsigned own = 0;
	int n = recvmmsg(fd, end->batch.messages, BATCH, MSG_DONTWAIT, NULL);

	if (n < 0 && !is_nothing(errno))
		give_up(BENCH_FAILED, "window: receive: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		const struct mmsghdr *message = &end->batch.messages[i];
		struct traffic_header header;

		memcpy(&header, end->batch.bytes[i], sizeof(header));
		if (message->msg_len != end->traffic->kase->size || header.run != end->traffic->run)
			continue;
		memmove(end->batch.bytes[own++], end->batch.bytes[i], sizeof(struct numbered));
	}
	if (own)
		end->heard_at = now_ns();
	return own;
}

/* --- the left ---------------------------------------------------------------------------------------------
 */

static uint64_t on_the_way(const struct flow *flow)
{
	const uint64_t over = flow->sequence.arrived + flow->written_off;

	return over < flow->sent ? flow->sent - over : 0;
}

static void fill_window(struct end *end, unsigned i)
{
	struct traffic *traffic = end->traffic;
	struct flow *flow = &end->flows[i];
	unsigned n = 0;

	for (uint64_t left = on_the_way(flow); left < traffic->kase->window && n < BATCH; left++) {
		const struct numbered numbered = { { traffic->run, ++flow->sent }, 0 };

		memcpy(end->batch.bytes[n++], &numbered, sizeof(numbered));
		flow->sent_at[flow->sent % SEQUENCE_SPAN] = now_ns();
	}
	if (!n)
		return;
	send_batch(end, end->fds[i], n);
	traffic_count(&traffic->sent, n);
}

static void take_answers(struct end *end, unsigned i)
{
	struct traffic *traffic = end->traffic;
	struct flow *flow = &end->flows[i];
	const unsigned n = receive(end, end->fds[i]);

	for (unsigned k = 0; k < n; k++) {
		struct numbered numbered;

		memcpy(&numbered, end->batch.bytes[k], sizeof(numbered));
		if (!sequence_take(&flow->sequence, numbered.answer))
			continue;
		traffic_note_round_trip(
			traffic, end->heard_at - flow->sent_at[numbered.header.sequence % SEQUENCE_SPAN]);
	}
	traffic_count(&traffic->received, n);
	traffic_count(&traffic->bytes, (uint64_t)n * traffic->kase->size);
}

/* Waits until something may have come. */
static void await(struct end *end, struct pollfd *polled)
{
	for (unsigned i = 0; i < end->traffic->streams; i++)
		polled[i] = (struct pollfd){ .fd = end->fds[i], .events = POLLIN };
	if (poll(polled, end->traffic->streams, TRAFFIC_WAIT_MS) < 0 && errno != EINTR)
		give_up(BENCH_FAILED, "window: poll: %s", strerror(errno));
}

static uint64_t missing(const struct end *end)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < end->traffic->streams; i++)
		sum += end->flows[i].sent - end->flows[i].sequence.arrived;
	return sum;
}

static void write_off(struct end *end)
{
	for (unsigned i = 0; i < end->traffic->streams; i++)
		end->flows[i].written_off = end->flows[i].sent - end->flows[i].sequence.arrived;
	end->write_offs++;
	end->heard_at = now_ns();
}

static void *run_client(void *argument)
{
	struct traffic *traffic = argument;
	struct end *end = open_end(traffic, traffic->client);
	struct pollfd polled[TRAFFIC_STREAMS_MAX] = { 0 };
	bool stop = false;

	while (!stop || (missing(end) && now_ns() - end->heard_at < LOST_NS)) {
		for (unsigned i = 0; i < traffic->streams; i++) {
			if (polled[i].revents)
				take_answers(end, i);
			if (!stop)
				fill_window(end, i);
		}
		await(end, polled);
		stop = atomic_load_explicit(&traffic->stop, memory_order_relaxed);
		if (!stop && end->write_offs < WRITE_OFFS && now_ns() - end->heard_at > WRITE_OFF_NS)
			write_off(end);
	}
	traffic->losses.lost = missing(end);
	close_end(end);
	atomic_store_explicit(&traffic->client_ended, true, memory_order_release);
	return NULL;
}

/* --- the right --------------------------------------------------------------------------------------------
 */

static void answer(struct end *end, unsigned i)
{
	struct flow *flow = &end->flows[i];
	const unsigned n = receive(end, end->fds[i]);
	unsigned out = 0;

	for (unsigned k = 0; k < n; k++) {
		struct numbered numbered;

		memcpy(&numbered, end->batch.bytes[k], sizeof(numbered));
		if (!sequence_take(&flow->sequence, numbered.header.sequence))
			continue;
		numbered.answer = ++flow->sent;
		memcpy(end->batch.bytes[out++], &numbered, sizeof(numbered));
	}
	if (out)
		send_batch(end, end->fds[i], out);
}

static void *run_server(void *argument)
{
	struct traffic *traffic = argument;
	struct end *end = open_end(traffic, traffic->server);
	struct pollfd polled[TRAFFIC_STREAMS_MAX];

	while (!atomic_load_explicit(&traffic->client_ended, memory_order_acquire)) {
		await(end, polled);
		for (unsigned i = 0; i < traffic->streams; i++)
			if (polled[i].revents)
				answer(end, i);
	}
	close_end(end);
	return NULL;
}

const struct traffic_type traffic_window = { open_flows, run_client, run_server, "pps" };
