/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of neighbour discovery: RFC 4861 §4. */
#ifndef WEIR__ND_H
#define WEIR__ND_H

#include <weir/base.h>

#define WEIR__ND_MAX 86 /* bytes of what is written here, IPv6 header included */

enum {
	WEIR__ND_RS = 133,
	WEIR__ND_RA,
	WEIR__ND_NS,
	WEIR__ND_NA,
	WEIR__ND_REDIRECT,
};

/* Kinds of options: RFC 4861 §4.6, RFC 8106 §5. */
enum {
	WEIR__ND_SOURCE = 1,
	WEIR__ND_TARGET = 2,
	WEIR__ND_PREFIX = 3,
	WEIR__ND_MTU = 5,
	WEIR__ND_RDNSS = 25,
	WEIR__ND_DNSSL = 31,
};

struct weir__nd {
	uint8_t type;
	bool router, solicited, override; /* of an advertisement of a neighbour's */
	uint8_t from[16], to[16];
	uint8_t target[16];
	bool has_mac;
	uint8_t mac[6];      /* the option that belongs to the type */
	const uint8_t *body; /* of an advertisement of a router's: what follows the checksum, 12 bytes */
	const uint8_t *options;
	size_t options_size;
};

/*
 * Whether an IPv6 packet is a message that may be used: all that RFC 4861 §6.1 and §7.1 ask for. Of the
 * options it is certain that they end where the packet does. What nd points to is in the packet.
 */
bool weir__nd_parse(const uint8_t *packet, size_t size, struct weir__nd *nd);

/* The option behind this one; NULL begins. NULL: there is none. */
const uint8_t *weir__nd_option(const struct weir__nd *nd, const uint8_t *before);

static inline size_t weir__nd_option_size(const uint8_t *option)
{
	return (size_t)option[1] * 8;
}

/* Writes RS, NS or NA, by its type, as an IPv6 packet. Returns its bytes. */
size_t weir__nd_write(uint8_t packet[WEIR__ND_MAX], const struct weir__nd *nd);

/* RFC 4291 §2.7.1 */
void weir__nd_solicited_node(const uint8_t address[16], uint8_t group[16]);

extern const uint8_t weir__nd_all_nodes[16], weir__nd_all_routers[16], weir__nd_any[16];

#endif
