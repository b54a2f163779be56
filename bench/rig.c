/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"

static const char *const device_names[SIDES] = { "left", "right" };
static const uint32_t addresses[SIDES] = { 0x0a4d0001, 0x0a4d0002 }; /* 10.77.0.1 and .2 */

const char *rig_device(enum side side)
{
	return device_names[side];
}

uint32_t rig_address(enum side side)
{
	return addresses[side];
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
	/* Neither the kernel's own IPv6 packets nor what TCP remembers of an earlier connection shall
	 * disturb. */
	if (access("/proc/sys/net/ipv6", F_OK) == 0 &&
	    (!write_file("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1") ||
	     !write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1")))
		fprintf(stderr, "warning: cannot turn IPv6 off: %s\n", strerror(errno));
	if (!write_file("/proc/sys/net/ipv4/tcp_no_metrics_save", "1"))
		fprintf(stderr, "warning: TCP remembers earlier connections: %s\n", strerror(errno));
}

static int attach(enum side side, bool nonblocking)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | (nonblocking ? O_NONBLOCK : 0));

	if (fd < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO))
		give_up(BENCH_REFUSED,
			"cannot open /dev/net/tun: %s: load the module (modprobe tun) or give the "
			"container the device (--device /dev/net/tun)",
			strerror(errno));
	if (fd < 0)
		give_up(BENCH_REFUSED,
			"cannot open /dev/net/tun: %s: run as root, or let this user open it "
			"(chmod 666 /dev/net/tun)",
			strerror(errno));
	memcpy(request.ifr_name, device_names[side], strlen(device_names[side]));
	if (ioctl(fd, TUNSETIFF, &request) != 0)
		give_up(BENCH_REFUSED, "cannot make or attach the device '%s': %s", device_names[side],
			strerror(errno));
	return fd;
}

static void request_or_give_up(int fd, unsigned long code, struct ifreq *request, const char *what)
{
	if (ioctl(fd, code, request) != 0)
		give_up(BENCH_FAILED, "cannot set the %s of '%s': %s", what, request->ifr_name,
			strerror(errno));
}

static void set_address(int fd, struct ifreq *request, unsigned long code, uint32_t address, const char *what)
{
	const struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(address) };

	memcpy(&request->ifr_addr, &in, sizeof(in));
	request_or_give_up(fd, code, request, what);
}

static void make_device(enum side side)
{
	struct ifreq request = { 0 };
	int device = attach(side, false);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(device, TUNSETPERSIST, 1ul) != 0)
		give_up(BENCH_FAILED, "cannot keep the device '%s': %s", device_names[side], strerror(errno));
	memcpy(request.ifr_name, device_names[side], strlen(device_names[side]));
	set_address(fd, &request, SIOCSIFADDR, addresses[side], "address");
	set_address(fd, &request, SIOCSIFNETMASK, ~0u << (32 - RIG_PREFIX), "netmask");
	request.ifr_mtu = RIG_MTU;
	request_or_give_up(fd, SIOCSIFMTU, &request, "MTU");
	request.ifr_qlen = RIG_QUEUE_LENGTH;
	request_or_give_up(fd, SIOCSIFTXQLEN, &request, "queue length");
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	request_or_give_up(fd, SIOCSIFFLAGS, &request, "flags");
	close(fd);
	close(device);
}

void rig_make(struct rig *rig)
{
	/* The first unshare tells whether this user may: root of a container may not. */
	if (unshare(CLONE_NEWNET) != 0)
		become_root();
	for (enum side side = LEFT; side < SIDES; side++) {
		make_netns(rig, side);
		make_device(side);
	}
}

void rig_enter(const struct rig *rig, enum side side)
{
	if (setns(rig->netns[side], CLONE_NEWNET) != 0)
		give_up(BENCH_FAILED, "cannot enter the namespace of '%s': %s", device_names[side],
			strerror(errno));
}

int rig_attach(const struct rig *rig, enum side side, bool nonblocking)
{
	rig_enter(rig, side);
	return attach(side, nonblocking);
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
