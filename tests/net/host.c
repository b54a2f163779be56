/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host on an Ethernet, on whose other end is a kernel: a TUN in one site, which the host gives its
 *addresses and routes, and a TAP in another.
 *
 *	left:  tun0 -> af_decap -> neighbour_wrap -> tap0 :right
 *	left:  tun0 <- af_encap <- neighbour_unwrap <- tap0 :right
 */
#include "namespace.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <pthread.h>

#include <weir/weir.h>

#include "events.h"
#include "frames.h"
#include "kernel.h"
#include "mode.h"
#include "payload.h"
#include "ping.h"
#include "site.h"
#include "stream.h"
#include "wait.h"

#define HOST_MAC  "02:00:00:00:00:01"
#define TAP_MAC   "02:00:00:00:00:02"
#define OTHER_MAC "02:00:00:00:00:03"
#define HOST4     "10.9.0.10"
#define HOST6     "fd00:90::10"
#define TAP4      "10.9.0.11"
#define TAP6      "fd00:90::11"

#define BULK (64 << 20) /* bytes each way */

static const uint8_t host_mac[6] = { 2, 0, 0, 0, 0, 1 }, tap_mac[6] = { 2, 0, 0, 0, 0, 2 },
		     other_mac[6] = { 2, 0, 0, 0, 0, 3 };

struct fixture {
	struct site site[2];
	struct events events;
	struct weir_host *host;
	struct weir_pipeline *pipeline;
	int wire; /* frames to tap0's other end and from it, in the right site */
};

static void make_host(struct fixture *f, const char *mac, const struct weir_host_options *wanted)
{
	struct weir_host_options options = *wanted;
	struct weir_error err = { 0 };

	options.mac = mac;
	options.device = "tun0";
	options.netns = f->site[0].path;
	if (weir_host_create(&f->host, &options, &err) < 0)
		fail_msg("%s", err.text);
}

/* Makes the pipeline, or the one that there is the same with the host that there is now. */
static void configure(struct fixture *f)
{
	const struct weir_config config = {
		.endpoints = { weir_tun("tun0", .netns = f->site[0].path, .no_offload = mode_no_offload(),
					.io = mode_io()),
			       weir_tun("tap0", .netns = f->site[1].path, .tap = true, .mac = TAP_MAC,
					.ipv4 = WEIR_LIST("10.9.0.12/24", TAP4 "/24", "10.99.0.1/32"),
					.ipv6 = WEIR_LIST(TAP6 "/64", "fd01::2/64", "2001:db8::1/128"),
					.no_offload = mode_no_offload(), .io = mode_io()),
			       weir_host_port("host", .host = f->host) },
		.workers = { { "one", .unpinned = true } },
		.chains = { { "outbound",
			      .stages = { weir_read("tun0", .worker = "one"), weir_af_decap(),
					  weir_neighbour_wrap(.host = f->host, .exit = { "resolve" }),
					  weir_write("tap0") } },
			    { "inbound",
			      .stages = { weir_read("tap0", .worker = "one"),
					  weir_neighbour_unwrap(.host = f->host, .exit = { "control" }),
					  weir_af_encap(), weir_write("tun0") } },
			    { "resolve", .stages = { weir_write("host") } },
			    { "control", .stages = { weir_write("host") } },
			    { "answers",
			      .stages = { weir_read("host", .worker = "one"), weir_write("tap0") } } },
		.drain_ms = WAIT_MS,
		.log = events_log,
		.log_data = &f->events,
	};
	struct weir_error err = { 0 };

	if (f->pipeline ? weir_pipeline_apply(f->pipeline, &config, &err)
			: weir_pipeline_create(&f->pipeline, &config, &err) ||
				  weir_pipeline_start(f->pipeline, &err))
		fail_msg("%s", err.text);
}

static void open_wire(struct fixture *f)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };

	f->wire = site_socket(&f->site[1], AF_PACKET, SOCK_RAW, 0);
	site_enter(&f->site[1]);
	at.sll_ifindex = (int)if_nametoindex("tap0");
	site_leave();
	assert_int_equal(bind(f->wire, (const struct sockaddr *)&at, sizeof(at)), 0);
}

static void begin(struct fixture *f, const struct weir_host_options *options)
{
	memset(f, 0, sizeof(*f));
	events_init(&f->events);
	site_make(&f->site[0]);
	site_make(&f->site[1]);
	make_host(f, HOST_MAC, options);
	configure(f);
	open_wire(f);
	weir_host_carrier(f->host, true);
}

/* At rest, every packet is accounted for. */
static void end(struct fixture *f)
{
	struct weir_counters *counters;

	assert_int_equal(weir_pipeline_stop(f->pipeline), 0);
	counters = weir_counters_read(f->pipeline);
	assert_non_null(counters);
	assert_int_equal(counters->received + counters->injected,
			 counters->sent + counters->dropped + counters->consumed);
	assert_int_equal(counters->held, 0);
	weir_counters_free(counters);
	weir_pipeline_destroy(f->pipeline);
	weir_host_destroy(f->host);
	close(f->wire);
	site_close(&f->site[0]);
	site_close(&f->site[1]);
}

static uint64_t drops(struct fixture *f, const char *path, const char *reason)
{
	struct weir_counters *counters = weir_counters_read(f->pipeline);
	uint64_t n;

	assert_non_null(counters);
	n = weir_counters_drop(counters, path, reason);
	weir_counters_free(counters);
	return n;
}

static struct weir_host_status status_of(struct fixture *f)
{
	struct weir_host_status status;

	weir_host_status(f->host, &status);
	return status;
}

static bool is_in_state(struct fixture *f, const char *address, enum weir_host_address_state state)
{
	const struct weir_host_status status = status_of(f);

	for (unsigned i = 0; i < status.n_addresses; i++)
		if (strcmp(status.address[i].text, address) == 0)
			return status.address[i].state == state;
	return false;
}

static bool has_route(struct fixture *f, const char *to, const char *via)
{
	const struct weir_host_status status = status_of(f);

	for (unsigned i = 0; i < status.n_routes; i++)
		if (strcmp(status.route[i].to, to) == 0)
			return strcmp(status.route[i].via, via) == 0;
	return false;
}

static bool device_has(struct fixture *f, const char *address)
{
	bool has;

	site_enter(&f->site[0]);
	has = kernel_addresses("tun0", address).n == 1;
	site_leave();
	return has;
}

/* The kernel says that it has an IPv6 address before it receives anything for it. */
static bool device_takes_ipv6(struct fixture *f, const char *address)
{
	char route[128];
	bool takes;

	snprintf(route, sizeof(route), "%s/128 via - metric 0 table 255", address);
	site_enter(&f->site[0]);
	takes = kernel_routes("tun0", route) == 1;
	site_leave();
	return takes;
}

static bool is_neighbour(struct fixture *f, const char *address, const char *mac)
{
	enum weir_neighbour_state state;
	char has[18];

	assert_int_equal(weir_host_neighbour(f->host, address, &state, has), 0);
	return strcmp(has, mac) == 0;
}

static const struct weir_host_options both = {
	.ipv4 = WEIR_LIST(HOST4 "/24"),
	.ipv6 = WEIR_LIST(HOST6 "/64"),
	.route = (const struct weir_route[]){ { "default", .via = TAP4 },
					      { "default", .via = "10.9.0.12" },
					      { 0 } },
};

static void begin_both(struct fixture *f)
{
	begin(f, &both);
	wait_until(device_has(f, HOST4 "/24") && device_takes_ipv6(f, HOST6));
}

static void send_frame(struct fixture *f, const uint8_t *frame, size_t size)
{
	assert_int_equal(send(f->wire, frame, size, 0), size);
}

static void send_arp(struct fixture *f, struct arp arp)
{
	uint8_t frame[FRAME_MAX];

	send_frame(f, frame, frame_arp(frame, &arp));
}

/* Waits for an ARP message of the host's. */
static struct weir__arp receive_arp(struct fixture *f)
{
	struct pollfd polled = { .fd = f->wire, .events = POLLIN };
	struct weir__arp arp;
	uint8_t frame[2048];
	ssize_t n;

	do {
		assert_int_equal(poll(&polled, 1, WAIT_MS), 1);
		n = recv(f->wire, frame, sizeof(frame), 0);
		assert_true(n >= 14);
	} while (memcmp(frame + 6, host_mac, 6) != 0 || weir__load_be16(frame + 12) != ETH_P_ARP);
	assert_true(weir__arp_parse(frame + 14, (size_t)n - 14, &arp));
	return arp;
}

/* The MAC address that the kernel at the other end has for the host's. */
static bool is_known_as(struct fixture *f, const uint8_t mac[6])
{
	const int fd = site_socket(&f->site[1], AF_INET, SOCK_DGRAM, 0);
	struct arpreq request = { .arp_dev = "tap0" };
	struct sockaddr_in *ip = (struct sockaddr_in *)&request.arp_pa;
	bool known;

	ip->sin_family = AF_INET;
	inet_pton(AF_INET, HOST4, &ip->sin_addr);
	known = ioctl(fd, SIOCGARP, &request) == 0 && memcmp(request.arp_ha.sa_data, mac, 6) == 0;
	close(fd);
	return known;
}

/* --- tests --- */

static void resolves_both_ways(void **state)
{
	struct fixture f;
	uint8_t mac[6];

	(void)state;
	begin_both(&f);
	ping(&f.site[0], AF_INET, TAP4, 56);
	ping(&f.site[0], AF_INET6, TAP6, 1400);
	assert_true(is_neighbour(&f, TAP4, TAP_MAC));
	assert_true(is_neighbour(&f, TAP6, TAP_MAC));
	ping(&f.site[1], AF_INET, HOST4, 1400);
	ping(&f.site[1], AF_INET6, HOST6, 56);
	site_enter(&f.site[1]);
	kernel_neighbour("tap0", HOST4, mac);
	site_leave();
	assert_memory_equal(mac, host_mac, 6);
	/* By the gateway. */
	ping(&f.site[0], AF_INET, "10.99.0.1", 56);
	/* The kernel of the TUN has asked for routers and told of groups; nobody has heard it. */
	wait_until(drops(&f, "outbound/neighbour_wrap", "kernel_discovery") > 0);
	end(&f);
}

/* What carries the frames goes on meanwhile. */
static void becomes_another_station(void **state)
{
	struct weir_host *before;
	struct fixture f;

	(void)state;
	begin_both(&f);
	ping(&f.site[0], AF_INET, TAP4, 56);
	assert_true(is_known_as(&f, host_mac));
	before = f.host;
	make_host(&f, OTHER_MAC, &both);
	configure(&f);
	weir_host_destroy(before);
	weir_host_carrier(f.host, true);
	wait_until(device_has(&f, HOST4 "/24") && device_takes_ipv6(&f, HOST6));
	ping(&f.site[0], AF_INET, TAP4, 56);
	ping(&f.site[0], AF_INET6, TAP6, 1400);
	wait_until(is_known_as(&f, other_mac));
	end(&f);
}

/* Nobody answered before: it is the kernel that asks first. */
static void answers_first(void **state)
{
	struct fixture f;

	(void)state;
	begin_both(&f);
	ping(&f.site[1], AF_INET6, HOST6, 56);
	ping(&f.site[1], AF_INET, HOST4, 56);
	end(&f);
}

static void carries_streams(void **state)
{
	struct stream streams[2];
	struct fixture f;

	(void)state;
	begin_both(&f);
	stream_open(&streams[0], f.site, AF_INET, 0, 5000, BULK);
	stream_open(&streams[1], f.site, AF_INET6, 0, 5001, BULK);
	stream_run(streams, 2);
	stream_close(&streams[0]);
	stream_close(&streams[1]);
	end(&f);
}

static void follows_a_new_mac(void **state)
{
	struct weir_error err = { 0 };
	struct fixture f;

	(void)state;
	begin_both(&f);
	ping(&f.site[0], AF_INET, TAP4, 56);
	ping(&f.site[0], AF_INET6, TAP6, 56);
	assert_int_equal(
		weir_tun_set_mac(weir_pipeline_endpoint(f.pipeline, "tap0", &weir_tun_type), OTHER_MAC, &err),
		0);
	/* Somebody says so; the old one keeps silent. */
	send_arp(&f, (struct arp){ TAP4, TAP4, other_mac });
	wait_until(is_neighbour(&f, TAP4, OTHER_MAC));
	assert_int_equal(status_of(&f).contradictions, 1);
	ping(&f.site[0], AF_INET, TAP4, 56);
	end(&f);
}

static void gives_way_to_who_has_its_addresses(void **state)
{
	const struct weir_host_options taken = {
		.ipv4 = WEIR_LIST(TAP4 "/24"),
		.ipv6 = WEIR_LIST(TAP6 "/64"),
	};
	struct fixture f;

	(void)state;
	begin(&f, &taken);
	wait_until(is_in_state(&f, TAP4 "/24", WEIR_HOST_CONFLICT));
	wait_until(is_in_state(&f, TAP6 "/64", WEIR_HOST_CONFLICT));
	wait_until(device_has(&f, "fe80::ff:fe00:1/64"));
	assert_false(device_has(&f, TAP4 "/24"));
	assert_false(device_has(&f, TAP6 "/64"));
	end(&f);
}

static void defends_its_address(void **state)
{
	struct weir__arp arp;
	struct fixture f;

	(void)state;
	begin_both(&f);
	ping(&f.site[0], AF_INET, TAP4, 56);
	/* The announcements are over when the second one has come. */
	for (unsigned n = 0; n < 2; n += memcmp(arp.sender, arp.target, 4) == 0)
		arp = receive_arp(&f);
	send_arp(&f, (struct arp){ HOST4, HOST4, other_mac });
	do
		arp = receive_arp(&f);
	while (memcmp(arp.sender, arp.target, 4) != 0);
	assert_memory_equal(arp.sender, ip(HOST4).bytes, 4);
	assert_memory_equal(arp.sender_mac, host_mac, 6);
	assert_int_equal(status_of(&f).conflicts, 1);
	assert_true(is_in_state(&f, HOST4 "/24", WEIR_HOST_PREFERRED));
	end(&f);
}

static void takes_the_other_gateway(void **state)
{
	struct weir_error err = { 0 };
	struct fixture f;

	(void)state;
	begin_both(&f);
	wait_until(is_neighbour(&f, TAP4, TAP_MAC) && is_neighbour(&f, "10.9.0.12", TAP_MAC));
	wait_until(has_route(&f, "0.0.0.0/0", TAP4));
	ping(&f.site[0], AF_INET, "10.99.0.1", 56);
	assert_int_equal(weir_tun_remove_address(weir_pipeline_endpoint(f.pipeline, "tap0", &weir_tun_type),
						 TAP4 "/24", &err),
			 0);
	/* Has the host look at once whether the first one is still there. */
	send_arp(&f, (struct arp){ TAP4, TAP4, other_mac });
	wait_until(has_route(&f, "0.0.0.0/0", "10.9.0.12"));
	ping(&f.site[0], AF_INET, "10.99.0.1", 56);
	end(&f);
}

/* Its kernel says that it is a router, where it is asked. Returns false where that is not for us to say. */
static bool make_router(struct fixture *f)
{
	bool made;
	int fd;

	site_enter(&f->site[1]);
	fd = open("/proc/sys/net/ipv6/conf/tap0/forwarding", O_WRONLY | O_CLOEXEC);
	made = fd >= 0 && write(fd, "1", 1) == 1;
	site_leave();
	if (fd >= 0)
		close(fd);
	return made;
}

static void configures_itself(void **state)
{
	static const struct weir_host_options slaac = { .slaac = true };
	const struct ra ra = { .lifetime = 1800,
			       .prefix = "fd01::",
			       .flags = 0xc0,
			       .valid = 3600,
			       .preferred = 1800,
			       .mtu = 1400 };
	uint8_t frame[FRAME_MAX];
	struct fixture f;

	(void)state;
	begin(&f, &slaac);
	if (!make_router(&f)) {
		end(&f);
		skip();
	}
	wait_until(device_has(&f, "fe80::ff:fe00:1/64"));
	send_frame(&f, frame, frame_ra(frame, "fe80::ff:fe00:2", tap_mac, &ra));
	wait_until(device_takes_ipv6(&f, "fd01::ff:fe00:1"));
	wait_until(has_route(&f, "::/0", "fe80::ff:fe00:2"));
	site_enter(&f.site[0]);
	wait_until(kernel_mtu("tun0") == 1400);
	site_leave();
	ping(&f.site[0], AF_INET6, "fd01::2", 1352);
	ping(&f.site[0], AF_INET6, "2001:db8::1", 56);
	end(&f);
}

#define FORGED 65536

/* Forged messages, each of which claims to be TAP4 by another MAC address; at most 100,000 a second, and not
 * so many ahead of the worker that the TAP's queue drops what others send. */
struct forger {
	struct fixture *f;
	bool stop;
	uint64_t sent;
};

/* Messages that the port has had. */
static uint64_t heard(struct fixture *f)
{
	struct weir_counters *counters = weir_counters_read(f->pipeline);
	const struct weir_stage_counters *row = weir_counters_stage(counters, "control/write");
	uint64_t n = row->packets;

	for (unsigned i = 0; i < row->n_drops; i++)
		n += row->drops[i].n;
	weir_counters_free(counters);
	return n;
}

static void *forge(void *data)
{
	struct forger *forger = data;
	uint8_t mac[6] = { 2, 6, 6 }, frame[FRAME_MAX];
	size_t size;

	for (uint32_t i = 1; !__atomic_load_n(&forger->stop, __ATOMIC_RELAXED); i++) {
		const struct arp arp = { TAP4, i & 1 ? HOST4 : TAP4, mac, i & 1 ? host_mac : NULL, i & 2 };

		weir__store_be32(mac + 2, i);
		mac[2] = 6;
		size = frame_arp(frame, &arp);
		if (send(forger->f->wire, frame, size, 0) > 0)
			__atomic_store_n(&forger->sent, forger->sent + 1, __ATOMIC_RELAXED);
		for (bool due = i % 100 == 0; due; due = heard(forger->f) + 300 < forger->sent)
			wait_a_moment();
	}
	return NULL;
}

static void stands_a_flood(void **state)
{
	struct forger forger = { 0 };
	struct weir_host_status status;
	struct stream stream;
	pthread_t thread;
	struct fixture f;

	(void)state;
	begin_both(&f);
	ping(&f.site[0], AF_INET, TAP4, 56);
	stream_open(&stream, f.site, AF_INET, 0, 5000, STREAM_ENDLESS);
	forger.f = &f;
	assert_int_equal(pthread_create(&thread, NULL, forge, &forger), 0);
	while (__atomic_load_n(&forger.sent, __ATOMIC_RELAXED) < FORGED || stream.received[1] < BULK / 8)
		if (!stream_turn(&stream))
			wait_a_moment();
	__atomic_store_n(&forger.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_string_equal(stream.error, "");
	stream_close(&stream);
	status = status_of(&f);
	assert_true(is_neighbour(&f, TAP4, TAP_MAC));
	assert_true(status.flood_drops > 0);
	assert_true(status.contradictions > 0);
	assert_int_equal(status.conflicts, 0);
	/* Gateways, and the TAP by its link-local address. */
	assert_true(status.neighbours <= 4);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resolves_both_ways),  cmocka_unit_test(becomes_another_station),
		cmocka_unit_test(answers_first),       cmocka_unit_test(carries_streams),
		cmocka_unit_test(follows_a_new_mac),   cmocka_unit_test(gives_way_to_who_has_its_addresses),
		cmocka_unit_test(defends_its_address), cmocka_unit_test(takes_the_other_gateway),
		cmocka_unit_test(configures_itself),   cmocka_unit_test(stands_a_flood),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
