/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <weir/softether.h>
#include <weir/weir.h>

#include "weirclient.h"

static const char *const macs[SIDES] = { "02:00:00:00:00:01", "02:00:00:00:00:02" };

static int tell_password(void *context, char *secret, size_t size)
{
	const size_t n = strlen(SOFTETHER_PASSWORD);

	(void)context;
	memcpy(secret, SOFTETHER_PASSWORD, n < size ? n : size);
	return (int)n;
}

#define DEVICE(side, tap_)                                                                               \
	weir_tun("device", .device = rig_device(side), .tap = (tap_), .mac = (tap_) ? macs[side] : NULL, \
		 .ipv4 = WEIR_LIST(rig_prefix(side)), .mtu = RIG_MTU, .queue_length = RIG_QUEUE_LENGTH,  \
		 .no_ipv6 = true)
#define VPN(client)                                                                                     \
	weir_softether("vpn", .server = (client)->server, .port = SOFTETHER_PORT, .hub = (client)->hub, \
		       .user = SOFTETHER_USER, .password_ask = tell_password, .any_server = true,       \
		       .udp_acceleration = (client)->udp)

static void start_tap(const struct softether_client *client, const struct weir_worker *worker)
{
	const struct weir_config config = {
		.endpoints = { DEVICE(client->side, true), VPN(client) },
		.workers = { *worker },
		.chains = { { "out", .stages = { weir_read("device", .worker = "all"), weir_write("vpn") } },
			    { "in", .stages = { weir_read("vpn", .worker = "all"), weir_write("device") } } },
	};

	engine_start_config(&config);
}

static void start_tun(const struct softether_client *client, const struct weir_worker *worker)
{
	const enum side side = client->side, other = side == LEFT ? RIGHT : LEFT;
	const struct weir_config config = {
		.endpoints = { DEVICE(side, false), VPN(client) },
		.workers = { *worker },
		.chains = { { "out", .stages = { weir_read("device", .worker = "all"), weir_af_decap(),
						 weir_eth_wrap(.source = macs[side], .next_hop = macs[other]),
						 weir_write("vpn") } },
			    { "in", .stages = { weir_read("vpn", .worker = "all"), weir_eth_unwrap(),
						weir_af_encap(), weir_write("device") } } },
	};

	engine_start_config(&config);
}

void weirclient_start(const struct softether_client *client, bool tun, const struct placement *placement)
{
	const int cpu = placement->two[client->side];
	const struct weir_worker worker = {
		.name = "all", .cpu = cpu < 0 ? 0 : (unsigned)cpu, .unpinned = cpu < 0, .give_way = true
	};

	if (tun)
		start_tun(client, &worker);
	else
		start_tap(client, &worker);
}
