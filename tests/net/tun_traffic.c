/* SPDX-License-Identifier: Apache-2.0 */
/* Packets through real devices, and what becomes of them when somebody changes or deletes the device. */
#include "namespace.h"

#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>

#include <linux/if_tun.h>

#include "device.h"
#include "io.h"
#include "mode.h"

/* Packets as they are, without a virtio_net header. */
#define PLAIN .no_offload = WEIR_OFFLOAD_ALL, .io = mode_io()

#define PORT     4242
#define UDP_HEAD (sizeof(struct ip) + sizeof(struct udphdr))

static struct io io;
static uint8_t packet[65536]; /* of which tests build what they write */

static int make_io(void **state)
{
	(void)state;
	io_init(&io);
	return 0;
}

static int free_io(void **state)
{
	(void)state;
	io_free(&io);
	return 0;
}

/* A UDP socket bound to the address of the device. */
static int udp_socket(const char *address)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	const int on = 1;

	inet_pton(AF_INET, address, &name.sin_addr);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)), 0);
	return fd;
}

static void udp_send(int fd, const char *to, const void *bytes, size_t n)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	inet_pton(AF_INET, to, &name.sin_addr);
	assert_int_equal(sendto(fd, bytes, n, 0, (struct sockaddr *)&name, sizeof(name)), n);
}

static void udp_expect(int fd, const void *bytes, size_t n)
{
	uint8_t *got = malloc(65536);

	device_wait(fd, POLLIN);
	assert_int_equal(recv(fd, got, 65536, 0), n);
	assert_memory_equal(got, bytes, n);
	free(got);
}

static uint16_t header_checksum(const uint8_t *header)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)header[i] << 8 | header[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

/* An IPv4 packet with a UDP datagram; returns its length. */
static uint32_t udp_packet(uint8_t *at, const char *from, const char *to, const void *bytes, size_t n)
{
	const uint16_t length = (uint16_t)(UDP_HEAD + n);
	struct ip ip = { .ip_v = 4, .ip_hl = 5, .ip_len = htons(length), .ip_ttl = 64, .ip_p = IPPROTO_UDP };
	struct udphdr udp = {
		.uh_sport = htons(PORT),
		.uh_dport = htons(PORT),
		.uh_ulen = htons((uint16_t)(length - sizeof(ip))),
	};

	inet_pton(AF_INET, from, &ip.ip_src);
	inet_pton(AF_INET, to, &ip.ip_dst);
	ip.ip_sum = htons(header_checksum((const uint8_t *)&ip));
	memcpy(at, &ip, sizeof(ip));
	memcpy(at + sizeof(ip), &udp, sizeof(udp));
	memcpy(at + UDP_HEAD, bytes, n);
	return length;
}

/* Reads until something comes. */
static void read_some(const struct device *device, uint32_t limit)
{
	device_wait(device->info.read_fd, POLLIN);
	assert_int_equal(io_read(&io, &weir_tun_type, device->state, limit), 0);
}

static void assert_udp(const uint8_t *got, uint32_t len, const void *bytes, size_t n)
{
	assert_int_equal(len, UDP_HEAD + n);
	assert_int_equal(got[0], 0x45);
	assert_int_equal(header_checksum(got), 0);
	assert_int_equal(got[9], IPPROTO_UDP);
	assert_memory_equal(got + UDP_HEAD, bytes, n);
}

static uint64_t dropped(unsigned reason)
{
	return io.dropped[reason];
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

/* Writes one packet; returns the verdict. */
static weir_verdict write_one(const struct device *device, const void *bytes, uint32_t n)
{
	io_begin(&io);
	io_add(&io, bytes, n);
	assert_int_equal(io_write(&io, &weir_tun_type, device->state), 1);
	assert_int_equal(io.writer.error, 0);
	return io.writer.verdict[0];
}

/* Both ways: a datagram of the kernel is read, and one that is written reaches its socket. */
static void assert_traffic(const struct device *device, int fd)
{
	uint32_t n = udp_packet(packet, "10.9.0.1", "10.9.0.2", "answer", 6);

	udp_send(fd, "10.9.0.1", "question", 8);
	read_some(device, WEIR_VECTOR_SIZE);
	assert_int_equal(io.reader.n, 1);
	assert_udp(io_packet(&io, 0)->data, io_packet(&io, 0)->len, "question", 8);
	assert_int_equal(write_one(device, packet, n), WEIR_NEXT);
	udp_expect(fd, "answer", 6);
}

#define OPEN(device, ...)                                                                           \
	device_must_open(device, "weir0", PLAIN, .ipv4 = WEIR_LIST("10.9.0.2/24"), .no_ipv6 = true, \
			 __VA_ARGS__)

static void carries_packets_both_ways(void **state)
{
	struct device device;
	int fd;

	(void)state;
	OPEN(&device, .mtu = 1500);
	fd = udp_socket("10.9.0.2");
	for (int i = 0; i < 100; i++)
		assert_traffic(&device, fd);
	assert_int_equal(io_read(&io, &weir_tun_type, device.state, 1), 0);
	assert_int_equal(io.reader.n, 0);
	close(fd);
	device_close(&device);
}

static void reads_vectors_in_order(void **state)
{
	struct device device;
	uint32_t next = 0;
	int fd;

	(void)state;
	OPEN(&device, .mtu = 1500);
	fd = udp_socket("10.9.0.2");
	for (uint32_t i = 0; i < 100; i++)
		udp_send(fd, "10.9.0.1", &i, sizeof(i));
	while (next < 100) {
		read_some(&device, WEIR_VECTOR_SIZE);
		assert_int_equal(io.reader.n, next < 93 ? 31 : 7);
		assert_int_equal(io.reader.bytes, io.reader.n * (UDP_HEAD + 4));
		for (uint32_t i = 0; i < io.reader.n; i++, next++)
			assert_udp(io_packet(&io, i)->data, io_packet(&io, i)->len, &next, sizeof(next));
	}
	close(fd);
	device_close(&device);
}

static uint64_t counter(const struct device *device, const char *name)
{
	const struct weir_counter *counters = weir_tun_type.counters;

	while (strcmp(counters->name, name) != 0)
		counters++;
	return *(const uint64_t *)((const char *)device->state + counters->offset);
}

/* Datagrams of four bytes, which are their numbers. */
static void add_numbers(uint32_t from, uint32_t n)
{
	for (uint32_t number = from; number < from + n; number++)
		io_add(&io, packet, udp_packet(packet, "10.9.0.1", "10.9.0.2", &number, sizeof(number)));
}

/* A packet that the device refuses is missed alone. */
static void writes_vectors_in_order(void **state)
{
	static const uint8_t no_version[20] = { 0x15 };
	struct device device;
	int fd;

	(void)state;
	OPEN(&device, .tap = false);
	fd = udp_socket("10.9.0.2");
	for (uint32_t round = 0; round < 20; round++) {
		io_begin(&io);
		add_numbers(0, 10);
		io_add(&io, no_version, sizeof(no_version));
		add_numbers(10, round);
		assert_int_equal(io_write(&io, &weir_tun_type, device.state), 11 + round);
		assert_int_equal(io.writer.error, 0);
		for (uint32_t i = 0; i < 11 + round; i++)
			assert_int_equal(io.writer.verdict[i],
					 i == 10 ? WEIR_DROP(reason("refused")) : WEIR_NEXT);
		for (uint32_t number = 0; number < 10 + round; number++)
			udp_expect(fd, &number, sizeof(number));
	}
	if (mode_io() == WEIR_IO_READ_WRITE || counter(&device, "no_uring"))
		assert_int_equal(counter(&device, "uring_packets"), 0);
	else
		assert_int_equal(counter(&device, "uring_packets"), 20 * 11 + 190);
	close(fd);
	device_close(&device);
}

/* Nothing of the kernel's holds the device any longer. */
static void vanishes_at_once(void **state)
{
	struct device device;

	(void)state;
	for (int i = 0; i < 20; i++) {
		OPEN(&device, .exclusive = true);
		io_begin(&io);
		add_numbers(0, 3);
		assert_int_equal(io_write(&io, &weir_tun_type, device.state), 3);
		device_close(&device);
		assert_false(kernel_exists("weir0"));
	}
}

static void carries_ipv6(void **state)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	struct sockaddr_in6 from = to;
	struct device device;
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)state;
	inet_pton(AF_INET6, "fd00:9::1", &to.sin6_addr);
	inet_pton(AF_INET6, "fd00:9::2", &from.sin6_addr);
	device_must_open(&device, "weir0", PLAIN, .tap = false, .ipv6 = WEIR_LIST("fd00:9::2/64"));
	/* At once: an address that is still checked for duplicates cannot be bound. */
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(sendto(fd, "six", 3, 0, (struct sockaddr *)&to, sizeof(to)), 3);
	/* The kernel solicits routers here whenever it likes. */
	do {
		read_some(&device, 1);
	} while (io_packet(&io, 0)->data[6] != IPPROTO_UDP);
	assert_int_equal(io_packet(&io, 0)->len, 40 + 8 + 3);
	assert_memory_equal(io_packet(&io, 0)->data + 48, "six", 3);
	close(fd);
	device_close(&device);
}

static void carries_packet_information(void **state)
{
	static const uint8_t golden[] = { 0, 0, 8, 0, 0x45 };
	struct device device;
	uint32_t n;
	int fd;

	(void)state;
	OPEN(&device, .packet_information = true);
	fd = udp_socket("10.9.0.2");
	udp_send(fd, "10.9.0.1", "question", 8);
	read_some(&device, 1);
	assert_memory_equal(io_packet(&io, 0)->data, golden, sizeof(golden));
	assert_udp(io_packet(&io, 0)->data + 4, io_packet(&io, 0)->len - 4, "question", 8);
	memcpy(packet, golden, 4);
	n = 4 + udp_packet(packet + 4, "10.9.0.1", "10.9.0.2", "answer", 6);
	assert_int_equal(write_one(&device, packet, n), WEIR_NEXT);
	udp_expect(fd, "answer", 6);
	close(fd);
	device_close(&device);
}

static void carries_frames(void **state)
{
	static const uint8_t begins[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 7, 8, 0 };
	static const uint8_t ethernet[] = { 2, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0, 9, 8, 0 };
	struct device device;
	uint32_t n;
	int fd;

	(void)state;
	OPEN(&device, .tap = true, .mac = "02:00:00:00:00:07");
	fd = udp_socket("10.9.0.2");
	udp_send(fd, "10.9.0.255", "question", 8);
	read_some(&device, 1);
	assert_memory_equal(io_packet(&io, 0)->data, begins, 14);
	assert_udp(io_packet(&io, 0)->data + 14, io_packet(&io, 0)->len - 14, "question", 8);
	memcpy(packet, ethernet, 14);
	n = 14 + udp_packet(packet + 14, "10.9.0.1", "10.9.0.2", "answer", 6);
	assert_int_equal(write_one(&device, packet, n), WEIR_NEXT);
	udp_expect(fd, "answer", 6);
	close(fd);
	device_close(&device);
}

static uint8_t *pattern(size_t n)
{
	uint8_t *bytes = malloc(n);

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(i * 7 + (i >> 8));
	return bytes;
}

static void carries_the_largest_packets(void **state)
{
	const uint32_t n = 65535 - UDP_HEAD;
	uint8_t *bytes = pattern(n);
	struct device device;
	int fd;

	(void)state;
	OPEN(&device, .mtu = 65535);
	fd = udp_socket("10.9.0.2");
	udp_send(fd, "10.9.0.1", bytes, n);
	udp_send(fd, "10.9.0.1", "small", 5);
	udp_send(fd, "10.9.0.1", bytes + 1, n - 1);
	read_some(&device, WEIR_VECTOR_SIZE);
	assert_int_equal(io.reader.n, 3);
	assert_udp(io_packet(&io, 0)->data, io_packet(&io, 0)->len, bytes, n);
	assert_udp(io_packet(&io, 1)->data, io_packet(&io, 1)->len, "small", 5);
	assert_udp(io_packet(&io, 2)->data, io_packet(&io, 2)->len, bytes + 1, n - 1);
	assert_int_equal(udp_packet(packet, "10.9.0.1", "10.9.0.2", bytes, n), 65535);
	assert_int_equal(write_one(&device, packet, 65535), WEIR_NEXT);
	udp_expect(fd, bytes, n);
	close(fd);
	device_close(&device);
	free(bytes);
}

/* A device whose MTU somebody else raises would give packets that are cut, without a word. */
static void notices_an_mtu_that_was_raised(void **state)
{
	uint8_t *bytes = pattern(8000);
	struct device device;
	int fd;

	(void)state;
	OPEN(&device, .mtu = 1500);
	fd = udp_socket("10.9.0.2");
	assert_traffic(&device, fd);
	kernel_set_mtu("weir0", 9000);
	udp_send(fd, "10.9.0.1", bytes, 8000);
	udp_send(fd, "10.9.0.1", bytes, 7999);
	udp_send(fd, "10.9.0.1", bytes, 7);
	read_some(&device, WEIR_VECTOR_SIZE);
	assert_int_equal(dropped(reason("cut")), 1);
	assert_int_equal(io.reader.n, 2);
	assert_udp(io_packet(&io, 0)->data, io_packet(&io, 0)->len, bytes, 7999);
	assert_udp(io_packet(&io, 1)->data, io_packet(&io, 1)->len, bytes, 7);
	assert_traffic(&device, fd);
	assert_int_equal(dropped(reason("cut")), 0);
	close(fd);
	device_close(&device);
	free(bytes);
}

/* By the function for it, not even the first is lost, nor one that waited in the queue when the MTU was
 * lowered again. */
static void loses_nothing_when_the_mtu_is_set(void **state)
{
	uint8_t *bytes = pattern(8000);
	struct device device;
	int fd;

	(void)state;
	OPEN(&device, .mtu = 1500);
	fd = udp_socket("10.9.0.2");
	udp_send(fd, "10.9.0.1", bytes, 1000);
	assert_int_equal(weir_tun_set_mtu(device.state, 9000, &device.err), 0);
	udp_send(fd, "10.9.0.1", bytes, 8000);
	assert_int_equal(weir_tun_set_mtu(device.state, 1400, &device.err), 0);
	read_some(&device, WEIR_VECTOR_SIZE);
	assert_int_equal(io.reader.n, 2);
	assert_udp(io_packet(&io, 0)->data, io_packet(&io, 0)->len, bytes, 1000);
	assert_udp(io_packet(&io, 1)->data, io_packet(&io, 1)->len, bytes, 8000);
	close(fd);
	device_close(&device);
	free(bytes);
}

/* Over the pseudo-header, which the rest of the IP header is made into. */
static bool udp_checksum_is_right(const uint8_t *bytes, uint32_t len)
{
	uint32_t sum = IPPROTO_UDP + (len - (uint32_t)sizeof(struct ip));

	assert_int_equal(len % 2, 0);
	for (uint32_t i = 12; i < len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/* Whoever had a persistent device before us may have told the kernel to leave checksums and segments to him.
 */
static void takes_no_offload_over(void **state)
{
	struct ifreq request = { .ifr_name = "weir0", .ifr_flags = IFF_TUN | IFF_NO_PI };
	struct device device;
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	(void)state;
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	assert_int_equal(ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6), 0);
	assert_int_equal(ioctl(fd, TUNSETPERSIST, 1), 0);
	close(fd);
	OPEN(&device, .mtu = 1500);
	fd = udp_socket("10.9.0.2");
	udp_send(fd, "10.9.0.1", "question", 8);
	read_some(&device, 1);
	assert_udp(io_packet(&io, 0)->data, io_packet(&io, 0)->len, "question", 8);
	assert_true(udp_checksum_is_right(io_packet(&io, 0)->data, io_packet(&io, 0)->len));
	close(fd);
	device_close(&device);
	assert_int_equal(kernel_delete("weir0"), 0);
}

static void drops_what_the_device_refuses(void **state)
{
	static const uint8_t no_version[20] = { 0x15 }, short_frame[13];
	struct device device;

	(void)state;
	OPEN(&device, .tap = false);
	assert_int_equal(write_one(&device, no_version, 20), WEIR_DROP(reason("refused")));
	assert_int_equal(write_one(&device, "", 0), WEIR_DROP(reason("refused")));
	device_close(&device);
	OPEN(&device, .tap = true);
	assert_int_equal(write_one(&device, short_frame, 13), WEIR_DROP(reason("refused")));
	device_close(&device);
}

static void drops_while_it_is_down(void **state)
{
	uint32_t n = udp_packet(packet, "10.9.0.1", "10.9.0.2", "answer", 6);
	struct device device;
	int fd;

	(void)state;
	OPEN(&device, .mtu = 1500);
	fd = udp_socket("10.9.0.2");
	assert_traffic(&device, fd);
	namespace_set_flag("weir0", IFF_UP, false);
	io_begin(&io);
	for (int i = 0; i < 3; i++)
		io_add(&io, packet, n);
	assert_int_equal(io_write(&io, &weir_tun_type, device.state), 3);
	assert_int_equal(io.writer.error, 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(io.writer.verdict[i], WEIR_DROP(reason("down")));
	assert_true(io.writer.any);
	assert_int_equal(io_read(&io, &weir_tun_type, device.state, 1), 0);
	assert_int_equal(io.reader.n, 0);
	namespace_set_flag("weir0", IFF_UP, true);
	assert_traffic(&device, fd);
	assert_int_equal(weir_tun_set_up(device.state, false, &device.err), 0);
	assert_int_equal(write_one(&device, packet, n), WEIR_DROP(reason("down")));
	assert_int_equal(weir_tun_set_up(device.state, true, &device.err), 0);
	assert_traffic(&device, fd);
	close(fd);
	device_close(&device);
}

static void tells_what_the_kernel_dropped(void **state)
{
	struct device device;
	uint64_t drops = 1;
	uint32_t read = 0;
	int fd;

	(void)state;
	OPEN(&device, .queue_length = 10);
	fd = udp_socket("10.9.0.2");
	assert_int_equal(weir_tun_kernel_drops(device.state, &drops, &device.err), 0);
	assert_int_equal(drops, 0);
	for (int i = 0; i < 100; i++)
		udp_send(fd, "10.9.0.1", "question", 8);
	do {
		read_some(&device, WEIR_VECTOR_SIZE);
		read += io.reader.n;
	} while (io.reader.n == WEIR_VECTOR_SIZE);
	assert_int_equal(weir_tun_kernel_drops(device.state, &drops, &device.err), 0);
	assert_true(drops > 0);
	assert_int_equal(read + drops, 100);
	close(fd);
	device_close(&device);
}

static void assert_dead(const struct device *device)
{
	uint32_t n = udp_packet(packet, "10.9.0.1", "10.9.0.2", "answer", 6);

	device_wait(device->info.read_fd, POLLIN); /* POLLERR */
	assert_true(io_read(&io, &weir_tun_type, device->state, 1) < 0);
	assert_int_equal(io.reader.n, 0);
	for (uint32_t packets = 1; packets <= 3; packets++) {
		io_begin(&io);
		for (uint32_t i = 0; i < packets; i++)
			io_add(&io, packet, n);
		assert_int_equal(io_write(&io, &weir_tun_type, device->state), 0);
		assert_true(io.writer.error < 0);
	}
}

static void comes_back_with_everything(void **state)
{
	const struct weir_route routes[] = { { .to = "10.20.0.0/16" },
					     { .to = "10.21.0.0/16" },
					     { .to = NULL } };
	const struct weir_route late = { .to = "10.22.0.0/16", .via = "10.9.0.1" };
	struct device device;
	uint8_t mac[6], again[6];
	uint32_t index;
	int fd;

	(void)state;
	OPEN(&device, .tap = true, .mtu = 1400, .route = routes, .queue_length = 99, .persist = true);
	fd = udp_socket("10.9.0.2");
	kernel_mac("weir0", mac);
	index = weir_tun_index(device.state);
	assert_int_equal(weir_tun_add_address(device.state, "10.9.1.2/24", &device.err), 0);
	assert_int_equal(weir_tun_add_address(device.state, "10.9.2.2/24", &device.err), 0);
	assert_int_equal(weir_tun_remove_address(device.state, "10.9.1.2/24", &device.err), 0);
	assert_int_equal(weir_tun_add_route(device.state, &late, &device.err), 0);
	assert_int_equal(weir_tun_remove_route(device.state, &routes[1], &device.err), 0);
	assert_int_equal(weir_tun_set_mtu(device.state, 1350, &device.err), 0);
	assert_int_equal(kernel_delete("weir0"), 0);
	assert_dead(&device);
	assert_int_equal(weir_tun_set_mtu(device.state, 1360, &device.err), -ENODEV);
	assert_string_equal(device.err.text, "weir0: mtu 1360: No such device");
	if (weir_tun_type.recover(device.state, &device.err))
		fail_msg("%s", device.err.text);
	assert_int_not_equal(weir_tun_index(device.state), index);
	assert_int_equal(weir_tun_index(device.state), if_nametoindex("weir0"));
	kernel_mac("weir0", again);
	assert_memory_equal(again, mac, 6);
	assert_int_equal(kernel_mtu("weir0"), 1350);
	assert_int_equal(kernel_queue_length("weir0"), 99);
	assert_int_equal(kernel_addresses("weir0", NULL).n, 2);
	assert_int_equal(kernel_addresses("weir0", "10.9.2.2/24").n, 1);
	assert_int_equal(kernel_routes("weir0", "10.20.0.0/16 via - metric 0 table 254"), 1);
	assert_int_equal(kernel_routes("weir0", "10.21.0.0/16 via - metric 0 table 254"), 0);
	assert_int_equal(kernel_routes("weir0", "10.22.0.0/16 via 10.9.0.1 metric 0 table 254"), 1);
	assert_true(kernel_ipv6_disabled("weir0"));
	assert_true(kernel_tun("weir0").persist);
	assert_int_equal(kernel_delete("weir0"), 0);
	close(fd);
	device_close(&device);
}

static void carries_packets_after_recovery(void **state)
{
	struct device device;
	int fd;

	(void)state;
	OPEN(&device, .mtu = 1500);
	fd = udp_socket("10.9.0.2");
	for (int i = 0; i < 10; i++) {
		assert_traffic(&device, fd);
		assert_int_equal(kernel_delete("weir0"), 0);
		assert_dead(&device);
		assert_int_equal(weir_tun_type.recover(device.state, &device.err), 0);
	}
	assert_traffic(&device, fd);
	close(fd);
	device_close(&device);
	assert_false(kernel_exists("weir0"));
}

/* Somebody else has the name now: it stays dead and says why, and comes back when the name is free. */
static void fails_to_recover_and_then_succeeds(void **state)
{
	struct device device, thief;
	int fd;

	(void)state;
	OPEN(&device, .mtu = 1500);
	fd = udp_socket("10.9.0.2");
	assert_int_equal(kernel_delete("weir0"), 0);
	device_must_open(&thief, "weir0", PLAIN, .no_ipv6 = true);
	assert_int_equal(weir_tun_type.recover(device.state, &device.err), -EBUSY);
	assert_non_null(strstr(device.err.text, "TUN device weir0: Device or resource busy"));
	assert_dead(&device);
	device_close(&thief);
	assert_int_equal(weir_tun_type.recover(device.state, &device.err), 0);
	assert_traffic(&device, fd);
	close(fd);
	device_close(&device);
}

/* A route of another device is in the way: the new device is there, but not as it was. */
static void finishes_a_recovery_that_failed(void **state)
{
	const struct weir_route routes[] = { { .to = "10.20.0.0/16" }, { .to = NULL } };
	struct device device, other;
	int fd;

	(void)state;
	OPEN(&device, .route = routes);
	fd = udp_socket("10.9.0.2");
	assert_int_equal(kernel_delete("weir0"), 0);
	device_must_open(&other, "weir1", PLAIN, .no_ipv6 = true, .route = routes);
	assert_int_equal(weir_tun_type.recover(device.state, &device.err), -EEXIST);
	assert_non_null(strstr(device.err.text, "route 10.20.0.0/16: File exists"));
	device_close(&other);
	assert_int_equal(weir_tun_type.recover(device.state, &device.err), 0);
	assert_int_equal(kernel_routes("weir0", "10.20.0.0/16 via - metric 0 table 254"), 1);
	assert_traffic(&device, fd);
	close(fd);
	device_close(&device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		device_test(carries_packets_both_ways),
		device_test(reads_vectors_in_order),
		device_test(writes_vectors_in_order),
		device_test(vanishes_at_once),
		device_test(carries_ipv6),
		device_test(carries_packet_information),
		device_test(carries_frames),
		device_test(carries_the_largest_packets),
		device_test(notices_an_mtu_that_was_raised),
		device_test(loses_nothing_when_the_mtu_is_set),
		device_test(takes_no_offload_over),
		device_test(drops_what_the_device_refuses),
		device_test(drops_while_it_is_down),
		device_test(tells_what_the_kernel_dropped),
		device_test(comes_back_with_everything),
		device_test(carries_packets_after_recovery),
		device_test(fails_to_recover_and_then_succeeds),
		device_test(finishes_a_recovery_that_failed),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, make_io, free_io);
}
