/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "arp.h"
#include "bytes.h"

/* Where the fields lie. */
enum { OPERATION = 6, SENDER_MAC = 8, SENDER = 14, TARGET_MAC = 18, TARGET = 24 };

enum { REQUEST = 1, REPLY = 2 };

/* Ethernet, IPv4, and the lengths of their addresses. */
static const uint8_t kind[OPERATION] = { 0x00, 0x01, 0x08, 0x00, 6, 4 };

bool weir__arp_parse(const uint8_t *bytes, size_t size, struct weir__arp *arp)
{
	uint16_t operation;

	if (size < WEIR__ARP_SIZE || memcmp(bytes, kind, sizeof(kind)) != 0)
		return false;
	operation = weir__load_be16(bytes + OPERATION);
	arp->reply = operation == REPLY;
	memcpy(arp->sender_mac, bytes + SENDER_MAC, 6);
	memcpy(arp->sender, bytes + SENDER, 4);
	memcpy(arp->target_mac, bytes + TARGET_MAC, 6);
	memcpy(arp->target, bytes + TARGET, 4);
	return operation == REQUEST || operation == REPLY;
}

void weir__arp_write(uint8_t bytes[WEIR__ARP_SIZE], const struct weir__arp *arp)
{
	memcpy(bytes, kind, sizeof(kind));
	weir__store_be16(bytes + OPERATION, arp->reply ? REPLY : REQUEST);
	memcpy(bytes + SENDER_MAC, arp->sender_mac, 6);
	memcpy(bytes + SENDER, arp->sender, 4);
	memcpy(bytes + TARGET_MAC, arp->target_mac, 6);
	memcpy(bytes + TARGET, arp->target, 4);
}
