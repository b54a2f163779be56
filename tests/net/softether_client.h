/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A site that is in a virtual hub of a SoftEther server by a session of Weir, whose connections belong to the
 * namespace that the process is in:
 *
 *	out: tap0 -> vpn
 *	in:  vpn -> tap0
 *
 * tap0 has the first address of that side (address.h), so that two clients of one hub are two sites with a
 * network between them. All functions fail the test when they fail.
 */
#ifndef WEIR_TEST_SOFTETHER_CLIENT_H
#define WEIR_TEST_SOFTETHER_CLIENT_H

#include <pthread.h>

#include <weir/softether.h>
#include <weir/weir.h>

#include "events.h"
#include "site.h"
#include "softether.h"

struct softether_client {
	struct site *site;
	struct events events;
	struct weir_pipeline *pipeline;
	struct weir_config config;
	struct weir_tun tap;
	struct weir_softether session;

	pthread_mutex_t lock;
	unsigned ups, downs;               /* times that it came up, and that it went down */
	struct weir_session_status status; /* the last */
};

/* Options of a session by a user with a password, who believes any server. */
struct weir_softether softether_options(const struct softether *server, const char *user,
					const char *password);

/* Makes it and starts it. site must outlive it. */
void softether_client_start(struct softether_client *client, struct site *site, unsigned side,
			    const struct weir_softether *session);
/* Stops it: every packet is accounted for. */
void softether_client_stop(struct softether_client *client);
/* Frees it, running or not, or if it was never started. */
void softether_client_free(struct softether_client *client);

/* Whether what the server says of its session has that text: "Encryption,Enabled". */
bool softether_client_says(const struct softether_client *client, const struct softether *server,
			   const char *text);

/* Waits until it has come up that many times in all, and is up. */
void softether_client_wait(struct softether_client *client, unsigned ups);
bool softether_client_is(struct softether_client *client, enum weir_session_state state);
/* Waits until the session has given up for good; its last words go to text. */
void softether_client_wait_fatal(struct softether_client *client, char text[256]);

/* What the session counts by that name. */
uint64_t softether_client_count(struct softether_client *client, const char *name);
/* Packets that "out/write" or "in/read" moved, or dropped for a reason. */
uint64_t softether_client_moved(struct softether_client *client, const char *path);
uint64_t softether_client_dropped(struct softether_client *client, const char *path, const char *reason);
/* The same for all reasons. */
uint64_t softether_client_all_dropped(struct softether_client *client, const char *path);
/* It has dropped nothing in either direction. */
void softether_client_check_drops(struct softether_client *client);

#endif
