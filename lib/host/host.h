/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of a host share. All of it but the hops is under one lock, which is held shortly: by the
 * port's workers, by the host's thread, and by who asks for the status. The thread lets go of it while it
 * talks to the kernel and to the application.
 */
#ifndef WEIR__HOST_H
#define WEIR__HOST_H

#include <pthread.h>

#include <weir/host.h>

#include "device.h"
#include "dhcp.h"
#include "ethernet.h"
#include "limit.h"
#include "nd.h"
#include "neighbour.h"
#include "own.h"
#include "router.h"

#define WEIR__HOST_SECOND UINT64_C(1000000000)

/* Frames of the network's that the port takes in a second, by what they are for. Answers that are waited for
 * have a share of their own, so that no flood takes it. */
enum weir__host_class {
	WEIR__HOST_ANSWER,  /* to a question of ours */
	WEIR__HOST_REQUEST, /* somebody who is not known asks for an address of ours */
	WEIR__HOST_UNASKED,
	WEIR__HOST_ROUTER,
	WEIR__HOST_DHCP,
	WEIR__HOST_CLASSES,
};

/* What became of what was given to the port. */
enum weir__host_result {
	WEIR__HOST_TAKEN,
	WEIR__HOST_FLOOD,
	WEIR__HOST_MALFORMED,
	WEIR__HOST_UNWANTED,
	WEIR__HOST_DOWN,
	WEIR__HOST_TOO_LONG,
	WEIR__HOST_NO_WAY,
	WEIR__HOST_NO_ROOM,
};

struct weir__host_route {
	struct weir__ip to;
	unsigned bits;
	struct weir__ip via; /* family 0: on the link */
	enum weir_host_source source;
	uint64_t valid_until;
};

#define WEIR__HOST_CANDIDATES (WEIR__HOPS_PREFIXES - 2 * WEIR_HOST_ADDRESSES)

struct weir_host {
	/* Never changed after it was made. */
	uint8_t mac[6];
	uint8_t link_local[16];
	bool slaac, no_ipv6;
	uint32_t mtu;
	struct weir__host_route fixed[WEIR_HOST_ROUTES]; /* of the options */
	unsigned n_fixed;
	char *netns;
	void (*changed)(void *context, const struct weir_host_status *status);
	void *context;

	uint32_t takes_dhcp; /* the client is on; atomic */
	struct weir__hops hops;

	pthread_mutex_t lock;
	pthread_cond_t moved; /* the port has been read empty */
	struct weir__neighbours neighbours;
	struct weir__owns owns;
	struct weir__routers routers;
	struct weir__dhcp *dhcp; /* NULL: none */
	struct weir__dhcp_lease lease;
	bool has_lease;
	struct weir__limit limit[WEIR__HOST_CLASSES];
	struct weir__host_route candidate[WEIR__HOST_CANDIDATES]; /* all routes, of each prefix the best first
								   */
	unsigned n_candidates;
	struct weir__key broadcast[WEIR_HOST_ADDRESSES]; /* of subnets, as workers see them */
	unsigned n_broadcasts;
	bool carrier;
	uint32_t session_mtu; /* 0: not told */
	unsigned solicitations_left;
	uint64_t solicit_at; /* a router */
	bool routes_changed, status_changed;
	uint64_t replies, flood_drops, out_drops;

	/* Frames on their way out: those of the host's own come first. */
	struct weir__frame_store frames, control;
	struct weir__frame_queue out, out_control;
	uint32_t out_n; /* of both; atomic */
	int out_fd;     /* readable while there are any */

	struct weir__host_device *device; /* the thread's; NULL: none */
	char device_name[64];
	bool device_renamed;
	char device_error[256]; /* what it did not take of the last change */

	pthread_t thread;
	int wake_fd;
	uint64_t sleeps_till; /* the thread */
	bool stop;

	uint32_t random[64];
	unsigned random_left;
};

/* --- host.c --- */

/* Makes a host without a thread: who made it calls weir__host_run(). */
int weir__host_open(struct weir_host **made, const struct weir_host_options *options, struct weir_error *err);
/* NULL is allowed. */
void weir__host_free(struct weir_host *host);

/* All below are to be called with the lock. */

/* Does what is due; returns when to call it next. */
uint64_t weir__host_run(struct weir_host *host, uint64_t now);
/* Sees to it that the thread runs no later than then. */
void weir__host_wake(struct weir_host *host, uint64_t at);
uint32_t weir__host_random(void *context);
void weir__host_set_carrier(struct weir_host *host, bool up, uint64_t now);
void weir__host_start_release(struct weir_host *host, uint64_t now);

/* --- options.c --- */

int weir__host_options(struct weir_host *host, const struct weir_host_options *options,
		       struct weir_error *err);

/* --- input.c --- */

/* A frame of the network's for the host itself. */
enum weir__host_result weir__host_input(struct weir_host *host, const uint8_t *bytes, size_t size,
					uint64_t now);

/* --- output.c --- */

void weir__host_solicit(void *context, const struct weir__neighbour *neighbour, bool all);
void weir__host_transmit(void *context, struct weir__frame *frame);
void weir__host_probe(void *context, const struct weir__own *own);
void weir__host_announce(void *context, const struct weir__own *own);
void weir__host_solicit_router(struct weir_host *host);
void weir__host_answer_arp(struct weir_host *host, const uint8_t own[4], const uint8_t mac[6],
			   const uint8_t to[4]);
/* to: NULL: everybody, unasked; then mac does not matter. */
void weir__host_answer_nd(struct weir_host *host, const uint8_t own[16], const uint8_t *mac,
			  const uint8_t *to);

/* An IP packet to wherever it goes; maybe it waits for a neighbour. */
enum weir__host_result weir__host_send(struct weir_host *host, const uint8_t *packet, size_t size,
				       uint64_t now);
/* The same for the DHCP client. */
void weir__host_send_dhcp(void *context, const uint8_t *packet, size_t size);

/* The oldest frame on its way out, and back to its store. */
struct weir__frame *weir__host_peek(struct weir_host *host);
void weir__host_sent(struct weir_host *host);
/* Drops what is on its way out. */
void weir__host_flush(struct weir_host *host);

/* --- routes.c --- */

/* Makes addresses and routes of what is configured, leased and advertised. */
void weir__host_update(struct weir_host *host, uint64_t now);
void weir__host_wanted(const struct weir_host *host, struct weir__wanted *wanted);

/* --- status.c --- */

void weir__host_fill_status(struct weir_host *host, struct weir_host_status *status);
uint32_t weir__host_mtu(const struct weir_host *host);

/* --- for the stages --- */

/* Atomic, because the client may be ended while workers look. */
static inline bool weir__host_takes_dhcp(const struct weir_host *host)
{
	return __atomic_load_n(&host->takes_dhcp, __ATOMIC_RELAXED);
}

#endif
