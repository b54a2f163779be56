/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that says anything at any point: the whole of a session, from the greeting to frames, with the
 * functions of the engine that it calls in place of the engine's. Streams are made of the input, in pieces.
 */
#include "input.h"

#include <errno.h>

#include "reader.h"
#include "softether/connect.h"

#define STREAMS 64
#define ROOM    65536
#define SMALL   64

struct weir_stream {
	struct input left;    /* what the server will still say */
	const uint8_t *begin; /* what has come and was not consumed */
	size_t n;
	size_t reserved;
	void *user;
	bool open;
};

struct weir_session {
	bool failed, tend;
};

static struct weir_stream streams[STREAMS];
static unsigned n_streams;
static struct input rest;
static uint64_t now;
static unsigned locks;
static uint8_t sent[ROOM];

/* --- the engine's part --- */

uint64_t weir_session_now(void)
{
	return now += 1000000;
}

void weir_session_lock(struct weir_session *session)
{
	(void)session;
	locks++;
}

void weir_session_unlock(struct weir_session *session)
{
	(void)session;
	require(locks-- > 0);
}

void weir_session_assign(struct weir_session *session, const struct weir_session_status *status)
{
	(void)session;
	require(memchr(status->label, 0, sizeof(status->label)));
}

int weir_session_fail(struct weir_session *session, int error, const char *format, ...)
{
	(void)format;
	require(error < 0);
	session->failed = true;
	return error;
}

int weir_session_fatal(struct weir_session *session, int error, const char *format, ...)
{
	return weir_session_fail(session, error, "%s", format);
}

void weir_session_wake(struct weir_session *session, uint64_t at)
{
	(void)session;
	(void)at;
}

void weir_session_tend(struct weir_session *session)
{
	session->tend = true;
}

/* --- streams --- */

int weir_tls_check(const struct weir_tls *tls, const char *prefix, struct weir_error *err)
{
	(void)tls;
	(void)prefix;
	(void)err;
	return 0;
}

int weir_stream_connect(struct weir_stream **stream, struct weir_session *session,
			const struct weir_stream_options *options, struct weir_error *err)
{
	const size_t size = (size_t)input_number(&rest, 2);

	(void)session;
	require(options->tls && *options->host && options->port);
	/* Who is sent elsewhere believes nobody but that one. */
	require(options->tls->any || options->tls->fingerprints);
	if (n_streams == STREAMS || !rest.size)
		return weir_failed(err, -ECONNREFUSED, "refused");
	*stream = &streams[n_streams++];
	**stream = (struct weir_stream){ .left = rest, .open = true };
	if ((*stream)->left.size > size)
		(*stream)->left.size = size;
	(*stream)->begin = rest.bytes;
	rest.bytes += (*stream)->left.size;
	rest.size -= (*stream)->left.size;
	return 0;
}

static void come(struct weir_stream *stream, size_t n)
{
	n = n < stream->left.size ? n : stream->left.size;
	stream->left.size -= n;
	stream->n += n;
}

int weir_stream_fill(struct weir_stream *stream, size_t n, uint64_t until, struct weir_error *err)
{
	(void)until;
	require(stream->open && n <= ROOM);
	if (stream->n < n)
		come(stream, n - stream->n);
	return stream->n < n ? weir_failed(err, -ENODATA, "ended") : 0;
}

int weir_stream_write(struct weir_stream *stream, const void *bytes, size_t n, uint64_t until,
		      struct weir_error *err)
{
	(void)bytes;
	(void)until;
	(void)err;
	require(stream->open && n > 0);
	return 0;
}

const uint8_t *weir_stream_peek(const struct weir_stream *stream, size_t *n)
{
	*n = stream->n;
	return stream->begin;
}

void weir_stream_consume(struct weir_stream *stream, size_t n)
{
	require(stream->open && n <= stream->n);
	stream->begin += n;
	stream->n -= n;
}

void weir_stream_leave_tls(struct weir_stream *stream)
{
	require(stream->open);
}

int weir_stream_attach(struct weir_stream *stream, struct weir_error *err)
{
	(void)err;
	require(stream->open && stream->user);
	return 0;
}

void weir_stream_close(struct weir_stream *stream)
{
	if (!stream)
		return;
	require(stream->open);
	stream->open = false;
}

void weir_stream_set_user(struct weir_stream *stream, void *user)
{
	stream->user = user;
}

void *weir_stream_user(const struct weir_stream *stream)
{
	return stream->user;
}

void weir_stream_addresses(const struct weir_stream *stream, char peer[WEIR_SESSION_TEXT],
			   char local[WEIR_SESSION_TEXT])
{
	(void)stream;
	strcpy(peer, "192.0.2.1:443");
	strcpy(local, "192.0.2.2:1024");
}

uint8_t *weir_stream_reserve(struct weir_stream *stream, size_t n)
{
	require(stream->open && n <= ROOM);
	stream->reserved = n;
	return sent;
}

void weir_stream_commit(struct weir_stream *stream, size_t n)
{
	require(n <= stream->reserved);
}

uint64_t weir_stream_heard(const struct weir_stream *stream)
{
	require(stream->open);
	return 0;
}

/* --- sockets: there are none, as UDP acceleration has a target of its own --- */

int weir_socket_open(struct weir_socket **socket, struct weir_session *session,
		     const struct weir_socket_options *options, struct weir_error *err)
{
	(void)socket;
	(void)session;
	(void)options;
	return weir_failed(err, -ENOTSUP, "no sockets");
}

void weir_socket_close(struct weir_socket *socket)
{
	require(!socket);
}

_Noreturn static void no_socket(void)
{
	fprintf(stderr, "a socket is used that was never opened\n");
	abort();
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter" /* of functions that are there to be linked */

#define NO_SOCKET(type, name, ...) \
	type name(__VA_ARGS__)     \
	{                          \
		no_socket();       \
	}

NO_SOCKET(void, weir_socket_local, const struct weir_socket *socket, union weir_socket_address *local)
NO_SOCKET(void, weir_socket_adapt, const struct weir_socket *socket, union weir_socket_address *address)
NO_SOCKET(int, weir_socket_mtu, const struct weir_socket *socket, const union weir_socket_address *to,
	  uint32_t *bytes, struct weir_error *err)
NO_SOCKET(int, weir_socket_next, struct weir_socket *socket, struct weir_reader *reader,
	  struct weir_datagram *datagram)
NO_SOCKET(bool, weir_socket_take, struct weir_socket *socket, struct weir_reader *reader,
	  const struct weir_datagram *datagram, uint32_t offset, uint32_t len, struct weir_buf **buf)
NO_SOCKET(void, weir_socket_skip, struct weir_socket *socket, const struct weir_datagram *datagram)
NO_SOCKET(uint32_t, weir_socket_send, struct weir_socket *socket, struct weir_writer *writer,
	  const union weir_socket_address *const *to, const uint8_t *source)
NO_SOCKET(int, weir_socket_send_one, struct weir_socket *socket, const void *bytes, size_t n,
	  const union weir_socket_address *to)

#pragma GCC diagnostic pop

/* --- the test --- */

struct packets {
	struct weir_buf bufs[SMALL];
	uint8_t rooms[SMALL][1536];
	uint32_t stash[SMALL];
	uint64_t dropped[2 * WEIR_REASONS_MAX];
};

static void read_all(struct weir__se_state *state, struct weir_stream *stream, struct packets *packets)
{
	struct weir__spill spill = { 0 };
	struct weir_reader reader = { .bufs = packets->bufs,
				      .stash = packets->stash,
				      .stash_n = SMALL,
				      .limit = WEIR_VECTOR_SIZE,
				      .dropped = packets->dropped,
				      .engine = &spill };

	for (uint32_t i = 0; i < SMALL; i++) {
		packets->stash[i] = i;
		packets->bufs[i].room = packets->rooms[i];
		packets->bufs[i].room_size = sizeof(packets->rooms[i]);
	}
	if (weir__se_bytes(state, stream, &reader) < 0)
		require(state->session->failed);
	require(reader.n <= WEIR_VECTOR_SIZE);
	for (uint32_t i = 0; i < reader.n; i++) {
		const uint32_t len = packets->bufs[reader.index[i]].len;

		require(len >= WEIR__SE_FRAME_MIN && len <= state->max_frame);
	}
}

/* What is not consumed when nothing more comes fits in the room that a stream has. */
static void run(struct weir__se_state *state, unsigned step, struct packets *packets)
{
	struct weir_error err = { 0 };

	for (unsigned i = 0; i < WEIR__SE_LINKS && !state->session->failed; i++) {
		struct weir_stream *stream = state->link[i].stream;

		if (!stream)
			continue;
		while ((stream->n || stream->left.size) && !state->session->failed) {
			const size_t before = stream->n + stream->left.size;

			come(stream, step);
			read_all(state, stream, packets);
			require(stream->n <= 8 + WEIR__SE_BLOCK_MAX + step * 2);
			if (!stream->left.size && stream->n + stream->left.size == before)
				break;
		}
	}
	weir__se_timer(state, now);
	if (state->n_links < state->welcome.connections && !state->session->failed)
		(void)weir__se_extend(state, &err);
	require(state->n_links <= WEIR__SE_LINKS);
}

static void settle(struct weir__se_state *state, uint8_t flags)
{
	struct weir__se_settings *settings = &state->settings;

	strcpy(settings->server, "server");
	strcpy(settings->hub, "hub");
	strcpy(settings->user, "user");
	settings->auth = WEIR_SOFTETHER_ANONYMOUS;
	settings->any_server = true;
	settings->port = 443;
	settings->max_frame = 1518;
	settings->compress = flags & 1;
	settings->clear_data = flags & 2;
	settings->half_duplex = flags & 4;
	settings->connections = flags & 8 ? 4 : 1;
	state->options = *settings;
	state->max_frame = settings->max_frame;
	state->extend_at = UINT64_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct packets packets;
	struct weir_session session = { 0 };
	struct weir__se_state *state = calloc(1, sizeof(*state));
	struct weir_error err = { 0 };
	unsigned step;

	require(state);
	rest = (struct input){ bytes, size };
	now = 0;
	n_streams = 0;
	state->session = &session;
	settle(state, (uint8_t)input_number(&rest, 1));
	step = (unsigned)input_number(&rest, 1) + 1;
	if (weir__se_connect(state, &err) == 0) {
		run(state, step, &packets);
		run(state, step, &packets);
	} else {
		require(err.problems && err.code < 0);
		require(state->n_links == 0);
	}
	weir__se_links_close(state, false);
	require(locks == 0 && state->n_links == 0);
	for (unsigned i = 0; i < n_streams; i++)
		require(!streams[i].open);
	weir__se_deflater_close(&state->deflater);
	weir__se_inflater_close(&state->inflater);
	free(state);
	return 0;
}
