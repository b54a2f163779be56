/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Super-packets through real devices: whole where both sides understand them, cut and put together where one
 * does not, to the last byte; and devices on which somebody has left settings behind.
 */
#include "namespace.h"

#include <netinet/udp.h>
#include <pthread.h>

#include <linux/if_tun.h>

#include <weir/weir.h>

#include "../plain.h"
#include "address.h"
#include "device.h"
#include "device/vnet.h"
#include "io.h"
#include "kernel.h"
#include "stream.h"
#include "wait.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define BULK      (24 << 20) /* bytes each way of a connection */
#define LEFT_MAC  "02:00:00:00:00:01"
#define RIGHT_MAC "02:00:00:00:00:02"
#define ALL       WEIR_OFFLOAD_ALL
#define WORKER(name_)                   \
	{                               \
		name_, .unpinned = true \
	}

static struct site site[2];
static struct weir_pipeline *pipeline;

/* --- the rig ----------------------------------------------------------------------------------------------
 */

#define DEVICE(side_, ...)                                                                                \
	weir_tun(__VA_ARGS__, .netns = site[side_].path, .ipv4 = WEIR_LIST(ADDRESS_IPV4(0, side_) "/24"), \
		 .ipv6 = WEIR_LIST(ADDRESS_IPV6(0, side_) "/64"))

static int make_sites(void **state)
{
	(void)state;
	site_make(&site[0]);
	site_make(&site[1]);
	return 0;
}

static int close_sites(void **state)
{
	(void)state;
	site_close(&site[0]);
	site_close(&site[1]);
	return 0;
}

static void begin(const struct weir_config *config)
{
	struct weir_error err;

	if (weir_pipeline_create(&pipeline, config, &err) || weir_pipeline_start(pipeline, &err))
		fail_msg("%s", err.text);
}

static struct weir_counters *stop(void)
{
	struct weir_counters *counters;

	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = weir_counters_read(pipeline);
	assert_non_null(counters);
	assert_int_equal(counters->held, 0);
	assert_int_equal(counters->dropped, 0);
	assert_int_equal(counters->received + counters->injected, counters->sent + counters->consumed);
	assert_int_equal(counters->received_segments, counters->sent_segments);
	return counters;
}

static void end(struct weir_counters *counters)
{
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

/* Two devices and nothing between them. */
static void begin_plain(struct weir_endpoint left, struct weir_endpoint right)
{
	begin(&(struct weir_config){
		.endpoints = { left, right },
		.workers = { WORKER("one") },
		.chains = { { "forth",
			      .stages = { weir_read("left0", .worker = "one"), weir_write("right0") } },
			    { "back",
			      .stages = { weir_read("right0", .worker = "one"), weir_write("left0") } } },
		.drain_ms = WAIT_MS,
	});
}

static const struct weir_stage_counters *row(const struct weir_counters *counters, const char *path)
{
	return weir_counters_stage(counters, path);
}

/* --- traffic ----------------------------------------------------------------------------------------------
 */

static void tcp(int family, uint16_t port)
{
	struct stream stream;

	stream_open(&stream, site, family, 0, port, BULK);
	stream_run(&stream, 1);
	stream_close(&stream);
}

/* A socket of that side that is connected to the other one's. */
static int udp_socket(int family, unsigned side, uint16_t port)
{
	const int size = 4 << 20;
	int fd = site_socket(&site[side], family, SOCK_DGRAM, 0);
	union address own, other;
	const socklen_t own_size = address_fill(&own, family, address_text(family, 0, side), port);
	const socklen_t other_size = address_fill(&other, family, address_text(family, 0, !side), port);

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	assert_int_equal(bind(fd, &own.any, own_size), 0);
	assert_int_equal(connect(fd, &other.any, other_size), 0);
	return fd;
}

/* Datagrams of one size and a shorter last one leave the kernel as one packet, and arrive as they are. */
static void udp(int family, unsigned from, uint16_t port)
{
	const int size = 1000;
	const int fds[2] = { udp_socket(family, 0, port), udp_socket(family, 1, port) };
	static uint8_t sent[40 * 1000 - 300], got[2000];

	assert_int_equal(setsockopt(fds[from], IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)), 0);
	for (unsigned turn = 0; turn < 50; turn++) {
		payload_fill(port, turn * sizeof(sent), sent, sizeof(sent));
		assert_int_equal(send(fds[from], sent, sizeof(sent), 0), sizeof(sent));
		for (size_t at = 0; at < sizeof(sent);) {
			const size_t n = sizeof(sent) - at < 1000 ? sizeof(sent) - at : 1000;

			device_wait(fds[!from], POLLIN);
			assert_int_equal(recv(fds[!from], got, sizeof(got), 0), n);
			assert_memory_equal(got, sent + at, n);
			at += n;
		}
	}
	close(fds[0]);
	close(fds[1]);
}

/* A port of TCP is not free again at once, so each round has its own. */
static void all_traffic(unsigned round)
{
	const uint16_t port = (uint16_t)(5000 + 10 * round);

	tcp(AF_INET, port);
	tcp(AF_INET6, port);
	for (unsigned from = 0; from < 2; from++) {
		udp(AF_INET, from, (uint16_t)(port + from));
		udp(AF_INET6, from, (uint16_t)(port + from));
	}
}

/* --- the tests --------------------------------------------------------------------------------------------
 */

static void passes_them_whole(void **state)
{
	struct weir_counters *counters;

	(void)state;
	begin_plain((struct weir_endpoint)DEVICE(0, "left0"), (struct weir_endpoint)DEVICE(1, "right0"));
	all_traffic(0);
	counters = stop();
	assert_true(row(counters, "forth/read")->segments > 4 * row(counters, "forth/read")->packets);
	assert_true(row(counters, "back/read")->segments > 4 * row(counters, "back/read")->packets);
	assert_null(row(counters, "forth/gso_split"));
	assert_null(row(counters, "back/gso_split"));
	assert_null(row(counters, "forth/gro_coalesce"));
	assert_int_equal(counters->injected, 0);
	end(counters);
}

/* One side has no offload: there they are cut, and from there put together. */
static void cuts_for_one_side_and_puts_together_for_the_other(void **state)
{
	struct weir_counters *counters;

	(void)state;
	begin_plain((struct weir_endpoint)DEVICE(0, "left0"),
		    (struct weir_endpoint)DEVICE(1, "right0", .no_offload = ALL));
	all_traffic(0);
	counters = stop();
	assert_true(row(counters, "forth/gso_split")->made > 0);
	assert_int_equal(row(counters, "forth/write")->segments, row(counters, "forth/write")->packets);
	assert_int_equal(row(counters, "back/read")->segments, row(counters, "back/read")->packets);
	assert_true(row(counters, "back/gro_coalesce")->made > 0);
	assert_true(row(counters, "back/write")->segments > row(counters, "back/write")->packets);
	end(counters);
}

/* Each part that one may do without. */
static void does_without_a_part(void **state)
{
	static const uint32_t masks[] = { WEIR_OFFLOAD_USO, WEIR_OFFLOAD_TSO6, WEIR_OFFLOAD_TSO_ECN,
					  WEIR_OFFLOAD_TSO | WEIR_OFFLOAD_USO };

	(void)state;
	for (unsigned i = 0; i < countof(masks); i++) {
		begin_plain((struct weir_endpoint)DEVICE(0, "left0", .no_offload = masks[i]),
			    (struct weir_endpoint)DEVICE(1, "right0"));
		all_traffic(i);
		end(stop());
	}
}

/* struct tun_pi and offload exclude each other. */
static void has_none_with_packet_information(void **state)
{
	struct weir_counters *counters;

	(void)state;
	begin(&(struct weir_config){
		.endpoints = { DEVICE(0, "left0", .packet_information = true), DEVICE(1, "right0") },
		.workers = { WORKER("one") },
		.chains = { { "forth", .stages = { weir_read("left0", .worker = "one"), weir_af_decap(),
						   weir_af_encap(), weir_write("right0") } },
			    { "back", .stages = { weir_read("right0", .worker = "one"), weir_af_decap(),
						  weir_af_encap(), weir_write("left0") } } },
		.drain_ms = WAIT_MS,
	});
	all_traffic(0);
	counters = stop();
	assert_int_equal(row(counters, "forth/read")->segments, row(counters, "forth/read")->packets);
	assert_true(row(counters, "back/gso_split")->made > 0);
	assert_true(row(counters, "forth/gro_coalesce")->made > 0);
	end(counters);
}

static void set_arp(unsigned side, const char *device, bool on)
{
	site_enter(&site[side]);
	namespace_set_flag(device, IFF_NOARP, !on);
	site_leave();
}

/* Ethernet at one side, IP at the other: every offset is shifted on the way. */
static void passes_them_between_ethernet_and_ip(void **state)
{
	const uint32_t without[] = { 0, ALL };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct weir_counters *counters;

		begin(&(struct weir_config){
			.endpoints = { DEVICE(0, "left0", .tap = true, .mac = LEFT_MAC),
				       DEVICE(1, "right0", .no_offload = without[i]) },
			.workers = { WORKER("one") },
			.chains = { { "forth",
				      .stages = { weir_read("left0", .worker = "one"), weir_eth_unwrap(),
						  weir_af_encap(), weir_write("right0") } },
				    { "back",
				      .stages = { weir_read("right0", .worker = "one"), weir_af_decap(),
						  weir_eth_wrap(.source = RIGHT_MAC, .next_hop = LEFT_MAC),
						  weir_write("left0") } } },
			.drain_ms = WAIT_MS,
		});
		/* Nobody answers. */
		set_arp(0, "left0", false);
		all_traffic(i);
		assert_int_equal(weir_pipeline_stop(pipeline), 0);
		counters = weir_counters_read(pipeline);
		assert_non_null(counters);
		assert_true(row(counters, "forth/read")->segments > row(counters, "forth/read")->packets);
		assert_true(row(counters, "back/write")->segments > row(counters, "back/write")->packets);
		assert_int_equal(!row(counters, "forth/gso_split"), !without[i]);
		assert_int_equal(counters->received_segments,
				 counters->sent_segments + counters->dropped_segments);
		end(counters);
	}
}

/* --- what others left behind ------------------------------------------------------------------------------
 */

static void leave_behind(const char *name, bool vnet, unsigned offload)
{
	struct ifreq request = { .ifr_flags = (short)(IFF_TUN | IFF_NO_PI | (vnet ? IFF_VNET_HDR : 0)) };
	int fd;

	site_enter(&site[1]);
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	assert_int_equal(ioctl(fd, TUNSETOFFLOAD, (unsigned long)offload), 0);
	assert_int_equal(ioctl(fd, TUNSETPERSIST, 1UL), 0);
	close(fd);
	site_leave();
}

static void sets_anew_what_was_left_behind(void **state)
{
	static const unsigned left[] = { 0, TUN_F_CSUM, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 };

	(void)state;
	for (unsigned i = 0; i < 4 * countof(left); i++) {
		const bool ours = i & 1;
		struct weir_counters *counters;

		leave_behind("right0", i & 2, left[i / 4]);
		begin_plain((struct weir_endpoint)DEVICE(0, "left0"),
			    (struct weir_endpoint)DEVICE(1, "right0", .no_offload = ours ? 0 : ALL));
		tcp(AF_INET, (uint16_t)(5000 + i));
		counters = stop();
		assert_int_equal(row(counters, "back/read")->segments > row(counters, "back/read")->packets,
				 ours);
		assert_int_equal(!row(counters, "forth/gso_split"), ours);
		end(counters);
		site_enter(&site[1]);
		assert_int_equal(kernel_delete("right0"), 0);
		site_leave();
	}
}

/* --- what the kernel refuses ------------------------------------------------------------------------------
 */

static uint64_t count_of(const struct device *device, const char *name)
{
	for (unsigned i = 0; weir_tun_type.counters[i].name; i++)
		if (strcmp(weir_tun_type.counters[i].name, name) == 0)
			return *(const uint64_t *)(const void *)((const uint8_t *)device->state +
								 weir_tun_type.counters[i].offset);
	fail_msg("no counter %s", name);
	return 0;
}

/* As long as the kernel's own are not: it takes so many, or gets them in pieces. */
static void writes_more_segments_than_the_kernel_takes(struct device *device, int fd, uint32_t n)
{
	static struct io io;
	static uint8_t bytes[65535], got[100];
	struct segment segment = {
		.family = 4, .protocol = IPPROTO_UDP, .ttl = 64, .fill = (uint8_t)n, .payload = 10 * n
	};
	const uint32_t len = segment_write(&segment, bytes);
	struct weir_buf *buf;

	plain_store(bytes + 22, 4242);
	memcpy(bytes + 12, (const uint8_t[]){ 10, 9, 0, 1, 10, 9, 0, 2 }, 8);
	plain_finish(bytes, len);
	io_init(&io);
	io_begin(&io);
	buf = io_add(&io, bytes, len);
	buf->flags = 0;
	segment_make_partial(buf, 0);
	buf->gso_type = WEIR_GSO_UDP;
	buf->gso_size = 10;
	buf->hdr_len = 28;
	assert_int_equal(io_write(&io, &weir_tun_type, device->state), 1);
	assert_int_equal(io.writer.any, 0);
	for (uint32_t k = 0; k < n; k++) {
		device_wait(fd, POLLIN);
		assert_int_equal(recv(fd, got, sizeof(got), 0), 10);
		assert_memory_equal(got, bytes + 28 + 10 * k, 10);
	}
	io_free(&io);
}

static void cuts_what_the_kernel_refuses(void **state)
{
	static const uint32_t counts[] = { 2, 64, 128, 129, 500, 3000 };
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(4242) };
	const int size = 8 << 20;
	struct device device;
	int fd;

	(void)state;
	device_must_open(&device, "weir0", .ipv4 = WEIR_LIST("10.9.0.2/24"));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, "10.9.0.2", &name.sin_addr);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		print_message("the socket may be too small\n");
	for (unsigned i = 0; i < countof(counts); i++)
		writes_more_segments_than_the_kernel_takes(&device, fd, counts[i]);
	/* What no kernel takes it is not offered. Which of the others it refuses is the kernel's. */
	assert_int_equal(count_of(&device, "gso_refused"), count_of(&device, "gso_cut") - 3);
	print_message("refused: %llu\n", (unsigned long long)count_of(&device, "gso_refused"));
	close(fd);
	device_close(&device);
}

/* --- while it runs ----------------------------------------------------------------------------------------
 */

static weir_verdict pass_packet(struct weir_buf *buf, const void *config, void *own)
{
	(void)buf;
	(void)config;
	(void)own;
	return WEIR_NEXT;
}

WEIR_PROCESS(pass_vector, pass_packet, void, void)

/* It understands ordinary packets only. */
static const struct weir_stage_type blind_type = {
	.name = "blind",
	.help = "passes ordinary packets",
	.options_size = sizeof(struct weir_stats),
	.process = pass_vector,
};

#define blind(...) WEIR_STAGE(blind_type, struct weir_stats, __VA_ARGS__)

static uint64_t running;

static void *run_stream(void *memory)
{
	struct stream *stream = memory;

	while (!stream_is_done(stream) && !stream->error[0])
		if (!stream_turn(stream)) {
			struct pollfd fds[2];

			for (unsigned side = 0; side < 2; side++)
				fds[side] = (struct pollfd){ .fd = stream->fd[side],
							     .events = stream_events(stream, side) };
			if (poll(fds, 2, WAIT_MS) == 0)
				snprintf(stream->error, sizeof(stream->error), "TCP stands still");
		}
	__atomic_store_n(&running, 0, __ATOMIC_RELEASE);
	return NULL;
}

#define FORTH(...)                                           \
	{                                                    \
		"forth", .stages = {                         \
			weir_read("left0", .worker = "one"), \
			__VA_ARGS__,                         \
			weir_write("right0")                 \
		}                                            \
	}
#define BACK(worker_, ...)                                      \
	{                                                       \
		"back", .stages = {                             \
			weir_read("right0", .worker = worker_), \
			__VA_ARGS__,                            \
			weir_write("left0")                     \
		}                                               \
	}
#define SHAPE(...)                                                                                           \
	{                                                                                                    \
		.endpoints = { DEVICE(0, "left0"), DEVICE(1, "right0") },                                    \
		.workers = { WORKER("one"), WORKER("two") }, .chains = { __VA_ARGS__ }, .drain_ms = WAIT_MS, \
		.change_ms = WAIT_MS                                                                         \
	}

/* Splits and coalesces come, go and change workers under traffic, and the kernel does not notice. */
static void changes_where_they_are_cut(void **state)
{
	const struct weir_config shapes[] = {
		SHAPE(FORTH(weir_ring(.worker = "two")), BACK("two", weir_ring(.worker = "one"))),
		SHAPE(FORTH(weir_ring(.worker = "two"), blind()), BACK("two", weir_ring(.worker = "one"))),
		SHAPE(FORTH(blind(), weir_ring(.worker = "two")),
		      BACK("two", blind(), weir_ring(.worker = "one"))),
		SHAPE(FORTH(weir_gso_split(), weir_ring(.worker = "two"), weir_stats()),
		      BACK("two", weir_ring(.worker = "one"), blind(), weir_stats())),
		SHAPE(FORTH(weir_stats(), weir_ring(.worker = "two"), weir_gso_split(), weir_gro_coalesce()),
		      BACK("two", weir_stats(), weir_ring(.worker = "one"))),
	};
	struct stream stream;
	pthread_t thread;
	uint64_t random = 7;
	unsigned changes = 0;

	(void)state;
	begin(&shapes[0]);
	stream_open(&stream, site, AF_INET, 0, 5000, 16 * (uint64_t)BULK);
	running = 1;
	assert_int_equal(pthread_create(&thread, NULL, run_stream, &stream), 0);
	for (; __atomic_load_n(&running, __ATOMIC_ACQUIRE) && changes < 300; changes++) {
		struct weir_error err;

		random = random * 6364136223846793005u + 1442695040888963407u;
		if (weir_pipeline_apply(pipeline, &shapes[(random >> 33) % countof(shapes)], &err) < 0)
			fail_msg("%s", err.text);
	}
	pthread_join(thread, NULL);
	if (stream.error[0])
		fail_msg("%s", stream.error);
	stream_close(&stream);
	end(stop());
	assert_true(changes > 1);
}

#define test(function) cmocka_unit_test_setup_teardown(function, make_sites, close_sites)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(passes_them_whole),
		test(cuts_for_one_side_and_puts_together_for_the_other),
		test(does_without_a_part),
		test(has_none_with_packet_information),
		test(passes_them_between_ethernet_and_ip),
		test(sets_anew_what_was_left_behind),
		device_test(cuts_what_the_kernel_refuses),
		test(changes_where_they_are_cut),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
