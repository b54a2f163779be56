/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SoftEther VPN server in a network namespace of its own. It has a hub for each site, "hub0" and so on,
 * with one user.
 */
#ifndef WEIR_BENCH_SOFTETHER_H
#define WEIR_BENCH_SOFTETHER_H

#include "process.h"
#include "rig.h"

#define SOFTETHER_PORT     5555u
#define SOFTETHER_USER     "u1"
#define SOFTETHER_PASSWORD "pw-one"
/* SHA-0 of the password and the user's name in capitals, which is what both ends keep. */
#define SOFTETHER_HASH     "60uxpS5HkLCDNHzU4KjIezj2kYM="

/* Where a client connects to, and as what. */
struct softether_client {
	enum side side; /* where it is */
	char server[16];
	char hub[16];
	bool udp; /* packets go by UDP, once the server sees that this works */
};

struct softether {
	struct rig rig; /* the server's is the left one; the other one is not used */
	struct process process;
	unsigned sites;
};

/* With hubs for so many sites. */
void softether_make(struct softether *server, unsigned sites);
/* Kills it; starts it again, and returns when it listens. */
void softether_kill(struct softether *server);
void softether_start(struct softether *server);
/* UDP datagrams that it has sent so far. */
uint64_t softether_datagrams(const struct softether *server);

/* For process_start(): a file of that name where the programs look for their configuration; closes it and
 * becomes the program. */
FILE *softether_create(const char *name);
_Noreturn void softether_exec(FILE *file, const char *name);

#endif
