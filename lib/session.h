/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's half of a session: its thread, its locks, what it holds, and what the application is told.
 *
 * Locks, in the order in which they are taken: receive, those of the senders by number, told, state. Whoever
 * waits holds none of them.
 */
#ifndef WEIR__SESSION_H
#define WEIR__SESSION_H

#include <pthread.h>

#include <weir/session.h>

#include "port.h"
#include "session_hold.h"

#define WEIR__PORTS_MAX 128 /* attached to one session */

/* The end that receives. What the worker waits for is an epoll descriptor of all attached ports and a bell.
 */
struct weir__session_receiver {
	_Alignas(64) pthread_mutex_t lock;
	int fd;
	int bell_fd;
	bool rung;
	uint32_t next; /* of the attached, to be read first */
};

/* An end that sends. What the worker waits for is an epoll descriptor of ports_fd and a bell. */
struct weir__session_sender {
	_Alignas(64) pthread_mutex_t lock;
	bool open; /* the rest is there; with the lock */
	int fd;
	int ports_fd; /* epoll: the ports that take no more */
	int bell_fd;
	bool rung;
	bool blocked;             /* write() took less than it was given */
	uint32_t wanting;         /* ports in ports_fd */
	struct weir__port *dirty; /* to be flushed */
	struct weir__session_hold hold;
};

enum weir__session_phase {
	WEIR__SESSION_PAUSES = 0,
	WEIR__SESSION_CONNECTS,
	WEIR__SESSION_SERVES,
	WEIR__SESSION_DISCONNECTS,
};

/* What the thread is asked for by others; with the state lock. */
struct weir__session_wishes {
	bool begin; /* the pipeline was created */
	bool end;   /* the session is to be closed */
	bool retry;
	bool tend;
	bool look; /* at the ports: one broke, is to be flushed or takes no more */
	bool tell; /* the application, of another status */
};

struct weir_session {
	/* Fixed. */
	const struct weir_session_type *type;
	const struct weir_endpoint_type *endpoint;
	void *state;
	char *name;
	struct weir_endpoint_info info;
	uint32_t n_senders;
	int bell_fd; /* wakes the thread */
	pthread_t thread;

	struct weir__session_receiver receiver;
	struct weir__session_sender sender[WEIR_SESSION_SENDERS_MAX];

	/* With all locks of the data path. */
	bool up;
	struct weir__port *attached[WEIR__PORTS_MAX];
	uint32_t n_attached;

	/* The thread's. */
	struct weir__port *ports;
	uint64_t down_since;
	uint64_t random;

	pthread_mutex_t state_lock;
	enum weir__session_phase phase; /* with the state lock, like what follows */
	struct weir__session_wishes wishes;
	bool rung;
	uint64_t timer_at;
	int error; /* that it failed with; 0: it has not */
	bool fatal;
	char reason[256];
	uint32_t retry_ms, retry_max_ms;
	struct weir_session_status status;

	pthread_mutex_t told_lock; /* held while the application is told */
	void (*changed)(void *context, const struct weir_session_status *status);
	void *context;
};

/* The first member of the state of each session. */
static inline struct weir_session *weir__session_of(const void *state)
{
	return *(struct weir_session *const *)state;
}

#endif
