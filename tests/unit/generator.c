/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>

#include "io.h"

#include <weir/generator.h>

#include "bytes.h"
#include "checksum.h"
#include "clock.h"
#include "error.h"

static const struct weir_endpoint_type *const type = &weir_generator_type;

struct fixture {
	struct io io;
	struct weir_endpoint_info info;
	void *state;
};

/* What a packet says of itself, once everything in it has been found right. */
struct packet {
	uint32_t ip_size;
	uint16_t port;
	bool numbered;
	uint32_t flow;
	uint64_t sequence;
};

static void start(struct fixture *f, const struct weir_generator *options)
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

static const uint8_t *check_ipv4(const uint8_t *ip, uint32_t len)
{
	assert_int_equal(ip[0], 0x45);
	assert_int_equal(weir__load_be16(ip + 2), len);
	assert_int_equal(ip[9], 17);
	assert_int_equal(weir__checksum_finish(weir__checksum_add(0, ip, 20)), 0);
	return ip + 20;
}

static const uint8_t *check_ipv6(const uint8_t *ip, uint32_t len)
{
	assert_int_equal(ip[0], 0x60);
	assert_int_equal(weir__load_be16(ip + 4), len - 40);
	assert_int_equal(ip[6], 17);
	return ip + 40;
}

static struct packet check_ip(const uint8_t *ip, uint32_t len)
{
	const bool six = ip[0] >> 4 == 6;
	const uint8_t *udp = six ? check_ipv6(ip, len) : check_ipv4(ip, len);
	const uint16_t udp_len = (uint16_t)(len - (udp - ip));
	const uint64_t pseudo = six ? weir__checksum_pseudo6(ip + 8, 17, udp_len)
				    : weir__checksum_pseudo4(ip + 12, 17, udp_len);
	struct packet packet = { .ip_size = len,
				 .port = (uint16_t)weir__load_be16(udp),
				 .numbered = udp_len >= 20 };

	assert_int_equal(weir__load_be16(udp + 4), udp_len);
	assert_int_not_equal(weir__load_be16(udp + 6), 0);
	assert_int_equal(weir__checksum_finish(weir__checksum_add(pseudo, udp, udp_len)), 0);
	if (packet.numbered) {
		packet.flow = weir__load_be32(udp + 8);
		packet.sequence = (uint64_t)weir__load_be32(udp + 12) << 32 | weir__load_be32(udp + 16);
		assert_int_equal(packet.port, 49152 + packet.flow);
	}
	return packet;
}

static struct packet packet(struct fixture *f, uint32_t i)
{
	const struct weir_buf *buf = io_packet(&f->io, i);

	if (f->info.layer == WEIR_LAYER_L2)
		return check_ip(buf->data + 14, buf->len - 14);
	return check_ip(buf->data, buf->len);
}

static void gives_valid_packets_by_default(void **state)
{
	const struct weir_generator options = { .name = "g" };
	struct fixture f;

	(void)state;
	start(&f, &options);
	assert_int_equal(f.info.layer, WEIR_LAYER_AF);
	assert_int_equal(f.info.framing, WEIR_FRAMING_RAW);
	assert_int_equal(f.info.max_packet, 64);
	assert_int_equal(f.info.read_fd, -1);
	assert_int_equal(io_read(&f.io, type, f.state, 31), 0);
	assert_int_equal(f.io.reader.n, 31);
	assert_int_equal(f.io.reader.bytes, 31 * 64);
	for (uint32_t i = 0; i < 31; i++) {
		struct packet p = packet(&f, i);

		assert_int_equal(p.ip_size, 64);
		assert_int_equal(p.flow, 0);
		assert_int_equal(p.sequence, i);
		assert_memory_equal(io_packet(&f.io, i)->data + 12, "\x0a\0\0\1\x0a\0\0\2", 8);
	}
	stop(&f);
}

static void gives_frames(void **state)
{
	const struct weir_generator options = {
		.name = "g",
		.layer = WEIR_LAYER_L2,
		.size = 1500,
		.source = "fd00::9",
		.source_mac = "02:00:00:00:00:99",
	};
	struct fixture f;

	(void)state;
	start(&f, &options);
	assert_int_equal(f.info.layer, WEIR_LAYER_L2);
	assert_int_equal(f.info.max_packet, 1514);
	assert_int_equal(io_read(&f.io, type, f.state, 5), 0);
	assert_int_equal(f.io.reader.n, 5);
	assert_int_equal(packet(&f, 4).ip_size, 1500);
	assert_memory_equal(io_packet(&f.io, 0)->data, "\2\0\0\0\0\2\2\0\0\0\0\x99\x86\xdd", 14);
	stop(&f);
}

/* Every family and size from the smallest up, among them those without room for numbers. */
static void every_size_is_valid(void **state)
{
	(void)state;
	for (uint32_t six = 0; six < 2; six++) {
		for (uint32_t size = six ? 48 : 28; size < 130; size++) {
			const struct weir_generator options = {
				.name = "g", .size = size, .flows = 16384, .source = six ? "fd00::1" : NULL
			};
			struct fixture f;

			start(&f, &options);
			assert_int_equal(io_read(&f.io, type, f.state, 31), 0);
			for (uint32_t i = 0; i < 31; i++) {
				assert_int_equal(packet(&f, i).ip_size, size);
				assert_int_equal(packet(&f, i).numbered, size >= (six ? 60 : 40));
			}
			stop(&f);
		}
	}
}

static void large_packets_span_both_parts(void **state)
{
	const struct weir_generator options = {
		.name = "g",
		.sizes = { { 65535, 1 }, { IO_ROOM - IO_HEADROOM, 1 }, { IO_ROOM - IO_HEADROOM + 1, 1 } },
	};
	bool seen[3] = { false };
	struct fixture f;
	uint64_t next = 0;

	(void)state;
	start(&f, &options);
	assert_int_equal(f.info.max_packet, 65535);
	for (int call = 0; call < 20; call++) {
		assert_int_equal(io_read(&f.io, type, f.state, 31), 0);
		/* It ends with the jumbo buffers. */
		assert_in_range(f.io.reader.n, IO_JUMBO, 31);
		assert_int_equal(f.io.jumbo_n, 0);
		for (uint32_t i = 0; i < f.io.reader.n; i++) {
			struct packet p = packet(&f, i);

			assert_int_equal(p.sequence, next++);
			for (int k = 0; k < 3; k++)
				seen[k] |= p.ip_size == options.sizes[k].bytes;
		}
	}
	assert_true(seen[0] && seen[1] && seen[2]);
	stop(&f);
}

/* Reads n packets in calls of at most limit, and returns a digest of all their bytes. */
static uint64_t digest(const struct weir_generator *options, uint32_t n, uint32_t limit)
{
	uint64_t hash = 14695981039346656037u;
	struct fixture f;

	start(&f, options);
	while (n) {
		assert_int_equal(io_read(&f.io, type, f.state, n < limit ? n : limit), 0);
		assert_true(f.io.reader.n > 0);
		n -= f.io.reader.n;
		for (uint32_t i = 0; i < f.io.reader.n; i++)
			for (uint32_t k = 0; k < io_packet(&f.io, i)->len; k++)
				hash = (hash ^ io_packet(&f.io, i)->data[k]) * 1099511628211u;
	}
	stop(&f);
	return hash;
}

static void the_seed_decides(void **state)
{
	struct weir_generator options = { .name = "g", .imix = true, .flows = 100, .seed = 7 };
	struct weir_generator large = { .name = "g", .sizes = { { 64, 1 }, { 9000, 1 } }, .flows = 9 };
	uint64_t first = digest(&options, 1000, 31);

	(void)state;
	assert_true(digest(&options, 1000, 31) == first);
	assert_true(digest(&options, 1000, 7) == first);
	options.seed = 8;
	assert_true(digest(&options, 1000, 31) != first);
	/* Also where buffers run out: nothing is drawn for a packet that cannot be made. */
	assert_true(digest(&large, 200, 31) == digest(&large, 200, 1));
}

static void flows_are_numbered_each(void **state)
{
	enum { flows = 16384, packets = 40 * flows };
	const struct weir_generator options = { .name = "g", .flows = flows };
	uint64_t *next = calloc(flows, sizeof(*next));
	struct fixture f;

	(void)state;
	assert_non_null(next);
	start(&f, &options);
	for (uint32_t n = 0; n < packets; n += f.io.reader.n) {
		assert_int_equal(io_read(&f.io, type, f.state, 31), 0);
		for (uint32_t i = 0; i < f.io.reader.n; i++) {
			struct packet p = packet(&f, i);

			assert_in_range(p.flow, 0, flows - 1);
			assert_int_equal(p.sequence, next[p.flow]++);
		}
	}
	/* Forty a flow on average: each has come. */
	for (uint32_t i = 0; i < flows; i++)
		assert_true(next[i] > 0);
	stop(&f);
	free(next);
}

static void weights_are_kept(void **state)
{
	enum { packets = 120000 };
	const struct weir_generator options = { .name = "g", .imix = true };
	unsigned small = 0, middle = 0, large = 0;
	struct fixture f;

	(void)state;
	start(&f, &options);
	assert_int_equal(f.info.max_packet, 1500);
	while (small + middle + large < packets) {
		assert_int_equal(io_read(&f.io, type, f.state, 30), 0);
		for (uint32_t i = 0; i < f.io.reader.n; i++) {
			uint32_t size = packet(&f, i).ip_size;

			small += size == 40;
			middle += size == 576;
			large += size == 1500;
		}
	}
	/* The seed is fixed, so these numbers are too; 1 % is more than four standard deviations. */
	assert_in_range(small, packets * 7 / 12 - packets / 100, packets * 7 / 12 + packets / 100);
	assert_in_range(middle, packets * 4 / 12 - packets / 100, packets * 4 / 12 + packets / 100);
	assert_in_range(large, packets * 1 / 12 - packets / 100, packets * 1 / 12 + packets / 100);
	stop(&f);
}

static void ends_with_the_count(void **state)
{
	const struct weir_generator options = { .name = "g", .count = 33 };
	struct fixture f;

	(void)state;
	start(&f, &options);
	assert_int_equal(io_read(&f.io, type, f.state, 31), 0);
	assert_int_equal(f.io.reader.n, 31);
	assert_int_equal(io_read(&f.io, type, f.state, 31), 0);
	assert_int_equal(f.io.reader.n, 2);
	assert_int_equal(io_read(&f.io, type, f.state, 31), -ENODATA);
	assert_int_equal(f.io.reader.n, 0);
	assert_int_equal(io_read(&f.io, type, f.state, 31), -ENODATA);
	stop(&f);
}

/* Reads until there is nothing more, as a worker does when read_fd is readable. */
static uint32_t drain(struct fixture *f)
{
	uint32_t n = 0;

	do {
		assert_int_equal(io_read(&f->io, type, f->state, 31), 0);
		n += f->io.reader.n;
	} while (f->io.reader.n > 0);
	return n;
}

static void keeps_the_rate_exactly(void **state)
{
	static const double rates[] = { 0.5, 3, 1000, 12345.678, 1e6, 3.3e6 };
	const uint64_t start_ns = 1000000000000, second = 1000000000;

	(void)state;
	for (size_t i = 0; i < countof(rates); i++) {
		const struct weir_generator options = { .name = "g", .rate = rates[i] };
		/* A second of the fast ones, a minute of the slow ones; looked at every 70 µs or 9 ms. */
		const uint64_t step = rates[i] > 1000 ? 70000 : 9000000;
		const uint64_t end = start_ns + (rates[i] > 1000 ? second : 60 * second);
		struct fixture f;
		double sent = 0;

		start(&f, &options);
		for (f.io.now = start_ns; f.io.now <= end; f.io.now += step)
			sent += drain(&f);
		/* The first one comes at once; at the end, a tick and a look may be missing. */
		assert_true(sent <= (double)(end - start_ns) * rates[i] / 1e9 + 1);
		assert_true(sent >= (double)(end - start_ns - step - 100000) * rates[i] / 1e9 - 1);
		stop(&f);
	}
}

static void catches_up_with_ten_milliseconds(void **state)
{
	const struct weir_generator options = { .name = "g", .rate = 1e6 };
	struct fixture f;

	(void)state;
	start(&f, &options);
	f.io.now = 1000000000;
	assert_int_equal(drain(&f), 1);
	f.io.now += 1000000;
	assert_int_equal(drain(&f), 1000);
	f.io.now += 3600 * 1000000000ull;
	assert_in_range(drain(&f), 10000, 10001);
	f.io.now += 1000000;
	assert_in_range(drain(&f), 999, 1000);
	stop(&f);
}

static void its_descriptor_tells_when(void **state)
{
	const struct weir_generator options = { .name = "g", .rate = 500, .count = 20 };
	struct fixture f;
	struct pollfd fd;
	uint64_t begin;
	int ret = 0;

	(void)state;
	start(&f, &options);
	fd = (struct pollfd){ .fd = f.info.read_fd, .events = POLLIN };
	assert_true(fd.fd >= 0);
	begin = weir__now();
	for (uint32_t n = 0; ret == 0; n += f.io.reader.n) {
		assert_int_equal(poll(&fd, 1, -1), 1);
		f.io.now = weir__now();
		ret = io_read(&f.io, type, f.state, 31);
		/* Never ahead of its time, and the end is told after all of them. */
		assert_true(n + f.io.reader.n <= (double)(f.io.now - begin) * 500 / 1e9 + 1.001);
		assert_int_equal(ret, n == 20 ? -ENODATA : 0);
	}
	assert_int_equal(ret, -ENODATA);
	stop(&f);
}

static void refuses(const struct weir_generator *options, const char *text)
{
	struct weir_endpoint_info info = { 0 };
	struct weir_error err;

	weir__error_clear(&err);
	assert_int_equal(type->check(options, &info, &err), -EINVAL);
	assert_string_equal(err.text, text);
	assert_int_equal(type->check(options, &info, NULL), -EINVAL);
}

static void refuses_what_cannot_be(void **state)
{
	(void)state;
	refuses(&(struct weir_generator){ .size = 27 }, "size: 27 is not from 28 to 65535");
	refuses(&(struct weir_generator){ .size = 47, .source = "::1" }, "size: 47 is not from 48 to 65535");
	refuses(&(struct weir_generator){ .size = 65522, .layer = WEIR_LAYER_L2 },
		"size: 65522 is not from 28 to 65521");
	refuses(&(struct weir_generator){ .sizes = { { 65536, 1 } } },
		"sizes: 65536 is not from 28 to 65535");
	refuses(&(struct weir_generator){ .sizes = { { 64, UINT32_MAX }, { 65, 1 } } },
		"sizes: the weights add up to more than 4294967295");
	refuses(&(struct weir_generator){ .size = 64, .imix = true }, "size: one of size, imix and sizes");
	refuses(&(struct weir_generator){ .flows = 16385 }, "flows: 16385 is not from 1 to 16384");
	refuses(&(struct weir_generator){ .rate = -1 },
		"rate: -1 is not a number of packets a second, 0 or at least 0.001");
	refuses(&(struct weir_generator){ .rate = __builtin_inf() },
		"rate: inf is not a number of packets a second, 0 or at least 0.001");
	refuses(&(struct weir_generator){ .rate = 1e-9 },
		"rate: 1e-09 is not a number of packets a second, 0 or at least 0.001");
	refuses(&(struct weir_generator){ .source = "10.0.0" }, "source: '10.0.0' is not an IP address");
	refuses(&(struct weir_generator){ .source = "::1", .destination = "10.0.0.1" },
		"destination: '10.0.0.1' is not of the family of the source, '::1'");
	refuses(&(struct weir_generator){ .source_mac = "02:00:00:00:00:01" },
		"source_mac: only frames have one: set layer to WEIR_LAYER_L2");
	refuses(&(struct weir_generator){ .layer = WEIR_LAYER_L2, .destination_mac = "02:zz" },
		"destination_mac: '02:zz' is not a MAC address");
	refuses(&(struct weir_generator){ .layer = WEIR_LAYER_L3 },
		"layer: 2 is not WEIR_LAYER_AF or WEIR_LAYER_L2");
	refuses(&(struct weir_generator){ .flows = 20000, .size = 1 },
		"size: 1 is not from 28 to 65535\nflows: 20000 is not from 1 to 16384");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_valid_packets_by_default),
		cmocka_unit_test(gives_frames),
		cmocka_unit_test(every_size_is_valid),
		cmocka_unit_test(large_packets_span_both_parts),
		cmocka_unit_test(the_seed_decides),
		cmocka_unit_test(flows_are_numbered_each),
		cmocka_unit_test(weights_are_kept),
		cmocka_unit_test(ends_with_the_count),
		cmocka_unit_test(keeps_the_rate_exactly),
		cmocka_unit_test(catches_up_with_ten_milliseconds),
		cmocka_unit_test(its_descriptor_tells_when),
		cmocka_unit_test(refuses_what_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
