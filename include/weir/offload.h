/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel of Linux leaves to the device, and a pipeline passes on: checksums of TCP and UDP that are
 * still to be completed, and super-packets, which stand for many packets of one flow and are to be cut into
 * segments before they reach a wire. An endpoint says what it gives and what it takes; where the next one
 * takes less than comes, the engine puts a gso_split in front of it, and where it takes more, a gro_coalesce.
 */
#ifndef WEIR_OFFLOAD_H
#define WEIR_OFFLOAD_H

#include <weir/buf.h>

WEIR_BEGIN_DECLS

/* The bits of TUNSETOFFLOAD (linux/if_tun.h), which a device understands as they are. */
#define WEIR_OFFLOAD_CSUM    0x01u /* checksums to complete; all others need it */
#define WEIR_OFFLOAD_TSO4    0x02u /* super-packets of TCP over IPv4 */
#define WEIR_OFFLOAD_TSO6    0x04u /* and over IPv6 */
#define WEIR_OFFLOAD_TSO_ECN 0x08u /* also those whose first segment has CWR set (RFC 3168) */
#define WEIR_OFFLOAD_USO4    0x20u /* super-packets of UDP datagrams of one size over IPv4 */
#define WEIR_OFFLOAD_USO6    0x40u /* and over IPv6 */
#define WEIR_OFFLOAD_TSO     (WEIR_OFFLOAD_TSO4 | WEIR_OFFLOAD_TSO6)
#define WEIR_OFFLOAD_USO     (WEIR_OFFLOAD_USO4 | WEIR_OFFLOAD_USO6)
#define WEIR_OFFLOAD_ALL     (WEIR_OFFLOAD_CSUM | WEIR_OFFLOAD_TSO | WEIR_OFFLOAD_TSO_ECN | WEIR_OFFLOAD_USO)

/* Values of weir_buf.gso_type: those of struct virtio_net_hdr (linux/virtio_net.h). */
#define WEIR_GSO_NONE  0x00
#define WEIR_GSO_TCPV4 0x01
#define WEIR_GSO_TCPV6 0x04
#define WEIR_GSO_UDP   0x05 /* of both families */
#define WEIR_GSO_ECN   0x80 /* with TCP: CWR is set, and belongs to the first segment only */

/* The packets on the wire that a packet stands for. Of a super-packet, hdr_len is the length of all its
 * headers, for whoever made it has checked it. */
static inline uint32_t weir_buf_segments(const struct weir_buf *buf)
{
	if (WEIR_LIKELY(!buf->gso_type) || buf->len <= buf->hdr_len || !buf->gso_size)
		return 1;
	return (buf->len - buf->hdr_len + buf->gso_size - 1) / buf->gso_size;
}

/* The offloads that whoever takes this packet must understand. */
static inline uint32_t weir_buf_offload(const struct weir_buf *buf)
{
	uint32_t offload = buf->flags & WEIR_BUF_NEEDS_CSUM ? WEIR_OFFLOAD_CSUM : 0;

	if (WEIR_LIKELY(!buf->gso_type))
		return offload;
	if (buf->gso_type & WEIR_GSO_ECN)
		offload |= WEIR_OFFLOAD_TSO_ECN;
	switch (buf->gso_type & ~WEIR_GSO_ECN) {
	case WEIR_GSO_TCPV4:
		return offload | WEIR_OFFLOAD_TSO4;
	case WEIR_GSO_TCPV6:
		return offload | WEIR_OFFLOAD_TSO6;
	default: /* The family is not always known yet. */
		return offload | (buf->family == 6   ? WEIR_OFFLOAD_USO6
				  : buf->family == 4 ? WEIR_OFFLOAD_USO4
						     : WEIR_OFFLOAD_USO);
	}
}

WEIR_END_DECLS

#endif
