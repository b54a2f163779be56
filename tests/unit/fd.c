/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io.h"

#include <weir/fd.h>

#include "error.h"

static const struct weir_endpoint_type *const type = &weir_fd_type;

struct fixture {
	struct io io;
	struct weir_endpoint_info info;
	void *state;
	int ours; /* the other side of the endpoint's descriptor; -1: none */
};

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void start(struct fixture *f, const struct weir_fd *options)
{
	memset(f, 0, sizeof(*f));
	io_init(&f->io);
	f->ours = -1;
	f->state = calloc(1, type->state_size);
	assert_non_null(f->state);
	assert_int_equal(type->check(options, &f->info, NULL), 0);
	assert_int_equal(type->open(f->state, options, &f->info, NULL), 0);
	assert_int_equal(f->info.read_fd, f->info.write_fd);
	assert_int_equal(f->info.write_events, POLLOUT);
}

static void stop(struct fixture *f)
{
	type->close(f->state);
	free(f->state);
	if (f->ours >= 0)
		close(f->ours);
	io_free(&f->io);
}

/* An endpoint that takes one side of a socket pair. */
static void start_pair(struct fixture *f, int socket_type, enum weir_framing framing)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, socket_type, 0, fds), 0);
	start(f, &(struct weir_fd){ .fd = fds[0], .ownership = WEIR_FD_TAKEN, .framing = framing });
	assert_int_equal(f->info.read_fd, fds[0]);
	f->ours = fds[1];
}

static const char *drop_name(weir_verdict verdict)
{
	return verdict == WEIR_NEXT ? "sent" : type->reasons[verdict - 1].name;
}

static uint64_t dropped(const struct fixture *f, const char *reason)
{
	for (unsigned i = 0; type->reasons[i].name; i++)
		if (strcmp(type->reasons[i].name, reason) == 0)
			return f->io.dropped[i];
	fail_msg("no reason %s", reason);
	return 0;
}

static void big_buffers(int fd)
{
	const int size = 1 << 20;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
}

static void moves_packets_both_ways(void **state)
{
	static const int types[] = { SOCK_DGRAM, SOCK_SEQPACKET };
	struct fixture f;
	char bytes[10];

	(void)state;
	for (size_t i = 0; i < countof(types); i++) {
		start_pair(&f, types[i], WEIR_FRAMING_RAW);
		assert_int_equal(io_read(&f.io, type, f.state, 31), 0);
		assert_int_equal(f.io.reader.n, 0);

		assert_int_equal(send(f.ours, "one", 3, 0), 3);
		assert_int_equal(send(f.ours, "three", 5, 0), 5);
		assert_int_equal(io_read(&f.io, type, f.state, 31), 0);
		assert_int_equal(f.io.reader.n, 2);
		assert_int_equal(io_packet(&f.io, 0)->len, 3);
		assert_memory_equal(io_packet(&f.io, 0)->data, "one", 3);
		assert_int_equal(io_packet(&f.io, 1)->len, 5);
		assert_memory_equal(io_packet(&f.io, 1)->data, "three", 5);

		io_begin(&f.io);
		io_add(&f.io, "back", 4);
		io_add(&f.io, "again", 5);
		assert_int_equal(io_write(&f.io, type, f.state), 2);
		assert_int_equal(f.io.writer.any, 0);
		assert_int_equal(recv(f.ours, bytes, sizeof(bytes), MSG_DONTWAIT), 4);
		assert_memory_equal(bytes, "back", 4);
		assert_int_equal(recv(f.ours, bytes, sizeof(bytes), MSG_DONTWAIT), 5);
		assert_memory_equal(bytes, "again", 5);
		stop(&f);
	}
}

static void reads_no_more_than_the_limit(void **state)
{
	struct fixture f;

	(void)state;
	start_pair(&f, SOCK_SEQPACKET, WEIR_FRAMING_RAW);
	for (uint8_t i = 0; i < 5; i++)
		assert_int_equal(send(f.ours, &i, 1, 0), 1);
	assert_int_equal(io_read(&f.io, type, f.state, 3), 0);
	assert_int_equal(f.io.reader.n, 3);
	assert_int_equal(io_read(&f.io, type, f.state, 3), 0);
	assert_int_equal(f.io.reader.n, 2);
	assert_int_equal(io_packet(&f.io, 0)->data[0], 3);
	stop(&f);
}

/* The prefix is the business of af_decap and af_encap: it passes here byte by byte. */
static void leaves_the_prefix_in_front(void **state)
{
	static const struct {
		enum weir_framing framing;
		uint8_t bytes[6];
	} golden[] = {
		{ WEIR_FRAMING_UTUN, { 0, 0, 0, 2, 0x45, 0 } },
		{ WEIR_FRAMING_UTUN, { 0, 0, 0, 0x1e, 0x60, 0 } },
		{ WEIR_FRAMING_TUN_PI, { 1, 0, 8, 0, 0x45, 0 } }, /* TUN_PKT_STRIP of a little-endian host */
		{ WEIR_FRAMING_TUN_PI, { 0, 1, 0x86, 0xdd, 0x60, 0 } }, /* and of a big-endian one */
		{ WEIR_FRAMING_RAW, { 0x45, 0, 0, 6, 0, 0 } },
	};
	uint8_t back[6];
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < countof(golden); i++) {
		start_pair(&f, SOCK_DGRAM, golden[i].framing);
		assert_int_equal(f.info.layer, WEIR_LAYER_AF);
		assert_int_equal(f.info.framing, golden[i].framing);
		assert_int_equal(f.info.max_packet, golden[i].framing == WEIR_FRAMING_RAW ? 1500 : 1504);
		assert_int_equal(send(f.ours, golden[i].bytes, 6, 0), 6);
		assert_int_equal(io_read(&f.io, type, f.state, 31), 0);
		assert_int_equal(io_packet(&f.io, 0)->len, 6);
		assert_memory_equal(io_packet(&f.io, 0)->data, golden[i].bytes, 6);

		io_begin(&f.io);
		io_add(&f.io, golden[i].bytes, 6);
		assert_int_equal(io_write(&f.io, type, f.state), 1);
		assert_int_equal(recv(f.ours, back, sizeof(back), MSG_DONTWAIT), 6);
		assert_memory_equal(back, golden[i].bytes, 6);
		stop(&f);
	}
}

static void a_full_socket_is_waited_for(void **state)
{
	static const int types[] = { SOCK_DGRAM, SOCK_SEQPACKET };
	uint32_t sent, got, next;

	(void)state;
	for (size_t i = 0; i < countof(types); i++) {
		struct fixture f;
		struct pollfd fd;

		start_pair(&f, types[i], WEIR_FRAMING_RAW);
		fd = (struct pollfd){ .fd = f.info.write_fd, .events = f.info.write_events };
		for (next = 0, sent = 31; sent == 31; next += sent) {
			io_begin(&f.io);
			for (uint32_t k = 0; k < 31; k++) {
				uint8_t bytes[1000] = { 0 };
				uint32_t number = next + k;

				memcpy(bytes, &number, sizeof(number));
				io_add(&f.io, bytes, sizeof(bytes));
			}
			sent = io_write(&f.io, type, f.state);
		}
		assert_int_equal(f.io.writer.error, 0);
		assert_int_equal(f.io.writer.any, 0);
		assert_int_equal(poll(&fd, 1, 0), 0);

		for (got = 0; got < next; got++) {
			uint32_t number;

			assert_int_equal(recv(f.ours, &number, sizeof(number), MSG_DONTWAIT), 4);
			assert_int_equal(number, got);
		}
		assert_int_equal(recv(f.ours, &got, sizeof(got), MSG_DONTWAIT), -1);
		assert_int_equal(poll(&fd, 1, 0), 1);
		assert_int_equal(fd.revents, POLLOUT);
		io_begin(&f.io);
		io_add(&f.io, "x", 1);
		assert_int_equal(io_write(&f.io, type, f.state), 1);
		stop(&f);
	}
}

static void a_closed_peer_is_death(void **state)
{
	struct fixture f;

	(void)state;
	/* What was sent before is still read, and death is told once it is all there is. */
	start_pair(&f, SOCK_SEQPACKET, WEIR_FRAMING_RAW);
	assert_int_equal(send(f.ours, "last", 4, 0), 4);
	close(f.ours);
	f.ours = -1;
	assert_int_equal(io_read(&f.io, type, f.state, 31), -EPIPE);
	assert_int_equal(f.io.reader.n, 1);
	assert_memory_equal(io_packet(&f.io, 0)->data, "last", 4);
	/* Without SIGPIPE, which would end this program. */
	io_begin(&f.io);
	io_add(&f.io, "a", 1);
	io_add(&f.io, "b", 1);
	assert_int_equal(io_write(&f.io, type, f.state), 0);
	assert_int_equal(f.io.writer.error, -EPIPE);
	assert_int_equal(f.io.writer.any, 0);
	stop(&f);

	/* A datagram socket learns it only by sending. */
	start_pair(&f, SOCK_DGRAM, WEIR_FRAMING_RAW);
	close(f.ours);
	f.ours = -1;
	assert_int_equal(io_read(&f.io, type, f.state, 31), 0);
	io_begin(&f.io);
	io_add(&f.io, "a", 1);
	assert_int_equal(io_write(&f.io, type, f.state), 0);
	assert_int_equal(f.io.writer.error, -ECONNREFUSED);
	stop(&f);

	/* A peer that goes without having read everything resets; the system says so once, with what was
	 * there before. */
	start_pair(&f, SOCK_SEQPACKET, WEIR_FRAMING_RAW);
	io_begin(&f.io);
	io_add(&f.io, "unread", 6);
	assert_int_equal(io_write(&f.io, type, f.state), 1);
	close(f.ours);
	f.ours = -1;
	assert_int_equal(io_read(&f.io, type, f.state, 31), -ECONNRESET);
	stop(&f);
}

static void empty_packets_are_dropped(void **state)
{
	struct fixture f;
	char byte;

	(void)state;
	start_pair(&f, SOCK_DGRAM, WEIR_FRAMING_RAW);
	assert_int_equal(send(f.ours, "", 0, 0), 0);
	assert_int_equal(send(f.ours, "x", 1, 0), 1);
	assert_int_equal(io_read(&f.io, type, f.state, 31), 0);
	assert_int_equal(f.io.reader.n, 1);
	assert_int_equal(dropped(&f, "empty"), 1);

	/* As many as a vector holds are looked at in one call and no more. */
	for (int i = 0; i < 4; i++)
		assert_int_equal(send(f.ours, "", 0, 0), 0);
	assert_int_equal(io_read(&f.io, type, f.state, 3), 0);
	assert_int_equal(dropped(&f, "empty"), 3);

	io_begin(&f.io);
	io_add(&f.io, "", 0);
	io_add(&f.io, "y", 1);
	assert_int_equal(io_write(&f.io, type, f.state), 2);
	assert_string_equal(drop_name(f.io.writer.verdict[0]), "empty");
	assert_int_equal(f.io.writer.verdict[1], WEIR_NEXT);
	assert_int_equal(recv(f.ours, &byte, 1, MSG_DONTWAIT), 1);
	assert_int_equal(byte, 'y');
	stop(&f);
}

static void the_largest_packets_pass_whole(void **state)
{
	static const uint32_t sizes[] = { IO_ROOM - IO_HEADROOM, IO_ROOM - IO_HEADROOM + 1, 65534, 65535 };
	uint8_t *bytes = malloc(70000), *back = malloc(70000);
	struct fixture f;

	(void)state;
	assert_non_null(bytes);
	assert_non_null(back);
	for (uint32_t i = 0; i < 70000; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	start_pair(&f, SOCK_SEQPACKET, WEIR_FRAMING_RAW);
	big_buffers(f.ours);
	big_buffers(f.info.read_fd);
	for (size_t i = 0; i < countof(sizes); i++) {
		assert_int_equal(send(f.ours, bytes, sizes[i], 0), sizes[i]);
		assert_int_equal(io_read(&f.io, type, f.state, 31), 0);
		assert_int_equal(f.io.reader.n, 1);
		assert_int_equal(io_packet(&f.io, 0)->len, sizes[i]);
		assert_memory_equal(io_packet(&f.io, 0)->data, bytes, sizes[i]);

		io_begin(&f.io);
		io_add(&f.io, bytes, sizes[i]);
		assert_int_equal(io_write(&f.io, type, f.state), 1);
		assert_int_equal(recv(f.ours, back, 70000, MSG_DONTWAIT), sizes[i]);
		assert_memory_equal(back, bytes, sizes[i]);
	}
	/* One byte more, and what does not even fit in the room: neither passes cut. */
	assert_int_equal(send(f.ours, bytes, 65536, 0), 65536);
	assert_int_equal(send(f.ours, bytes, 70000, 0), 70000);
	assert_int_equal(send(f.ours, "x", 1, 0), 1);
	assert_int_equal(io_read(&f.io, type, f.state, 31), 0);
	assert_int_equal(f.io.reader.n, 1);
	assert_int_equal(io_packet(&f.io, 0)->len, 1);
	assert_int_equal(dropped(&f, "too_long"), 2);
	stop(&f);
	free(bytes);
	free(back);
}

static void what_the_socket_cannot_take_is_dropped(void **state)
{
	static const uint8_t bytes[60000];
	const int size = 1;
	struct fixture f;
	char byte;

	(void)state;
	start_pair(&f, SOCK_DGRAM, WEIR_FRAMING_RAW);
	assert_int_equal(setsockopt(f.info.write_fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	io_begin(&f.io);
	io_add(&f.io, bytes, sizeof(bytes));
	io_add(&f.io, "x", 1);
	assert_int_equal(io_write(&f.io, type, f.state), 2);
	assert_int_equal(f.io.writer.error, 0);
	assert_string_equal(drop_name(f.io.writer.verdict[0]), "too_long");
	assert_int_equal(f.io.writer.verdict[1], WEIR_NEXT);
	assert_int_equal(recv(f.ours, &byte, 1, MSG_DONTWAIT), 1);
	stop(&f);
}

static void no_jumbo_buffer_is_no_packet_now(void **state)
{
	struct fixture f;

	(void)state;
	start_pair(&f, SOCK_SEQPACKET, WEIR_FRAMING_RAW);
	assert_int_equal(send(f.ours, "x", 1, 0), 1);
	io_reset(&f.io);
	f.io.reader = (struct weir_reader){
		.bufs = f.io.bufs,
		.stash = f.io.small,
		.stash_n = f.io.small_n,
		.limit = 31,
		.headroom = IO_HEADROOM,
		.dropped = f.io.dropped,
		.engine = &f.io.spill,
	};
	assert_int_equal(type->read(f.state, &f.io.reader), 0);
	assert_int_equal(f.io.reader.n, 0);
	/* Nothing was taken off the socket. */
	assert_int_equal(io_read(&f.io, type, f.state, 31), 0);
	assert_int_equal(f.io.reader.n, 1);
	stop(&f);
}

static void ownership_is_kept(void **state)
{
	struct fixture f;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);

	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	start(&f, &(struct weir_fd){ .fd = fds[0] });
	assert_int_equal(f.info.read_fd, fds[0]);
	stop(&f);
	assert_true(is_open(fds[0]));

	assert_int_equal(fcntl(fds[0], F_SETFL, 0), 0);
	start(&f, &(struct weir_fd){ .fd = fds[0], .ownership = WEIR_FD_DUPLICATED });
	assert_int_not_equal(f.info.read_fd, fds[0]);
	assert_true(fcntl(f.info.read_fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(f.info.read_fd, F_GETFD) & FD_CLOEXEC);
	close(fds[0]);
	assert_int_equal(send(fds[1], "x", 1, 0), 1);
	assert_int_equal(io_read(&f.io, type, f.state, 31), 0);
	assert_int_equal(f.io.reader.n, 1);
	fds[0] = fcntl(f.info.read_fd, F_DUPFD_CLOEXEC, 0);
	stop(&f);
	assert_false(is_open(f.info.read_fd));
	assert_true(is_open(fds[0]));

	start(&f, &(struct weir_fd){ .fd = fds[0], .ownership = WEIR_FD_TAKEN });
	assert_int_equal(f.info.read_fd, fds[0]);
	assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	stop(&f);
	assert_false(is_open(fds[0]));
	close(fds[1]);
}

static void refuses(const struct weir_fd *options, const char *format, ...) WEIR_PRINTF(2, 3);

static void refuses(const struct weir_fd *options, const char *format, ...)
{
	struct weir_endpoint_info info = { 0 };
	struct weir_error err;
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	weir__error_clear(&err);
	assert_int_equal(type->check(options, &info, &err), -EINVAL);
	assert_string_equal(err.text, text);
	assert_int_equal(type->check(options, &info, NULL), -EINVAL);
}

static void refuses_what_cannot_be(void **state)
{
	int stream[2], packets[2], pipes[2], file;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, stream), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, packets), 0);
	assert_int_equal(pipe(pipes), 0);
	file = open("/proc/self/exe", O_RDONLY);
	assert_true(file >= 0);

	refuses(&(struct weir_fd){ .fd = -1 }, "fd: -1 is not an open descriptor");
	close(pipes[1]);
	refuses(&(struct weir_fd){ .fd = pipes[1] }, "fd: %d is not an open descriptor", pipes[1]);
	refuses(&(struct weir_fd){ .fd = pipes[0] },
		"fd: %d is neither a device nor a socket, and does not keep packets apart", pipes[0]);
	refuses(&(struct weir_fd){ .fd = file },
		"fd: %d is neither a device nor a socket, and does not keep packets apart", file);
	refuses(&(struct weir_fd){ .fd = stream[0] },
		"fd: %d is a stream socket, which does not keep packets apart; SOCK_DGRAM and SOCK_SEQPACKET "
		"do",
		stream[0]);
	refuses(&(struct weir_fd){ .fd = packets[0] },
		"fd: %d blocks; set O_NONBLOCK, or ownership to WEIR_FD_DUPLICATED or WEIR_FD_TAKEN",
		packets[0]);
	refuses(&(struct weir_fd){ .fd = packets[0], .ownership = WEIR_FD_TAKEN, .layer = WEIR_LAYER_L3 },
		"layer: 2 is not WEIR_LAYER_AF or WEIR_LAYER_L2");
	refuses(&(struct weir_fd){ .fd = packets[0],
				   .ownership = WEIR_FD_TAKEN,
				   .layer = WEIR_LAYER_L2,
				   .framing = WEIR_FRAMING_UTUN },
		"framing: Ethernet frames have none: leave it out with WEIR_LAYER_L2");
	refuses(&(struct weir_fd){ .fd = packets[0],
				   .ownership = WEIR_FD_TAKEN,
				   .framing = (enum weir_framing)3 },
		"framing: 3 is not one");
	refuses(&(struct weir_fd){ .fd = packets[0], .ownership = (enum weir_fd_ownership)3 },
		"ownership: 3 is not one");
	refuses(&(struct weir_fd){ .fd = packets[0], .ownership = WEIR_FD_TAKEN, .max_packet = 65536 },
		"max_packet: 65536 is more than 65535");
	/* A refused descriptor is still the caller's. */
	assert_true(is_open(packets[0]));

	close(pipes[0]);
	close(file);
	for (int i = 0; i < 2; i++) {
		close(stream[i]);
		close(packets[i]);
	}
}

/* What follows needs real devices, in a network namespace that this program makes for itself. */
static bool enter_namespace(void)
{
	if (access("/dev/net/tun", R_OK | W_OK) < 0)
		return false;
	return unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
}

static bool have_devices;

static int attach(short flags, struct ifreq *ifr)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	assert_true(fd >= 0);
	*ifr = (struct ifreq){ .ifr_name = "t%d", .ifr_flags = flags };
	assert_int_equal(ioctl(fd, TUNSETIFF, ifr), 0);
	return fd;
}

/* An open() that is refused, of a descriptor that is closed by that. */
static void open_refuses(int fd, enum weir_layer layer, enum weir_framing framing, const char *text)
{
	const struct weir_fd options = {
		.fd = fd, .ownership = WEIR_FD_TAKEN, .layer = layer, .framing = framing
	};
	struct weir_endpoint_info info = { 0 };
	struct weir_error err;
	void *opened = calloc(1, type->state_size);

	assert_non_null(opened);
	weir__error_clear(&err);
	assert_int_equal(type->check(&options, &info, &err), 0);
	assert_true(type->open(opened, &options, &info, &err) < 0);
	assert_string_equal(err.text, text);
	assert_false(is_open(fd));
	free(opened);
}

static void a_device_is_asked_for_its_flags(void **state)
{
	struct ifreq ifr;
	char text[100];
	int fd;

	(void)state;
	if (!have_devices)
		skip();
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	snprintf(text, sizeof(text), "fd: %d is attached to no device (TUNSETIFF)", fd);
	open_refuses(fd, WEIR_LAYER_AF, WEIR_FRAMING_RAW, text);
	open_refuses(attach(IFF_TAP | IFF_NO_PI, &ifr), WEIR_LAYER_AF, WEIR_FRAMING_RAW,
		     "layer: 't0' is a TAP device: that is WEIR_LAYER_L2");
	open_refuses(attach(IFF_TUN | IFF_NO_PI, &ifr), WEIR_LAYER_L2, WEIR_FRAMING_RAW,
		     "layer: 't0' is a TUN device: that is WEIR_LAYER_AF");
	open_refuses(attach(IFF_TUN, &ifr), WEIR_LAYER_AF, WEIR_FRAMING_RAW,
		     "framing: 't0' is attached with packet information: that is WEIR_FRAMING_TUN_PI");
	open_refuses(attach(IFF_TUN | IFF_NO_PI, &ifr), WEIR_LAYER_AF, WEIR_FRAMING_TUN_PI,
		     "framing: 't0' is attached without packet information: that is WEIR_FRAMING_RAW");
	open_refuses(attach(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR, &ifr), WEIR_LAYER_AF, WEIR_FRAMING_RAW,
		     "fd: 't0' has a virtio_net header in front of packets: attach without IFF_VNET_HDR");
	open_refuses(attach(IFF_TAP, &ifr), WEIR_LAYER_L2, WEIR_FRAMING_RAW,
		     "fd: 't0' has packet information in front of frames: attach with IFF_NO_PI");
}

/* Whether the device leaves checksums to its reader. */
static bool has_checksum_offload(const char *name)
{
	struct ethtool_value value = { .cmd = ETHTOOL_GTXCSUM };
	struct ifreq ifr = { .ifr_data = (void *)&value };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(ifr.ifr_name, name);
	assert_int_equal(ioctl(fd, SIOCETHTOOL, &ifr), 0);
	close(fd);
	return value.data;
}

static void clears_the_offload_mask(void **state)
{
	struct fixture f;
	struct ifreq ifr;
	int fd;

	(void)state;
	if (!have_devices)
		skip();
	fd = attach(IFF_TUN | IFF_NO_PI, &ifr);
	assert_int_equal(ioctl(fd, TUNSETOFFLOAD, (unsigned long)TUN_F_CSUM), 0);
	assert_true(has_checksum_offload(ifr.ifr_name));
	start(&f, &(struct weir_fd){ .fd = fd, .ownership = WEIR_FD_TAKEN });
	assert_false(has_checksum_offload(ifr.ifr_name));
	stop(&f);
}

static int packet_socket(const char *name)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = (int)if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_IP));

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void set_up(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(ifr.ifr_name, name);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
	close(fd);
}

/* Waits for the next IPv4 packet that the kernel gives the device; it sends some of IPv6 itself. */
static void read_ipv4(struct fixture *f)
{
	struct pollfd fd = { .fd = f->info.read_fd, .events = POLLIN };

	do {
		assert_int_equal(poll(&fd, 1, -1), 1);
		assert_int_equal(io_read(&f->io, type, f->state, 1), 0);
	} while (f->io.reader.n == 0 || io_packet(&f->io, 0)->data[0] >> 4 != 4);
}

static void moves_packets_of_a_device(void **state)
{
	static const uint8_t ip[28] = { 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2 };
	static const uint8_t not_ip[28] = { 0xff };
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
	uint8_t back[100];
	struct fixture f;
	struct ifreq ifr;
	int fd, packets;

	(void)state;
	if (!have_devices)
		skip();
	fd = attach(IFF_TUN | IFF_NO_PI, &ifr);
	start(&f, &(struct weir_fd){ .fd = fd, .ownership = WEIR_FD_TAKEN });

	/* Down: nothing is read, and a packet that is written is dropped. */
	assert_int_equal(io_read(&f.io, type, f.state, 31), 0);
	assert_int_equal(f.io.reader.n, 0);
	io_begin(&f.io);
	io_add(&f.io, ip, sizeof(ip));
	assert_int_equal(io_write(&f.io, type, f.state), 1);
	assert_string_equal(drop_name(f.io.writer.verdict[0]), "down");

	set_up(ifr.ifr_name);
	packets = packet_socket(ifr.ifr_name);
	to.sll_ifindex = (int)if_nametoindex(ifr.ifr_name);
	assert_int_equal(sendto(packets, ip, sizeof(ip), 0, (const struct sockaddr *)&to, sizeof(to)),
			 sizeof(ip));
	read_ipv4(&f);
	assert_int_equal(io_packet(&f.io, 0)->len, sizeof(ip));
	assert_memory_equal(io_packet(&f.io, 0)->data, ip, sizeof(ip));

	/* What the device does not take is dropped alone. */
	io_begin(&f.io);
	io_add(&f.io, not_ip, sizeof(not_ip));
	io_add(&f.io, ip, sizeof(ip));
	assert_int_equal(io_write(&f.io, type, f.state), 2);
	assert_int_equal(f.io.writer.error, 0);
	assert_string_equal(drop_name(f.io.writer.verdict[0]), "refused");
	assert_int_equal(f.io.writer.verdict[1], WEIR_NEXT);
	assert_int_equal(recv(packets, back, sizeof(back), 0), sizeof(ip));
	assert_memory_equal(back, ip, sizeof(ip));
	close(packets);
	stop(&f);
}

static void a_device_cuts_silently_but_fd_does_not(void **state)
{
	static uint8_t ip[1000] = { 0x45, 0, 1000 >> 8, 1000 & 0xff, 0, 0, 0, 0, 64, 17 };
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
	uint8_t spill[100];
	struct fixture f;
	struct ifreq ifr;
	int packets;

	(void)state;
	if (!have_devices)
		skip();
	start(&f, &(struct weir_fd){ .fd = attach(IFF_TUN | IFF_NO_PI, &ifr), .ownership = WEIR_FD_TAKEN });
	set_up(ifr.ifr_name);
	packets = packet_socket(ifr.ifr_name);
	to.sll_ifindex = (int)if_nametoindex(ifr.ifr_name);
	assert_int_equal(sendto(packets, ip, sizeof(ip), 0, (const struct sockaddr *)&to, sizeof(to)),
			 sizeof(ip));
	/* Room for 800 bytes in all. */
	while (f.io.dropped[0] == 0) {
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
		if (f.io.reader.n)
			assert_int_not_equal(io_packet(&f.io, 0)->data[0] >> 4, 4);
	}
	assert_int_equal(dropped(&f, "too_long"), 1);
	close(packets);
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moves_packets_both_ways),
		cmocka_unit_test(reads_no_more_than_the_limit),
		cmocka_unit_test(leaves_the_prefix_in_front),
		cmocka_unit_test(a_full_socket_is_waited_for),
		cmocka_unit_test(a_closed_peer_is_death),
		cmocka_unit_test(empty_packets_are_dropped),
		cmocka_unit_test(the_largest_packets_pass_whole),
		cmocka_unit_test(what_the_socket_cannot_take_is_dropped),
		cmocka_unit_test(no_jumbo_buffer_is_no_packet_now),
		cmocka_unit_test(ownership_is_kept),
		cmocka_unit_test(refuses_what_cannot_be),
		cmocka_unit_test(a_device_is_asked_for_its_flags),
		cmocka_unit_test(clears_the_offload_mask),
		cmocka_unit_test(moves_packets_of_a_device),
		cmocka_unit_test(a_device_cuts_silently_but_fd_does_not),
	};

	have_devices = enter_namespace();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
