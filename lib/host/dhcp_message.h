/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of DHCP as bytes: RFC 2131 §2 and 3, RFC 2132, RFC 3396. */
#ifndef WEIR__DHCP_MESSAGE_H
#define WEIR__DHCP_MESSAGE_H

#include <weir/base.h>

/* RFC 2132 §9.6 */
enum {
	WEIR__DHCP_DISCOVER = 1,
	WEIR__DHCP_OFFER,
	WEIR__DHCP_REQUEST,
	WEIR__DHCP_DECLINE,
	WEIR__DHCP_ACK,
	WEIR__DHCP_NAK,
	WEIR__DHCP_RELEASE,
};

enum {
	WEIR__DHCP_MASK = 1,
	WEIR__DHCP_ROUTERS = 3,
	WEIR__DHCP_DNS = 6,
	WEIR__DHCP_HOSTNAME = 12,
	WEIR__DHCP_DOMAIN = 15,
	WEIR__DHCP_MTU = 26,
	WEIR__DHCP_REQUESTED = 50,
	WEIR__DHCP_LEASE_TIME = 51,
	WEIR__DHCP_TYPE = 53,
	WEIR__DHCP_SERVER = 54,
	WEIR__DHCP_PARAMETERS = 55,
	WEIR__DHCP_SIZE_MAX = 57,
	WEIR__DHCP_RENEWAL = 58,
	WEIR__DHCP_REBINDING = 59,
	WEIR__DHCP_CLIENT = 61,
	WEIR__DHCP_SEARCH = 119, /* RFC 3397 */
	WEIR__DHCP_ROUTES = 121, /* RFC 3442 */
};

/* A message from a server, within the packet that it came in. */
struct weir__dhcp_reply {
	const uint8_t *bytes;
	size_t len;
	uint8_t overload; /* bit 0: the field file holds options too, bit 1: sname */
	uint8_t type;
	uint32_t xid;
	uint8_t address[4]; /* yiaddr */
	uint8_t server[4];  /* option 54; 0.0.0.0: none */
};

/* An IPv4 packet, of which nothing is known but its length. Returns whether it is for a DHCP client. */
bool weir__dhcp_is_for_client(const uint8_t *packet, size_t len);

/* Of such a packet; returns whether it is a whole and proper message from a server to that hardware address.
 */
bool weir__dhcp_read(struct weir__dhcp_reply *reply, const uint8_t *packet, size_t len, const uint8_t mac[6]);

/*
 * Copies an option, put together from all its parts (RFC 3396). Returns its length; 0: it is not there, is
 * empty, or does not fit in room bytes.
 */
size_t weir__dhcp_option(const struct weir__dhcp_reply *reply, uint8_t code, uint8_t *value, size_t room);

/* A message to a server. */
struct weir__dhcp_request {
	uint8_t type;
	uint32_t xid;
	uint16_t secs;
	bool broadcast; /* asks that the answer be sent to everybody */
	const uint8_t *mac;
	const char *hostname; /* NULL: none */
	/* Each of 4 bytes; NULL: 0.0.0.0, or no option. */
	const uint8_t *address;   /* ciaddr, and the sender of the packet */
	const uint8_t *requested; /* option 50 */
	const uint8_t *server;    /* option 54 */
	const uint8_t *to;        /* whom the packet goes to; NULL: everybody */
};

#define WEIR__DHCP_HOSTNAME_MAX 63  /* bytes of it that are sent: one label of a name */
#define WEIR__DHCP_PACKET_MAX   400 /* bytes of a packet that is written */

/* Writes the packet; returns its length. */
size_t weir__dhcp_write(const struct weir__dhcp_request *request, uint8_t packet[WEIR__DHCP_PACKET_MAX]);

#endif
