/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "netns.h"
#include "tun.h"

struct ipv6_switch {
	char path[96];
	bool disable;
	bool changed; /* out */
	int error;    /* out: 0 or a negative errno */
};

static int write_switch(const struct ipv6_switch *order)
{
	int fd = open(order->path, O_WRONLY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, order->disable ? "1" : "0", 1) != 1)
		rc = -errno;
	close(fd);
	return rc;
}

/*
 * Runs in the device's namespace: /proc/sys/net is that of the thread. It writes only what differs, because
 * containers often have no IPv6 and a /proc/sys that is read-only.
 */
static int switch_ipv6(void *data)
{
	struct ipv6_switch *order = data;
	int fd = open(order->path, O_RDONLY | O_CLOEXEC);
	char now;

	if (fd < 0) {
		/* A device without IPv6 has no such file. */
		order->error = errno == ENOENT && access("/proc/sys/net", F_OK) == 0 ? 0 : -errno;
		return 0;
	}
	if (read(fd, &now, 1) != 1)
		order->error = -EIO;
	else if ((now != '0') != order->disable)
		order->error = write_switch(order);
	order->changed = order->error == 0 && (now != '0') != order->disable;
	close(fd);
	return 0;
}

/*
 * By sysctl and not by IFLA_INET6_ADDR_GEN_MODE, with which a TAP still takes an address from any router
 * advertisement that comes out of the tunnel.
 */
int weir__tun_disable_ipv6(struct weir__tun *tun, bool disable, struct weir_error *err)
{
	struct ipv6_switch order = { .disable = disable };
	struct weir__link link;
	int rc = weir__link_read(&tun->netlink, tun->index, &link, err);

	if (rc)
		return rc;
	snprintf(order.path, sizeof(order.path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", link.name);
	rc = weir__netns_run(tun->netns, switch_ipv6, &order, err);
	if (rc)
		return rc;
	if (order.error)
		return weir_failed(err, order.error, "no_ipv6: %s: %s", order.path, strerror(-order.error));
	if (order.changed)
		tun->ipv6_disabled = disable;
	return 0;
}
