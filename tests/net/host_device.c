/* SPDX-License-Identifier: Apache-2.0 */
/* What a host puts on a TUN, changes and takes away, as the kernel tells it. */
#include "namespace.h"

#include "device.h"
#include "host/device.h"
#include "wait.h"

static struct weir_error err;

static struct weir__host_device *open_host(const char *netns)
{
	struct weir__host_device *host;

	memset(&err, 0, sizeof(err));
	assert_int_equal(weir__host_device_open(&host, "weir0", netns, &err), 0);
	return host;
}

static struct weir__address address_of(const char *text)
{
	struct weir__address address = { 0 };

	assert_true(weir__ip_prefix_parse(text, &address.local, &address.bits));
	return address;
}

static struct weir__route route_of(const char *text)
{
	struct weir__route route = { 0 };

	assert_true(weir__ip_prefix_parse(text, &route.to, &route.bits));
	return route;
}

static void want_address(struct weir__wanted *wanted, const char *text)
{
	wanted->address[wanted->n_addresses++].address = address_of(text);
}

static void want_route(struct weir__wanted *wanted, const char *text)
{
	wanted->route[wanted->n_routes++] = route_of(text);
}

static void apply(struct weir__host_device *host, const struct weir__wanted *wanted)
{
	if (weir__host_device_apply(host, wanted, &err))
		fail_msg("%s", err.text);
}

static bool has_address(const char *text)
{
	return kernel_addresses("weir0", text).n == 1;
}

static bool has_route(const char *text)
{
	return kernel_routes("weir0", text) == 1;
}

/* What somebody else does to the device. */
static void others_add_address(const char *text)
{
	const struct weir__address address = address_of(text);
	struct weir__netlink netlink;

	assert_int_equal(weir__netlink_open(&netlink, NULL), 0);
	assert_int_equal(weir__address_add(&netlink, if_nametoindex("weir0"), &address, 0, NULL), 0);
	weir__netlink_close(&netlink);
}

static void others_add_route(const char *device, const char *text, uint32_t metric)
{
	struct weir__route route = route_of(text);
	struct weir__netlink netlink;

	route.metric = metric;
	assert_int_equal(weir__netlink_open(&netlink, NULL), 0);
	assert_int_equal(weir__route_add(&netlink, if_nametoindex(device), &route, 0, NULL), 0);
	weir__netlink_close(&netlink);
}

static void others_remove_route(const char *text)
{
	const struct weir__route route = route_of(text);
	struct weir__netlink netlink;

	assert_int_equal(weir__netlink_open(&netlink, NULL), 0);
	assert_int_equal(weir__route_remove(&netlink, if_nametoindex("weir0"), &route, 0, NULL), 0);
	weir__netlink_close(&netlink);
}

static struct weir__wanted a_lease(void)
{
	struct weir__wanted wanted = { .mtu = 1400 };

	want_address(&wanted, "192.168.30.10/24");
	want_address(&wanted, "fd00:30::10/64");
	want_route(&wanted, "0.0.0.0/0");
	want_route(&wanted, "10.64.0.0/10");
	want_route(&wanted, "fd00:64::/48");
	return wanted;
}

static void expect_lease(void)
{
	assert_true(has_address("192.168.30.10/24"));
	assert_true(has_address("fd00:30::10/64"));
	assert_true(has_route("192.168.30.0/24 via - metric 0 table 254"));
	assert_true(has_route("0.0.0.0/0 via - metric 0 table 254"));
	assert_true(has_route("10.64.0.0/10 via - metric 0 table 254"));
	assert_true(has_route("fd00:64::/48 via - metric 1024 table 254"));
	assert_int_equal(kernel_mtu("weir0"), 1400);
}

static void puts_it_there_and_takes_it_away(void **state)
{
	const struct weir__wanted wanted = a_lease();
	struct weir__host_device *host = open_host(NULL);
	struct device device;

	(void)state;
	device_must_open(&device, "t", .device = "weir0", .mtu = 1500);
	apply(host, &wanted);
	expect_lease();
	assert_int_equal(kernel_addresses("weir0", "fd00:30::10/64").tentative, 0);
	weir__host_device_close(host);
	assert_false(has_address("192.168.30.10/24"));
	assert_false(has_address("fd00:30::10/64"));
	assert_false(has_route("0.0.0.0/0 via - metric 0 table 254"));
	assert_false(has_route("10.64.0.0/10 via - metric 0 table 254"));
	assert_false(has_route("fd00:64::/48 via - metric 1024 table 254"));
	assert_int_equal(kernel_mtu("weir0"), 1500);
	device_close(&device);
}

static void others_lose_nothing(void **state)
{
	struct weir__wanted wanted = a_lease(), nothing = { 0 };
	struct weir__host_device *host = open_host(NULL);
	struct device device;

	(void)state;
	device_must_open(&device, "t", .device = "weir0", .ipv4 = WEIR_LIST("10.9.0.1/24"));
	others_add_address("fd00:30::10/64"); /* which the host wants too */
	others_add_route("weir0", "10.77.0.0/16", 0);
	others_add_route("weir0", "fd00:64::/48", 50);
	apply(host, &wanted);
	expect_lease();
	others_add_address("192.168.30.50/24"); /* after the host's, in its subnet */
	kernel_set_mtu("weir0", 1300);
	apply(host, &nothing);
	weir__host_device_close(host);
	assert_true(has_address("10.9.0.1/24"));
	assert_true(has_address("fd00:30::10/64"));
	assert_true(has_address("192.168.30.50/24"));
	assert_false(has_address("192.168.30.10/24"));
	assert_true(has_route("10.9.0.0/24 via - metric 0 table 254"));
	assert_true(has_route("192.168.30.0/24 via - metric 0 table 254"));
	assert_true(has_route("10.77.0.0/16 via - metric 0 table 254"));
	assert_true(has_route("fd00:64::/48 via - metric 50 table 254"));
	assert_false(has_route("fd00:64::/48 via - metric 1024 table 254"));
	assert_int_equal(kernel_mtu("weir0"), 1300);
	device_close(&device);
}

/* Another address of the same subnet, with all routes kept. */
static void changes(void **state)
{
	struct weir__wanted wanted = a_lease();
	struct weir__host_device *host = open_host(NULL);
	struct device device;

	(void)state;
	device_must_open(&device, "t", .device = "weir0");
	apply(host, &wanted);
	wanted.address[0].address = address_of("192.168.30.11/24");
	wanted.address[1].deprecated = true;
	wanted.route[1] = route_of("172.16.0.0/12");
	wanted.mtu = 1380;
	apply(host, &wanted);
	assert_false(has_address("192.168.30.10/24"));
	assert_true(has_address("192.168.30.11/24"));
	assert_int_equal(kernel_addresses("weir0", "fd00:30::10/64").deprecated, 1);
	assert_true(has_route("192.168.30.0/24 via - metric 0 table 254"));
	assert_true(has_route("0.0.0.0/0 via - metric 0 table 254"));
	assert_false(has_route("10.64.0.0/10 via - metric 0 table 254"));
	assert_true(has_route("172.16.0.0/12 via - metric 0 table 254"));
	assert_int_equal(kernel_mtu("weir0"), 1380);
	wanted.address[1].deprecated = false;
	apply(host, &wanted);
	assert_true(has_address("fd00:30::10/64"));
	assert_int_equal(kernel_addresses("weir0", "fd00:30::10/64").deprecated, 0);
	weir__host_device_close(host);
	device_close(&device);
}

/* The kernel tells everybody who listens of every change. */
static int listen_to_changes(void)
{
	const struct sockaddr_nl groups = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR |
			     RTMGRP_IPV6_ROUTE,
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&groups, sizeof(groups)), 0);
	return fd;
}

/* Counts until that address appears, which comes after all that the host has done. */
static unsigned changes_until(int fd, const char *text)
{
	uint8_t bytes[16384] __attribute__((aligned(8)));
	unsigned n = 0;

	others_add_address(text);
	for (;; n++) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)bytes;
		ssize_t size;

		device_wait(fd, POLLIN);
		size = recv(fd, bytes, sizeof(bytes), 0);
		assert_true(size > 0);
		/* Of IPv4, the kernel tells within the call. What IPv6 does later in its own time is no
		 * change of ours. */
		if (message->nlmsg_type == RTM_NEWADDR)
			return n;
	}
}

static void leaves_alone_what_is_the_same(void **state)
{
	const struct weir__wanted wanted = { .n_addresses = 1,
					     .address[0].address = address_of("192.168.30.10/24"),
					     .n_routes = 2,
					     .route = { route_of("0.0.0.0/0"), route_of("10.64.0.0/10") },
					     .mtu = 1400 };
	struct weir__host_device *host = open_host(NULL);
	struct device device;
	int fd;

	(void)state;
	device_must_open(&device, "t", .device = "weir0", .no_ipv6 = true);
	apply(host, &wanted);
	fd = listen_to_changes();
	apply(host, &wanted);
	assert_int_equal(changes_until(fd, "10.1.1.1/32"), 0);
	close(fd);
	weir__host_device_close(host);
	device_close(&device);
}

static void puts_back_what_was_lost(void **state)
{
	const struct weir__wanted wanted = a_lease();
	struct weir__host_device *host = open_host(NULL);
	struct device device;

	(void)state;
	device_must_open(&device, "t", .device = "weir0");
	apply(host, &wanted);
	others_remove_route("10.64.0.0/10");
	namespace_set_flag("weir0", IFF_UP, false);
	assert_false(has_route("0.0.0.0/0 via - metric 0 table 254"));
	namespace_set_flag("weir0", IFF_UP, true);
	apply(host, &wanted);
	expect_lease();
	weir__host_device_close(host);
	device_close(&device);
}

static void a_device_vanishes_and_returns(void **state)
{
	const struct weir__wanted wanted = a_lease();
	struct weir__host_device *host = open_host(NULL);
	struct device device;

	(void)state;
	assert_int_equal(weir__host_device_apply(host, &wanted, &err), -ENODEV);
	device_must_open(&device, "t", .device = "weir0");
	apply(host, &wanted);
	device_close(&device);
	assert_int_equal(weir__host_device_apply(host, &wanted, &err), -ENODEV);
	/* Another one has the name now, and what is there is somebody else's. */
	device_must_open(&device, "t", .device = "weir0", .ipv6 = WEIR_LIST("fd00:30::10/64"));
	apply(host, &wanted);
	expect_lease();
	device_close(&device);
	weir__host_device_close(host);
}

static void goes_on_after_an_error(void **state)
{
	struct weir__wanted wanted = a_lease();
	struct weir__host_device *host = open_host(NULL);
	struct device device;

	(void)state;
	device_must_open(&device, "t", .device = "weir0");
	others_add_route("lo", "10.64.0.0/10", 0);
	assert_int_equal(weir__host_device_apply(host, &wanted, &err), -EEXIST);
	assert_non_null(strstr(err.text, "route 10.64.0.0/10: File exists"));
	assert_true(has_route("fd00:64::/48 via - metric 1024 table 254"));
	assert_true(has_route("0.0.0.0/0 via - metric 0 table 254"));
	wanted.mtu = 1000; /* with which there is no IPv6 */
	memset(&err, 0, sizeof(err));
	assert_true(weir__host_device_apply(host, &wanted, &err) < 0);
	assert_non_null(strstr(err.text, "address fd00:30::10/64: "));
	assert_true(has_address("192.168.30.10/24"));
	assert_int_equal(kernel_mtu("weir0"), 1000);
	wanted = a_lease();
	wanted.route[1] = route_of("10.128.0.0/9");
	apply(host, &wanted);
	assert_true(has_address("fd00:30::10/64"));
	weir__host_device_close(host);
	device_close(&device);
}

static int open_namespace(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void works_in_another_namespace(void **state)
{
	const struct weir__wanted wanted = a_lease();
	const int here = open_namespace();
	struct weir__host_device *host;
	struct device device;
	char path[64];
	int there;

	(void)state;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	there = open_namespace();
	device_must_open(&device, "t", .device = "weir0");
	assert_int_equal(setns(here, CLONE_NEWNET), 0);
	assert_false(kernel_exists("weir0"));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", there);
	host = open_host(path);
	apply(host, &wanted);
	assert_int_equal(setns(there, CLONE_NEWNET), 0);
	expect_lease();
	assert_int_equal(setns(here, CLONE_NEWNET), 0);
	weir__host_device_close(host);
	assert_int_equal(setns(there, CLONE_NEWNET), 0);
	assert_false(has_address("192.168.30.10/24"));
	device_close(&device);
	assert_int_equal(setns(here, CLONE_NEWNET), 0);
	close(here);
	close(there);
}

static void refuses_what_cannot_be(void **state)
{
	struct weir__host_device *host;

	(void)state;
	assert_int_equal(weir__host_device_open(&host, "weir0", "/nowhere", &err), -ENOENT);
	assert_null(host);
	assert_int_equal(weir__host_device_open(&host, "weir0weir0weir0w", NULL, &err), -EINVAL);
	assert_null(host);
	weir__host_device_close(NULL);
}

/* --- a host that has a device */

struct told {
	unsigned n;       /* times in all */
	unsigned n_ready; /* times that all was done but what the device did not take */
};

static void take_status(void *context, const struct weir_host_status *status)
{
	struct told *told = context;
	const bool ready = status->n_addresses == 1 && status->address[0].state == WEIR_HOST_PREFERRED &&
			   status->device_error[0];

	__atomic_add_fetch(&told->n, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&told->n_ready, ready, __ATOMIC_RELEASE);
}

/* It is there later than the host, which tries again and again but says so once. */
static void a_device_comes_late(void **state)
{
	struct told told = { 0 };
	const struct weir_host_options options = { .mac = "02:00:00:00:00:01",
						   .ipv4 = WEIR_LIST("192.168.30.10/24"),
						   .no_ipv6 = true,
						   .device = "weir0",
						   .changed = take_status,
						   .context = &told };
	struct weir_host *host;
	struct device device;
	unsigned n;

	(void)state;
	assert_int_equal(weir_host_create(&host, &options, &err), 0);
	weir_host_carrier(host, true);
	wait_until(__atomic_load_n(&told.n_ready, __ATOMIC_ACQUIRE) > 0);
	n = __atomic_load_n(&told.n, __ATOMIC_RELAXED);
	nanosleep(&(struct timespec){ .tv_sec = 2, .tv_nsec = 200000000 }, NULL); /* for two trials */
	assert_int_equal(__atomic_load_n(&told.n, __ATOMIC_RELAXED), n);
	device_must_open(&device, "t", .device = "weir0");
	wait_until(has_address("192.168.30.10/24"));
	weir_host_destroy(host);
	assert_false(has_address("192.168.30.10/24"));
	device_close(&device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		device_test(puts_it_there_and_takes_it_away),
		device_test(others_lose_nothing),
		device_test(changes),
		device_test(leaves_alone_what_is_the_same),
		device_test(puts_back_what_was_lost),
		device_test(a_device_vanishes_and_returns),
		device_test(goes_on_after_an_error),
		device_test(works_in_another_namespace),
		device_test(refuses_what_cannot_be),
		device_test(a_device_comes_late),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
