/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

#include "udp.h"

#define DSCP_MAX   63
#define TTL_MAX    255
#define BUFFER_MAX (1u << 30) /* what the kernel can double */
#define AGE_MAX    (365u * 86400)

/* Every check returns 0 or -EINVAL, so results are joined by |=. */

/* Returns whether it is one. */
static bool parse(const char *field, const char *text, union weir_socket_address *address,
		  struct weir_error *err)
{
	struct weir__ip ip;
	uint16_t port;

	if (!text || !weir__ip_port_parse(text, &ip, &port)) {
		weir_invalid(err, field, "'%s' is not IPV4:PORT or [IPV6]:PORT", text ? text : "");
		return false;
	}
	weir__socket_address(address, &ip, port);
	if (address->any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&address->ipv6.sin6_addr))
		return true;
	weir_invalid(err, field, "'%s' is an IPv4 address: write it as one", text);
	return false;
}

static bool is_unspecified(const union weir_socket_address *address)
{
	return address->any.sa_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&address->ipv6.sin6_addr)
						  : address->ipv4.sin_addr.s_addr == INADDR_ANY;
}

static bool is_group(const union weir_socket_address *address)
{
	return address->any.sa_family == AF_INET6 ? IN6_IS_ADDR_MULTICAST(&address->ipv6.sin6_addr)
						  : ntohl(address->ipv4.sin_addr.s_addr) >= 0xe0000000;
}

static bool is_link_local(const union weir_socket_address *address)
{
	return address->any.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&address->ipv6.sin6_addr);
}

int weir__udp_check_peer(const char *field, const char *text, union weir_socket_address *address,
			 struct weir_error *err)
{
	if (!parse(field, text, address, err))
		return -EINVAL;
	/* The system would take it for the loopback address. */
	if (is_unspecified(address))
		return weir_invalid(err, field, "'%s' is nobody's address", text);
	if (is_group(address))
		return weir_invalid(err, field, "'%s' is the address of a group or of all", text);
	/* The port has the same place in both. */
	if (address->ipv4.sin_port == 0)
		return weir_invalid(err, field, "'%s' has no port", text);
	return 0;
}

/* Whether a socket with that local address can have this peer. */
static int check_reach(const struct weir_udp *options, const char *field, const char *text,
		       const union weir_socket_address *peer, const union weir_socket_address *local,
		       struct weir_error *err)
{
	const bool dual = local->any.sa_family == AF_INET6 && is_unspecified(local);

	if (is_link_local(peer) && !options->bind_device)
		return weir_invalid(err, field, "'%s' is link-local: set bind_device", text);
	/* An address that could not be parsed has no family. */
	if (local->any.sa_family && peer->any.sa_family != local->any.sa_family && !dual)
		return weir_invalid(err, field, "'%s' is not of the family of local, '%s'", text,
				    options->local);
	return 0;
}

static int check_local(const struct weir_udp *options, union weir_socket_address *local,
		       struct weir_error *err)
{
	if (!parse("local", options->local, local, err))
		return -EINVAL;
	if (is_group(local))
		return weir_invalid(err, "local", "'%s' is the address of a group or of all", options->local);
	if (is_link_local(local) && !options->bind_device)
		return weir_invalid(err, "local", "'%s' is link-local: set bind_device", options->local);
	return 0;
}

static int check_remote(const struct weir_udp *options, struct weir__udp_options *socket,
			struct weir_error *err)
{
	int rc = weir__udp_check_peer("remote", options->remote, &socket->remote, err);

	/* Any address and port, of that family. */
	if (rc == 0 && !options->local)
		socket->local.any.sa_family = socket->remote.any.sa_family;
	if (rc == 0)
		rc = check_reach(options, "remote", options->remote, &socket->remote, &socket->local, err);
	if (options->peers)
		rc |= weir_invalid(err, "peers", "is not possible with remote");
	if (options->learn)
		rc |= weir_invalid(err, "learn", "is not possible with remote");
	return rc;
}

static int check_one_peer(const struct weir_udp *options, unsigned i, const union weir_socket_address *local,
			  struct weir_error *err)
{
	const char *text = options->peers[i];
	union weir_socket_address peer, other;
	char field[32];
	int rc;

	snprintf(field, sizeof(field), "peers[%u]", i);
	rc = weir__udp_check_peer(field, text, &peer, err);
	if (rc == 0)
		rc = check_reach(options, field, text, &peer, local, err);
	for (unsigned k = 0; rc == 0 && k < i; k++)
		if (weir__udp_check_peer(field, options->peers[k], &other, NULL) == 0 &&
		    weir_socket_same(&peer, &other))
			rc = weir_invalid(err, field, "'%s' is there twice", text);
	return rc;
}

static int check_peers(const struct weir_udp *options, const union weir_socket_address *local,
		       struct weir_error *err)
{
	const uint32_t learned = weir__udp_learned(options);
	unsigned n = 0;
	int rc = 0;

	if (!options->local)
		rc = weir_invalid(err, "local", "is needed without remote");
	if (!options->learn && (!options->peers || !options->peers[0]))
		rc |= weir_invalid(err, "remote",
				   "is needed, or peers, or learn: there is nobody to talk to");
	for (; options->peers && options->peers[n]; n++)
		rc |= check_one_peer(options, n, local, err);
	if (n > WEIR__UDP_PEERS_MAX || learned > WEIR__UDP_PEERS_MAX - n)
		rc |= weir_invalid(err, learned ? "learn_max" : "peers", "%u and %u peers are more than %u",
				   learned, n, WEIR__UDP_PEERS_MAX);
	return rc;
}

static int check_learn(const struct weir_udp *options, struct weir_error *err)
{
	int rc = 0;

	if (!options->learn && options->learn_max)
		rc = weir_invalid(err, "learn_max", "needs learn");
	if (!options->learn && options->learn_seconds)
		rc |= weir_invalid(err, "learn_seconds", "needs learn");
	if (options->learn_seconds > AGE_MAX)
		rc |= weir_invalid(err, "learn_seconds", "%u is more than %u", options->learn_seconds,
				   AGE_MAX);
	return rc;
}

static int check_max(const char *field, uint32_t value, uint32_t max, struct weir_error *err)
{
	return value > max ? weir_invalid(err, field, "%u is more than %u", value, max) : 0;
}

static int check_way(const struct weir_udp *options, struct weir_error *err)
{
	const char *device = options->bind_device;
	int rc = check_max("receive_buffer", options->receive_buffer, BUFFER_MAX, err);

	rc |= check_max("send_buffer", options->send_buffer, BUFFER_MAX, err);
	rc |= check_max("dscp", options->dscp, DSCP_MAX, err);
	rc |= check_max("ttl", options->ttl, TTL_MAX, err);
	if (device && (!device[0] || strlen(device) >= IFNAMSIZ))
		rc |= weir_invalid(err, "bind_device", "'%s' is not the name of a device", device);
	if (options->netns && !options->netns[0])
		rc |= weir_invalid(err, "netns", "is empty");
	return rc;
}

int weir__udp_check(const struct weir_udp *options, struct weir__udp_options *socket, struct weir_error *err)
{
	int rc = 0;

	*socket = (struct weir__udp_options){
		.receive_buffer = options->receive_buffer,
		.send_buffer = options->send_buffer,
		.no_gso = options->no_gso,
		.no_gro = options->no_gro,
		.dscp = options->dscp,
		.ttl = options->ttl,
		.mark = options->mark,
		.df = options->df,
		.bind_device = options->bind_device,
		.netns = options->netns,
	};
	if (options->local)
		rc = check_local(options, &socket->local, err);
	rc |= options->remote ? check_remote(options, socket, err)
			      : check_peers(options, &socket->local, err);
	rc |= check_learn(options, err);
	return rc | check_way(options, err);
}
