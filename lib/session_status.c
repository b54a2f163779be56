/* SPDX-License-Identifier: Apache-2.0 */
/* What a session tells: the application of its state, and the functions of its type to the thread. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "clock.h"
#include "session.h"

void weir__session_ring(struct weir_session *session)
{
	if (!session->rung)
		eventfd_write(session->bell_fd, 1);
	session->rung = true;
}

void weir__session_look(struct weir_session *session)
{
	pthread_mutex_lock(&session->state_lock);
	session->wishes.look = true;
	weir__session_ring(session);
	pthread_mutex_unlock(&session->state_lock);
}

/* --- to the application --- */

void weir_session_status(const void *state, struct weir_session_status *status)
{
	struct weir_session *session = weir__session_of(state);

	pthread_mutex_lock(&session->state_lock);
	*status = session->status;
	pthread_mutex_unlock(&session->state_lock);
}

void weir_session_retry(const void *state)
{
	struct weir_session *session = weir__session_of(state);

	pthread_mutex_lock(&session->state_lock);
	session->wishes.retry = true;
	weir__session_ring(session);
	pthread_mutex_unlock(&session->state_lock);
}

void weir__session_tell(struct weir_session *session)
{
	struct weir_session_status status;
	bool wanted;

	pthread_mutex_lock(&session->told_lock);
	pthread_mutex_lock(&session->state_lock);
	wanted = session->wishes.tell;
	session->wishes.tell = false;
	status = session->status;
	pthread_mutex_unlock(&session->state_lock);
	if (wanted && session->changed)
		session->changed(session->context, &status);
	pthread_mutex_unlock(&session->told_lock);
}

/* --- to the thread --- */

uint64_t weir_session_now(void)
{
	return weir__now();
}

void weir_session_assign(struct weir_session *session, const struct weir_session_status *given)
{
	struct weir_session_status *status = &session->status;

	pthread_mutex_lock(&session->state_lock);
	status->mtu = given->mtu;
	status->keys_since = given->keys_since;
	snprintf(status->remote, sizeof(status->remote), "%s", given->remote);
	snprintf(status->label, sizeof(status->label), "%s", given->label);
	status->n_addresses =
		given->n_addresses < WEIR_SESSION_ADDRESSES ? given->n_addresses : WEIR_SESSION_ADDRESSES;
	memcpy(status->address, given->address, sizeof(status->address));
	/* The thread tells it when it has no lock. */
	session->wishes.tell |= status->state == WEIR_SESSION_UP;
	weir__session_ring(session);
	pthread_mutex_unlock(&session->state_lock);
}

/* The first failure counts: others follow from it. */
static int fail(struct weir_session *session, int error, bool fatal, const char *words)
{
	pthread_mutex_lock(&session->state_lock);
	if (!session->error &&
	    (session->phase == WEIR__SESSION_CONNECTS || session->phase == WEIR__SESSION_SERVES)) {
		session->error = error;
		session->fatal = fatal;
		snprintf(session->reason, sizeof(session->reason), "%s", words);
		weir__session_ring(session);
	}
	pthread_mutex_unlock(&session->state_lock);
	return error;
}

int weir_session_fail(struct weir_session *session, int error, const char *format, ...)
{
	char words[sizeof(session->reason)];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	return fail(session, error, false, words);
}

int weir_session_fatal(struct weir_session *session, int error, const char *format, ...)
{
	char words[sizeof(session->reason)];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	return fail(session, error, true, words);
}

void weir_session_wake(struct weir_session *session, uint64_t at)
{
	pthread_mutex_lock(&session->state_lock);
	if (at < session->timer_at) {
		session->timer_at = at;
		weir__session_ring(session);
	}
	pthread_mutex_unlock(&session->state_lock);
}

void weir_session_tend(struct weir_session *session)
{
	pthread_mutex_lock(&session->state_lock);
	session->wishes.tend = true;
	weir__session_ring(session);
	pthread_mutex_unlock(&session->state_lock);
}
