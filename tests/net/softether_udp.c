/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UDP acceleration with a SoftEther server: frames go in datagrams as soon as these get through, and in the
 * TCP connections as soon as they do not any more. A TCP connection through the tunnel sees nothing of it.
 */
#include "namespace.h"

#include <dirent.h>
#include <linux/filter.h>

#include "address.h"
#include "load.h"
#include "softether_client.h"
#include "wait.h"

static struct softether server;
static struct site sites[2];
static struct softether_client clients[2];
static struct load *load;

/* A server for each test: one that met an error in a connection may take it for one of the next session's. */
static int make_sites(void **state)
{
	(void)state;
	server = (struct softether){ .address = "127.0.0.1", .port = 5555 };
	softether_start(&server);
	site_make(&sites[0]);
	site_make(&sites[1]);
	return 0;
}

static int free_clients(void **state)
{
	(void)state;
	for (unsigned side = 0; side < 2; side++) {
		softether_client_free(&clients[side]);
		site_close(&sites[side]);
	}
	softether_stop(&server);
	return 0;
}

/* --- the network between clients and server --- */

/* Lets a socket of this process take no datagrams any more, or take them again. */
static void cut_socket(int fd, bool cut)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog program = { .len = 1, .filter = &drop };
	const int none = 0;

	if (cut)
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
	else
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none)), 0);
}

static bool is_udp(int fd)
{
	int domain = 0, type = 0;
	socklen_t size = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
	       (domain == AF_INET || domain == AF_INET6) && type == SOCK_DGRAM;
}

/* The sockets of both sessions are the only ones for UDP that this process has. */
static void cut_udp(bool cut)
{
	DIR *directory = opendir("/proc/self/fd");
	const struct dirent *entry;
	unsigned n = 0;

	assert_non_null(directory);
	while ((entry = readdir(directory))) {
		const int fd = (int)strtol(entry->d_name, NULL, 10);

		if (entry->d_name[0] == '.' || !is_udp(fd))
			continue;
		cut_socket(fd, cut);
		n++;
	}
	closedir(directory);
	assert_int_equal(n, 2);
}

/* --- the sessions --- */

struct kind {
	const char *name;
	bool compress, clear;
};

static void start(const struct kind *kind)
{
	struct weir_softether sessions[2] = {
		softether_options(&server, "u1", "pw-one"),
		softether_options(&server, "u2", "pw-two"),
	};

	for (unsigned side = 0; side < 2; side++) {
		sessions[side].udp_acceleration = true;
		sessions[side].keepalive_ms = 1000;
		sessions[side].compress = kind->compress;
		sessions[side].clear_data = kind->clear;
		softether_client_start(&clients[side], &sites[side], side, &sessions[side]);
	}
	for (unsigned side = 0; side < 2; side++)
		softether_client_wait(&clients[side], 1);
	load = load_tcp(sites, AF_INET, 0);
}

/* No session noticed anything, but for datagrams. */
static void end(void)
{
	load_stop(load);
	for (unsigned side = 0; side < 2; side++) {
		softether_client_stop(&clients[side]);
		assert_int_equal(softether_client_count(&clients[side], "connects"), 1);
		assert_int_equal(softether_client_count(&clients[side], "failures"), 0);
		assert_int_equal(softether_client_count(&clients[side], "udp_unusable"), 0);
		softether_client_check_drops(&clients[side]);
	}
}

static uint64_t sent(unsigned side)
{
	return softether_client_count(&clients[side], "udp_sent");
}

static uint64_t received(unsigned side)
{
	return softether_client_count(&clients[side], "udp_received");
}

/* Waits until frames of both go both ways in datagrams. */
static void wait_for_datagrams(void)
{
	for (unsigned side = 0; side < 2; side++) {
		const uint64_t before_sent = sent(side), before_received = received(side);

		wait_until(sent(side) > before_sent + 100);
		wait_until(received(side) > before_received + 100);
	}
}

/* Waits until bytes come through, and none of them in a datagram. */
static bool went_without_datagrams(void)
{
	const uint64_t before = sent(0) + sent(1);

	load_wait(load);
	return sent(0) + sent(1) == before;
}

static void carries(void **state)
{
	start(*state);
	wait_for_datagrams();
	for (unsigned side = 0; side < 2; side++)
		assert_true(softether_client_says(&clients[side], &server, "UDP Acceleration is Active,Yes"));
	load_wait(load);
	end();
}

static void comes_and_goes(void **state)
{
	start(*state);
	wait_for_datagrams();
	cut_udp(true);
	wait_until(went_without_datagrams());
	cut_udp(false);
	wait_for_datagrams();
	load_wait(load);
	end();
}

/* Datagrams never get through: the sessions do not wait for them, nor try them when the trial would be over.
 */
static void is_not_needed(void **state)
{
	start(*state);
	cut_udp(true);
	wait_until(softether_client_count(&clients[0], "keepalives") > 15);
	load_wait(load);
	assert_int_equal(received(0) + received(1), 0);
	assert_int_equal(sent(0) + sent(1), 0);
	end();
}

int main(void)
{
	static struct kind kinds[] = {
		{ "ciphered" },
		{ "compressed", .compress = true },
		{ "clear", .clear = true },
		{ "clear_and_compressed", .compress = true, .clear = true },
	};
	const struct CMUnitTest tests[] = {
		{ "carries_ciphered", carries, make_sites, free_clients, &kinds[0] },
		{ "carries_compressed", carries, make_sites, free_clients, &kinds[1] },
		{ "carries_clear", carries, make_sites, free_clients, &kinds[2] },
		{ "carries_clear_and_compressed", carries, make_sites, free_clients, &kinds[3] },
		{ "comes_and_goes", comes_and_goes, make_sites, free_clients, &kinds[0] },
		{ "is_not_needed", is_not_needed, make_sites, free_clients, &kinds[0] },
	};

	namespace_enter();
	softether_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
