/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "netns.h"
#include "socket_option.h"
#include "udp_socket.h"

#define RECEIVE_BUFFER (4u << 20)
#define SEND_BUFFER    (1u << 20)
#define SLOTS_SIZE     ((size_t)WEIR_VECTOR_SIZE * WEIR__UDP_MESSAGE)
#define STRANGERS      65536 /* datagrams that a socket can have got before it was connected, at the most */
#define HEADERS_IPV4   28    /* IP and UDP */
#define HEADERS_IPV6   48

void weir__udp_adapt(const struct weir__udp *udp, union weir_socket_address *address)
{
	const union weir_socket_address plain = *address;

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

void weir__udp_local(const struct weir__udp *udp, union weir_socket_address *local)
{
	socklen_t size = sizeof(*local);

	memset(local, 0, sizeof(*local));
	getsockname(udp->fd, &local->any, &size);
}

void weir__udp_remote(const struct weir__udp *udp, union weir_socket_address *remote)
{
	socklen_t size = sizeof(*remote);

	memset(remote, 0, sizeof(*remote));
	getpeername(udp->fd, &remote->any, &size);
}

/* --- opening --- */

static int open_socket(const struct weir__udp *udp, int family, struct weir_error *err)
{
	return weir__socket_open(udp->netns, family, SOCK_DGRAM, udp->device, udp->mark, err);
}

/* RFC 6935. The kernel completes the checksums of segments, so there can be none without. */
static int set_no_checksum(int fd, int family, struct weir_error *err)
{
	int rc = weir__socket_set(fd, SOL_SOCKET, SO_NO_CHECK, 1, "no_checksum", err);

	if (rc == 0 && family == AF_INET6)
		rc = weir__socket_set(fd, IPPROTO_UDP, UDP_NO_CHECK6_TX, 1, "no_checksum", err);
	if (rc == 0 && family == AF_INET6)
		rc = weir__socket_set(fd, IPPROTO_UDP, UDP_NO_CHECK6_RX, 1, "no_checksum", err);
	return rc;
}

/* -1: the system's, also after another one. */
static int set_values(int fd, int family, uint32_t dscp, uint32_t ttl, struct weir_error *err)
{
	const int rc = weir__socket_set_dscp(fd, family, dscp, err);

	return rc ? rc
		  : weir__socket_set_both(fd, family, IPV6_UNICAST_HOPS, IP_TTL, ttl ? (int)ttl : -1, "ttl",
					  err);
}

static int set_header(const struct weir__udp *udp, int fd, const struct weir__udp_options *options,
		      struct weir_error *err)
{
	const int family = options->local.any.sa_family;
	int rc = 0;

	if (family == AF_INET6)
		rc = weir__socket_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, !udp->dual, "local", err);
	if (rc == 0)
		rc = set_values(fd, family, options->dscp, options->ttl, err);
	if (rc == 0 && options->df)
		rc = weir__socket_set_both(fd, family, IPV6_MTU_DISCOVER, IP_MTU_DISCOVER, IP_PMTUDISC_DO,
					   "df", err);
	if (rc == 0 && options->no_checksum)
		rc = set_no_checksum(fd, family, err);
	return rc;
}

static int set_buffers(const struct weir__udp *udp, const struct weir__udp_options *options,
		       struct weir_error *err)
{
	const int rc =
		weir__socket_set_buffer(udp->fd, SO_RCVBUF, options->receive_buffer, RECEIVE_BUFFER, err);

	return rc ? rc : weir__socket_set_buffer(udp->fd, SO_SNDBUF, options->send_buffer, SEND_BUFFER, err);
}

/* What came from anybody between bind() and connect() is still there afterwards. */
static void forget_strangers(int fd)
{
	uint8_t byte;

	for (int i = 0; i < STRANGERS && recv(fd, &byte, 1, MSG_DONTWAIT | MSG_TRUNC) >= 0; i++)
		;
}

/* Binds it to this port of the local address, and connects it. */
static int join(struct weir__udp *udp, int fd, const struct weir__udp_options *options, in_port_t port,
		struct weir_error *err)
{
	union weir_socket_address local = options->local, remote = options->remote;
	char here[WEIR_SESSION_TEXT], there[WEIR_SESSION_TEXT];

	local.ipv4.sin_port = port; /* which has the same place in both */
	weir__udp_adapt(udp, &local);
	weir__udp_adapt(udp, &remote);
	if (bind(fd, &local.any, weir__socket_address_size(&local)))
		return weir_failed(err, -errno, "local: '%s': %s", weir_socket_address_text(&local, here),
				   strerror(errno));
	if (udp->connected && connect(fd, &remote.any, weir__socket_address_size(&remote)))
		return weir_failed(err, -errno, "remote: '%s' from '%s': %s",
				   weir_socket_address_text(&remote, there),
				   weir_socket_address_text(&local, here), strerror(errno));
	return 0;
}

static int join_main(struct weir__udp *udp, const struct weir__udp_options *options, struct weir_error *err)
{
	union weir_socket_address local, remote;
	char text[WEIR_SESSION_TEXT];
	int rc = join(udp, udp->fd, options, options->local.ipv4.sin_port, err);

	if (rc < 0 || !udp->connected)
		return rc;
	weir__udp_local(udp, &local);
	weir__udp_remote(udp, &remote);
	if (weir_socket_same(&local, &remote))
		return weir_failed(err, -EINVAL, "remote: '%s' is the socket itself",
				   weir_socket_address_text(&remote, text));
	forget_strangers(udp->fd);
	return 0;
}

/* Further ports to send from. What comes to them is not read, so it may not take memory. */
static int open_sources(struct weir__udp *udp, const struct weir__udp_options *options,
			struct weir_error *err)
{
	const int none = 0;
	int rc = 0;

	while (rc == 0 && udp->n_sources < options->sources) {
		const int fd = open_socket(udp, options->local.any.sa_family, err);

		if (fd < 0)
			return fd;
		udp->sources[udp->n_sources++] = fd;
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &none, sizeof(none));
		rc = set_header(udp, fd, options, err);
		if (rc == 0)
			rc = join(udp, fd, options, 0, err);
		if (rc == 0)
			rc = weir__socket_set_buffer(fd, SO_SNDBUF, options->send_buffer, SEND_BUFFER, err);
	}
	return rc;
}

/* Old kernels have neither; then each packet travels by itself. */
static void set_offloads(struct weir__udp *udp, const struct weir__udp_options *options)
{
	const int on = 1, off = 0;

	udp->sender.gso = !options->no_gso && !options->no_checksum &&
			  setsockopt(udp->fd, IPPROTO_UDP, UDP_SEGMENT, &off, sizeof(off)) == 0;
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
	int rc = 0;

	if (options->netns)
		rc = udp->netns = weir__netns_open(options->netns, err);
	if (rc >= 0)
		rc = udp->fd = open_socket(udp, options->local.any.sa_family, err);
	if (rc >= 0)
		rc = udp->device[0] ? find_device(udp, options->bind_device, err) : 0;
	if (rc == 0)
		rc = set_header(udp, udp->fd, options, err);
	if (rc == 0)
		rc = join_main(udp, options, err);
	/* Not before: until then, strangers can fill it. */
	if (rc == 0)
		rc = set_buffers(udp, options, err);
	if (rc == 0)
		rc = open_sources(udp, options, err);
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
	while (udp->n_sources)
		close(udp->sources[--udp->n_sources]);
	if (udp->fd >= 0)
		close(udp->fd);
	if (udp->netns >= 0)
		close(udp->netns);
}

int weir__udp_set_header(const struct weir__udp *udp, uint32_t dscp, uint32_t ttl, struct weir_error *err)
{
	union weir_socket_address local;
	int rc;

	weir__udp_local(udp, &local);
	rc = set_values(udp->fd, local.any.sa_family, dscp, ttl, err);
	for (uint32_t i = 0; rc == 0 && i < udp->n_sources; i++)
		rc = set_values(udp->sources[i], local.any.sa_family, dscp, ttl, err);
	return rc;
}

/* --- what the kernel knows --- */

/* Only a connected socket is told the MTU of its way, so this asks by one of its own. */
int weir__udp_mtu(const struct weir__udp *udp, const union weir_socket_address *to, uint32_t *bytes,
		  struct weir_error *err)
{
	const union weir_socket_address plain = weir__socket_address_plain(to);
	const int family = plain.any.sa_family;
	const int fd = open_socket(udp, family, err);
	char text[WEIR_SESSION_TEXT];
	socklen_t size = sizeof(int);
	int mtu = 0, rc = 0;

	if (fd < 0)
		return fd;
	if (connect(fd, &plain.any, weir__socket_address_size(&plain)) ||
	    getsockopt(fd, family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP,
		       family == AF_INET6 ? IPV6_MTU : IP_MTU, &mtu, &size))
		rc = weir_failed(err, -errno, "the MTU of the way to %s: %s",
				 weir_socket_address_text(&plain, text), strerror(errno));
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
