/* SPDX-License-Identifier: Apache-2.0 */
/* ARP for IPv4 over Ethernet: RFC 826. */
#ifndef WEIR__ARP_H
#define WEIR__ARP_H

#include <weir/base.h>

#define WEIR__ARP_SIZE 28

struct weir__arp {
	bool reply; /* else a request */
	uint8_t sender_mac[6];
	uint8_t sender[4];
	uint8_t target_mac[6];
	uint8_t target[4];
};

/* Whether the bytes behind an Ethernet header are such a message; more may follow it. */
bool weir__arp_parse(const uint8_t *bytes, size_t size, struct weir__arp *arp);

void weir__arp_write(uint8_t bytes[WEIR__ARP_SIZE], const struct weir__arp *arp);

#endif
