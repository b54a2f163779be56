/* SPDX-License-Identifier: Apache-2.0 */
/* Two sites in one hub of a SoftEther server: what one sends comes to the other, byte for byte, in every way
 * in which sessions can carry it. */
#include "namespace.h"

#include "address.h"
#include "ping.h"
#include "softether_client.h"
#include "stream.h"
#include "wait.h"

#define BULK (8 << 20) /* bytes each way, over all connections */

/* A row of the tests: how both sessions carry frames. */
struct kind {
	const char *name;
	unsigned connections;
	bool half_duplex, compress, clear;
};

static struct softether server;
static struct site sites[2];
static struct softether_client clients[2];

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

static void start(const struct kind *kind)
{
	struct weir_softether sessions[2] = {
		softether_options(&server, "u1", "pw-one"),
		softether_options(&server, "u2", "pw-two"),
	};

	for (unsigned side = 0; side < 2; side++) {
		sessions[side].connections = kind->connections;
		sessions[side].half_duplex = kind->half_duplex;
		sessions[side].compress = kind->compress;
		sessions[side].clear_data = kind->clear;
		softether_client_start(&clients[side], &sites[side], side, &sessions[side]);
	}
	softether_client_wait(&clients[0], 1);
	softether_client_wait(&clients[1], 1);
}

static bool has_connections(const struct softether_client *client, unsigned n)
{
	char row[64];

	snprintf(row, sizeof(row), "\nNumber of TCP Connections,%u\n", n);
	return softether_client_says(client, &server, row);
}

/* The server sees it so, too. */
static void check(const struct softether_client *client, const struct kind *kind)
{
	assert_int_equal(softether_client_says(client, &server, "Half Duplex TCP Connection Mode,Yes"),
			 kind->half_duplex);
	assert_int_equal(softether_client_says(client, &server, "Use of Compression,Yes"), kind->compress);
	assert_int_equal(softether_client_says(client, &server, "Encryption,Disabled"), kind->clear);
	wait_until(has_connections(client, kind->connections));
}

static void end(struct softether_client *client)
{
	softether_client_stop(client);
	softether_client_check_drops(client);
	assert_int_equal(softether_client_count(client, "connects"), 1);
	assert_int_equal(softether_client_count(client, "failures"), 0);
}

static void carries(void **state)
{
	const struct kind *kind = *state;
	struct stream streams[2];

	start(kind);
	check(&clients[0], kind);
	check(&clients[1], kind);
	for (unsigned i = 0; i < countof(streams); i++)
		stream_open(&streams[i], sites, AF_INET, 0, (uint16_t)(5000 + 10 * i),
			    BULK / countof(streams));
	stream_run(streams, countof(streams));
	for (unsigned i = 0; i < countof(streams); i++)
		stream_close(&streams[i]);
	end(&clients[0]);
	end(&clients[1]);
}

int main(void)
{
	static struct kind kinds[] = {
		{ "one_connection", 1 },
		{ "four_connections", 4 },
		{ "half_duplex", 4, .half_duplex = true },
		{ "compressed", 1, .compress = true },
		{ "compressed_in_four_connections", 4, .compress = true },
		{ "clear", 1, .clear = true },
		{ "clear_and_compressed_and_half_duplex", 2, true, true, true },
	};
	struct CMUnitTest tests[countof(kinds)];

	for (unsigned i = 0; i < countof(kinds); i++)
		tests[i] = (struct CMUnitTest){ kinds[i].name, carries, make_sites, free_clients, &kinds[i] };
	namespace_enter();
	softether_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
