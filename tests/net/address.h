/* SPDX-License-Identifier: Apache-2.0 */
/* The IP addresses of the ends of tunnels, as texts and for sockets. */
#ifndef WEIR_TEST_NET_ADDRESS_H
#define WEIR_TEST_NET_ADDRESS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "test.h"

/* Of the device at that side (0: left, 1: right) of a pair of devices, by literal numbers. */
#define ADDRESS_IPV4(pair, side) "10.9." #pair ".1" #side
#define ADDRESS_IPV6(pair, side) "fd00:9" #pair "::1" #side

/* The same by variables. */
static inline const char *address_text(int family, unsigned pair, unsigned side)
{
	static const char *const texts[2][2][2] = {
		{ { ADDRESS_IPV4(0, 0), ADDRESS_IPV4(0, 1) }, { ADDRESS_IPV4(1, 0), ADDRESS_IPV4(1, 1) } },
		{ { ADDRESS_IPV6(0, 0), ADDRESS_IPV6(0, 1) }, { ADDRESS_IPV6(1, 0), ADDRESS_IPV6(1, 1) } },
	};

	return texts[family == AF_INET6][pair][side];
}

union address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

/* Returns its size. */
static inline socklen_t address_fill(union address *address, int family, const char *text, uint16_t port)
{
	memset(address, 0, sizeof(*address));
	if (family == AF_INET6) {
		address->ipv6.sin6_family = AF_INET6;
		address->ipv6.sin6_port = htons(port);
		assert_int_equal(inet_pton(AF_INET6, text, &address->ipv6.sin6_addr), 1);
		return sizeof(address->ipv6);
	}
	address->ipv4.sin_family = AF_INET;
	address->ipv4.sin_port = htons(port);
	assert_int_equal(inet_pton(AF_INET, text, &address->ipv4.sin_addr), 1);
	return sizeof(address->ipv4);
}

#endif
