/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eth_wrap: an Ethernet header (IEEE 802.3) in front of an IP packet.
 *
 * The EtherType comes from the family. An IPv4 multicast destination gets 01:00:5e and its low 23 bits (RFC
 * 1112 §6.4), IPv6 multicast 33:33 and its low 32 bits (RFC 2464 §7), limited and subnet broadcast
 * ff:ff:ff:ff:ff:ff; everything else goes to the next hop.
 */
#ifndef WEIR_ETH_WRAP_H
#define WEIR_ETH_WRAP_H

#include <weir/stage.h>

WEIR_BEGIN_DECLS

struct weir_eth_wrap {
	WEIR_STAGE_OPTIONS
	const char *source;        /* MAC address of this side; required, unicast */
	const char *next_hop;      /* MAC address that unicast packets go to; default ff:ff:ff:ff:ff:ff */
	const char *const *subnet; /* IPv4 prefixes, "10.9.0.0/24", whose highest address is a broadcast
				      address; a WEIR_LIST of at most 8 */
	bool pad;                  /* pad frames to 60 bytes with zeros */
	bool vlan;                 /* put the tag back that eth_unwrap kept */
};

WEIR_API extern const struct weir_stage_type weir_eth_wrap_type;

#define weir_eth_wrap(...) WEIR_STAGE(weir_eth_wrap_type, struct weir_eth_wrap, __VA_ARGS__)

WEIR_END_DECLS

#endif
