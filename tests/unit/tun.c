/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of a TUN device; and its reader and writer on a socket pair in the place of the device, for
 * what a device cannot be made to do.
 */
#include "test.h"

#include <sys/socket.h>
#include <unistd.h>

#include "device/tun.h"
#include "device/vnet.h"
#include "error.h"
#include "io.h"
#include "row.h"

#define ROUTES(...)                 \
	(const struct weir_route[]) \
	{                           \
		__VA_ARGS__,        \
		{                   \
			.to = NULL  \
		}                   \
	}

static struct weir_endpoint_info info;
static struct weir_error err;

static int check(struct weir_endpoint row)
{
	weir__error_clear(&err);
	memset(&info, 0, sizeof(info));
	return weir_tun_type.check(row.options, &info, &err);
}

#define refuses(text_, ...)                                                                    \
	do {                                                                                   \
		assert_int_equal(check((struct weir_endpoint)weir_tun(__VA_ARGS__)), -EINVAL); \
		assert_string_equal(err.text, text_);                                          \
	} while (0)

#define accepts(...)                                                    \
	do {                                                            \
		if (check((struct weir_endpoint)weir_tun(__VA_ARGS__))) \
			fail_msg("%s", err.text);                       \
	} while (0)

static void checks_the_name(void **state)
{
	(void)state;
	accepts("tun0", );
	accepts("a name for the endpoint alone", .device = "vpn%d");
	accepts("tun0", .device = "fifteen_bytes_x");
	refuses("device: is empty", "tun0", .device = "");
	refuses("device: is empty", NULL, );
	refuses("device: 'sixteen_bytes_xx' is longer than 15 bytes", "sixteen_bytes_xx", );
	refuses("device: 'a/b' is not the name of a device", "tun0", .device = "a/b");
	refuses("device: 'a b' is not the name of a device", "tun0", .device = "a b");
	refuses("device: 'a\tb' is not the name of a device", "tun0", .device = "a\tb");
	refuses("device: 'a:b' is not the name of a device", "tun0", .device = "a:b");
	refuses("device: '..' is not the name of a device", "tun0", .device = "..");
	refuses("device: 'tun%s': a pattern has one %d and no other %", "tun0", .device = "tun%s");
	refuses("device: 'a%d%d': a pattern has one %d and no other %", "tun0", .device = "a%d%d");
}

static void checks_the_mtu(void **state)
{
	(void)state;
	accepts("tun0", .mtu = 68);
	accepts("tun0", .mtu = 65535);
	accepts("tap0", .tap = true, .mtu = 65521);
	refuses("mtu: 67 is not from 68 to 65535", "tun0", .mtu = 67);
	refuses("mtu: 65536 is not from 68 to 65535", "tun0", .mtu = 65536);
	accepts("tun0", .packet_information = true, .mtu = 65531);
	refuses("mtu: 65532 is not from 68 to 65531", "tun0", .packet_information = true, .mtu = 65532);
	refuses("mtu: 65522 is not from 68 to 65521", "tap0", .tap = true, .mtu = 65522);
}

static void tells_layer_and_size(void **state)
{
	(void)state;
	accepts("tun0", .no_offload = WEIR_OFFLOAD_ALL);
	assert_int_equal(info.layer, WEIR_LAYER_AF);
	assert_int_equal(info.framing, WEIR_FRAMING_RAW);
	assert_int_equal(info.max_packet, 1500);
	accepts("tun0", .packet_information = true, .mtu = 9000);
	assert_int_equal(info.framing, WEIR_FRAMING_TUN_PI);
	assert_int_equal(info.max_packet, 9004);
	accepts("tap0", .tap = true, .mtu = 1400, .no_offload = WEIR_OFFLOAD_ALL);
	assert_int_equal(info.layer, WEIR_LAYER_L2);
	assert_int_equal(info.max_packet, 1418);
	assert_int_equal(info.headroom, 0);
	assert_int_equal(info.tailroom, 0);
}

static void expect_offload(uint32_t offload, uint32_t max_packet, bool gathers)
{
	assert_int_equal(info.gives, offload);
	assert_int_equal(info.takes, offload);
	assert_int_equal(info.gathers, gathers);
	assert_int_equal(info.headroom, offload ? 10 : 0);
	assert_int_equal(info.max_packet, max_packet);
}

static void tells_its_offload(void **state)
{
	const uint32_t csum_tso = WEIR_OFFLOAD_CSUM | WEIR_OFFLOAD_TSO | WEIR_OFFLOAD_TSO_ECN;

	(void)state;
	accepts("tun0", );
	expect_offload(WEIR_OFFLOAD_ALL, 65535, true);
	accepts("tap0", .tap = true, .no_gather = true);
	expect_offload(WEIR_OFFLOAD_ALL, 65535 + 18, false);
	/* The kernel has both of USO or none, and nothing without checksums. */
	accepts("tun0", .no_offload = WEIR_OFFLOAD_USO4);
	expect_offload(csum_tso, 65535, true);
	accepts("tun0", .no_offload = WEIR_OFFLOAD_TSO | WEIR_OFFLOAD_USO);
	expect_offload(WEIR_OFFLOAD_CSUM, 1500, false);
	accepts("tun0", .no_offload = WEIR_OFFLOAD_CSUM);
	expect_offload(0, 1500, false);
	accepts("tun0", .packet_information = true);
	expect_offload(0, 1504, false);
	refuses("no_offload: 0x90 has bits that are no offload", "tun0", .no_offload = 0x90);
}

static void checks_the_kind(void **state)
{
	(void)state;
	accepts("tap0", .tap = true, .mac = "02:00:00:00:00:01");
	refuses("mac: needs tap", "tun0", .mac = "02:00:00:00:00:01");
	refuses("mac: '02:zz' is not a MAC address", "tap0", .tap = true, .mac = "02:zz");
	refuses("mac: '01:00:5e:00:00:01' is the address of a group", "tap0", .tap = true,
		.mac = "01:00:5e:00:00:01");
	refuses("mac: '00:00:00:00:00:00' is nobody's address", "tap0", .tap = true,
		.mac = "00:00:00:00:00:00");
	refuses("packet_information: is not possible with tap", "tap0", .tap = true,
		.packet_information = true);
	refuses("netns: is empty", "tun0", .netns = "");
	refuses("device_path: is empty", "tun0", .device_path = "");
}

static void checks_addresses(void **state)
{
	(void)state;
	accepts("tun0", .ipv4 = WEIR_LIST("10.9.0.2/24", "10.9.0.3", "10.9.0.2/32,10.9.0.1"));
	accepts("tun0", .ipv6 = WEIR_LIST("fd00::2/64", "fd00::2/128,fd00::1"), .mtu = 1280);
	refuses("ipv4[1]: '10.9.0.2/33' is not an IPv4 address with prefix (and maybe ',' and peer)", "tun0",
		.ipv4 = WEIR_LIST("10.9.0.2/24", "10.9.0.2/33"));
	refuses("ipv4[0]: 'fd00::2/64' is not an IPv4 address with prefix (and maybe ',' and peer)", "tun0",
		.ipv4 = WEIR_LIST("fd00::2/64"));
	refuses("ipv4[0]: '10.9.0.2/32,fd00::1' is not an IPv4 address with prefix (and maybe ',' and peer)",
		"tun0", .ipv4 = WEIR_LIST("10.9.0.2/32,fd00::1"));
	refuses("ipv4[0]: '10.9.0.2/32,' is not an IPv4 address with prefix (and maybe ',' and peer)", "tun0",
		.ipv4 = WEIR_LIST("10.9.0.2/32,"));
	refuses("ipv6[0]: '10.9.0.2/24' is not an IPv6 address with prefix (and maybe ',' and peer)", "tun0",
		.ipv6 = WEIR_LIST("10.9.0.2/24"));
	refuses("ipv6[0]: is IPv6, and no_ipv6 is set", "tun0", .ipv6 = WEIR_LIST("fd00::2/64"),
		.no_ipv6 = true);
	refuses("ipv6[0]: IPv6 needs an mtu of 1280, not 1279", "tun0", .ipv6 = WEIR_LIST("fd00::2/64"),
		.mtu = 1279);
}

static void checks_routes(void **state)
{
	(void)state;
	accepts("tun0", .route = ROUTES({ .to = "default" },
					{ .to = "10.0.0.0/8", .via = "10.9.0.1", .metric = 5, .table = 7 },
					{ .to = "::/0" }, { .to = "10.1.2.3" }, { .to = "0.0.0.0/0" }));
	refuses("route[1].to: 'anywhere' is not an IP prefix or 'default'", "tun0",
		.route = ROUTES({ .to = "default" }, { .to = "anywhere" }));
	refuses("route[0].to: '10.0.0.1/8' has bits set behind its prefix", "tun0",
		.route = ROUTES({ .to = "10.0.0.1/8" }));
	refuses("route[0].to: 'fd00::/7' has bits set behind its prefix", "tun0",
		.route = ROUTES({ .to = "fd00::/7" }));
	refuses("route[0].via: 'gateway' is not an IP address", "tun0",
		.route = ROUTES({ .to = "default", .via = "gateway" }));
	refuses("route[0].via: 'fd00::1' is not of the family of 'default'", "tun0",
		.route = ROUTES({ .to = "default", .via = "fd00::1" }));
	refuses("route[0].to: 'x' is not an IP prefix or 'default'\nroute[0].via: 'y' is not an IP address",
		"tun0", .route = ROUTES({ .to = "x", .via = "y" }));
	refuses("route[0]: is IPv6, and no_ipv6 is set", "tun0", .route = ROUTES({ .to = "::/0" }),
		.no_ipv6 = true);
	refuses("route[0]: IPv6 needs an mtu of 1280, not 1000", "tun0", .route = ROUTES({ .to = "::/0" }),
		.mtu = 1000);
}

static void checks_owners(void **state)
{
	(void)state;
	accepts("tun0", .persist = true, .owner = 4294967294);
	accepts("tun0", .persist = true, .group = 1000);
	refuses("owner: needs persist", "tun0", .owner = 1000);
	refuses("group: needs persist", "tun0", .group = 1000);
	refuses("owner: -1 is not from 1 to 4294967294", "tun0", .persist = true, .owner = -1);
	refuses("group: 4294967295 is not from 1 to 4294967294", "tun0", .persist = true,
		.group = 4294967295);
	refuses("group: give owner or group: kernels disagree on what both together mean", "tun0",
		.persist = true, .owner = 1, .group = 1);
}

static void checks_steering(void **state)
{
	(void)state;
	accepts("tun0", .queues = 2, .steering = "steer.bpf.o", .steering_program = "steer");
	accepts("tun0", .queues = 256, .steering_fd = STDERR_FILENO);
	refuses("queues: 257 is more than 256", "tun0", .queues = 257);
	refuses("steering: is empty", "tun0", .queues = 2, .steering = "");
	refuses("steering: needs queues of 2 or more", "tun0", .steering = "steer.bpf.o");
	refuses("steering_fd: needs queues of 2 or more", "tun0", .queues = 1, .steering_fd = STDERR_FILENO);
	refuses("steering_program: 'steer' needs steering, the file that it is in", "tun0", .queues = 2,
		.steering_program = "steer");
	refuses("steering_fd: -1: Bad file descriptor", "tun0", .queues = 2, .steering_fd = -1);
	refuses("steering_fd: give it or steering, not both", "tun0", .queues = 2, .steering = "steer.bpf.o",
		.steering_fd = STDERR_FILENO);
}

static void reports_every_problem(void **state)
{
	(void)state;
	refuses("device: 'a/b' is not the name of a device\n"
		"mtu: 5 is not from 68 to 65535\n"
		"mac: needs tap\n"
		"ipv4[0]: 'x' is not an IPv4 address with prefix (and maybe ',' and peer)\n"
		"ipv6[0]: 'y' is not an IPv6 address with prefix (and maybe ',' and peer)\n"
		"ipv6[0]: IPv6 needs an mtu of 1280, not 5\n"
		"route[0].to: 'z' is not an IP prefix or 'default'\n"
		"owner: needs persist",
		"a/b", .mtu = 5, .mac = "02:00:00:00:00:01", .ipv4 = WEIR_LIST("x"), .ipv6 = WEIR_LIST("y"),
		.route = ROUTES({ .to = "z" }), .owner = 5);
	assert_int_equal(err.problems, 8);
}

/* A device of which fds[1] is the other side. */
struct fake {
	struct weir__tun tun;
	int fds[2];
	struct io io;
};

static int make_fake(void **state)
{
	struct fake *fake = calloc(1, sizeof(*fake));
	const int room = 1 << 20;

	assert_non_null(fake);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fake->fds), 0);
	for (int i = 0; i < 2; i++)
		setsockopt(fake->fds[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	fake->tun.device = &fake->tun;
	fake->tun.fd = fake->fds[0];
	fake->tun.frame_max = 1500;
	io_init(&fake->io);
	*state = fake;
	return 0;
}

/* The same, written through io_uring where there is one. */
static int make_fake_uring(void **state)
{
	struct fake *fake;

	make_fake(state);
	fake = *state;
	assert_int_equal(weir__uring_open(&fake->tun.uring, fake->tun.fd, WEIR_IO_AUTO, NULL), 0);
	return 0;
}

static int free_fake(void **state)
{
	struct fake *fake = *state;

	weir__uring_close(&fake->tun.uring);
	close(fake->fds[0]);
	close(fake->fds[1]);
	io_free(&fake->io);
	free(fake);
	return 0;
}

/* The number of a reason, so that the tests name reasons as a user sees them. */
static unsigned reason(const char *name)
{
	unsigned i = 0;

	while (weir_tun_type.reasons[i].name && strcmp(weir_tun_type.reasons[i].name, name) != 0)
		i++;
	assert_non_null(weir_tun_type.reasons[i].name);
	return i;
}

static void give(struct fake *fake, size_t n)
{
	uint8_t *bytes = malloc(n);

	assert_non_null(bytes);
	memset(bytes, 0x45, n);
	assert_int_equal(write(fake->fds[1], bytes, n), n);
	free(bytes);
}

/* From the first packet that fills the small buffer on, no packet is suspect any more. */
static void goes_over_to_long_reads(void **state)
{
	const uint32_t room = IO_ROOM - IO_HEADROOM;
	struct fake *fake = *state;

	give(fake, room - 1);
	give(fake, room);
	give(fake, room);
	give(fake, 20000);
	give(fake, 100);
	assert_int_equal(io_read(&fake->io, &weir_tun_type, &fake->tun, WEIR_VECTOR_SIZE), 0);
	assert_int_equal(fake->io.dropped[reason("cut")], 1);
	assert_int_equal(fake->io.reader.n, 4);
	assert_int_equal(io_packet(&fake->io, 0)->len, room - 1);
	assert_int_equal(io_packet(&fake->io, 1)->len, room);
	assert_int_equal(io_packet(&fake->io, 2)->len, 20000);
	assert_int_equal(io_packet(&fake->io, 3)->len, 100);
}

static void reads_long_at_once_for_a_large_mtu(void **state)
{
	const uint32_t room = IO_ROOM - IO_HEADROOM;
	struct fake *fake = *state;

	fake->tun.frame_max = room;
	give(fake, room);
	assert_int_equal(io_read(&fake->io, &weir_tun_type, &fake->tun, WEIR_VECTOR_SIZE), 0);
	assert_int_equal(fake->io.dropped[reason("cut")], 0);
	assert_int_equal(fake->io.reader.n, 1);
	assert_int_equal(io_packet(&fake->io, 0)->len, room);
}

static void drops_what_no_buffer_holds(void **state)
{
	struct fake *fake = *state;

	fake->tun.vectored = true;
	give(fake, IO_JUMBO_ROOM - IO_HEADROOM);
	give(fake, IO_JUMBO_ROOM - IO_HEADROOM + 1);
	assert_int_equal(io_read(&fake->io, &weir_tun_type, &fake->tun, WEIR_VECTOR_SIZE), 0);
	assert_int_equal(fake->io.reader.n, 1);
	assert_int_equal(io_packet(&fake->io, 0)->len, IO_JUMBO_ROOM - IO_HEADROOM);
	assert_int_equal(fake->io.dropped[reason("cut")], 1);
}

/* However many of them come, it returns: another device waits for the same worker. */
static void returns_though_all_is_dropped(void **state)
{
	static uint8_t scratch[WEIR__SCRATCH_SIZE];
	struct fake *fake = *state;
	struct io *io = &fake->io;

	fake->tun.vectored = true;
	for (int i = 0; i < 5; i++)
		give(fake, 5000);
	io_read(io, &weir_tun_type, &fake->tun, 0);
	io->spill = (struct weir__spill){ .scratch = scratch };
	io->reader.limit = 3;
	weir__reader_spill(&io->reader);
	assert_int_equal(weir_tun_type.read(&fake->tun, &io->reader), 0);
	assert_int_equal(io->dropped[WEIR__REASON_TOO_LONG], 3);
	assert_int_equal(io->reader.n, 0);
	assert_int_equal(weir_tun_type.read(&fake->tun, &io->reader), 0);
	assert_int_equal(io->dropped[WEIR__REASON_TOO_LONG], 5);
}

static void waits_for_a_jumbo_buffer(void **state)
{
	struct fake *fake = *state;
	struct io *io = &fake->io;

	fake->tun.vectored = true;
	for (int i = 0; i < IO_JUMBO + 1; i++)
		give(fake, 5000);
	assert_int_equal(io_read(io, &weir_tun_type, &fake->tun, WEIR_VECTOR_SIZE), 0);
	assert_int_equal(io->reader.n, IO_JUMBO);
	assert_int_equal(io_read(io, &weir_tun_type, &fake->tun, WEIR_VECTOR_SIZE), 0);
	assert_int_equal(io->reader.n, 1);
	assert_int_equal(io_packet(io, 0)->len, 5000);
}

static void counts_a_packet_without_bytes(void **state)
{
	struct fake *fake = *state;

	assert_int_equal(write(fake->fds[1], "", 0), 0);
	assert_int_equal(send(fake->fds[1], "", 0, 0), 0);
	assert_int_equal(io_read(&fake->io, &weir_tun_type, &fake->tun, WEIR_VECTOR_SIZE), 0);
	assert_int_equal(fake->io.dropped[reason("empty")], 1);
	assert_int_equal(fake->io.reader.n, 0);
}

static void dies_of_a_bad_descriptor(void **state)
{
	struct fake *fake = *state;

	fake->tun.fd = -1;
	assert_int_equal(io_read(&fake->io, &weir_tun_type, &fake->tun, 1), -EBADF);
	fake->tun.vectored = true;
	assert_int_equal(io_read(&fake->io, &weir_tun_type, &fake->tun, 1), -EBADF);
	io_begin(&fake->io);
	io_add(&fake->io, "one", 3);
	io_add(&fake->io, "two", 3);
	assert_int_equal(io_write(&fake->io, &weir_tun_type, &fake->tun), 0);
	assert_int_equal(fake->io.writer.error, -EBADF);
	assert_int_equal(fake->io.writer.any, 0);
}

/* It says how many it took, and goes on later. */
static void stops_where_there_is_no_room(void **state)
{
	struct fake *fake = *state;
	struct io *io = &fake->io;
	uint8_t bytes[1000];
	uint32_t taken = 0, got = 0, n;

	memset(bytes, 0x45, sizeof(bytes));
	do {
		io_begin(io);
		for (int i = 0; i < WEIR_VECTOR_SIZE; i++)
			io_add(io, bytes, sizeof(bytes));
		n = io_write(io, &weir_tun_type, &fake->tun);
		assert_int_equal(io->writer.error, 0);
		assert_int_equal(io->writer.any, 0);
		taken += n;
	} while (n == WEIR_VECTOR_SIZE);
	while (recv(fake->fds[1], bytes, sizeof(bytes), 0) == sizeof(bytes))
		got++;
	assert_int_equal(got, taken);
	assert_int_equal(io_write(io, &weir_tun_type, &fake->tun), WEIR_VECTOR_SIZE);
}

/* Packets with a virtio_net header in front; some are super-packets, which go alone. */
static void keeps_super_packets_in_their_place(void **state)
{
	static const uint8_t super[] = { 2, 4, 7 };
	const uint32_t header = WEIR__VNET;
	struct fake *fake = *state;
	struct io *io = &fake->io;
	uint8_t got[100];

	fake->tun.offload = WEIR_OFFLOAD_CSUM | WEIR_OFFLOAD_TSO;
	io_begin(io);
	for (uint8_t i = 0; i < 12; i++) {
		struct weir_buf *buf = io_add(io, &i, 1);

		if (memchr(super, i, sizeof(super))) {
			buf->flags = WEIR_BUF_NEEDS_CSUM;
			buf->gso_type = WEIR_GSO_TCPV4;
			buf->gso_size = 1;
			buf->hdr_len = 0;
		}
	}
	assert_int_equal(io_write(io, &weir_tun_type, &fake->tun), 12);
	assert_int_equal(io->writer.any, 0);
	for (uint8_t i = 0; i < 12; i++) {
		assert_int_equal(recv(fake->fds[1], got, sizeof(got), 0), header + 1);
		assert_int_equal(got[header], i);
		assert_int_equal(got[1] != 0, memchr(super, i, sizeof(super)) != NULL);
	}
	if (fake->tun.uring.ring)
		assert_int_equal(fake->tun.uring.packets, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checks_the_name),
		cmocka_unit_test(checks_the_mtu),
		cmocka_unit_test(tells_layer_and_size),
		cmocka_unit_test(tells_its_offload),
		cmocka_unit_test(checks_the_kind),
		cmocka_unit_test(checks_addresses),
		cmocka_unit_test(checks_routes),
		cmocka_unit_test(checks_owners),
		cmocka_unit_test(checks_steering),
		cmocka_unit_test(reports_every_problem),
		cmocka_unit_test_setup_teardown(goes_over_to_long_reads, make_fake, free_fake),
		cmocka_unit_test_setup_teardown(reads_long_at_once_for_a_large_mtu, make_fake, free_fake),
		cmocka_unit_test_setup_teardown(drops_what_no_buffer_holds, make_fake, free_fake),
		cmocka_unit_test_setup_teardown(returns_though_all_is_dropped, make_fake, free_fake),
		cmocka_unit_test_setup_teardown(waits_for_a_jumbo_buffer, make_fake, free_fake),
		cmocka_unit_test_setup_teardown(counts_a_packet_without_bytes, make_fake, free_fake),
		cmocka_unit_test_setup_teardown(dies_of_a_bad_descriptor, make_fake, free_fake),
		cmocka_unit_test_setup_teardown(stops_where_there_is_no_room, make_fake, free_fake),
		cmocka_unit_test_setup_teardown(stops_where_there_is_no_room, make_fake_uring, free_fake),
		cmocka_unit_test_setup_teardown(keeps_super_packets_in_their_place, make_fake, free_fake),
		cmocka_unit_test_setup_teardown(keeps_super_packets_in_their_place, make_fake_uring,
						free_fake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
