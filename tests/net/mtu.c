/* SPDX-License-Identifier: Apache-2.0 */
/* Packets as large as the MTU allows and not a byte larger, from the smallest MTU to the largest. */
#include "namespace.h"

#include "address.h"
#include "flow.h"
#include "tunnel.h"
#include "wait.h"

#define COUNT    500   /* datagrams each way */
#define IN_QUEUE 400   /* packets that may be under way: less than half of what the kernel holds for us */
#define LARGEST  65507 /* bytes of a datagram */

struct edge {
	int family;
	uint32_t mtu;
	bool threaded;
	bool tap;
};

static uint32_t headers(const struct edge *edge)
{
	return edge->family == AF_INET6 ? 48 : 28;
}

static struct tunnel *begin(const struct edge *edge)
{
	const struct tunnel_options options = {
		.threaded = edge->threaded,
		.tap = edge->tap,
		.ipv6 = edge->family == AF_INET6,
		.mtu = edge->mtu,
	};
	struct tunnel *tunnel = tunnel_make(&options);

	tunnel_start(tunnel);
	return tunnel;
}

static void end(struct tunnel *tunnel)
{
	tunnel_stop(tunnel);
	assert_int_equal(tunnel_dropped(tunnel), 0);
	tunnel_check_devices(tunnel);
	tunnel_free(tunnel);
}

static void run(struct tunnel *tunnel, const struct edge *edge, const struct flow_options *options)
{
	struct flow flow;

	flow_open(&flow, tunnel->site, edge->family, 0, 5000, options);
	flow_run(&flow);
	flow_close(&flow);
}

/* One datagram is one packet, of exactly the MTU. */
static void full_packets(void **state)
{
	const struct edge *edge = *state;
	const uint32_t size = edge->mtu - headers(edge);
	const struct flow_options options = {
		.min = size, .max = size, .count = COUNT, .mtu = edge->mtu, .window = 16
	};
	struct tunnel *tunnel = begin(edge);
	struct row row;

	run(tunnel, edge, &options);
	row = tunnel_row(tunnel, "forth0/stats");
	/* In IPv6 and on Ethernet, the kernel has something to say too. */
	if (edge->family == AF_INET && !edge->tap)
		assert_int_equal(row.packets, COUNT);
	assert_true(row.bytes >= (uint64_t)COUNT * (edge->mtu + 14));
	end(tunnel);
}

/* Datagrams of all sizes up to the largest that there is, or that half a queue holds. */
static void fragments(void **state)
{
	const struct edge *edge = *state;
	const uint32_t part = (edge->mtu - (edge->family == AF_INET6 ? 48 : 20)) / 8 * 8;
	const uint32_t max = LARGEST / part < IN_QUEUE ? LARGEST : IN_QUEUE * part;
	const struct flow_options options = { .min = edge->mtu - headers(edge) + 1,
					      .max = max,
					      .count = 200,
					      .mtu = edge->mtu,
					      .window = IN_QUEUE / (max / part + 1) + 1 };
	struct tunnel *tunnel = begin(edge);

	run(tunnel, edge, &options);
	end(tunnel);
}

static void forbid_fragments(int fd, int family)
{
	const int ipv4 = IP_PMTUDISC_DO, ipv6 = IPV6_PMTUDISC_DO;

	if (family == AF_INET6)
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &ipv6, sizeof(ipv6)), 0);
	else
		assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &ipv4, sizeof(ipv4)), 0);
}

/* A sender learns at once what does not fit, and nothing of it comes to us. */
static void too_large(void **state)
{
	static const uint8_t bytes[65536];
	const struct edge *edge = *state;
	const size_t size = edge->mtu - headers(edge);
	struct tunnel *tunnel = begin(edge);
	int fd = site_connect_udp(&tunnel->site[0], edge->family, address_text(edge->family, 0, 1));

	forbid_fragments(fd, edge->family);
	assert_int_equal(send(fd, bytes, size + 1, 0), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(send(fd, bytes, size, 0), size);
	close(fd);
	wait_until(tunnel_row(tunnel, "forth0/write").packets > 0);
	tunnel_stop(tunnel);
	if (edge->family == AF_INET && !edge->tap)
		assert_int_equal(tunnel_row(tunnel, "forth0/read").packets, 1);
	tunnel_free(tunnel);
}

#define TEST(test_, family_, mtu_, threaded_, tap_)                                        \
	{                                                                                  \
#test_ ", " #family_ ", " #mtu_, test_, NULL, NULL, &(struct edge)         \
		{                                                                          \
			.family = family_, .mtu = mtu_, .threaded = threaded_, .tap = tap_ \
		}                                                                          \
	}

/* What can be larger than the MTU, */
#define TESTS(family_, mtu_, threaded_, tap_)                                                                \
	TEST(full_packets, family_, mtu_, threaded_, tap_), TEST(too_large, family_, mtu_, threaded_, tap_), \
		TEST(fragments, family_, mtu_, threaded_, tap_)

/* and what cannot. */
#define LARGEST_TESTS(family_, mtu_, threaded_, tap_) \
	TEST(full_packets, family_, mtu_, threaded_, tap_), TEST(too_large, family_, mtu_, threaded_, tap_)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTS(AF_INET, 68, false, false),           TESTS(AF_INET, 576, true, false),
		TESTS(AF_INET, 1280, false, false),         TESTS(AF_INET6, 1280, true, false),
		TESTS(AF_INET, 1500, true, false),          TESTS(AF_INET6, 1500, false, false),
		TESTS(AF_INET, 1500, true, true),           TESTS(AF_INET, 9000, false, false),
		TESTS(AF_INET6, 9000, true, false),         TESTS(AF_INET6, 9000, false, true),
		LARGEST_TESTS(AF_INET, 65535, true, false), LARGEST_TESTS(AF_INET6, 65535, false, false),
		LARGEST_TESTS(AF_INET, 65521, false, true), LARGEST_TESTS(AF_INET6, 65521, true, true),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
