/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "check.h"
#include "clock.h"
#include "pipeline.h"
#include "transform.h"
#include "walk.h"

/* Of its first n packets. */
static struct weir__amount amount_of_first(const struct weir__worker *worker,
					   const struct weir__vector *vector, uint32_t n)
{
	const struct weir_buf *bufs = worker->pool->bufs;
	struct weir__amount amount = { .packets = n, .segments = n };

	for (uint32_t i = 0; i < n; i++)
		amount.bytes += bufs[vector->index[i]].len;
	for (uint32_t i = 0; vector->supers && i < n; i++)
		amount.segments += weir_buf_segments(&bufs[vector->index[i]]) - 1;
	return amount;
}

struct weir__amount weir__amount_of(const struct weir__worker *worker, const struct weir__vector *vector)
{
	return amount_of_first(worker, vector, vector->n);
}

static void drop_all(struct weir__worker *worker, struct weir__row *row, const struct weir__vector *vector,
		     enum weir__reason reason)
{
	const struct weir__amount amount = weir__amount_of(worker, vector);

	weir__row_drop(row, reason, vector->n, amount.segments);
	weir__worker_free(worker, vector->index, vector->n, row->path);
}

static void put(struct weir__vector *vector, uint32_t index)
{
	vector->index[vector->n++] = index;
}

/* The reason of a verdict that is neither NEXT nor an exit, checked against those of the type. */
static unsigned drop_reason(const struct weir__row *row, weir_verdict verdict)
{
	const struct weir_reason *reasons =
		row->kind == WEIR__ROW_WRITE ? row->endpoint->type->reasons : row->type->reasons;
	unsigned reason = verdict - 1u;

	for (unsigned i = 0; reasons && i < WEIR_REASONS_MAX && reasons[i].name; i++)
		if (i == reason)
			return reason;
	return WEIR__REASON_BAD_VERDICT;
}

/*
 * Not every verdict is NEXT: drops are freed, exits run through their chains at once, and the rest closes up,
 * all in the order in which they came.
 */
static void partition(struct weir__worker *worker, const struct weir__op *op, struct weir__vector *vector,
		      unsigned any)
{
	const weir_verdict *verdict = worker->work.verdict;
	struct weir__vector dropped = { .n = 0 };
	struct weir__vector exits[WEIR_EXITS_MAX];
	uint32_t n = 0;

	for (unsigned k = 0; k < WEIR_EXITS_MAX; k++) {
		exits[k].n = 0;
		exits[k].supers = vector->supers;
	}
	for (uint32_t i = 0; i < vector->n; i++) {
		if (verdict[i] == WEIR_NEXT) {
			vector->index[n++] = vector->index[i];
		} else if (verdict[i] & 0x80 && (verdict[i] & 0x7f) < op->row->type->exits) {
			put(&exits[verdict[i] & 0x7f], vector->index[i]);
		} else {
			weir__row_drop(op->row, drop_reason(op->row, verdict[i]), 1,
				       weir_buf_segments(&worker->pool->bufs[vector->index[i]]));
			put(&dropped, vector->index[i]);
		}
	}
	vector->n = (uint16_t)n;
	if (dropped.n)
		weir__worker_free(worker, dropped.index, dropped.n, op->row->path);
	if (!(any & 0x80))
		return;
	for (unsigned k = 0; k < WEIR_EXITS_MAX; k++) {
		if (!exits[k].n)
			continue;
		if (op->exit[k])
			weir__walk(worker, op->exit[k], &exits[k]);
		else
			drop_all(worker, op->row, &exits[k], WEIR__REASON_EXIT);
	}
}

static void run_stage(struct weir__worker *worker, const struct weir__op *op, struct weir__vector *vector)
{
	struct weir_work *work = &worker->work;
	const uint32_t n = vector->n;
	const bool timed = weir__row_timed(op->row);
	const uint64_t begin = timed ? weir__now() : 0;
	const uint64_t segments = vector->supers ? weir__amount_of(worker, vector).segments : n;
	struct weir__amount amount;
	unsigned any;

	weir__worker_at(worker, op->row);
	weir__check_before(worker->pool, vector->index, n);
	work->index = vector->index;
	work->n = n;
	work->config = op->config;
	work->state = op->state;
	any = op->process(work);
	if (timed)
		weir__row_time(op->row, n, weir__now() - begin);
	amount = (struct weir__amount){ .packets = n, .segments = segments, .bytes = work->bytes };
	if (WEIR_UNLIKELY(vector->supers)) {
		amount.segments = weir__amount_of(worker, vector).segments;
		/* Of a super-packet that became a message to its sender, one remains. */
		if (amount.segments < segments)
			weir_count(&op->row->counters.dropped_segments, segments - amount.segments);
	}
	weir__row_count(op->row, &amount);
	weir__check_after(worker->pool, vector->index, n, op->row->type, op->row->path);
	if (WEIR_UNLIKELY(any))
		partition(worker, op, vector, any);
}

/* Hands the vector to the consumer; false: the ring is full. */
static bool push(struct weir__worker *worker, const struct weir__op *op, const struct weir__vector *vector)
{
	struct weir__row *row = op->row;
	const struct weir__amount amount = weir__amount_of(worker, vector);

	/* First, because behind the push the buffers are the consumer's. */
	weir__check_pass(worker->pool, vector->index, vector->n, WEIR__OWNER_WORKER, WEIR__OWNER_RING,
			 row->path);
	if (!weir__ring_push(&row->ring, vector)) {
		weir__check_pass(worker->pool, vector->index, vector->n, WEIR__OWNER_RING, WEIR__OWNER_WORKER,
				 row->path);
		return false;
	}
	weir__row_count(row, &amount);
	weir__doorbell_ring(op->bell);
	return true;
}

/* Counts the first n packets, which a writer is done with, and frees them. */
static void sent(struct weir__worker *worker, struct weir__row *row, const struct weir__vector *vector,
		 uint32_t n)
{
	const struct weir_writer *writer = &worker->writer;
	struct weir__amount amount = amount_of_first(worker, vector, n);

	for (uint32_t i = 0; writer->any && i < n; i++) {
		const struct weir_buf *buf = &worker->pool->bufs[vector->index[i]];

		if (writer->verdict[i] == WEIR_NEXT)
			continue;
		weir__row_drop(row, drop_reason(row, writer->verdict[i]), 1, weir_buf_segments(buf));
		amount.packets--;
		amount.segments -= weir_buf_segments(buf);
		amount.bytes -= buf->len;
	}
	weir__row_count(row, &amount);
	weir__worker_free(worker, vector->index, n, row->path);
}

/* Drops what is behind the first n packets. */
static void drop_rest(struct weir__worker *worker, struct weir__row *row, const struct weir__vector *vector,
		      uint32_t n, enum weir__reason reason)
{
	struct weir__vector rest = { .n = (uint16_t)(vector->n - n), .supers = vector->supers };

	memcpy(rest.index, vector->index + n, rest.n * sizeof(rest.index[0]));
	drop_all(worker, row, &rest, reason);
}

/* Returns how many of the packets the endpoint is done with: all of them once it is dead. */
static uint32_t write_some(struct weir__worker *worker, struct weir__row *row,
			   const struct weir__vector *vector)
{
	struct weir__endpoint *endpoint = row->endpoint;
	struct weir_writer *writer = &worker->writer;
	const bool timed = weir__row_timed(row);
	uint64_t begin;
	uint32_t n;

	if (WEIR_UNLIKELY(weir__endpoint_dead(endpoint))) {
		drop_all(worker, row, vector, WEIR__REASON_DOWN);
		return vector->n;
	}
	weir__worker_at(worker, row);
	writer->bufs = worker->pool->bufs;
	writer->index = vector->index;
	writer->n = vector->n;
	writer->error = 0;
	writer->any = 0;
	memset(writer->verdict, WEIR_NEXT, sizeof(writer->verdict));
	begin = timed ? weir__now() : 0;
	n = endpoint->type->write(endpoint->state, writer);
	if (timed)
		weir__row_time(row, n, weir__now() - begin);
	if (n)
		sent(worker, row, vector, n);
	if (WEIR_UNLIKELY(writer->error)) {
		weir__endpoint_gone(worker, endpoint, writer->error);
		drop_rest(worker, row, vector, n, WEIR__REASON_DOWN);
		return vector->n;
	}
	return n;
}

/* Returns how many packets of the vector are no longer the worker's. */
static uint32_t give(struct weir__worker *worker, const struct weir__op *op,
		     const struct weir__vector *vector)
{
	struct weir__row *row = op->row;

	if (row->kind == WEIR__ROW_WRITE)
		return write_some(worker, row, vector);
	if (row->kind == WEIR__ROW_SPLIT)
		return weir__split(worker, op, vector);
	if (push(worker, op, vector))
		return vector->n;
	if (!op->drop_when_full)
		return 0;
	drop_all(worker, row, vector, WEIR__REASON_RING_FULL);
	return vector->n;
}

/*
 * What is behind the first done packets of the vector stays at the row. There is room: all that comes here
 * until the backlog is gone was one vector once. Only pieces are more than that, and where they meet packets
 * of their own vector that were not cut, on another way, there may be too many.
 */
static void keep(struct weir__worker *worker, struct weir__row *row, const struct weir__vector *vector,
		 uint32_t done)
{
	struct weir__vector *backlog = &row->backlog;
	const uint32_t room = WEIR_VECTOR_SIZE - backlog->n;
	const uint32_t kept = vector->n - done < room ? vector->n - done : room;

	memcpy(backlog->index + backlog->n, vector->index + done, kept * sizeof(vector->index[0]));
	backlog->supers |= vector->supers;
	__atomic_store_n(&backlog->n, (uint16_t)(backlog->n + kept), __ATOMIC_RELAXED);
	if (WEIR_UNLIKELY(done + kept < vector->n))
		drop_rest(worker, row, vector, done + kept, WEIR__REASON_CROWDED);
}

/* A row that may be blocked: what it cannot take now stays here, and blocks the inputs that lead to it. */
static void finish(struct weir__worker *worker, const struct weir__op *op, const struct weir__vector *vector)
{
	struct weir__vector *backlog = &op->row->backlog;
	uint32_t done = backlog->n ? 0 : give(worker, op, vector);

	if (WEIR_LIKELY(done == vector->n))
		return;
	keep(worker, op->row, vector, done);
	weir_count(&op->row->counters.stalls, 1);
	__atomic_store_n(&worker->blocked, worker->blocked | op->sink, __ATOMIC_RELAXED);
}

void weir__walk(struct weir__worker *worker, const struct weir__op *op, struct weir__vector *vector)
{
	for (; !op->sink; op++) {
		if (op->process)
			run_stage(worker, op, vector);
		else
			weir__coalesce_vector(worker, op, vector);
		if (!vector->n)
			return;
	}
	finish(worker, op, vector);
}

bool weir__walk_retry(struct weir__worker *worker, const struct weir__program *program)
{
	bool moved = false;

	for (uint64_t left = worker->blocked; left; left &= left - 1) {
		const struct weir__op *op = program->sinks[__builtin_ctzll(left)];
		struct weir__vector *backlog = &op->row->backlog;
		uint32_t done;

		/* A split gives to what is behind it: that first. */
		if (op->below & worker->blocked)
			continue;
		done = give(worker, op, backlog);
		moved |= done > 0;
		__atomic_store_n(&backlog->n, (uint16_t)(backlog->n - done), __ATOMIC_RELAXED);
		memmove(backlog->index, backlog->index + done, backlog->n * sizeof(backlog->index[0]));
		if (!backlog->n)
			__atomic_store_n(&worker->blocked, worker->blocked & ~op->sink, __ATOMIC_RELAXED);
	}
	return moved;
}
