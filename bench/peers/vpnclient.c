/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"
#include "vpnclient.h"

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

static void run(const void *client_)
{
	const struct softether_client *client = client_;
	const char *device = rig_device(client->side);
	FILE *file = softether_create("vpn_client.config");

	fprintf(file, account, device, client->server, client->hub, client->udp ? "false" : "true",
		SOFTETHER_PORT, device, client->side + 1);
	softether_exec(file, "vpnclient");
}

void vpnclient_start(struct process *process, const struct rig *rig, const struct softether_client *client)
{
	rig_enter(rig, client->side);
	process_start(process, run, client);
}

void vpnclient_set_up(const struct rig *rig, enum side side)
{
	const char *device = rig_device(side);

	command_run(rig, side,
		    "i=0; until ip link set vpn_%s down 2>/dev/null; do i=$((i+1)); "
		    "[ $i -lt 300 ] && sleep 0.1 || exit 1; done",
		    device);
	command_run(rig, side, "ip link set vpn_%s name %s mtu %d txqueuelen %d", device, device, RIG_MTU,
		    RIG_QUEUE_LENGTH);
	command_run(rig, side, "ip address add %s dev %s", rig_prefix(side), device);
	command_run(rig, side, "ip link set %s up", device);
}
