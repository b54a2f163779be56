/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The neighbours of a host: who has which MAC address (RFC 826, RFC 4861 §7.2 and §7.3, for both families
 * alike). It knows no clock, no socket and no thread: time is an argument. One caller at a time.
 *
 * What can be had by lying is bounded. An entry is made only for an address that we send to, or, in a small
 * share of the table, for one that asked us. Those that nobody has answered for are at most a quarter of the
 * table, take each other's places, and new ones come at a bounded rate; no entry that is in use makes room
 * for another. An address is taken only from an answer to a question of ours. Whoever contradicts what we
 * know, asked or not, makes us ask the known address itself, and only if that keeps silent everybody.
 * (RFC 4861 §7.2.5 lets an advertisement with the override flag replace it at once.)
 */
#ifndef WEIR__NEIGHBOUR_H
#define WEIR__NEIGHBOUR_H

#include <weir/host.h>

#include "frames.h"
#include "hops.h"
#include "limit.h"

#define WEIR__NEIGHBOURS_MAX 16384

struct weir__neighbour {
	struct weir__ip ip;
	uint8_t mac[6];
	uint8_t state; /* enum weir_neighbour_state; NONE: free */
	uint8_t tries; /* questions asked in this state, or looks whether a stale one is used */
	bool gateway;
	bool asked; /* it is here because it asked us */
	bool quick; /* probed because it was contradicted: the next question comes sooner */
	uint64_t since;
	uint64_t due;        /* UINT64_MAX: stays */
	uint64_t deaf_till;  /* contradictions change nothing before */
	uint64_t quiet_till; /* its questions are not answered before */
	struct weir__frame_queue queue;
	uint32_t next; /* of the same hash, or free; 0: none */
};

struct weir__neighbours_user {
	/* Asks who has the address: all, or only who had it. */
	void (*solicit)(void *context, const struct weir__neighbour *neighbour, bool all);
	/* A frame, complete but for the source, now the user's. */
	void (*transmit)(void *context, struct weir__frame *frame);
	/* Its MAC address is known now, or no longer, or it failed. */
	void (*changed)(void *context, const struct weir__neighbour *neighbour);
	void *context;
};

struct weir__neighbours {
	struct weir__neighbours_user user;
	struct weir__hops *hops;
	struct weir__frame_store *store;
	struct weir__neighbour *entry; /* entry 0 is none */
	uint32_t *bucket;
	uint32_t hash_mask, max, n, n_unresolved, n_asked;
	uint32_t unresolved_max, asked_max, queue_max;
	uint32_t free;
	uint64_t due;
	uint64_t reachable_ns;   /* RFC 4861 §6.3.2: between a half and one and a half of it */
	uint64_t random, seed;   /* seed: of the hash */
	struct weir__limit made; /* entries for what we send to */
	/* Counted. */
	uint64_t requests, refused, queued, queue_drops, contradictions;
};

enum weir__told {
	WEIR__TOLD_ANSWER,  /* to us, as if we had asked */
	WEIR__TOLD_REQUEST, /* it asked for an address of ours */
	WEIR__TOLD_UNASKED,
};

/* max: entries; hops: for as many; random: where its own random numbers begin. Returns 0 or -ENOMEM. */
int weir__neighbours_init(struct weir__neighbours *table, uint32_t max, uint32_t queue_max, uint64_t random,
			  struct weir__hops *hops, const struct weir__neighbours_user *user);
void weir__neighbours_fini(struct weir__neighbours *table);

/* How many frames can wait in a table of so many entries. */
uint32_t weir__neighbours_waiting(uint32_t max, uint32_t queue_max);

/* NULL: there is none. */
struct weir__neighbour *weir__neighbours_find(const struct weir__neighbours *table,
					      const struct weir__ip *ip);

/* Sends a frame of the store's to a neighbour, or keeps it until its MAC address is known. */
void weir__neighbours_send(struct weir__neighbours *table, const struct weir__ip *ip, bool gateway,
			   struct weir__frame *frame, uint64_t now);

/* Asks for an address that nobody sends to yet, and goes on asking if it fails: a gateway. Before those that
 * are gateways now are named anew, _unwatch() says that none is. */
void weir__neighbours_unwatch(struct weir__neighbours *table);
void weir__neighbours_watch(struct weir__neighbours *table, const struct weir__ip *ip, uint64_t now);

/* A message of the network's says that the address has that MAC address; mac NULL: the one that it had. */
void weir__neighbours_told(struct weir__neighbours *table, const struct weir__ip *ip, const uint8_t *mac,
			   enum weir__told how, uint64_t now);

/* Whether such an answer for the address is waited for: of one that is asked itself, only its own. mac NULL:
 * the one that it had. */
bool weir__neighbours_expects(const struct weir__neighbours *table, const struct weir__ip *ip,
			      const uint8_t *mac);

/* It asks for an address of ours. Each neighbour that is known by that MAC address has an allowance of its
 * own, so that no flood takes the answers that it needs. */
enum weir__may { WEIR__MAY_ASK, WEIR__MAY_NOT_YET, WEIR__MAY_UNKNOWN };
enum weir__may weir__neighbours_may(struct weir__neighbours *table, const struct weir__ip *ip,
				    const uint8_t mac[6], uint64_t now);

/* Returns 0, or -ENOSPC: half of the table is static already. mac NULL: forgets it. */
int weir__neighbours_set_static(struct weir__neighbours *table, const struct weir__ip *ip, const uint8_t *mac,
				uint64_t now);

/* The link was lost and is back, or may be another: nothing is forgotten, all is to be proven anew. */
void weir__neighbours_doubt(struct weir__neighbours *table, uint64_t now);

/* Does what is due; returns when to call it next. */
uint64_t weir__neighbours_timer(struct weir__neighbours *table, uint64_t now);

#endif
