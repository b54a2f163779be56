/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "check.h"
#include "clock.h"
#include "pipeline.h"
#include "walk.h"

static void drop_all(struct weir__worker *worker, struct weir__row *row, const struct weir__vector *vector,
		     enum weir__reason reason)
{
	weir_count(&row->counters.drops[reason], vector->n);
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

	for (unsigned k = 0; k < WEIR_EXITS_MAX; k++)
		exits[k].n = 0;
	for (uint32_t i = 0; i < vector->n; i++) {
		if (verdict[i] == WEIR_NEXT) {
			vector->index[n++] = vector->index[i];
		} else if (verdict[i] & 0x80 && (verdict[i] & 0x7f) < op->row->type->exits) {
			put(&exits[verdict[i] & 0x7f], vector->index[i]);
		} else {
			weir_count(&op->row->counters.drops[drop_reason(op->row, verdict[i])], 1);
			put(&dropped, vector->index[i]);
		}
	}
	vector->n = n;
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
	weir__row_count(op->row, n, work->bytes);
	weir__check_after(worker->pool, vector->index, n, op->row->type, op->row->path);
	if (WEIR_UNLIKELY(any))
		partition(worker, op, vector, any);
}

static uint64_t bytes_of(const struct weir__worker *worker, const uint32_t *index, uint32_t n)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < n; i++)
		bytes += worker->pool->bufs[index[i]].len;
	return bytes;
}

/* Hands the vector to the consumer; false: the ring is full. */
static bool push(struct weir__worker *worker, const struct weir__op *op, const struct weir__vector *vector)
{
	struct weir__row *row = op->row;
	const uint64_t bytes = bytes_of(worker, vector->index, vector->n);

	/* First, because behind the push the buffers are the consumer's. */
	weir__check_pass(worker->pool, vector->index, vector->n, WEIR__OWNER_WORKER, WEIR__OWNER_RING,
			 row->path);
	if (!weir__ring_push(&row->ring, vector)) {
		weir__check_pass(worker->pool, vector->index, vector->n, WEIR__OWNER_RING, WEIR__OWNER_WORKER,
				 row->path);
		return false;
	}
	weir__row_count(row, vector->n, bytes);
	weir__doorbell_ring(op->bell);
	return true;
}

/* Counts the packets that a writer is done with, and frees them. */
static void sent(struct weir__worker *worker, struct weir__row *row, const struct weir_writer *writer,
		 uint32_t n)
{
	uint64_t bytes = bytes_of(worker, writer->index, n);
	uint32_t out = n;

	for (uint32_t i = 0; writer->any && i < n; i++) {
		if (writer->verdict[i] == WEIR_NEXT)
			continue;
		weir_count(&row->counters.drops[drop_reason(row, writer->verdict[i])], 1);
		bytes -= worker->pool->bufs[writer->index[i]].len;
		out--;
	}
	weir__row_count(row, out, bytes);
	weir__worker_free(worker, writer->index, n, row->path);
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
		sent(worker, row, writer, n);
	if (WEIR_UNLIKELY(writer->error)) {
		weir__endpoint_gone(worker, endpoint, writer->error);
		weir_count(&row->counters.drops[WEIR__REASON_DOWN], vector->n - n);
		weir__worker_free(worker, vector->index + n, vector->n - n, row->path);
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
	if (push(worker, op, vector))
		return vector->n;
	if (!op->drop_when_full)
		return 0;
	drop_all(worker, row, vector, WEIR__REASON_RING_FULL);
	return vector->n;
}

/* The last row of a segment: what it cannot take now stays here, and blocks the inputs that lead to it. */
static void finish(struct weir__worker *worker, const struct weir__op *op, const struct weir__vector *vector)
{
	struct weir__vector *backlog = &op->row->backlog;
	uint32_t done = backlog->n ? 0 : give(worker, op, vector);

	if (WEIR_LIKELY(done == vector->n))
		return;
	memcpy(backlog->index + backlog->n, vector->index + done,
	       (vector->n - done) * sizeof(vector->index[0]));
	__atomic_store_n(&backlog->n, backlog->n + vector->n - done, __ATOMIC_RELAXED);
	weir_count(&op->row->counters.stalls, 1);
	__atomic_store_n(&worker->blocked, worker->blocked | op->sink, __ATOMIC_RELAXED);
}

void weir__walk(struct weir__worker *worker, const struct weir__op *op, struct weir__vector *vector)
{
	for (; op->process; op++) {
		run_stage(worker, op, vector);
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
		uint32_t done = give(worker, op, backlog);

		moved |= done > 0;
		__atomic_store_n(&backlog->n, backlog->n - done, __ATOMIC_RELAXED);
		memmove(backlog->index, backlog->index + done, backlog->n * sizeof(backlog->index[0]));
		if (!backlog->n)
			__atomic_store_n(&worker->blocked, worker->blocked & ~op->sink, __ATOMIC_RELAXED);
	}
	return moved;
}
