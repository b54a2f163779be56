/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What weir__coalesce() must do with a vector, told in another way than it does it: a packet may be put to
 * others if cutting all of them again gives the very same packets. Without a test library, for unit tests and
 * fuzzing.
 */
#ifndef WEIR_TEST_MERGE_H
#define WEIR_TEST_MERGE_H

#include <stdlib.h>
#include <string.h>

#include "coalesce.h"
#include "plain.h"

#define MERGE_HEADROOM 48
#define MERGE_PACKET   65535

/* --- a vector --- */

/* What a packet is, as far as the rules ask. */
struct nature {
	bool known; /* its flow is */
	bool candidate;
	uint8_t flow[1 + 32 + 4]; /* protocol, addresses, ports */
	uint32_t network, header;
};

struct merge {
	struct weir_buf bufs[2 * WEIR_VECTOR_SIZE]; /* packets, jumbo buffers */
	struct weir_buf before[WEIR_VECTOR_SIZE];
	uint8_t *bytes[WEIR_VECTOR_SIZE]; /* as they came */
	uint8_t *whole[WEIR_VECTOR_SIZE]; /* with completed checksums */
	struct nature nature[WEIR_VECTOR_SIZE];
	uint32_t n;
	uint32_t jumbo[WEIR_VECTOR_SIZE];
	uint32_t jumbos;
	struct weir__coalesce result;
	uint8_t packet[2][MERGE_PACKET + 64]; /* scratch */

	/* What is expected to go on: the packets of each, in their order. */
	struct {
		uint32_t n;
		uint32_t packet[WEIR_VECTOR_SIZE];
		bool closed;
	} item[WEIR_VECTOR_SIZE];
	uint32_t items;
};

/* A buffer whose room ends with what it holds, so that a sanitizer sees a byte touched outside. */
static inline void merge_room(struct weir_buf *buf, uint32_t size)
{
	memset(buf, 0, sizeof(*buf));
	buf->room = malloc(size ? size : 1);
	if (!buf->room)
		abort();
	buf->room_size = size;
	buf->data = buf->room;
}

static inline struct merge *merge_make(enum weir_layer layer, enum weir_framing framing, uint32_t offload,
				       uint32_t jumbos)
{
	struct merge *merge = calloc(1, sizeof(*merge));

	if (!merge)
		abort();
	for (uint32_t i = 0; i < jumbos; i++) {
		merge->jumbo[i] = 2 * WEIR_VECTOR_SIZE - 1 - i;
		merge_room(&merge->bufs[merge->jumbo[i]], MERGE_HEADROOM + MERGE_PACKET);
	}
	merge->jumbos = jumbos;
	merge->result = (struct weir__coalesce){
		.bufs = merge->bufs,
		.layer = layer,
		.framing = framing,
		.offload = offload,
		.headroom = MERGE_HEADROOM,
		.jumbo = merge->jumbo,
		.n_jumbo = jumbos,
	};
	return merge;
}

static inline void merge_free(struct merge *merge)
{
	for (uint32_t i = 0; i < 2 * WEIR_VECTOR_SIZE; i++)
		free(merge->bufs[i].room);
	for (uint32_t i = 0; i < merge->n; i++) {
		free(merge->bytes[i]);
		free(merge->whole[i]);
	}
	free(merge);
}

/* Packet i of the vector is at another place of the list. */
static inline uint32_t merge_index(uint32_t i)
{
	return WEIR_VECTOR_SIZE - 1 - i;
}

static inline struct weir_buf *merge_add(struct merge *merge, const void *bytes, uint32_t len)
{
	struct weir_buf *buf = &merge->bufs[merge_index(merge->n++)];

	merge_room(buf, len);
	if (len)
		memcpy(buf->data, bytes, len);
	buf->len = len;
	buf->arrival = 1000 + merge->n;
	return buf;
}

/* --- what is to become of it --- */

static inline uint32_t plain_network(const struct merge *merge, const uint8_t *bytes, uint32_t len)
{
	if (merge->result.layer == WEIR_LAYER_L2)
		return len >= 18 && plain_load(bytes + 12) == 0x8100 ? 18 : 14;
	return merge->result.layer == WEIR_LAYER_AF && merge->result.framing != WEIR_FRAMING_RAW ? 4 : 0;
}

static inline uint32_t plain_offload(const uint8_t *ip)
{
	const bool ipv6 = plain_is_ipv6(ip);

	if (plain_protocol(ip) == IPPROTO_TCP)
		return WEIR_OFFLOAD_CSUM | (ipv6 ? WEIR_OFFLOAD_TSO6 : WEIR_OFFLOAD_TSO4);
	return WEIR_OFFLOAD_CSUM | (ipv6 ? WEIR_OFFLOAD_USO6 : WEIR_OFFLOAD_USO4);
}

static inline bool plain_has_flow(const struct merge *merge, const uint8_t *bytes, uint32_t len,
				  uint32_t network)
{
	const uint8_t *ip = bytes + network;

	if (len < network + 20)
		return false;
	if (ip[0] != 0x45 && !plain_is_ipv6(ip))
		return false;
	if (len < network + plain_ip_header(ip))
		return false;
	if (merge->result.layer == WEIR_LAYER_L2 &&
	    plain_load(ip - 2) != (plain_is_ipv6(ip) ? 0x86dd : 0x0800))
		return false;
	if (!plain_is_ipv6(ip) && plain_load(ip + 6) & 0x3fff)
		return false;
	if (plain_protocol(ip) != IPPROTO_TCP && plain_protocol(ip) != IPPROTO_UDP)
		return false;
	return len >= network + plain_ip_header(ip) + (plain_protocol(ip) == IPPROTO_TCP ? 20 : 8);
}

static inline struct nature plain_nature(const struct merge *merge, const struct weir_buf *buf)
{
	struct nature nature = { .network = plain_network(merge, buf->data, buf->len) };
	const uint8_t *ip = buf->data + nature.network, *transport;
	bool ipv6;

	nature.known = plain_has_flow(merge, buf->data, buf->len, nature.network);
	if (!nature.known)
		return nature;
	ipv6 = plain_is_ipv6(ip);
	transport = ip + plain_ip_header(ip);
	nature.flow[0] = plain_protocol(ip);
	memcpy(nature.flow + 1, ip + (ipv6 ? 8 : 12), ipv6 ? 32 : 8);
	memcpy(nature.flow + 33, transport, 4);
	nature.header = nature.network + plain_ip_header(ip) + 8;
	nature.candidate = true;
	if (plain_protocol(ip) == IPPROTO_TCP) {
		nature.header += transport[12] / 16 * 4u - 8;
		nature.candidate = transport[12] >= 0x50 && transport[12] % 16 == 0 &&
				   (transport[13] == 0x10 || transport[13] == 0x18);
	}
	nature.candidate = nature.candidate && nature.header < buf->len && !buf->gso_type &&
			   (plain_offload(ip) & ~merge->result.offload & ~WEIR_OFFLOAD_CSUM) == 0;
	if (buf->flags & WEIR_BUF_NEEDS_CSUM)
		nature.candidate = nature.candidate && buf->csum_start == transport - buf->data &&
				   buf->csum_offset == (nature.flow[0] == IPPROTO_TCP ? 16 : 6);
	return nature;
}

/* Whether cutting what is made of the item and packet i gives these packets again. */
static inline bool plain_joins(struct merge *merge, uint32_t item, uint32_t i)
{
	const uint32_t n = merge->item[item].n, first = merge->item[item].packet[0];
	const struct nature *nature = &merge->nature[first];
	const uint32_t size = merge->before[first].len - nature->header;
	uint8_t *super = merge->packet[0], *flags;
	uint32_t len = nature->header;

	merge->item[item].packet[n] = i;
	memcpy(super, merge->whole[first], len);
	for (uint32_t k = 0; k <= n; k++) {
		const uint32_t packet = merge->item[item].packet[k];
		const uint32_t payload = merge->before[packet].len - merge->nature[packet].header;

		if (payload > size || len + payload > MERGE_PACKET)
			return false;
		memcpy(super + len, merge->whole[packet] + merge->nature[packet].header, payload);
		len += payload;
	}
	flags = super + nature->network + plain_ip_header(super + nature->network) + 13;
	if (nature->flow[0] == IPPROTO_TCP)
		*flags |= merge->whole[i][flags - super] & 0x08;
	for (uint32_t k = 0; k <= n; k++) {
		const uint32_t packet = merge->item[item].packet[k];

		if (len <= nature->header + k * size ||
		    plain_cut(super, len, nature->network, nature->header, size, k, merge->packet[1]) !=
			    merge->before[packet].len ||
		    memcmp(merge->packet[1], merge->whole[packet], merge->before[packet].len) != 0)
			return false;
	}
	return true;
}

static inline bool plain_same_metadata(const struct weir_buf *a, const struct weir_buf *b)
{
	const bool tagged = a->flags & WEIR_BUF_VLAN;

	return tagged == !!(b->flags & WEIR_BUF_VLAN) && (!tagged || a->vlan == b->vlan) &&
	       a->mark == b->mark && a->peer == b->peer;
}

/* The last item of the flow of packet i; merge->items: there is none. */
static inline uint32_t plain_last(const struct merge *merge, uint32_t i)
{
	for (uint32_t k = merge->items; k-- > 0;) {
		const struct nature *other = &merge->nature[merge->item[k].packet[0]];

		if (other->known && memcmp(other->flow, merge->nature[i].flow, sizeof(other->flow)) == 0)
			return k;
	}
	return merge->items;
}

static inline void plain_take(struct merge *merge, uint32_t i, uint32_t *jumbos)
{
	const struct nature *nature = &merge->nature[i];
	const uint32_t last = nature->known ? plain_last(merge, i) : merge->items;

	for (uint32_t k = 0; !nature->known && k < merge->items; k++)
		merge->item[k].closed = true;
	if (last < merge->items && !merge->item[last].closed && nature->candidate &&
	    (merge->item[last].n > 1 || *jumbos) &&
	    plain_same_metadata(&merge->before[merge->item[last].packet[0]], &merge->before[i]) &&
	    plain_joins(merge, last, i)) {
		*jumbos -= merge->item[last].n == 1;
		merge->item[last].n++;
		return;
	}
	merge->item[merge->items].n = 1;
	merge->item[merge->items].packet[0] = i;
	merge->item[merge->items++].closed = !nature->candidate;
}

static inline void plain_expect(struct merge *merge)
{
	uint32_t jumbos = merge->jumbos;

	for (uint32_t i = 0; i < merge->n; i++) {
		const struct weir_buf *buf = &merge->bufs[merge_index(i)];

		merge->before[i] = *buf;
		merge->bytes[i] = malloc(buf->len + 1);
		merge->whole[i] = malloc(buf->len + 1);
		if (!merge->bytes[i] || !merge->whole[i])
			abort();
		memcpy(merge->bytes[i], buf->data, buf->len);
		memcpy(merge->whole[i], buf->data, buf->len);
		merge->nature[i] = plain_nature(merge, buf);
		if (merge->nature[i].known && buf->flags & WEIR_BUF_NEEDS_CSUM)
			plain_complete(merge->whole[i] + merge->nature[i].network,
				       buf->len - merge->nature[i].network);
		plain_take(merge, i, &jumbos);
	}
}

/* --- whether it became that --- */

#define merge_require(condition)                      \
	do {                                          \
		if (!(condition))                     \
			return "not so: " #condition; \
	} while (0)

static inline const char *merge_check_untouched(const struct merge *merge, uint32_t i)
{
	const struct weir_buf *now = &merge->bufs[merge_index(i)], *before = &merge->before[i];

	merge_require(now->data == before->data && now->len == before->len && now->room == before->room);
	merge_require(now->room_size == before->room_size && now->arrival == before->arrival);
	merge_require(now->framing == before->framing && now->family == before->family);
	merge_require(now->gso_type == before->gso_type && now->gso_size == before->gso_size);
	merge_require(now->csum_start == before->csum_start && now->csum_offset == before->csum_offset);
	merge_require(now->hdr_len == before->hdr_len && now->vlan == before->vlan);
	merge_require(now->flags == before->flags);
	merge_require(now->mark == before->mark && now->peer == before->peer);
	merge_require(memcmp(now->data, merge->bytes[i], now->len) == 0);
	return NULL;
}

static inline const char *merge_check_metadata(const struct merge *merge, const struct weir_buf *made,
					       uint32_t first)
{
	const struct weir_buf *before = &merge->before[first];
	const uint8_t *ip = made->data + merge->nature[first].network;

	merge_require(made->data == made->room + MERGE_HEADROOM);
	merge_require(made->room_size == MERGE_HEADROOM + MERGE_PACKET);
	merge_require(made->arrival == before->arrival && made->framing == before->framing);
	merge_require(made->mark == before->mark && made->peer == before->peer);
	merge_require(made->vlan == before->vlan && made->family == ip[0] >> 4);
	merge_require(made->flags == (before->flags | WEIR_BUF_NEEDS_CSUM));
	merge_require(made->hdr_len == merge->nature[first].header);
	merge_require(made->gso_size == before->len - made->hdr_len);
	merge_require(weir_buf_offload(made) == plain_offload(ip));
	merge_require(made->csum_start == ip + plain_ip_header(ip) - made->data);
	return NULL;
}

/* What is in the headers of a super-packet. */
static inline const char *merge_check_headers(const struct weir_buf *made, uint8_t *ip)
{
	const uint32_t len = (uint32_t)(made->data + made->len - ip);
	const uint32_t transport = len - plain_ip_header(ip);

	merge_require(plain_load(ip + (plain_is_ipv6(ip) ? 4 : 2)) == (plain_is_ipv6(ip) ? transport : len));
	merge_require(plain_is_ipv6(ip) || plain_sum(0, ip, 20) == 0xffff);
	merge_require(plain_protocol(ip) == IPPROTO_TCP ||
		      plain_load(ip + plain_ip_header(ip) + 4) == transport);
	merge_require(plain_checksum(ip) == made->data + made->csum_start + made->csum_offset);
	merge_require(plain_load(plain_checksum(ip)) == plain_pseudo(ip, transport));
	return NULL;
}

static inline const char *merge_check_item(struct merge *merge, uint32_t k)
{
	const struct weir_buf *made = &merge->bufs[merge->result.index[k]];
	const uint32_t first = merge->item[k].packet[0];
	const char *fault = merge_check_metadata(merge, made, first);

	fault = fault ? fault : merge_check_headers(made, made->data + merge->nature[first].network);
	if (fault)
		return fault;
	merge_require(weir_buf_segments(made) == merge->item[k].n);
	for (uint32_t i = 0; i < merge->item[k].n; i++) {
		const uint32_t packet = merge->item[k].packet[i];

		merge_require(plain_cut(made->data, made->len, merge->nature[first].network, made->hdr_len,
					made->gso_size, i, merge->packet[0]) == merge->before[packet].len);
		merge_require(memcmp(merge->packet[0], merge->whole[packet], merge->before[packet].len) == 0);
	}
	return NULL;
}

/* Whether exactly the packets that are in others are given back, each once. */
static inline const char *merge_check_used(const struct merge *merge)
{
	bool used[WEIR_VECTOR_SIZE] = { false };
	uint32_t n = 0;

	for (uint32_t i = 0; i < merge->result.n_used; i++) {
		merge_require(merge->result.used[i] < WEIR_VECTOR_SIZE);
		merge_require(!used[merge->result.used[i]]);
		used[merge->result.used[i]] = true;
	}
	for (uint32_t k = 0; k < merge->items; k++)
		for (uint32_t i = 0; merge->item[k].n > 1 && i < merge->item[k].n; i++, n++)
			merge_require(used[merge_index(merge->item[k].packet[i])]);
	merge_require(n == merge->result.n_used);
	return NULL;
}

/* Whether as many of the jumbo buffers are taken, from the end, as super-packets were made, one for each. */
static inline const char *merge_check_jumbos(const struct merge *merge)
{
	bool taken[WEIR_VECTOR_SIZE] = { false };
	uint32_t made = 0;

	for (uint32_t k = 0; k < merge->items; k++)
		made += merge->item[k].n > 1;
	merge_require(merge->result.made == made);
	merge_require(merge->result.n_jumbo == merge->jumbos - made);
	for (uint32_t k = 0; k < merge->items; k++) {
		uint32_t i = 0;

		if (merge->item[k].n == 1)
			continue;
		while (i < merge->jumbos && merge->jumbo[i] != merge->result.index[k])
			i++;
		merge_require(i >= merge->result.n_jumbo && i < merge->jumbos && !taken[i]);
		taken[i] = true;
	}
	return NULL;
}

/* Runs it and looks at everything that came of it. NULL: it is as it must be; else what is not. */
static inline const char *merge_run(struct merge *merge)
{
	uint32_t index[WEIR_VECTOR_SIZE];
	const char *fault;

	plain_expect(merge);
	for (uint32_t i = 0; i < merge->n; i++)
		index[i] = merge_index(i);
	weir__coalesce(&merge->result, index, merge->n);
	merge_require(merge->result.n == merge->items);
	fault = merge_check_jumbos(merge);
	for (uint32_t k = 0; k < merge->items && !fault; k++) {
		if (merge->item[k].n > 1) {
			fault = merge_check_item(merge, k);
			continue;
		}
		merge_require(merge->result.index[k] == merge_index(merge->item[k].packet[0]));
		fault = merge_check_untouched(merge, merge->item[k].packet[0]);
	}
	return fault ? fault : merge_check_used(merge);
}

#endif
