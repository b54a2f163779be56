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
	bool end;   /* the session is to be closed */
	bool retry; /* to connect anew; at first, to begin */
	bool tend;
	bool look; /* at the ports: one broke, is to be flushed or takes no more */
	bool tell; /* the application, of another status */
};

struct weir_session {
	/* Fixed. */
	const struct weir_session_type *type;
	void *state;
	char *name;
	struct weir_endpoint_info info;
	uint32_t n_senders;
	uint32_t hold_max; /* packets that each of them can hold */
	bool opening;      /* in open(): what it opens stays */
	int bell_fd;       /* wakes the thread */
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
	enum weir__session_phase phase; /* with the state lock, like what follows; changed by the thread */
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

/* The first members of the options and of the state of each session. */
struct weir__session_options {
	WEIR_SESSION_OPTIONS;
};

struct weir__session_head {
	WEIR_SESSION_STATE;
};

static inline struct weir_session *weir__session_of(const void *state)
{
	return ((const struct weir__session_head *)state)->session;
}

/* --- the data path (session_data.c) --- */

/* Returns 0 or a negative errno. */
int weir__session_receiver_open(struct weir__session_receiver *receiver);
void weir__session_receiver_close(struct weir__session_receiver *receiver);
int weir__session_sender_open(struct weir_session *session, uint32_t index);
void weir__session_sender_close(struct weir__session_sender *sender);

/* Makes the worker look again that waits for it. With the lock of that end. */
void weir__session_ring_receiver(struct weir__session_receiver *receiver);
void weir__session_ring_sender(struct weir__session_sender *sender);

/* Flushes what takes more now, sends what was held, and says so to a worker that waits. The thread. */
void weir__session_serve_sender(struct weir_session *session, uint32_t index);

/* Flushes what was committed to. With the lock of the sender. */
void weir__session_flush(struct weir_session *session, uint32_t index);

/* Calls timer(), and sends what it has committed. The thread. Returns the time that it wants next. */
uint64_t weir__session_call_timer(struct weir_session *session, uint64_t now);

/* --- ports (port.c) --- */

/* The sender whose function this thread is in. */
void weir__port_sending(uint32_t sender);

/* It broke: the thread will see to it. With the lock of one end. */
void weir__port_broke(struct weir__port *port, int error);

/* The kernel takes more again. With the lock of its sender. */
void weir__port_unwant(struct weir__port *port);

/* Takes it from the data path. With all locks. */
void weir__port_detach(struct weir__port *port);

/* --- the thread (session_thread.c) --- */

/* Starts it; it does nothing before wishes.retry. Returns 0 or a negative errno. */
int weir__session_thread_start(struct weir_session *session);

/* The pause after an outage of so long, before it is tried again; random: any number. */
uint64_t weir__session_pause(uint64_t outage, uint32_t retry_ms, uint32_t retry_max_ms, uint64_t random);

/*
 * Since when a session has been down that ends now. Was it up for a shorter time than down before, then since
 * that: one that comes up and fails at once, again and again, is not to be tried ten times a second.
 */
uint64_t weir__session_outage(uint64_t down_since, uint64_t up_since, uint64_t now);

/* --- waiting, and what is to be done meanwhile (session_wait.c) --- */

/*
 * As weir_session_wait(), and for_tend: returns 0 too when tend() is wanted. Does all that is due before it
 * waits.
 */
int weir__session_sleep(struct weir_session *session, int fd, short events, uint64_t until, bool for_tend);

/* --- what is told (session_status.c) --- */

/* Wakes the thread. With the state lock. */
void weir__session_ring(struct weir_session *session);

/* The thread is to look at the ports. */
void weir__session_look(struct weir_session *session);

/* Tells the application, if there is something to tell. The thread, without any lock. */
void weir__session_tell(struct weir_session *session);

#endif
