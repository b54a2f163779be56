/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <string.h>

#include "bytes.h"
#include "checksum.h"
#include "headers.h"
#include "ip.h"
#include "dhcp_message.h"

#define SERVER_PORT 67
#define CLIENT_PORT 68

enum { PAD = 0, OVERLOAD = 52, END = 255 };

/* Where the fields lie: RFC 2131 §2 figure 1. */
enum {
	OP = 0,
	HTYPE = 1,
	HLEN = 2,
	XID = 4,
	SECS = 8,
	FLAGS = 10,
	CIADDR = 12,
	YIADDR = 16,
	CHADDR = 28,
	SNAME = 44,
	SNAME_SIZE = 64,
	FILE_NAME = 108,
	FILE_SIZE = 128,
	COOKIE = 236,
	OPTIONS = 240,
	MESSAGE_MIN = 300, /* BOOTP's size (RFC 951): some relays drop what is shorter */
};

enum { BOOTREQUEST = 1, BOOTREPLY = 2, ETHERNET = 1, ETHERNET_LENGTH = 6, BROADCAST = 0x8000 };

static const uint8_t cookie[4] = { 99, 130, 83, 99 };

/* --- what comes */

/* Options of one field. */
struct field {
	const uint8_t *at, *end;
};

/* RFC 3396 §5: in this order they are put together. */
enum { IN_OPTIONS, IN_FILE, IN_SNAME, FIELDS };

static struct field field_of(const struct weir__dhcp_reply *reply, unsigned which)
{
	const uint8_t *bytes = reply->bytes;

	if (which == IN_OPTIONS)
		return (struct field){ bytes + OPTIONS, bytes + reply->len };
	if (which == IN_FILE && reply->overload & 1)
		return (struct field){ bytes + FILE_NAME, bytes + FILE_NAME + FILE_SIZE };
	if (which == IN_SNAME && reply->overload & 2)
		return (struct field){ bytes + SNAME, bytes + SNAME + SNAME_SIZE };
	return (struct field){ bytes, bytes };
}

/* The next option: code, length, value. NULL: there is none, or it is longer than its field. */
static const uint8_t *next_option(struct field *field)
{
	const uint8_t *option;

	while (field->at < field->end && *field->at == PAD)
		field->at++;
	if (field->at == field->end || *field->at == END)
		return NULL;
	option = field->at;
	if (field->end - option < 2 || field->end - option - 2 < option[1])
		return NULL;
	field->at += 2 + option[1];
	return option;
}

/* No option is longer than its field. That the end is not marked is forgiven. */
static bool field_is_sound(struct field field)
{
	while (next_option(&field))
		continue;
	return field.at == field.end || *field.at == END;
}

size_t weir__dhcp_option(const struct weir__dhcp_reply *reply, uint8_t code, uint8_t *value, size_t room)
{
	const uint8_t *option;
	size_t len = 0;

	for (unsigned which = 0; which < FIELDS; which++) {
		struct field field = field_of(reply, which);

		while ((option = next_option(&field))) {
			if (option[0] != code)
				continue;
			if (option[1] > room - len)
				return 0;
			memcpy(value + len, option + 2, option[1]);
			len += option[1];
		}
	}
	return len;
}

static bool read_options(struct weir__dhcp_reply *reply)
{
	uint8_t overload, server[4];

	/* It stands in the field options alone: the others are none before it is known. */
	if (!field_is_sound(field_of(reply, IN_OPTIONS)))
		return false;
	if (weir__dhcp_option(reply, OVERLOAD, &overload, 1))
		reply->overload = overload & 3;
	if (!field_is_sound(field_of(reply, IN_FILE)) || !field_is_sound(field_of(reply, IN_SNAME)))
		return false;
	if (weir__dhcp_option(reply, WEIR__DHCP_SERVER, server, 4) == 4)
		memcpy(reply->server, server, 4);
	return weir__dhcp_option(reply, WEIR__DHCP_TYPE, &reply->type, 1) == 1;
}

bool weir__dhcp_is_for_client(const uint8_t *packet, size_t len)
{
	const size_t header = len ? (packet[0] & 0x0fu) * 4 : 0;

	return len >= header + WEIR__UDP_HEADER && header >= WEIR__IPV4_HEADER && packet[0] >> 4 == 4 &&
	       packet[WEIR__IPV4_PROTOCOL] == IPPROTO_UDP &&
	       !(weir__load_be16(packet + WEIR__IPV4_FRAGMENT) & WEIR__IPV4_IS_FRAGMENT) &&
	       weir__load_be16(packet + header + 2) == CLIENT_PORT;
}

/* What UDP carries, if lengths and checksums are right. Returns its length or 0. */
static size_t payload_of(const uint8_t *packet, size_t len, const uint8_t **payload)
{
	const struct weir__ip_check ip = weir__ip_check(packet, (uint32_t)len);
	const size_t header = (packet[0] & 0x0fu) * 4;
	const uint8_t *udp = packet + header;
	size_t size;
	uint64_t sum;

	if (ip.verdict != WEIR_NEXT || ip.length < header + WEIR__UDP_HEADER)
		return 0;
	size = weir__load_be16(udp + WEIR__UDP_LENGTH);
	if (size < WEIR__UDP_HEADER || size > ip.length - header)
		return 0;
	if (weir__checksum_finish(weir__checksum_add(0, packet, header)))
		return 0;
	sum = weir__checksum_pseudo4(packet + WEIR__IPV4_ADDRESSES, IPPROTO_UDP, (uint16_t)size);
	if (weir__load_be16(udp + WEIR__UDP_CHECKSUM) &&
	    weir__checksum_finish(weir__checksum_add(sum, udp, size)))
		return 0;
	*payload = udp + WEIR__UDP_HEADER;
	return size - WEIR__UDP_HEADER;
}

bool weir__dhcp_read(struct weir__dhcp_reply *reply, const uint8_t *packet, size_t len, const uint8_t mac[6])
{
	const uint8_t *bytes = NULL;

	if (!weir__dhcp_is_for_client(packet, len))
		return false;
	len = payload_of(packet, len, &bytes);
	if (len < OPTIONS || bytes[OP] != BOOTREPLY || bytes[HTYPE] != ETHERNET ||
	    bytes[HLEN] != ETHERNET_LENGTH || memcmp(bytes + CHADDR, mac, ETHERNET_LENGTH) != 0 ||
	    memcmp(bytes + COOKIE, cookie, sizeof(cookie)) != 0)
		return false;
	*reply = (struct weir__dhcp_reply){ .bytes = bytes, .len = len, .xid = weir__load_be32(bytes + XID) };
	memcpy(reply->address, bytes + YIADDR, 4);
	return read_options(reply);
}

/* --- what goes */

static uint8_t *put_option(uint8_t *at, uint8_t code, const void *value, size_t len)
{
	*at++ = code;
	*at++ = (uint8_t)len;
	memcpy(at, value, len);
	return at + len;
}

/* What only those messages may have that ask for something (RFC 2131 table 5). */
static uint8_t *put_wishes(uint8_t *at, const struct weir__dhcp_request *request)
{
	/* The classless routes before the routers, as RFC 3442 wants it. */
	static const uint8_t parameters[] = { WEIR__DHCP_MASK,    WEIR__DHCP_ROUTES,     WEIR__DHCP_ROUTERS,
					      WEIR__DHCP_DNS,     WEIR__DHCP_DOMAIN,     WEIR__DHCP_SEARCH,
					      WEIR__DHCP_MTU,     WEIR__DHCP_LEASE_TIME, WEIR__DHCP_SERVER,
					      WEIR__DHCP_RENEWAL, WEIR__DHCP_REBINDING };
	static const uint8_t size_max[2] = { 1500 >> 8, 1500 & 0xff };

	if (request->hostname)
		at = put_option(at, WEIR__DHCP_HOSTNAME, request->hostname,
				strnlen(request->hostname, WEIR__DHCP_HOSTNAME_MAX));
	at = put_option(at, WEIR__DHCP_SIZE_MAX, size_max, sizeof(size_max));
	return put_option(at, WEIR__DHCP_PARAMETERS, parameters, sizeof(parameters));
}

static uint8_t *put_options(uint8_t *at, const struct weir__dhcp_request *request)
{
	uint8_t client[1 + ETHERNET_LENGTH] = { ETHERNET };

	memcpy(client + 1, request->mac, ETHERNET_LENGTH);
	at = put_option(at, WEIR__DHCP_TYPE, &request->type, 1);
	at = put_option(at, WEIR__DHCP_CLIENT, client, sizeof(client));
	if (request->requested)
		at = put_option(at, WEIR__DHCP_REQUESTED, request->requested, 4);
	if (request->server)
		at = put_option(at, WEIR__DHCP_SERVER, request->server, 4);
	if (request->type == WEIR__DHCP_DISCOVER || request->type == WEIR__DHCP_REQUEST)
		at = put_wishes(at, request);
	*at++ = END;
	return at;
}

/* Returns the length of the message. */
static size_t put_message(uint8_t *message, const struct weir__dhcp_request *request)
{
	size_t len;

	message[OP] = BOOTREQUEST;
	message[HTYPE] = ETHERNET;
	message[HLEN] = ETHERNET_LENGTH;
	weir__store_be32(message + XID, request->xid);
	weir__store_be16(message + SECS, request->secs);
	weir__store_be16(message + FLAGS, request->broadcast ? BROADCAST : 0);
	if (request->address)
		memcpy(message + CIADDR, request->address, 4);
	memcpy(message + CHADDR, request->mac, ETHERNET_LENGTH);
	memcpy(message + COOKIE, cookie, sizeof(cookie));
	len = (size_t)(put_options(message + OPTIONS, request) - message);
	return len < MESSAGE_MIN ? MESSAGE_MIN : len;
}

static void put_ip(uint8_t *packet, const struct weir__dhcp_request *request, size_t len)
{
	uint16_t checksum;

	packet[0] = 0x45;
	weir__store_be16(packet + WEIR__IPV4_LENGTH, (uint16_t)len);
	weir__store_be16(packet + WEIR__IPV4_ID, (uint16_t)request->xid);
	packet[8] = 64; /* hops */
	packet[WEIR__IPV4_PROTOCOL] = IPPROTO_UDP;
	if (request->address)
		memcpy(packet + WEIR__IPV4_ADDRESSES, request->address, 4);
	if (request->to)
		memcpy(packet + WEIR__IPV4_ADDRESSES + 4, request->to, 4);
	else
		memset(packet + WEIR__IPV4_ADDRESSES + 4, 0xff, 4);
	checksum = weir__checksum_finish(weir__checksum_add(0, packet, WEIR__IPV4_HEADER));
	memcpy(packet + WEIR__IPV4_CHECKSUM, &checksum, sizeof(checksum));
}

size_t weir__dhcp_write(const struct weir__dhcp_request *request, uint8_t packet[WEIR__DHCP_PACKET_MAX])
{
	uint8_t *udp = packet + WEIR__IPV4_HEADER;
	size_t size;
	uint16_t checksum;

	memset(packet, 0, WEIR__DHCP_PACKET_MAX);
	size = WEIR__UDP_HEADER + put_message(udp + WEIR__UDP_HEADER, request);
	weir__store_be16(udp, CLIENT_PORT);
	weir__store_be16(udp + 2, SERVER_PORT);
	weir__store_be16(udp + WEIR__UDP_LENGTH, (uint16_t)size);
	put_ip(packet, request, WEIR__IPV4_HEADER + size);
	checksum = weir__checksum_finish_udp(weir__checksum_add(
		weir__checksum_pseudo4(packet + WEIR__IPV4_ADDRESSES, IPPROTO_UDP, (uint16_t)size), udp,
		size));
	memcpy(udp + WEIR__UDP_CHECKSUM, &checksum, sizeof(checksum));
	return WEIR__IPV4_HEADER + size;
}
