/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SoftEther server on another machine, as it were: in a namespace of its own, behind a network with an MTU
 * of 1500. The hub is bridged to a TAP device there, by the server itself.
 */
#include "namespace.h"

#include "address.h"
#include "kernel.h"
#include "load.h"
#include "ping.h"
#include "softether_client.h"
#include "wait.h"

static struct site sites[2]; /* of the client, and of the server */
static struct softether server;
static struct softether_client client;
static struct load *load;

/* In the caller's namespace. */
static void set_address(const char *device, const char *address)
{
	struct ifreq request = { 0 };
	struct sockaddr_in *in = (struct sockaddr_in *)&request.ifr_addr;

	in->sin_family = AF_INET;
	assert_int_equal(inet_pton(AF_INET, address, &in->sin_addr), 1);
	assert_int_equal(kernel_ioctl(device, SIOCSIFADDR, &request), 0);
	in->sin_addr.s_addr = htonl(0xffffff00);
	assert_int_equal(kernel_ioctl(device, SIOCSIFNETMASK, &request), 0);
	namespace_set_flag(device, IFF_UP, true);
}

static bool exists(const char *device)
{
	bool found;

	site_enter(&sites[1]);
	found = kernel_exists(device);
	site_leave();
	return found;
}

static int start_server(void **state)
{
	(void)state;
	site_make(&sites[0]);
	site_make(&sites[1]);
	assert_int_equal(kernel_make_veth("net0", sites[1].fd, "net1"), 0);
	set_address("net0", "10.8.0.1");
	site_enter(&sites[1]);
	set_address("net1", "10.8.0.2");
	site_leave();
	server = (struct softether){ .address = "10.8.0.2", .port = 5555, .site = &sites[1] };
	softether_start(&server);
	softether_command(&server, NULL, "BridgeCreate VPN /DEVICE:hub /TAP:yes", NULL, 0);
	wait_until(exists("tap_hub"));
	site_enter(&sites[1]);
	set_address("tap_hub", ADDRESS_IPV4(0, 1));
	site_leave();
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	softether_client_free(&client);
	softether_stop(&server);
	assert_int_equal(kernel_delete("net0"), 0);
	site_close(&sites[0]);
	site_close(&sites[1]);
	return 0;
}

static void start(bool udp, unsigned connections)
{
	struct weir_softether session = softether_options(&server, "u1", "pw-one");

	session.udp_acceleration = udp;
	session.connections = connections;
	softether_client_start(&client, &sites[0], 0, &session);
	softether_client_wait(&client, 1);
	/* The bridge may not have the new device yet. */
	load = load_tcp(sites, AF_INET, 0);
	load_wait(load);
}

static void end(void)
{
	load_wait(load);
	for (unsigned size = 0; size <= 1472; size += 368)
		ping(&sites[0], AF_INET, ADDRESS_IPV4(0, 1), size);
	load_stop(load);
	softether_client_stop(&client);
	assert_int_equal(softether_client_count(&client, "connects"), 1);
	softether_client_check_drops(&client);
}

static void a_bridge_of_the_server(void **state)
{
	(void)state;
	start(false, 2);
	/* Not as one of the same machine, which may do more. */
	assert_true(softether_client_says(&client, &server, "Bridge / Router Mode,No"));
	end();
}

/* What does not go through this network in one piece with all that is around it goes by TCP. */
static void datagrams_that_fit(void **state)
{
	(void)state;
	start(true, 1);
	wait_until(softether_client_count(&client, "udp_sent") > 100);
	wait_until(softether_client_count(&client, "udp_received") > 100);
	end();
	assert_true(softether_client_moved(&client, "out/write") >
		    softether_client_count(&client, "udp_sent") + 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_bridge_of_the_server, start_server, stop_server),
		cmocka_unit_test_setup_teardown(datagrams_that_fit, start_server, stop_server),
	};

	if (geteuid() != 0) {
		errno = EPERM;
		namespace_skip("a bridge of the server's, which it makes as root alone");
	}
	namespace_enter();
	softether_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
