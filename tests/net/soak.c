/* SPDX-License-Identifier: Apache-2.0 */
/* Ten million packets between two TUN devices, and not one too many or too few. */
#include "namespace.h"

#include "flow.h"
#include "tunnel.h"

#define PACKETS 10000000u

static void ten_million_packets(void **state)
{
	const struct tunnel_options options = { .threaded = true };
	const struct flow_options flow_options = { .min = 8, .max = 40, .count = PACKETS / 2, .window = 256 };
	struct tunnel *tunnel = tunnel_make(&options);
	struct flow flow;

	(void)state;
	tunnel_start(tunnel);
	flow_open(&flow, tunnel->site, AF_INET, 0, 5000, &flow_options);
	flow_run(&flow);
	flow_close(&flow);
	tunnel_stop(tunnel);
	assert_int_equal(tunnel_row(tunnel, "forth0/read").packets, PACKETS / 2);
	assert_int_equal(tunnel_row(tunnel, "forth0/write").packets, PACKETS / 2);
	assert_int_equal(tunnel_row(tunnel, "back0/read").packets, PACKETS / 2);
	assert_int_equal(tunnel_row(tunnel, "back0/write").packets, PACKETS / 2);
	assert_int_equal(tunnel_dropped(tunnel), 0);
	tunnel_check_devices(tunnel);
	tunnel_free(tunnel);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(ten_million_packets) };

	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
