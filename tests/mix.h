/* SPDX-License-Identifier: Apache-2.0 */
/* Random vectors for weir__coalesce(): a few flows, mixed, in which now and then something is out of order.
 */
#ifndef WEIR_TEST_MIX_H
#define WEIR_TEST_MIX_H

#include "merge.h"

struct mix {
	uint64_t dice; /* the seed, at first */
	struct merge *merge;
	bool wire;            /* only what comes from a wire, and can be written to a device */
	uint8_t ethernet[12]; /* the addresses of frames */
	uint8_t bytes[4096];
};

/* A number below n: splitmix64. */
static inline uint32_t toss(struct mix *mix, uint32_t n)
{
	uint64_t z = mix->dice += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ (z >> 31)) % n);
}

static inline bool one_in(struct mix *mix, uint32_t n)
{
	return toss(mix, n) == 0;
}

static inline uint32_t toss_prefix(struct mix *mix, uint8_t prefix[18], uint8_t family)
{
	uint32_t n = 14;

	if (mix->merge->result.layer != WEIR_LAYER_L2) {
		memcpy(prefix, (const uint8_t[]){ 0, 0, 0, family == 4 ? 2 : 30 }, 4);
		return mix->merge->result.layer == WEIR_LAYER_AF &&
				       mix->merge->result.framing == WEIR_FRAMING_UTUN
			       ? 4
			       : 0;
	}
	memcpy(prefix, mix->ethernet, 12);
	if (one_in(mix, 4)) {
		plain_store(prefix + 12, 0x8100);
		plain_store(prefix + 14, toss(mix, 2));
		n = 18;
	}
	plain_store(prefix + n - 2, !mix->wire && one_in(mix, 50) ? 0x0806 : family == 4 ? 0x0800 : 0x86dd);
	return n;
}

static inline struct segment toss_flow(struct mix *mix, uint32_t flow)
{
	static const uint32_t payloads[7] = { 1, 2, 9, 100, 1000, 1448, 2500 };

	return (struct segment){
		.family = one_in(mix, 2) ? 4 : 6,
		.protocol = one_in(mix, 2) ? IPPROTO_TCP : IPPROTO_UDP,
		.flow = (uint8_t)flow,
		.tos = (uint8_t)toss(mix, 256),
		.ttl = (uint8_t)(3 + toss(mix, 250)),
		.id = (uint16_t)toss(mix, 65536),
		.fragment = (uint16_t)(toss(mix, 4) << 14 & 0xc000),
		.label = toss(mix, UINT32_MAX),
		.sequence = one_in(mix, 2) ? UINT32_MAX - toss(mix, 5000) : toss(mix, UINT32_MAX),
		.acknowledged = toss(mix, UINT32_MAX),
		.flags = 0x10,
		.window = (uint16_t)toss(mix, 65536),
		.options = (uint8_t)(toss(mix, 11) * 4),
		.option = (uint8_t)toss(mix, 256),
		.payload = payloads[toss(mix, 7)],
	};
}

/* Something about one packet that is not as in others. */
static inline void toss_change(struct mix *mix, struct segment *segment)
{
	switch (toss(mix, 14)) {
	case 0:
		segment->flags = 0x18;
		break;
	case 1:
		segment->flags = (uint16_t)toss(mix, 0x1000);
		break;
	case 2:
		segment->payload = toss(mix, segment->payload + 1);
		break;
	case 3:
		segment->payload += toss(mix, 10);
		break;
	case 4:
		segment->sequence += toss(mix, 3) - 1;
		break;
	case 5:
		segment->id = (uint16_t)(segment->id + toss(mix, 3) - 1);
		break;
	case 6:
		segment->fragment = (uint16_t)(1u << toss(mix, 16));
		break;
	case 7:
		segment->window++;
		break;
	case 8:
		segment->acknowledged += toss(mix, 3);
		break;
	case 9:
		segment->option++;
		break;
	case 10:
		segment->tos ^= (uint8_t)(1u << toss(mix, 8));
		break;
	case 11:
		segment->label ^= 1u << toss(mix, 20);
		break;
	case 12:
		segment->ttl--;
		break;
	default:
		segment->protocol ^= IPPROTO_TCP ^ IPPROTO_UDP;
	}
}

/* Something about a packet's bytes. */
static inline void toss_damage(struct mix *mix, struct weir_buf *buf, uint32_t network)
{
	switch (toss(mix, 3)) {
	case 0: /* not the IP version, without which no device takes it */
		buf->data[network + 1 + toss(mix, buf->len - network - 1)] ^= (uint8_t)(1u << toss(mix, 8));
		break;
	case 1: /* the same with right checksums */
		buf->data[network + 1 + toss(mix, 5)] ^= (uint8_t)(1u << toss(mix, 8));
		plain_finish(buf->data + network, buf->len - network);
		break;
	default:
		plain_store(plain_checksum(buf->data + network), one_in(mix, 2) ? 0 : 0xffff);
	}
}

/* Something that does not come from a wire. */
static inline void toss_metadata(struct mix *mix, struct weir_buf *buf)
{
	switch (toss(mix, 5)) {
	case 0:
		buf->len = toss(mix, buf->len);
		break;
	case 1:
		buf->gso_type = WEIR_GSO_TCPV4;
		break;
	case 2:
		buf->mark = toss(mix, 2);
		buf->peer = toss(mix, 2);
		break;
	case 3:
		buf->vlan = (uint16_t)toss(mix, 2);
		buf->flags |= WEIR_BUF_VLAN;
		break;
	default:
		buf->csum_start = (uint16_t)(buf->csum_start + 1);
	}
}

static inline void toss_packet(struct mix *mix, struct segment *flow, uint32_t odd)
{
	struct segment segment = *flow;
	uint8_t prefix[18];
	const uint32_t network = toss_prefix(mix, prefix, flow->family);
	struct weir_buf *buf;
	uint32_t len;

	if (one_in(mix, odd))
		toss_change(mix, &segment);
	memcpy(mix->bytes, prefix, network);
	len = segment_write(&segment, mix->bytes + network);
	buf = merge_add(mix->merge, mix->bytes, network + len);
	if (one_in(mix, odd))
		toss_damage(mix, buf, network);
	else if (one_in(mix, 6))
		segment_make_partial(buf, network);
	if (!mix->wire && one_in(mix, odd))
		toss_metadata(mix, buf);
	if (one_in(mix, odd)) /* lost, or to come later */
		segment.id += (uint16_t)toss(mix, 3);
	flow->id = (uint16_t)(segment.id + 1);
	flow->sequence = segment.sequence + segment.payload;
	flow->fill++;
}

/* Fills the vector of mix->merge. */
static inline void mix_fill(struct mix *mix)
{
	const uint32_t flows = 1 + toss(mix, one_in(mix, 4) ? 31 : 4), odd = 2 + toss(mix, 40);
	const uint32_t n = toss(mix, WEIR_VECTOR_SIZE + 1);
	struct segment flow[32];
	uint32_t f = 0;

	for (uint32_t i = 0; i < flows; i++)
		flow[i] = toss_flow(mix, i);
	for (uint32_t i = 0; i < n; i++) {
		if (one_in(mix, 3))
			f = toss(mix, flows);
		toss_packet(mix, &flow[f], odd);
	}
}

#endif
