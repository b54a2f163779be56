/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header in front of each packet of a device with offload: struct virtio_net_hdr (virtio 1.2 §5.1.6), in
 * the byte order of the machine, as Linux has it for TUN and TAP.
 */
#ifndef WEIR__VNET_H
#define WEIR__VNET_H

#include <weir/offload.h>

#include <linux/virtio_net.h>

#define WEIR__VNET 10 /* bytes of it: without num_buffers, which only a ring of virtio needs */

_Static_assert(sizeof(struct virtio_net_hdr) == WEIR__VNET, "the header that the kernel reads");

/*
 * Whether the header fits the packet: its offsets lie inside, and a super-packet is of a kind that we asked
 * for. Puts the true length of all headers into hdr_len of a super-packet, where the kernel leaves a hint.
 */
bool weir__vnet_check(struct virtio_net_hdr *header, const uint8_t *packet, uint32_t len);

/* Takes a checked header over into the metadata. */
static inline void weir__vnet_decode(const struct virtio_net_hdr *header, struct weir_buf *buf)
{
	if (WEIR_LIKELY(!(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)))
		return;
	buf->flags |= WEIR_BUF_NEEDS_CSUM;
	buf->csum_start = header->csum_start;
	buf->csum_offset = header->csum_offset;
	buf->gso_type = header->gso_type;
	buf->gso_size = header->gso_size;
	buf->hdr_len = header->hdr_len;
}

/* The header of the packet in buf. */
static inline void weir__vnet_encode(struct virtio_net_hdr *header, const struct weir_buf *buf)
{
	*header = (struct virtio_net_hdr){ 0 };
	if (WEIR_LIKELY(!(buf->flags & WEIR_BUF_NEEDS_CSUM)))
		return;
	header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	header->csum_start = buf->csum_start;
	header->csum_offset = buf->csum_offset;
	if (!buf->gso_type)
		return;
	header->gso_type = buf->gso_type;
	header->gso_size = buf->gso_size;
	header->hdr_len = buf->hdr_len;
}

#endif
