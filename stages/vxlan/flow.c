/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <string.h>

#include "flow.h"

#define TAG 4

#define IPV4_HEADER    20
#define IPV4_PROTOCOL  9
#define IPV4_ADDRESSES 12
#define IPV6_HEADER    40
#define IPV6_NEXT      6
#define IPV6_ADDRESSES 8

static uint64_t load(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

static bool has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP ||
	       protocol == IPPROTO_DCCP || protocol == IPPROTO_UDPLITE;
}

/* The ports that begin at offset; without any, 0. */
static uint32_t ports_at(const uint8_t *ip, uint32_t len, uint32_t offset, uint8_t protocol)
{
	uint32_t ports = 0;

	if (has_ports(protocol) && len >= offset + sizeof(ports))
		memcpy(&ports, ip + offset, sizeof(ports));
	return ports;
}

static uint64_t of_ipv4(const uint8_t *ip, uint32_t len)
{
	const uint8_t protocol = ip[IPV4_PROTOCOL];
	/* The later fragments have no ports: so none of a packet counts with them. */
	const bool fragment = (ip[6] & 0x3f) | ip[7];
	const uint32_t ports = fragment ? 0 : ports_at(ip, len, (ip[0] & 15u) * 4, protocol);

	return mix(mix(protocol, load(ip + IPV4_ADDRESSES)), ports);
}

static uint64_t of_ipv6(const uint8_t *ip, uint32_t len)
{
	uint64_t hash = ip[IPV6_NEXT];

	for (unsigned i = 0; i < 4; i++)
		hash = mix(hash, load(ip + IPV6_ADDRESSES + 8 * i));
	return mix(hash, ports_at(ip, len, IPV6_HEADER, ip[IPV6_NEXT]));
}

static uint64_t of_frame(const uint8_t *frame, uint32_t len)
{
	const uint32_t tag = weir__vxlan_is_tagged(frame) && len >= WEIR__VXLAN_FRAME_MIN + TAG ? TAG : 0;
	const uint8_t *ip = frame + WEIR__VXLAN_FRAME_MIN + tag;
	const uint32_t left = len - WEIR__VXLAN_FRAME_MIN - tag;
	const unsigned type = (unsigned)ip[-2] << 8 | ip[-1];

	if (type == 0x0800 && left >= IPV4_HEADER && ip[0] >> 4 == 4)
		return of_ipv4(ip, left);
	if (type == 0x86dd && left >= IPV6_HEADER && ip[0] >> 4 == 6)
		return of_ipv6(ip, left);
	return mix(load(frame), load(frame + 6)); /* both addresses and the type */
}

uint32_t weir__vxlan_flow(const uint8_t *frame, uint32_t len)
{
	/* The upper bits of a product are the better mixed ones. */
	return (uint32_t)(mix(0, of_frame(frame, len)) >> 32);
}
