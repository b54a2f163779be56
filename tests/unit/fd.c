/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io.h"

#include <weir/fd.h>
#include <weir/pcap.h>
#include <weir/pipeline.h>

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
	type->created(f->state);
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

/* What was given away is the pipeline's only if there is one. */
static void a_failed_creation_takes_nothing(void **state)
{
	struct weir_pipeline *pipeline;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
	for (int fails = 1; fails >= 0; fails--) {
		const struct weir_config config = {
			.endpoints = { weir_fd("in", .fd = fds[0], .ownership = WEIR_FD_TAKEN,
					       .layer = WEIR_LAYER_L2),
				       weir_pcap("out", .write = fails ? "/nowhere/at/all" : "/dev/null",
						 .layer = WEIR_LAYER_L2) },
			.workers = { { "rx", .unpinned = true } },
			.chains = { { "flow",
				      .stages = { weir_read("in", .worker = "rx"), weir_write("out") } } },
		};

		assert_int_equal(weir_pipeline_create(&pipeline, &config, NULL) < 0, fails);
		assert_true(is_open(fds[0]));
		weir_pipeline_destroy(pipeline);
	}
	assert_false(is_open(fds[0]));
	close(fds[1]);
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
		cmocka_unit_test(a_failed_creation_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
