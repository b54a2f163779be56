/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What routers advertise: RFC 4861 §6.3.4, 4862 §5.5.3, 4191 §2.2 (the preference), 8106 §5. It knows no
 * clock and no socket. What it keeps is bounded: what comes when it is full is refused, so that nobody can
 * push out what is in use.
 */
#ifndef WEIR__ROUTER_H
#define WEIR__ROUTER_H

#include <weir/host.h>

#include "nd.h"

#define WEIR__ROUTERS         8
#define WEIR__ROUTER_PREFIXES 8

struct weir__router {
	uint8_t address[16]; /* link-local */
	int8_t preference;   /* -1, 0 or 1 */
	uint64_t until;      /* 0: free */
};

struct weir__router_prefix {
	uint8_t prefix[16];
	uint8_t bits;
	uint64_t on_link_until;                /* 0: it is not */
	uint64_t valid_until, preferred_until; /* of an address made from it; 0: none is */
};

struct weir__router_name {
	char text[256];
	uint64_t until;
};

struct weir__router_dns {
	uint8_t address[16];
	uint64_t until;
};

struct weir__routers {
	struct weir__router router[WEIR__ROUTERS];
	struct weir__router_prefix prefix[WEIR__ROUTER_PREFIXES];
	struct weir__router_dns dns[WEIR_HOST_DNS];
	struct weir__router_name domain[WEIR_HOST_DNS];
	uint32_t mtu; /* 0: none has told one */
	uint32_t mtu_max;
	uint64_t reachable_ns; /* 0: none has told it */
	uint64_t refused;
};

/* An advertisement. Returns whether it changed anything but the ends of lifetimes; or true in any case where
 * in doubt. */
bool weir__routers_input(struct weir__routers *routers, const struct weir__nd *ra, uint64_t now);

/* That router says that it is none (RFC 4861 §7.2.5). Returns whether it was. */
bool weir__routers_remove(struct weir__routers *routers, const uint8_t address[16]);

/* Forgets what has ended; changed: whether anything has. Returns when the next thing ends. */
uint64_t weir__routers_timer(struct weir__routers *routers, uint64_t now, bool *changed);

#endif
