/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chain that ends in a socket whose other side does not read, or has gone. The other side is the test
 * itself.
 */
#include "namespace.h"

#include <poll.h>

#include "address.h"
#include "load.h"
#include "tunnel.h"
#include "wait.h"

#define HEADERS  28
#define PAUSE_MS 10 /* after which what waited in the kernel seems to have come through */

/* A kind of socket between the pipeline and the test. */
struct kind {
	int type;
	bool threaded;
};

struct scene {
	struct tunnel *tunnel;
	struct load *other;
	int source; /* sends datagrams into left0, numbered from 0 */
	int sink;   /* where they arrive */
	uint32_t sent;
	uint32_t next; /* the least number that may arrive now */
	uint64_t arrived;
};

static void begin(struct scene *scene, const struct kind *kind, unsigned drain_ms)
{
	struct tunnel_options options = {
		.threaded = kind->threaded,
		.two_pairs = true,
		.drain_ms = drain_ms,
	};
	int ends[2];

	memset(scene, 0, sizeof(*scene));
	assert_int_equal(socketpair(AF_UNIX, kind->type | SOCK_CLOEXEC, 0, ends), 0);
	options.right0 = (struct weir_endpoint)weir_fd("right0", .fd = ends[0], .ownership = WEIR_FD_TAKEN);
	scene->tunnel = tunnel_make(&options);
	scene->sink = ends[1];
	scene->source = site_connect_udp(&scene->tunnel->site[0], AF_INET, address_text(AF_INET, 0, 1));
	tunnel_start(scene->tunnel);
	scene->other = load_udp(scene->tunnel->site, AF_INET, 1);
}

/* After a stop. */
static void end(struct scene *scene)
{
	close(scene->source);
	close(scene->sink);
	tunnel_free(scene->tunnel);
}

static void give(struct scene *scene)
{
	assert_int_equal(send(scene->source, &scene->sent, sizeof(scene->sent), 0), sizeof(scene->sent));
	scene->sent++;
}

/* Takes a packet, which must be one of ours and in order. Returns whether there was one. */
static bool take(struct scene *scene)
{
	uint8_t packet[2048];
	ssize_t n = recv(scene->sink, packet, sizeof(packet), MSG_DONTWAIT);
	uint32_t number;

	if (n < 0 && errno == EAGAIN)
		return false;
	assert_int_equal(n, HEADERS + sizeof(number));
	assert_int_equal(packet[0], 0x45);
	memcpy(&number, packet + HEADERS, sizeof(number));
	assert_true(number >= scene->next && number < scene->sent);
	scene->next = number + 1;
	scene->arrived++;
	return true;
}

/* Until the socket is full, the writer waits, and so do packets in the kernel, more than it can hold. */
static void fill(struct scene *scene)
{
	const uint64_t lost = tunnel_kernel_drops(scene->tunnel, "left0");

	while (!tunnel_row(scene->tunnel, "forth0/write").stalls ||
	       tunnel_kernel_drops(scene->tunnel, "left0") == lost) {
		assert_true(scene->sent < 10000000);
		for (int i = 0; i < 100; i++)
			give(scene);
	}
}

/* Reads until a datagram arrives that was sent after this began: one at a time, not to fill the socket again.
 */
static void drain(struct scene *scene)
{
	const uint64_t end = wait_now_ms() + WAIT_MS;
	const uint32_t goal = scene->sent;
	struct pollfd wait = { .fd = scene->sink, .events = POLLIN };

	while (scene->next <= goal) {
		assert_true(wait_now_ms() < end);
		while (take(scene))
			;
		if (poll(&wait, 1, PAUSE_MS) == 0)
			give(scene);
	}
}

/* After a stop: what was sent is all there. */
static void take_rest(struct scene *scene)
{
	while (take(scene))
		;
	assert_int_equal(scene->arrived, tunnel_row(scene->tunnel, "forth0/write").packets);
}

static void goes_on_when_it_is_read(void **state)
{
	struct scene scene;

	begin(&scene, *state, 0);
	for (int round = 0; round < 3; round++) {
		fill(&scene);
		load_wait(scene.other);
		drain(&scene);
		load_wait(scene.other);
	}
	load_stop(scene.other);
	tunnel_stop(scene.tunnel);
	take_rest(&scene);
	assert_int_equal(tunnel_dropped(scene.tunnel), 0);
	end(&scene);
}

static void expect_dead(struct scene *scene)
{
	struct tunnel *tunnel = scene->tunnel;
	char line[256], expected[256];
	int error;

	wait_until(tunnel_error(tunnel, "right0") != 0);
	error = tunnel_error(tunnel, "right0");
	assert_true(error == -EPIPE || error == -ECONNREFUSED || error == -ECONNRESET);
	load_wait(scene->other);
	assert_int_equal(events_errors(&tunnel->events, line), 1);
	snprintf(expected, sizeof(expected), "endpoint right0 died: %s", strerror(-error));
	assert_string_equal(line, expected);
}

/* The peer leaves while the writer waits for it. */
static void dies_while_it_waits(void **state)
{
	struct scene scene;

	begin(&scene, *state, 0);
	fill(&scene);
	close(scene.sink);
	expect_dead(&scene);
	give(&scene);
	wait_until(tunnel_drops(scene.tunnel, "forth0/write", "endpoint_down") > 0);
	load_stop(scene.other);
	tunnel_stop(scene.tunnel);
	close(scene.source);
	tunnel_free(scene.tunnel);
}

/* The peer leaves, and a packet comes. */
static void dies_when_it_writes(void **state)
{
	struct scene scene;

	begin(&scene, *state, 0);
	give(&scene);
	drain(&scene);
	close(scene.sink);
	give(&scene);
	expect_dead(&scene);
	load_stop(scene.other);
	tunnel_stop(scene.tunnel);
	close(scene.source);
	tunnel_free(scene.tunnel);
}

/* A stop does not wait for a peer for ever, counts what it leaves, and the next start goes on with the rest.
 */
static void stops_while_it_waits(void **state)
{
	struct scene scene;

	begin(&scene, *state, 100);
	fill(&scene);
	assert_int_equal(weir_pipeline_stop(scene.tunnel->pipeline), -ETIMEDOUT);
	tunnel_check_rest(scene.tunnel);
	assert_true(tunnel_drops(scene.tunnel, "forth0/write", "stopped") > 0);
	tunnel_start(scene.tunnel);
	load_wait(scene.other);
	drain(&scene);
	load_stop(scene.other);
	weir_pipeline_stop(scene.tunnel->pipeline); /* so soon perhaps that it leaves something too */
	tunnel_check_rest(scene.tunnel);
	take_rest(&scene);
	end(&scene);
}

static void is_destroyed_while_it_waits(void **state)
{
	struct scene scene;

	begin(&scene, *state, 100);
	fill(&scene);
	end(&scene);
	load_stop(scene.other);
}

#define TEST(test_, type_, threaded_, name_)                         \
	{                                                            \
#test_ ", " name_, test_, NULL, NULL, &(struct kind) \
		{                                                    \
			type_, threaded_                             \
		}                                                    \
	}
#define TESTS(test_)                                                           \
	TEST(test_, SOCK_SEQPACKET, false, "SOCK_SEQPACKET, fused"),           \
		TEST(test_, SOCK_SEQPACKET, true, "SOCK_SEQPACKET, threaded"), \
		TEST(test_, SOCK_DGRAM, false, "SOCK_DGRAM, fused"),           \
		TEST(test_, SOCK_DGRAM, true, "SOCK_DGRAM, threaded")

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTS(goes_on_when_it_is_read),     TESTS(dies_while_it_waits),
		TESTS(dies_when_it_writes),         TESTS(stops_while_it_waits),
		TESTS(is_destroyed_while_it_waits),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
