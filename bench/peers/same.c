/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_graph_worker.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "same.h"

uint64_t same_bad;

/* What the node of the statistics has counted. */
static struct {
	uint64_t packets, bytes, ipv4, ipv6;
	uint64_t size[32]; /* by the logarithm */
} stats;

/* As the filter of bench/chain.c has them, in network order: whom frames are for, and from whom. */
static const struct rte_ether_addr own = { { 2, 0, 0, 0, 0, 2 } }, peer = { { 2, 0, 0, 0, 0, 1 } };

static inline bool check_ipv4(const struct rte_ipv4_hdr *ip, uint32_t len)
{
	const uint32_t header = (ip->version_ihl & 0xfu) * 4;
	const uint32_t total = rte_be_to_cpu_16(ip->total_length);

	return header >= sizeof(*ip) && total >= header && total <= len;
}

static inline bool check_ipv6(const struct rte_ipv6_hdr *ip, uint32_t len)
{
	return len >= sizeof(*ip) && sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len) <= len;
}

/* Notes the family that it finds. */
static inline bool check_ip(struct rte_mbuf *packet)
{
	const uint8_t *ip = rte_pktmbuf_mtod(packet, const uint8_t *);

	if (packet->data_len < sizeof(struct rte_ipv4_hdr))
		return false;
	packet->packet_type = ip[0] >> 4 == 4 ? RTE_PTYPE_L3_IPV4 : RTE_PTYPE_L3_IPV6;
	if (ip[0] >> 4 == 4)
		return check_ipv4((const struct rte_ipv4_hdr *)ip, packet->data_len);
	return ip[0] >> 4 == 6 && check_ipv6((const struct rte_ipv6_hdr *)ip, packet->data_len);
}

static inline bool is_group(const struct rte_mbuf *packet, const uint8_t *ip)
{
	uint32_t destination;

	if (packet->packet_type == RTE_PTYPE_L3_IPV6)
		return ip[24] == 0xff;
	memcpy(&destination, ip + 16, sizeof(destination));
	return ip[16] >> 4 == 0xe || destination == UINT32_MAX;
}

/* Such a run has no group for a destination. */
static inline bool wrap(struct rte_mbuf *packet)
{
	const bool group = is_group(packet, rte_pktmbuf_mtod(packet, const uint8_t *));
	struct rte_ether_hdr *frame = (struct rte_ether_hdr *)rte_pktmbuf_prepend(packet, sizeof(*frame));

	if (!frame || group)
		return false;
	frame->dst_addr = own;
	frame->src_addr = peer;
	frame->ether_type = packet->packet_type == RTE_PTYPE_L3_IPV4 ? RTE_BE16(RTE_ETHER_TYPE_IPV4)
								     : RTE_BE16(RTE_ETHER_TYPE_IPV6);
	return true;
}

static inline bool filter(struct rte_mbuf *packet)
{
	const struct rte_ether_hdr *frame = rte_pktmbuf_mtod(packet, const struct rte_ether_hdr *);

	return packet->data_len >= sizeof(*frame) && rte_is_same_ether_addr(&frame->dst_addr, &own);
}

static inline bool count(struct rte_mbuf *packet)
{
	stats.size[31 - (unsigned)__builtin_clz(packet->pkt_len | 1)]++;
	stats.packets++;
	stats.bytes += packet->pkt_len;
	stats.ipv4 += packet->packet_type == RTE_PTYPE_L3_IPV4;
	stats.ipv6 += packet->packet_type == RTE_PTYPE_L3_IPV6;
	return true;
}

static inline bool unwrap(struct rte_mbuf *packet)
{
	const struct rte_ether_hdr *frame = rte_pktmbuf_mtod(packet, const struct rte_ether_hdr *);

	if (packet->data_len < sizeof(*frame) || (frame->ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV4) &&
						  frame->ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV6)))
		return false;
	rte_pktmbuf_adj(packet, sizeof(*frame));
	return check_ip(packet);
}

/* Handles each packet and hands all on together: the cheapest way that there is. */
#define NODE(function, each)                                                                                 \
	static uint16_t function(struct rte_graph *graph, struct rte_node *node, void **objects, uint16_t n) \
	{                                                                                                    \
		unsigned bad = 0;                                                                            \
		for (uint16_t i = 0; i < n; i++)                                                             \
			bad += !each(objects[i]);                                                            \
		same_bad += bad;                                                                             \
		rte_node_next_stream_move(graph, node, 0);                                                   \
		return n;                                                                                    \
	}

NODE(check_all, check_ip)
NODE(wrap_all, wrap)
NODE(filter_all, filter)
NODE(count_all, count)
NODE(unwrap_all, unwrap)

const rte_node_process_t same_nodes[] = { check_all, wrap_all, filter_all, count_all, unwrap_all, check_all };
