/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host gets its address from a DHCP server of the test's, on an Ethernet whose other station is the kernel
 * of another namespace, and uses it: by a real TUN on one side and a real TAP on the other.
 */
#include "namespace.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include <weir/weir.h>
#include <weir/host.h>

#include "../dhcp_server.h"
#include "address.h"
#include "kernel.h"
#include "netlink.h"
#include "site.h"
#include "wait.h"

#define HOST_MAC   "02:00:00:00:30:10"
#define SERVER     0xc0a81e01 /* 192.168.30.1 */
#define FIRST      0xc0a81e0a /* 192.168.30.10 */
#define SERVER_MAC "02:00:00:00:30:01"

struct server {
	int fd;
	int port; /* holds the port of a server, so that the kernel does not say that nobody is there */
	uint32_t address;
	uint32_t seconds, renew; /* renew 0: not told */
	bool classless;          /* a route to 10.64.0.0/10 instead of a router */
	unsigned seen[RELEASE + 1];
	struct dhcp_packet last[RELEASE + 1];
};

struct rig {
	struct site site[2]; /* the host's and the server's */
	struct weir_host *host;
	struct weir_pipeline *pipeline;
	struct server server;
};

static struct weir_error err;

/* --- the server */

static void server_open(struct rig *rig)
{
	struct server *server = &rig->server;
	struct sockaddr_ll link = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
	const struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(67) };

	server->fd = site_socket(&rig->site[1], AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
	server->port = site_socket(&rig->site[1], AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(server->port, (const struct sockaddr *)&any, sizeof(any)), 0);
	site_enter(&rig->site[1]);
	link.sll_ifindex = (int)if_nametoindex("tap0");
	site_leave();
	assert_int_equal(bind(server->fd, (const struct sockaddr *)&link, sizeof(link)), 0);
}

static void answer(struct server *server, const struct dhcp_packet *request, uint8_t type)
{
	static const uint8_t route[] = { 10, 10, 64, 192, 168, 30, 1 };
	uint8_t frame[14 + DHCP_ROOM] = { 2, 0, 0, 0, 0x30, 0x10, 2, 0, 0, 0, 0x30, 1, 8, 0 };
	struct dhcp_packet packet;

	dhcp_answer(&packet, request, type, server->address, SERVER);
	dhcp_add32(&packet, 1, 0xffffff00);
	dhcp_add32(&packet, 51, server->seconds);
	if (server->renew)
		dhcp_add32(&packet, 58, server->renew);
	if (server->classless)
		dhcp_add(&packet, 121, route, sizeof(route));
	dhcp_add32(&packet, 3, SERVER);
	dhcp_add32(&packet, 6, SERVER);
	dhcp_add(&packet, 15, "example.com", 11);
	dhcp_add(&packet, 26, "\x05\x78", 2);
	dhcp_finish(&packet);
	memcpy(frame + 14, packet.bytes, packet.len);
	assert_int_equal(send(server->fd, frame, 14 + packet.len, 0), 14 + packet.len);
}

static bool is_request(const uint8_t *frame, ssize_t n)
{
	return n > 14 + DHCP_OPTIONS && n < 14 + DHCP_ROOM && frame[14 + 9] == IPPROTO_UDP &&
	       dhcp_get(frame + 14 + 22, 2) == 67;
}

/* Answers what has come. Whom a request names is asked for what the server has now. */
static void serve(struct server *server)
{
	uint8_t frame[14 + DHCP_ROOM];
	struct dhcp_packet request;
	ssize_t n;
	unsigned type;

	while ((n = recv(server->fd, frame, sizeof(frame), 0)) > 0) {
		if (!is_request(frame, n))
			continue;
		request.len = (size_t)n - 14;
		memcpy(request.bytes, frame + 14, request.len);
		type = dhcp_type(&request);
		assert_in_range(type, DISCOVER, RELEASE);
		server->seen[type]++;
		server->last[type] = request;
		if (type == DISCOVER)
			answer(server, &request, OFFER);
		else if (type == REQUEST)
			answer(server, &request, ACK);
		else if (type == DECLINE)
			server->address++;
	}
}

#define serve_until(rig, condition) wait_until((serve(&(rig)->server), condition))

/* --- the rig */

static struct weir_host_options options_of(const struct rig *rig)
{
	return (struct weir_host_options){ .mac = HOST_MAC,
					   .dhcp = true,
					   .dhcp_hostname = "laptop",
					   .no_ipv6 = true,
					   .device = "tun0",
					   .netns = rig->site[0].path };
}

static void run_pipeline(struct rig *rig)
{
	const struct weir_config config = {
		.endpoints = { weir_tun("tun0", .netns = rig->site[0].path, .no_ipv6 = true),
			       weir_tun("tap0", .tap = true, .netns = rig->site[1].path, .mac = SERVER_MAC,
					.ipv4 = WEIR_LIST("192.168.30.1/24", "10.99.0.1/32"),
					.no_ipv6 = true),
			       weir_host_port("host", .host = rig->host) },
		.workers = { { "one", .unpinned = true } },
		.chains = { { "outbound",
			      .stages = { weir_read("tun0", .worker = "one"), weir_af_decap(),
					  weir_neighbour_wrap(.host = rig->host, .exit = { "resolve" }),
					  weir_write("tap0") } },
			    { "inbound",
			      .stages = { weir_read("tap0", .worker = "one"),
					  weir_neighbour_unwrap(.host = rig->host, .exit = { "control" }),
					  weir_af_encap(), weir_write("tun0") } },
			    { "resolve", .stages = { weir_write("host") } },
			    { "control", .stages = { weir_write("host") } },
			    { "answers",
			      .stages = { weir_read("host", .worker = "one"), weir_write("tap0") } } },
	};

	if (weir_pipeline_create(&rig->pipeline, &config, &err) || weir_pipeline_start(rig->pipeline, &err))
		fail_msg("%s", err.text);
}

static struct rig *rig_make(uint32_t seconds, uint32_t renew)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct weir_host_options options;

	assert_non_null(rig);
	site_make(&rig->site[0]);
	site_make(&rig->site[1]);
	options = options_of(rig);
	if (weir_host_create(&rig->host, &options, &err))
		fail_msg("%s", err.text);
	rig->server = (struct server){ .address = FIRST, .seconds = seconds, .renew = renew };
	run_pipeline(rig);
	server_open(rig);
	return rig;
}

static void rig_free(struct rig *rig)
{
	weir_pipeline_destroy(rig->pipeline);
	weir_host_destroy(rig->host);
	close(rig->server.fd);
	close(rig->server.port);
	site_close(&rig->site[0]);
	site_close(&rig->site[1]);
	free(rig);
}

static bool has_address(const struct rig *rig, const char *text)
{
	bool has;

	site_enter(&rig->site[0]);
	has = kernel_addresses("tun0", text).n == 1;
	site_leave();
	return has;
}

static bool has_route(const struct rig *rig, const char *text)
{
	bool has;

	site_enter(&rig->site[0]);
	has = kernel_routes("tun0", text) == 1;
	site_leave();
	return has;
}

/* A datagram goes there, and one comes back. */
static void expect_echo(struct rig *rig, const char *to)
{
	union address address, from;
	socklen_t size = address_fill(&address, AF_INET, to, 7);
	int client = site_socket(&rig->site[0], AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	int far = site_socket(&rig->site[1], AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	char byte = 0;

	assert_int_equal(bind(far, &address.any, size), 0);
	assert_int_equal(connect(client, &address.any, size), 0);
	assert_int_equal(send(client, "x", 1, 0), 1);
	serve_until(rig, recvfrom(far, &byte, 1, 0, &from.any, &size) == 1);
	assert_int_equal(sendto(far, "y", 1, 0, &from.any, size), 1);
	serve_until(rig, recv(client, &byte, 1, 0) == 1);
	assert_int_equal(byte, 'y');
	close(client);
	close(far);
}

/* --- tests */

static void expect_status(struct rig *rig, const char *state, uint32_t seconds)
{
	struct weir_host_status status;

	weir_host_status(rig->host, &status);
	assert_string_equal(status.dhcp, state);
	assert_int_equal(status.n_dns, 1);
	assert_string_equal(status.dns[0], "192.168.30.1");
	assert_int_equal(status.n_domains, 1);
	assert_string_equal(status.domain[0], "example.com");
	assert_int_equal(status.mtu, 1400);
	assert_true(status.dhcp_server_until <= weir_session_now() + (uint64_t)seconds * 1000000000);
}

static void lives_by_a_lease(void **state)
{
	struct rig *rig = rig_make(3600, 0);
	struct server *server = &rig->server;
	unsigned requests;

	(void)state;
	weir_host_carrier(rig->host, true);
	serve_until(rig, has_address(rig, "192.168.30.10/24"));
	serve_until(rig, has_route(rig, "0.0.0.0/0 via - metric 0 table 254"));
	assert_true(server->seen[DISCOVER] >= 1);
	assert_int_equal(server->seen[DECLINE], 0);
	expect_status(rig, "BOUND", 3600);
	expect_echo(rig, "192.168.30.1");
	expect_echo(rig, "10.99.0.1"); /* by the router */

	/* It goes, and comes back: the address is asked for anew, and stays in use. */
	weir_host_carrier(rig->host, false);
	requests = server->seen[REQUEST];
	weir_host_carrier(rig->host, true);
	serve_until(rig, server->seen[REQUEST] > requests);
	assert_int_equal(dhcp_number(&server->last[REQUEST], 50), FIRST);
	assert_int_equal(dhcp_number(&server->last[REQUEST], 54), 0);
	assert_true(has_address(rig, "192.168.30.10/24"));
	expect_echo(rig, "192.168.30.1");

	weir_host_release(rig->host);
	serve_until(rig, server->seen[RELEASE] == 1);
	assert_int_equal(dhcp_client_address(&server->last[RELEASE]), FIRST);
	serve_until(rig, !has_address(rig, "192.168.30.10/24"));
	assert_false(has_route(rig, "0.0.0.0/0 via - metric 0 table 254"));
	rig_free(rig);
}

/* The first address that is offered is one that the other station has. */
static void declines_and_renews(void **state)
{
	struct rig *rig = rig_make(10, 5);
	struct server *server = &rig->server;
	struct weir__address taken = { .local = { 4, { 192, 168, 30, 10 } }, .bits = 32 };
	struct weir__netlink netlink;

	(void)state;
	site_enter(&rig->site[1]);
	assert_int_equal(weir__netlink_open(&netlink, NULL), 0);
	assert_int_equal(weir__address_add(&netlink, if_nametoindex("tap0"), &taken, 0, NULL), 0);
	weir__netlink_close(&netlink);
	site_leave();
	weir_host_carrier(rig->host, true);
	serve_until(rig, server->seen[DECLINE] == 1);
	assert_int_equal(dhcp_number(&server->last[DECLINE], 50), FIRST);
	assert_false(has_address(rig, "192.168.30.10/24"));
	serve_until(rig, has_address(rig, "192.168.30.11/24"));

	/* From now on it says something else, which the next renewal learns from the server itself. */
	server->classless = true;
	serve_until(rig, has_route(rig, "10.64.0.0/10 via - metric 0 table 254"));
	assert_int_equal(dhcp_client_address(&server->last[REQUEST]), FIRST + 1);
	assert_int_equal(dhcp_to(&server->last[REQUEST]), SERVER);
	assert_false(has_route(rig, "0.0.0.0/0 via - metric 0 table 254"));
	assert_true(has_address(rig, "192.168.30.11/24"));
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lives_by_a_lease),
		cmocka_unit_test(declines_and_renews),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
