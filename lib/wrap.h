/* SPDX-License-Identifier: Apache-2.0 */
/* What the stages share that put an Ethernet header in front of an IP packet. */
#ifndef WEIR__WRAP_H
#define WEIR__WRAP_H

#include <weir/buf.h>

#include "address.h"
#include "bytes.h"
#include "ethernet.h"
#include "ip.h"

/* The shortest packet is a bare IPv4 header. */
#define WEIR__PAD_MAX (WEIR__ETH_FRAME_MIN - WEIR__ETH_HEADER - WEIR__IPV4_HEADER)

/* By the packet itself, since an endpoint of layer 3 need not have told. 0: too short to have a destination.
 */
static inline uint8_t weir__wrap_family(const struct weir_buf *buf)
{
	if (WEIR_UNLIKELY(buf->len < WEIR__IPV4_HEADER))
		return 0;
	if (buf->data[0] >> 4 == 4)
		return 4;
	return buf->data[0] >> 4 == 6 && buf->len >= WEIR__IPV6_HEADER ? 6 : 0;
}

/* Whether the packet goes to a group. */
static inline bool weir__wrap_is_group(const uint8_t *packet, uint8_t family)
{
	return family == 6 ? packet[24] == 0xff : packet[16] >> 4 == 0xe;
}

/* The destination of a packet that goes to a group. */
static inline void weir__wrap_group(uint8_t mac[6], const uint8_t *packet, uint8_t family)
{
	struct weir__ip group = { .family = family };

	memcpy(group.bytes, packet + (family == 4 ? 16 : 24), family == 4 ? 4 : 16);
	weir__mac_of_group(&group, mac);
}

static inline uint16_t weir__wrap_ethertype(uint8_t family)
{
	return family == 4 ? WEIR__ETHERTYPE_IPV4 : WEIR__ETHERTYPE_IPV6;
}

/* What the packet was in before must not leak into the frame. */
static inline void weir__wrap_pad(struct weir_buf *buf)
{
	if (WEIR_UNLIKELY(buf->len < WEIR__ETH_FRAME_MIN)) {
		const uint32_t n = WEIR__ETH_FRAME_MIN - buf->len;

		memset(weir_buf_put(buf, n), 0, n);
	}
}

#endif
