/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netns.h"
#include "socket_option.h"

int weir__socket_set(int fd, int level, int option, int value, const char *name, struct weir_error *err)
{
	const char *advice = "";

	if (setsockopt(fd, level, option, &value, sizeof(value)) == 0)
		return 0;
	if (errno == EPERM)
		advice = ": this needs root or CAP_NET_ADMIN";
	return weir_failed(err, -errno, "%s: %d: %s%s", name, value, strerror(errno), advice);
}

int weir__socket_set_both(int fd, int family, int ipv6, int ipv4, int value, const char *name,
			  struct weir_error *err)
{
	const int rc = family == AF_INET6 ? weir__socket_set(fd, IPPROTO_IPV6, ipv6, value, name, err) : 0;

	return rc ? rc : weir__socket_set(fd, IPPROTO_IP, ipv4, value, name, err);
}

int weir__socket_set_dscp(int fd, int family, uint32_t dscp, struct weir_error *err)
{
	return weir__socket_set_both(fd, family, IPV6_TCLASS, IP_TOS, (int)dscp << 2, "dscp", err);
}

/*
 * The kernel doubles the value, because it charges what it needs itself for each packet. Who may, is not
 * bound by net.core.rmem_max and wmem_max.
 */
int weir__socket_set_buffer(int fd, int option, uint32_t wanted, uint32_t bytes, struct weir_error *err)
{
	const bool receives = option == SO_RCVBUF;
	const char *name = receives ? "receive_buffer" : "send_buffer";
	const int value = (int)(wanted ? wanted : bytes);
	socklen_t size = sizeof(int);
	int has = 0;

	if (setsockopt(fd, SOL_SOCKET, receives ? SO_RCVBUFFORCE : SO_SNDBUFFORCE, &value, sizeof(value)) &&
	    setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value)))
		return weir_failed(err, -errno, "%s: %d: %s", name, value, strerror(errno));
	if (getsockopt(fd, SOL_SOCKET, option, &has, &size))
		return weir_failed(err, -errno, "%s: %s", name, strerror(errno));
	if (wanted && has / 2 < value)
		return weir_invalid(err, name, "%u: the system allows %d: raise net.core.%s_max", wanted,
				    has / 2, receives ? "rmem" : "wmem");
	return 0;
}

/* --- opening --- */

struct place {
	int family, type;
	int fd;
};

static int open_here(void *data)
{
	struct place *place = data;

	place->fd = socket(place->family, place->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return place->fd < 0 ? -errno : 0;
}

int weir__socket_open(int netns, int family, int type, const char *device, uint32_t mark,
		      struct weir_error *err)
{
	struct place place = { family, type, -1 };
	int rc = weir__netns_run(netns, open_here, &place, err);

	if (rc < 0)
		return weir_failed(err, rc, "no socket: %s", strerror(-rc));
	if (device && device[0] &&
	    setsockopt(place.fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device)))
		rc = weir_failed(err, -errno, "bind_device: '%s': %s", device, strerror(errno));
	if (rc == 0 && mark)
		rc = weir__socket_set(place.fd, SOL_SOCKET, SO_MARK, (int)mark, "mark", err);
	if (rc < 0)
		close(place.fd);
	return rc < 0 ? rc : place.fd;
}
