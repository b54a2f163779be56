/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses with ports, as sockets take them: more than socket.h says of them. */
#ifndef WEIR__SOCKET_ADDRESS_H
#define WEIR__SOCKET_ADDRESS_H

#include <weir/socket.h>

#include "address.h"

_Static_assert(sizeof(union weir_socket_address) == 28, "words are the whole address");

void weir__socket_address(union weir_socket_address *address, const struct weir__ip *ip, uint16_t port);

static inline socklen_t weir__socket_address_size(const union weir_socket_address *address)
{
	return address->any.sa_family == AF_INET6 ? sizeof(address->ipv6) : sizeof(address->ipv4);
}

/* An IPv4 address in its own form, where it may be in one of IPv6. */
union weir_socket_address weir__socket_address_plain(const union weir_socket_address *address);

#endif
