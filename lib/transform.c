/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "check.h"
#include "clock.h"
#include "pipeline.h"
#include "segment.h"
#include "transform.h"
#include "walk.h"

/* --- cutting ----------------------------------------------------------------------------------------------
 */

/* A vector on its way through a split. */
struct cut {
	struct weir__worker *worker;
	const struct weir__op *op;
	const struct weir__transform *config;
	struct weir__vector out; /* pieces that have not gone on yet */
};

static bool is_blocked(const struct cut *cut)
{
	return cut->worker->blocked & cut->op->below;
}

/* What is behind the split takes all of it, or keeps it in a backlog of its own. */
static void flush(struct cut *cut)
{
	if (cut->out.n)
		weir__walk(cut->worker, cut->op + 1, &cut->out);
	cut->out.n = 0;
	weir__worker_at(cut->worker, cut->op->row);
}

/* Returns false if nothing more can go on now; this packet does. */
static bool put(struct cut *cut, uint32_t index)
{
	cut->out.index[cut->out.n++] = index;
	if (cut->out.n < WEIR_VECTOR_SIZE)
		return true;
	flush(cut);
	return !is_blocked(cut);
}

static void drop(struct cut *cut, uint32_t index, unsigned reason)
{
	weir__row_drop(cut->op->row, reason, 1, weir_buf_segments(&cut->worker->pool->bufs[index]));
	weir__worker_free(cut->worker, &index, 1, cut->op->row->path);
}

/*
 * A free buffer for a piece. When the pool is empty, the pieces made so far go first, for their buffers may
 * come back by that. WEIR__NO_BUFFER: there is none now.
 */
static uint32_t take(struct cut *cut, bool jumbo)
{
	uint32_t index = weir__worker_take(cut->worker, jumbo);

	if (WEIR_LIKELY(index != WEIR__NO_BUFFER))
		return index;
	flush(cut);
	index = is_blocked(cut) ? WEIR__NO_BUFFER : weir__worker_take(cut->worker, jumbo);
	/* A worker that waits for a jumbo buffer while it holds one could wait for itself. */
	if (index == WEIR__NO_BUFFER && !jumbo && !is_blocked(cut))
		index = weir__worker_starve(cut->worker);
	return index;
}

static void write_piece(struct cut *cut, const struct weir_buf *super, const struct weir__segments *segments,
			uint32_t k, uint32_t index)
{
	struct weir_buf *buf = &cut->worker->pool->bufs[index];

	buf->data = buf->room + cut->worker->pool->headroom;
	buf->len = weir__segments_len(segments, k);
	buf->arrival = super->arrival;
	buf->framing = super->framing;
	buf->family = segments->family;
	buf->gso_type = WEIR_GSO_NONE;
	buf->vlan = super->vlan;
	buf->flags = super->flags & (uint16_t)~WEIR_BUF_NEEDS_CSUM;
	buf->mark = super->mark;
	buf->peer = super->peer;
	weir__segments_write(segments, k, buf->data);
	weir_count(&cut->op->row->counters.made, 1);
}

/* Returns false if not all pieces could be made: then the next one to make is noted. */
static bool make_pieces(struct cut *cut, const struct weir_buf *super, const struct weir__segments *segments,
			bool jumbo)
{
	struct weir__row *row = cut->op->row;

	while (row->piece < segments->n) {
		const uint32_t index = take(cut, jumbo);

		if (index == WEIR__NO_BUFFER)
			return false;
		write_piece(cut, super, segments, row->piece++, index);
		if (!put(cut, index) && row->piece < segments->n)
			return false;
	}
	return true;
}

static bool fits(const struct cut *cut, const struct weir__segments *segments)
{
	return weir__segments_len(segments, 0) <= cut->worker->pool->room;
}

/* Returns false if the packet is not done with. */
static bool cut_super(struct cut *cut, uint32_t index)
{
	const struct weir_buf *super = &cut->worker->pool->bufs[index];
	struct weir__row *row = cut->op->row;
	struct weir__segments segments;
	bool jumbo, done;

	/* Whoever gave it has told others by its lengths how many pieces it has: none may be padding. */
	if (!weir__segments_begin(&segments, super,
				  weir__segments_network(super, cut->config->layer, cut->config->framing)) ||
	    segments.n != weir_buf_segments(super)) {
		drop(cut, index, WEIR__SPLIT_MALFORMED);
		return true;
	}
	jumbo = !fits(cut, &segments);
	done = make_pieces(cut, super, &segments, jumbo);
	if (!done && jumbo && !is_blocked(cut)) {
		/* What was not cut of it is lost. */
		weir__row_drop(row, WEIR__SPLIT_TOO_LONG, 1, segments.n - row->piece);
		done = true;
	} else if (done) {
		weir_count(&row->counters.consumed, 1);
	}
	if (!done)
		return false;
	row->piece = 0;
	weir__worker_free(cut->worker, &index, 1, row->path);
	return true;
}

/* Returns false if the packet is not done with. */
static bool cut_one(struct cut *cut, uint32_t index)
{
	struct weir_buf *buf = &cut->worker->pool->bufs[index];
	const uint32_t needs = weir_buf_offload(buf);

	/* What was begun is ended, though a change may have said since that it can stay whole. */
	if (WEIR_UNLIKELY(needs & ~cut->config->offload || cut->op->row->piece)) {
		if (buf->gso_type)
			return cut_super(cut, index);
		if (!weir__segment_complete(buf)) {
			drop(cut, index, WEIR__SPLIT_MALFORMED);
			return true;
		}
	}
	cut->out.supers |= buf->gso_type;
	put(cut, index);
	return true;
}

uint32_t weir__split(struct weir__worker *worker, const struct weir__op *op,
		     const struct weir__vector *vector)
{
	struct cut cut = { .worker = worker, .op = op, .config = op->config };
	struct weir__amount amount = { 0 };

	weir__worker_at(worker, op->row);
	for (; amount.packets < vector->n && !is_blocked(&cut); amount.packets++) {
		const uint32_t index = vector->index[amount.packets];
		const struct weir_buf *buf = &worker->pool->bufs[index];
		const uint32_t segments = weir_buf_segments(buf), bytes = buf->len;

		if (!cut_one(&cut, index))
			break;
		amount.segments += segments;
		amount.bytes += bytes;
	}
	flush(&cut);
	if (amount.packets)
		weir__row_count(op->row, &amount);
	return amount.packets;
}

/* --- putting together -------------------------------------------------------------------------------------
 */

static void coalesce(struct weir__worker *worker, const struct weir__op *op, struct weir__vector *vector)
{
	const struct weir__transform *config = op->config;
	struct weir__stash *stash = &worker->stash[1];
	struct weir__coalesce *coalesce = &worker->coalesce;

	if (stash->n < WEIR__JUMBO_BATCH)
		weir__stash_refill(stash, worker->pool, true);
	coalesce->bufs = worker->pool->bufs;
	coalesce->layer = config->layer;
	coalesce->framing = config->framing;
	coalesce->offload = config->offload;
	coalesce->headroom = worker->pool->headroom;
	coalesce->jumbo = stash->index;
	coalesce->n_jumbo = stash->n;
	weir__coalesce(coalesce, vector->index, vector->n);
	weir__check_pass(worker->pool, stash->index + coalesce->n_jumbo, stash->n - coalesce->n_jumbo,
			 WEIR__OWNER_POOL, WEIR__OWNER_WORKER, op->row->path);
	stash->n = coalesce->n_jumbo;
	if (stash->n) /* the next one may have been begun in vain */
		weir__check_unused(worker->pool, stash->index[stash->n - 1]);
	if (!coalesce->made)
		return;
	vector->n = (uint16_t)coalesce->n;
	vector->supers = 1;
	memcpy(vector->index, coalesce->index, coalesce->n * sizeof(vector->index[0]));
	weir_count(&op->row->counters.made, coalesce->made);
	weir_count(&op->row->counters.consumed, coalesce->n_used);
	weir__worker_free(worker, coalesce->used, coalesce->n_used, op->row->path);
}

void weir__coalesce_vector(struct weir__worker *worker, const struct weir__op *op,
			   struct weir__vector *vector)
{
	struct weir__row *row = op->row;
	const bool timed = weir__row_timed(row);
	const uint64_t begin = timed ? weir__now() : 0;
	const struct weir__amount amount = weir__amount_of(worker, vector);

	weir__worker_at(worker, row);
	if (vector->n > 1)
		coalesce(worker, op, vector);
	if (timed)
		weir__row_time(row, amount.packets, weir__now() - begin);
	weir__row_count(row, &amount);
}
