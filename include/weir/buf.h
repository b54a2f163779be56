/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A buffer is one packet: a slot of the pool, with its bytes in a room and its metadata in one cache line.
 *
 * Exactly one owner holds a buffer at any time. Inside a stage that is the stage, for the one packet it is
 * given; it may change the bytes and the metadata, and gives the buffer back by returning a verdict. A stage
 * never frees, keeps or duplicates a buffer.
 */
#ifndef WEIR_BUF_H
#define WEIR_BUF_H

#include <weir/base.h>

WEIR_BEGIN_DECLS

/* What the first byte of a packet belongs to. Chains are type-checked by it before anything is created. */
enum weir_layer {
	WEIR_LAYER_ANY = 0, /* a stage that does not care, and leaves the layer as it is */
	WEIR_LAYER_AF,      /* as a layer-3 device gives it: the prefix of its framing (maybe none), then IP,
			       unchecked */
	WEIR_LAYER_L3,      /* an IPv4 or IPv6 packet whose version and lengths have been checked */
	WEIR_LAYER_L2,      /* an Ethernet frame without its checksum */
};

/* The prefix that a layer-3 device puts in front of each packet. */
enum weir_framing {
	WEIR_FRAMING_RAW = 0, /* none: the version nibble tells the family (Linux IFF_NO_PI, Android) */
	WEIR_FRAMING_TUN_PI,  /* Linux struct tun_pi: flags in host order, EtherType in network order */
	WEIR_FRAMING_UTUN,    /* 4-byte address family in network order (utun of Darwin, tun of the BSDs) */
};

/* Metadata of one packet. Exactly one cache line of 64 bytes, so that a packet costs two lines: this and its
 * header. */
struct weir_buf {
	uint8_t *data;       /* first byte of the packet */
	uint32_t len;        /* bytes of the packet */
	uint32_t room_size;  /* bytes of the room; fixed */
	uint8_t *room;       /* first byte of the room; fixed */
	uint64_t arrival;    /* when its vector was read: nanoseconds of CLOCK_MONOTONIC */
	uint8_t framing;     /* enum weir_framing of the endpoint that it was read from */
	uint8_t family;      /* 4 or 6 once known, else 0 */
	uint8_t owner;       /* who holds it; kept only in builds with checks */
	uint8_t gso_type;    /* virtio_net_hdr gso_type; 0: not a super-packet */
	uint16_t gso_size;   /* payload bytes of one segment */
	uint16_t csum_start; /* where the checksum to complete begins, from data; meaningful with
				WEIR_BUF_NEEDS_CSUM */
	uint16_t csum_offset;
	uint16_t hdr_len;
	uint16_t vlan;  /* 802.1Q tag control information kept by eth_unwrap; meaningful with WEIR_BUF_VLAN */
	uint16_t flags; /* WEIR_BUF_… */
	uint64_t mark; /* for the stages of an application; 0 when read. Only packets of the same mark are put
			  together */
	uint32_t peer; /* of an endpoint with many peers: the number of that which it came from, and of that
			  which it goes to; 0: none */
};

#define WEIR_BUF_NEEDS_CSUM 0x0001 /* the transport checksum is only the folded pseudo-header sum */
#define WEIR_BUF_VLAN       0x0002 /* .vlan holds a tag that was taken off */

#ifndef __cplusplus
_Static_assert(sizeof(struct weir_buf) == 64, "metadata is one cache line");
#endif

/* Bytes that can be prepended. A checked chain has enough for all its stages: see struct
 * weir_stage_type.headroom. */
static inline size_t weir_buf_headroom(const struct weir_buf *buf)
{
	return (size_t)(buf->data - buf->room);
}

/* Bytes that can be appended. */
static inline size_t weir_buf_tailroom(const struct weir_buf *buf)
{
	return buf->room_size - weir_buf_headroom(buf) - buf->len;
}

/* Prepends n bytes, n at most the headroom that the stage's type declares; the new bytes are not written. */
static inline uint8_t *weir_buf_push(struct weir_buf *buf, uint32_t n)
{
	buf->data -= n;
	buf->len += n;
	return buf->data;
}

/* Takes n bytes off the front; n at most buf->len. */
static inline uint8_t *weir_buf_pull(struct weir_buf *buf, uint32_t n)
{
	buf->data += n;
	buf->len -= n;
	return buf->data;
}

/*
 * The n bytes that weir_buf_push() has just prepended, or with a negative n those that weir_buf_pull() has
 * just taken off, belong to the packet, not to the framing of a device: keeps the offsets that are counted
 * from data in place. With an offset that lay in the bytes taken off, csum_start ends up beyond the packet,
 * where its user refuses it.
 */
static inline void weir_buf_shift(struct weir_buf *buf, int n)
{
	if (WEIR_LIKELY(!(buf->flags & WEIR_BUF_NEEDS_CSUM)))
		return;
	buf->csum_start = (uint16_t)(buf->csum_start + n);
	if (buf->hdr_len) /* 0: not known */
		buf->hdr_len = (uint16_t)(buf->hdr_len + n > 0 ? buf->hdr_len + n : 0);
}

/* Cuts the packet to its first len bytes; len at most buf->len. */
static inline void weir_buf_trim(struct weir_buf *buf, uint32_t len)
{
	buf->len = len;
}

/* Appends n bytes, n at most weir_buf_tailroom(); returns where they begin; they are not written. */
static inline uint8_t *weir_buf_put(struct weir_buf *buf, uint32_t n)
{
	uint8_t *tail = buf->data + buf->len;

	buf->len += n;
	return tail;
}

WEIR_END_DECLS

#endif
