/* SPDX-License-Identifier: Apache-2.0 */
/* One turn of a worker: where its packets come from, and the buffers to read them into. */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "clock.h"
#include "grace.h"
#include "pipeline.h"
#include "rcu.h"
#include "walk.h"

/* Vectors taken from one ring in a pass: enough to keep a reader's EAGAIN out of the picture, few enough to
 * stay fair. */
#define RING_BURST 16

#define ALL UINT64_MAX

void weir__worker_free(struct weir__worker *worker, const uint32_t *index, uint32_t n, const char *path)
{
	struct weir__pool *pool = worker->pool;
	bool gave = false;

	weir__check_pass(pool, index, n, WEIR__OWNER_WORKER, WEIR__OWNER_POOL, path);
	for (uint32_t i = 0; i < n; i++) {
		struct weir__stash *stash = &worker->stash[weir__pool_is_jumbo(index[i])];

		stash->index[stash->n++] = index[i];
	}
	for (int jumbo = 0; jumbo < 2; jumbo++)
		while (worker->stash[jumbo].n > (WEIR__STASH_BATCHES - 1) * weir__pool_batch(jumbo)) {
			weir__stash_shrink(&worker->stash[jumbo], pool, jumbo);
			gave = true;
		}
	if (gave && weir__pool_fed(pool))
		weir__worker_ring_all(worker);
}

/* Everything in the stashes goes back to the pool. */
static void give_back(struct weir__worker *worker)
{
	const bool any = worker->stash[0].n || worker->stash[1].n;

	weir__worker_give_back(worker);
	if (any && weir__pool_fed(worker->pool))
		weir__worker_ring_all(worker);
}

/*
 * Takes what a reader needs from the pool: small buffers, and a jumbo buffer for what does not fit in one.
 * The jumbo buffer first, so that a worker that waits for one does not sit on small ones that another waits
 * for.
 */
static bool take(struct weir__worker *worker)
{
	struct weir__pool *pool = worker->pool;
	const bool jumbo = weir__pool_jumbo(pool) > 0;

	worker->spill.scratch = jumbo ? NULL : worker->scratch; /* the pool may have got its first ones */
	if (jumbo && !worker->stash[1].n && !weir__stash_refill(&worker->stash[1], pool, true))
		return false;
	if (worker->stash[0].n < WEIR_VECTOR_SIZE && weir__pool_feeds_readers(pool))
		weir__stash_refill(&worker->stash[0], pool, false);
	return worker->stash[0].n > 0;
}

/* There was nothing: says so, to look again. Whoever gives back after that sees the mark. */
static void starve(struct weir__worker *worker)
{
	give_back(worker);
	if (weir__pool_starve(worker->pool))
		weir__worker_ring_all(worker);
}

static bool refill(struct weir__worker *worker)
{
	if (WEIR_LIKELY(take(worker)))
		return true;
	starve(worker);
	worker->starved = !take(worker);
	return !worker->starved;
}

uint32_t weir__worker_take(struct weir__worker *worker, bool jumbo)
{
	struct weir__stash *stash = &worker->stash[jumbo];
	uint32_t index;

	if (!stash->n && !weir__stash_refill(stash, worker->pool, jumbo))
		return WEIR__NO_BUFFER;
	index = stash->index[--stash->n];
	weir__check_pass(worker->pool, &index, 1, WEIR__OWNER_POOL, WEIR__OWNER_WORKER,
			 weir__worker_where(worker));
	return index;
}

uint32_t weir__worker_starve(struct weir__worker *worker)
{
	uint32_t index;

	starve(worker);
	index = weir__worker_take(worker, false);
	worker->starved = index == WEIR__NO_BUFFER;
	return index;
}

/* The buffers that the reader may use next are as the pool left them. */
static void check_stash(struct weir__worker *worker, const char *path)
{
	const struct weir_reader *reader = &worker->reader;

	weir__check_free(worker->pool, reader->stash + reader->stash_n - reader->limit, reader->limit, path);
	weir__check_free(worker->pool, worker->stash[1].index, worker->stash[1].n, path);
}

/* As many of them as the reader might have used may have been filled in vain. */
static void check_unused(struct weir__worker *worker)
{
	for (int jumbo = 0; jumbo < 2; jumbo++) {
		const struct weir__stash *stash = &worker->stash[jumbo];
		const uint32_t n = stash->n < WEIR_VECTOR_SIZE ? stash->n : WEIR_VECTOR_SIZE;

		for (uint32_t i = 1; i <= n; i++)
			weir__check_unused(worker->pool, stash->index[stash->n - i]);
	}
}

/* Fills worker->reader from the endpoint; returns what its read() returned. */
static int read_vector(struct weir__worker *worker, struct weir__row *row)
{
	struct weir__endpoint *endpoint = row->endpoint;
	struct weir_reader *reader = &worker->reader;
	int rc;

	reader->stash = worker->stash[0].index;
	reader->stash_n = worker->stash[0].n;
	reader->limit = reader->stash_n < worker->read_limit ? reader->stash_n : worker->read_limit;
	reader->n = 0;
	reader->bytes = 0;
	reader->more = false;
	reader->framing = (uint8_t)endpoint->info.framing;
	reader->dropped = row->counters.drops;
	reader->now = weir__now();
	weir__reader_spill(reader);
	weir__worker_at(worker, row);
	check_stash(worker, row->path);
	rc = endpoint->type->read(endpoint->state, reader);
	worker->stash[0].n = reader->stash_n;
	check_unused(worker);
	return rc;
}

/*
 * What the read tells about the inputs. A full vector: there may be more, here and at inputs that were empty
 * when they were last asked. Else this one was drained, and only poll() can tell when there is more.
 */
static void note_readiness(struct weir__worker *worker, struct weir__endpoint *endpoint, uint64_t bit, int rc)
{
	if (worker->reader.n == worker->reader.limit || worker->reader.more)
		worker->ready = ALL;
	else if (endpoint->info.read_fd >= 0)
		worker->ready &= ~bit;
	/* A descriptor that hung up and has nothing more would wake the worker for ever. */
	if (rc == 0 && !worker->reader.n && (worker->hung_up & bit))
		rc = -EPIPE;
	worker->hung_up &= ~bit;
	if (WEIR_UNLIKELY(rc < 0))
		weir__endpoint_gone(worker, endpoint, rc == -ENODATA ? 0 : rc);
}

/* Only who may give super-packets has his packets looked at. */
static void count_received(struct weir__worker *worker, struct weir__row *row, struct weir__vector *vector)
{
	struct weir__amount amount = { vector->n, vector->n, worker->reader.bytes };

	vector->supers = 0;
	if (row->endpoint->info.gives & (WEIR_OFFLOAD_TSO | WEIR_OFFLOAD_USO)) {
		vector->supers = 1;
		amount = weir__amount_of(worker, vector);
		vector->supers = amount.segments > amount.packets;
	}
	weir__row_count(row, &amount);
}

static bool read_endpoint(struct weir__worker *worker, const struct weir__input *input, uint64_t bit)
{
	struct weir__row *row = input->row;
	const struct weir_reader *reader = &worker->reader;
	const bool timed = weir__row_timed(row);
	struct weir__vector vector;

	if (!weir__endpoint_up(row->endpoint)) {
		worker->hung_up &= ~bit; /* that is over once it is back */
		return false;
	}
	if (!refill(worker))
		return false;
	note_readiness(worker, row->endpoint, bit, read_vector(worker, row));
	if (!reader->n)
		return false;
	if (timed)
		weir__row_time(row, reader->n, weir__now() - reader->now);
	vector.n = (uint16_t)reader->n;
	memcpy(vector.index, reader->index, reader->n * sizeof(vector.index[0]));
	count_received(worker, row, &vector);
	weir__check_pass(worker->pool, vector.index, vector.n, WEIR__OWNER_POOL, WEIR__OWNER_WORKER,
			 row->path);
	weir__walk(worker, input->first, &vector);
	return true;
}

/* The metadata and headers were last touched on another processor: fetch them all at once. */
static void prefetch(const struct weir_buf *bufs, const struct weir__vector *vector)
{
	for (uint32_t i = 0; i < vector->n; i++)
		__builtin_prefetch(&bufs[vector->index[i]], 1);
	for (uint32_t i = 0; i < vector->n; i++)
		__builtin_prefetch(bufs[vector->index[i]].data, 1);
}

/* Whoever waits for the end of the pass shall not wait for a whole burst of slow writes. */
static bool go_on(const struct weir__worker *worker, unsigned taken)
{
	return !taken || (taken < RING_BURST && !weir__grace_asked(worker));
}

static bool read_ring(struct weir__worker *worker, const struct weir__input *input)
{
	struct weir__ring *ring = &input->row->ring;
	struct weir__vector vector;
	unsigned taken = 0;

	while (go_on(worker, taken) && !(input->sinks & worker->blocked) && weir__ring_pop(ring, &vector)) {
		taken++;
		weir__check_pass(worker->pool, vector.index, vector.n, WEIR__OWNER_RING, WEIR__OWNER_WORKER,
				 input->row->path);
		prefetch(worker->pool->bufs, &vector);
		weir__walk(worker, input->first, &vector);
	}
	if (taken)
		weir__ring_made_room(ring, input->bell);
	return taken > 0;
}

static uint64_t backlogs(const struct weir__program *program)
{
	uint64_t blocked = 0;

	for (uint64_t left = program->owned; left; left &= left - 1) {
		const struct weir__op *op = program->sinks[__builtin_ctzll(left)];

		blocked |= op->row->backlog.n ? op->sink : 0;
	}
	return blocked;
}

/* What the worker knows of its inputs and sinks by bit was said of another program. */
static void adopt(struct weir__worker *worker, const struct weir__program *program)
{
	worker->version = program->version;
	worker->ready = ALL;
	worker->hung_up = 0;
	__atomic_store_n(&worker->blocked, backlogs(program), __ATOMIC_RELAXED);
	weir__worker_at(worker, NULL); /* that row may go */
	worker->spin_min_ns = program->spin_min_ns;
	worker->spin_max_ns = program->spin_max_ns;
	worker->give_way = program->give_way;
	worker->spin_ns = program->spin_min_ns;
	/* Whoever read there before may have lost the input in its sleep. What has rung since would end every
	 * later sleep at once. */
	weir__worker_disarm(program);
	if (worker->shape == program->shape->version)
		return;
	worker->shape = program->shape->version;
	/* The last ones that it has rung may be others than those whom it concerns now: the consumer of a
	 * ring, its producer, a worker that waits for buffers. */
	weir__worker_ring_all(worker);
}

/* The program of this pass. What was published before a grace period was asked for is seen, because the
 * question is answered first. */
static const struct weir__program *take_program(struct weir__worker *worker)
{
	const struct weir__program *program;

	if (WEIR_UNLIKELY(weir__grace_asked(worker)))
		weir__grace_answer(worker);
	program = rcu_dereference(worker->program);
	if (WEIR_UNLIKELY(program->version != worker->version))
		adopt(worker, program);
	return program;
}

bool weir__worker_pass(struct weir__worker *worker)
{
	const struct weir__program *program = take_program(worker);
	const bool run = weir__worker_phase(worker) == WEIR__PHASE_RUN;
	bool found = false;

	weir_count(&worker->passes, 1);
	if (WEIR_UNLIKELY(weir__pool_starving(worker->pool)) && !worker->starved)
		give_back(worker);
	worker->starved = false;
	if (worker->blocked)
		found = weir__walk_retry(worker, program);
	for (unsigned i = 0; i < program->n_inputs; i++) {
		const struct weir__input *input = &program->inputs[i];
		const uint64_t bit = 1ull << i;

		if (input->sinks & worker->blocked)
			continue;
		if (input->row->kind == WEIR__ROW_RING)
			found |= read_ring(worker, input);
		else if (run && (worker->ready & bit))
			found |= read_endpoint(worker, input, bit);
	}
	__atomic_store_n(&worker->stashed, worker->stash[0].n + worker->stash[1].n, __ATOMIC_RELAXED);
	return found;
}
