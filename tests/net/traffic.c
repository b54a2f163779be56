/* SPDX-License-Identifier: Apache-2.0 */
/* All bytes of all protocols, through all stages between two devices: everything arrives, nothing changes,
 * and every packet is counted. */
#include "namespace.h"

#include "address.h"
#include "flow.h"
#include "kernel.h"
#include "ping.h"
#include "stream.h"
#include "tunnel.h"

/* A row of the tests: what runs through what. */
struct kind {
	bool threaded;
	bool tap;
	int family;
};

#define BULK  (64 << 20) /* bytes each way, over all connections */
#define SIZES 1472       /* of datagrams: all of them fit in an MTU of 1500 */

static struct tunnel *begin(const struct kind *kind)
{
	const struct tunnel_options options = {
		.threaded = kind->threaded,
		.tap = kind->tap,
		.ipv6 = kind->family == AF_INET6,
	};
	struct tunnel *tunnel = tunnel_make(&options);

	tunnel_start(tunnel);
	return tunnel;
}

/* No stage has dropped anything, and the kernel counts what we count. */
static void end(struct tunnel *tunnel)
{
	tunnel_stop(tunnel);
	assert_int_equal(tunnel_dropped(tunnel), 0);
	tunnel_check_devices(tunnel);
	tunnel_free(tunnel);
}

static void pings(void **state)
{
	static const unsigned sizes[] = { 0, 1, 56, 1000, 1452, 8000, 65507 - 8 };
	const struct kind *kind = *state;
	struct tunnel *tunnel = begin(kind);

	for (unsigned side = 0; side < 2; side++)
		for (unsigned i = 0; i < countof(sizes); i++)
			ping(&tunnel->site[side], kind->family, address_text(kind->family, 0, !side),
			     sizes[i]);
	end(tunnel);
}

static void tcp(const struct kind *kind, unsigned connections)
{
	struct stream streams[STREAM_RUN_MAX];
	struct tunnel *tunnel = begin(kind);

	for (unsigned i = 0; i < connections; i++)
		stream_open(&streams[i], tunnel->site, kind->family, 0, (uint16_t)(5000 + 10 * i),
			    BULK / connections);
	stream_run(streams, connections);
	for (unsigned i = 0; i < connections; i++)
		stream_close(&streams[i]);
	end(tunnel);
}

static void tcp_in_one_connection(void **state)
{
	tcp(*state, 1);
}

static void tcp_in_four_connections(void **state)
{
	tcp(*state, 4);
}

/* Every size, in an order that has no pattern. */
static void udp(void **state)
{
	const struct kind *kind = *state;
	const struct flow_options options = { .min = 1, .max = SIZES, .count = UINT64_C(10) * SIZES };
	struct tunnel *tunnel = begin(kind);
	struct flow flow;

	flow_open(&flow, tunnel->site, kind->family, 0, 5000, &options);
	flow_run(&flow);
	flow_close(&flow);
	end(tunnel);
}

/* Nobody but the kernels of the two sites speaks ARP. */
static void arp(void **state)
{
	const struct kind *kind = *state;
	struct tunnel *tunnel = begin(kind);
	uint8_t asked[6], own[6];

	site_enter(&tunnel->site[0]);
	kernel_neighbour("left0", address_text(AF_INET, 0, 1), asked);
	site_leave();
	site_enter(&tunnel->site[1]);
	kernel_mac("right0", own);
	site_leave();
	assert_memory_equal(asked, own, 6);
	end(tunnel);
}

/* The kernel acknowledges an IPv6 address before it receives anything for it. */
static void receives_at_once(void **state)
{
	static const char local[] = ADDRESS_IPV6(0, 1) "/128 via - metric 0 table 255";
	const struct kind *kind = *state;

	for (int i = 0; i < 20; i++) {
		struct tunnel *tunnel = begin(kind);

		site_enter(&tunnel->site[1]);
		assert_int_equal(kernel_routes("right0", local), 1);
		site_leave();
		end(tunnel);
	}
}

#define TEST(test_, name_, ...)                                      \
	{                                                            \
#test_ ", " name_, test_, NULL, NULL, &(struct kind) \
		{                                                    \
			__VA_ARGS__                                  \
		}                                                    \
	}

/* A test with every kind of tunnel. */
#define TESTS(test_)                                                       \
	TEST(test_, "IPv4, TUN, fused", false, false, AF_INET),            \
		TEST(test_, "IPv6, TUN, fused", false, false, AF_INET6),   \
		TEST(test_, "IPv4, TUN, threaded", true, false, AF_INET),  \
		TEST(test_, "IPv6, TUN, threaded", true, false, AF_INET6), \
		TEST(test_, "IPv4, TAP, fused", false, true, AF_INET),     \
		TEST(test_, "IPv6, TAP, threaded", true, true, AF_INET6)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTS(pings),
		TESTS(tcp_in_one_connection),
		TESTS(tcp_in_four_connections),
		TESTS(udp),
		TEST(arp, "TAP", false, true, AF_INET),
		TEST(receives_at_once, "TUN", false, false, AF_INET6),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
