/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "softether.h"

#define LOOK_NS     1000000u
#define PATIENCE_NS 20000000000u

/* What it would tell to and ask of the world is turned off. */
static const char server_head[] =
	"# Software Configuration File\n"
	"declare root\n{\n"
	"declare DDnsClient\n{\nbool Disabled true\n}\n"
	"declare ListenerList\n{\ndeclare Listener0\n{\nbool Enabled true\nuint Port %u\n}\n}\n"
	"declare ServerConfiguration\n{\n"
	"bool DisableDosProtection true\n"
	"bool DisableGetHostNameWhenAcceptTcp true\n"
	"bool DisableIPv6Listener true\n"
	"bool DisableNatTraversal true\n"
	"bool DontBackupConfig true\n"
	"bool EnableVpnAzure false\n"
	"bool NoDebugDump true\n"
	"bool NoHighPriorityProcess true\n"
	"string PortsUDP $\n"
	"}\n"
	"declare VirtualHUB\n{\n";

static const char server_hub[] =
	"declare hub%u\n{\nbool Online true\n"
	"declare SecurityAccountDatabase\n{\ndeclare UserList\n{\ndeclare " SOFTETHER_USER "\n{\n"
	"uint AuthType 1\nbyte AuthPassword " SOFTETHER_HASH "\n}\n}\n}\n}\n";

FILE *softether_create(const char *name)
{
	static const char *const directories[] = { "/var/lib/softether", "/var/log/softether",
						   "/run/softether" };
	char path[64];
	FILE *file;

	for (unsigned i = 0; i < countof(directories); i++)
		mkdir(directories[i], 0755);
	snprintf(path, sizeof(path), "%s/%s", directories[0], name);
	file = fopen(path, "we");
	if (!file)
		give_up(BENCH_FAILED, "cannot create %s: %s", path, strerror(errno));
	return file;
}

void softether_exec(FILE *file, const char *name)
{
	if (fclose(file) != 0)
		give_up(BENCH_FAILED, "cannot write a configuration: %s", strerror(errno));
	execlp(name, name, "start", "--foreground", NULL);
	give_up(BENCH_REFUSED, "cannot run %s: %s", name, strerror(errno));
}

static void run(const void *server_)
{
	const struct softether *server = server_;
	FILE *file = softether_create("vpn_server.config");

	fprintf(file, server_head, SOFTETHER_PORT);
	for (unsigned i = 0; i < server->sites; i++)
		fprintf(file, server_hub, i);
	fputs("}\n}\n", file);
	softether_exec(file, "vpnserver");
}

static bool listens(const struct softether *server)
{
	const struct sockaddr_in address = { .sin_family = AF_INET,
					     .sin_port = htons(SOFTETHER_PORT),
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	bool connected;
	int fd;

	rig_enter(&server->rig, LEFT);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	connected = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
	close(fd);
	return connected;
}

void softether_start(struct softether *server)
{
	const uint64_t end = now_ns() + PATIENCE_NS;

	rig_enter(&server->rig, LEFT);
	process_start(&server->process, run, server);
	while (!listens(server)) {
		if (now_ns() > end)
			give_up(BENCH_REFUSED, "vpnserver does not listen");
		pause_ns(LOOK_NS);
	}
}

void softether_kill(struct softether *server)
{
	process_kill(&server->process);
}

void softether_make(struct softether *server, unsigned sites)
{
	rig_make_namespaces(&server->rig);
	server->sites = sites;
	command_run(&server->rig, LEFT, "ip link set lo up");
	softether_start(server);
}

uint64_t softether_datagrams(const struct softether *server)
{
	FILE *file;
	char line[512];
	uint64_t sent = 0;
	bool found = false;

	rig_enter(&server->rig, LEFT);
	file = fopen("/proc/thread-self/net/snmp", "re");
	/* The first line that fits has the numbers. */
	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "Udp: %*u %*u %*u %" SCNu64, &sent) == 1;
	if (!found)
		give_up(BENCH_FAILED, "cannot read /proc/thread-self/net/snmp");
	fclose(file);
	return sent;
}
