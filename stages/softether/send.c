/* SPDX-License-Identifier: Apache-2.0 */
#include "state.h"

/* What goes by one connection of a vector: one group. */
struct batch {
	struct weir__se_group group;
	size_t need;    /* bytes to reserve at the most */
	uint32_t first; /* packet that goes there */
};

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

	if (WEIR_LIKELY(state->n_senders <= 1) || !weir__se_is_length(state, buf->len))
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

static void plan(struct weir__se_state *state, struct weir_writer *writer, uint32_t first, uint32_t end,
		 uint64_t now, struct batch *batches, uint8_t *via)
{
	for (unsigned i = 0; i < state->n_senders; i++)
		batches[state->senders[i]].need = 0;
	for (uint32_t i = first; i < end; i++) {
		const struct weir_buf *buf = weir_writer_buf(writer, i);
		struct batch *batch;

		via[i] = (uint8_t)pick(state, buf, now);
		batch = &batches[via[i]];
		if (!weir__se_is_length(state, buf->len))
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

	if (WEIR_UNLIKELY(!weir__se_is_length(state, buf->len))) {
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

/* Packets first to end by TCP. Returns up to which it is done. */
static uint32_t send_by_tcp(struct weir__se_state *state, struct weir_writer *writer, uint32_t first,
			    uint32_t end, uint64_t now)
{
	struct batch batches[WEIR__SE_LINKS];
	uint8_t via[WEIR_VECTOR_SIZE] = { 0 };

	plan(state, writer, first, end, now, batches, via);
	end = reserve(state, batches, end);
	for (uint32_t i = first; i < end; i++)
		write_frame(state, writer, i, &batches[via[i]]);
	commit(state, batches);
	return end;
}

/* In order, what goes in a datagram by UDP, and what does not by TCP. */
static uint32_t send_by_both(struct weir__se_state *state, struct weir_writer *writer, uint64_t now)
{
	struct weir__se_deflater *deflater = state->welcome.compress ? &state->deflater : NULL;
	uint32_t i = 0, n;
	bool full;

	while (i < writer->n) {
		n = weir__se_accel_port_send(&state->udp, writer, i, now, deflater, &full);
		for (uint32_t k = i; k < i + n; k++)
			weir__se_macs_see(&state->macs, weir_writer_buf(writer, k)->data);
		i += n;
		if (full)
			break;
		if (n || i == writer->n)
			continue;
		if (send_by_tcp(state, writer, i, i + 1, now) == i)
			break;
		i++;
	}
	return i;
}

uint32_t weir__se_send(void *memory, struct weir_writer *writer, unsigned sender)
{
	struct weir__se_state *state = memory;
	uint64_t now;

	(void)sender;
	if (WEIR_UNLIKELY(!state->n_senders))
		return drop_all(writer);
	now = state->n_senders > 1 || state->udp.running ? weir_session_now() : 0;
	if (weir__se_accel_port_ready(&state->udp, now))
		return send_by_both(state, writer, now);
	return send_by_tcp(state, writer, 0, writer->n, now);
}
