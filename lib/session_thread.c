/* SPDX-License-Identifier: Apache-2.0 */
/* The thread of a session: connects, serves, disconnects, pauses, and again. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "clock.h"
#include "error.h"
#include "session.h"

#define MS 1000000ull

/* --- pauses --- */

uint64_t weir__session_pause(uint64_t outage, uint32_t retry_ms, uint32_t retry_max_ms, uint64_t random)
{
	uint64_t pause = outage / 16;

	if (pause > retry_max_ms * MS)
		pause = retry_max_ms * MS;
	if (pause < retry_ms * MS)
		pause = retry_ms * MS;
	return pause - pause / 4 + random % (pause / 2 + 1);
}

uint64_t weir__session_outage(uint64_t down_since, uint64_t up_since, uint64_t now)
{
	return now - up_since < up_since - down_since ? down_since : now;
}

/* xorshift (Marsaglia 2003): so that those who lost the same server do not come back all at once. */
static uint64_t next_random(struct weir_session *session)
{
	session->random ^= session->random << 13;
	session->random ^= session->random >> 7;
	session->random ^= session->random << 17;
	return session->random;
}

static void seed(struct weir_session *session)
{
	if (getrandom(&session->random, sizeof(session->random), GRND_NONBLOCK) != sizeof(session->random))
		session->random = weir__now();
	session->random |= 1; /* 0 would stay 0 */
}

/* --- what is told --- */

/* With the state lock. */
static void enter(struct weir_session *session, enum weir__session_phase phase, enum weir_session_state state,
		  uint64_t now)
{
	session->phase = phase;
	session->status.state = state;
	session->status.since = now;
	session->wishes.tell = true;
}

/* Another attempt begins: what was wished for before is done by that. */
static void begin(struct weir_session *session)
{
	pthread_mutex_lock(&session->state_lock);
	session->wishes.retry = false;
	session->wishes.tend = false;
	session->timer_at = UINT64_MAX;
	session->status.fatal = false;
	session->status.retry_at = 0;
	enter(session, WEIR__SESSION_CONNECTS, WEIR_SESSION_CONNECTING, weir__now());
	pthread_mutex_unlock(&session->state_lock);
	weir__session_tell(session);
}

/* Returns false if it shall not be up. */
static bool enter_up(struct weir_session *session)
{
	struct weir__session_head *head = session->state;
	bool wanted;

	pthread_mutex_lock(&session->state_lock);
	wanted = !session->error && !session->wishes.end && !session->wishes.retry;
	if (wanted) {
		weir_count(&head->weir_connects, 1);
		session->timer_at = 0;
		session->wishes.look = true; /* ports that broke before */
		session->status.error = 0;
		session->status.reason[0] = '\0';
		enter(session, WEIR__SESSION_SERVES, WEIR_SESSION_UP, weir__now());
	}
	pthread_mutex_unlock(&session->state_lock);
	return wanted;
}

/* With the state lock: what ended it, where it was not asked to. */
static void conclude(struct weir_session *session, int rc, const struct weir_error *err)
{
	if (session->wishes.end || (session->wishes.retry && !session->error)) {
		session->error = 0;
		session->reason[0] = '\0';
	} else if (!session->error) {
		session->error = rc;
		snprintf(session->reason, sizeof(session->reason), "%.*s", (int)sizeof(session->reason) - 1,
			 err->problems ? err->text : strerror(-rc));
	}
}

static void assign_nothing(struct weir_session_status *status)
{
	status->mtu = 0;
	status->keys_since = 0;
	status->remote[0] = '\0';
	status->label[0] = '\0';
	status->n_addresses = 0;
}

/* Returns the time of the next attempt; UINT64_MAX: not by itself. */
static uint64_t enter_down(struct weir_session *session, int rc, const struct weir_error *err)
{
	struct weir_session_status *status = &session->status;
	struct weir__session_head *head = session->state;
	const uint64_t now = weir__now();
	uint64_t pause;

	pthread_mutex_lock(&session->state_lock);
	if (status->state == WEIR_SESSION_UP)
		session->down_since = weir__session_outage(session->down_since, status->since, now);
	conclude(session, rc, err);
	pause = weir__session_pause(now - session->down_since, session->retry_ms, session->retry_max_ms,
				    next_random(session));
	if (!session->error) /* it was asked to */
		pause = 0;
	enter(session, WEIR__SESSION_DISCONNECTS, WEIR_SESSION_DOWN, now);
	assign_nothing(status);
	status->error = session->error;
	memcpy(status->reason, session->reason, sizeof(status->reason));
	status->fatal = session->fatal;
	status->retry_at = session->fatal || session->wishes.end ? 0 : now + pause;
	weir_count(&head->weir_failures, session->error != 0);
	session->error = 0;
	session->fatal = false;
	pthread_mutex_unlock(&session->state_lock);
	weir__session_tell(session);
	return status->retry_at ? status->retry_at : UINT64_MAX;
}

static void enter_pause(struct weir_session *session)
{
	pthread_mutex_lock(&session->state_lock);
	session->phase = WEIR__SESSION_PAUSES;
	pthread_mutex_unlock(&session->state_lock);
}

/* --- the data path --- */

static void open_way(struct weir_session *session)
{
	weir_session_lock(session);
	session->up = true;
	weir_session_unlock(session);
	for (uint32_t i = 0; i < session->n_senders; i++)
		weir__session_serve_sender(session, i);
}

/* After it no worker uses what connect() has opened. */
static void close_way(struct weir_session *session)
{
	weir_session_lock(session);
	session->up = false;
	for (struct weir__port *port = session->ports; port; port = port->next)
		if (!port->kept)
			weir__port_detach(port);
	for (uint32_t i = 0; i < session->n_senders; i++)
		weir__session_ring_sender(&session->sender[i]);
	weir_session_unlock(session);
}

static struct weir__port *find_port(struct weir_session *session)
{
	struct weir__port *port = session->ports;

	while (port && port->kept)
		port = port->next;
	return port;
}

static void close_ports(struct weir_session *session)
{
	struct weir__port *port;

	while ((port = find_port(session)))
		weir__port_close(port);
}

/* What stays was only taken from the data path when it broke. */
static int mend_ports(struct weir_session *session, struct weir_error *err)
{
	int rc = 0;

	for (struct weir__port *port = session->ports; rc == 0 && port; port = port->next) {
		if (!__atomic_load_n(&port->broken, __ATOMIC_RELAXED))
			continue;
		weir_session_lock(session);
		weir__port_detach(port);
		__atomic_store_n(&port->broken, 0, __ATOMIC_RELAXED);
		weir_session_unlock(session);
		rc = weir__port_attach(port, false, err);
	}
	return rc;
}

/* --- one life --- */

static int tend(struct weir_session *session, struct weir_error *err)
{
	pthread_mutex_lock(&session->state_lock);
	session->wishes.tend = false;
	pthread_mutex_unlock(&session->state_lock);
	if (!session->type->tend)
		return 0;
	weir__error_clear(err);
	return session->type->tend(session->state, err);
}

static int serve(struct weir_session *session, struct weir_error *err)
{
	int rc = 0;

	while (rc == 0) {
		rc = weir__session_sleep(session, -1, 0, UINT64_MAX, true);
		if (rc == 0)
			rc = tend(session, err);
	}
	return rc;
}

static int connect_and_serve(struct weir_session *session, struct weir_error *err)
{
	int rc = mend_ports(session, err);

	if (rc == 0 && session->type->connect)
		rc = session->type->connect(session->state, err);
	if (rc < 0)
		return rc;
	/* First the way, then the word: who is told that it is up may send at once. */
	open_way(session);
	return enter_up(session) ? serve(session, err) : -ECANCELED;
}

/* From one attempt to the next. */
static void live(struct weir_session *session)
{
	struct weir_error err;
	uint64_t until;
	int rc;

	weir__error_clear(&err);
	begin(session);
	rc = connect_and_serve(session, &err);
	close_way(session);
	until = enter_down(session, rc, &err);
	if (session->type->disconnect)
		session->type->disconnect(session->state);
	close_ports(session);
	enter_pause(session);
	weir__session_sleep(session, -1, 0, until, false);
}

static bool ends(struct weir_session *session)
{
	bool end;

	pthread_mutex_lock(&session->state_lock);
	end = session->wishes.end;
	pthread_mutex_unlock(&session->state_lock);
	return end;
}

static void *run(void *argument)
{
	struct weir_session *session = argument;
	char name[16];

	snprintf(name, sizeof(name), "%s", session->name);
	pthread_setname_np(pthread_self(), name);
	seed(session);
	/* Until the pipeline was created. */
	weir__session_sleep(session, -1, 0, UINT64_MAX, false);
	session->down_since = weir__now();
	while (!ends(session))
		live(session);
	return NULL;
}

/* Signals are for threads of the application. */
int weir__session_thread_start(struct weir_session *session)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&session->thread, NULL, run, session);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -rc;
}
