/* SPDX-License-Identifier: Apache-2.0 */
/* UDP endpoints that talk to each other, and to sockets of the test, over loopback and over a wire. */
#include "namespace.h"

#include <linux/if_tun.h>
#include <poll.h>

#include "address.h"
#include "io.h"
#include "kernel.h"
#include "netlink.h"
#include "payload.h"
#include "site.h"
#include "wait.h"
#include "wire.h"

#include <weir/udp.h>

#include "error.h"

#define LARGEST      65507 /* bytes of a datagram of IPv4 */
#define LARGEST_IPV6 65527
#define TAP_MAC                  \
	{                        \
		2, 0, 0, 0, 0, 9 \
	}

static const struct weir_endpoint_type *const type = &weir_udp_type;
static struct site site[2]; /* joined by wire0 and wire1 */
static bool has_wire;

/* --- endpoints --- */

struct end {
	struct io io;
	void *state;
	struct weir_endpoint_info info;
	struct weir_error err;
};

static int end_try(struct end *end, struct weir_endpoint row)
{
	int rc;

	memset(end, 0, sizeof(*end));
	rc = type->check(row.options, &end->info, &end->err);
	if (rc)
		return rc;
	end->state = calloc(1, type->state_size);
	assert_non_null(end->state);
	rc = type->open(end->state, row.options, &end->info, &end->err);
	if (rc)
		free(end->state);
	else
		io_init(&end->io);
	return rc;
}

#define end_open(end, ...)                                                            \
	do {                                                                          \
		if (end_try(end, (struct weir_endpoint)weir_udp("udp", __VA_ARGS__))) \
			fail_msg("%s", (end)->err.text);                              \
	} while (0)

#define refuses(text_, ...)                                                                          \
	do {                                                                                         \
		struct end end_;                                                                     \
		assert_true(end_try(&end_, (struct weir_endpoint)weir_udp("udp", __VA_ARGS__)) < 0); \
		assert_string_equal(end_.err.text, text_);                                           \
	} while (0)

static void end_close(struct end *end)
{
	type->close(end->state);
	free(end->state);
	io_free(&end->io);
}

static void wait_for(int fd, short events)
{
	struct pollfd pollfd = { .fd = fd, .events = events };

	assert_int_equal(poll(&pollfd, 1, WAIT_MS), 1);
}

/* Reads a vector as the engine does, which never waits while packets are pending. */
static uint32_t end_read(struct end *end, uint32_t limit)
{
	if (type->arm(end->state))
		wait_for(end->info.read_fd, POLLIN);
	assert_int_equal(io_read(&end->io, type, end->state, limit), 0);
	return end->io.reader.n;
}

static uint64_t dropped(const struct end *end, const char *reason)
{
	unsigned i = 0;

	while (strcmp(type->reasons[i].name, reason) != 0)
		i++;
	return end->io.dropped[i];
}

static uint64_t counted(const struct end *end, const char *name)
{
	const struct weir_counter *counter = type->counters;
	uint64_t n;

	while (strcmp(counter->name, name) != 0)
		counter++;
	memcpy(&n, (const uint8_t *)end->state + counter->offset, sizeof(n));
	return n;
}

static const char *verdict_of(const struct end *end, uint32_t i)
{
	const weir_verdict verdict = end->io.writer.verdict[i];

	return verdict == WEIR_NEXT ? "sent" : type->reasons[verdict - 1].name;
}

/* Writes one packet to a peer. Returns what became of it. */
static const char *end_write(struct end *end, uint32_t peer, const void *bytes, uint32_t len)
{
	io_begin(&end->io);
	io_add(&end->io, bytes, len)->peer = peer;
	assert_int_equal(io_write(&end->io, type, end->state), 1);
	assert_int_equal(end->io.writer.error, 0);
	return verdict_of(end, 0);
}

/* The address of an endpoint with this address in front of its port. */
static const char *at_port_of(const struct end *end, const char *ip, char text[64])
{
	char local[WEIR_UDP_TEXT];

	assert_int_equal(weir_udp_local(end->state, local), 0);
	snprintf(text, 64, "%s%s", ip, strrchr(local, ':'));
	return text;
}

/* --- sockets of the test --- */

static int socket_at(int family, const char *ip, uint16_t port)
{
	union address address;
	const socklen_t size = address_fill(&address, family, ip, port);
	const int fd = site_socket(&site[0], family, SOCK_DGRAM, 0);

	assert_int_equal(bind(fd, &address.any, size), 0);
	return fd;
}

static uint16_t port_of(int fd)
{
	union address address;
	socklen_t size = sizeof(address);

	assert_int_equal(getsockname(fd, &address.any, &size), 0);
	return ntohs(address.ipv4.sin_port); /* of both families */
}

/* Sends to the port of an endpoint. */
static void send_to(int fd, int family, const char *ip, const struct end *end, const void *bytes, size_t len)
{
	union address address;
	char text[64];
	socklen_t size;

	size = address_fill(&address, family, ip,
			    (uint16_t)strtoul(strrchr(at_port_of(end, ip, text), ':') + 1, NULL, 10));
	assert_int_equal(sendto(fd, bytes, len, 0, &address.any, size), len);
}

static size_t receive(int fd, void *bytes, size_t size)
{
	ssize_t n;

	wait_for(fd, POLLIN);
	n = recv(fd, bytes, size, 0);
	assert_true(n >= 0);
	return (size_t)n;
}

/* --- traffic of two endpoints --- */

/* Sizes of the packets of a flow: bulk in one size with shorter ones between, and single ones of any. */
static uint32_t size_of(unsigned packet)
{
	if (packet % 500 < 300)
		return packet % 43 == 42 ? 1 + packet % 1399 : 1400;
	if (packet % 500 < 400)
		return 64;
	return 1 + (uint32_t)(payload_word(1, packet) % 1440);
}

static void write_packets(struct end *end, unsigned first, unsigned n)
{
	uint8_t bytes[2048];

	io_begin(&end->io);
	for (unsigned i = first; i < first + n; i++) {
		payload_fill(i, 0, bytes, size_of(i));
		io_add(&end->io, bytes, size_of(i));
	}
	assert_int_equal(io_write(&end->io, type, end->state), n);
	assert_int_equal(end->io.writer.any, 0);
	assert_int_equal(end->io.writer.error, 0);
}

static void read_packets(struct end *end, unsigned first, unsigned n, uint32_t limit)
{
	const unsigned last = first + n;

	while (first < last) {
		const uint32_t got = end_read(end, limit);

		for (uint32_t i = 0; i < got; i++, first++) {
			const struct weir_buf *buf = io_packet(&end->io, i);

			assert_true(first < last);
			assert_int_equal(buf->len, size_of(first));
			assert_true(payload_is(first, 0, buf->data, buf->len));
		}
	}
}

/* A way, and what is used of the kernel on it. */
struct way {
	const char *here, *there; /* addresses */
	bool wire;
	bool no_gso, no_gro;
	uint32_t limit;
};

static void pass(const struct way *way)
{
	char to_here[64], to_there[64], at_here[64], at_there[64];
	struct end here, there, first;

	/* Both ports must be known before the sockets are connected. */
	snprintf(at_here, sizeof(at_here), "%s:0", way->here);
	end_open(&first, .local = at_here, .learn = true, .netns = site[0].path);
	at_port_of(&first, way->here, to_here);
	end_close(&first);
	snprintf(at_there, sizeof(at_there), "%s:0", way->there);
	end_open(&there, .local = at_there, .remote = to_here, .layer = WEIR_LAYER_L2,
		 .netns = site[way->wire].path, .no_gro = way->no_gro);
	at_port_of(&there, way->there, to_there);
	end_open(&here, .local = to_here, .remote = to_there, .layer = WEIR_LAYER_L2, .netns = site[0].path,
		 .no_gso = way->no_gso);
	for (unsigned i = 0; i < 2000; i += 62) {
		write_packets(&here, i, 31);
		write_packets(&here, i + 31, 31);
		read_packets(&there, i, 62, way->limit);
	}
	assert_int_equal(counted(&here, "gso_messages") > 0, !way->no_gso);
	assert_int_equal(counted(&here, "gso_refused"), 0);
	assert_int_equal(counted(&there, "gro_messages") > 0, !way->no_gso && !way->no_gro);
	if (!way->no_gso && !way->no_gro)
		assert_int_equal(counted(&there, "gro_packets"), counted(&here, "gso_packets"));
	end_close(&here);
	end_close(&there);
}

static void passes_packets(void **state)
{
	static const struct way ways[] = {
		{ .here = "127.0.0.1", .there = "127.0.0.1" },
		{ .here = "[::1]", .there = "[::1]" },
		{ .here = "192.0.2.1", .there = "192.0.2.2", .wire = true },
		{ .here = "[fd00:5::1]", .there = "[fd00:5::2]", .wire = true },
	};
	static const uint32_t limits[] = { 31, 31, 5, 31, 1 };

	(void)state;
	for (size_t i = 0; i < countof(ways); i++)
		for (unsigned offload = 0; offload < 4; offload++) {
			struct way way = ways[i];

			way.no_gso = offload & 1;
			way.no_gro = offload & 2;
			way.limit = limits[(i + offload) % countof(limits)];
			if (!way.wire || has_wire)
				pass(&way);
		}
}

/* --- sizes --- */

static void passes_the_largest_datagrams(void **state)
{
	static const struct {
		const char *ip;
		uint32_t largest;
	} cases[] = { { "127.0.0.1", LARGEST }, { "[::1]", LARGEST_IPV6 } };
	static uint8_t bytes[LARGEST_IPV6 + 1];

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		char at[64], to[64];
		struct end end, writer;

		snprintf(at, sizeof(at), "%s:0", cases[i].ip);
		end_open(&end, .local = at, .learn = true, .layer = WEIR_LAYER_L2, .netns = site[0].path);
		end_open(&writer, .remote = at_port_of(&end, cases[i].ip, to), .layer = WEIR_LAYER_L2,
			 .netns = site[0].path);
		payload_fill(i, 0, bytes, sizeof(bytes));
		assert_string_equal(end_write(&writer, 0, "small", 5), "sent");
		assert_string_equal(end_write(&writer, 0, bytes, cases[i].largest + 1), "too_long");
		assert_string_equal(end_write(&writer, 0, bytes, cases[i].largest), "sent");
		assert_string_equal(end_write(&writer, 0, bytes, 1), "sent");
		assert_int_equal(end_read(&end, 31), 3);
		assert_int_equal(io_packet(&end.io, 0)->len, 5);
		assert_int_equal(io_packet(&end.io, 1)->len, cases[i].largest);
		assert_true(payload_is(i, 0, io_packet(&end.io, 1)->data, cases[i].largest));
		assert_int_equal(io_packet(&end.io, 2)->len, 1);
		end_close(&end);
		end_close(&writer);
	}
}

static void set_mtu(const char *device, int mtu)
{
	site_enter(&site[0]);
	kernel_set_mtu(device, mtu);
	site_leave();
}

/* A way whose MTU is smaller than packets, with and without the right to fragment. */
static void knows_the_mtu_of_the_way(void **state)
{
	static uint8_t bytes[31 * 2000];
	char to[64];
	struct end end, fragmenting, whole, both;
	uint32_t mtu = 0, n = 0;

	(void)state;
	set_mtu("lo", 1500);
	end_open(&end, .local = "127.0.0.1:0", .learn = true, .layer = WEIR_LAYER_L2, .netns = site[0].path);
	at_port_of(&end, "127.0.0.1", to);
	end_open(&whole, .remote = to, .layer = WEIR_LAYER_L2, .netns = site[0].path, .df = true);
	end_open(&fragmenting, .remote = to, .layer = WEIR_LAYER_L2, .netns = site[0].path);
	assert_int_equal(weir_udp_mtu(whole.state, 0, &mtu, NULL), 0);
	assert_int_equal(mtu, 1472);
	assert_int_equal(weir_udp_mtu(whole.state, 1, &mtu, NULL), -ENOENT);
	assert_string_equal(end_write(&whole, 0, bytes, 1473), "too_long");
	assert_string_equal(end_write(&whole, 0, bytes, 1472), "sent");
	assert_int_equal(end_read(&end, 31), 1);
	assert_int_equal(weir_udp_mtu(end.state, io_packet(&end.io, 0)->peer, &mtu, NULL), 0);
	assert_int_equal(mtu, 1472);

	end_open(&both, .local = "[::]:0", .peers = WEIR_LIST("[::1]:9", "127.0.0.1:9"),
		 .netns = site[0].path);
	assert_int_equal(weir_udp_mtu(both.state, 1, &mtu, NULL), 0);
	assert_int_equal(mtu, 1452);
	assert_int_equal(weir_udp_mtu(both.state, 2, &mtu, NULL), 0);
	assert_int_equal(mtu, 1472);
	end_close(&both);

	/* No segment may be so long; each packet goes by itself, in fragments. */
	io_begin(&fragmenting.io);
	for (unsigned i = 0; i < 31; i++)
		io_add(&fragmenting.io, bytes, i < 20 ? 1600 : 1472);
	assert_int_equal(io_write(&fragmenting.io, type, fragmenting.state), 31);
	assert_int_equal(fragmenting.io.writer.any, 0);
	assert_int_equal(counted(&fragmenting, "gso_refused"), 1);
	assert_int_equal(counted(&fragmenting, "gso_packets"), 11);
	while (n < 31) {
		const uint32_t got = end_read(&end, 31);

		for (uint32_t i = 0; i < got; i++, n++)
			assert_int_equal(io_packet(&end.io, i)->len, n < 20 ? 1600 : 1472);
	}
	io_begin(&whole.io);
	for (unsigned i = 0; i < 31; i++)
		io_add(&whole.io, bytes, i < 20 ? 1600 : 1472);
	assert_int_equal(io_write(&whole.io, type, whole.state), 31);
	for (uint32_t i = 0; i < 31; i++)
		assert_string_equal(verdict_of(&whole, i), i < 20 ? "too_long" : "sent");
	end_close(&end);
	end_close(&whole);
	end_close(&fragmenting);
	set_mtu("lo", 65536);
}

/* --- layer 3 --- */

static void layer_3_is_tested(void **state)
{
	static const uint8_t ip[30] = { 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2 };
	struct end end;
	int fd;

	(void)state;
	end_open(&end, .local = "127.0.0.1:0", .learn = true, .netns = site[0].path);
	assert_int_equal(end.info.layer, WEIR_LAYER_L3);
	fd = socket_at(AF_INET, "127.0.0.1", 0);
	send_to(fd, AF_INET, "127.0.0.1", &end, "xyz", 3);
	send_to(fd, AF_INET, "127.0.0.1", &end, "", 0);
	send_to(fd, AF_INET, "127.0.0.1", &end, ip, 27);
	/* Who sends no packets is not learned. */
	assert_int_equal(end_read(&end, 31), 0);
	assert_int_equal(dropped(&end, "short"), 1);
	assert_int_equal(dropped(&end, "empty"), 1);
	assert_int_equal(dropped(&end, "total_length"), 1);
	assert_int_equal(counted(&end, "learned"), 0);
	send_to(fd, AF_INET, "127.0.0.1", &end, ip, 28);
	send_to(fd, AF_INET, "127.0.0.1", &end, ip, 30);
	assert_int_equal(end_read(&end, 31), 2);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(io_packet(&end.io, i)->len, 28);
		assert_int_equal(io_packet(&end.io, i)->family, 4);
	}
	assert_int_equal(counted(&end, "trimmed"), 1);
	assert_int_equal(counted(&end, "learned"), 1);
	close(fd);
	end_close(&end);
}

/* --- many peers --- */

static void answers_go_to_who_asked(void **state)
{
	const struct {
		int family;
		const char *ip, *to;
	} from[] = { { AF_INET, "127.0.0.1", "127.0.0.1" },
		     { AF_INET6, "::1", "::1" },
		     { AF_INET, "127.0.0.2", "127.0.0.1" } };
	char peers[3][64], text[WEIR_UDP_TEXT];
	uint32_t number;
	struct end end;
	int fds[4];

	(void)state;
	for (int i = 0; i < 3; i++) {
		fds[i] = socket_at(from[i].family, from[i].ip, 0);
		snprintf(peers[i], sizeof(peers[i]), from[i].family == AF_INET ? "%s:%u" : "[%s]:%u",
			 from[i].ip, port_of(fds[i]));
	}
	fds[3] = socket_at(AF_INET, "127.0.0.1", 0);
	end_open(&end, .local = "[::]:0", .layer = WEIR_LAYER_L2, .netns = site[0].path,
		 .peers = WEIR_LIST(peers[0], peers[1], peers[2]));
	send_to(fds[3], AF_INET, "127.0.0.1", &end, "stranger", 8);
	for (int i = 2; i >= 0; i--)
		send_to(fds[i], from[i].family, from[i].to, &end, peers[i], strlen(peers[i]));
	assert_int_equal(end_read(&end, 31), 3);
	assert_int_equal(dropped(&end, "unknown_peer"), 1);
	for (uint32_t i = 0; i < 3; i++) {
		const struct weir_buf *buf = io_packet(&end.io, i);

		assert_int_equal(buf->peer, 3 - i);
		assert_int_equal(weir_udp_peer(end.state, buf->peer, text), 0);
		assert_string_equal(text, peers[2 - i]);
		assert_int_equal(weir_udp_find(end.state, text, &number), 0);
		assert_int_equal(number, buf->peer);
	}
	assert_int_equal(weir_udp_peer(end.state, 0, text), -ENOENT);
	assert_int_equal(weir_udp_peer(end.state, 4, text), -ENOENT);
	assert_int_equal(weir_udp_find(end.state, "127.0.0.1:1", &number), -ENOENT);
	assert_int_equal(weir_udp_find(end.state, "127.0.0.1", &number), -EINVAL);

	/* Each of a vector to another one, and some to nobody. */
	io_begin(&end.io);
	for (uint32_t i = 0; i < 30; i++)
		io_add(&end.io, peers[i % 3], 1 + i)->peer = i % 5 == 4 ? 4 : i % 3 + 1;
	assert_int_equal(io_write(&end.io, type, end.state), 30);
	for (uint32_t i = 0; i < 30; i++) {
		assert_string_equal(verdict_of(&end, i), i % 5 == 4 ? "no_peer" : "sent");
		if (i % 5 != 4)
			assert_int_equal(receive(fds[i % 3], text, sizeof(text)), 1 + i);
	}
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	end_close(&end);
}

/* Many who make up their addresses get no further than there are places. */
static void a_flood_of_senders_is_capped(void **state)
{
	enum { PLACES = 16, SENDERS = 200 };
	struct end end;
	char at[64];
	int configured, learned, fds[SENDERS];
	uint32_t number;

	(void)state;
	configured = socket_at(AF_INET, "127.0.0.1", 0);
	learned = socket_at(AF_INET, "127.0.0.1", 0);
	snprintf(at, sizeof(at), "127.0.0.1:%u", port_of(configured));
	end_open(&end, .local = "127.0.0.1:0", .layer = WEIR_LAYER_L2, .netns = site[0].path,
		 .peers = WEIR_LIST(at), .learn = true, .learn_max = PLACES, .learn_seconds = 10);
	end.io.now = 1000000000;
	send_to(learned, AF_INET, "127.0.0.1", &end, "x", 1);
	assert_int_equal(end_read(&end, 31), 1);
	number = io_packet(&end.io, 0)->peer;
	for (unsigned i = 0; i < SENDERS; i++) {
		char ip[32];

		snprintf(ip, sizeof(ip), "127.1.0.%u", i + 1);
		fds[i] = socket_at(AF_INET, ip, 1000);
		send_to(fds[i], AF_INET, "127.0.0.1", &end, "y", 1);
		assert_int_equal(end_read(&end, 31), i < PLACES - 1);
		assert_int_equal(dropped(&end, "peers_full"), i >= PLACES - 1);
	}
	/* After the age of those, who sent meanwhile is still there, and others find a place. */
	end.io.now += 9500000000;
	send_to(configured, AF_INET, "127.0.0.1", &end, "a", 1);
	send_to(learned, AF_INET, "127.0.0.1", &end, "b", 1);
	assert_int_equal(end_read(&end, 31), 2);
	assert_int_equal(io_packet(&end.io, 0)->peer, 1);
	assert_int_equal(io_packet(&end.io, 1)->peer, number);
	end.io.now += 1000000000;
	send_to(fds[SENDERS - 1], AF_INET, "127.0.0.1", &end, "z", 1);
	assert_int_equal(end_read(&end, 31), 1);
	assert_int_equal(counted(&end, "forgotten"), PLACES - 1);
	assert_int_equal(counted(&end, "learned"), PLACES + 1);
	assert_string_equal(end_write(&end, number, "hello", 5), "sent");
	assert_int_equal(receive(learned, at, sizeof(at)), 5);
	for (unsigned i = 0; i < SENDERS; i++)
		close(fds[i]);
	close(configured);
	close(learned);
	end_close(&end);
}

/* --- a peer that goes and comes --- */

static void a_peer_may_go_and_come(void **state)
{
	struct end end;
	uint8_t bytes[8];
	uint16_t port;
	char at[64];
	int fd;

	(void)state;
	fd = socket_at(AF_INET, "127.0.0.1", 0);
	port = port_of(fd);
	snprintf(at, sizeof(at), "127.0.0.1:%u", port);
	end_open(&end, .remote = at, .layer = WEIR_LAYER_L2, .netns = site[0].path);
	assert_string_equal(end_write(&end, 0, "1", 1), "sent");
	assert_int_equal(receive(fd, bytes, sizeof(bytes)), 1);
	close(fd);
	/* Nobody listens: the network says so of each, with the next call, which is made again. */
	for (unsigned i = 0; i < 10; i++)
		assert_string_equal(end_write(&end, 0, "2", 1), "sent");
	assert_int_equal(counted(&end, "write_notices"), 9);
	wait_for(end.info.read_fd, POLLERR);
	assert_int_equal(io_read(&end.io, type, end.state, 31), 0);
	assert_int_equal(counted(&end, "read_notices"), 1);
	fd = socket_at(AF_INET, "127.0.0.1", port);
	assert_string_equal(end_write(&end, 0, "3", 1), "sent");
	assert_int_equal(receive(fd, bytes, sizeof(bytes)), 1);
	assert_int_equal(bytes[0], '3');
	send_to(fd, AF_INET, "127.0.0.1", &end, "4", 1);
	assert_int_equal(end_read(&end, 31), 1);
	close(fd);
	end_close(&end);
}

static void a_connected_socket_hears_one_peer(void **state)
{
	int peer, stranger;
	struct end end;
	char at[64];

	(void)state;
	peer = socket_at(AF_INET, "127.0.0.1", 0);
	stranger = socket_at(AF_INET, "127.0.0.1", 0);
	snprintf(at, sizeof(at), "127.0.0.1:%u", port_of(peer));
	end_open(&end, .local = "127.0.0.1:0", .remote = at, .layer = WEIR_LAYER_L2, .netns = site[0].path);
	send_to(stranger, AF_INET, "127.0.0.1", &end, "stranger", 8);
	send_to(peer, AF_INET, "127.0.0.1", &end, "peer", 4);
	assert_int_equal(end_read(&end, 31), 1);
	assert_int_equal(io_packet(&end.io, 0)->len, 4);
	assert_int_equal(io_packet(&end.io, 0)->peer, 0);
	assert_int_equal(weir_udp_peer(end.state, 0, at), 0);
	assert_int_equal(weir_udp_peer(end.state, 1, at), -ENOENT);
	close(peer);
	close(stranger);
	end_close(&end);
}

static void what_cannot_be_reached_is_dropped(void **state)
{
	struct end end;

	(void)state;
	end_open(&end, .local = "0.0.0.0:0", .peers = WEIR_LIST("198.51.100.1:1", "127.0.0.1:1"),
		 .layer = WEIR_LAYER_L2, .netns = site[0].path);
	assert_string_equal(end_write(&end, 1, "x", 1), "unreachable");
	assert_string_equal(end_write(&end, 2, "x", 1), "sent");
	end_close(&end);
}

/* --- full buffers --- */

static void write_proc(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* Whoever is asked for behind this device, nobody answers, and nobody gives up asking. */
static int make_silent_device(void)
{
	const struct weir__address address = {
		.local = { .family = 4, .bytes = { 10, 5, 0, 1 } },
		.bits = 24,
	};
	struct ifreq request = { .ifr_name = "tap5", .ifr_flags = IFF_TAP | IFF_NO_PI };
	struct weir__netlink netlink;
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	write_proc("/proc/sys/net/ipv4/neigh/tap5/mcast_solicit", "1000000");
	namespace_set_flag("tap5", IFF_UP, true);
	assert_int_equal(weir__netlink_open(&netlink, NULL), 0);
	assert_int_equal(weir__address_add(&netlink, if_nametoindex("tap5"), &address, 0, NULL), 0);
	weir__netlink_close(&netlink);
	return fd;
}

/* Now somebody is there. */
static void make_neighbour(void)
{
	static const uint8_t mac[6] = TAP_MAC;
	struct arpreq request = { .arp_flags = ATF_PERM | ATF_COM, .arp_dev = "tap5" };
	union address address;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	address_fill(&address, AF_INET, "10.5.0.2", 0);
	memcpy(&request.arp_pa, &address, sizeof(address.ipv4));
	request.arp_ha.sa_family = ARPHRD_ETHER;
	memcpy(request.arp_ha.sa_data, mac, 6);
	assert_int_equal(ioctl(fd, SIOCSARP, &request), 0);
	close(fd);
}

/* The numbers of the datagrams that come out of the device, which must be in order. */
static void take_frames(int tap, uint32_t *next)
{
	uint8_t frame[2048];
	struct pollfd wait = { .fd = tap, .events = POLLIN };

	while (poll(&wait, 1, 0) == 1) {
		const ssize_t n = read(tap, frame, sizeof(frame));
		uint32_t number;

		assert_true(n > 0);
		if (n < 46 || frame[12] != 8 || frame[13] != 0 || frame[23] != 17)
			continue;
		memcpy(&number, frame + 42, sizeof(number));
		assert_int_equal(number, *next);
		++*next;
	}
}

/* The kernel keeps what it cannot send yet, up to the size of the send buffer; the writer waits, and goes on.
 */
static void a_full_socket_stalls_and_goes_on(void **state)
{
	uint8_t bytes[1000] = { 0 };
	uint32_t sent = 0, next = 0, n;
	struct end end;
	int tap;

	(void)state;
	site_enter(&site[0]);
	tap = make_silent_device();
	end_open(&end, .local = "10.5.0.1:0", .remote = "10.5.0.2:4789", .layer = WEIR_LAYER_L2,
		 .send_buffer = 20000, .no_gso = true);
	do {
		io_begin(&end.io);
		for (uint32_t i = 0; i < 31; i++) {
			const uint32_t number = sent + i;

			memcpy(bytes, &number, sizeof(number));
			io_add(&end.io, bytes, sizeof(bytes));
		}
		n = io_write(&end.io, type, end.state);
		assert_int_equal(end.io.writer.error, 0);
		assert_int_equal(end.io.writer.any, 0);
		sent += n;
		assert_true(sent < 1000);
	} while (n == 31);
	make_neighbour();
	while (next < 1000) {
		wait_for(end.info.write_fd, end.info.write_events);
		memcpy(bytes, &sent, sizeof(sent));
		assert_string_equal(end_write(&end, 0, bytes, sizeof(bytes)), "sent");
		sent++;
		take_frames(tap, &next);
	}
	end_close(&end);
	close(tap);
	site_leave();
}

static void a_full_receive_buffer_is_counted(void **state)
{
	uint64_t drops = 0;
	struct end end;
	int fd;

	(void)state;
	end_open(&end, .local = "127.0.0.1:0", .learn = true, .layer = WEIR_LAYER_L2, .netns = site[0].path,
		 .receive_buffer = 4096);
	assert_int_equal(weir_udp_kernel_drops(end.state, &drops, NULL), 0);
	assert_int_equal(drops, 0);
	fd = socket_at(AF_INET, "127.0.0.1", 0);
	for (unsigned i = 0; i < 100; i++)
		send_to(fd, AF_INET, "127.0.0.1", &end, "x", 1);
	assert_int_equal(weir_udp_kernel_drops(end.state, &drops, NULL), 0);
	assert_true(drops > 0);
	assert_int_equal(end_read(&end, 31) < 31 ? end.io.reader.n + drops : 100, 100);
	close(fd);
	end_close(&end);
}

/* --- options --- */

static int byte_option(struct msghdr *message, int level, int kind)
{
	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part))
		if (part->cmsg_level == level && part->cmsg_type == kind)
			return *(const uint8_t *)CMSG_DATA(part); /* the kernel gives a byte or a small int */
	return -1;
}

static void options_are_set(void **state)
{
	static const struct {
		int family;
		const char *ip, *written;
		int level, ask_tos, tos, ask_ttl, ttl;
	} cases[] = {
		{ AF_INET, "127.0.0.1", "127.0.0.1", IPPROTO_IP, IP_RECVTOS, IP_TOS, IP_RECVTTL, IP_TTL },
		{ AF_INET6, "::1", "[::1]", IPPROTO_IPV6, IPV6_RECVTCLASS, IPV6_TCLASS, IPV6_RECVHOPLIMIT,
		  IPV6_HOPLIMIT },
	};
	const int on = 1;

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		_Alignas(struct cmsghdr) uint8_t control[256];
		uint8_t bytes[8];
		struct iovec iov = { bytes, sizeof(bytes) };
		struct msghdr message = { .msg_iov = &iov,
					  .msg_iovlen = 1,
					  .msg_control = control,
					  .msg_controllen = sizeof(control) };
		struct end end;
		char at[64];
		int fd = socket_at(cases[i].family, cases[i].ip, 0);

		assert_int_equal(setsockopt(fd, cases[i].level, cases[i].ask_tos, &on, sizeof(on)), 0);
		assert_int_equal(setsockopt(fd, cases[i].level, cases[i].ask_ttl, &on, sizeof(on)), 0);
		snprintf(at, sizeof(at), "%s:%u", cases[i].written, port_of(fd));
		end_open(&end, .remote = at, .layer = WEIR_LAYER_L2, .netns = site[0].path, .dscp = 46,
			 .ttl = 7, .bind_device = "lo", .mark = 99);
		assert_string_equal(end_write(&end, 0, "x", 1), "sent");
		wait_for(fd, POLLIN);
		assert_int_equal(recvmsg(fd, &message, 0), 1);
		assert_int_equal(byte_option(&message, cases[i].level, cases[i].tos), 46 << 2);
		assert_int_equal(byte_option(&message, cases[i].level, cases[i].ttl), 7);
		close(fd);
		end_close(&end);
	}
}

static void errors_name_the_option(void **state)
{
	char at[64], text[256];
	struct end end;

	(void)state;
	end_open(&end, .local = "127.0.0.1:0", .learn = true, .netns = site[0].path);
	at_port_of(&end, "127.0.0.1", at);
	snprintf(text, sizeof(text), "local: '%s': Address already in use", at);
	refuses(text, .local = at, .learn = true, .netns = site[0].path);
	end_close(&end);
	snprintf(text, sizeof(text), "remote: '%s' is the socket itself", at);
	refuses(text, .local = at, .remote = at, .netns = site[0].path);
	refuses("local: '192.0.2.99:1': Cannot assign requested address", .local = "192.0.2.99:1",
		.learn = true, .netns = site[0].path);
	refuses("remote: '198.51.100.1:1' from '0.0.0.0:0': Network is unreachable",
		.remote = "198.51.100.1:1", .netns = site[0].path);
	refuses("bind_device: 'nothing0': No such device", .remote = "127.0.0.1:1", .bind_device = "nothing0",
		.netns = site[0].path);
	refuses("network namespace '/nowhere': No such file or directory", .remote = "127.0.0.1:1",
		.netns = "/nowhere");
}

static int make_world(void **state)
{
	(void)state;
	site_make(&site[0]);
	site_make(&site[1]);
	has_wire = wire_make(site);
	if (!has_wire)
		print_message("there are no veth devices: only loopback is tested\n");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_packets),
		cmocka_unit_test(passes_the_largest_datagrams),
		cmocka_unit_test(knows_the_mtu_of_the_way),
		cmocka_unit_test(layer_3_is_tested),
		cmocka_unit_test(answers_go_to_who_asked),
		cmocka_unit_test(a_flood_of_senders_is_capped),
		cmocka_unit_test(a_peer_may_go_and_come),
		cmocka_unit_test(a_connected_socket_hears_one_peer),
		cmocka_unit_test(what_cannot_be_reached_is_dropped),
		cmocka_unit_test(a_full_socket_stalls_and_goes_on),
		cmocka_unit_test(a_full_receive_buffer_is_counted),
		cmocka_unit_test(options_are_set),
		cmocka_unit_test(errors_name_the_option),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, make_world, NULL);
}
