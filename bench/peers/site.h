/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two network namespaces with a client of the VPN server in each, and a pair of virtual Ethernet devices from
 * each to the namespace of the server. What one side sends to the other one's address passes the client of
 * its side, the site's hub on the server, and the client of the other side.
 */
#ifndef WEIR_BENCH_SITE_H
#define WEIR_BENCH_SITE_H

#include "forwarder.h"
#include "softether.h"

enum site_kind {
	SITE_VPNCLIENT,
	SITE_WEIR,     /* between a TAP and the session: frames as they are, as the other client has it */
	SITE_WEIR_TUN, /* between a TUN and the session, with what that needs between */
};

struct site {
	struct rig rig; /* that of a mode is that of its site */
	enum site_kind kind;
	bool udp;       /* packets go by UDP, once the server sees that this works */
	bool plain;     /* the pairs of devices have no offloads, as a wire between machines has none */
	unsigned index; /* the rest is filled in by site_make() */
	char hub[16];
	char server[SIDES][16];       /* its address for that side */
	struct process client[SIDES]; /* vpnclient */
	struct forwarder weir[SIDES];
};

/* The namespaces with their clients, which connect at once. */
void site_make(struct site *site, const struct softether *server, unsigned index);
/* Processor time of both clients. */
uint64_t site_cpu_ns(const struct rig *rig);
/* Waits until packets pass, by UDP if they shall. */
void site_await(const struct site *site, const struct softether *server);
/* Whether they do at this moment go by UDP. */
bool site_goes_by_udp(const struct site *site, const struct softether *server);
void site_end(struct site *site);

#endif
