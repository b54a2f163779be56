/* SPDX-License-Identifier: Apache-2.0 */
#include "state.h"

/* What goes by one connection of a vector: one group. */
struct batch {
	struct weir__se_group group;
	size_t need;    /* bytes to reserve at the most */
	uint32_t first; /* packet that goes there */
};

static bool is_length(const struct weir__se_state *state, uint32_t n)
{
	return n >= WEIR__SE_FRAME_MIN && n <= state->max_frame;
}

static bool is_sender(const struct weir__se_state *state, unsigned link)
{
	for (unsigned i = 0; i < state->n_senders; i++)
		if (state->senders[i] == link)
			return true;
	return false;
}

/* The link of a frame. */
static unsigned pick(struct weir__se_state *state, const struct weir_buf *buf, uint64_t now)
{
	struct weir__se_flow *flow;
	uint32_t hash;

	if (WEIR_LIKELY(state->n_senders == 1) || !is_length(state, buf->len))
		return state->senders[0];
	hash = weir__se_flow_hash(buf->data, buf->len);
	flow = &state->flows.flow[hash % WEIR__SE_FLOWS];
	if (flow->change != state->flows.change &&
	    (now - flow->used > WEIR__SE_FLOW_PAUSE || !is_sender(state, flow->link))) {
		flow->link = state->senders[hash / WEIR__SE_FLOWS % state->n_senders];
		flow->change = state->flows.change;
	}
	flow->used = now;
	return flow->link;
}

static size_t block_bound(struct weir__se_state *state, uint32_t n)
{
	return 4 + (state->welcome.compress ? weir__se_deflated_bound(&state->deflater, n) : n);
}

static void plan(struct weir__se_state *state, struct weir_writer *writer, struct batch *batches,
		 uint8_t *via)
{
	const uint64_t now = state->n_senders > 1 ? weir_session_now() : 0;

	for (unsigned i = 0; i < state->n_senders; i++)
		batches[state->senders[i]].need = 0;
	for (uint32_t i = 0; i < writer->n; i++) {
		const struct weir_buf *buf = weir_writer_buf(writer, i);
		struct batch *batch;

		via[i] = (uint8_t)pick(state, buf, now);
		batch = &batches[via[i]];
		if (!is_length(state, buf->len))
			continue;
		if (!batch->need) {
			batch->need = 4;
			batch->first = i;
		}
		batch->need += block_bound(state, buf->len);
	}
}

/* Reserves for all that go by each link. Returns up to which packet there is room. */
static uint32_t reserve(struct weir__se_state *state, struct batch *batches, uint32_t n)
{
	for (unsigned i = 0; i < state->n_senders; i++) {
		struct batch *batch = &batches[state->senders[i]];
		uint8_t *bytes;

		if (!batch->need)
			continue;
		bytes = weir_stream_reserve(state->link[state->senders[i]].stream, batch->need);
		if (bytes) {
			weir__se_group_begin(&batch->group, bytes);
			continue;
		}
		batch->need = 0;
		n = batch->first < n ? batch->first : n;
	}
	return n;
}

static void commit(struct weir__se_state *state, struct batch *batches)
{
	for (unsigned i = 0; i < state->n_senders; i++) {
		struct batch *batch = &batches[state->senders[i]];
		const size_t n = batch->need ? weir__se_group_end(&batch->group) : 0;

		if (n)
			weir_stream_commit(state->link[state->senders[i]].stream, n);
	}
}

static bool put(struct weir__se_state *state, struct weir__se_group *group, const struct weir_buf *buf)
{
	uint8_t *to = weir__se_group_next(group);
	size_t n = buf->len;

	if (state->welcome.compress)
		n = weir__se_deflate(&state->deflater, to, weir__se_deflated_bound(&state->deflater, n),
				     buf->data, n);
	else
		memcpy(to, buf->data, n);
	if (!n)
		return false;
	weir__se_group_add(group, (uint32_t)n);
	return true;
}

static void write_frame(struct weir__se_state *state, struct weir_writer *writer, uint32_t i,
			struct batch *batch)
{
	const struct weir_buf *buf = weir_writer_buf(writer, i);

	if (WEIR_UNLIKELY(!is_length(state, buf->len))) {
		weir_writer_drop(writer, i,
				 buf->len < WEIR__SE_FRAME_MIN ? WEIR__SE_TOO_SHORT : WEIR_SESSION_TOO_LONG);
		return;
	}
	weir__se_macs_see(&state->macs, buf->data);
	if (!put(state, &batch->group, buf))
		weir_writer_drop(writer, i, WEIR_SESSION_NO_MEMORY);
}

static uint32_t drop_all(struct weir_writer *writer)
{
	for (uint32_t i = 0; i < writer->n; i++)
		weir_writer_drop(writer, i, WEIR_SESSION_NOT_UP);
	return writer->n;
}

uint32_t weir__se_send(void *memory, struct weir_writer *writer, unsigned sender)
{
	struct weir__se_state *state = memory;
	struct batch batches[WEIR__SE_LINKS];
	uint8_t via[WEIR_VECTOR_SIZE];
	uint32_t n;

	(void)sender;
	if (WEIR_UNLIKELY(!state->n_senders))
		return drop_all(writer);
	plan(state, writer, batches, via);
	n = reserve(state, batches, writer->n);
	for (uint32_t i = 0; i < n; i++)
		write_frame(state, writer, i, &batches[via[i]]);
	commit(state, batches);
	return n;
}
