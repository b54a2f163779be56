/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR__VXLAN_FLOW_H
#define WEIR__VXLAN_FLOW_H

#include <weir/base.h>

#define WEIR__VXLAN_FRAME_MIN 14 /* bytes of an Ethernet header */

/* Whether the frame has a VLAN tag. */
static inline bool weir__vxlan_is_tagged(const uint8_t *frame)
{
	return (frame[12] == 0x81 && frame[13] == 0x00) || (frame[12] == 0x88 && frame[13] == 0xa8);
}

/* A number that all frames of a flow have in common: of TCP, UDP and the like by their ports. len is at least
 * WEIR__VXLAN_FRAME_MIN. */
uint32_t weir__vxlan_flow(const uint8_t *frame, uint32_t len);

#endif
