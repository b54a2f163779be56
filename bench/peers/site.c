/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "links.h"
#include "site.h"
#include "traffic.h"

#define PATIENCE_NS 60000000000u
#define LOOK_NS     100000000u
#define PROBES      100

/* --- the namespaces ---------------------------------------------------------------------------------------
 */

/* The server's device of the pair. */
static void name_device(const struct site *site, enum side side, char name[16])
{
	snprintf(name, 16, "site%u.%u", site->index, side);
}

static void make_pair(struct site *site, const struct softether *server, enum side side)
{
	const unsigned network = site->index * SIDES + side;
	char name[16];

	name_device(site, side, name);
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
	snprintf(site->server[side], sizeof(site->server[side]), "10.78.%u.1", network);
}

/* --- its own client ---------------------------------------------------------------------------------------
 */

/* With everything as it comes but for one TCP connection, which is faster than several, and the shortest
 * pause before it connects again that it takes. */
static const char account[] =
	"# Software Configuration File\n"
	"declare root\n{\n"
	"declare AccountDatabase\n{\ndeclare Account0\n{\n"
	"bool StartupAccount true\n"
	"declare ClientAuth\n{\n"
	"uint AuthType 1\nbyte HashedPassword " SOFTETHER_HASH "\nstring Username " SOFTETHER_USER "\n}\n"
	"declare ClientOption\n{\n"
	"string AccountName account\n"
	"string DeviceName %s\n"
	"string Hostname %s\n"
	"string HubName %s\n"
	"uint MaxConnection 1\n"
	"bool DisableQoS true\n"
	"bool NoRoutingTracking true\n"
	"bool NoUdpAcceleration %s\n"
	"uint NumRetry 4294967295\n"
	"uint Port %u\n"
	"uint RetryInterval 5\n"
	"bool UseEncrypt true\n}\n}\n}\n"
	"declare ClientManagerSetting\n{\n}\n"
	"declare CommonProxySetting\n{\n}\n"
	"declare Config\n{\nbool UseKeepConnect false\n}\n"
	"declare RootCA\n{\n}\n"
	"declare UnixVLan\n{\ndeclare %s\n{\nbool Enabled true\nstring MacAddress 02-00-00-00-00-0%u\n}\n}\n"
	"}\n";

struct end {
	const struct site *site;
	enum side side;
};

static void run_vpnclient(const void *end_)
{
	const struct end *end = end_;
	const struct site *site = end->site;
	const char *device = rig_device(end->side);
	FILE *file = softether_create("vpn_client.config");

	fprintf(file, account, device, site->server[end->side], site->hub, site->udp ? "false" : "true",
		SOFTETHER_PORT, device, end->side + 1);
	softether_exec(file, "vpnclient");
}

/* Makes of its device that of the rig. */
static void set_up_device(const struct site *site, enum side side)
{
	const char *device = rig_device(side);

	command_run(&site->rig, side,
		    "i=0; until ip link set vpn_%s down 2>/dev/null; do i=$((i+1)); "
		    "[ $i -lt 300 ] && sleep 0.1 || exit 1; done",
		    device);
	command_run(&site->rig, side, "ip link set vpn_%s name %s mtu %d txqueuelen %d", device, device,
		    RIG_MTU, RIG_QUEUE_LENGTH);
	command_run(&site->rig, side, "ip address add %s dev %s", rig_prefix(side), device);
	command_run(&site->rig, side, "ip link set %s up", device);
}

static void start_vpnclient(struct site *site, enum side side)
{
	const struct end end = { site, side };

	rig_enter(&site->rig, side);
	process_start(&site->client[side], run_vpnclient, &end);
}

/* --- both -------------------------------------------------------------------------------------------------
 */

void site_make(struct site *site, const struct softether *server, unsigned index)
{
	site->index = index;
	snprintf(site->hub, sizeof(site->hub), "hub%u", index);
	rig_make_namespaces(&site->rig);
	for (enum side side = LEFT; side < SIDES; side++) {
		make_pair(site, server, side);
		start_vpnclient(site, side);
	}
	for (enum side side = LEFT; side < SIDES; side++)
		set_up_device(site, side);
}

uint64_t site_cpu_ns(const struct rig *rig)
{
	const struct site *site = (const struct site *)rig;
	uint64_t sum = 0;

	for (enum side side = LEFT; side < SIDES; side++)
		sum += clock_ns(site->client[side].clock);
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
			give_up(BENCH_FAILED, "%s: no packet passes%s", site->hub,
				site->udp ? " by UDP" : "");
		pause_ns(LOOK_NS);
	}
}

void site_end(struct site *site)
{
	for (enum side side = LEFT; side < SIDES; side++)
		process_kill(&site->client[side]);
}
