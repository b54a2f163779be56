/* SPDX-License-Identifier: Apache-2.0 */
/* A session as an endpoint: checked, opened, changed, closed. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "error.h"
#include "session.h"

#define HOLD_MAX     65536
#define RETRY_MS     100
#define RETRY_MAX_MS 30000
#define RETRY_MOST   (24 * 3600 * 1000)

static uint32_t retry_of(const struct weir__session_options *options)
{
	return options->retry_ms ? options->retry_ms : RETRY_MS;
}

static uint32_t retry_max_of(const struct weir__session_options *options)
{
	const uint32_t least = retry_of(options);

	if (options->retry_max_ms)
		return options->retry_max_ms;
	return least > RETRY_MAX_MS ? least : RETRY_MAX_MS;
}

int weir_session_check(const struct weir_session_type *type, const void *memory,
		       struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct weir__session_options *options = memory;
	int rc = 0;

	if (!type->check || !type->send)
		return weir_failed(err, -EINVAL, "the type of its session has no check or no send function");
	if (options->hold > HOLD_MAX)
		rc = weir_invalid(err, "hold", "%u packets are more than %d", options->hold, HOLD_MAX);
	if (retry_of(options) > RETRY_MOST)
		rc = weir_invalid(err, "retry_ms", "%u is more than a day", options->retry_ms);
	if (retry_max_of(options) > RETRY_MOST)
		rc = weir_invalid(err, "retry_max_ms", "%u is more than a day", options->retry_max_ms);
	else if (retry_max_of(options) < retry_of(options))
		rc = weir_invalid(err, "retry_max_ms", "%u is less than retry_ms, which is %u",
				  options->retry_max_ms, retry_of(options));
	if (type->senders > WEIR_SESSION_SENDERS_MAX)
		rc = weir_failed(err, -EINVAL, "its type has %u senders, and %d are possible", type->senders,
				 WEIR_SESSION_SENDERS_MAX);
	if (type->check(options, info, err) < 0)
		rc = -EINVAL;
	return rc;
}

/* --- opening and closing ----------------------------------------------------------------------------------
 */

static void adopt(struct weir_session *session, const struct weir__session_options *options)
{
	session->retry_ms = retry_of(options);
	session->retry_max_ms = retry_max_of(options);
	session->changed = options->changed;
	session->context = options->context;
}

static void init_locks(struct weir_session *session)
{
	pthread_mutex_init(&session->receiver.lock, NULL);
	for (uint32_t i = 0; i < session->n_senders; i++)
		pthread_mutex_init(&session->sender[i].lock, NULL);
	pthread_mutex_init(&session->state_lock, NULL);
	pthread_mutex_init(&session->told_lock, NULL);
}

static struct weir_session *make(const struct weir_session_type *type, void *state,
				 const struct weir__session_options *options,
				 const struct weir_endpoint_info *info)
{
	struct weir_session *session = aligned_alloc(_Alignof(struct weir_session), sizeof(*session));

	if (!session)
		return NULL;
	memset(session, 0, sizeof(*session));
	session->type = type;
	session->state = state;
	session->info = *info;
	session->name = strdup(options->name);
	session->n_senders = type->senders ? type->senders : 1;
	session->hold_max = options->hold;
	session->timer_at = UINT64_MAX;
	session->bell_fd = -1;
	session->receiver.fd = -1;
	session->receiver.bell_fd = -1;
	adopt(session, options);
	init_locks(session);
	((struct weir__session_head *)state)->session = session;
	return session;
}

static void close_kept(struct weir_session *session)
{
	while (session->ports)
		weir__port_close(session->ports);
}

/* Its thread has ended, or there was none. */
static void destroy(struct weir_session *session)
{
	close_kept(session);
	if (session->bell_fd >= 0)
		close(session->bell_fd);
	weir__session_receiver_close(&session->receiver);
	pthread_mutex_destroy(&session->receiver.lock);
	for (uint32_t i = 0; i < session->n_senders; i++) {
		weir__session_sender_close(&session->sender[i]);
		pthread_mutex_destroy(&session->sender[i].lock);
	}
	pthread_mutex_destroy(&session->state_lock);
	pthread_mutex_destroy(&session->told_lock);
	free(session->name);
	free(session);
}

static int open_parts(struct weir_session *session, struct weir_error *err)
{
	int rc = session->name ? 0 : -ENOMEM;

	if (rc == 0)
		rc = weir__session_receiver_open(&session->receiver);
	if (rc == 0)
		rc = weir__session_sender_open(session, 0);
	if (rc == 0) {
		session->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		rc = session->bell_fd < 0 ? -errno : 0;
	}
	return rc < 0 ? weir_failed(err, rc, "no memory or descriptors for a session: %s", strerror(-rc)) : 0;
}

/* What the author's open() may open. */
static int open_type(struct weir_session *session, const void *options, struct weir_error *err)
{
	const unsigned before = err->problems;
	int rc = 0;

	session->opening = true;
	if (session->type->open)
		rc = weir__error_word(err, before, session->type->open(session->state, options, err));
	session->opening = false;
	return rc;
}

int weir_session_open(const struct weir_session_type *type, void *state, const void *options,
		      struct weir_endpoint_info *info, struct weir_error *err)
{
	struct weir_session *session = make(type, state, options, info);
	int rc;

	if (!session)
		return weir_failed(err, -ENOMEM, "no memory for a session");
	rc = open_parts(session, err);
	if (rc == 0)
		rc = open_type(session, options, err);
	if (rc == 0) {
		rc = weir__session_thread_start(session);
		if (rc < 0)
			weir_failed(err, rc, "cannot start a thread: %s", strerror(-rc));
		if (rc < 0 && type->close)
			type->close(state);
	}
	if (rc < 0) {
		destroy(session);
		return rc;
	}
	info->read_fd = session->receiver.fd;
	info->write_fd = session->sender[0].fd;
	info->write_events = POLLIN;
	return 0;
}

void weir_session_created(void *state)
{
	weir_session_retry(state);
}

void weir_session_close(void *state)
{
	struct weir_session *session = weir__session_of(state);

	pthread_mutex_lock(&session->state_lock);
	session->wishes.end = true;
	weir__session_ring(session);
	pthread_mutex_unlock(&session->state_lock);
	pthread_join(session->thread, NULL);
	if (session->type->close)
		session->type->close(state);
	destroy(session);
}

/* --- other options ----------------------------------------------------------------------------------------
 */

static int change_type(struct weir_session *session, const void *options, bool try_only,
		       struct weir_error *err)
{
	int rc;

	weir_session_lock(session);
	rc = session->type->change(session->state, options, try_only, err);
	weir_session_unlock(session);
	return rc;
}

static void change_hold(struct weir_session *session, uint32_t hold)
{
	for (uint32_t i = 0; i < session->n_senders; i++) {
		pthread_mutex_lock(&session->sender[i].lock);
		session->sender[i].hold.limit = hold;
		pthread_mutex_unlock(&session->sender[i].lock);
	}
}

/* When it returns, the function of the old options is not called any more. */
static void change_rest(struct weir_session *session, const struct weir__session_options *options)
{
	pthread_mutex_lock(&session->told_lock);
	pthread_mutex_lock(&session->state_lock);
	adopt(session, options);
	/* It may have been what others had said that made it fail. */
	if (session->phase == WEIR__SESSION_PAUSES || session->phase == WEIR__SESSION_DISCONNECTS) {
		session->wishes.retry = true;
		weir__session_ring(session);
	}
	pthread_mutex_unlock(&session->state_lock);
	pthread_mutex_unlock(&session->told_lock);
}

int weir_session_change(void *state, const void *memory, bool try_only, struct weir_error *err)
{
	struct weir_session *session = weir__session_of(state);
	const struct weir__session_options *options = memory;
	int rc;

	/* There is no memory for more. */
	if (!session->type->change || options->hold > session->hold_max)
		return -ENOTSUP;
	rc = change_type(session, options, try_only, err);
	if (rc < 0 || try_only)
		return rc;
	change_hold(session, options->hold);
	change_rest(session, options);
	return 0;
}

/* --- further senders --------------------------------------------------------------------------------------
 */

const struct weir_option weir_session_sender_options[] = {
	WEIR_OPTION(struct weir_session_sender, of, STRING, "the endpoint of the session that it sends for"),
	{ 0 },
};

int weir_session_sender_check(const void *memory, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct weir_session_sender *options = memory;

	info->max_packet = 0;
	if (info->part >= WEIR_SESSION_SENDERS_MAX)
		return weir_invalid(err, "of", "'%s' has %d senders already", options->of,
				    WEIR_SESSION_SENDERS_MAX);
	return 0;
}

int weir_session_sender_open(void *state, const void *memory, struct weir_endpoint_info *info,
			     struct weir_error *err)
{
	struct weir_session_sender_state *sender = state;
	struct weir_session *session = weir__session_of(info->whole);
	const struct weir_session_sender *options = memory;
	int rc;

	if (info->part >= session->n_senders)
		return weir_invalid(err, "of", "'%s' can have %u senders, and it is one itself", options->of,
				    session->n_senders);
	sender->session = session;
	sender->sender = info->part;
	rc = weir__session_sender_open(session, info->part);
	if (rc < 0)
		return weir_failed(err, rc, "no memory or descriptors for a sender: %s", strerror(-rc));
	info->write_fd = session->sender[info->part].fd;
	info->write_events = POLLIN;
	return 0;
}

/* What it had is the session's, which may be closed already. */
void weir_session_sender_close(void *state)
{
	(void)state;
}
