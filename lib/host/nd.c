/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bytes.h"
#include "checksum.h"
#include "headers.h"
#include "ip.h"
#include "nd.h"

/* Where the fields of the message lie, in the packet. */
enum { TYPE = 40, CODE = 41, CHECKSUM = 42, BODY = 44, TARGET = 48, TARGET_END = 64, RA_END = 56 };

enum { HOP_LIMIT = 7, FROM = 8, TO = 24, ICMPV6 = 58 };

enum { ROUTER = 0x80, SOLICITED = 0x40, OVERRIDE = 0x20 };

#define MAC_OPTION 8

const uint8_t weir__nd_all_nodes[16] = { 0xff, 0x02, [15] = 1 };
const uint8_t weir__nd_all_routers[16] = { 0xff, 0x02, [15] = 2 };
const uint8_t weir__nd_any[16] = { 0 };

void weir__nd_solicited_node(const uint8_t address[16], uint8_t group[16])
{
	static const uint8_t prefix[13] = { 0xff, 0x02, [11] = 1, 0xff };

	memcpy(group, prefix, sizeof(prefix));
	memcpy(group + 13, address + 13, 3);
}

/* Bytes in front of the options; 0: not a message of neighbour discovery, or one that nobody here reads. */
static size_t fixed_size(uint8_t type)
{
	switch (type) {
	case WEIR__ND_RS:
		return TARGET;
	case WEIR__ND_RA:
		return RA_END;
	case WEIR__ND_NS:
	case WEIR__ND_NA:
		return TARGET_END;
	}
	return 0;
}

static bool checksum_is_right(const uint8_t *packet, size_t size)
{
	const uint64_t sum = weir__checksum_pseudo6(packet + FROM, ICMPV6, (uint32_t)(size - TYPE));

	return weir__checksum_finish(weir__checksum_add(sum, packet + TYPE, size - TYPE)) == 0;
}

/* RFC 4861 §4.6: an option of no length makes the whole message void. */
static bool options_end(const struct weir__nd *nd)
{
	size_t at = 0;

	while (at < nd->options_size) {
		if (nd->options_size - at < 8 || !nd->options[at + 1])
			return false;
		at += weir__nd_option_size(nd->options + at);
	}
	return at == nd->options_size;
}

const uint8_t *weir__nd_option(const struct weir__nd *nd, const uint8_t *before)
{
	const uint8_t *option = before ? before + weir__nd_option_size(before) : nd->options;

	return option == nd->options + nd->options_size ? NULL : option;
}

static void take_mac(struct weir__nd *nd)
{
	const uint8_t kind = nd->type == WEIR__ND_NA ? WEIR__ND_TARGET : WEIR__ND_SOURCE;

	for (const uint8_t *option = NULL; (option = weir__nd_option(nd, option));)
		if (option[0] == kind && option[1] == 1) {
			nd->has_mac = true;
			memcpy(nd->mac, option + 2, 6);
		}
}

static bool is_link_local(const uint8_t address[16])
{
	return address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
}

static bool is_solicited_node(const uint8_t address[16])
{
	uint8_t group[16];

	weir__nd_solicited_node(address, group);
	return memcmp(address, group, sizeof(group)) == 0;
}

/* RFC 4861 §6.1.1, §6.1.2, §7.1.1, §7.1.2: what the addresses must be like. */
static bool addresses_fit(const struct weir__nd *nd)
{
	const bool from_nobody = memcmp(nd->from, weir__nd_any, sizeof(nd->from)) == 0;

	if (nd->from[0] == 0xff)
		return false;
	switch (nd->type) {
	case WEIR__ND_RS:
		return !from_nobody || !nd->has_mac;
	case WEIR__ND_RA:
		return is_link_local(nd->from);
	case WEIR__ND_NS:
		if (from_nobody && (nd->has_mac || !is_solicited_node(nd->to)))
			return false;
		break;
	case WEIR__ND_NA:
		if (from_nobody || (nd->to[0] == 0xff && nd->solicited))
			return false;
		break;
	}
	return nd->target[0] != 0xff;
}

bool weir__nd_parse(const uint8_t *packet, size_t size, struct weir__nd *nd)
{
	size_t fixed;

	memset(nd, 0, sizeof(*nd));
	if (size < TARGET || packet[0] >> 4 != 6 || packet[WEIR__IPV6_NEXT] != ICMPV6 ||
	    WEIR__IPV6_HEADER + (size_t)weir__load_be16(packet + WEIR__IPV6_LENGTH) != size)
		return false;
	nd->type = packet[TYPE];
	fixed = fixed_size(nd->type);
	if (!fixed || size < fixed || packet[HOP_LIMIT] != 255 || packet[CODE] != 0 ||
	    !checksum_is_right(packet, size))
		return false;
	memcpy(nd->from, packet + FROM, 16);
	memcpy(nd->to, packet + TO, 16);
	nd->body = packet + BODY;
	nd->options = packet + fixed;
	nd->options_size = size - fixed;
	if (fixed == TARGET_END)
		memcpy(nd->target, packet + TARGET, 16);
	if (nd->type == WEIR__ND_NA) {
		nd->router = packet[BODY] & ROUTER;
		nd->solicited = packet[BODY] & SOLICITED;
		nd->override = packet[BODY] & OVERRIDE;
	}
	if (!options_end(nd))
		return false;
	take_mac(nd);
	return addresses_fit(nd);
}

size_t weir__nd_write(uint8_t packet[WEIR__ND_MAX], const struct weir__nd *nd)
{
	const size_t fixed = fixed_size(nd->type);
	const size_t size = fixed + (nd->has_mac ? MAC_OPTION : 0);
	uint64_t sum;
	uint16_t checksum;

	memset(packet, 0, size);
	packet[0] = 0x60;
	weir__store_be16(packet + WEIR__IPV6_LENGTH, (uint16_t)(size - WEIR__IPV6_HEADER));
	packet[WEIR__IPV6_NEXT] = ICMPV6;
	packet[HOP_LIMIT] = 255;
	memcpy(packet + FROM, nd->from, 16);
	memcpy(packet + TO, nd->to, 16);
	packet[TYPE] = nd->type;
	if (nd->type == WEIR__ND_NA)
		packet[BODY] = (uint8_t)((nd->solicited ? SOLICITED : 0) | (nd->override ? OVERRIDE : 0));
	if (fixed == TARGET_END)
		memcpy(packet + TARGET, nd->target, 16);
	if (nd->has_mac) {
		packet[fixed] = nd->type == WEIR__ND_NA ? WEIR__ND_TARGET : WEIR__ND_SOURCE;
		packet[fixed + 1] = MAC_OPTION / 8;
		memcpy(packet + fixed + 2, nd->mac, 6);
	}
	sum = weir__checksum_pseudo6(packet + FROM, ICMPV6, (uint32_t)(size - TYPE));
	checksum = weir__checksum_finish(weir__checksum_add(sum, packet + TYPE, size - TYPE));
	memcpy(packet + CHECKSUM, &checksum, 2);
	return size;
}
