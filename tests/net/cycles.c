/* SPDX-License-Identifier: Apache-2.0 */
/* Pipelines that are started, stopped and destroyed again and again while traffic flows. */
#include "namespace.h"

#include "load.h"
#include "tunnel.h"
#include "wait.h"

#define STARTS 50
#define MAKES  10

static void start_and_stop(bool threaded)
{
	const struct tunnel_options options = { .threaded = threaded };
	struct tunnel *tunnel = tunnel_make(&options);
	struct load *tcp, *udp;

	tunnel_start(tunnel);
	tcp = load_tcp(tunnel->site, AF_INET, 0);
	udp = load_udp(tunnel->site, AF_INET, 0);
	for (int i = 0; i < STARTS; i++) {
		load_wait(udp);
		tunnel_stop(tunnel);
		assert_int_equal(tunnel_dropped(tunnel), 0);
		tunnel_start(tunnel);
	}
	load_wait(tcp);
	load_stop(tcp);
	load_stop(udp);
	tunnel_stop(tunnel);
	tunnel_check_devices(tunnel);
	tunnel_free(tunnel);
}

static void starts_and_stops_fused(void **state)
{
	(void)state;
	start_and_stop(false);
}

static void starts_and_stops_threaded(void **state)
{
	(void)state;
	start_and_stop(true);
}

static void vanishes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MAKES; i++) {
		const struct tunnel_options options = { .threaded = i % 2, .tap = i % 4 >= 2 };
		struct tunnel *tunnel = tunnel_make(&options);
		struct site site[2] = { tunnel->site[0], tunnel->site[1] };
		struct load *tcp, *udp;

		tunnel_start(tunnel);
		tcp = load_tcp(site, AF_INET, 0);
		udp = load_udp(site, AF_INET, 0);
		load_wait(tcp);
		load_wait(udp);
		tunnel_free(tunnel);
		load_stop(tcp);
		load_stop(udp);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_and_stops_fused),
		cmocka_unit_test(starts_and_stops_threaded),
		cmocka_unit_test(vanishes),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
