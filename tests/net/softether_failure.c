/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions with a SoftEther server that is killed, switched off and on, and changed, while a TCP connection
 * runs through two of them: they come back by themselves, it survives, and every packet is accounted for.
 */
#include "namespace.h"

#include <netinet/in.h>

#include "address.h"
#include "load.h"
#include "softether_client.h"
#include "wait.h"

static struct softether server;
static struct site sites[2];
static struct softether_client clients[2];
static struct load *load;

static int start_server(void **state)
{
	(void)state;
	server = (struct softether){ .address = "127.0.0.1", .port = 5555 };
	softether_start(&server);
	site_make(&sites[0]);
	site_make(&sites[1]);
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	for (unsigned side = 0; side < 2; side++) {
		softether_client_free(&clients[side]);
		site_close(&sites[side]);
	}
	if (server.pid)
		softether_stop(&server);
	return 0;
}

static void start(const struct weir_softether *like)
{
	struct weir_softether sessions[2] = {
		softether_options(&server, "u1", "pw-one"),
		softether_options(&server, "u2", "pw-two"),
	};

	for (unsigned side = 0; side < 2; side++) {
		sessions[side].connections = like->connections;
		sessions[side].clear_data = like->clear_data;
		sessions[side].hold = like->hold;
		softether_client_start(&clients[side], &sites[side], side, &sessions[side]);
	}
	softether_client_wait(&clients[0], 1);
	softether_client_wait(&clients[1], 1);
	load = load_tcp(sites, AF_INET, 0);
	load_wait(load);
}

/* Waits until the sessions, which were down for the n-th time, carry bytes again. */
static void come_back(unsigned n)
{
	softether_client_wait(&clients[0], n + 1);
	softether_client_wait(&clients[1], n + 1);
	load_wait(load);
}

static bool is_down(unsigned side)
{
	return !softether_client_is(&clients[side], WEIR_SESSION_UP);
}

static void end(uint64_t connects)
{
	load_stop(load);
	for (unsigned side = 0; side < 2; side++) {
		softether_client_stop(&clients[side]);
		assert_int_equal(softether_client_count(&clients[side], "connects"), connects);
		assert_int_equal(softether_client_all_dropped(&clients[side], "in/read"), 0);
		assert_int_equal(softether_client_dropped(&clients[side], "out/write", "down"),
				 softether_client_all_dropped(&clients[side], "out/write"));
	}
}

/* --- the server --- */

static void a_server_that_is_killed(void **state)
{
	(void)state;
	start(&(struct weir_softether){ .connections = 1 });
	for (unsigned i = 1; i <= 2; i++) {
		softether_kill(&server);
		wait_until(is_down(0) && is_down(1));
		softether_start(&server);
		come_back(i);
	}
	end(3);
}

static void a_server_that_is_stopped_while_packets_are_held(void **state)
{
	(void)state;
	start(&(struct weir_softether){ .connections = 4, .hold = 256 });
	softether_stop(&server);
	wait_until(is_down(0) && is_down(1));
	wait_until(softether_client_count(&clients[0], "held") &&
		   softether_client_count(&clients[1], "held"));
	softether_start(&server);
	come_back(1);
	end(2);
}

/* --- the hub --- */

static void a_hub_that_is_offline_for_a_while(void **state)
{
	(void)state;
	start(&(struct weir_softether){ .connections = 1 });
	softether_command(&server, "VPN", "Offline", NULL, 0);
	wait_until(is_down(0) && is_down(1));
	wait_until(softether_client_count(&clients[0], "failures") > 2); /* it tries, and is told so */
	softether_command(&server, "VPN", "Online", NULL, 0);
	come_back(1);
	end(2);
}

static void a_session_that_is_thrown_out(void **state)
{
	char command[256];

	(void)state;
	start(&(struct weir_softether){ .connections = 1 });
	for (unsigned side = 0; side < 2; side++) {
		snprintf(command, sizeof(command), "SessionDisconnect %s", clients[side].status.label);
		softether_command(&server, "VPN", command, NULL, 0);
		softether_client_wait(&clients[side], 2);
	}
	load_wait(load);
	end(2);
}

/* --- connections --- */

/* Whether it is a connection of this process to the server. */
static bool is_connection(int fd)
{
	struct sockaddr_in peer;
	socklen_t size = sizeof(peer);

	return getpeername(fd, (struct sockaddr *)&peer, &size) == 0 && peer.sin_family == AF_INET &&
	       peer.sin_port == htons(server.port);
}

/* Breaks connections, all or all but some: both sides find theirs reset, with no word before. */
static void break_connections(unsigned but)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };

	for (int fd = 3; fd < 1024; fd++) {
		if (!is_connection(fd))
			continue;
		if (but)
			but--;
		else
			assert_int_equal(connect(fd, &none, sizeof(none)), 0);
	}
}

static void connections_that_break(void **state)
{
	(void)state;
	start(&(struct weir_softether){ .connections = 1 });
	break_connections(0);
	come_back(1);
	end(2);
}

/* Without TLS the server lets the session be found again. */
static void a_session_that_is_found_again(void **state)
{
	(void)state;
	start(&(struct weir_softether){ .connections = 1, .clear_data = true });
	break_connections(0);
	come_back(1);
	assert_int_equal(softether_client_count(&clients[0], "reattached"), 1);
	assert_int_equal(softether_client_count(&clients[1], "reattached"), 1);
	end(2);
}

static uint64_t links_lost(void)
{
	return softether_client_count(&clients[0], "links_lost") +
	       softether_client_count(&clients[1], "links_lost");
}

static bool have_connections(const char *text)
{
	return softether_client_says(&clients[0], &server, text) &&
	       softether_client_says(&clients[1], &server, text);
}

static void one_connection_of_four_that_breaks(void **state)
{
	static const char four[] = "\nNumber of TCP Connections,4\n";

	(void)state;
	start(&(struct weir_softether){ .connections = 4, .clear_data = true });
	wait_until(have_connections(four));
	break_connections(7);
	wait_until(links_lost() == 1);
	load_wait(load);
	wait_until(have_connections(four));
	load_wait(load);
	end(1);
}

/* --- other options --- */

static void options_that_change(void **state)
{
	struct weir_softether session;
	struct weir_error err;

	(void)state;
	start(&(struct weir_softether){ .connections = 1 });
	session = clients[0].session;
	session.keepalive_ms = 100;
	if (weir_endpoint_configure(clients[0].pipeline, "vpn",
				    &(struct weir_endpoint){ &weir_softether_type, &session }, &err))
		fail_msg("%s", err.text);
	wait_until(softether_client_count(&clients[0], "keepalives") > 50);
	load_wait(load);
	assert_int_equal(softether_client_count(&clients[0], "connects"), 1);
	end(1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_server_that_is_killed, start_server, stop_server),
		cmocka_unit_test_setup_teardown(a_server_that_is_stopped_while_packets_are_held, start_server,
						stop_server),
		cmocka_unit_test_setup_teardown(a_hub_that_is_offline_for_a_while, start_server, stop_server),
		cmocka_unit_test_setup_teardown(a_session_that_is_thrown_out, start_server, stop_server),
		cmocka_unit_test_setup_teardown(connections_that_break, start_server, stop_server),
		cmocka_unit_test_setup_teardown(a_session_that_is_found_again, start_server, stop_server),
		cmocka_unit_test_setup_teardown(one_connection_of_four_that_breaks, start_server,
						stop_server),
		cmocka_unit_test_setup_teardown(options_that_change, start_server, stop_server),
	};

	namespace_enter();
	softether_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
