/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "netns.h"
#include "udp_socket.h"

#define RECEIVE_BUFFER (4u << 20)
#define SEND_BUFFER    (1u << 20)
#define SLOTS_SIZE     ((size_t)WEIR_VECTOR_SIZE * WEIR__UDP_MESSAGE)
#define STRANGERS      65536 /* datagrams that a socket can have got before it was connected, at the most */
#define HEADERS_IPV4   28    /* IP and UDP */
#define HEADERS_IPV6   48

void weir__udp_address(union weir__udp_address *address, const struct weir__ip *ip, uint16_t port)
{
	memset(address, 0, sizeof(*address));
	if (ip->family == 6) {
		address->ipv6.sin6_family = AF_INET6;
		address->ipv6.sin6_port = htons(port);
		memcpy(&address->ipv6.sin6_addr, ip->bytes, 16);
	} else {
		address->ipv4.sin_family = AF_INET;
		address->ipv4.sin_port = htons(port);
		memcpy(&address->ipv4.sin_addr, ip->bytes, 4);
	}
}

static socklen_t size_of(const union weir__udp_address *address)
{
	return address->any.sa_family == AF_INET6 ? sizeof(address->ipv6) : sizeof(address->ipv4);
}

static bool is_mapped(const union weir__udp_address *address)
{
	return address->any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&address->ipv6.sin6_addr);
}

/* An IPv4 address in its own form. */
static union weir__udp_address unmap(const union weir__udp_address *address)
{
	union weir__udp_address plain = *address;

	if (!is_mapped(address))
		return plain;
	memset(&plain, 0, sizeof(plain));
	plain.ipv4.sin_family = AF_INET;
	plain.ipv4.sin_port = address->ipv6.sin6_port;
	memcpy(&plain.ipv4.sin_addr, address->ipv6.sin6_addr.s6_addr + 12, 4);
	return plain;
}

void weir__udp_adapt(const struct weir__udp *udp, union weir__udp_address *address)
{
	const union weir__udp_address plain = *address;

	if (udp->dual && plain.any.sa_family == AF_INET) {
		memset(address, 0, sizeof(*address));
		address->ipv6.sin6_family = AF_INET6;
		address->ipv6.sin6_port = plain.ipv4.sin_port;
		memset(address->ipv6.sin6_addr.s6_addr + 10, 0xff, 2);
		memcpy(address->ipv6.sin6_addr.s6_addr + 12, &plain.ipv4.sin_addr, 4);
	} else if (plain.any.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&plain.ipv6.sin6_addr)) {
		address->ipv6.sin6_scope_id = udp->scope;
	}
}

const char *weir__udp_text(const union weir__udp_address *address, char text[WEIR__UDP_TEXT])
{
	const union weir__udp_address plain = unmap(address);
	const bool ipv6 = plain.any.sa_family == AF_INET6;
	char ip[INET6_ADDRSTRLEN];

	inet_ntop(plain.any.sa_family,
		  ipv6 ? (const void *)&plain.ipv6.sin6_addr : (const void *)&plain.ipv4.sin_addr, ip,
		  sizeof(ip));
	snprintf(text, WEIR__UDP_TEXT, ipv6 ? "[%s]:%u" : "%s:%u", ip,
		 ntohs(ipv6 ? plain.ipv6.sin6_port : plain.ipv4.sin_port));
	return text;
}

void weir__udp_local(const struct weir__udp *udp, union weir__udp_address *local)
{
	socklen_t size = sizeof(*local);

	memset(local, 0, sizeof(*local));
	getsockname(udp->fd, &local->any, &size);
}

void weir__udp_remote(const struct weir__udp *udp, union weir__udp_address *remote)
{
	socklen_t size = sizeof(*remote);

	memset(remote, 0, sizeof(*remote));
	getpeername(udp->fd, &remote->any, &size);
}

/* --- opening --- */

static int set(int fd, int level, int option, int value, const char *name, struct weir_error *err)
{
	const char *advice = "";

	if (setsockopt(fd, level, option, &value, sizeof(value)) == 0)
		return 0;
	if (errno == EPERM)
		advice = ": this needs root or CAP_NET_ADMIN";
	return weir_failed(err, -errno, "%s: %d: %s%s", name, value, strerror(errno), advice);
}

struct place {
	int family;
	int fd;
};

static int open_here(void *data)
{
	struct place *place = data;

	place->fd = socket(place->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return place->fd < 0 ? -errno : 0;
}

/* A socket in the namespace, which takes the same way as all of this one. Returns it or a negative errno. */
static int open_socket(const struct weir__udp *udp, int family, struct weir_error *err)
{
	struct place place = { family, -1 };
	int rc = weir__netns_run(udp->netns, open_here, &place, err);

	if (rc < 0)
		return weir_failed(err, rc, "no socket: %s", strerror(-rc));
	if (udp->device[0] &&
	    setsockopt(place.fd, SOL_SOCKET, SO_BINDTODEVICE, udp->device, (socklen_t)strlen(udp->device)))
		rc = weir_failed(err, -errno, "bind_device: '%s': %s", udp->device, strerror(errno));
	if (rc == 0 && udp->mark)
		rc = set(place.fd, SOL_SOCKET, SO_MARK, (int)udp->mark, "mark", err);
	if (rc < 0)
		close(place.fd);
	return rc < 0 ? rc : place.fd;
}

/* Of a socket of IPv6, both: it may send IPv4 too. */
static int set_both(int fd, int family, int ipv6, int ipv4, int value, const char *name,
		    struct weir_error *err)
{
	const int rc = family == AF_INET6 ? set(fd, IPPROTO_IPV6, ipv6, value, name, err) : 0;

	return rc ? rc : set(fd, IPPROTO_IP, ipv4, value, name, err);
}

static int set_header(const struct weir__udp *udp, const struct weir__udp_options *options, int family,
		      struct weir_error *err)
{
	int rc = 0;

	if (family == AF_INET6)
		rc = set(udp->fd, IPPROTO_IPV6, IPV6_V6ONLY, !udp->dual, "local", err);
	if (rc == 0 && options->dscp)
		rc = set_both(udp->fd, family, IPV6_TCLASS, IP_TOS, (int)options->dscp << 2, "dscp", err);
	if (rc == 0 && options->ttl)
		rc = set_both(udp->fd, family, IPV6_UNICAST_HOPS, IP_TTL, (int)options->ttl, "ttl", err);
	if (rc == 0 && options->df)
		rc = set_both(udp->fd, family, IPV6_MTU_DISCOVER, IP_MTU_DISCOVER, IP_PMTUDISC_DO, "df", err);
	return rc;
}

/*
 * The kernel doubles the value, because it charges what it needs itself for each packet. Who may, is not
 * bound by net.core.rmem_max and wmem_max.
 */
static int set_buffer(int fd, int option, int force, uint32_t wanted, uint32_t bytes, const char *name,
		      struct weir_error *err)
{
	const int value = (int)(wanted ? wanted : bytes);
	socklen_t size = sizeof(int);
	int has = 0;

	if (setsockopt(fd, SOL_SOCKET, force, &value, sizeof(value)) &&
	    setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value)))
		return weir_failed(err, -errno, "%s: %d: %s", name, value, strerror(errno));
	if (getsockopt(fd, SOL_SOCKET, option, &has, &size))
		return weir_failed(err, -errno, "%s: %s", name, strerror(errno));
	if (wanted && has / 2 < value)
		return weir_invalid(err, name, "%u: the system allows %d: raise net.core.%s_max", wanted,
				    has / 2, option == SO_RCVBUF ? "rmem" : "wmem");
	return 0;
}

static int set_buffers(const struct weir__udp *udp, const struct weir__udp_options *options,
		       struct weir_error *err)
{
	const int rc = set_buffer(udp->fd, SO_RCVBUF, SO_RCVBUFFORCE, options->receive_buffer, RECEIVE_BUFFER,
				  "receive_buffer", err);

	return rc ? rc
		  : set_buffer(udp->fd, SO_SNDBUF, SO_SNDBUFFORCE, options->send_buffer, SEND_BUFFER,
			       "send_buffer", err);
}

/* What came from anybody between bind() and connect() is still there afterwards. */
static void forget_strangers(int fd)
{
	uint8_t byte;

	for (int i = 0; i < STRANGERS && recv(fd, &byte, 1, MSG_DONTWAIT | MSG_TRUNC) >= 0; i++)
		;
}

static int join(struct weir__udp *udp, const struct weir__udp_options *options, struct weir_error *err)
{
	union weir__udp_address local = options->local, remote = options->remote, bound;
	char here[WEIR__UDP_TEXT], there[WEIR__UDP_TEXT];

	weir__udp_adapt(udp, &local);
	weir__udp_adapt(udp, &remote);
	if (bind(udp->fd, &local.any, size_of(&local)))
		return weir_failed(err, -errno, "local: '%s': %s", weir__udp_text(&local, here),
				   strerror(errno));
	if (!udp->connected)
		return 0;
	if (connect(udp->fd, &remote.any, size_of(&remote)))
		return weir_failed(err, -errno, "remote: '%s' from '%s': %s", weir__udp_text(&remote, there),
				   weir__udp_text(&local, here), strerror(errno));
	weir__udp_local(udp, &bound);
	if (weir__udp_same(&bound, &remote))
		return weir_failed(err, -EINVAL, "remote: '%s' is the socket itself",
				   weir__udp_text(&remote, there));
	forget_strangers(udp->fd);
	return 0;
}

/* Old kernels have neither; then each packet travels by itself. */
static void set_offloads(struct weir__udp *udp, const struct weir__udp_options *options)
{
	const int on = 1, off = 0;

	udp->sender.gso =
		!options->no_gso && setsockopt(udp->fd, IPPROTO_UDP, UDP_SEGMENT, &off, sizeof(off)) == 0;
	udp->sender.segment_max = udp->sender.gso ? WEIR__UDP_MESSAGE : 0;
	if (!options->no_gro)
		setsockopt(udp->fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
}

static int make_slots(struct weir__udp *udp, struct weir_error *err)
{
	/* Touched now: memory does not grow with traffic. */
	void *slots = mmap(NULL, SLOTS_SIZE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (slots == MAP_FAILED)
		return weir_failed(err, -errno, "no memory to receive in: %s", strerror(errno));
	udp->receiver.slots = slots;
	udp->receiver.per_message = 1;
	return 0;
}

static int find_device(struct weir__udp *udp, const char *device, struct weir_error *err)
{
	struct ifreq request = { 0 };

	memcpy(request.ifr_name, udp->device, sizeof(request.ifr_name));
	if (ioctl(udp->fd, SIOCGIFINDEX, &request))
		return weir_failed(err, -errno, "bind_device: '%s': %s", device, strerror(errno));
	udp->scope = (uint32_t)request.ifr_ifindex;
	return 0;
}

static int set_up(struct weir__udp *udp, const struct weir__udp_options *options, struct weir_error *err)
{
	const int family = options->local.any.sa_family;
	int rc = 0;

	if (options->netns)
		rc = udp->netns = weir__netns_open(options->netns, err);
	if (rc >= 0)
		rc = udp->fd = open_socket(udp, family, err);
	if (rc >= 0)
		rc = udp->device[0] ? find_device(udp, options->bind_device, err) : 0;
	if (rc == 0)
		rc = set_header(udp, options, family, err);
	if (rc == 0)
		rc = join(udp, options, err);
	/* Not before: until then, strangers can fill it. */
	if (rc == 0)
		rc = set_buffers(udp, options, err);
	if (rc == 0)
		set_offloads(udp, options);
	return rc == 0 ? make_slots(udp, err) : rc;
}

int weir__udp_open(struct weir__udp *udp, const struct weir__udp_options *options, struct weir_error *err)
{
	int rc;

	memset(udp, 0, sizeof(*udp));
	udp->fd = -1;
	udp->netns = -1;
	udp->connected = options->remote.any.sa_family != 0;
	udp->dual = options->local.any.sa_family == AF_INET6 &&
		    IN6_IS_ADDR_UNSPECIFIED(&options->local.ipv6.sin6_addr);
	udp->mark = options->mark;
	if (options->bind_device)
		snprintf(udp->device, sizeof(udp->device), "%s", options->bind_device);
	rc = set_up(udp, options, err);
	if (rc < 0)
		weir__udp_close(udp);
	return rc;
}

void weir__udp_close(struct weir__udp *udp)
{
	if (udp->receiver.slots)
		munmap(udp->receiver.slots, SLOTS_SIZE);
	if (udp->fd >= 0)
		close(udp->fd);
	if (udp->netns >= 0)
		close(udp->netns);
}

/* --- what the kernel knows --- */

/* Only a connected socket is told the MTU of its way, so this asks by one of its own. */
int weir__udp_mtu(const struct weir__udp *udp, const union weir__udp_address *to, uint32_t *bytes,
		  struct weir_error *err)
{
	const union weir__udp_address plain = unmap(to);
	const int family = plain.any.sa_family;
	const int fd = open_socket(udp, family, err);
	char text[WEIR__UDP_TEXT];
	socklen_t size = sizeof(int);
	int mtu = 0, rc = 0;

	if (fd < 0)
		return fd;
	if (connect(fd, &plain.any, size_of(&plain)) ||
	    getsockopt(fd, family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP,
		       family == AF_INET6 ? IPV6_MTU : IP_MTU, &mtu, &size))
		rc = weir_failed(err, -errno, "the MTU of the way to %s: %s", weir__udp_text(&plain, text),
				 strerror(errno));
	close(fd);
	if (rc == 0)
		*bytes = (uint32_t)mtu - (family == AF_INET6 ? HEADERS_IPV6 : HEADERS_IPV4);
	return rc;
}

int weir__udp_drops(const struct weir__udp *udp, uint64_t *packets, struct weir_error *err)
{
	uint32_t memory[SK_MEMINFO_VARS] = { 0 };
	socklen_t size = sizeof(memory);

	if (getsockopt(udp->fd, SOL_SOCKET, SO_MEMINFO, memory, &size))
		return weir_failed(err, -errno, "what the system dropped: %s", strerror(errno));
	*packets = memory[SK_MEMINFO_DROPS];
	return 0;
}
