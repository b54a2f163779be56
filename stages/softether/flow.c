/* SPDX-License-Identifier: Apache-2.0 */
#include "flow.h"

#define ETHER 14
#define TCP   6
#define UDP   17

static uint32_t ipv4(uint32_t hash, const uint8_t *packet, uint32_t n)
{
	const uint32_t header = 4 * (packet[0] & 0xf);

	hash = weir__se_mix(hash, packet + 12, 2);
	/* Fragments but the first have no ports, so the first counts without them, too. */
	if ((weir__se_load16(packet + 6) & 0x3fff) == 0 && (packet[9] == TCP || packet[9] == UDP) &&
	    n >= header + 4)
		hash = weir__se_mix(hash, packet + header, 1);
	return hash;
}

static uint32_t ipv6(uint32_t hash, const uint8_t *packet, uint32_t n)
{
	hash = weir__se_mix(hash, packet + 8, 8);
	if ((packet[6] == TCP || packet[6] == UDP) && n >= 44)
		hash = weir__se_mix(hash, packet + 40, 1);
	return hash;
}

uint32_t weir__se_flow_hash(const uint8_t *frame, uint32_t n)
{
	uint32_t hash = weir__se_mix(0, frame, 3);

	n -= ETHER;
	switch (weir__se_load16(frame + 12)) {
	case 0x0800:
		hash = n >= 20 ? ipv4(hash, frame + ETHER, n) : hash;
		break;
	case 0x86dd:
		hash = n >= 40 ? ipv6(hash, frame + ETHER, n) : hash;
		break;
	default:
		break;
	}
	return hash;
}
