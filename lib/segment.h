/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A super-packet of TCP or UDP in pieces, each a packet of its own with checksums completed, as the kernel
 * would cut it (GSO). And a single packet whose checksum is still to be completed.
 */
#ifndef WEIR__SEGMENT_H
#define WEIR__SEGMENT_H

#include <weir/offload.h>

/* How it falls apart. Points into the super-packet, which must stay. */
struct weir__segments {
	const uint8_t *packet;
	uint32_t len;
	uint32_t network;   /* where the IP header begins: behind Ethernet, or the prefix of a device */
	uint32_t transport; /* where TCP or UDP begins */
	uint32_t header;    /* bytes of all headers */
	uint32_t size;      /* payload bytes of each piece but the last */
	uint32_t n;         /* pieces */
	uint8_t protocol;   /* IPPROTO_TCP or IPPROTO_UDP */
	uint8_t family;     /* 4 or 6 */
	/* The implementation's: the sums of what is the same in the headers of every piece. */
	uint64_t network_sum;
	uint64_t transport_sum;
};

/* Where the IP header of a packet of that layer begins. */
uint32_t weir__segments_network(const struct weir_buf *buf, enum weir_layer layer, enum weir_framing framing);

/*
 * Reads the headers of the super-packet in buf, whose IP header begins at network, and believes neither
 * hdr_len nor the transport protocol that gso_type tells without looking. Returns false if it is no such
 * packet, or its offsets lie outside of it.
 */
bool weir__segments_begin(struct weir__segments *segments, const struct weir_buf *buf, uint32_t network);

/* Bytes of piece k < n. */
static inline uint32_t weir__segments_len(const struct weir__segments *segments, uint32_t k)
{
	const uint32_t payload = segments->len - segments->header - k * segments->size;

	return segments->header + (payload < segments->size ? payload : segments->size);
}

/* Writes piece k to to, which has room for it and does not overlap the super-packet. */
void weir__segments_write(const struct weir__segments *segments, uint32_t k, uint8_t *to);

/*
 * Completes the checksum of a packet that is flagged so and no super-packet, and takes the flag away. Returns
 * false if its field lies outside of the packet.
 */
bool weir__segment_complete(struct weir_buf *buf);

#endif
