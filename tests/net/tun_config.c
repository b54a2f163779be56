/* SPDX-License-Identifier: Apache-2.0 */
/* Devices with all their settings, read back from the kernel. */
#include "namespace.h"

#include "device.h"

#define must(call, err)                             \
	do {                                        \
		if (call)                           \
			fail_msg("%s", (err).text); \
	} while (0)

static void makes_a_tun_with_everything(void **state)
{
	const char *const ipv4[] = { "10.9.0.2/24", "10.9.1.2/32,10.9.1.1", NULL };
	const char *const ipv6[] = { "fd00:9::2/64", "fd00:9:1::2/128,fd00:9:1::1", NULL };
	const struct weir_route routes[] = {
		{ .to = "10.20.0.0/16" },
		{ .to = "10.21.0.0/16", .via = "10.9.0.1", .metric = 77 },
		{ .to = "default", .table = 1000 },
		{ .to = "fd00:20::/32" },
		{ .to = "fd00:21::/32", .via = "fd00:9::1", .metric = 78, .table = 1001 },
		{ .to = "::/0", .metric = 5 },
		{ .to = NULL },
	};
	struct device device;

	(void)state;
	device_must_open(&device, "weir0", .ipv4 = ipv4, .ipv6 = ipv6, .route = routes, .mtu = 1400,
			 .queue_length = 321);
	assert_string_equal(weir_tun_name(device.state), "weir0");
	assert_int_equal(weir_tun_index(device.state), if_nametoindex("weir0"));
	assert_true(kernel_is_up("weir0"));
	assert_int_equal(kernel_mtu("weir0"), 1400);
	assert_int_equal(kernel_queue_length("weir0"), 321);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(kernel_addresses("weir0", ipv4[i]).n, 1);
		assert_int_equal(kernel_addresses("weir0", ipv6[i]).n, 1);
		assert_int_equal(kernel_addresses("weir0", ipv6[i]).tentative, 0);
	}
	assert_int_equal(kernel_routes("weir0", "10.20.0.0/16 via - metric 0 table 254"), 1);
	assert_int_equal(kernel_routes("weir0", "10.21.0.0/16 via 10.9.0.1 metric 77 table 254"), 1);
	assert_int_equal(kernel_routes("weir0", "0.0.0.0/0 via - metric 0 table 1000"), 1);
	assert_int_equal(kernel_routes("weir0", "fd00:20::/32 via - metric 1024 table 254"), 1);
	assert_int_equal(kernel_routes("weir0", "fd00:21::/32 via fd00:9::1 metric 78 table 1001"), 1);
	assert_int_equal(kernel_routes("weir0", "::/0 via - metric 5 table 254"), 1);
	assert_false(kernel_tun("weir0").tap);
	assert_false(kernel_tun("weir0").packet_information);
	assert_false(kernel_tun("weir0").persist);
	assert_false(kernel_tun("weir0").has_owner);
	assert_int_equal(device.info.layer, WEIR_LAYER_AF);
	assert_int_equal(device.info.framing, WEIR_FRAMING_RAW);
	assert_int_equal(device.info.max_packet, 65535);
	assert_true(device.info.read_fd >= 0);
	assert_int_equal(device.info.write_fd, device.info.read_fd);
	assert_int_equal(device.info.write_events, POLLOUT);
	device_close(&device);
	assert_false(kernel_exists("weir0"));
}

static void makes_a_tap_with_a_mac(void **state)
{
	static const uint8_t mine[6] = { 2, 0, 0, 0, 0, 7 }, other[6] = { 2, 0, 0, 0, 0, 8 };
	struct device device;
	uint8_t mac[6];

	(void)state;
	device_must_open(&device, "weir0", .tap = true, .mac = "02:00:00:00:00:07",
			 .ipv6 = WEIR_LIST("fd00:9::2/64"));
	kernel_mac("weir0", mac);
	assert_memory_equal(mac, mine, 6);
	assert_true(kernel_tun("weir0").tap);
	assert_int_equal(kernel_mtu("weir0"), 1500);
	assert_int_equal(kernel_queue_length("weir0"), 1000);
	/* A TAP would ask the link about it for a second first. */
	assert_int_equal(kernel_addresses("weir0", "fd00:9::2/64").n, 1);
	assert_int_equal(kernel_addresses("weir0", "fd00:9::2/64").tentative, 0);
	assert_int_equal(device.info.layer, WEIR_LAYER_L2);
	assert_int_equal(device.info.max_packet, 65535 + 18);
	must(weir_tun_set_mac(device.state, "02-00-00-00-00-08", &device.err), device.err);
	kernel_mac("weir0", mac);
	assert_memory_equal(mac, other, 6);
	assert_int_equal(weir_tun_set_mac(device.state, "03:00:00:00:00:08", &device.err), -EINVAL);
	assert_string_equal(device.err.text, "weir0: mac: '03:00:00:00:00:08' is the address of a group");
	device_close(&device);
}

static void fills_a_pattern(void **state)
{
	struct device first, second;

	(void)state;
	device_must_open(&first, "one", .device = "weir%d");
	device_must_open(&second, "two", .device = "weir%d");
	assert_string_equal(weir_tun_name(first.state), "weir0");
	assert_string_equal(weir_tun_name(second.state), "weir1");
	device_close(&first);
	device_close(&second);
}

static void leaves_it_down(void **state)
{
	const struct weir_route routes[] = { { .to = "10.20.0.0/16" }, { .to = NULL } };
	struct device device;

	(void)state;
	device_must_open(&device, "weir0", .down = true, .ipv4 = WEIR_LIST("10.9.0.2/24"),
			 .ipv6 = WEIR_LIST("fd00:9::2/64"), .route = routes);
	assert_false(kernel_is_up("weir0"));
	must(weir_tun_set_up(device.state, true, &device.err), device.err);
	assert_true(kernel_is_up("weir0"));
	assert_int_equal(kernel_addresses("weir0", "10.9.0.2/24").n, 1);
	assert_int_equal(kernel_addresses("weir0", "fd00:9::2/64").n, 1);
	assert_int_equal(kernel_routes("weir0", "10.20.0.0/16 via - metric 0 table 254"), 1);
	device_close(&device);
}

static void comes_up_with_what_it_had(void **state)
{
	const struct weir_route routes[] = { { .to = "10.20.0.0/16" }, { .to = "::/0" }, { .to = NULL } };
	struct device device;

	(void)state;
	device_must_open(&device, "weir0", .ipv4 = WEIR_LIST("10.9.0.2/24"),
			 .ipv6 = WEIR_LIST("fd00:9::2/64"), .route = routes);
	must(weir_tun_set_up(device.state, false, &device.err), device.err);
	assert_false(kernel_is_up("weir0"));
	assert_int_equal(kernel_addresses("weir0", "fd00:9::2/64").n, 0);
	assert_int_equal(kernel_routes("weir0", "10.20.0.0/16 via - metric 0 table 254"), 0);
	must(weir_tun_set_up(device.state, true, &device.err), device.err);
	must(weir_tun_set_up(device.state, true, &device.err), device.err);
	assert_int_equal(kernel_addresses("weir0", "10.9.0.2/24").n, 1);
	assert_int_equal(kernel_addresses("weir0", "fd00:9::2/64").n, 1);
	assert_int_equal(kernel_routes("weir0", "10.20.0.0/16 via - metric 0 table 254"), 1);
	assert_int_equal(kernel_routes("weir0", "::/0 via - metric 1024 table 254"), 1);
	device_close(&device);
}

static void adds_and_removes_addresses(void **state)
{
	static const char *const addresses[] = { "10.9.0.2/24", "10.9.1.2/32,10.9.1.1", "fd00:9::2/64",
						 "fd00:9:1::2/128,fd00:9:1::1" };
	struct device device;

	(void)state;
	device_must_open(&device, "weir0", );
	for (unsigned i = 0; i < countof(addresses); i++) {
		must(weir_tun_add_address(device.state, addresses[i], &device.err), device.err);
		assert_int_equal(kernel_addresses("weir0", addresses[i]).n, 1);
		assert_int_equal(kernel_addresses("weir0", addresses[i]).tentative, 0);
	}
	for (unsigned i = 0; i < countof(addresses); i++) {
		assert_int_equal(weir_tun_add_address(device.state, addresses[i], &device.err), -EEXIST);
		assert_int_equal(kernel_addresses("weir0", addresses[i]).n, 1);
	}
	assert_non_null(strstr(device.err.text, "weir0: address fd00:9:1::2/128,fd00:9:1::1: File exists"));
	for (unsigned i = 0; i < countof(addresses); i++) {
		must(weir_tun_remove_address(device.state, addresses[i], &device.err), device.err);
		assert_int_equal(kernel_addresses("weir0", addresses[i]).n, 0);
	}
	assert_int_equal(weir_tun_remove_address(device.state, "10.9.0.2/24", &device.err), -EADDRNOTAVAIL);
	assert_non_null(
		strstr(device.err.text, "weir0: address 10.9.0.2/24: Cannot assign requested address"));
	assert_int_equal(weir_tun_add_address(device.state, "10.9.0.256/24", &device.err), -EINVAL);
	assert_non_null(strstr(device.err.text, "weir0: address: '10.9.0.256/24' is not"));
	assert_int_equal(weir_tun_add_address(device.state, "10.9.0.2/24", NULL), 0);
	device_close(&device);
}

static void adds_and_removes_routes(void **state)
{
	const struct weir_route plain = { .to = "10.20.0.0/16" },
				ipv6 = { .to = "fd00:20::/32", .metric = 9 };
	const struct weir_route gateway = { .to = "default", .via = "10.9.0.1", .metric = 6, .table = 300 };
	struct device device;

	(void)state;
	device_must_open(&device, "weir0", .ipv4 = WEIR_LIST("10.9.0.2/24"));
	must(weir_tun_add_route(device.state, &plain, &device.err), device.err);
	must(weir_tun_add_route(device.state, &ipv6, &device.err), device.err);
	must(weir_tun_add_route(device.state, &gateway, &device.err), device.err);
	assert_int_equal(kernel_routes("weir0", "10.20.0.0/16 via - metric 0 table 254"), 1);
	assert_int_equal(kernel_routes("weir0", "fd00:20::/32 via - metric 9 table 254"), 1);
	assert_int_equal(kernel_routes("weir0", "0.0.0.0/0 via 10.9.0.1 metric 6 table 300"), 1);
	assert_int_equal(weir_tun_add_route(device.state, &plain, &device.err), -EEXIST);
	assert_non_null(strstr(device.err.text, "weir0: route 10.20.0.0/16: File exists"));
	must(weir_tun_remove_route(device.state, &plain, &device.err), device.err);
	must(weir_tun_remove_route(device.state, &ipv6, &device.err), device.err);
	must(weir_tun_remove_route(device.state, &gateway, &device.err), device.err);
	assert_int_equal(kernel_routes("weir0", "10.20.0.0/16 via - metric 0 table 254"), 0);
	assert_int_equal(kernel_routes("weir0", "fd00:20::/32 via - metric 9 table 254"), 0);
	assert_int_equal(kernel_routes("weir0", "0.0.0.0/0 via 10.9.0.1 metric 6 table 300"), 0);
	assert_int_equal(weir_tun_remove_route(device.state, &plain, &device.err), -ESRCH);
	device_close(&device);
}

static void says_what_the_kernel_says(void **state)
{
	const struct weir_route routes[] = { { .to = "default", .via = "192.0.2.1" }, { .to = NULL } };
	struct device device;

	(void)state;
	assert_int_equal(device_open(&device, device_row("weir0", .route = routes)), -ENETUNREACH);
	assert_non_null(
		strstr(device.err.text, "weir0: route 0.0.0.0/0 via 192.0.2.1: Network is unreachable"));
	assert_non_null(strstr(device.err.text, "(Nexthop has invalid gateway)"));
	assert_false(kernel_exists("weir0"));
}

static void leaves_routes_of_others(void **state)
{
	const struct weir_route routes[] = { { .to = "10.20.0.0/16" }, { .to = NULL } };
	struct device first, second;

	(void)state;
	device_must_open(&first, "weir0", .route = routes);
	assert_int_equal(device_open(&second, device_row("weir1", .route = routes)), -EEXIST);
	assert_string_equal(second.err.text, "weir1: route 10.20.0.0/16: File exists");
	assert_false(kernel_exists("weir1"));
	assert_int_equal(kernel_routes("weir0", "10.20.0.0/16 via - metric 0 table 254"), 1);
	device_close(&first);
}

static void takes_every_mtu(void **state)
{
	struct device device;

	(void)state;
	device_must_open(&device, "weir0", .mtu = 68);
	assert_int_equal(kernel_mtu("weir0"), 68);
	must(weir_tun_set_mtu(device.state, 65535, &device.err), device.err);
	assert_int_equal(kernel_mtu("weir0"), 65535);
	assert_int_equal(weir_tun_set_mtu(device.state, 67, &device.err), -EINVAL);
	assert_string_equal(device.err.text, "weir0: mtu: 67 is not from 68 to 65535");
	assert_int_equal(weir_tun_set_mtu(device.state, 65536, &device.err), -EINVAL);
	assert_int_equal(kernel_mtu("weir0"), 65535);
	device_close(&device);
	device_must_open(&device, "weir0", .tap = true, .mtu = 65521);
	assert_int_equal(kernel_mtu("weir0"), 65521);
	device_close(&device);
}

/* The kernel would take the addresses away without a word. */
static void keeps_the_mtu_that_ipv6_needs(void **state)
{
	struct device device;

	(void)state;
	device_must_open(&device, "weir0", .mtu = 1280, .ipv6 = WEIR_LIST("fd00:9::2/64"));
	assert_int_equal(kernel_addresses("weir0", "fd00:9::2/64").n, 1);
	assert_int_equal(weir_tun_set_mtu(device.state, 1279, &device.err), -EINVAL);
	assert_string_equal(device.err.text, "weir0: mtu: IPv6 needs an mtu of 1280, not 1279");
	assert_int_equal(kernel_addresses("weir0", "fd00:9::2/64").n, 1);
	must(weir_tun_remove_address(device.state, "fd00:9::2/64", &device.err), device.err);
	must(weir_tun_set_mtu(device.state, 1279, &device.err), device.err);
	assert_int_equal(weir_tun_add_address(device.state, "fd00:9::2/64", &device.err), -EINVAL);
	assert_string_equal(device.err.text, "weir0: address: IPv6 needs an mtu of 1280, not 1279");
	device_close(&device);
}

static void has_no_ipv6(void **state)
{
	const struct weir_route route = { .to = "::/0" };
	struct device device;

	(void)state;
	for (int tap = 0; tap < 2; tap++) {
		device_must_open(&device, "weir0", .tap = tap, .no_ipv6 = true,
				 .ipv4 = WEIR_LIST("10.9.0.2/24"));
		assert_int_equal(kernel_addresses("weir0", NULL).n, 1);
		assert_int_equal(weir_tun_add_address(device.state, "fd00:9::2/64", &device.err), -EINVAL);
		assert_string_equal(device.err.text, "weir0: address: is IPv6, and no_ipv6 is set");
		assert_int_equal(weir_tun_add_route(device.state, &route, &device.err), -EINVAL);
		/* Below 1280 bytes the kernel forgets it all, and above it begins with the settings of all
		 * devices. */
		must(weir_tun_set_mtu(device.state, 1000, &device.err), device.err);
		must(weir_tun_set_mtu(device.state, 1500, &device.err), device.err);
		assert_int_equal(kernel_addresses("weir0", NULL).n, 1);
		assert_true(kernel_ipv6_disabled("weir0"));
		device_close(&device);
	}
}

static void counts_in_queue_length(void **state)
{
	struct device device;

	(void)state;
	device_must_open(&device, "weir0", );
	assert_int_equal(kernel_queue_length("weir0"), 1000);
	must(weir_tun_set_queue_length(device.state, 50, &device.err), device.err);
	assert_int_equal(kernel_queue_length("weir0"), 50);
	must(weir_tun_set_queue_length(device.state, 0, &device.err), device.err);
	assert_int_equal(kernel_queue_length("weir0"), 1000);
	device_close(&device);
}

static void has_packet_information(void **state)
{
	struct device device;

	(void)state;
	device_must_open(&device, "weir0", .packet_information = true, .mtu = 1400);
	assert_true(kernel_tun("weir0").packet_information);
	assert_int_equal(device.info.framing, WEIR_FRAMING_TUN_PI);
	assert_int_equal(device.info.max_packet, 1404);
	device_close(&device);
}

static void refuses_a_device_that_exists(void **state)
{
	struct device first, second;

	(void)state;
	device_must_open(&first, "weir0", .persist = true);
	assert_int_equal(device_open(&second, device_row("weir0", )), -EBUSY);
	assert_non_null(
		strstr(second.err.text, "TUN device weir0: Device or resource busy: it exists already"));
	device_close(&first);
	assert_int_equal(device_open(&second, device_row("weir0", .exclusive = true)), -EBUSY);
	assert_int_equal(device_open(&second, device_row("weir0", .tap = true)), -EINVAL);
	assert_non_null(strstr(second.err.text, "TAP device weir0: Invalid argument: it exists already"));
	assert_true(kernel_exists("weir0"));
	assert_int_equal(kernel_delete("weir0"), 0);
	device_must_open(&second, "weir0", .exclusive = true);
	device_close(&second);
}

static void keeps_a_persistent_device(void **state)
{
	const struct weir_route routes[] = { { .to = "10.20.0.0/16" }, { .to = NULL } };
	struct device device;

	(void)state;
	/* Twice: the second time, everything is there already. */
	for (int i = 0; i < 2; i++) {
		device_must_open(&device, "weir0", .persist = true, .mtu = 1300,
				 .ipv4 = WEIR_LIST("10.9.0.2/24"), .ipv6 = WEIR_LIST("fd00:9::2/64"),
				 .route = routes);
		device_close(&device);
		assert_true(kernel_tun("weir0").persist);
		assert_int_equal(kernel_mtu("weir0"), 1300);
		assert_int_equal(kernel_addresses("weir0", "10.9.0.2/24").n, 1);
		assert_int_equal(kernel_addresses("weir0", "fd00:9::2/64").n, 1);
	}
	assert_int_equal(kernel_delete("weir0"), 0);
}

/* What a user of a persistent device did to it goes when he goes, or when he fails. */
static void returns_a_device_as_it_was(void **state)
{
	const struct weir_route good[] = { { .to = "10.20.0.0/16" }, { .to = NULL } };
	const struct weir_route bad[] = { { .to = "10.20.0.0/16" },
					  { .to = "default", .via = "192.0.2.1" },
					  { .to = NULL } };
	struct device device;

	(void)state;
	device_must_open(&device, "weir0", .persist = true, .down = true, .queue_length = 444, .mtu = 1450,
			 .ipv4 = WEIR_LIST("10.9.0.2/24"));
	device_close(&device);
	for (int fails = 0; fails < 2; fails++) {
		int rc = device_open(&device, device_row("weir0", .no_ipv6 = true, .mtu = 1400,
							 .ipv4 = WEIR_LIST("10.9.0.2/24", "10.9.1.2/24"),
							 .route = fails ? bad : good, .persist = fails));

		assert_int_equal(rc, fails ? -ENETUNREACH : 0);
		if (!fails) {
			assert_int_equal(kernel_addresses("weir0", NULL).n, 2);
			assert_int_equal(kernel_mtu("weir0"), 1400);
			assert_int_equal(kernel_queue_length("weir0"), 1000);
			assert_true(kernel_ipv6_disabled("weir0"));
			device_close(&device);
		}
		assert_int_equal(kernel_mtu("weir0"), 1450);
		assert_int_equal(kernel_queue_length("weir0"), 444);
		assert_false(kernel_is_up("weir0"));
		assert_int_equal(kernel_addresses("weir0", "10.9.0.2/24").n, 1);
		assert_int_equal(kernel_addresses("weir0", NULL).n, 1);
		assert_false(kernel_ipv6_disabled("weir0"));
	}
	assert_int_equal(kernel_delete("weir0"), 0);
}

static void asks_for_an_mtu_that_surprises(void **state)
{
	struct device device;

	(void)state;
	device_must_open(&device, "weir0", .persist = true, .mtu = 9000);
	device_close(&device);
	assert_int_equal(device_open(&device, device_row("weir0", )), -EINVAL);
	assert_string_equal(device.err.text,
			    "weir0: mtu: the device has 9000: set it, so that there are buffers for it");
	device_must_open(&device, "weir0", .mtu = 9000);
	device_close(&device);
	assert_int_equal(kernel_delete("weir0"), 0);
}

/* As a number and not as the address of one. */
static void hands_owner_and_group_over(void **state)
{
	const int64_t id = geteuid() ? geteuid() : 1234, gid = geteuid() ? getegid() : 4321;
	struct device device;

	(void)state;
	device_must_open(&device, "weir0", .persist = true, .owner = id);
	assert_true(kernel_tun("weir0").has_owner);
	assert_false(kernel_tun("weir0").has_group);
	assert_int_equal(kernel_tun("weir0").owner, id);
	device_close(&device);
	assert_int_equal(kernel_delete("weir0"), 0);
	device_must_open(&device, "weir0", .persist = true, .group = gid);
	assert_false(kernel_tun("weir0").has_owner);
	assert_int_equal(kernel_tun("weir0").group, gid);
	device_close(&device);
	assert_int_equal(kernel_delete("weir0"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		device_test(makes_a_tun_with_everything),
		device_test(makes_a_tap_with_a_mac),
		device_test(fills_a_pattern),
		device_test(leaves_it_down),
		device_test(comes_up_with_what_it_had),
		device_test(adds_and_removes_addresses),
		device_test(adds_and_removes_routes),
		device_test(says_what_the_kernel_says),
		device_test(leaves_routes_of_others),
		device_test(takes_every_mtu),
		device_test(keeps_the_mtu_that_ipv6_needs),
		device_test(has_no_ipv6),
		device_test(counts_in_queue_length),
		device_test(has_packet_information),
		device_test(refuses_a_device_that_exists),
		device_test(keeps_a_persistent_device),
		device_test(returns_a_device_as_it_was),
		device_test(asks_for_an_mtu_that_surprises),
		device_test(hands_owner_and_group_over),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
