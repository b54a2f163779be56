/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "state.h"

/* Puts a frame in the reader. false: there is no buffer for it now. */
static bool put_frame(const struct weir__se_state *state, struct weir_reader *reader, const uint8_t *frame,
		      uint32_t n)
{
	struct weir_buf *buf = weir_reader_buf(reader);
	struct iovec iov[2];

	if (!buf)
		return false;
	if (WEIR_UNLIKELY(!weir__se_is_length(state, n))) {
		weir_reader_drop(reader, n < WEIR__SE_FRAME_MIN ? WEIR__SE_TOO_SHORT : WEIR_SESSION_TOO_LONG);
		return true;
	}
	if (WEIR_LIKELY(n <= weir_reader_room(reader, buf))) {
		memcpy(buf->data, frame, n);
		weir_reader_commit(reader, n);
		return true;
	}
	if (!weir_reader_iov(reader, iov))
		return false;
	memcpy(iov[0].iov_base, frame, iov[0].iov_len);
	memcpy(iov[1].iov_base, frame + iov[0].iov_len, n - iov[0].iov_len);
	weir_reader_commit_iov(reader, n);
	return true;
}

static bool put_inflated(struct weir__se_state *state, struct weir_reader *reader, const uint8_t *bytes,
			 uint32_t n)
{
	const int inflated =
		weir__se_inflate(&state->inflater, state->inflated, sizeof(state->inflated), bytes, n);

	if (inflated >= 0)
		return put_frame(state, reader, state->inflated, (uint32_t)inflated);
	weir_reader_drop(reader, WEIR__SE_BAD_BLOCK);
	return true;
}

static bool put_block(struct weir__se_state *state, struct weir_reader *reader,
		      const struct weir__se_piece *piece)
{
	if (!state->welcome.compress)
		return put_frame(state, reader, piece->bytes, piece->n);
	return reader->n < reader->limit && put_inflated(state, reader, piece->bytes, piece->n);
}

int weir__se_bytes(void *memory, struct weir_stream *stream, struct weir_reader *reader)
{
	struct weir__se_state *state = memory;
	struct weir__se_link *link = weir_stream_user(stream);
	enum weir__se_piece_kind kind;
	struct weir__se_frames before;
	struct weir__se_piece piece;
	size_t n, at = 0, behind = 0;
	const uint8_t *bytes = weir_stream_peek(stream, &n);

	for (;;) {
		before = link->frames;
		kind = weir__se_frames_next(&link->frames, bytes, n, &at, &piece);
		if (kind == WEIR__SE_ALIVE) {
			weir_count(&state->keepalives_got, 1);
		} else if (kind != WEIR__SE_BLOCK) {
			behind = at;
			break;
		} else if (!put_block(state, reader, &piece)) {
			link->frames = before;
			break;
		}
		behind = at;
	}
	weir_stream_consume(stream, behind);
	if (kind == WEIR__SE_BROKEN)
		return weir_session_fail(state->session, -EBADMSG,
					 "the server sent a block of %u bytes, which cannot be", piece.n);
	return 0;
}

/* The same for the frame of a datagram. There was room in the reader when the datagram was opened. */
static bool put_datagram(struct weir__se_state *state, struct weir_socket *socket, struct weir_reader *reader,
			 const struct weir_datagram *datagram, const struct weir__se_accel_piece *piece)
{
	const uint8_t *bytes = datagram->bytes + piece->offset;
	struct weir_buf *buf;

	if (WEIR_LIKELY(!piece->compressed && weir__se_is_length(state, piece->n)))
		return weir_socket_take(socket, reader, datagram, piece->offset, piece->n, &buf);
	/* What is in its place now cannot be given a second time. */
	weir_socket_skip(socket, datagram);
	if (!(piece->compressed ? put_inflated(state, reader, bytes, piece->n)
				: put_frame(state, reader, bytes, piece->n)))
		weir_reader_drop(reader, WEIR_SESSION_TOO_LONG);
	return true;
}

int weir__se_datagrams(void *memory, struct weir_socket *socket, struct weir_reader *reader)
{
	struct weir__se_state *state = memory;
	struct weir__se_accel_piece piece;
	struct weir_datagram datagram;
	int code;

	while ((code = weir__se_accel_port_next(&state->udp, socket, reader, &datagram, &piece)) == 1) {
		if (!put_datagram(state, socket, reader, &datagram, &piece))
			return 0;
		weir__se_accel_port_done(&state->udp);
	}
	return code;
}
