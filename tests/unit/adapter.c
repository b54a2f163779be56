/* SPDX-License-Identifier: Apache-2.0 */
/* The adapter over a pair of sockets: the test is the tunnel at one side and the application at the other. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

#include <weir/adapter.h>

#include "clock.h"
#include "sanitizer.h"

#define MAC      "02:00:00:00:00:0a"
#define NEXT_HOP "02:00:00:00:00:0b"

#define MAC_BYTES      0x02, 0, 0, 0, 0, 0x0a
#define NEXT_HOP_BYTES 0x02, 0, 0, 0, 0, 0x0b

#define IPV4_TO(...) 0x45, 0, 0, 24, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, __VA_ARGS__, 1, 2, 3, 4
#define IPV4         IPV4_TO(10, 0, 0, 2)
#define IPV6                                                                                                 \
	0x60, 0, 0, 0, 0, 4, 59, 64, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xfd, 0, 0, 0, 0, 0, \
		0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 9, 8, 7, 6

#define BYTES(...) ((const uint8_t[]){ __VA_ARGS__ }), sizeof((const uint8_t[]){ __VA_ARGS__ })

/* An adapter whose tunnel is the test's socket. */
struct tunnel {
	struct weir_adapter *adapter;
	int socket;
};

static void open_with(struct tunnel *tunnel, int type, struct weir_adapter_options options)
{
	struct weir_error err;
	int sockets[2];

	assert_int_equal(socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets), 0);
	options.mac = MAC;
	options.next_hop = NEXT_HOP;
	options.from_fd = true;
	options.fd = sockets[0];
	options.ownership = WEIR_FD_TAKEN;
	if (weir_adapter_create(&tunnel->adapter, &options, &err) < 0)
		fail_msg("%s", err.text);
	tunnel->socket = sockets[1];
}

static void open_framed(struct tunnel *tunnel, enum weir_framing framing)
{
	open_with(tunnel, SOCK_DGRAM, (struct weir_adapter_options){ .framing = framing });
}

static void shut(struct tunnel *tunnel)
{
	weir_adapter_close(tunnel->adapter);
	if (tunnel->socket >= 0)
		close(tunnel->socket);
}

static void put(struct tunnel *tunnel, const uint8_t *packet, size_t size)
{
	assert_int_equal(send(tunnel->socket, packet, size, 0), size);
}

static void expect_frame(struct tunnel *tunnel, const uint8_t *frame, size_t size)
{
	uint8_t got[200];

	assert_int_equal(weir_adapter_read_frame(tunnel->adapter, got, sizeof(got), -1), size);
	assert_memory_equal(got, frame, size);
}

static void expect_none(struct tunnel *tunnel)
{
	uint8_t got[200];

	assert_int_equal(weir_adapter_read_frame(tunnel->adapter, got, sizeof(got), 0), -EAGAIN);
}

/* The frame comes out of the tunnel as that packet. */
static void expect_written(struct tunnel *tunnel, const uint8_t *frame, size_t size, const uint8_t *packet,
			   size_t length)
{
	uint8_t got[200];

	assert_int_equal(weir_adapter_write_frame(tunnel->adapter, frame, size), size);
	assert_int_equal(recv(tunnel->socket, got, sizeof(got), 0), length);
	assert_memory_equal(got, packet, length);
}

static void expect_refused(struct tunnel *tunnel, const uint8_t *frame, size_t size)
{
	uint8_t got[200];

	assert_int_equal(weir_adapter_write_frame(tunnel->adapter, frame, size), 0);
	assert_int_equal(recv(tunnel->socket, got, sizeof(got), 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static struct weir_adapter_stats stats_of(struct tunnel *tunnel)
{
	struct weir_adapter_stats stats;

	assert_int_equal(weir_adapter_stats(tunnel->adapter, &stats), 0);
	return stats;
}

static bool is_readable(const struct tunnel *tunnel)
{
	struct pollfd fd = { .fd = weir_adapter_fd(tunnel->adapter), .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

static void carries_raw_packets(void **state)
{
	struct weir_adapter_stats stats;
	struct tunnel tunnel;

	(void)state;
	open_framed(&tunnel, WEIR_FRAMING_RAW);
	assert_string_equal(weir_adapter_name(tunnel.adapter), "");
	expect_none(&tunnel);
	put(&tunnel, BYTES(IPV4));
	put(&tunnel, BYTES(IPV6));
	put(&tunnel, BYTES(IPV4_TO(239, 255, 1, 2)));
	put(&tunnel, BYTES(IPV4_TO(255, 255, 255, 255)));
	expect_frame(&tunnel, BYTES(NEXT_HOP_BYTES, MAC_BYTES, 0x08, 0x00, IPV4));
	/* What was not asked for yet still waits where the descriptor tells of it. */
	assert_true(is_readable(&tunnel));
	expect_frame(&tunnel, BYTES(NEXT_HOP_BYTES, MAC_BYTES, 0x86, 0xdd, IPV6));
	expect_frame(&tunnel,
		     BYTES(0x01, 0, 0x5e, 0x7f, 1, 2, MAC_BYTES, 0x08, 0x00, IPV4_TO(239, 255, 1, 2)));
	expect_frame(&tunnel, BYTES(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, MAC_BYTES, 0x08, 0x00,
				    IPV4_TO(255, 255, 255, 255)));
	expect_none(&tunnel);
	expect_written(&tunnel, BYTES(MAC_BYTES, NEXT_HOP_BYTES, 0x08, 0x00, IPV4), BYTES(IPV4));
	/* What pads a short frame does not get into the tunnel. */
	expect_written(&tunnel, BYTES(MAC_BYTES, NEXT_HOP_BYTES, 0x86, 0xdd, IPV6, 0, 0, 0), BYTES(IPV6));
	stats = stats_of(&tunnel);
	assert_int_equal(stats.read_frames, 4);
	assert_int_equal(stats.read_bytes, 4 * 14 + 3 * 24 + 44);
	assert_int_equal(stats.write_frames, 2);
	assert_int_equal(stats.write_bytes, 24 + 44);
	assert_int_equal(stats.read_drops, 0);
	assert_int_equal(stats.write_drops, 0);
	shut(&tunnel);
}

static void carries_tun_pi(void **state)
{
	struct tunnel tunnel;

	(void)state;
	open_framed(&tunnel, WEIR_FRAMING_TUN_PI);
	put(&tunnel, BYTES(0, 0, 0x08, 0x00, IPV4));
	put(&tunnel, BYTES(0, 0, 0x86, 0xdd, IPV6));
	expect_frame(&tunnel, BYTES(NEXT_HOP_BYTES, MAC_BYTES, 0x08, 0x00, IPV4));
	expect_frame(&tunnel, BYTES(NEXT_HOP_BYTES, MAC_BYTES, 0x86, 0xdd, IPV6));
	expect_written(&tunnel, BYTES(MAC_BYTES, NEXT_HOP_BYTES, 0x08, 0x00, IPV4),
		       BYTES(0, 0, 0x08, 0x00, IPV4));
	expect_written(&tunnel, BYTES(MAC_BYTES, NEXT_HOP_BYTES, 0x86, 0xdd, IPV6),
		       BYTES(0, 0, 0x86, 0xdd, IPV6));
	assert_int_equal(stats_of(&tunnel).write_bytes, 24 + 44 + 2 * 4);
	shut(&tunnel);
}

static void carries_utun(void **state)
{
	static const uint8_t af_inet6[] = { 10, 24, 28, 30 };
	struct tunnel tunnel;

	(void)state;
	open_framed(&tunnel, WEIR_FRAMING_UTUN);
	put(&tunnel, BYTES(0, 0, 0, 2, IPV4));
	expect_frame(&tunnel, BYTES(NEXT_HOP_BYTES, MAC_BYTES, 0x08, 0x00, IPV4));
	for (size_t i = 0; i < countof(af_inet6); i++) {
		put(&tunnel, BYTES(0, 0, 0, af_inet6[i], IPV6));
		expect_frame(&tunnel, BYTES(NEXT_HOP_BYTES, MAC_BYTES, 0x86, 0xdd, IPV6));
	}
	expect_written(&tunnel, BYTES(MAC_BYTES, NEXT_HOP_BYTES, 0x08, 0x00, IPV4), BYTES(0, 0, 0, 2, IPV4));
	expect_written(&tunnel, BYTES(MAC_BYTES, NEXT_HOP_BYTES, 0x86, 0xdd, IPV6), BYTES(0, 0, 0, 30, IPV6));
	shut(&tunnel);
}

/* What is no IP packet is passed over, however much of it comes. */
static void skips_what_is_no_packet(void **state)
{
	struct tunnel tunnel;

	(void)state;
	open_framed(&tunnel, WEIR_FRAMING_RAW);
	put(&tunnel, BYTES(0));
	put(&tunnel, BYTES(0x55, 1, 2, 3));
	put(&tunnel, BYTES(0x45, 0, 0, 200, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2));
	expect_none(&tunnel);
	assert_int_equal(stats_of(&tunnel).read_drops, 3);
	put(&tunnel, BYTES(0x65));
	put(&tunnel, BYTES(IPV4));
	expect_frame(&tunnel, BYTES(NEXT_HOP_BYTES, MAC_BYTES, 0x08, 0x00, IPV4));
	assert_int_equal(stats_of(&tunnel).read_drops, 4);
	assert_int_equal(stats_of(&tunnel).read_frames, 1);
	shut(&tunnel);
}

static void refuses_frames(void **state)
{
	struct tunnel tunnel;

	(void)state;
	open_framed(&tunnel, WEIR_FRAMING_RAW);
	expect_refused(&tunnel, BYTES(NEXT_HOP_BYTES, MAC_BYTES, 0x08, 0x00, IPV4)); /* for somebody else */
	expect_refused(&tunnel, BYTES(MAC_BYTES, NEXT_HOP_BYTES, 0x08, 0x06, 0, 1)); /* ARP */
	expect_refused(&tunnel, BYTES(MAC_BYTES, NEXT_HOP_BYTES, 0x86, 0xdd, IPV4)); /* another version */
	expect_refused(&tunnel, BYTES(MAC_BYTES, NEXT_HOP_BYTES, 0x08, 0x00, 0x45, 0, 0, 21)); /* cut */
	expect_refused(&tunnel, BYTES(MAC_BYTES, NEXT_HOP_BYTES, 0x08));
	expect_refused(&tunnel, (const uint8_t *)"", 0);
	assert_int_equal(stats_of(&tunnel).write_drops, 6);
	/* That is no frame at all. */
	expect_refused(&tunnel, NULL, 0);
	assert_int_equal(stats_of(&tunnel).write_drops, 6);
	assert_int_equal(stats_of(&tunnel).write_frames, 0);
	expect_written(&tunnel, BYTES(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, NEXT_HOP_BYTES, 0x08, 0x00, IPV4),
		       BYTES(IPV4));
	expect_written(&tunnel, BYTES(0x33, 0x33, 0, 0, 0, 1, NEXT_HOP_BYTES, 0x86, 0xdd, IPV6), BYTES(IPV6));
	shut(&tunnel);
}

static void accepts_all_where_it_is_told_to(void **state)
{
	struct tunnel tunnel;

	(void)state;
	open_with(&tunnel, SOCK_DGRAM, (struct weir_adapter_options){ .accept_all = true });
	expect_written(&tunnel, BYTES(NEXT_HOP_BYTES, MAC_BYTES, 0x08, 0x00, IPV4), BYTES(IPV4));
	shut(&tunnel);
}

/* An IPv4 packet of that size, behind the header of a frame to the adapter. */
static void make_frame(uint8_t *frame, uint32_t size)
{
	static const uint8_t header[] = { MAC_BYTES, NEXT_HOP_BYTES, 0x08, 0x00, IPV4 };

	for (uint32_t i = 0; i < 14 + size; i++)
		frame[i] = (uint8_t)i;
	memcpy(frame, header, sizeof(header));
	frame[16] = (uint8_t)(size >> 8);
	frame[17] = (uint8_t)size;
}

static void carries_packets_up_to_the_mtu(void **state)
{
	static const uint32_t mtus[] = { 0, 576, 1500, 9000, 65000 };
	static uint8_t frame[65535 + 100], got[65535 + 100];
	struct tunnel tunnel;

	(void)state;
	for (size_t i = 0; i < countof(mtus); i++) {
		const uint32_t mtu = mtus[i] ? mtus[i] : 1500;

		open_with(&tunnel, SOCK_DGRAM, (struct weir_adapter_options){ .mtu = mtus[i] });
		make_frame(frame, mtu);
		assert_int_equal(weir_adapter_write_frame(tunnel.adapter, frame, mtu + 14), mtu + 14);
		assert_int_equal(recv(tunnel.socket, got, sizeof(got), 0), mtu);
		assert_memory_equal(got, frame + 14, mtu);
		put(&tunnel, frame + 14, mtu);
		assert_int_equal(weir_adapter_read_frame(tunnel.adapter, got, sizeof(got), -1), mtu + 14);
		assert_memory_equal(got + 14, frame + 14, mtu);
		/* Larger than any packet. */
		assert_int_equal(weir_adapter_write_frame(tunnel.adapter, frame, 65536), -EMSGSIZE);
		shut(&tunnel);
	}
}

/* Without jumbo buffers, what is far larger than the tunnel's packets is lost, and counted. */
static void drops_what_is_too_long(void **state)
{
	static uint8_t frame[65535];
	struct tunnel tunnel;

	(void)state;
	open_framed(&tunnel, WEIR_FRAMING_RAW);
	make_frame(frame, 9000);
	expect_refused(&tunnel, frame, 9014);
	assert_int_equal(stats_of(&tunnel).write_drops, 1);
	put(&tunnel, frame + 14, 9000);
	expect_none(&tunnel);
	assert_int_equal(stats_of(&tunnel).read_drops, 1);
	/* Nothing of it comes later. */
	expect_written(&tunnel, BYTES(MAC_BYTES, NEXT_HOP_BYTES, 0x08, 0x00, IPV4), BYTES(IPV4));
	shut(&tunnel);
}

static void a_buffer_may_be_too_small(void **state)
{
	struct tunnel tunnel;
	uint8_t got[38];

	(void)state;
	open_framed(&tunnel, WEIR_FRAMING_RAW);
	put(&tunnel, BYTES(IPV6));
	put(&tunnel, BYTES(IPV4));
	assert_int_equal(weir_adapter_read_frame(tunnel.adapter, got, sizeof(got), -1), -EMSGSIZE);
	assert_int_equal(stats_of(&tunnel).read_drops, 1);
	assert_int_equal(weir_adapter_read_frame(tunnel.adapter, got, sizeof(got), -1), sizeof(got));
	assert_memory_equal(got + 14, ((const uint8_t[]){ IPV4 }), 24);
	assert_int_equal(stats_of(&tunnel).read_frames, 1);
	shut(&tunnel);
}

static void waits_as_long_as_it_is_told_to(void **state)
{
	struct tunnel tunnel;
	uint8_t got[100];
	uint64_t begin;

	(void)state;
	open_framed(&tunnel, WEIR_FRAMING_RAW);
	expect_none(&tunnel);
	assert_false(is_readable(&tunnel));
	begin = weir__now();
	assert_int_equal(weir_adapter_read_frame(tunnel.adapter, got, sizeof(got), 20), -EAGAIN);
	assert_true(weir__now() - begin >= 20 * 1000000);
	/* What is no packet does not make the time begin anew. */
	put(&tunnel, BYTES(0));
	begin = weir__now();
	assert_int_equal(weir_adapter_read_frame(tunnel.adapter, got, sizeof(got), 20), -EAGAIN);
	assert_true(weir__now() - begin >= 20 * 1000000);
	put(&tunnel, BYTES(IPV4));
	assert_true(is_readable(&tunnel));
	assert_int_equal(weir_adapter_read_frame(tunnel.adapter, got, sizeof(got), 0), 38);
	assert_false(is_readable(&tunnel));
	shut(&tunnel);
}

struct reading {
	struct tunnel *tunnel;
	uint32_t begun;
	ssize_t result;
};

static void *read_one(void *argument)
{
	struct reading *reading = argument;
	uint8_t frame[100];

	__atomic_store_n(&reading->begun, 1, __ATOMIC_RELEASE);
	reading->result = weir_adapter_read_frame(reading->tunnel->adapter, frame, sizeof(frame), -1);
	return NULL;
}

/* Starts a thread that waits for a frame, or will in a moment: both must be the same to who ends it. */
static pthread_t begin_reading(struct reading *reading, struct tunnel *tunnel)
{
	pthread_t thread;

	*reading = (struct reading){ .tunnel = tunnel };
	assert_int_equal(pthread_create(&thread, NULL, read_one, reading), 0);
	while (!__atomic_load_n(&reading->begun, __ATOMIC_ACQUIRE))
		usleep(50);
	return thread;
}

static void a_packet_ends_the_wait(void **state)
{
	struct reading reading;
	struct tunnel tunnel;
	pthread_t thread;

	(void)state;
	open_framed(&tunnel, WEIR_FRAMING_RAW);
	for (int i = 0; i < 100; i++) {
		thread = begin_reading(&reading, &tunnel);
		put(&tunnel, BYTES(IPV4));
		pthread_join(thread, NULL);
		assert_int_equal(reading.result, 38);
	}
	shut(&tunnel);
}

static struct weir_adapter *interrupted;

/* The header says that a signal handler may; it leaves errno alone. */
static void interrupt(int signal)
{
	(void)signal;
	/* NOLINTBEGIN(bugprone-signal-handler): that is what is tested */
	errno = 12345;
	weir_adapter_interrupt(interrupted);
	/* NOLINTEND(bugprone-signal-handler) */
	if (errno != 12345)
		abort();
}

static void can_be_interrupted(void **state)
{
	struct reading reading;
	struct tunnel tunnel;
	pthread_t thread;
	uint8_t got[100];

	(void)state;
	open_framed(&tunnel, WEIR_FRAMING_RAW);
	for (int i = 0; i < 100; i++) {
		thread = begin_reading(&reading, &tunnel);
		weir_adapter_interrupt(tunnel.adapter);
		pthread_join(thread, NULL);
		assert_int_equal(reading.result, -EINTR);
	}
	/* Before anybody waits: the next one that would, once. */
	weir_adapter_interrupt(tunnel.adapter);
	weir_adapter_interrupt(tunnel.adapter);
	put(&tunnel, BYTES(IPV4));
	assert_int_equal(weir_adapter_read_frame(tunnel.adapter, got, sizeof(got), -1), 38);
	assert_int_equal(weir_adapter_read_frame(tunnel.adapter, got, sizeof(got), -1), -EINTR);
	assert_int_equal(weir_adapter_read_frame(tunnel.adapter, got, sizeof(got), 0), -EAGAIN);

	interrupted = tunnel.adapter;
	signal(SIGUSR1, interrupt);
	raise(SIGUSR1);
	assert_int_equal(weir_adapter_read_frame(tunnel.adapter, got, sizeof(got), -1), -EINTR);
	signal(SIGUSR1, SIG_DFL);
	shut(&tunnel);
}

static void ignore(int signal)
{
	(void)signal;
}

/* Another signal is nobody's business. */
static void goes_on_waiting_after_a_signal(void **state)
{
	struct sigaction action = { .sa_handler = ignore }; /* no SA_RESTART */
	struct reading reading;
	struct tunnel tunnel;
	pthread_t thread;

	(void)state;
	open_framed(&tunnel, WEIR_FRAMING_RAW);
	assert_int_equal(sigaction(SIGUSR2, &action, NULL), 0);
	thread = begin_reading(&reading, &tunnel);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(pthread_kill(thread, SIGUSR2), 0);
		usleep(50);
	}
	put(&tunnel, BYTES(IPV4));
	pthread_join(thread, NULL);
	assert_int_equal(reading.result, 38);
	shut(&tunnel);
}

/* A tunnel that takes no more: one frame waits inside, and what was taken comes out in order. */
static void says_when_the_device_is_full(void **state)
{
	struct tunnel tunnel;
	uint8_t frame[14 + 24], got[100];
	uint8_t sent = 0;

	(void)state;
	open_framed(&tunnel, WEIR_FRAMING_RAW);
	make_frame(frame, 24);
	for (int round = 0; round < 3; round++) {
		const uint8_t first = sent;
		unsigned written = 0, received = 0;
		ssize_t n;

		while (frame[37] = sent,
		       (n = weir_adapter_write_frame(tunnel.adapter, frame, sizeof(frame))) > 0) {
			assert_int_equal(n, sizeof(frame));
			sent++;
			written++;
		}
		assert_int_equal(n, -EAGAIN);
		assert_int_equal(weir_adapter_write_frame(tunnel.adapter, frame, sizeof(frame)), -EAGAIN);
		/* Still, frames are read. */
		put(&tunnel, BYTES(IPV4));
		expect_frame(&tunnel, BYTES(NEXT_HOP_BYTES, MAC_BYTES, 0x08, 0x00, IPV4));
		while (recv(tunnel.socket, got, sizeof(got), 0) == 24)
			assert_int_equal(got[23], (uint8_t)(first + received++));
		assert_int_equal(received, written - 1);
		/* The one that waited goes first, or alone. */
		if (round == 1) {
			assert_int_equal(weir_adapter_write_frame(tunnel.adapter, NULL, 0), 0);
			assert_int_equal(recv(tunnel.socket, got, sizeof(got), 0), 24);
			assert_int_equal(got[23], (uint8_t)(first + received));
			continue;
		}
		assert_int_equal(weir_adapter_write_frame(tunnel.adapter, frame, sizeof(frame)),
				 sizeof(frame));
		assert_int_equal(recv(tunnel.socket, got, sizeof(got), 0), 24);
		assert_int_equal(got[23], (uint8_t)(first + received));
		assert_int_equal(recv(tunnel.socket, got, sizeof(got), 0), 24);
		assert_int_equal(got[23], sent++);
	}
	assert_int_equal(stats_of(&tunnel).write_drops, 0);
	shut(&tunnel);
}

static void tells_what_the_device_died_of(void **state)
{
	struct tunnel tunnel;
	uint8_t got[100];

	(void)state;
	open_with(&tunnel, SOCK_SEQPACKET, (struct weir_adapter_options){ 0 });
	put(&tunnel, BYTES(IPV4));
	close(tunnel.socket);
	tunnel.socket = -1;
	/* What came before is read. */
	expect_frame(&tunnel, BYTES(NEXT_HOP_BYTES, MAC_BYTES, 0x08, 0x00, IPV4));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(weir_adapter_read_frame(tunnel.adapter, got, sizeof(got), -1), -EPIPE);
		assert_int_equal(weir_adapter_write_frame(tunnel.adapter,
							  BYTES(MAC_BYTES, NEXT_HOP_BYTES, 0x08, 0x00, IPV4)),
				 -EPIPE);
	}
	shut(&tunnel);

	open_framed(&tunnel, WEIR_FRAMING_RAW);
	close(tunnel.socket);
	tunnel.socket = -1;
	for (int i = 0; i < 2; i++)
		assert_int_equal(weir_adapter_write_frame(tunnel.adapter,
							  BYTES(MAC_BYTES, NEXT_HOP_BYTES, 0x08, 0x00, IPV4)),
				 -ECONNREFUSED);
	assert_int_equal(weir_adapter_read_frame(tunnel.adapter, got, sizeof(got), -1), -ECONNREFUSED);
	assert_int_equal(stats_of(&tunnel).write_drops, 1);
	shut(&tunnel);
}

static void refuses(const struct weir_adapter_options *options, const char *text)
{
	struct weir_adapter *adapter = (void *)&text;
	struct weir_error err;

	assert_int_equal(weir_adapter_create(&adapter, options, &err), -EINVAL);
	assert_string_equal(err.text, text);
	assert_null(adapter);
	assert_int_equal(weir_adapter_create(&adapter, options, NULL), -EINVAL);
}

static void refuses_wrong_options(void **state)
{
	char text[200];
	int sockets[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, sockets), 0);
	refuses(&(struct weir_adapter_options){ .from_fd = true, .fd = sockets[0] }, "mac: missing");
	refuses(&(struct weir_adapter_options){ .mac = "02:00", .from_fd = true, .fd = sockets[0] },
		"read/eth_wrap: source: '02:00' is not a MAC address\n"
		"write/mac_filter: own[0]: '02:00' is not a MAC address");
	refuses(
		&(struct weir_adapter_options){
			.mac = MAC, .next_hop = "x", .from_fd = true, .fd = sockets[0] },
		"read/eth_wrap: next_hop: 'x' is not a MAC address");
	refuses(&(struct weir_adapter_options){ .mac = MAC, .from_fd = true, .fd = -1 },
		"endpoint device: fd: -1 is not an open descriptor");
	refuses(
		&(struct weir_adapter_options){
			.mac = MAC, .from_fd = true, .fd = sockets[0], .framing = (enum weir_framing)9 },
		"endpoint device: framing: 9 is not one");
	refuses(&(struct weir_adapter_options){ .mac = MAC, .from_fd = true, .fd = sockets[0], .mtu = 70000 },
		"endpoint device: max_packet: 70000 is more than 65535");
	refuses(&(struct weir_adapter_options){ .mac = MAC, .name = "more than 15 bytes" },
		"endpoint device: device: 'more than 15 bytes' is longer than 15 bytes");
	assert_int_equal(fcntl(sockets[0], F_SETFL, 0), 0);
	snprintf(text, sizeof(text),
		 "endpoint device: fd: %d blocks; set O_NONBLOCK, or ownership to WEIR_FD_DUPLICATED or "
		 "WEIR_FD_TAKEN",
		 sockets[0]);
	refuses(&(struct weir_adapter_options){ .mac = MAC, .from_fd = true, .fd = sockets[0] }, text);
	assert_int_equal(send(sockets[1], "x", 1, 0), 1); /* nobody closed the other one */
	close(sockets[0]);
	close(sockets[1]);
}

static void leaves_a_borrowed_descriptor_open(void **state)
{
	struct weir_adapter_options options = { .mac = MAC, .from_fd = true };
	struct weir_adapter *adapter;
	int sockets[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, sockets), 0);
	options.fd = sockets[0];
	assert_int_equal(weir_adapter_create(&adapter, &options, NULL), 0);
	assert_int_equal(weir_adapter_fd(adapter), sockets[0]);
	weir_adapter_close(adapter);
	weir_adapter_close(NULL);
	assert_true(fcntl(sockets[0], F_GETFD) >= 0);
	close(sockets[0]);
	close(sockets[1]);
}

struct exchange {
	struct tunnel tunnel;
	unsigned n;
	unsigned wrong;
};

static void *read_all(void *argument)
{
	struct exchange *exchange = argument;
	uint8_t got[100];

	for (unsigned i = 0; i < exchange->n; i++)
		if (weir_adapter_read_frame(exchange->tunnel.adapter, got, sizeof(got), -1) != 38 ||
		    got[37] != (uint8_t)i)
			exchange->wrong++;
	return NULL;
}

static void *write_all(void *argument)
{
	struct exchange *exchange = argument;
	uint8_t frame[38];

	make_frame(frame, 24);
	for (unsigned i = 0; i < exchange->n; i++) {
		frame[37] = (uint8_t)i;
		while (weir_adapter_write_frame(exchange->tunnel.adapter, frame, sizeof(frame)) == -EAGAIN)
			usleep(50);
	}
	while (weir_adapter_write_frame(exchange->tunnel.adapter, NULL, 0) == -EAGAIN)
		usleep(50);
	return NULL;
}

/* A thread that reads, one that writes and one that looks, while the tunnel gives back what it gets. */
static void reads_and_writes_at_once(void **state)
{
	struct exchange reading = { .n = TEST_ROUNDS(20000) }, writing;
	struct pollfd fd = { .events = POLLIN };
	pthread_t threads[2];
	uint8_t packet[100];

	(void)state;
	open_framed(&reading.tunnel, WEIR_FRAMING_RAW);
	writing = reading;
	assert_int_equal(pthread_create(&threads[0], NULL, read_all, &reading), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, write_all, &writing), 0);
	fd.fd = reading.tunnel.socket;
	for (unsigned i = 0; i < reading.n;) {
		if (recv(fd.fd, packet, sizeof(packet), 0) < 0) {
			poll(&fd, 1, 10);
			(void)stats_of(&reading.tunnel);
			continue;
		}
		assert_int_equal(packet[23], (uint8_t)i++);
		while (send(fd.fd, packet, 24, 0) < 0)
			usleep(50);
	}
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	assert_int_equal(reading.wrong, 0);
	assert_int_equal(stats_of(&reading.tunnel).read_frames, reading.n);
	assert_int_equal(stats_of(&reading.tunnel).write_frames, reading.n);
	shut(&reading.tunnel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_raw_packets),
		cmocka_unit_test(carries_tun_pi),
		cmocka_unit_test(carries_utun),
		cmocka_unit_test(skips_what_is_no_packet),
		cmocka_unit_test(refuses_frames),
		cmocka_unit_test(accepts_all_where_it_is_told_to),
		cmocka_unit_test(carries_packets_up_to_the_mtu),
		cmocka_unit_test(drops_what_is_too_long),
		cmocka_unit_test(a_buffer_may_be_too_small),
		cmocka_unit_test(waits_as_long_as_it_is_told_to),
		cmocka_unit_test(a_packet_ends_the_wait),
		cmocka_unit_test(can_be_interrupted),
		cmocka_unit_test(goes_on_waiting_after_a_signal),
		cmocka_unit_test(says_when_the_device_is_full),
		cmocka_unit_test(tells_what_the_device_died_of),
		cmocka_unit_test(refuses_wrong_options),
		cmocka_unit_test(leaves_a_borrowed_descriptor_open),
		cmocka_unit_test(reads_and_writes_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
