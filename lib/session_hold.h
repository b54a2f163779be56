/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that are kept while a session is not up: copies, in memory that was taken before. */
#ifndef WEIR__SESSION_HOLD_H
#define WEIR__SESSION_HOLD_H

#include <weir/endpoint.h>

struct weir__session_hold {
	struct weir_buf *bufs; /* places for max packets; those in use lie from first to end */
	uint8_t *bytes;        /* their rooms, in the same order, from the beginning up to used */
	size_t size;
	size_t used;
	uint32_t max;
	uint32_t limit; /* packets at once, at most max */
	uint32_t first;
	uint32_t end;
	uint32_t headroom; /* in front of each, and tailroom behind */
	uint32_t tailroom;
};

/* For max packets of an endpoint; 0: none, and no memory. Returns 0 or -ENOMEM. */
int weir__session_hold_open(struct weir__session_hold *hold, uint32_t max,
			    const struct weir_endpoint_info *info);
void weir__session_hold_close(struct weir__session_hold *hold);

static inline uint32_t weir__session_hold_count(const struct weir__session_hold *hold)
{
	return hold->end - hold->first;
}

/* Keeps a copy of the packet. Returns false if there is no place. */
bool weir__session_hold_put(struct weir__session_hold *hold, const struct weir_buf *buf);

/* Shows the first packets, as many as a vector has, to be sent. */
void weir__session_hold_show(struct weir__session_hold *hold, struct weir_writer *writer);

/* The first n of them have gone. */
void weir__session_hold_gone(struct weir__session_hold *hold, uint32_t n);

#endif
