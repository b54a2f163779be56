/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io.h"

#include <weir/pcap.h>

#include "clock.h"
#include "error.h"

#define MICRO 0xa1b2c3d4
#define NANO  0xa1b23c4d

#define ETHERNET  1
#define RAW       101
#define LINUX_SLL 113

static const struct weir_endpoint_type *const type = &weir_pcap_type;
static char path[64]; /* of the file of each test */

struct fixture {
	struct io io;
	struct weir_endpoint_info info;
	void *state;
};

struct record {
	uint32_t sec, fraction, caplen, len;
};

static int make_path(void **state)
{
	int fd;

	(void)state;
	strcpy(path, "/tmp/weir-pcap-XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int remove_path(void **state)
{
	(void)state;
	return unlink(path);
}

/* Byte i of packet number n. */
static uint8_t byte(uint32_t n, uint32_t i)
{
	return (uint8_t)(n * 31 + i);
}

static void put(FILE *file, const void *bytes, size_t size)
{
	assert_int_equal(fwrite(bytes, 1, size, file), size);
}

struct header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t reserved[2], snaplen, link_type;
};

/* A capture file, by the book: draft-ietf-opsawg-pcap. */
static void make_file(uint32_t magic, uint32_t link_type, const struct record *records, uint32_t n)
{
	const struct header header = { magic, 2, 4, { 0 }, 262144, link_type };
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	put(file, &header, sizeof(header));
	for (uint32_t k = 0; k < n; k++) {
		put(file, &records[k], sizeof(records[k]));
		for (uint32_t i = 0; i < records[k].caplen; i++)
			putc(byte(k, i), file);
	}
	assert_int_equal(fclose(file), 0);
}

static void start(struct fixture *f, const struct weir_pcap *options)
{
	memset(f, 0, sizeof(*f));
	io_init(&f->io);
	f->state = calloc(1, type->state_size);
	assert_non_null(f->state);
	assert_int_equal(type->check(options, &f->info, NULL), 0);
	assert_int_equal(type->open(f->state, options, &f->info, NULL), 0);
	assert_int_equal(f->info.write_fd, -1);
}

static void stop(struct fixture *f)
{
	type->close(f->state);
	free(f->state);
	io_free(&f->io);
}

static void is_packet(struct fixture *f, uint32_t i, uint32_t n, uint32_t len)
{
	const struct weir_buf *buf = io_packet(&f->io, i);

	assert_int_equal(buf->len, len);
	for (uint32_t k = 0; k < len; k++)
		assert_int_equal(buf->data[k], byte(n, k));
}

static uint64_t dropped(const struct fixture *f, const char *reason)
{
	for (unsigned i = 0; type->reasons[i].name; i++)
		if (strcmp(type->reasons[i].name, reason) == 0)
			return f->io.dropped[i];
	fail_msg("no reason %s", reason);
	return 0;
}

static void reads_every_kind(void **state)
{
	static const struct {
		uint32_t magic, link_type;
		enum weir_layer layer;
	} kinds[] = {
		{ MICRO, ETHERNET, WEIR_LAYER_L2 }, { NANO, ETHERNET, WEIR_LAYER_L2 },
		{ NANO, RAW, WEIR_LAYER_AF },       { MICRO, 12, WEIR_LAYER_AF },
		{ MICRO, 228, WEIR_LAYER_AF },      { NANO, 229, WEIR_LAYER_AF },
	};
	static const struct record records[] = { { 5, 1, 60, 60 },
						 { 6, 0, 1500, 1500 },
						 { 7, 0, 65535, 65535 } };

	(void)state;
	for (size_t k = 0; k < countof(kinds); k++) {
		struct fixture f;

		make_file(kinds[k].magic, kinds[k].link_type, records, countof(records));
		start(&f, &(struct weir_pcap){ .read = path });
		assert_int_equal(f.info.layer, kinds[k].layer);
		assert_int_equal(f.info.framing, WEIR_FRAMING_RAW);
		assert_int_equal(f.info.max_packet, 65535);
		assert_true(f.info.takes_none);
		assert_int_equal(f.info.read_fd, -1);
		f.io.now = 1234;
		assert_int_equal(io_read(&f.io, type, f.state, 2), 0);
		assert_int_equal(f.io.reader.n, 2);
		is_packet(&f, 0, 0, 60);
		is_packet(&f, 1, 1, 1500);
		/* Not the time of the capture. */
		assert_int_equal(io_packet(&f.io, 0)->arrival, 1234);
		assert_int_equal(io_read(&f.io, type, f.state, 31), -ENODATA);
		assert_int_equal(f.io.reader.n, 1);
		is_packet(&f, 0, 2, 65535);
		assert_int_equal(io_read(&f.io, type, f.state, 31), -ENODATA);
		assert_int_equal(f.io.reader.n, 0);
		stop(&f);
	}
}

static void tells_the_largest_packet(void **state)
{
	const struct header header = { MICRO, 2, 4, { 0 }, 1600, RAW };
	FILE *file = fopen(path, "w");
	struct fixture f;

	(void)state;
	assert_non_null(file);
	put(file, &header, sizeof(header));
	fclose(file);
	start(&f, &(struct weir_pcap){ .read = path });
	assert_int_equal(f.info.max_packet, 1600);
	stop(&f);
}

static void drops_what_is_not_whole(void **state)
{
	static const struct record records[] = {
		{ 0, 0, 60, 61 },
		{ 0, 0, 10, 10 },
		{ 0, 0, 65536, 65536 },
		{ 0, 0, 0, 0 },
	};
	struct fixture f;

	(void)state;
	make_file(NANO, RAW, records, countof(records));
	start(&f, &(struct weir_pcap){ .read = path });
	assert_int_equal(io_read(&f.io, type, f.state, 31), -ENODATA);
	assert_int_equal(f.io.reader.n, 2);
	is_packet(&f, 0, 1, 10);
	is_packet(&f, 1, 3, 0);
	assert_int_equal(dropped(&f, "cut"), 1);
	assert_int_equal(dropped(&f, "too_long"), 1);
	stop(&f);
}

/* A record that finds no jumbo buffer is the first of the next read. */
static void a_record_waits_for_its_buffer(void **state)
{
	struct record records[IO_JUMBO + 2];
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < countof(records); i++)
		records[i] = (struct record){ 0, 0, 9000, 9000 };
	make_file(NANO, RAW, records, countof(records));
	start(&f, &(struct weir_pcap){ .read = path });
	assert_int_equal(io_read(&f.io, type, f.state, 31), 0);
	assert_int_equal(f.io.reader.n, IO_JUMBO);
	assert_int_equal(io_read(&f.io, type, f.state, 31), -ENODATA);
	assert_int_equal(f.io.reader.n, 2);
	is_packet(&f, 0, IO_JUMBO, 9000);
	is_packet(&f, 1, IO_JUMBO + 1, 9000);
	stop(&f);
}

static void loops(void **state)
{
	static const struct record records[] = { { 0, 0, 20, 20 }, { 0, 0, 30, 30 } };
	struct fixture f;
	uint32_t n = 0;
	int ret;

	(void)state;
	make_file(NANO, RAW, records, countof(records));
	start(&f, &(struct weir_pcap){ .read = path, .loops = 100 });
	do {
		ret = io_read(&f.io, type, f.state, 31);
		for (uint32_t i = 0; i < f.io.reader.n; i++, n++)
			is_packet(&f, i, n % 2, n % 2 ? 30 : 20);
	} while (ret == 0);
	assert_int_equal(ret, -ENODATA);
	assert_int_equal(n, 200);
	stop(&f);

	/* A file of nothing is left in between, too. */
	make_file(NANO, RAW, records, 0);
	start(&f, &(struct weir_pcap){ .read = path, .loops = 40 });
	assert_int_equal(io_read(&f.io, type, f.state, 31), 0);
	assert_int_equal(io_read(&f.io, type, f.state, 31), -ENODATA);
	stop(&f);
}

static void keeps_the_time_between_packets(void **state)
{
	static const struct record records[] = {
		{ 100, 999999000, 20, 20 },
		{ 101, 2000, 20, 20 }, /* 3 µs later */
		{ 101, 1000, 20, 20 }, /* older: at once */
		{ 101, 5000, 20, 20 }, /* 4 µs after that */
	};
	const uint64_t begin = 1000000000;
	struct fixture f;

	(void)state;
	make_file(NANO, RAW, records, countof(records));
	start(&f, &(struct weir_pcap){ .read = path, .in_own_time = true, .loops = 2 });
	assert_true(f.info.read_fd >= 0);
	f.io.now = begin;
	assert_int_equal(io_read(&f.io, type, f.state, 31), 0);
	assert_int_equal(f.io.reader.n, 1);
	f.io.now = begin + 2999;
	assert_int_equal(io_read(&f.io, type, f.state, 31), 0);
	assert_int_equal(f.io.reader.n, 0);
	f.io.now = begin + 3000;
	assert_int_equal(io_read(&f.io, type, f.state, 31), 0);
	assert_int_equal(f.io.reader.n, 2);
	is_packet(&f, 0, 1, 20);
	is_packet(&f, 1, 2, 20);
	/* A late reader makes up for it; the next loop begins without a pause. */
	f.io.now = begin + 9999;
	assert_int_equal(io_read(&f.io, type, f.state, 31), 0);
	assert_int_equal(f.io.reader.n, 2);
	is_packet(&f, 0, 3, 20);
	is_packet(&f, 1, 0, 20);
	f.io.now = begin + 10000;
	assert_int_equal(io_read(&f.io, type, f.state, 31), 0);
	assert_int_equal(f.io.reader.n, 2);
	f.io.now = begin + 14000;
	assert_int_equal(io_read(&f.io, type, f.state, 31), -ENODATA);
	assert_int_equal(f.io.reader.n, 1);
	stop(&f);
}

static void its_descriptor_tells_when(void **state)
{
	static const struct record records[] = { { 0, 0, 20, 20 },
						 { 0, 20000, 20, 20 },
						 { 0, 30000, 20, 20 } };
	static const uint64_t due[] = { 0, 20000000, 30000000 };
	struct fixture f;
	struct pollfd fd;
	uint64_t begin = 0;
	uint32_t n = 0;
	int ret;

	(void)state;
	make_file(MICRO, RAW, records, countof(records));
	start(&f, &(struct weir_pcap){ .read = path, .in_own_time = true });
	fd = (struct pollfd){ .fd = f.info.read_fd, .events = POLLIN };
	do {
		assert_int_equal(poll(&fd, 1, -1), 1);
		f.io.now = weir__now();
		if (n == 0)
			begin = f.io.now;
		ret = io_read(&f.io, type, f.state, 31);
		for (uint32_t i = 0; i < f.io.reader.n; i++)
			assert_true(f.io.now >= begin + due[n++ % countof(due)]);
	} while (ret == 0);
	assert_int_equal(ret, -ENODATA);
	assert_int_equal(n, 3);
	stop(&f);
}

static void a_broken_file_is_death(void **state)
{
	static const struct record records[] = { { 0, 0, 20, 20 }, { 0, 0, 20, 20 } };
	struct fixture f;

	(void)state;
	make_file(NANO, RAW, records, countof(records));
	assert_int_equal(truncate(path, 24 + 36 + 30), 0);
	start(&f, &(struct weir_pcap){ .read = path });
	assert_int_equal(io_read(&f.io, type, f.state, 31), -EBADMSG);
	assert_int_equal(f.io.reader.n, 1);
	stop(&f);
}

static void a_file_that_vanishes_ends_its_loops(void **state)
{
	static const struct record records[] = { { 0, 0, 20, 20 } };
	struct fixture f;

	(void)state;
	make_file(NANO, RAW, records, countof(records));
	start(&f, &(struct weir_pcap){ .read = path, .loops = 9 });
	assert_int_equal(io_read(&f.io, type, f.state, 1), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(io_read(&f.io, type, f.state, 31), -EIO);
	stop(&f);
	make_file(NANO, RAW, records, countof(records));
}

/* Writes packets number 0 to n - 1, of these sizes. */
static void write_packets(struct fixture *f, const uint32_t *sizes, uint32_t n)
{
	static uint8_t bytes[65535];

	io_begin(&f->io);
	for (uint32_t k = 0; k < n; k++) {
		for (uint32_t i = 0; i < sizes[k]; i++)
			bytes[i] = byte(k, i);
		io_add(&f->io, bytes, sizes[k]);
	}
	assert_int_equal(io_write(&f->io, type, f->state), n);
	assert_int_equal(f->io.writer.error, 0);
	assert_int_equal(f->io.writer.any, 0);
}

static void reads_what_it_wrote(void **state)
{
	static const enum weir_layer layers[] = { WEIR_LAYER_ANY, WEIR_LAYER_AF, WEIR_LAYER_L2 };
	static const uint32_t sizes[] = { 64, 0, 1500, 65535 };

	(void)state;
	for (size_t k = 0; k < countof(layers); k++) {
		const uint32_t link_type = layers[k] == WEIR_LAYER_L2 ? ETHERNET : RAW;
		struct header header;
		uint32_t second;
		struct timespec before, after;
		struct fixture f;
		FILE *file;

		start(&f, &(struct weir_pcap){ .write = path, .layer = layers[k] });
		assert_int_equal(f.info.layer, layers[k] ? layers[k] : WEIR_LAYER_AF);
		assert_int_equal(f.info.max_packet, 0);
		assert_false(f.info.takes_none);
		clock_gettime(CLOCK_REALTIME, &before);
		write_packets(&f, sizes, countof(sizes));
		clock_gettime(CLOCK_REALTIME, &after);
		stop(&f);

		file = fopen(path, "r");
		assert_non_null(file);
		assert_int_equal(fread(&header, sizeof(header), 1, file), 1);
		assert_int_equal(fread(&second, sizeof(second), 1, file), 1);
		fclose(file);
		assert_int_equal(header.magic, NANO);
		assert_int_equal(header.link_type, link_type);
		assert_in_range(second, before.tv_sec, after.tv_sec);

		start(&f, &(struct weir_pcap){ .read = path, .layer = layers[k] });
		assert_int_equal(io_read(&f.io, type, f.state, 31), -ENODATA);
		assert_int_equal(f.io.reader.n, countof(sizes));
		for (uint32_t i = 0; i < countof(sizes); i++)
			is_packet(&f, i, i, sizes[i]);
		stop(&f);
	}
}

static off_t file_size(void)
{
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	return status.st_size;
}

static void flushes_when_told(void **state)
{
	static const uint32_t size = 100;
	struct fixture f;

	(void)state;
	start(&f, &(struct weir_pcap){ .write = path });
	/* The header is there from the start. */
	assert_int_equal(file_size(), 24);
	write_packets(&f, &size, 1);
	assert_int_equal(file_size(), 24);
	stop(&f);
	assert_int_equal(file_size(), 24 + 16 + 100);

	start(&f, &(struct weir_pcap){ .write = path, .flush = true });
	write_packets(&f, &size, 1);
	assert_int_equal(file_size(), 24 + 16 + 100);
	stop(&f);
}

static void a_full_disk_is_death(void **state)
{
	const struct rlimit little = { 2000, RLIM_INFINITY }, all = { RLIM_INFINITY, RLIM_INFINITY };
	const struct weir_pcap full = { .write = "/dev/full" };
	static const uint8_t bytes[1500];
	struct weir_endpoint_info info = { 0 };
	struct weir_error err;
	struct fixture f;
	void *opened = calloc(1, type->state_size);

	(void)state;
	assert_non_null(opened);
	weir__error_clear(&err);
	assert_int_equal(type->check(&full, &info, &err), 0);
	assert_int_equal(type->open(opened, &full, &info, &err), -ENOSPC);
	assert_string_equal(err.text, "write: '/dev/full': No space left on device");
	free(opened);

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	start(&f, &(struct weir_pcap){ .write = path });
	do {
		io_begin(&f.io);
		io_add(&f.io, bytes, sizeof(bytes));
	} while (io_write(&f.io, type, f.state) == 1);
	assert_int_equal(f.io.writer.error, -EFBIG);
	stop(&f);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
	assert_int_equal(file_size(), 2000);
}

static void dash_is_the_standard_streams(void **state)
{
	static const uint32_t size = 100;
	int saved, fd;
	struct fixture f;

	(void)state;
	fflush(stdout);
	saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_true(saved >= 0 && fd >= 0);
	dup2(fd, STDOUT_FILENO);
	start(&f, &(struct weir_pcap){ .write = "-" });
	write_packets(&f, &size, 1);
	stop(&f);
	/* It is the program's, and not closed. */
	assert_true(fcntl(STDOUT_FILENO, F_GETFD) >= 0);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(fd);

	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	dup2(fd, STDIN_FILENO);
	close(fd);
	start(&f, &(struct weir_pcap){ .read = "-", .layer = WEIR_LAYER_AF });
	assert_int_equal(f.info.max_packet, 65535);
	assert_int_equal(io_read(&f.io, type, f.state, 31), -ENODATA);
	assert_int_equal(f.io.reader.n, 1);
	is_packet(&f, 0, 0, 100);
	stop(&f);
}

/* What check() leaves to open(): a stream has no link type before it is read. */
static void a_stream_is_looked_at_when_opened(void **state)
{
	static const struct record records[] = { { 0, 0, 20, 20 } };
	struct weir_endpoint_info info = { 0 };
	struct weir_error err;
	struct weir_pcap options = { .layer = WEIR_LAYER_L2 };
	void *opened = calloc(1, type->state_size);
	uint8_t bytes[24 + 16 + 20];
	char name[32], text[100];
	int pipes[2], fd;

	(void)state;
	assert_non_null(opened);
	make_file(NANO, RAW, records, 1);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(read(fd, bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(write(pipes[1], bytes, sizeof(bytes)), sizeof(bytes));
	close(fd);
	snprintf(name, sizeof(name), "/dev/fd/%d", pipes[0]);
	options.read = name;
	weir__error_clear(&err);
	assert_int_equal(type->check(&options, &info, &err), 0);
	assert_int_equal(type->open(opened, &options, &info, &err), -EINVAL);
	snprintf(text, sizeof(text), "layer: '%s' is raw IP, WEIR_LAYER_AF", name);
	assert_string_equal(err.text, text);
	close(pipes[0]);
	close(pipes[1]);
	free(opened);
}

static void refuses(const struct weir_pcap *options, const char *format, ...) WEIR_PRINTF(2, 3);

static void refuses(const struct weir_pcap *options, const char *format, ...)
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
	static const struct record records[] = { { 0, 0, 20, 20 } };
	FILE *file;

	(void)state;
	refuses(&(struct weir_pcap){ .name = "p" }, "read: one of read and write");
	refuses(&(struct weir_pcap){ .read = path, .write = path }, "read: one of read and write");
	refuses(&(struct weir_pcap){ .read = "/nonexistent/file" },
		"read: '/nonexistent/file': No such file or directory");
	refuses(&(struct weir_pcap){ .write = path, .loops = 2 },
		"loops: nothing is read: it goes with read");
	refuses(&(struct weir_pcap){ .write = path, .in_own_time = true },
		"in_own_time: nothing is read: it goes with read");
	refuses(&(struct weir_pcap){ .write = path, .layer = WEIR_LAYER_L3 },
		"layer: 2 is not WEIR_LAYER_AF or WEIR_LAYER_L2");
	refuses(&(struct weir_pcap){ .read = "-" },
		"layer: '-' is no regular file, which could be asked for it: set it");
	refuses(&(struct weir_pcap){ .read = "-", .layer = WEIR_LAYER_AF, .loops = 2 },
		"loops: '-' is no regular file and can be read only once");

	make_file(MICRO, LINUX_SLL, records, 1);
	refuses(&(struct weir_pcap){ .read = path },
		"read: '%s' has link type 113 (LINUX_SLL), which is neither Ethernet nor raw IP", path);
	make_file(MICRO, RAW, records, 1);
	refuses(&(struct weir_pcap){ .read = path, .flush = true },
		"flush: nothing is written: it goes with write");
	refuses(&(struct weir_pcap){ .read = path, .layer = WEIR_LAYER_L2 },
		"layer: '%s' is raw IP, WEIR_LAYER_AF", path);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("this is no capture at all, but some text", file);
	fclose(file);
	refuses(&(struct weir_pcap){ .read = path }, "read: '%s': unknown file format", path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_kind),
		cmocka_unit_test(tells_the_largest_packet),
		cmocka_unit_test(drops_what_is_not_whole),
		cmocka_unit_test(a_record_waits_for_its_buffer),
		cmocka_unit_test(loops),
		cmocka_unit_test(keeps_the_time_between_packets),
		cmocka_unit_test(its_descriptor_tells_when),
		cmocka_unit_test(a_broken_file_is_death),
		cmocka_unit_test(a_file_that_vanishes_ends_its_loops),
		cmocka_unit_test(reads_what_it_wrote),
		cmocka_unit_test(flushes_when_told),
		cmocka_unit_test(a_full_disk_is_death),
		cmocka_unit_test(dash_is_the_standard_streams),
		cmocka_unit_test(a_stream_is_looked_at_when_opened),
		cmocka_unit_test(refuses_what_cannot_be),
	};

	return cmocka_run_group_tests(tests, make_path, remove_path);
}
