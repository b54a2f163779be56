/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "error.h"
#include "session.h"
#include "socket_address.h"
#include "stream.h"

#define RECEIVES 4 /* calls in one turn of the data path: a peer who floods does not keep the worker */
#define DISCARDS 64

static struct weir_stream *stream_of(struct weir__port *port)
{
	return (struct weir_stream *)port;
}

/* --- memory --- */

static bool make_buffers(struct weir_stream *stream, bool tls)
{
	const size_t staged = WEIR__STREAM_UNSENT + stream->send_room;

	return weir__fifo_init(&stream->plain,
			       stream->receive_room + WEIR__TLS_RECORD + WEIR__STREAM_RECEIVE) &&
	       weir__fifo_init(&stream->staged, staged) &&
	       weir__fifo_init(&stream->out, tls ? weir__tls_room(staged) : staged);
}

static void set_addresses(struct weir_stream *stream)
{
	union weir_socket_address local = { 0 }, peer = { 0 };
	socklen_t local_size = sizeof(local), peer_size = sizeof(peer);

	getsockname(stream->port.fd, &local.any, &local_size);
	getpeername(stream->port.fd, &peer.any, &peer_size);
	weir_socket_address_text(&local, stream->local);
	weir_socket_address_text(&peer, stream->peer);
}

struct weir_stream *weir__stream_new(int fd, const struct weir_stream_options *options)
{
	struct weir_stream *stream = aligned_alloc(_Alignof(struct weir_stream), sizeof(*stream));

	if (!stream)
		return NULL;
	memset(stream, 0, sizeof(*stream));
	pthread_mutex_init(&stream->tls_lock, NULL);
	stream->port.fd = fd;
	stream->receive_room = options->receive_room ? options->receive_room : WEIR__STREAM_ROOM;
	stream->send_room = options->send_room ? options->send_room : WEIR__STREAM_ROOM;
	if (!make_buffers(stream, options->tls)) {
		stream->port.fd = -1;
		weir__stream_free(stream);
		return NULL;
	}
	set_addresses(stream);
	return stream;
}

/*
 * Takes what the peer has sent already: a connection that is closed with something unread is reset, and what
 * was said last may be lost with it.
 */
static void hang_up(struct weir_stream *stream)
{
	const struct weir__fifo *plain = &stream->plain;
	const int fd = stream->port.fd;

	shutdown(fd, SHUT_WR);
	for (int i = 0; i < DISCARDS && recv(fd, plain->bytes, plain->size, MSG_DONTWAIT) > 0; i++)
		;
	close(fd);
}

void weir__stream_free(struct weir_stream *stream)
{
	if (stream->port.fd >= 0)
		hang_up(stream);
	weir__tls_close(&stream->tls);
	free(stream->plain.bytes);
	free(stream->staged.bytes);
	free(stream->out.bytes);
	pthread_mutex_destroy(&stream->tls_lock);
	free(stream);
}

/* --- receiving, in both lives --- */

/*
 * As much as there is, up to most bytes, for which the fifo has room; at most so many calls. Returns 1:
 * something came; 0: there is nothing now; or a negative errno.
 */
static int receive(struct weir_stream *stream, struct weir__fifo *fifo, size_t most, unsigned *calls,
		   uint64_t now)
{
	ssize_t n;

	if (!*calls)
		return 0;
	--*calls;
	do
		n = recv(stream->port.fd, weir__fifo_room(fifo, most), most, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (n == 0)
		return -ENODATA;
	/* Then nothing more is there, and the descriptor tells when that changes. */
	if ((size_t)n < most)
		*calls = 0;
	weir__fifo_put(fifo, (size_t)n);
	__atomic_store_n(&stream->heard, now, __ATOMIC_RELAXED);
	return 1;
}

/* As weir__tls_read(). */
static ssize_t decrypt(struct weir_stream *stream)
{
	ssize_t n;

	pthread_mutex_lock(&stream->tls_lock);
	n = weir__tls_read(&stream->tls, weir__fifo_room(&stream->plain, WEIR__TLS_RECORD), WEIR__TLS_RECORD);
	pthread_mutex_unlock(&stream->tls_lock);
	if (n > 0)
		weir__fifo_put(&stream->plain, (size_t)n);
	return n;
}

/*
 * Gets more of what the peer has sent: of TLS one record, while it is still in the cache. No more than
 * receive_room is there before. Returns as receive().
 */
static int get_more(struct weir_stream *stream, unsigned *calls, uint64_t now)
{
	ssize_t n = -EAGAIN;
	int rc = 1;

	if (!stream->secure)
		return receive(stream, &stream->plain, WEIR__STREAM_RECEIVE, calls, now);
	while (rc > 0 && (n = decrypt(stream)) == -EAGAIN)
		rc = receive(stream, &stream->tls.in, stream->tls.in.size, calls, now);
	if (rc <= 0)
		return rc;
	return n > 0 ? 1 : (int)n;
}

/* No more at once than a message may have: so bytes() does not take long over what is no packet. */
const uint8_t *weir_stream_peek(const struct weir_stream *stream, size_t *n)
{
	const size_t used = weir__fifo_used(&stream->plain);

	*n = used < stream->receive_room ? used : stream->receive_room;
	return weir__fifo_front(&stream->plain);
}

void weir_stream_consume(struct weir_stream *stream, size_t n)
{
	weir__fifo_take(&stream->plain, n);
}

/* Whether something is there that the descriptor does not tell of. */
static bool has_more(const struct weir_stream *stream)
{
	return weir__fifo_used(&stream->plain) || weir__fifo_used(&stream->tls.in);
}

/* --- sending, in both lives --- */

/* Encrypts what is staged, to an empty out. The lock is given back after each record: the reader may wait. */
static int seal(struct weir_stream *stream)
{
	const size_t n = weir__fifo_used(&stream->staged);
	int rc = 0;

	if (!stream->secure) {
		const struct weir__fifo empty = stream->out;

		stream->out = stream->staged;
		stream->staged = empty;
		return 0;
	}
	for (size_t at = 0; rc == 0 && at < n; at += WEIR__TLS_RECORD) {
		const size_t piece = n - at < WEIR__TLS_RECORD ? n - at : WEIR__TLS_RECORD;

		pthread_mutex_lock(&stream->tls_lock);
		rc = weir__tls_write(&stream->tls, &stream->out, stream->staged.bytes + at, piece);
		pthread_mutex_unlock(&stream->tls_lock);
	}
	weir__fifo_take(&stream->staged, n);
	return rc;
}

/* Gives out to the kernel. Returns as flush(). */
static int push(struct weir_stream *stream)
{
	const size_t used = weir__fifo_used(&stream->out);
	ssize_t n;

	if (!used)
		return 0;
	do
		n = send(stream->port.fd, weir__fifo_front(&stream->out), used, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 1 : -errno;
	weir__fifo_take(&stream->out, (size_t)n);
	return (size_t)n < used;
}

/* Returns 0: the kernel has all; 1: it takes no more now; or a negative errno. */
static int flush(struct weir_stream *stream)
{
	int rc = push(stream);

	while (rc == 0 && weir__fifo_used(&stream->staged)) {
		rc = seal(stream);
		if (rc == 0)
			rc = push(stream);
	}
	return rc;
}

size_t weir_stream_unsent(const struct weir_stream *stream)
{
	return weir__fifo_used(&stream->staged) + weir__fifo_used(&stream->out);
}

/* NULL: the kernel takes no more now, or the stream is broken. */
static uint8_t *stage(struct weir_stream *stream, size_t n)
{
	assert(n <= stream->send_room);
	if (weir_stream_unsent(stream) >= WEIR__STREAM_UNSENT &&
	    (flush(stream) < 0 || weir_stream_unsent(stream) >= WEIR__STREAM_UNSENT))
		return NULL;
	return weir__fifo_room(&stream->staged, n);
}

uint8_t *weir_stream_reserve(struct weir_stream *stream, size_t n)
{
	uint8_t *room = stage(stream, n);

	/* So that flush() finds out what is the matter. */
	if (!room)
		weir__port_dirty(&stream->port);
	return room;
}

void weir_stream_commit(struct weir_stream *stream, size_t n)
{
	weir__fifo_put(&stream->staged, n);
	weir__port_dirty(&stream->port);
}

/* --- the data path --- */

/* Calls bytes() if it is worth that. Returns how many it has taken, or a negative errno. */
static ssize_t hand_over(struct weir_stream *stream, struct weir_reader *reader)
{
	const struct weir_session *session = stream->port.session;
	const size_t before = weir__fifo_used(&stream->plain);
	int rc = 0;

	if (before)
		rc = session->type->bytes(session->state, stream, reader);
	return rc < 0 ? rc : (ssize_t)(before - weir__fifo_used(&stream->plain));
}

static int stream_read(struct weir__port *port, struct weir_reader *reader)
{
	struct weir_stream *stream = stream_of(port);
	unsigned calls = RECEIVES;
	size_t taken = 0;

	for (;;) {
		const ssize_t n = hand_over(stream, reader);
		int rc;

		if (n < 0)
			return (int)n;
		if (reader->n == reader->limit)
			return has_more(stream);
		/* A peer who floods with what is no packet does not keep the worker. */
		taken += (size_t)n;
		if (!reader->n && taken >= stream->receive_room)
			return 1;
		if (n > 0 && weir__fifo_used(&stream->plain) >= stream->receive_room)
			continue;
		/* Without a jumbo buffer at hand, what is whole may still have to wait. */
		if (weir__fifo_used(&stream->plain) > stream->receive_room)
			return reader->spill.iov_len ? -EMSGSIZE : 1;
		rc = get_more(stream, &calls, reader->now);
		if (rc < 0)
			return rc;
		if (rc == 0)
			return weir__fifo_used(&stream->plain) && !reader->spill.iov_len;
	}
}

static int stream_flush(struct weir__port *port)
{
	return flush(stream_of(port));
}

static void stream_close(struct weir__port *port)
{
	struct weir_stream *stream = stream_of(port);

	if (flush(stream) >= 0 && stream->secure) {
		weir__tls_goodbye(&stream->tls, &stream->out);
		push(stream);
	}
	weir__stream_free(stream);
}

static const struct weir__port_type port_type = {
	.read = stream_read, .flush = stream_flush, .close = stream_close, .is_stream = true
};

void weir__stream_add(struct weir_stream *stream, struct weir_session *session)
{
	weir__port_add(&stream->port, &port_type, session, stream->port.fd);
}

int weir_stream_attach(struct weir_stream *stream, struct weir_error *err)
{
	return weir__port_attach(&stream->port, has_more(stream), err);
}

void weir_stream_close(struct weir_stream *stream)
{
	if (stream)
		weir__port_close(&stream->port);
}

/* --- the session's thread --- */

/* What went wrong, in words; a wait that was cancelled has none. */
static int failed(const struct weir_stream *stream, int rc, const char *what, struct weir_error *err)
{
	if (rc == -ECANCELED)
		return rc;
	if (rc == -ENODATA)
		return weir_failed(err, rc, "%s: the peer has closed the connection while %s", stream->peer,
				   what);
	if (rc == -ETIMEDOUT)
		return weir_failed(err, rc, "%s: timed out while %s", stream->peer, what);
	if (rc == -EBADMSG)
		return weir_failed(err, rc, "%s: not TLS, or forged, while %s", stream->peer, what);
	return weir_failed(err, rc, "%s: %s, while %s", stream->peer, strerror(-rc), what);
}

static int push_all(struct weir_stream *stream, struct weir_session *session, uint64_t until)
{
	int rc;

	while ((rc = flush(stream)) == 1) {
		rc = weir_session_wait(session, stream->port.fd, POLLOUT, until);
		if (rc < 0)
			return rc;
	}
	return rc;
}

/* One more piece of the handshake. Returns 0: done; -EAGAIN; or an error in words. */
static int shake(struct weir_stream *stream, struct weir_session *session, uint64_t until,
		 struct weir_error *err)
{
	struct weir_error why;
	int rc, sent;

	weir__error_clear(&why);
	rc = weir__tls_handshake(&stream->tls, &why);
	weir__tls_reply(&stream->tls, &stream->out);
	if (rc < 0 && rc != -EAGAIN) {
		push(stream); /* what the peer is told of it */
		return weir_failed(err, rc, "%s: %s", stream->peer, why.text);
	}
	sent = push_all(stream, session, until);
	return sent ? failed(stream, sent, "shaking hands in TLS", err) : rc;
}

int weir__stream_secure(struct weir_stream *stream, struct weir_session *session,
			const struct weir_stream_options *options, uint64_t until, struct weir_error *err)
{
	int rc = weir__tls_open(&stream->tls, options->tls, options->host, WEIR__STREAM_RECEIVE, err);

	while (rc == 0 && (rc = shake(stream, session, until, err)) == -EAGAIN) {
		unsigned calls = 1;

		rc = receive(stream, &stream->tls.in, stream->tls.in.size, &calls, weir_session_now());
		if (rc == 0)
			rc = weir_session_wait(session, stream->port.fd, POLLIN, until);
		if (rc < 0)
			return failed(stream, rc, "shaking hands in TLS", err);
		rc = 0;
	}
	stream->secure = rc == 0;
	return rc;
}

int weir_stream_fill(struct weir_stream *stream, size_t n, uint64_t until, struct weir_error *err)
{
	int rc = 0;

	assert(n <= stream->receive_room);
	while (rc >= 0 && weir__fifo_used(&stream->plain) < n) {
		unsigned calls = 1;

		rc = get_more(stream, &calls, weir_session_now());
		if (rc == 0)
			rc = weir_session_wait(stream->port.session, stream->port.fd, POLLIN, until);
	}
	return rc < 0 ? failed(stream, rc, "receiving", err) : 0;
}

int weir_stream_write(struct weir_stream *stream, const void *bytes, size_t n, uint64_t until,
		      struct weir_error *err)
{
	const uint8_t *from = bytes;
	int rc = push_all(stream, stream->port.session, until);

	for (size_t piece; rc == 0 && n > 0; from += piece, n -= piece) {
		uint8_t *room;

		piece = n < stream->send_room ? n : stream->send_room;
		room = memcpy(stage(stream, piece), from, piece);
		weir__fifo_put(&stream->staged, piece);
		rc = push_all(stream, stream->port.session, until);
		/* It may have had a password, and lies there until frames come. */
		if (rc == 0 && stream->secure)
			explicit_bzero(room, piece);
	}
	return rc < 0 ? failed(stream, rc, "sending", err) : 0;
}

void weir_stream_leave_tls(struct weir_stream *stream)
{
	struct weir__fifo *in = &stream->tls.in;
	const size_t n = weir__fifo_used(in);

	if (!stream->secure)
		return;
	memcpy(weir__fifo_room(&stream->plain, n), weir__fifo_front(in), n);
	weir__fifo_put(&stream->plain, n);
	weir__fifo_take(in, n);
	stream->secure = false;
}

/* --- what is known of it --- */

void weir_stream_set_user(struct weir_stream *stream, void *user)
{
	stream->user = user;
}

void *weir_stream_user(const struct weir_stream *stream)
{
	return stream->user;
}

const uint8_t *weir_stream_certificate(const struct weir_stream *stream, size_t *n)
{
	*n = stream->tls.certificate_len;
	return stream->tls.certificate;
}

void weir_stream_addresses(const struct weir_stream *stream, char peer[WEIR_SESSION_TEXT],
			   char local[WEIR_SESSION_TEXT])
{
	memcpy(peer, stream->peer, sizeof(stream->peer));
	memcpy(local, stream->local, sizeof(stream->local));
}

uint64_t weir_stream_heard(const struct weir_stream *stream)
{
	return __atomic_load_n(&stream->heard, __ATOMIC_RELAXED);
}
