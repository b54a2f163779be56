/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peers of a socket that is connected to none, by number and by address. One thread, that which
 * receives, finds, learns and forgets; all others may look up numbers meanwhile.
 *
 * A number is a place in the table, and above it how often somebody was learned there: a peer that took the
 * place of another has another number. Places are fixed in number, so senders who make up their addresses can
 * fill them, but not make the table grow, nor move anybody who still sends.
 */
#ifndef WEIR__UDP_PEERS_H
#define WEIR__UDP_PEERS_H

#include "udp_socket.h"

#define WEIR__UDP_PEERS_MAX 65535

struct weir__udp_place;

struct weir__udp_peers {
	struct weir__udp_place *places; /* NULL: none */
	uint32_t *heads;                /* of the lists of places by hash */
	uint32_t mask;
	uint32_t n;     /* configured peers, which have the first places */
	uint32_t total; /* places */
	uint64_t key;   /* which senders cannot know */
	uint64_t age_ns;
	uint32_t newest, oldest; /* learned peers by when they sent last */
	uint32_t free;

	uint64_t learned;
	uint64_t forgotten;
};

/* For so many that are added, and so many that are learned; these are forgotten when they were silent for so
 * long. */
int weir__udp_peers_open(struct weir__udp_peers *peers, uint32_t configured, uint32_t learned,
			 uint64_t age_ns, struct weir_error *err);
void weir__udp_peers_close(struct weir__udp_peers *peers);

/* Adds a configured peer, while nobody uses the table yet; the first has the number 1. */
void weir__udp_peers_add(struct weir__udp_peers *peers, const union weir_socket_address *address);

/* The number of the peer that has just sent something; 0: it is not known. */
uint32_t weir__udp_peers_seen(struct weir__udp_peers *peers, const union weir_socket_address *address,
			      uint64_t now);

/* The same for one that is not known; 0: there is no place. */
uint32_t weir__udp_peers_learn(struct weir__udp_peers *peers, const union weir_socket_address *address,
			       uint64_t now);

/* Forgets who has been silent for too long. */
void weir__udp_peers_forget(struct weir__udp_peers *peers, uint64_t now);

/* Copies the address of a number. Returns false if it is nobody's. Any thread. */
bool weir__udp_peers_address(const struct weir__udp_peers *peers, uint32_t number,
			     union weir_socket_address *address);

/* The number of an address; 0: it is nobody's. Looks at all of them. Any thread. */
uint32_t weir__udp_peers_find(const struct weir__udp_peers *peers, const union weir_socket_address *address);

#endif
