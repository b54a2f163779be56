/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stddef.h>

#include "vnet.h"

/* The length of all headers of a super-packet; 0: it is none. The transport header is where the checksum
 * begins. */
static uint32_t headers_of(const struct virtio_net_hdr *header, const uint8_t *packet, uint32_t len)
{
	const uint32_t at = header->csum_start;
	uint32_t size;

	switch (header->gso_type) {
	case WEIR_GSO_TCPV4:
	case WEIR_GSO_TCPV4 | WEIR_GSO_ECN:
	case WEIR_GSO_TCPV6:
	case WEIR_GSO_TCPV6 | WEIR_GSO_ECN:
		if (header->csum_offset != offsetof(struct tcphdr, check) || at + sizeof(struct tcphdr) > len)
			return 0;
		size = (packet[at + 12] >> 4) * 4u;
		return size < sizeof(struct tcphdr) ? 0 : at + size;
	case WEIR_GSO_UDP:
		return header->csum_offset == offsetof(struct udphdr, check)
			       ? at + (uint32_t)sizeof(struct udphdr)
			       : 0;
	default:
		return 0;
	}
}

bool weir__vnet_check(struct virtio_net_hdr *header, const uint8_t *packet, uint32_t len)
{
	uint32_t headers;

	if (!(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return header->gso_type == VIRTIO_NET_HDR_GSO_NONE;
	if ((uint32_t)header->csum_start + header->csum_offset + sizeof(uint16_t) > len)
		return false;
	if (header->gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return true;
	headers = headers_of(header, packet, len);
	if (!headers || headers >= len || headers > UINT16_MAX || !header->gso_size)
		return false;
	header->hdr_len = (uint16_t)headers;
	return true;
}
