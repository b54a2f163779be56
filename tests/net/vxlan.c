/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VXLAN sessions that talk to the kernel's vxlan device, to each other and to sockets of the test, over a
 * wire between two sites, over loopback, and over a network that loses, doubles and reorders.
 */
#include "namespace.h"

#include <poll.h>

#include <weir/weir.h>

#include "address.h"
#include "events.h"
#include "impair.h"
#include "kernel.h"
#include "load.h"
#include "payload.h"
#include "ping.h"
#include "stream.h"
#include "wait.h"
#include "wire.h"

#define VNI 42
#define MTU 1400

static struct site site[2]; /* joined by a wire */
static struct events events;
static struct weir_pipeline *running[4];

/* One after the other: a connection keeps its port a while after its end. */
static uint16_t next_port(void)
{
	static uint16_t port = 7000;

	return port++;
}

/* --- pipelines --------------------------------------------------------------------------------------------
 */

static struct weir_pipeline *start(const struct weir_config *config)
{
	struct weir_error err;
	unsigned i = 0;

	while (running[i])
		assert_true(++i < countof(running));
	if (weir_pipeline_create(&running[i], config, &err) || weir_pipeline_start(running[i], &err))
		fail_msg("%s", err.text);
	return running[i];
}

static void *session_of(struct weir_pipeline *pipeline)
{
	void *session = weir_pipeline_endpoint(pipeline, "vx", &weir_vxlan_type);

	assert_non_null(session);
	return session;
}

static void wait_until_up(struct weir_pipeline *pipeline)
{
	struct weir_session_status status = { 0 };

	wait_until((weir_session_status(session_of(pipeline), &status), status.state == WEIR_SESSION_UP));
}

static uint64_t drops(struct weir_pipeline *pipeline, const char *path, const char *reason)
{
	struct weir_counters *counters = weir_counters_read(pipeline);
	uint64_t n;

	assert_non_null(counters);
	n = weir_counters_drop(counters, path, reason);
	weir_counters_free(counters);
	return n;
}

/* Packets of a row, or what its type counts under that name. */
static uint64_t counted(struct weir_pipeline *pipeline, const char *path, const char *name)
{
	struct weir_counters *counters = weir_counters_read(pipeline);
	const struct weir_stage_counters *row = weir_counters_stage(counters, path);
	uint64_t n = UINT64_MAX;

	assert_non_null(row);
	if (!name)
		n = row->packets;
	for (unsigned i = 0; name && i < row->n_counts; i++)
		if (strcmp(row->counts[i].name, name) == 0)
			n = row->counts[i].n;
	assert_true(n != UINT64_MAX);
	weir_counters_free(counters);
	return n;
}

static void destroy(struct weir_pipeline *pipeline)
{
	for (unsigned i = 0; i < countof(running); i++)
		if (running[i] == pipeline)
			running[i] = NULL;
	weir_pipeline_destroy(pipeline);
}

static void print(const struct weir_counters *counters, const char *what)
{
	weir_counters_print(counters, stderr);
	fail_msg("%s", what);
}

/* Stops and frees it. At rest, every packet is accounted for, and if exact none was dropped. */
static void finish(struct weir_pipeline *pipeline, bool exact)
{
	struct weir_counters *counters;

	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = weir_counters_read(pipeline);
	assert_non_null(counters);
	if (counters->received + counters->injected !=
		    counters->sent + counters->dropped + counters->consumed ||
	    counters->held || counters->buffers_free != counters->buffers)
		print(counters, "not every packet is accounted for");
	if (exact && counters->dropped)
		print(counters, "packets were dropped");
	weir_counters_free(counters);
	destroy(pipeline);
}

/* A TAP device, "tap", at that side, and a session with these options. */
static struct weir_pipeline *start_tap(unsigned side, const struct weir_vxlan *vxlan, bool down)
{
	const char *const ipv4[2][2] = { { ADDRESS_IPV4(0, 0) "/24", NULL },
					 { ADDRESS_IPV4(0, 1) "/24", NULL } };
	const char *const ipv6[2][2] = { { ADDRESS_IPV6(0, 0) "/64", NULL },
					 { ADDRESS_IPV6(0, 1) "/64", NULL } };
	const struct weir_config config = {
		.endpoints = { weir_tun("tap", .tap = true, .down = down, .mtu = MTU,
					.netns = site[side].path, .ipv4 = ipv4[side], .ipv6 = ipv6[side]),
			       { &weir_vxlan_type, vxlan } },
		.workers = { { "one", .unpinned = true } },
		.chains = { { "out", .stages = { weir_read("tap", .worker = "one"), weir_write("vx") } },
			    { "in", .stages = { weir_read("vx", .worker = "one"), weir_write("tap") } } },
		.drain_ms = WAIT_MS,
		.log = events_log,
		.log_data = &events,
	};
	struct weir_pipeline *pipeline = start(&config);

	wait_until_up(pipeline);
	return pipeline;
}

static void set_tap(struct weir_pipeline *pipeline, bool up)
{
	struct weir_error err;

	if (weir_tun_set_up(weir_pipeline_endpoint(pipeline, "tap", &weir_tun_type), up, &err))
		fail_msg("%s", err.text);
}

/* What the two sides need of each other. */
struct underlay {
	const char *here[2]; /* addresses */
};

static const struct underlay ipv4 = { { WIRE_IPV4(1), WIRE_IPV4(2) } };
static const struct underlay ipv6 = { { WIRE_IPV6(1), WIRE_IPV6(2) } };

static const char *remotes[2][3]; /* of the latest options of a side */

static struct weir_vxlan options_of(unsigned side, const struct underlay *underlay)
{
	remotes[side][0] = underlay->here[!side];
	remotes[side][1] = NULL;
	return (struct weir_vxlan){ .name = "vx",
				    .vni = VNI,
				    .local = underlay->here[side],
				    .remote = remotes[side],
				    .hold = 64, /* the kernel sends something as soon as there is a device */
				    .netns = site[side].path };
}

/* --- next to the kernel -----------------------------------------------------------------------------------
 */

static void make_kernel_device(const struct underlay *underlay, uint32_t vni)
{
	int rc;

	site_enter(&site[1]);
	rc = kernel_make_vxlan("vx", vni, underlay->here[1], underlay->here[0]);
	if (rc == 0) {
		kernel_set_mtu("vx", MTU);
		/* Over a wire that takes packets without, they would reach the session's socket without. */
		kernel_complete_checksums("vx");
		wire_address("vx", ADDRESS_IPV4(0, 1) "/24");
		wire_address("vx", ADDRESS_IPV6(0, 1) "/64");
	}
	site_leave();
	if (rc == -EOPNOTSUPP) {
		print_message("this kernel has no vxlan devices\n");
		skip();
	}
	assert_int_equal(rc, 0);
}

static void remove_kernel_device(void)
{
	site_enter(&site[1]);
	assert_int_equal(kernel_delete("vx"), 0);
	site_leave();
}

static void pass_tcp(uint64_t size)
{
	struct stream streams[2];

	stream_open(&streams[0], site, AF_INET, 0, next_port(), size);
	stream_open(&streams[1], site, AF_INET6, 0, next_port(), size);
	stream_run(streams, 2);
	stream_close(&streams[0]);
	stream_close(&streams[1]);
}

static void is_behind(struct weir_pipeline *pipeline, const uint8_t mac[6], const char *where)
{
	char text[18], remote[WEIR_SESSION_TEXT];

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		 mac[5]);
	assert_int_equal(weir_vxlan_find(session_of(pipeline), text, remote), 0);
	assert_string_equal(remote, where);
}

/* ARP and neighbour discovery find the way, small and large packets go it, and TCP does. */
static void talk(struct weir_pipeline *pipeline, const char *where)
{
	uint8_t mac[6];

	ping(&site[0], AF_INET, address_text(AF_INET, 0, 1), 56);
	ping(&site[0], AF_INET6, address_text(AF_INET6, 0, 1), 56);
	ping(&site[1], AF_INET, address_text(AF_INET, 0, 0), MTU - 28);
	ping(&site[1], AF_INET6, address_text(AF_INET6, 0, 0), MTU - 48);
	ping(&site[0], AF_INET, address_text(AF_INET, 0, 1), 20000);
	pass_tcp(4 << 20);
	site_enter(&site[1]);
	kernel_mac("vx", mac);
	site_leave();
	is_behind(pipeline, mac, where);
	assert_int_equal(counted(pipeline, "in/read", "learned"), 1);
	assert_int_equal(counted(pipeline, "in/read", "moved"), 0);
	assert_true(counted(pipeline, "out/write", "flooded") > 0);
	assert_int_equal(counted(pipeline, "out/write", "copies"), counted(pipeline, "out/write", "flooded"));
}

static void the_kernel_and_a_session_talk(void **state)
{
	struct weir_vxlan options = options_of(0, &ipv4);
	struct weir_session_status status;
	struct weir_pipeline *pipeline;

	(void)state;
	make_kernel_device(&ipv4, VNI);
	pipeline = start_tap(0, &options, false);
	talk(pipeline, WIRE_IPV4(2) ":4789");
	weir_session_status(session_of(pipeline), &status);
	assert_int_equal(status.mtu, 1500 - 50);
	assert_string_equal(status.label, "VNI 42");
	assert_string_equal(status.remote, WIRE_IPV4(2) ":4789");
	finish(pipeline, true);
	remove_kernel_device();
}

static void the_same_over_ipv6(void **state)
{
	struct weir_vxlan options = options_of(0, &ipv6);
	struct weir_session_status status;
	struct weir_pipeline *pipeline;

	(void)state;
	make_kernel_device(&ipv6, VNI);
	pipeline = start_tap(0, &options, false);
	talk(pipeline, "[" WIRE_IPV6(2) "]:4789");
	weir_session_status(session_of(pipeline), &status);
	assert_int_equal(status.mtu, 1500 - 70);
	finish(pipeline, true);
	remove_kernel_device();
}

static void the_same_without_checksums(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct weir_vxlan options = options_of(0, i ? &ipv6 : &ipv4);
		struct weir_pipeline *pipeline;

		options.no_checksum = true;
		make_kernel_device(i ? &ipv6 : &ipv4, VNI);
		pipeline = start_tap(0, &options, false);
		talk(pipeline, i ? "[" WIRE_IPV6(2) "]:4789" : WIRE_IPV4(2) ":4789");
		finish(pipeline, true);
		remove_kernel_device();
	}
}

/* An entry says at once where the kernel's device is, and nothing is learned or known otherwise. */
static void an_entry_needs_no_flood(void **state)
{
	struct weir_vxlan options = options_of(0, &ipv4);
	struct weir_pipeline *pipeline;
	char entry[64];
	uint8_t mac[6];

	(void)state;
	make_kernel_device(&ipv4, VNI);
	site_enter(&site[1]);
	kernel_mac("vx", mac);
	site_leave();
	snprintf(entry, sizeof(entry), "%02x:%02x:%02x:%02x:%02x:%02x=%s", mac[0], mac[1], mac[2], mac[3],
		 mac[4], mac[5], WIRE_IPV4(2));
	options.entry = (const char *const[]){ entry, NULL };
	options.no_learn = true;
	options.drop_unknown = true;
	pipeline = start_tap(0, &options, false);
	ping(&site[0], AF_INET, address_text(AF_INET, 0, 1), 56);
	pass_tcp(1 << 20);
	is_behind(pipeline, mac, WIRE_IPV4(2) ":4789");
	assert_int_equal(counted(pipeline, "in/read", "learned"), 0);
	finish(pipeline, true);
	remove_kernel_device();
}

static void another_vni_is_another_network(void **state)
{
	struct weir_vxlan options = options_of(0, &ipv4);
	struct weir_pipeline *pipeline;
	int fd;

	(void)state;
	make_kernel_device(&ipv4, VNI + 1);
	pipeline = start_tap(0, &options, false);
	fd = site_connect_udp(&site[1], AF_INET, address_text(AF_INET, 0, 0));
	assert_int_equal(send(fd, "x", 1, 0), 1); /* which makes the kernel ask by ARP */
	wait_until(drops(pipeline, "in/read", "other_vni") > 0);
	assert_int_equal(counted(pipeline, "in/read", NULL), 0);
	close(fd);
	finish(pipeline, false);
	remove_kernel_device();
}

static void configure(struct weir_pipeline *pipeline, const struct weir_vxlan *options, int expected)
{
	const struct weir_endpoint row = { &weir_vxlan_type, options };
	struct weir_error err;
	const int rc = weir_endpoint_configure(pipeline, "vx", &row, &err);

	if (rc != expected)
		fail_msg("%d instead of %d: %s", rc, expected, err.text);
}

/* Another remote, which is nobody, entries, and how long something is remembered, while packets flow. */
static void remotes_change_under_traffic(void **state)
{
	struct weir_vxlan one = options_of(0, &ipv4), two = one, other = one;
	struct weir_pipeline *pipeline;
	struct load *udp, *tcp;

	(void)state;
	two.remote = WEIR_LIST("192.0.2.77", WIRE_IPV4(2));
	two.entry = WEIR_LIST("02:00:00:00:00:07=192.0.2.7");
	two.learn_seconds = 7;
	two.drop_unknown = true;
	make_kernel_device(&ipv4, VNI);
	pipeline = start_tap(0, &one, false);
	ping(&site[0], AF_INET, address_text(AF_INET, 0, 1), 56);
	udp = load_exact_udp(site, AF_INET, next_port(), 0);
	tcp = load_exact_tcp(site, AF_INET, next_port());
	for (unsigned i = 0; i < 40; i++) {
		configure(pipeline, i % 2 ? &one : &two, 0);
		load_wait(udp);
	}
	load_wait(tcp);
	load_stop(udp);
	load_stop(tcp);
	assert_int_equal(counted(pipeline, "in/read", "forgotten"), 0);
	other.local = WIRE_IPV4(1) ":4790"; /* takes another socket */
	configure(pipeline, &other, -ENOTSUP);
	finish(pipeline, true);
	remove_kernel_device();
}

/* Without its remote, nothing is known of the stations behind it; with another VNI neither. */
static void what_was_learned_goes_with_its_remote(void **state)
{
	struct weir_vxlan one = options_of(0, &ipv4), other = one, vni = one;
	struct weir_pipeline *pipeline;

	(void)state;
	other.remote = WEIR_LIST("192.0.2.77");
	vni.vni = VNI + 1;
	make_kernel_device(&ipv4, VNI);
	pipeline = start_tap(0, &one, false);
	for (unsigned i = 1; i <= 2; i++) {
		struct weir_session_status status = { 0 };

		ping(&site[0], AF_INET, address_text(AF_INET, 0, 1), 56);
		wait_until(counted(pipeline, "in/read", "learned") == i);
		configure(pipeline, i == 1 ? &other : &vni, 0);
		assert_int_equal(counted(pipeline, "in/read", "forgotten"), i);
		wait_until((weir_session_status(session_of(pipeline), &status),
			    strcmp(i == 1 ? status.remote : status.label,
				   i == 1 ? "192.0.2.77:4789" : "VNI 43") == 0));
		configure(pipeline, &one, 0);
	}
	ping(&site[0], AF_INET, address_text(AF_INET, 0, 1), 56);
	finish(pipeline, false);
	remove_kernel_device();
}

/* --- next to each other -----------------------------------------------------------------------------------
 */

static void sessions_talk(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		const struct underlay *underlay = i ? &ipv6 : &ipv4;
		struct weir_vxlan options[2] = { options_of(0, underlay), options_of(1, underlay) };
		struct weir_pipeline *left, *right;

		options[1].one_source = i;
		left = start_tap(0, &options[0], false);
		right = start_tap(1, &options[1], false);
		ping(&site[0], AF_INET, address_text(AF_INET, 0, 1), 56);
		ping(&site[0], AF_INET6, address_text(AF_INET6, 0, 1), 1300);
		pass_tcp(16 << 20);
		finish(left, true);
		finish(right, true);
	}
}

/* --- next to sockets of the test, on loopback -------------------------------------------------------------
 */

#define FRAME 60
#define HOSTS 4 /* sockets at 127.0.1.1, .2, .3, of which the last is no remote */

struct hosts {
	struct weir_pair_link *link, *second;
	struct weir_pipeline *pipeline;
	int fd[HOSTS];
};

static void open_hosts(struct hosts *hosts)
{
	for (unsigned i = 0; i < HOSTS; i++) {
		struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(4789) };

		at.sin_addr.s_addr = htonl(0x7f000101 + i);
		hosts->fd[i] = site_socket(&site[0], AF_INET, SOCK_DGRAM, 0);
		assert_int_equal(bind(hosts->fd[i], (struct sockaddr *)&at, sizeof(at)), 0);
	}
	assert_int_equal(weir_pair_link_create(&hosts->link, 512, 2000), 0);
	assert_int_equal(weir_pair_link_create(&hosts->second, 512, 2000), 0);
}

static void start_hosts(struct hosts *hosts, const struct weir_vxlan *vxlan)
{
	const struct weir_config config = {
		.endpoints = { weir_pair("pair", .link = hosts->link, .layer = WEIR_LAYER_L2),
			       weir_pair("second", .link = hosts->second, .layer = WEIR_LAYER_L2),
			       { &weir_vxlan_type, vxlan },
			       weir_vxlan_sender("vx.1", .of = "vx") },
		.workers = { { "one", .unpinned = true }, { "two", .unpinned = true } },
		.chains = { { "out", .stages = { weir_read("pair", .worker = "one"), weir_write("vx") } },
			    { "more",
			      .stages = { weir_read("second", .worker = "two"), weir_write("vx.1") } },
			    { "in", .stages = { weir_read("vx", .worker = "two"), weir_write("pair") } } },
		.log = events_log,
		.log_data = &events,
	};

	hosts->pipeline = start(&config);
	wait_until_up(hosts->pipeline);
}

static void close_hosts(struct hosts *hosts)
{
	finish(hosts->pipeline, false);
	weir_pair_link_destroy(hosts->link);
	weir_pair_link_destroy(hosts->second);
	for (unsigned i = 0; i < HOSTS; i++)
		close(hosts->fd[i]);
}

/* Of that number, from station to station; 0: to all. */
static void fill(uint8_t frame[FRAME], uint8_t from, uint8_t to, uint8_t number)
{
	memset(frame, 0, FRAME);
	memset(frame, to ? 0 : 0xff, 6);
	if (to)
		frame[0] = 2, frame[5] = to;
	frame[6] = 2, frame[11] = from;
	frame[12] = 0x88, frame[13] = 0xb5, frame[14] = number;
}

static void give(struct weir_pair_link *link, uint8_t to, uint8_t number)
{
	uint8_t frame[FRAME];

	fill(frame, 9, to, number);
	assert_int_equal(weir_pair_send(link, 1, frame, FRAME), 0);
}

/* The next datagram of a host is that frame. */
static void host_gets(const struct hosts *hosts, unsigned host, uint8_t to, uint8_t number)
{
	uint8_t bytes[2000], frame[FRAME];
	struct pollfd wait = { .fd = hosts->fd[host], .events = POLLIN };

	assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
	assert_int_equal(recv(hosts->fd[host], bytes, sizeof(bytes), 0), 8 + FRAME);
	assert_memory_equal(bytes, ((const uint8_t[]){ 8, 0, 0, 0, 0, 0, VNI, 0 }), 8);
	fill(frame, 9, to, number);
	assert_memory_equal(bytes + 8, frame, FRAME);
}

/* What was sent before has come on loopback, as it is delivered at once: nothing more waits there. */
static void host_has_nothing(const struct hosts *hosts, unsigned host)
{
	uint8_t byte;

	assert_int_equal(recv(hosts->fd[host], &byte, 1, MSG_DONTWAIT), -1);
}

static void host_sends(const struct hosts *hosts, unsigned host, uint8_t from, uint8_t number)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(4789) };
	uint8_t bytes[8 + FRAME] = { 8, [6] = VNI };

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fill(bytes + 8, from, 9, number);
	assert_int_equal(sendto(hosts->fd[host], bytes, sizeof(bytes), 0, (struct sockaddr *)&to, sizeof(to)),
			 sizeof(bytes));
}

/* The next frame that comes in. */
static void comes(struct hosts *hosts, uint8_t from, uint8_t number)
{
	uint8_t bytes[2000], frame[FRAME];
	int64_t n;

	wait_until((n = weir_pair_receive(hosts->link, 1, bytes, sizeof(bytes))) != -EAGAIN);
	assert_int_equal(n, FRAME);
	fill(frame, from, 9, number);
	assert_memory_equal(bytes, frame, FRAME);
}

static struct weir_vxlan loopback_options(void)
{
	return (struct weir_vxlan){ .name = "vx", .vni = VNI, .local = "127.0.0.1", .netns = site[0].path };
}

static void several_remotes(void **state)
{
	struct weir_vxlan options = loopback_options();
	struct hosts hosts;

	(void)state;
	options.remote = WEIR_LIST("127.0.1.1", "127.0.1.2", "127.0.1.3");
	options.senders = 1;
	open_hosts(&hosts);
	start_hosts(&hosts, &options);
	/* To all, by both senders. */
	give(hosts.link, 0, 1);
	for (unsigned i = 0; i < 3; i++)
		host_gets(&hosts, i, 0, 1);
	give(hosts.second, 0, 2);
	for (unsigned i = 0; i < 3; i++)
		host_gets(&hosts, i, 0, 2);
	/* To a station that is not known, too. */
	give(hosts.link, 5, 3);
	for (unsigned i = 0; i < 3; i++)
		host_gets(&hosts, i, 5, 3);
	/* Once it was heard of, to its host; and to another one if it moves. */
	host_sends(&hosts, 1, 5, 4);
	comes(&hosts, 5, 4);
	give(hosts.link, 5, 5);
	host_gets(&hosts, 1, 5, 5);
	give(hosts.second, 5, 6);
	host_gets(&hosts, 1, 5, 6);
	host_sends(&hosts, 2, 5, 7);
	comes(&hosts, 5, 7);
	give(hosts.link, 5, 8);
	host_gets(&hosts, 2, 5, 8);
	for (unsigned i = 0; i < HOSTS; i++)
		host_has_nothing(&hosts, i);
	/* From nobody else. */
	host_sends(&hosts, 3, 5, 9);
	wait_until(drops(hosts.pipeline, "in/read", "unknown_remote") == 1);
	assert_int_equal(counted(hosts.pipeline, "in/read", "learned"), 1);
	assert_int_equal(counted(hosts.pipeline, "in/read", "moved"), 1);
	assert_int_equal(counted(hosts.pipeline, "out/write", "flooded"), 3);
	assert_int_equal(counted(hosts.pipeline, "out/write", "copies"), 9);
	close_hosts(&hosts);
}

/* Receives a datagram that is sent to all, and says what its header has. */
static void header_is(const struct hosts *hosts, uint8_t number, int ttl, int tos)
{
	uint8_t control[128];
	struct msghdr message = { .msg_control = control, .msg_controllen = sizeof(control) };
	struct pollfd wait = { .fd = hosts->fd[0], .events = POLLIN };
	int value = 0, found = 0;

	give(hosts->link, 0, number);
	assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
	assert_true(recvmsg(hosts->fd[0], &message, 0) >= 0);
	for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
		memcpy(&value, CMSG_DATA(part), part->cmsg_type == IP_TOS ? 1 : sizeof(value));
		if (part->cmsg_type == IP_TOS)
			value &= 0xff;
		assert_int_equal(value, part->cmsg_type == IP_TOS ? tos : ttl);
		found++;
	}
	assert_int_equal(found, 2);
}

static void ttl_and_dscp_change_while_it_runs(void **state)
{
	struct weir_vxlan options = loopback_options(), other;
	struct hosts hosts;
	const int on = 1;

	(void)state;
	options.remote = WEIR_LIST("127.0.1.1");
	other = options;
	options.ttl = 9;
	options.dscp = 46;
	open_hosts(&hosts);
	assert_int_equal(setsockopt(hosts.fd[0], IPPROTO_IP, IP_RECVTTL, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(hosts.fd[0], IPPROTO_IP, IP_RECVTOS, &on, sizeof(on)), 0);
	start_hosts(&hosts, &options);
	header_is(&hosts, 1, 9, 46 << 2);
	configure(hosts.pipeline, &other, 0);
	header_is(&hosts, 2, 64, 0);
	close_hosts(&hosts);
}

/* Who answers need not be named, but what is for all goes to those that are. */
static void unknown_hosts_can_be_heard(void **state)
{
	struct weir_vxlan options = loopback_options();
	struct hosts hosts;

	(void)state;
	options.remote = WEIR_LIST("127.0.1.1");
	options.learn_remotes = true;
	open_hosts(&hosts);
	start_hosts(&hosts, &options);
	host_sends(&hosts, 3, 5, 1);
	comes(&hosts, 5, 1);
	give(hosts.link, 5, 2);
	host_gets(&hosts, 3, 5, 2);
	give(hosts.link, 0, 3);
	host_gets(&hosts, 0, 0, 3);
	host_has_nothing(&hosts, 3);
	close_hosts(&hosts);
}

/* The options are said by the whole, in words. */
static void a_port_in_use_is_told(void **state)
{
	const struct weir_vxlan options = { .name = "vx",
					    .vni = VNI,
					    .local = "127.0.1.1",
					    .remote = WEIR_LIST("127.0.1.2"),
					    .netns = site[0].path };
	const struct weir_config config = {
		.endpoints = { { &weir_vxlan_type, &options }, weir_null("null") },
		.workers = { { "one", .unpinned = true } },
		.chains = { { "in", .stages = { weir_read("vx", .worker = "one"), weir_write("null") } } },
	};
	struct weir_pipeline *pipeline;
	struct weir_error err;
	struct hosts hosts;

	(void)state;
	open_hosts(&hosts);
	assert_int_equal(weir_pipeline_create(&pipeline, &config, &err), -EADDRINUSE);
	assert_string_equal(err.text, "endpoint vx: local: '127.0.1.1:4789': Address already in use");
	weir_pair_link_destroy(hosts.link);
	weir_pair_link_destroy(hosts.second);
	for (unsigned i = 0; i < HOSTS; i++)
		close(hosts.fd[i]);
}

/* --- over a bad network -----------------------------------------------------------------------------------
 */

/* The underlay is a TAP device at each side, and between them what loses, doubles and reorders. */
static struct weir_pipeline *start_network(uint64_t seed)
{
	const struct weir_config config = {
		.endpoints = { weir_tun("bad0", .tap = true, .netns = site[0].path,
					.no_offload = WEIR_OFFLOAD_ALL, .ipv4 = WEIR_LIST("198.51.100.1/24"),
					.no_ipv6 = true),
			       weir_tun("bad1", .tap = true, .netns = site[1].path,
					.no_offload = WEIR_OFFLOAD_ALL, .ipv4 = WEIR_LIST("198.51.100.2/24"),
					.no_ipv6 = true),
			       impair("forth", .loss = 10, .duplicate = 5, .late = 10, .seed = seed),
			       impair("back", .loss = 10, .duplicate = 5, .late = 10, .seed = seed + 1) },
		.workers = { { "bad", .unpinned = true } },
		.chains = { { "a", .stages = { weir_read("bad0", .worker = "bad"), weir_write("forth") } },
			    { "b", .stages = { weir_read("forth", .worker = "bad"), weir_write("bad1") } },
			    { "c", .stages = { weir_read("bad1", .worker = "bad"), weir_write("back") } },
			    { "d", .stages = { weir_read("back", .worker = "bad"), weir_write("bad0") } } },
		.drain_ms = WAIT_MS,
		.log = events_log,
		.log_data = &events,
	};

	return start(&config);
}

static const struct underlay bad = { { "198.51.100.1", "198.51.100.2" } };

static struct impair_counts counts_of(struct weir_pipeline *network, const char *name)
{
	return impair_read(weir_pipeline_endpoint(network, name, &impair_type));
}

/* Whether all that one session has sent was lost or has come to the other, as often as it was doubled. */
static bool is_settled(struct weir_pipeline *from, struct weir_pipeline *network, const char *name,
		       struct weir_pipeline *to)
{
	const struct impair_counts counts = counts_of(network, name);

	return counted(from, "out/write", NULL) == counts.came &&
	       counts.came + counts.doubled == counts.lost + counts.went &&
	       counts.went == counted(to, "in/read", NULL);
}

static void run_over_bad_network(uint64_t size)
{
	struct stream stream;

	stream_open(&stream, site, AF_INET, 0, next_port(), size);
	stream_run(&stream, 1);
	stream_close(&stream);
}

static void is_bad(const struct impair_counts *counts)
{
	assert_true(counts->lost > 0);
	assert_true(counts->doubled > 0);
	assert_true(counts->late > 0);
}

/* Between the sessions every packet is found: sent, lost on purpose, doubled, received. */
static void sessions_get_through_a_bad_network(void **state)
{
	struct weir_pipeline *network = start_network(1), *left, *right;
	struct weir_vxlan options[2] = { options_of(0, &bad), options_of(1, &bad) };
	struct impair_counts forth, back;

	(void)state;
	left = start_tap(0, &options[0], true);
	right = start_tap(1, &options[1], true);
	/* Before and after, the kernels have nothing to say to each other. */
	set_tap(left, true);
	set_tap(right, true);
	run_over_bad_network(512 << 10);
	set_tap(left, false);
	set_tap(right, false);
	wait_until(is_settled(left, network, "forth", right) && is_settled(right, network, "back", left));
	forth = counts_of(network, "forth");
	back = counts_of(network, "back");
	is_bad(&forth);
	is_bad(&back);
	finish(left, false);
	finish(right, false);
	finish(network, false);
}

static void the_kernel_gets_through_a_bad_network(void **state)
{
	struct weir_pipeline *network = start_network(2), *pipeline;
	struct weir_vxlan options = options_of(0, &bad);
	struct impair_counts forth, back;

	(void)state;
	pipeline = start_tap(0, &options, false);
	make_kernel_device(&bad, VNI); /* now that somebody hears it */
	run_over_bad_network(512 << 10);
	forth = counts_of(network, "forth");
	back = counts_of(network, "back");
	is_bad(&forth);
	is_bad(&back);
	wait_until(counted(pipeline, "out/write", NULL) == counts_of(network, "forth").came);
	wait_until(counted(pipeline, "in/read", NULL) == counts_of(network, "back").went);
	assert_int_equal(counted(pipeline, "in/read", "learned"), 1);
	finish(pipeline, false);
	remove_kernel_device();
	finish(network, false);
}

static int make_world(void **state)
{
	(void)state;
	events_init(&events);
	site_make(&site[0]);
	site_make(&site[1]);
	if (!wire_make(site))
		namespace_skip("veth devices");
	return 0;
}

/* What a test that failed leaves behind. */
static int remove_leftovers(void **state)
{
	(void)state;
	for (unsigned i = 0; i < countof(running); i++)
		if (running[i])
			destroy(running[i]);
	site_enter(&site[1]);
	if (kernel_exists("vx"))
		kernel_delete("vx");
	site_leave();
	return 0;
}

#define vxlan_test(function) cmocka_unit_test_teardown(function, remove_leftovers)

int main(void)
{
	const struct CMUnitTest tests[] = {
		vxlan_test(the_kernel_and_a_session_talk),
		vxlan_test(the_same_over_ipv6),
		vxlan_test(the_same_without_checksums),
		vxlan_test(an_entry_needs_no_flood),
		vxlan_test(another_vni_is_another_network),
		vxlan_test(remotes_change_under_traffic),
		vxlan_test(what_was_learned_goes_with_its_remote),
		vxlan_test(sessions_talk),
		vxlan_test(several_remotes),
		vxlan_test(ttl_and_dscp_change_while_it_runs),
		vxlan_test(unknown_hosts_can_be_heard),
		vxlan_test(a_port_in_use_is_told),
		vxlan_test(sessions_get_through_a_bad_network),
		vxlan_test(the_kernel_gets_through_a_bad_network),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, make_world, NULL);
}
