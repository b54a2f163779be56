/* SPDX-License-Identifier: Apache-2.0 */
/* How a worker with nothing to do waits: every condition under which it must not, then one poll() on the
 * rest. */
#include <errno.h>
#include <poll.h>
#include <sched.h>

#include "grace.h"
#include "pipeline.h"
#include "rcu.h"

/* What a sleeping worker waits for: its bell, then the inputs and sinks that have a descriptor. */
struct wait {
	unsigned n;
	struct pollfd fds[1 + WEIR__INPUTS_MAX + WEIR__SINKS_MAX];
	uint64_t input[1 + WEIR__INPUTS_MAX + WEIR__SINKS_MAX]; /* the bit of the input; 0: a sink */
};

static void wait_add(struct wait *wait, int fd, short events, uint64_t input)
{
	wait->fds[wait->n] = (struct pollfd){ .fd = fd, .events = events };
	wait->input[wait->n++] = input;
}

/* Whether the pool or the stash has what a split needs, or for a reader what it takes. */
static bool could_take(const struct weir__worker *worker, bool reads)
{
	const struct weir__pool *pool = worker->pool;

	if (!worker->stash[0].n &&
	    (!weir__pool_has(pool, false) || (reads && !weir__pool_feeds_readers(pool))))
		return false;
	return !reads || !weir__pool_jumbo(pool) || worker->stash[1].n || weir__pool_has(pool, true);
}

/*
 * Whoever has taken the mark away has fed the pool and rung already, perhaps before this worker announced
 * that it sleeps: then nobody rings again. And another one, who waits for buffers of the other kind or for
 * more than this one, may have left the mark anew since: then what this one waits for may be there.
 */
static bool waits_for_buffers(const struct weir__worker *worker, bool reads)
{
	return worker->starved && weir__pool_starving(worker->pool) && !could_take(worker, reads);
}

/* Returns false if there is something to read already. */
static bool wait_for_input(struct weir__worker *worker, const struct weir__input *input, uint64_t bit,
			   struct wait *wait)
{
	const struct weir__endpoint *endpoint = input->row->endpoint;

	if (input->sinks & worker->blocked)
		return true;
	if (input->row->kind == WEIR__ROW_RING)
		return weir__ring_size(&input->row->ring) == 0;
	if (weir__worker_phase(worker) != WEIR__PHASE_RUN || !weir__endpoint_up(endpoint))
		return true;
	if (worker->starved)
		return waits_for_buffers(worker, true);
	if (endpoint->info.read_fd < 0)
		return false;
	if (endpoint->type->arm && !endpoint->type->arm(endpoint->state)) {
		worker->ready |= bit;
		return false;
	}
	wait_add(wait, endpoint->info.read_fd, POLLIN, bit);
	return true;
}

/* Returns false if the sink can go on already. The mark at a ring was left before. */
static bool wait_for_sink(const struct weir__worker *worker, const struct weir__op *op, struct wait *wait)
{
	const struct weir__endpoint *endpoint = op->row->endpoint;

	/* It waits for what is behind it, which is waited for itself, or for buffers. */
	if (op->row->kind == WEIR__ROW_SPLIT)
		return (op->below & worker->blocked) || waits_for_buffers(worker, false);
	if (op->row->kind == WEIR__ROW_RING)
		return weir__ring_full(&op->row->ring);
	if (weir__endpoint_dead(endpoint) || endpoint->info.write_fd < 0)
		return false;
	wait_add(wait, endpoint->info.write_fd, endpoint->info.write_events, 0);
	return true;
}

static bool can_help(const struct weir__worker *worker)
{
	return weir__pool_starving(worker->pool) && !worker->starved &&
	       worker->stash[0].n + worker->stash[1].n > 0;
}

/*
 * Tells everybody who may have work for this worker that it will sleep. Other workers ring without a barrier
 * of their own, so that the sleeper has to pass the heavy one; a worker that is alone is rung by control
 * threads only.
 */
static void announce(struct weir__worker *worker, const struct weir__program *program)
{
	weir__doorbell_sleep(&worker->bell);
	for (uint64_t left = worker->blocked; left; left &= left - 1) {
		const struct weir__op *op = program->sinks[__builtin_ctzll(left)];

		if (op->row->kind == WEIR__ROW_RING)
			weir__ring_wait(&op->row->ring);
	}
	if (program->shape->n_workers > 1)
		weir__barrier_heavy();
	else
		weir__barrier_full();
}

/* The last look before blocking. Returns false if there is work. */
static bool prepare(struct weir__worker *worker, const struct weir__program *program, struct wait *wait)
{
	bool sleep = weir__worker_phase(worker) != WEIR__PHASE_STOP && !weir__grace_asked(worker) &&
		     !can_help(worker);

	wait->n = 0;
	wait_add(wait, worker->bell.fd, POLLIN, 0);
	for (unsigned i = 0; i < program->n_inputs; i++)
		sleep &= wait_for_input(worker, &program->inputs[i], 1ull << i, wait);
	for (uint64_t left = worker->blocked; left; left &= left - 1)
		sleep &= wait_for_sink(worker, program->sinks[__builtin_ctzll(left)], wait);
	return sleep && rcu_dereference(worker->program) == program;
}

void weir__worker_disarm(const struct weir__program *program)
{
	for (unsigned i = 0; i < program->n_inputs; i++) {
		const struct weir__endpoint *endpoint = program->inputs[i].row->endpoint;

		if (endpoint && endpoint->type->disarm && weir__endpoint_up(endpoint))
			endpoint->type->disarm(endpoint->state);
	}
}

static void block(struct weir__worker *worker, struct wait *wait)
{
	weir_count(&worker->sleeps, 1);
	weir__grace_offline(worker);
	rcu_thread_offline();
	/* Who rings meanwhile, or sends to a descriptor, need not wake this thread. */
	if (worker->give_way)
		sched_yield();
	while (poll(wait->fds, wait->n, -1) < 0 && errno == EINTR)
		;
	rcu_thread_online();
	weir__grace_online(worker);
	weir__doorbell_ring(&worker->pipeline->watchdog.bell);
	for (unsigned i = 1; i < wait->n; i++) {
		if (wait->fds[i].revents)
			worker->ready |= wait->input[i];
		if (wait->fds[i].revents & (POLLHUP | POLLNVAL))
			worker->hung_up |= wait->input[i];
	}
}

void weir__worker_sleep(struct weir__worker *worker)
{
	const struct weir__program *program = rcu_dereference(worker->program);
	struct wait wait;
	bool rung = false;

	/* What is blocked, by bit, is told of the program of the last pass. */
	if (program->version != worker->version)
		return;
	announce(worker, program);
	if (prepare(worker, program, &wait)) {
		block(worker, &wait);
		rung = wait.fds[0].revents != 0;
	}
	weir__doorbell_awake(&worker->bell, rung);
	/* While the worker was offline, its program may have been replaced and freed: then the bits that
	 * poll() has set mean nothing, and the next pass forgets them. */
	weir__worker_disarm(rcu_dereference(worker->program));
}
