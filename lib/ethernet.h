/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of Ethernet that several files need (IEEE 802.3, 802.1Q). */
#ifndef WEIR__ETHERNET_H
#define WEIR__ETHERNET_H

#define WEIR__ETH_HEADER    14
#define WEIR__ETH_VLAN      4  /* bytes of a tag */
#define WEIR__ETH_FRAME_MIN 60 /* without the checksum */

#define WEIR__ETHERTYPE_IPV4 0x0800
#define WEIR__ETHERTYPE_ARP  0x0806
#define WEIR__ETHERTYPE_VLAN 0x8100
#define WEIR__ETHERTYPE_IPV6 0x86dd
#define WEIR__ETHERTYPE_QINQ 0x88a8 /* an outer tag */

#endif
