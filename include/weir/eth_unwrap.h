/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eth_unwrap: the IP packet of an Ethernet frame.
 *
 * Frames that are neither IPv4 nor IPv6 (ARP among them) leave by exit 0 as they came if it is wired, else
 * they are dropped. One 802.1Q tag is taken off; a second one, or a service tag (EtherType 0x88a8), is not
 * IP. The packet is checked as af_decap does, and padding is trimmed to its total length.
 */
#ifndef WEIR_ETH_UNWRAP_H
#define WEIR_ETH_UNWRAP_H

#include <weir/stage.h>

WEIR_BEGIN_DECLS

enum weir_vlan {
	WEIR_VLAN_STRIP = 0, /* take the tag off and forget it */
	WEIR_VLAN_KEEP,      /* take it off and keep it in the metadata, for an eth_wrap with .vlan */
	WEIR_VLAN_REFUSE,    /* drop tagged frames */
};

struct weir_eth_unwrap {
	WEIR_STAGE_OPTIONS
	enum weir_vlan vlan;
};

WEIR_API extern const struct weir_stage_type weir_eth_unwrap_type;

#define weir_eth_unwrap(...) WEIR_STAGE(weir_eth_unwrap_type, struct weir_eth_unwrap, __VA_ARGS__)

WEIR_END_DECLS

#endif
