/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "command.h"
#include "links.h"
#include "site.h"
#include "traffic.h"
#include "weirclient.h"

#define PATIENCE_NS 60000000000u
#define LOOK_NS     100000000u
#define PROBES      100

static void make_pair(const struct site *site, const struct softether *server, enum side side,
		      unsigned network)
{
	char name[16]; /* of the server's device */

	snprintf(name, sizeof(name), "client%u", network);
	command_run(&site->rig, side, "ip link add under type veth peer name %s netns /proc/%d/fd/%d", name,
		    (int)getpid(), server->rig.netns[LEFT]);
	if (site->plain) {
		command_run(&site->rig, side, "ethtool -K under " LINKS_NO_OFFLOADS);
		command_run(&server->rig, LEFT, "ethtool -K %s " LINKS_NO_OFFLOADS, name);
	}
	command_run(&server->rig, LEFT, "ip address add 10.78.%u.1/24 dev %s", network, name);
	command_run(&server->rig, LEFT, "ip link set %s up", name);
	command_run(&site->rig, side, "ip address add 10.78.%u.2/24 dev under", network);
	command_run(&site->rig, side, "ip link set under up");
}

static void start_weir(const struct rig *rig, const struct placement *placement, enum side side)
{
	const struct site *site = (const struct site *)rig;

	rig_enter(rig, side);
	weirclient_start(&site->client[side], site->kind == SITE_WEIR_TUN, placement);
}

static void start_weir_left(const struct rig *rig, const struct placement *placement)
{
	start_weir(rig, placement, LEFT);
}

static void start_weir_right(const struct rig *rig, const struct placement *placement)
{
	start_weir(rig, placement, RIGHT);
}

static const struct mode weir[SIDES] = {
	{ .name = "Weir, left", .start = start_weir_left, .stop = engine_stop },
	{ .name = "Weir, right", .start = start_weir_right, .stop = engine_stop },
};

static void make_client(struct site *site, const struct softether *server, enum side side, unsigned hub,
			const struct placement *placement)
{
	const unsigned network = hub * SIDES + side;
	struct softether_client *client = &site->client[side];

	*client = (struct softether_client){ .side = side, .udp = site->udp };
	snprintf(client->server, sizeof(client->server), "10.78.%u.1", network);
	snprintf(client->hub, sizeof(client->hub), "hub%u", hub);
	make_pair(site, server, side, network);
	if (site->kind == SITE_VPNCLIENT)
		vpnclient_start(&site->vpnclient[side], &site->rig, client);
	else
		forwarder_start(&site->weir[side], &weir[side], &site->rig, placement);
}

void site_make(struct site *site, const struct softether *server, unsigned hub,
	       const struct placement *placement)
{
	rig_make_namespaces(&site->rig);
	for (enum side side = LEFT; side < SIDES; side++)
		make_client(site, server, side, hub, placement);
	for (enum side side = LEFT; site->kind == SITE_VPNCLIENT && side < SIDES; side++)
		vpnclient_set_up(&site->rig, side);
}

uint64_t site_cpu_ns(const struct rig *rig)
{
	const struct site *site = (const struct site *)rig;
	uint64_t sum = 0;

	for (enum side side = LEFT; side < SIDES; side++)
		sum += site->kind == SITE_VPNCLIENT ? clock_ns(site->vpnclient[side].clock)
						    : forwarder_cpu_ns(&site->weir[side]);
	return sum;
}

/* What comes to the other side of some datagrams, within a moment. */
static unsigned probe(const struct site *site)
{
	struct pollfd polled = { .events = POLLIN };
	unsigned came = 0;
	char byte = 0;
	int left;

	traffic_udp_pair(&site->rig, 0, &left, &polled.fd);
	for (unsigned i = 0; i < PROBES; i++)
		send(left, &byte, 1, MSG_DONTWAIT);
	while (came < PROBES && poll(&polled, 1, LOOK_NS / 1000000) == 1 &&
	       recv(polled.fd, &byte, 1, MSG_DONTWAIT) == 1)
		came++;
	close(left);
	close(polled.fd);
	return came;
}

bool site_goes_by_udp(const struct site *site, const struct softether *server)
{
	const uint64_t before = softether_datagrams(server);
	const unsigned came = probe(site);

	/* Others' keepalives are among them. */
	return came > PROBES / 2 && softether_datagrams(server) - before >= came;
}

void site_await(const struct site *site, const struct softether *server)
{
	const uint64_t end = now_ns() + PATIENCE_NS;

	while (!probe(site) || (site->udp && !site_goes_by_udp(site, server))) {
		if (now_ns() > end)
			give_up(BENCH_FAILED, "%s: no packet passes%s", site->client[LEFT].hub,
				site->udp ? " by UDP" : "");
		pause_ns(LOOK_NS);
	}
}

static void end_weir(struct forwarder *forwarder, struct conservation *sum)
{
	struct forwarder_report report;

	forwarder_stop(forwarder, &report);
	suite_sum_up(sum, &report);
}

void site_end(struct site *site, struct conservation *sum)
{
	for (enum side side = LEFT; side < SIDES; side++)
		if (site->kind == SITE_VPNCLIENT)
			process_kill(&site->vpnclient[side]);
		else
			end_weir(&site->weir[side], sum);
}
