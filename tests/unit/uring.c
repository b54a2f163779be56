/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io.h"

#include "error.h"
#include "device/uring.h"

struct fixture {
	struct io io;
	struct weir__uring uring;
	int fd;   /* that is written */
	int ours; /* the other side */
	int result[WEIR_VECTOR_SIZE];
};

/* Skips the test where the system has no io_uring. */
static void start(struct fixture *f, int fd, int ours)
{
	memset(f, 0, sizeof(*f));
	f->fd = fd;
	f->ours = ours;
	if (weir__uring_open(&f->uring, fd, WEIR_IO_AUTO, NULL) || !f->uring.ring) {
		print_message("no io_uring here: %s\n", strerror((int)f->uring.error));
		skip();
	}
	io_init(&f->io);
	io_begin(&f->io);
}

static void start_pair(struct fixture *f, int type)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds), 0);
	start(f, fds[0], fds[1]);
}

static void stop(struct fixture *f)
{
	weir__uring_close(&f->uring);
	close(f->fd);
	close(f->ours);
	io_free(&f->io);
}

/* Packets of four bytes, which are their numbers. */
static void add_numbers(struct fixture *f, uint32_t from, uint32_t n)
{
	for (uint32_t number = from; number < from + n; number++)
		io_add(&f->io, &number, sizeof(number));
}

static void expect_numbers(struct fixture *f, uint32_t from, uint32_t n)
{
	for (uint32_t number = from; number < from + n; number++) {
		uint32_t got = 0;

		assert_int_equal(recv(f->ours, &got, sizeof(got), MSG_DONTWAIT), sizeof(got));
		assert_int_equal(got, number);
	}
}

static void expect_nothing(struct fixture *f)
{
	char byte;

	assert_int_equal(recv(f->ours, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

static uint32_t write_all(struct fixture *f)
{
	return weir__uring_write(&f->uring, &f->io.writer, 0, f->io.writer.n, 0, f->result);
}

/* Again and again, so that the ring goes round. */
static void writes_vectors_in_order(void **state)
{
	struct fixture f;

	(void)state;
	start_pair(&f, SOCK_SEQPACKET);
	for (uint32_t round = 0; round < 100; round++) {
		const uint32_t n = 2 + round % (WEIR_VECTOR_SIZE - 1);

		io_begin(&f.io);
		add_numbers(&f, round, n);
		assert_int_equal(write_all(&f), n);
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(f.result[i], 4);
		expect_numbers(&f, round, n);
	}
	expect_nothing(&f);
	assert_int_equal(f.uring.error, 0);
	stop(&f);
}

static void writes_a_part_of_a_vector_and_what_is_before(void **state)
{
	struct fixture f;
	char got[8];

	(void)state;
	start_pair(&f, SOCK_SEQPACKET);
	for (int i = 0; i < 4; i++) {
		struct weir_buf *buf = io_add(&f.io, "<>abc", 5);

		buf->data[4] = (uint8_t)('0' + i);
		buf->data += 2;
		buf->len -= 2;
	}
	assert_int_equal(weir__uring_write(&f.uring, &f.io.writer, 1, 3, 2, f.result), 2);
	assert_int_equal(f.result[1], 5);
	assert_int_equal(f.result[2], 5);
	assert_int_equal(recv(f.ours, got, sizeof(got), MSG_DONTWAIT), 5);
	assert_memory_equal(got, "<>ab1", 5);
	assert_int_equal(recv(f.ours, got, sizeof(got), MSG_DONTWAIT), 5);
	assert_memory_equal(got, "<>ab2", 5);
	expect_nothing(&f);
	assert_int_equal(f.uring.packets, 2);
	stop(&f);
}

static void leaves_a_packet_alone(void **state)
{
	struct fixture f;

	(void)state;
	start_pair(&f, SOCK_SEQPACKET);
	assert_int_equal(write_all(&f), 0);
	add_numbers(&f, 0, 1);
	assert_int_equal(write_all(&f), 0);
	expect_nothing(&f);
	stop(&f);
}

/* One that is refused is refused alone. */
static void tells_what_came_of_each(void **state)
{
	static const uint8_t large[IO_ROOM - IO_HEADROOM];
	const int room = 1; /* the kernel makes some kilobytes of it */
	struct fixture f;

	(void)state;
	start_pair(&f, SOCK_DGRAM);
	assert_int_equal(setsockopt(f.fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
	add_numbers(&f, 0, 1);
	io_add(&f.io, large, sizeof(large))->len = 65000;
	add_numbers(&f, 1, 1);
	/* It reads on behind the buffer, in memory that is there. */
	weir_writer_buf(&f.io.writer, 1)->data = f.io.bufs[IO_SMALL].room;
	assert_int_equal(write_all(&f), 3);
	assert_int_equal(f.result[0], 4);
	assert_int_equal(f.result[1], -EMSGSIZE);
	assert_int_equal(f.result[2], 4);
	expect_numbers(&f, 0, 2);
	expect_nothing(&f);
	stop(&f);
}

/* What does not go now is not done with, and does not go later by itself either. */
static void stops_where_there_is_no_room(void **state)
{
	const int room = 1;
	struct fixture f;
	uint32_t n;

	(void)state;
	start_pair(&f, SOCK_SEQPACKET);
	assert_int_equal(setsockopt(f.fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
	add_numbers(&f, 0, WEIR_VECTOR_SIZE);
	n = write_all(&f);
	assert_in_range(n, 1, WEIR_VECTOR_SIZE - 1);
	assert_int_equal(write_all(&f), 0);
	expect_numbers(&f, 0, n);
	expect_nothing(&f);
	assert_int_equal(weir__uring_write(&f.uring, &f.io.writer, n, n + 2, 0, f.result), 2);
	expect_numbers(&f, n, 2);
	stop(&f);
}

/* A pipe whose last page has room for 100 bytes: a packet of 200 finds none, one of 50 behind it does. */
static void loses_rather_than_reorders(void **state)
{
	static const uint8_t bytes[4096];
	struct fixture f;
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
	start(&f, fds[1], fds[0]);
	assert_int_equal(fcntl(f.fd, F_SETPIPE_SZ, 4096), 4096);
	assert_int_equal(write(f.fd, bytes, 4096 - 100), 4096 - 100);
	io_add(&f.io, bytes, 200);
	io_add(&f.io, bytes, 50);
	io_add(&f.io, bytes, 200);
	assert_int_equal(write_all(&f), 2);
	assert_int_equal(f.result[0], -ENOBUFS);
	assert_int_equal(f.result[1], 50);
	stop(&f);
}

static void *write_in_thread(void *argument)
{
	struct fixture *f = argument;

	return write_all(f) == f->io.writer.n ? f : NULL;
}

/* Threads that end take nothing with them. */
static void goes_from_thread_to_thread(void **state)
{
	struct fixture f;

	(void)state;
	start_pair(&f, SOCK_SEQPACKET);
	for (uint32_t round = 0; round < 20; round++) {
		pthread_t thread;
		void *written;

		io_begin(&f.io);
		add_numbers(&f, round * 10, 10);
		assert_int_equal(pthread_create(&thread, NULL, write_in_thread, &f), 0);
		pthread_join(thread, &written);
		assert_non_null(written);
		io_begin(&f.io);
		add_numbers(&f, round * 10 + 10, 2);
		assert_int_equal(write_all(&f), 2);
		expect_numbers(&f, round * 10, 12);
	}
	expect_nothing(&f);
	stop(&f);
}

static void tells_that_the_other_side_has_gone(void **state)
{
	struct fixture f;

	(void)state;
	start_pair(&f, SOCK_DGRAM);
	close(f.ours);
	f.ours = open("/dev/null", O_RDWR | O_CLOEXEC);
	add_numbers(&f, 0, 3);
	assert_int_equal(write_all(&f), 3);
	assert_int_equal(f.result[0], -ECONNREFUSED);
	for (int i = 1; i < 3; i++) /* Linux disconnects the socket. */
		assert_int_equal(f.result[i], -ENOTCONN);
	stop(&f);
}

/* The descriptor is the last one of its file as soon as the ring is closed. */
static void lets_go_at_once(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		struct fixture f;
		char byte;

		start_pair(&f, SOCK_SEQPACKET);
		add_numbers(&f, 0, 2);
		assert_int_equal(write_all(&f), 2);
		expect_numbers(&f, 0, 2);
		weir__uring_close(&f.uring);
		close(f.fd);
		assert_int_equal(recv(f.ours, &byte, 1, MSG_DONTWAIT), 0);
		f.fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		stop(&f);
	}
}

/* Memory is not written without waiting: such a file would be written behind the engine's back. */
static void gives_up_what_can_only_block(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, memfd_create("file", MFD_CLOEXEC), open("/dev/null", O_RDWR | O_CLOEXEC));
	add_numbers(&f, 0, 2);
	assert_int_equal(write_all(&f), 0);
	assert_int_equal(f.uring.error, EOPNOTSUPP);
	assert_null(f.uring.ring);
	assert_int_equal(lseek(f.fd, 0, SEEK_END), 0);
	assert_int_equal(write_all(&f), 0);
	stop(&f);
}

/* --- where it is forbidden --------------------------------------------------------------------------------
 */

static bool forbid(int error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { countof(filter), filter };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* In a process of its own, which the filter is for. Returns 0, or the line that failed. */
static int meet(int error, const char *text)
{
	struct weir__uring uring = { 0 };
	struct weir_writer writer = { .n = 2 };
	int result[WEIR_VECTOR_SIZE];
	struct weir_error err;

#define CHECK(condition)                 \
	do {                             \
		if (!(condition))        \
			return __LINE__; \
	} while (0)

	CHECK(forbid(error));
	CHECK(weir__uring_open(&uring, STDOUT_FILENO, WEIR_IO_AUTO, NULL) == 0);
	CHECK(!uring.ring);
	CHECK(uring.error == (uint64_t)error);
	CHECK(weir__uring_write(&uring, &writer, 0, 2, 0, result) == 0);
	weir__uring_close(&uring);
	memset(&uring, 0, sizeof(uring));
	weir__error_clear(&err);
	CHECK(weir__uring_open(&uring, STDOUT_FILENO, WEIR_IO_URING, &err) == -error);
	CHECK(strstr(err.text, text));
	CHECK(!uring.ring && uring.error == 0);
	CHECK(weir__uring_open(&uring, STDOUT_FILENO, WEIR_IO_READ_WRITE, NULL) == 0);
	CHECK(!uring.ring && uring.error == 0);
	return 0;
#undef CHECK
}

static void does_without_where_it_is_forbidden(void **state)
{
	static const struct {
		int error;
		const char *text;
	} cases[] = {
		{ EPERM, "io: io_uring: Operation not permitted: the sysctl kernel.io_uring_disabled" },
		{ ENOSYS, "io: io_uring: Function not implemented: the kernel" },
		{ ENOMEM, "io: io_uring: Cannot allocate memory" },
	};

	(void)state;
	for (unsigned i = 0; i < countof(cases); i++) {
		int status = 0, line[2] = { 0 }, failed = -1;
		pid_t child;

		assert_int_equal(pipe2(line, O_CLOEXEC), 0);
		child = fork();
		if (child == 0) {
			failed = meet(cases[i].error, cases[i].text);
			_exit(write(line[1], &failed, sizeof(failed)) != sizeof(failed));
		}
		assert_true(child > 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		assert_int_equal(read(line[0], &failed, sizeof(failed)), sizeof(failed));
		if (failed)
			fail_msg("errno %d: line %d", cases[i].error, failed);
		close(line[0]);
		close(line[1]);
	}
}

static void refuses_what_is_no_way(void **state)
{
	struct weir_error err;

	(void)state;
	weir__error_clear(&err);
	assert_int_equal(weir__uring_check(WEIR_IO_URING, &err), 0);
	assert_int_equal(weir__uring_check((enum weir_io)3, &err), -EINVAL);
	assert_string_equal(err.text, "io: 3 is not one");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_vectors_in_order),
		cmocka_unit_test(writes_a_part_of_a_vector_and_what_is_before),
		cmocka_unit_test(leaves_a_packet_alone),
		cmocka_unit_test(tells_what_came_of_each),
		cmocka_unit_test(stops_where_there_is_no_room),
		cmocka_unit_test(loses_rather_than_reorders),
		cmocka_unit_test(goes_from_thread_to_thread),
		cmocka_unit_test(tells_that_the_other_side_has_gone),
		cmocka_unit_test(lets_go_at_once),
		cmocka_unit_test(gives_up_what_can_only_block),
		cmocka_unit_test(does_without_where_it_is_forbidden),
		cmocka_unit_test(refuses_what_is_no_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
