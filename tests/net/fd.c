/* SPDX-License-Identifier: Apache-2.0 */
/* Adopted descriptors of TUN and TAP devices. What fd does with sockets is tested in tests/unit/fd.c. */
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <poll.h>

#include "io.h"
#include "kernel.h"
#include "mode.h"
#include "namespace.h"

#include <weir/fd.h>

#include "error.h"

static const struct weir_endpoint_type *const type = &weir_fd_type;

struct fixture {
	struct io io;
	struct weir_endpoint_info info;
	void *state;
	int packets; /* the kernel's side of the device: a packet socket */
	struct sockaddr_ll at;
};

static const uint8_t udp[28] = { 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2 };

static int attach(short flags, struct ifreq *ifr)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	*ifr = (struct ifreq){ .ifr_name = "t%d", .ifr_flags = flags };
	assert_int_equal(ioctl(fd, TUNSETIFF, ifr), 0);
	return fd;
}

static void start(struct fixture *f, int fd, enum weir_layer layer, enum weir_framing framing)
{
	const struct weir_fd options = {
		.fd = fd, .ownership = WEIR_FD_TAKEN, .layer = layer, .framing = framing, .io = mode_io()
	};

	memset(f, 0, sizeof(*f));
	f->packets = -1;
	io_init(&f->io);
	f->state = calloc(1, type->state_size);
	assert_non_null(f->state);
	assert_int_equal(type->check(&options, &f->info, NULL), 0);
	assert_int_equal(type->open(f->state, &options, &f->info, NULL), 0);
	type->created(f->state);
}

static void stop(struct fixture *f)
{
	type->close(f->state);
	free(f->state);
	if (f->packets >= 0)
		close(f->packets);
	io_free(&f->io);
}

/* Opens the kernel's side, which takes and gives IPv4 packets without what is in front of them. */
static void open_other_side(struct fixture *f, const char *device)
{
	f->at = (struct sockaddr_ll){
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = (int)if_nametoindex(device),
		.sll_halen = 6,
		.sll_addr = { 2, 0, 0, 0, 0, 9 },
	};
	f->packets = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_IP));
	assert_true(f->packets >= 0);
	assert_int_equal(bind(f->packets, (const struct sockaddr *)&f->at, sizeof(f->at)), 0);
}

static void send_other(struct fixture *f, const void *ip, size_t size)
{
	assert_int_equal(sendto(f->packets, ip, size, 0, (const struct sockaddr *)&f->at, sizeof(f->at)),
			 size);
}

/* Waits for the next IPv4 packet, which begins at that offset; the kernel sends some of IPv6 by itself. */
static const struct weir_buf *read_ipv4(struct fixture *f, uint32_t offset)
{
	struct pollfd fd = { .fd = f->info.read_fd, .events = POLLIN };

	do {
		assert_int_equal(poll(&fd, 1, -1), 1);
		assert_int_equal(io_read(&f->io, type, f->state, 1), 0);
	} while (f->io.reader.n == 0 || io_packet(&f->io, 0)->data[offset] != 0x45);
	return io_packet(&f->io, 0);
}

/* An open() that is refused; the descriptor is still the caller's. */
static void refuses(int fd, enum weir_layer layer, enum weir_framing framing, const char *text)
{
	const struct weir_fd options = {
		.fd = fd, .ownership = WEIR_FD_TAKEN, .layer = layer, .framing = framing
	};
	struct weir_endpoint_info info = { 0 };
	void *opened = calloc(1, type->state_size);
	struct weir_error err;

	assert_non_null(opened);
	weir__error_clear(&err);
	assert_int_equal(type->check(&options, &info, &err), 0);
	assert_true(type->open(opened, &options, &info, &err) < 0);
	assert_string_equal(err.text, text);
	assert_int_equal(close(fd), 0);
	free(opened);
}

static void a_device_is_asked_what_it_is(void **state)
{
	struct ifreq ifr;
	char text[100];
	int fd;

	(void)state;
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	snprintf(text, sizeof(text), "fd: %d is attached to no device (TUNSETIFF)", fd);
	refuses(fd, WEIR_LAYER_AF, WEIR_FRAMING_RAW, text);
	refuses(attach(IFF_TAP | IFF_NO_PI, &ifr), WEIR_LAYER_AF, WEIR_FRAMING_RAW,
		"layer: 't0' is a TAP device: that is WEIR_LAYER_L2");
	refuses(attach(IFF_TUN | IFF_NO_PI, &ifr), WEIR_LAYER_L2, WEIR_FRAMING_RAW,
		"layer: 't0' is a TUN device: that is WEIR_LAYER_AF");
	refuses(attach(IFF_TUN, &ifr), WEIR_LAYER_AF, WEIR_FRAMING_RAW,
		"framing: 't0' is attached with packet information: that is WEIR_FRAMING_TUN_PI");
	refuses(attach(IFF_TUN | IFF_NO_PI, &ifr), WEIR_LAYER_AF, WEIR_FRAMING_TUN_PI,
		"framing: 't0' is attached without packet information: that is WEIR_FRAMING_RAW");
	refuses(attach(IFF_TUN | IFF_NO_PI, &ifr), WEIR_LAYER_AF, WEIR_FRAMING_UTUN,
		"framing: 't0' is attached without packet information: that is WEIR_FRAMING_RAW");
	refuses(attach(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR, &ifr), WEIR_LAYER_AF, WEIR_FRAMING_RAW,
		"fd: 't0' has a virtio_net header in front of packets: attach without IFF_VNET_HDR");
	refuses(attach(IFF_TAP, &ifr), WEIR_LAYER_L2, WEIR_FRAMING_RAW,
		"fd: 't0' has packet information in front of frames: attach with IFF_NO_PI");
}

/* Whether the device leaves checksums to its reader. */
static bool has_checksum_offload(const char *device)
{
	struct ethtool_value value = { .cmd = ETHTOOL_GTXCSUM };
	struct ifreq request = { .ifr_data = (void *)&value };

	assert_int_equal(kernel_ioctl(device, SIOCETHTOOL, &request), 0);
	return value.data;
}

static void offloads_are_switched_off(void **state)
{
	struct fixture f;
	struct ifreq ifr;
	int fd;

	(void)state;
	fd = attach(IFF_TUN | IFF_NO_PI, &ifr);
	assert_int_equal(ioctl(fd, TUNSETOFFLOAD, (unsigned long)TUN_F_CSUM), 0);
	assert_true(has_checksum_offload(ifr.ifr_name));
	start(&f, fd, WEIR_LAYER_AF, WEIR_FRAMING_RAW);
	assert_false(has_checksum_offload(ifr.ifr_name));
	stop(&f);
}

/* Writes one packet of a vector of two, and says what became of it; the other one is right, and must pass. */
static const char *write_with(struct fixture *f, const void *bytes, uint32_t len, const void *right,
			      uint32_t right_len)
{
	weir_verdict verdict;

	io_begin(&f->io);
	io_add(&f->io, bytes, len);
	io_add(&f->io, right, right_len);
	assert_int_equal(io_write(&f->io, type, f->state), 2);
	assert_int_equal(f->io.writer.error, 0);
	assert_int_equal(f->io.writer.verdict[1], WEIR_NEXT);
	verdict = f->io.writer.verdict[0];
	return verdict == WEIR_NEXT ? "sent" : type->reasons[verdict - 1].name;
}

/* Devices of each kind: the flags to attach with, what the options must say, and what is in front of IP. */
static const struct kind {
	short flags;
	enum weir_layer layer;
	enum weir_framing framing;
	uint32_t offset;
	uint8_t front[14];
} kinds[] = {
	{ IFF_TUN | IFF_NO_PI, WEIR_LAYER_AF, WEIR_FRAMING_RAW, 0, { 0 } },
	{ IFF_TUN, WEIR_LAYER_AF, WEIR_FRAMING_TUN_PI, 4, { 0, 0, 8, 0 } },
	{ IFF_TAP | IFF_NO_PI,
	  WEIR_LAYER_L2,
	  WEIR_FRAMING_RAW,
	  14,
	  { 2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8, 8, 0 } },
};

static void moves_packets(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(kinds); i++) {
		const struct kind *kind = &kinds[i];
		const uint32_t len = kind->offset + sizeof(udp);
		uint8_t packet[14 + sizeof(udp)], back[100];
		struct fixture f;
		struct ifreq ifr;

		start(&f, attach(kind->flags, &ifr), kind->layer, kind->framing);
		memcpy(packet, kind->front, kind->offset);
		memcpy(packet + kind->offset, udp, sizeof(udp));

		/* Down, a device gives nothing and takes nothing. */
		assert_int_equal(io_read(&f.io, type, f.state, 31), 0);
		assert_int_equal(f.io.reader.n, 0);
		io_begin(&f.io);
		io_add(&f.io, packet, len);
		assert_int_equal(io_write(&f.io, type, f.state), 1);
		assert_string_equal(type->reasons[f.io.writer.verdict[0] - 1].name, "down");

		namespace_set_flag(ifr.ifr_name, IFF_UP, true);
		open_other_side(&f, ifr.ifr_name);
		send_other(&f, udp, sizeof(udp));
		assert_int_equal(read_ipv4(&f, kind->offset)->len, len);
		assert_memory_equal(io_packet(&f.io, 0)->data + kind->offset, udp, sizeof(udp));

		/* What the device does not take is dropped alone. */
		assert_string_equal(write_with(&f, "x", 1, packet, len), "refused");
		assert_int_equal(recv(f.packets, back, sizeof(back), 0), sizeof(udp));
		assert_memory_equal(back, udp, sizeof(udp));
		stop(&f);
	}
}

static void a_packet_that_is_cut_is_dropped(void **state)
{
	static uint8_t large[1000] = { 0x45, 0, 1000 >> 8, 1000 & 0xff, 0, 0, 0, 0, 64, 17 };
	uint8_t spill[100] = { 0 };
	struct fixture f;
	struct ifreq ifr;

	(void)state;
	start(&f, attach(IFF_TUN | IFF_NO_PI, &ifr), WEIR_LAYER_AF, WEIR_FRAMING_RAW);
	namespace_set_flag(ifr.ifr_name, IFF_UP, true);
	open_other_side(&f, ifr.ifr_name);
	send_other(&f, large, sizeof(large));
	/* There is room for 800 bytes, and the kernel says nothing of the others. */
	do {
		struct pollfd fd = { .fd = f.info.read_fd, .events = POLLIN };

		assert_int_equal(poll(&fd, 1, -1), 1);
		io_reset(&f.io);
		f.io.bufs[IO_SMALL - 1].room_size = IO_HEADROOM + 700;
		f.io.reader = (struct weir_reader){
			.bufs = f.io.bufs,
			.stash = f.io.small,
			.stash_n = f.io.small_n,
			.limit = 1,
			.headroom = IO_HEADROOM,
			.dropped = f.io.dropped,
			.spill = { spill, sizeof(spill) },
		};
		assert_int_equal(type->read(f.state, &f.io.reader), 0);
		assert_true(f.io.reader.n == 0 || io_packet(&f.io, 0)->data[0] != 0x45);
	} while (f.io.dropped[0] == 0);
	assert_string_equal(type->reasons[0].name, "too_long");
	stop(&f);
}

static void a_deleted_device_is_death(void **state)
{
	struct pollfd fd = { .events = POLLIN };
	struct fixture f;
	struct ifreq ifr;

	(void)state;
	start(&f, attach(IFF_TUN | IFF_NO_PI, &ifr), WEIR_LAYER_AF, WEIR_FRAMING_RAW);
	assert_int_equal(kernel_delete(ifr.ifr_name), 0);
	fd.fd = f.info.read_fd;
	assert_int_equal(poll(&fd, 1, -1), 1);
	assert_int_equal(io_read(&f.io, type, f.state, 31), -EBADFD);
	for (uint32_t n = 1; n <= 3; n++) {
		io_begin(&f.io);
		for (uint32_t i = 0; i < n; i++)
			io_add(&f.io, udp, sizeof(udp));
		assert_int_equal(io_write(&f.io, type, f.state), 0);
		assert_int_equal(f.io.writer.error, -EBADFD);
	}
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_is_asked_what_it_is),
		cmocka_unit_test(offloads_are_switched_off),
		cmocka_unit_test(moves_packets),
		cmocka_unit_test(a_packet_that_is_cut_is_dropped),
		cmocka_unit_test(a_deleted_device_is_death),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
