/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses in text. Each function returns whether the whole text is one, and writes its result only then. */
#ifndef WEIR__ADDRESS_H
#define WEIR__ADDRESS_H

#include <weir/base.h>

struct weir__ip {
	uint8_t family;    /* 4 or 6 */
	uint8_t bytes[16]; /* network order; the first 4 or all 16 */
};

/* "02:00:00:00:00:01", also with '-'. */
bool weir__mac_parse(const char *text, uint8_t mac[6]);

/* An address (48 bits), whole bytes "00:1b:21" (24 bits), or "70:b3:d5:12:30:00/36"; the bits behind the
 * prefix must be 0. */
bool weir__mac_prefix_parse(const char *text, uint8_t mac[6], unsigned *bits);

/* "10.0.0.1" or "fd00::1". */
bool weir__ip_parse(const char *text, struct weir__ip *ip);

/* "10.0.0.1/24", "fd00::1/64"; without '/', the whole address. Host bits may be set. */
bool weir__ip_prefix_parse(const char *text, struct weir__ip *ip, unsigned *bits);

/* "10.0.0.1:4789", "[fd00::1]:4789". */
bool weir__ip_port_parse(const char *text, struct weir__ip *ip, uint16_t *port);

/* Whether a station can have it: neither a group's nor zeros. */
bool weir__mac_is_station(const uint8_t mac[6]);

/* The MAC address of an IPv4 group (RFC 1112 §6.4) or IPv6 group (RFC 2464 §7). */
void weir__mac_of_group(const struct weir__ip *group, uint8_t mac[6]);

#endif
