/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of several connections a frame goes by. All frames of a flow go by one, or the server would see them
 * in another order. When a connection comes or goes, a flow changes only after a pause that is longer than
 * its frames can lie in a queue, or if its connection is gone.
 */
#ifndef WEIR_SE_FLOW_H
#define WEIR_SE_FLOW_H

#include "bytes.h"

#define WEIR__SE_FLOWS      256
#define WEIR__SE_FLOW_PAUSE (UINT64_C(1000000000) / 2)

struct weir__se_flow {
	uint64_t used;   /* when it had a frame last */
	uint32_t change; /* of the connections that it was given one of */
	uint8_t link;    /* its connection */
};

struct weir__se_flows {
	struct weir__se_flow flow[WEIR__SE_FLOWS];
	uint32_t change; /* counts changes of the connections; 0 is none */
};

static inline uint32_t weir__se_mix(uint32_t hash, const uint8_t *bytes, unsigned words)
{
	for (unsigned i = 0; i < words; i++) {
		hash = (hash ^ weir__se_load32(bytes + 4 * (size_t)i)) * UINT32_C(0x9e3779b1);
		hash ^= hash >> 15; /* a product carries only upwards */
	}
	return hash;
}

/* Of a frame of at least 14 bytes: its addresses, and those and the ports of the packet in it. */
uint32_t weir__se_flow_hash(const uint8_t *frame, uint32_t n);

#endif
