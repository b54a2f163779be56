/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session whose every function does what the test says, and notes that it was called. Its peer is the test,
 * at the other end of socket pairs.
 */
#ifndef WEIR_TEST_FAKE_SESSION_H
#define WEIR_TEST_FAKE_SESSION_H

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake.h"
#include "session.h"

#define LINES 8

/* What a function of the session does. */
enum deed {
	SUCCEED = 0,
	FAIL,    /* returns -EPROTO, in words */
	REPORT,  /* calls weir_session_fail() */
	DESPAIR, /* calls weir_session_fatal() */
	BLOCK,   /* waits until it is cancelled or let go */
	DOZE,    /* waits until it is cancelled or woken */
};

enum call {
	OPEN,
	CLOSE,
	CHANGE,
	CONNECT,
	DISCONNECT,
	TEND,
	TIMER,
	LOST,
	BYTES,
	SEND,
	CALLS,
};

/* Shared by the test and the session's thread and workers. */
struct script {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum deed deed[CALLS];
	uint64_t calls[CALLS];
	uint64_t waits;       /* of functions that block now or did */
	uint64_t cancelled;   /* of them, those that were cancelled */
	int release_fd;       /* readable: who blocks goes on */
	uint64_t timer_every; /* nanoseconds; 0: never by itself */
	uint64_t early;       /* attempts that came before the time that was told */
	uint32_t lines;       /* streams that connect() attaches */
	int peer[LINES];      /* the test's ends of them, -1: none */
	uint32_t number;      /* of the last options */
	bool keeps_socket;    /* open() opens a line that stays */
	bool as_sockets;      /* lines are sockets, not streams */
	uint32_t drops;       /* send() drops packets of this number and below */

	/* What the application was told. */
	char told[4096];
	struct weir_session_status status;
	uint64_t retry_at; /* the last that it was told; 0: at once is allowed */
	uint64_t odd;      /* statuses that contradict themselves */
	uint64_t pause_min, pause_max;
	char thread[16];
};

static inline void script_init(struct script *script)
{
	*script = (struct script){ .lines = 1, .pause_min = UINT64_MAX };
	pthread_mutex_init(&script->lock, NULL);
	pthread_cond_init(&script->changed, NULL);
	script->release_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(script->release_fd >= 0);
	for (unsigned i = 0; i < LINES; i++)
		script->peer[i] = -1;
}

static inline void script_free(struct script *script)
{
	close(script->release_fd);
	for (unsigned i = 0; i < LINES; i++)
		if (script->peer[i] >= 0)
			close(script->peer[i]);
	pthread_cond_destroy(&script->changed);
	pthread_mutex_destroy(&script->lock);
}

/* Notes a call and says what it is to do. */
static inline enum deed script_call(struct script *script, enum call call)
{
	enum deed deed;

	pthread_mutex_lock(&script->lock);
	script->calls[call]++;
	deed = script->deed[call];
	pthread_cond_broadcast(&script->changed);
	pthread_mutex_unlock(&script->lock);
	return deed;
}

static inline void script_add(struct script *script, uint64_t *counter, uint64_t n)
{
	pthread_mutex_lock(&script->lock);
	*counter += n;
	pthread_cond_broadcast(&script->changed);
	pthread_mutex_unlock(&script->lock);
}

static inline void script_set(struct script *script, enum call call, enum deed deed)
{
	pthread_mutex_lock(&script->lock);
	script->deed[call] = deed;
	pthread_mutex_unlock(&script->lock);
}

static inline uint64_t script_count(struct script *script, const uint64_t *counter)
{
	uint64_t n;

	pthread_mutex_lock(&script->lock);
	n = *counter;
	pthread_mutex_unlock(&script->lock);
	return n;
}

static inline void script_await(struct script *script, const uint64_t *counter, uint64_t n)
{
	pthread_mutex_lock(&script->lock);
	while (*counter < n)
		pthread_cond_wait(&script->changed, &script->lock);
	pthread_mutex_unlock(&script->lock);
}

#define await_calls(script, call, n) script_await(script, &(script)->calls[call], n)
#define await_waits(script, n)       script_await(script, &(script)->waits, n)
#define calls_of(script, call)       script_count(script, &(script)->calls[call])

/* Waits until the application was told of that state for the n-th time: told is "connecting up down …". */
static inline unsigned script_told(const struct script *script, const char *state)
{
	unsigned n = 0;

	for (const char *at = script->told; (at = strstr(at, state)); at += strlen(state))
		n++;
	return n;
}

static inline void await_told(struct script *script, const char *state, unsigned n)
{
	pthread_mutex_lock(&script->lock);
	while (script_told(script, state) < n)
		pthread_cond_wait(&script->changed, &script->lock);
	pthread_mutex_unlock(&script->lock);
}

static inline void script_tell(void *context, const struct weir_session_status *status)
{
	static const char *const names[] = { "down ", "connecting ", "up " };
	struct script *script = context;

	pthread_mutex_lock(&script->lock);
	strncat(script->told, names[status->state], sizeof(script->told) - strlen(script->told) - 1);
	script->status = *status;
	if (status->state == WEIR_SESSION_DOWN && status->retry_at) {
		const uint64_t pause = status->retry_at - status->since;

		script->retry_at = status->retry_at;
		script->pause_min = pause < script->pause_min ? pause : script->pause_min;
		script->pause_max = pause > script->pause_max ? pause : script->pause_max;
	}
	if (status->state == WEIR_SESSION_DOWN ? !status->error != !status->reason[0]
					       : status->fatal || status->retry_at)
		script->odd++;
	pthread_getname_np(pthread_self(), script->thread, sizeof(script->thread));
	pthread_cond_broadcast(&script->changed);
	pthread_mutex_unlock(&script->lock);
}

/* --- its lines --------------------------------------------------------------------------------------------
 */

struct line {
	struct weir__port port;
	struct fake_session *owner;
};

struct fake_session {
	WEIR_SESSION_STATE;
	struct script *script;
	struct line *line[LINES];
	uint64_t sent;
};

struct fake_session_options {
	WEIR_SESSION_OPTIONS;
	struct script *script;
	uint32_t number;
	uint32_t max_packet;
};

static inline int line_read(struct weir__port *port, struct weir_reader *reader)
{
	struct line *line = (struct line *)port;
	uint8_t bytes[256];
	uint32_t bound = reader->limit;

	while (bound-- > 0) {
		ssize_t n;

		if (!weir_reader_buf(reader))
			return 0;
		n = recv(port->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (n == 0)
			return -ENODATA;
		switch (script_call(line->owner->script, BYTES)) {
		case FAIL:
			return -EPROTO;
		case REPORT:
			return weir_session_fail(port->session, -EPROTO, "bad bytes");
		case SUCCEED:
		case DESPAIR:
		case BLOCK:
		case DOZE:
			break;
		}
		/* One byte is no packet. */
		if (n > 1 && !weir__reader_copy(reader, bytes, (uint32_t)n))
			return 0;
	}
	return 1;
}

static inline void line_close(struct weir__port *port)
{
	close(port->fd);
	free(port);
}

static const struct weir__port_type line_type = { .read = line_read, .close = line_close, .is_stream = true };
static const struct weir__port_type socket_type = { .read = line_read, .close = line_close };

/* Whoever is connected to the test before loses the connection. */
static inline int open_line(struct fake_session *fake, unsigned i, struct weir_error *err)
{
	struct script *script = fake->script;
	struct line *line = calloc(1, sizeof(*line));
	int fds[2], before;

	assert_non_null(line);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	line->owner = fake;
	weir__port_add(&line->port, script->as_sockets ? &socket_type : &line_type, fake->session, fds[0]);
	fake->line[i] = line;
	pthread_mutex_lock(&script->lock);
	before = script->peer[i];
	script->peer[i] = fds[1];
	pthread_mutex_unlock(&script->lock);
	if (before >= 0)
		close(before);
	return weir__port_attach(&line->port, false, err);
}

static inline int peer_of(struct script *script, unsigned i)
{
	int fd;

	pthread_mutex_lock(&script->lock);
	fd = script->peer[i];
	pthread_mutex_unlock(&script->lock);
	return fd;
}

static inline void hang_up(struct script *script, unsigned i)
{
	pthread_mutex_lock(&script->lock);
	close(script->peer[i]);
	script->peer[i] = -1;
	pthread_mutex_unlock(&script->lock);
}

/* --- its functions ----------------------------------------------------------------------------------------
 */

static inline int session_deed(struct fake_session *fake, enum call call, struct weir_error *err)
{
	struct script *script = fake->script;
	const enum deed deed = script_call(script, call);
	int rc;

	switch (deed) {
	case FAIL:
		return weir_failed(err, -EPROTO, "call %d failed", call);
	case REPORT:
		return weir_session_fail(fake->session, -EPROTO, "call %d reported", call);
	case DESPAIR:
		return weir_session_fatal(fake->session, -EACCES, "call %d despaired", call);
	case BLOCK:
	case DOZE:
		script_add(script, &script->waits, 1);
		rc = weir_session_wait(fake->session, deed == BLOCK ? script->release_fd : -1, POLLIN,
				       UINT64_MAX);
		script_add(script, &script->cancelled, rc == -ECANCELED);
		return rc;
	case SUCCEED:
		break;
	}
	return 0;
}

static inline int session_check(const void *memory, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct fake_session_options *options = memory;

	(void)err;
	info->layer = WEIR_LAYER_L2;
	info->max_packet = options->max_packet ? options->max_packet : 1518;
	info->headroom = 16;
	info->tailroom = 8;
	return 0;
}

static inline int session_open(void *state, const void *memory, struct weir_error *err)
{
	const struct fake_session_options *options = memory;
	struct fake_session *fake = state;

	fake->script = options->script;
	fake->script->number = options->number;
	if (fake->script->keeps_socket) {
		const int rc = open_line(fake, LINES - 1, err);

		if (rc < 0)
			return rc;
	}
	return session_deed(fake, OPEN, err);
}

static inline void session_close(void *state)
{
	struct fake_session *fake = state;

	script_call(fake->script, CLOSE);
}

static inline int session_change(void *state, const void *memory, bool try_only, struct weir_error *err)
{
	const struct fake_session_options *options = memory;
	struct fake_session *fake = state;

	if (options->number == 99)
		return weir_invalid(err, "number", "99 is too much");
	if (options->number == 77)
		return -ENOTSUP;
	if (try_only)
		return 0;
	pthread_mutex_lock(&fake->script->lock);
	fake->script->number = options->number;
	pthread_mutex_unlock(&fake->script->lock);
	script_call(fake->script, CHANGE);
	return 0;
}

static inline int session_connect(void *state, struct weir_error *err)
{
	struct fake_session *fake = state;
	int rc;

	script_add(fake->script, &fake->script->early, weir_session_now() < fake->script->retry_at);
	rc = session_deed(fake, CONNECT, err);
	for (unsigned i = 0; rc == 0 && i < fake->script->lines; i++)
		rc = open_line(fake, i, err);
	if (rc == 0)
		weir_session_assign(fake->session, &(struct weir_session_status){
							   .mtu = 1400, .label = "fake", .n_addresses = 1 });
	return rc;
}

static inline void session_disconnect(void *state)
{
	struct weir_error unused = { 0 };

	session_deed(state, DISCONNECT, &unused);
}

static inline int session_tend(void *state, struct weir_error *err)
{
	return session_deed(state, TEND, err);
}

static inline uint64_t session_timer(void *state, uint64_t now)
{
	struct fake_session *fake = state;

	if (script_call(fake->script, TIMER) == REPORT)
		weir_session_fail(fake->session, -EPROTO, "call %d reported", TIMER);
	return fake->script->timer_every ? now + fake->script->timer_every : UINT64_MAX;
}

static inline int session_lost(void *state, struct weir_stream *stream, struct weir_error *err)
{
	assert_non_null(stream);
	return session_deed(state, LOST, err);
}

static inline uint32_t session_send(void *state, struct weir_writer *writer, unsigned sender)
{
	struct fake_session *fake = state;
	struct line *line = fake->line[fake->script->keeps_socket ? LINES - 1 : sender];

	for (uint32_t i = 0; i < writer->n; i++) {
		struct weir_buf *buf = weir_writer_buf(writer, i);

		switch (script_call(fake->script, SEND)) {
		case FAIL:
			writer->error = -ENETDOWN;
			return i;
		case REPORT:
			weir_session_fail(fake->session, -EPROTO, "call %d reported", SEND);
			return writer->n;
		case SUCCEED:
		case DESPAIR:
		case BLOCK:
		case DOZE:
			break;
		}
		assert_true(weir_buf_headroom(buf) >= 16 && weir_buf_tailroom(buf) >= 8);
		if (fake_number(buf) < fake->script->drops) {
			weir_writer_drop(writer, i, WEIR_SESSION_TOO_LONG);
			continue;
		}
		if (send(line->port.fd, buf->data, buf->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
			if (errno != EAGAIN)
				continue; /* lost: the reader finds that out */
			weir__port_wants_write(&line->port);
			return i;
		}
	}
	return writer->n;
}

static const struct weir_session_type fake_session = {
	.check = session_check,
	.open = session_open,
	.close = session_close,
	.change = session_change,
	.connect = session_connect,
	.disconnect = session_disconnect,
	.tend = session_tend,
	.timer = session_timer,
	.lost = session_lost,
	.send = session_send,
	.senders = 2,
};

static const struct weir_reason session_reasons[] = { WEIR_SESSION_REASONS, { 0 } };

static const struct weir_counter session_counters[] = {
	WEIR_SESSION_COUNTERS(struct fake_session),
	{ 0 },
};

static const struct weir_option session_options[] = {
	WEIR_SESSION_OPTION_ROWS(struct fake_session_options),
	WEIR_OPTION(struct fake_session_options, script, OBJECT, "what the test says"),
	WEIR_OPTION(struct fake_session_options, number, U32, "to tell options apart"),
	WEIR_OPTION(struct fake_session_options, max_packet, U32, "default 1518"),
	{ 0 },
};

WEIR_SESSION(fake_session_type, fake_session, .name = "fake_session", .help = "the test",
	     .reasons = session_reasons, .counters = session_counters, .options = session_options,
	     .options_size = sizeof(struct fake_session_options), .state_size = sizeof(struct fake_session));

#define fake_session(...) WEIR_ENDPOINT(fake_session_type, struct fake_session_options, __VA_ARGS__)

#endif
