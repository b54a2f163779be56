/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <weir/weir.h>

#include "rig.h"

#define AWAIT_MS 5000

static const char *const device_names[SIDES] = { "left", "right" };
static const char *const prefixes[SIDES] = { "10.77.0.1/24", "10.77.0.2/24" };
static const uint32_t addresses[SIDES] = { 0x0a4d0001, 0x0a4d0002 };

const char *rig_device(enum side side)
{
	return device_names[side];
}

uint32_t rig_address(enum side side)
{
	return addresses[side];
}

const char *rig_prefix(enum side side)
{
	return prefixes[side];
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return written;
}

/* Namespaces need CAP_SYS_ADMIN, which the first process of a new user namespace has. */
static void become_root(void)
{
	char map[64];
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(CLONE_NEWUSER) != 0)
		give_up(BENCH_REFUSED,
			"cannot make a user namespace: %s: run as root, or allow them "
			"(user.max_user_namespaces, "
			"kernel.apparmor_restrict_unprivileged_userns)",
			strerror(errno));
	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (!write_file("/proc/self/uid_map", map))
		give_up(BENCH_REFUSED, "cannot map user %u into the user namespace: %s", uid,
			strerror(errno));
	snprintf(map, sizeof(map), "0 %u 1", gid);
	if (!write_file("/proc/self/gid_map", map))
		give_up(BENCH_REFUSED, "cannot map group %u into the user namespace: %s", gid,
			strerror(errno));
}

static void make_netns(struct rig *rig, enum side side)
{
	if (unshare(CLONE_NEWNET) != 0)
		give_up(BENCH_REFUSED, "cannot make a network namespace: %s: run as root", strerror(errno));
	rig->netns[side] = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	rig->counters[side] = open("/proc/thread-self/net/dev", O_RDONLY | O_CLOEXEC);
	if (rig->netns[side] < 0 || rig->counters[side] < 0)
		give_up(BENCH_REFUSED, "cannot read /proc/thread-self: %s: is /proc mounted?",
			strerror(errno));
	if (!write_file("/proc/sys/net/ipv4/tcp_no_metrics_save", "1"))
		fprintf(stderr, "warning: TCP remembers earlier connections: %s\n", strerror(errno));
	/* Nobody shall send but the traffic. Fails where there is no IPv6. */
	write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
}

/* With the settings that every forwarder shall find: what the device is made with stays when it is closed. */
static void make_device(enum side side)
{
	struct weir_tun options = {
		.name = device_names[side],
		.ipv4 = WEIR_LIST(prefixes[side]),
		.mtu = RIG_MTU,
		.queue_length = RIG_QUEUE_LENGTH,
		.no_offload = WEIR_OFFLOAD_ALL,
		.no_ipv6 = true, /* nobody shall send but the traffic */
		.persist = true,
	};
	struct weir_endpoint_info info = { .read_fd = -1 };
	static struct weir_error err;
	void *state = calloc(1, weir_tun_type.state_size);

	if (!state)
		give_up(BENCH_FAILED, "out of memory");
	if (weir_tun_type.check(&options, &info, &err) < 0 ||
	    weir_tun_type.open(state, &options, &info, &err) < 0)
		give_up(BENCH_REFUSED, "cannot make the device '%s': %s", device_names[side], err.text);
	weir_tun_type.close(state);
	free(state);
}

void rig_enter(const struct rig *rig, enum side side)
{
	if (setns(rig->netns[side], CLONE_NEWNET) != 0)
		give_up(BENCH_FAILED, "cannot enter the namespace of '%s': %s", device_names[side],
			strerror(errno));
}

void rig_make_namespaces(struct rig *rig)
{
	/* The first unshare tells whether this user may: root of a container may not. */
	if (unshare(CLONE_NEWNET) != 0)
		become_root();
	for (enum side side = LEFT; side < SIDES; side++)
		make_netns(rig, side);
}

void rig_make(struct rig *rig)
{
	rig_make_namespaces(rig);
	for (enum side side = LEFT; side < SIDES; side++) {
		rig_enter(rig, side);
		make_device(side);
	}
}

void rig_await_device(const struct rig *rig, enum side side)
{
	struct ethtool_value link = { .cmd = ETHTOOL_GLINK };
	struct ifreq request = { .ifr_data = (void *)&link };
	int fd;

	rig_enter(rig, side);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	memcpy(request.ifr_name, device_names[side], strlen(device_names[side]));
	for (unsigned ms = 0; ms < AWAIT_MS; ms++) {
		if (ioctl(fd, SIOCETHTOOL, &request) != 0)
			give_up(BENCH_FAILED, "cannot see whether '%s' is in use: %s", device_names[side],
				strerror(errno));
		if (!link.data)
			break;
		pause_ns(1000000);
	}
	close(fd);
}

/* The mask is the device's and outlives whoever set it, so it is always set. Before Linux 6.2 there was no
 * offload of UDP. */
static bool set_offload(int fd, bool offload)
{
	const unsigned long tcp = WEIR_OFFLOAD_CSUM | WEIR_OFFLOAD_TSO;

	if (!offload)
		return ioctl(fd, TUNSETOFFLOAD, 0ul) == 0;
	return ioctl(fd, TUNSETOFFLOAD, tcp | WEIR_OFFLOAD_USO) == 0 || ioctl(fd, TUNSETOFFLOAD, tcp) == 0;
}

int rig_attach(const struct rig *rig, enum side side, unsigned how)
{
	const bool offload = how & RIG_OFFLOAD;
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI | (offload ? IFF_VNET_HDR : 0) };
	int fd;

	rig_await_device(rig, side); /* and so in its namespace, which a descriptor belongs to */
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | (how & RIG_NONBLOCKING ? O_NONBLOCK : 0));
	memcpy(request.ifr_name, device_names[side], strlen(device_names[side]));
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) != 0 || !set_offload(fd, offload))
		give_up(BENCH_FAILED, "cannot attach to the device '%s': %s", device_names[side],
			strerror(errno));
	return fd;
}

void rig_read(const struct rig *rig, enum side side, struct rig_counters *counters)
{
	char text[4096];
	char format[160];
	const char *row;
	ssize_t n = pread(rig->counters[side], text, sizeof(text) - 1, 0);

	if (n < 0)
		give_up(BENCH_FAILED, "cannot read the counters of '%s': %s", device_names[side],
			strerror(errno));
	text[n] = '\0';
	snprintf(format, sizeof(format), "%s:", device_names[side]);
	row = strstr(text, format);
	/* Eight columns of what the kernel received, which is what a forwarder wrote; then what it
	 * transmitted. */
	if (!row || sscanf(row + strlen(format),
			   "%*u %" SCNu64 " %*u %*u %*u %*u %*u %*u %*u %" SCNu64 " %*u %" SCNu64,
			   &counters->from_forwarder, &counters->to_forwarder, &counters->dropped) != 3)
		give_up(BENCH_FAILED, "'%s' is not in /proc/net/dev", device_names[side]);
}
