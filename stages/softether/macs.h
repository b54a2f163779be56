/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addresses that frames were sent from. After a login the server still sends what is for them to the
 * session before, until the new one has sent a frame from each.
 */
#ifndef WEIR_SE_MACS_H
#define WEIR_SE_MACS_H

#include "bytes.h"

#define WEIR__SE_MACS     16 /* that are remembered; a user who may not bridge has three */
#define WEIR__SE_ANNOUNCE 60 /* bytes of the frame that announces one */

struct weir__se_macs {
	uint64_t last;
	uint64_t mac[WEIR__SE_MACS]; /* the newest first */
	unsigned n;
};

void weir__se_macs_add(struct weir__se_macs *macs, uint64_t mac);

static inline uint64_t weir__se_mac_source(const uint8_t *frame)
{
	return (uint64_t)weir__se_load16(frame + 6) << 32 | weir__se_load32(frame + 8);
}

/* The source of a frame. */
static inline void weir__se_macs_see(struct weir__se_macs *macs, const uint8_t *frame)
{
	const uint64_t mac = weir__se_mac_source(frame);

	if (mac == macs->last)
		return;
	macs->last = mac;
	weir__se_macs_add(macs, mac);
}

/* A request of RARP (RFC 903) to all, which asks for nothing that anybody would answer: what bridges learn an
 * address from, without a change to what hosts know. */
void weir__se_announcement(uint64_t mac, uint8_t frame[WEIR__SE_ANNOUNCE]);

#endif
