/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two network namespaces with a client of the VPN server in each, and a pair of virtual Ethernet devices from
 * each to the namespace of the server. What one side sends to the other one's address passes the client of
 * its side, the site's hub on the server, and the client of the other side.
 */
#ifndef WEIR_BENCH_SITE_H
#define WEIR_BENCH_SITE_H

#include "suite.h"
#include "vpnclient.h"

enum site_kind {
	SITE_VPNCLIENT,
	SITE_WEIR,
	SITE_WEIR_TUN,
};

struct site {
	struct rig rig; /* that of a mode is that of its site */
	enum site_kind kind;
	bool udp;
	bool plain; /* the pairs of devices have no offloads, as a wire between machines has none */

	/* Filled in by site_make(). */
	struct softether_client client[SIDES];
	struct process vpnclient[SIDES];
	struct forwarder weir[SIDES];
};

/* The namespaces with their clients, which connect at once. The server has a hub of that number. */
void site_make(struct site *site, const struct softether *server, unsigned hub,
	       const struct placement *placement);
/* Processor time of both clients. */
uint64_t site_cpu_ns(const struct rig *rig);
/* Waits until packets pass, by UDP if they shall. */
void site_await(const struct site *site, const struct softether *server);
/* Whether they do at this moment go by UDP. */
bool site_goes_by_udp(const struct site *site, const struct softether *server);
/* Ends the clients; what became of all packets is added to the sum. */
void site_end(struct site *site, struct conservation *sum);

#endif
