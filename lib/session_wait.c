/* SPDX-License-Identifier: Apache-2.0 */
/* How the thread of a session waits, and what it does meanwhile. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#include "clock.h"
#include "error.h"
#include "session.h"

/* What ends a wait. */
enum cause {
	NOTHING,
	CANCELLED,
	WOKEN,
};

/* What is to be done before it waits, and how long it may. */
struct duties {
	enum cause cause;
	bool serves;
	bool look;
	bool timer;
	uint64_t until;
};

/* --- ports --- */

static void flush_soon(struct weir_session *session)
{
	for (struct weir__port *port = session->ports; port; port = port->next) {
		if (!__atomic_exchange_n(&port->flush_soon, false, __ATOMIC_RELAXED))
			continue;
		weir_session_lock(session);
		weir__port_dirty(port);
		weir_session_unlock(session);
	}
}

static struct weir__port *find_broken(struct weir_session *session)
{
	struct weir__port *port = session->ports;

	while (port && !__atomic_load_n(&port->broken, __ATOMIC_RELAXED))
		port = port->next;
	return port;
}

/* Whether the session goes on without it; err says why not. */
static bool goes_on(struct weir_session *session, struct weir__port *port, struct weir_error *err)
{
	const int error = __atomic_load_n(&port->broken, __ATOMIC_RELAXED);

	weir__error_clear(err);
	if (error == -ENODATA)
		weir_failed(err, error, "the peer ended the connection");
	else
		weir_failed(err, error, "the connection broke: %s", strerror(-error));
	return port->type->is_stream && session->type->lost &&
	       session->type->lost(session->state, (struct weir_stream *)port, err) == 0;
}

static void lose(struct weir_session *session, struct weir__port *port)
{
	struct weir_error err;
	bool goes;

	weir_session_lock(session);
	weir__port_detach(port);
	goes = goes_on(session, port, &err);
	weir_session_unlock(session);
	if (!goes)
		weir_session_fail(session, err.code, "%s", err.text);
	if (!port->kept)
		weir__port_close(port);
}

/* A port that was opened to stay ends the session, and is mended before the next. */
static void look_at_ports(struct weir_session *session, bool serves)
{
	struct weir__port *port;

	flush_soon(session);
	while (serves && (port = find_broken(session)) && port->attached)
		lose(session, port);
}

/* --- what is due --- */

static enum cause find_cause(const struct weir_session *session, bool for_tend)
{
	const struct weir__session_wishes *wishes = &session->wishes;
	const bool goes_on = session->phase == WEIR__SESSION_DISCONNECTS;

	if (wishes->end || (!goes_on && (wishes->retry || session->error)))
		return CANCELLED;
	return for_tend && wishes->tend ? WOKEN : NOTHING;
}

/* A timer runs while the session is up. While it connects, its time ends a wait for nothing else. */
static void find_timer(struct weir_session *session, int fd, struct duties *duties)
{
	if (!duties->serves && (session->phase != WEIR__SESSION_CONNECTS || fd >= 0))
		return;
	if (session->timer_at > weir__now()) {
		duties->until = session->timer_at < duties->until ? session->timer_at : duties->until;
		return;
	}
	session->timer_at = UINT64_MAX;
	duties->timer = duties->serves;
	if (!duties->serves && duties->cause == NOTHING)
		duties->cause = WOKEN;
}

static struct duties take_duties(struct weir_session *session, int fd, uint64_t until, bool for_tend)
{
	struct duties duties = { .until = until };
	eventfd_t count;

	pthread_mutex_lock(&session->state_lock);
	if (session->rung)
		eventfd_read(session->bell_fd, &count);
	session->rung = false;
	duties.serves = session->phase == WEIR__SESSION_SERVES;
	duties.cause = find_cause(session, for_tend);
	duties.look = session->wishes.look;
	session->wishes.look = false;
	find_timer(session, fd, &duties);
	pthread_mutex_unlock(&session->state_lock);
	if (duties.look || duties.timer)
		duties.until = 0; /* what is done may bring more */
	return duties;
}

static void run_timer(struct weir_session *session)
{
	if (session->type->timer)
		weir_session_wake(session, weir__session_call_timer(session, weir__now()));
}

/* --- waiting --- */

static int poll_until(struct pollfd *fds, nfds_t n, uint64_t until)
{
	const uint64_t now = weir__now();
	const uint64_t ns = until > now ? until - now : 0;
	const struct timespec timeout = { .tv_sec = (time_t)(ns / 1000000000),
					  .tv_nsec = (long)(ns % 1000000000) };

	return ppoll(fds, n, until == UINT64_MAX ? NULL : &timeout, NULL);
}

/* Returns whether fd has what is waited for. */
static bool wait(struct weir_session *session, int fd, short events, uint64_t until)
{
	struct pollfd fds[2 + WEIR_SESSION_SENDERS_MAX];
	uint32_t sender[WEIR_SESSION_SENDERS_MAX];
	uint32_t n = 0;

	fds[0] = (struct pollfd){ .fd = session->bell_fd, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = fd, .events = events };
	for (uint32_t i = 0; i < session->n_senders; i++) {
		if (!__atomic_load_n(&session->sender[i].wanting, __ATOMIC_RELAXED))
			continue;
		fds[2 + n] = (struct pollfd){ .fd = session->sender[i].ports_fd, .events = POLLIN };
		sender[n++] = i;
	}
	if (poll_until(fds, 2 + n, until) <= 0)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (fds[2 + i].revents)
			weir__session_serve_sender(session, sender[i]);
	return fds[1].revents;
}

int weir__session_sleep(struct weir_session *session, int fd, short events, uint64_t until, bool for_tend)
{
	for (;;) {
		const struct duties duties = take_duties(session, fd, until, for_tend);

		if (duties.look)
			look_at_ports(session, duties.serves);
		if (duties.timer)
			run_timer(session);
		weir__session_tell(session);
		if (duties.cause != NOTHING)
			return duties.cause == CANCELLED ? -ECANCELED : 0;
		if (wait(session, fd, events, duties.until))
			return 0;
		if (weir__now() >= until)
			return -ETIMEDOUT;
	}
}

int weir_session_wait(struct weir_session *session, int fd, short events, uint64_t until)
{
	return weir__session_sleep(session, fd, events, until, false);
}
