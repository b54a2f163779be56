/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network namespace for the process and all it makes, so that a test touches no network of the machine and
 * leaves nothing behind, even when it is killed. With root or without: then in a user namespace too.
 */
#ifndef WEIR_TEST_NAMESPACE_H
#define WEIR_TEST_NAMESPACE_H

#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test.h"

#define NAMESPACE_SKIP 77 /* what meson takes for "skipped" */

static inline void namespace_skip(const char *what)
{
	printf("skipped: %s: %s\n", what, strerror(errno));
	exit(NAMESPACE_SKIP);
}

static inline void namespace_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		namespace_skip(path);
	close(fd);
}

/* Every user stays who he is, with all capabilities inside. */
static inline void namespace_enter_as_user(void)
{
	char uids[32], gids[32];

	snprintf(uids, sizeof(uids), "%u %u 1", getuid(), getuid());
	snprintf(gids, sizeof(gids), "%u %u 1", getgid(), getgid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		namespace_skip("user namespace");
	namespace_write("/proc/self/uid_map", uids);
	namespace_write("/proc/self/setgroups", "deny");
	namespace_write("/proc/self/gid_map", gids);
}

static inline void namespace_set_flag(const char *device, short flag, bool on)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { 0 };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &request), 0);
	request.ifr_flags = (short)(on ? request.ifr_flags | flag : request.ifr_flags & ~flag);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
	close(fd);
}

/* For what this process will run: somebody who is not root loses what the user namespace gave when he runs a
 * program, unless he says so. */
static inline void namespace_keep_capabilities(void)
{
	static const int kept[] = { CAP_NET_ADMIN, CAP_SYS_ADMIN };
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	syscall(SYS_capget, &header, data);
	for (unsigned i = 0; i < countof(data); i++)
		data[i].inheritable = data[i].permitted;
	syscall(SYS_capset, &header, data);
	for (unsigned i = 0; i < countof(kept); i++)
		prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept[i], 0, 0);
}

/* Called first of all in main(). */
static inline void namespace_enter(void)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		namespace_skip("/dev/net/tun");
	close(fd);
	if (geteuid() != 0)
		namespace_enter_as_user();
	else if (unshare(CLONE_NEWNET))
		namespace_skip("network namespace");
	namespace_set_flag("lo", IFF_UP, true);
}

#endif
