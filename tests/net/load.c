/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "flow.h"
#include "load.h"
#include "stream.h"
#include "wait.h"

#define GOOD_DEAL_OF_BYTES     (256 << 10)
#define GOOD_DEAL_OF_DATAGRAMS 500
#define PATIENCE_MS            2     /* after which datagrams are taken as lost */
#define EXACT_BYTES            65536 /* under way of a stream of which nothing may get lost */

struct load {
	pthread_t thread;
	bool tcp;
	struct stream stream;
	struct flow flow;
	bool stop;
	bool failed;          /* it has ended by itself */
	uint64_t received[2]; /* bytes or datagrams, for other threads */
};

static bool turn(struct load *load)
{
	return load->tcp ? stream_turn(&load->stream) : flow_turn(&load->flow);
}

static void pause_until_ready(struct load *load)
{
	struct pollfd fds[2];

	for (unsigned side = 0; side < 2; side++)
		fds[side] = load->tcp ? (struct pollfd){ .fd = load->stream.fd[side],
							 .events = stream_events(&load->stream, side) }
				      : (struct pollfd){ .fd = load->flow.fd[side], .events = POLLIN };
	if (poll(fds, 2, PATIENCE_MS) == 0 && !load->tcp && load->flow.options.lossy)
		flow_give_up(&load->flow);
}

static const char *error_of(const struct load *load)
{
	return load->tcp ? load->stream.error : load->flow.error;
}

static void *run(void *argument)
{
	struct load *load = argument;
	const uint64_t *received = load->tcp ? load->stream.received : load->flow.received;

	while (!__atomic_load_n(&load->stop, __ATOMIC_RELAXED) && !error_of(load)[0]) {
		if (!turn(load))
			pause_until_ready(load);
		for (unsigned side = 0; side < 2; side++)
			__atomic_store_n(&load->received[side], received[side], __ATOMIC_RELAXED);
	}
	__atomic_store_n(&load->failed, error_of(load)[0] != '\0', __ATOMIC_RELEASE);
	return NULL;
}

static struct load *start(struct load *load)
{
	assert_int_equal(pthread_create(&load->thread, NULL, run, load), 0);
	return load;
}

static struct load *make(bool tcp)
{
	struct load *load = calloc(1, sizeof(*load));

	assert_non_null(load);
	load->tcp = tcp;
	return load;
}

struct load *load_tcp(const struct site site[2], int family, unsigned pair)
{
	struct load *load = make(true);

	stream_open(&load->stream, site, family, pair, 7000, STREAM_ENDLESS);
	return start(load);
}

struct load *load_udp(const struct site site[2], int family, unsigned pair)
{
	return load_udp_up_to(site, family, pair, 1200);
}

struct load *load_udp_up_to(const struct site site[2], int family, unsigned pair, uint32_t max)
{
	struct load *load = make(false);
	const struct flow_options options = { .min = 8, .max = max, .count = FLOW_ENDLESS, .lossy = true };

	flow_open(&load->flow, site, family, pair, 7000, &options);
	return start(load);
}

struct load *load_exact_tcp(const struct site site[2], int family, uint16_t port)
{
	struct load *load = make(true);
	const int size = EXACT_BYTES;

	stream_open(&load->stream, site, family, 0, port, STREAM_ENDLESS);
	for (unsigned side = 0; side < 2; side++)
		assert_int_equal(
			setsockopt(load->stream.fd[side], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	return start(load);
}

struct load *load_exact_udp(const struct site site[2], int family, uint16_t port, uint32_t window)
{
	struct load *load = make(false);
	const struct flow_options options = {
		.min = 8, .max = 1472, .window = window, .count = FLOW_ENDLESS
	};

	flow_open(&load->flow, site, family, 0, port, &options);
	return start(load);
}

/* A load that has met an error moves nothing more: better say so than wait for it. */
static uint64_t received(const struct load *load, unsigned side)
{
	if (__atomic_load_n(&load->failed, __ATOMIC_ACQUIRE))
		fail_msg("%s", error_of(load));
	return __atomic_load_n(&load->received[side], __ATOMIC_RELAXED);
}

uint64_t load_received(const struct load *load)
{
	return received(load, 0) + received(load, 1);
}

void load_wait(struct load *load)
{
	const uint64_t more = load->tcp ? GOOD_DEAL_OF_BYTES : GOOD_DEAL_OF_DATAGRAMS;
	const uint64_t goal[2] = { received(load, 0) + more, received(load, 1) + more };

	wait_until(received(load, 0) >= goal[0] && received(load, 1) >= goal[1]);
}

void load_stop(struct load *load)
{
	__atomic_store_n(&load->stop, true, __ATOMIC_RELAXED);
	pthread_join(load->thread, NULL);
	if (error_of(load)[0])
		fail_msg("%s", error_of(load));
	if (load->tcp)
		stream_close(&load->stream);
	else
		flow_close(&load->flow);
	free(load);
}
