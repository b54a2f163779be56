/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "socket_address.h"

void weir__socket_address(union weir_socket_address *address, const struct weir__ip *ip, uint16_t port)
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

union weir_socket_address weir__socket_address_plain(const union weir_socket_address *address)
{
	union weir_socket_address plain = *address;

	if (plain.any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&plain.ipv6.sin6_addr))
		return plain;
	memset(&plain, 0, sizeof(plain));
	plain.ipv4.sin_family = AF_INET;
	plain.ipv4.sin_port = address->ipv6.sin6_port;
	memcpy(&plain.ipv4.sin_addr, address->ipv6.sin6_addr.s6_addr + 12, 4);
	return plain;
}

bool weir_socket_address_parse(const char *text, uint16_t port, union weir_socket_address *address)
{
	struct weir__ip ip;

	if (!weir__ip_parse(text, &ip) && !weir__ip_port_parse(text, &ip, &port))
		return false;
	weir__socket_address(address, &ip, port);
	return true;
}

const char *weir_socket_address_text(const union weir_socket_address *address, char text[WEIR_SESSION_TEXT])
{
	const union weir_socket_address plain = weir__socket_address_plain(address);
	const bool ipv6 = plain.any.sa_family == AF_INET6;
	char ip[INET6_ADDRSTRLEN];

	inet_ntop(ipv6 ? AF_INET6 : AF_INET,
		  ipv6 ? (const void *)&plain.ipv6.sin6_addr : (const void *)&plain.ipv4.sin_addr, ip,
		  sizeof(ip));
	snprintf(text, WEIR_SESSION_TEXT, ipv6 ? "[%s]:%u" : "%s:%u", ip,
		 ntohs(ipv6 ? plain.ipv6.sin6_port : plain.ipv4.sin_port));
	return text;
}
