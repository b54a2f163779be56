/* SPDX-License-Identifier: Apache-2.0 */
/* An adapter on a TUN device: the test is the station at the other end of the Ethernet. */
#include "namespace.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <pthread.h>

#include <weir/adapter.h>

#include "address.h"
#include "checksum.h"
#include "kernel.h"
#include "payload.h"
#include "wait.h"

#define DEVICE    "weir0"
#define OWN_IPV4  "10.9.0.1"
#define PEER_IPV4 "10.9.0.2"
#define OWN_IPV6  "fd00:9::1"
#define PEER_IPV6 "fd00:9::2"
#define ETHERNET  14
#define FRAME     2048

static const uint8_t own_mac[6] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t peer_mac[6] = { 2, 0, 0, 0, 0, 2 };

static struct weir_adapter *make(void)
{
	const struct weir_adapter_options options = {
		.name = DEVICE,
		.mac = "02:00:00:00:00:01",
		.next_hop = "02:00:00:00:00:02",
		.ipv4 = WEIR_LIST(OWN_IPV4 "/24"),
		.ipv6 = WEIR_LIST(OWN_IPV6 "/64"),
	};
	struct weir_adapter *adapter;
	struct weir_error err;

	if (weir_adapter_create(&adapter, &options, &err))
		fail_msg("%s", err.text);
	assert_string_equal(weir_adapter_name(adapter), DEVICE);
	return adapter;
}

struct family {
	int family;
	const char *peer;
	uint16_t ethertype;
	unsigned ip;          /* bytes of the IP header */
	unsigned protocol_at; /* in it */
	unsigned addresses_at;
	uint8_t protocol, request, reply;
};

static const struct family families[] = {
	{ AF_INET, PEER_IPV4, 0x0800, 20, 9, 12, IPPROTO_ICMP, ICMP_ECHO, ICMP_ECHOREPLY },
	{ AF_INET6, PEER_IPV6, 0x86dd, 40, 6, 8, IPPROTO_ICMPV6, ICMP6_ECHO_REQUEST, ICMP6_ECHO_REPLY },
};

/* Reads frames until one is an echo request: the kernel sends more than that. Returns its bytes. */
static size_t read_request(struct weir_adapter *adapter, const struct family *family, uint8_t frame[FRAME])
{
	for (;;) {
		ssize_t n = weir_adapter_read_frame(adapter, frame, FRAME, WAIT_MS);

		assert_true(n > ETHERNET);
		assert_memory_equal(frame + 6, own_mac, 6);
		if (frame[12] != family->ethertype >> 8 || frame[13] != (family->ethertype & 0xff))
			continue;
		if (frame[ETHERNET + family->protocol_at] != family->protocol ||
		    frame[ETHERNET + family->ip] != family->request)
			continue;
		assert_memory_equal(frame, peer_mac, 6);
		return (size_t)n;
	}
}

static void swap(uint8_t *a, uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const uint8_t byte = a[i];

		a[i] = b[i];
		b[i] = byte;
	}
}

/* Sums do not change when source and destination swap places; only the type does. */
static void turn_into_reply(uint8_t *frame, size_t n, const struct family *family)
{
	uint8_t *ip = frame + ETHERNET, *icmp = ip + family->ip;
	const size_t address = family->family == AF_INET ? 4 : 16;
	uint16_t checksum;
	uint64_t sum;

	swap(frame, frame + 6, 6);
	swap(ip + family->addresses_at, ip + family->addresses_at + address, address);
	icmp[0] = family->reply;
	memset(icmp + 2, 0, 2);
	sum = family->family == AF_INET ? 0
					: weir__checksum_pseudo6(ip + family->addresses_at, family->protocol,
								 (uint32_t)(n - ETHERNET - family->ip));
	checksum = weir__checksum_finish(weir__checksum_add(sum, icmp, n - ETHERNET - family->ip));
	memcpy(icmp + 2, &checksum, sizeof(checksum));
}

/* Sends an echo request of that many bytes to the peer, by the kernel. */
static void send_request(int fd, const struct family *family, uint64_t number, size_t size)
{
	uint8_t message[FRAME] = { family->request };
	union address to;
	const socklen_t to_size = address_fill(&to, family->family, family->peer, 0);
	uint16_t checksum;

	payload_fill(number, 0, message + 4, size - 4);
	if (family->family == AF_INET) {
		checksum = weir__checksum_finish(weir__checksum_add(0, message, size));
		memcpy(message + 2, &checksum, sizeof(checksum));
	}
	assert_int_equal(sendto(fd, message, size, 0, &to.any, to_size), size);
}

/* What the kernel gives to who has pinged. */
static void receive_reply(int fd, const struct family *family, uint64_t number, size_t size)
{
	const size_t ip = family->family == AF_INET ? family->ip : 0;
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	uint8_t packet[FRAME];
	ssize_t n;

	do {
		assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
		n = recv(fd, packet, sizeof(packet), 0);
	} while (n > 0 && packet[ip] != family->reply);
	assert_int_equal(n, ip + size);
	assert_true(payload_is(number, 0, packet + ip + 4, size - 4));
}

static void answers_pings(void **state)
{
	static const size_t sizes[] = { 8, 9, 64, 1000, 1452 };
	struct weir_adapter *adapter = make();
	struct weir_adapter_stats stats;
	uint8_t frame[FRAME];
	uint64_t number = 0;

	(void)state;
	for (unsigned f = 0; f < countof(families); f++) {
		const struct family *family = &families[f];
		int fd = socket(family->family, SOCK_RAW | SOCK_CLOEXEC, family->protocol);

		assert_true(fd >= 0);
		for (unsigned i = 0; i < countof(sizes); i++) {
			size_t n;

			send_request(fd, family, ++number, sizes[i]);
			n = read_request(adapter, family, frame);
			assert_int_equal(n, ETHERNET + family->ip + sizes[i]);
			turn_into_reply(frame, n, family);
			assert_int_equal(weir_adapter_write_frame(adapter, frame, n), n);
			receive_reply(fd, family, number, sizes[i]);
		}
		close(fd);
	}
	assert_int_equal(weir_adapter_stats(adapter, &stats), 0);
	assert_int_equal(stats.write_frames, countof(families) * countof(sizes));
	assert_true(stats.read_frames >= stats.write_frames);
	assert_int_equal(stats.read_drops, 0);
	assert_int_equal(stats.write_drops, 0);
	weir_adapter_close(adapter);
}

/* Frames that are not for us, or that nobody could read. */
static void refuses_frames(void **state)
{
	struct weir_adapter *adapter = make();
	struct weir_adapter_stats stats;
	uint8_t frame[FRAME];
	size_t n;
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);

	(void)state;
	send_request(fd, &families[0], 1, 64);
	n = read_request(adapter, &families[0], frame);
	turn_into_reply(frame, n, &families[0]);
	frame[5] ^= 1; /* another station */
	assert_int_equal(weir_adapter_write_frame(adapter, frame, n), 0);
	frame[5] ^= 1;
	frame[13] = 6; /* ARP */
	assert_int_equal(weir_adapter_write_frame(adapter, frame, n), 0);
	frame[13] = 0;
	assert_int_equal(weir_adapter_write_frame(adapter, frame, ETHERNET + 19), 0);
	assert_int_equal(weir_adapter_write_frame(adapter, frame, 0), 0);
	assert_int_equal(weir_adapter_write_frame(adapter, frame, 65536), -EMSGSIZE);
	assert_int_equal(weir_adapter_write_frame(adapter, frame, n), n);
	receive_reply(fd, &families[0], 1, 64);
	assert_int_equal(weir_adapter_stats(adapter, &stats), 0);
	assert_int_equal(stats.write_frames, 1);
	assert_int_equal(stats.write_drops, 4);
	close(fd);
	weir_adapter_close(adapter);
}

/* A frame that does not fit is lost, and the next one is not. */
static void tells_of_a_small_buffer(void **state)
{
	struct weir_adapter *adapter = make();
	uint8_t frame[FRAME];
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	ssize_t n;

	(void)state;
	send_request(fd, &families[0], 1, 1000);
	do {
		n = weir_adapter_read_frame(adapter, frame, 1000, WAIT_MS);
	} while (n > 0);
	assert_int_equal(n, -EMSGSIZE);
	send_request(fd, &families[0], 2, 1000);
	assert_int_equal(read_request(adapter, &families[0], frame), ETHERNET + 20 + 1000);
	assert_true(payload_is(2, 0, frame + ETHERNET + 20 + 4, 1000 - 4));
	close(fd);
	weir_adapter_close(adapter);
}

struct reader {
	struct weir_adapter *adapter;
	pthread_t thread;
	ssize_t result;
};

/* Reads what there is until that fails. */
static void *read_all(void *argument)
{
	struct reader *reader = argument;
	uint8_t frame[FRAME];

	do {
		reader->result = weir_adapter_read_frame(reader->adapter, frame, sizeof(frame), -1);
	} while (reader->result > 0);
	return NULL;
}

static void is_interrupted(void **state)
{
	struct reader reader = { .adapter = make() };
	uint8_t frame[FRAME];

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(pthread_create(&reader.thread, NULL, read_all, &reader), 0);
		if (i % 2)
			wait_a_moment(); /* so that it mostly waits already */
		weir_adapter_interrupt(reader.adapter);
		pthread_join(reader.thread, NULL);
		assert_int_equal(reader.result, -EINTR);
	}
	/* One interruption ends one wait. */
	do {
		reader.result = weir_adapter_read_frame(reader.adapter, frame, sizeof(frame), 0);
	} while (reader.result > 0);
	assert_int_equal(reader.result, -EAGAIN);
	weir_adapter_close(reader.adapter);
}

/* A station that sends every datagram back: one thread reads, another one writes. */
struct echo {
	struct weir_adapter *adapter;
	int frames[2]; /* a pair of sockets, from the one to the other */
	uint64_t refused;
};

static void *read_datagrams(void *argument)
{
	struct echo *echo = argument;
	uint8_t frame[FRAME];
	ssize_t n;

	while ((n = weir_adapter_read_frame(echo->adapter, frame, sizeof(frame), -1)) > 0)
		if (frame[12] == 0x08 && frame[13] == 0x00 && frame[ETHERNET + 9] == IPPROTO_UDP &&
		    send(echo->frames[0], frame, (size_t)n, 0) != n)
			break;
	close(echo->frames[0]);
	return NULL;
}

static void *write_datagrams(void *argument)
{
	struct echo *echo = argument;
	uint8_t frame[FRAME];
	ssize_t n;

	while ((n = recv(echo->frames[1], frame, sizeof(frame), 0)) > 0) {
		swap(frame, frame + 6, 6);
		swap(frame + ETHERNET + 12, frame + ETHERNET + 16, 4);
		swap(frame + ETHERNET + 20, frame + ETHERNET + 22, 2);
		echo->refused += weir_adapter_write_frame(echo->adapter, frame, (size_t)n) != n;
	}
	return NULL;
}

/* Sends numbered datagrams, some of them ahead of the answers, and takes all of these in order. */
static void exchange(uint32_t count, uint32_t window)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	union address to;
	const socklen_t size = address_fill(&to, AF_INET, PEER_IPV4, 5000);
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	uint32_t sent = 0;

	assert_int_equal(connect(fd, &to.any, size), 0);
	for (uint32_t received = 0; received < count; received++) {
		uint32_t answer;

		for (; sent < count && sent - received < window; sent++)
			assert_int_equal(send(fd, &sent, sizeof(sent), 0), sizeof(sent));
		assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
		assert_int_equal(recv(fd, &answer, sizeof(answer), 0), sizeof(answer));
		assert_int_equal(answer, received);
	}
	close(fd);
}

static void reads_and_writes_at_once(void **state)
{
	static struct echo echo; /* of the threads too, after a failure */
	pthread_t reader, writer;

	(void)state;
	echo = (struct echo){ .adapter = make() };
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, echo.frames), 0);
	assert_int_equal(pthread_create(&reader, NULL, read_datagrams, &echo), 0);
	assert_int_equal(pthread_create(&writer, NULL, write_datagrams, &echo), 0);
	exchange(20000, 64);
	weir_adapter_interrupt(echo.adapter);
	pthread_join(reader, NULL);
	pthread_join(writer, NULL);
	assert_int_equal(echo.refused, 0);
	close(echo.frames[1]);
	weir_adapter_close(echo.adapter);
}

static void tells_that_the_device_is_gone(void **state)
{
	struct reader reader = { .adapter = make() };
	uint8_t frame[64] = { 0 };

	(void)state;
	assert_int_equal(pthread_create(&reader.thread, NULL, read_all, &reader), 0);
	assert_int_equal(kernel_delete(DEVICE), 0);
	pthread_join(reader.thread, NULL);
	assert_true(reader.result == -EBADFD || reader.result == -EFAULT || reader.result == -EIO);
	assert_int_equal(weir_adapter_read_frame(reader.adapter, frame, sizeof(frame), -1), reader.result);
	assert_int_equal(weir_adapter_write_frame(reader.adapter, frame, sizeof(frame)), reader.result);
	weir_adapter_close(reader.adapter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_pings),
		cmocka_unit_test(refuses_frames),
		cmocka_unit_test(tells_of_a_small_buffer),
		cmocka_unit_test(is_interrupted),
		cmocka_unit_test(reads_and_writes_at_once),
		cmocka_unit_test(tells_that_the_device_is_gone),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
