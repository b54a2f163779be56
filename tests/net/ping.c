/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "checksum.h"
#include "payload.h"
#include "ping.h"
#include "wait.h"

#define HEADER  8
#define LARGEST 65535

/* An echo request and the reply to it are alike but for type and checksum, which both protocols have first.
 */
static void fill(uint8_t *message, int family, unsigned size)
{
	static uint64_t number;

	memset(message, 0, HEADER);
	message[0] = family == AF_INET6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
	payload_fill(++number, 0, message + 4, HEADER - 4 + size);
	if (family == AF_INET) { /* of IPv6, the kernel does it */
		const uint16_t checksum =
			weir__checksum_finish(weir__checksum_add(0, message, HEADER + size));

		memcpy(message + 2, &checksum, sizeof(checksum));
	}
}

static bool is_reply(const uint8_t *packet, size_t n, int family, const uint8_t *request, unsigned size)
{
	const size_t ip = family == AF_INET && n ? (packet[0] & 15u) * 4 : 0;

	return n == ip + HEADER + size &&
	       packet[ip] == (family == AF_INET6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) &&
	       memcmp(packet + ip + 4, request + 4, HEADER - 4 + size) == 0;
}

void ping(const struct site *from, int family, const char *to, unsigned size)
{
	const int protocol = family == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	int fd = site_socket(from, family, SOCK_RAW, protocol);
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	uint8_t request[LARGEST], reply[LARGEST];
	union address address;
	const socklen_t address_size = address_fill(&address, family, to, 0);
	ssize_t n;

	fill(request, family, size);
	n = sendto(fd, request, HEADER + size, 0, &address.any, address_size);
	assert_int_equal(n, HEADER + size);
	do {
		if (poll(&wait, 1, WAIT_MS) != 1)
			fail_msg("%s does not answer a ping of %u bytes", to, size);
		n = recv(fd, reply, sizeof(reply), 0);
		assert_true(n >= 0);
	} while (!is_reply(reply, (size_t)n, family, request, size));
	close(fd);
}
