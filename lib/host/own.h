/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host's own addresses: whether anybody else has them is asked first (RFC 5227, RFC 4862 §5.4), then they
 * are announced, used and defended, and end when their time has come. It knows no clock and no socket.
 *
 * An address that is in use is never given up because somebody else claims it (RFC 5227 §2.4 (c)): two forged
 * packets would be enough to take it away. It is defended once in ten seconds, and the conflict is counted.
 */
#ifndef WEIR__OWN_H
#define WEIR__OWN_H

#include <weir/host.h>

#include "address.h"

struct weir__own {
	struct weir__ip ip;
	uint8_t bits;
	uint8_t source; /* enum weir_host_source */
	uint8_t state;  /* enum weir_host_address_state */
	uint8_t left;   /* probes or announcements to send */
	uint64_t due;   /* of the next one */
	uint64_t valid_until, preferred_until;
	uint64_t defended_till; /* not again before */
};

struct weir__owns_user {
	void (*probe)(void *context, const struct weir__own *own);
	void (*announce)(void *context, const struct weir__own *own);
	/* One may be used now, or no longer. */
	void (*changed)(void *context);
	uint32_t (*random)(void *context);
	void *context;
};

struct weir__owns {
	struct weir__owns_user user;
	struct weir__own own[WEIR_HOST_ADDRESSES];
	unsigned n;
	bool up;
	uint64_t conflicts;
};

static inline bool weir__own_is_used(const struct weir__own *own)
{
	return own->state == WEIR_HOST_PREFERRED || own->state == WEIR_HOST_DEPRECATED;
}

/* NULL: it is not ours. */
struct weir__own *weir__owns_find(struct weir__owns *owns, const struct weir__ip *ip);

/* One more, for ever; probes it if there is carrier. NULL: there are too many. */
struct weir__own *weir__owns_add(struct weir__owns *owns, const struct weir__ip *ip, unsigned bits,
				 enum weir_host_source source, uint64_t now);
void weir__owns_remove(struct weir__owns *owns, struct weir__own *own);
/* Sets when it ends, which timer() sees. */
void weir__owns_set_end(struct weir__own *own, uint64_t valid_until, uint64_t preferred_until);

/* With carrier, addresses that were never found to be free are probed, and the others announced. */
void weir__owns_carrier(struct weir__owns *owns, bool up, uint64_t now);

/* Somebody else has this address, or says so. */
void weir__owns_conflict(struct weir__owns *owns, struct weir__own *own, uint64_t now);

/* Does what is due; returns when to call it next. */
uint64_t weir__owns_timer(struct weir__owns *owns, uint64_t now);

#endif
