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
	if (WEIR_UNLIKELY(n < WEIR__SE_FRAME_MIN || n > state->max_frame)) {
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

static bool put_block(struct weir__se_state *state, struct weir_reader *reader,
		      const struct weir__se_piece *piece)
{
	int n;

	if (!state->welcome.compress)
		return put_frame(state, reader, piece->bytes, piece->n);
	if (reader->n == reader->limit)
		return false;
	n = weir__se_inflate(&state->inflater, state->inflated, sizeof(state->inflated), piece->bytes,
			     piece->n);
	if (n < 0) {
		weir_reader_drop(reader, WEIR__SE_BAD_BLOCK);
		return true;
	}
	return put_frame(state, reader, state->inflated, (uint32_t)n);
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
