/* SPDX-License-Identifier: Apache-2.0 */
#include "scheduler.h"
#include "shape.h"

#define NONE UINT32_MAX

struct maker {
	struct sim_shape *shape;
	struct sim_random *random;
	unsigned writer[SIM_PORTS_MAX]; /* the worker of the port's writer; NONE: not yet */
	unsigned start[SIM_CHAINS_MAX]; /* the worker that a chain begins on */
	unsigned depth;
};

static struct sim_row *add(struct maker *maker, struct sim_chain *chain, enum sim_kind kind)
{
	struct sim_row *row = &chain->rows[chain->n++];

	*row = (struct sim_row){ .kind = kind, .key = maker->shape->next_key++ };
	return row;
}

/* Another worker than this one. */
static unsigned other_worker(struct maker *maker, unsigned worker)
{
	return (worker + 1 + sim_below(maker->random, maker->shape->n_workers - 1)) % maker->shape->n_workers;
}

static unsigned add_ring(struct maker *maker, struct sim_chain *chain, unsigned worker)
{
	static const enum weir_full fulls[] = { WEIR_FULL_AUTO, WEIR_FULL_AUTO, WEIR_FULL_AUTO,
						WEIR_FULL_DROP };
	struct sim_row *row = add(maker, chain, SIM_ROW_RING);

	row->worker = worker;
	row->capacity = sim_between(maker->random, 1, 8);
	row->full = fulls[sim_below(maker->random, 4)];
	return worker;
}

static void make_chain(struct maker *maker, struct sim_chain *chain, unsigned worker);

/* A chain for an exit of a row on this worker: one that there is, or a new one. 0: none fits. */
static unsigned exit_chain(struct maker *maker, unsigned worker)
{
	struct sim_shape *shape = maker->shape;
	unsigned c = sim_below(maker->random, shape->n_chains);
	struct sim_chain *chain = &shape->chains[c];

	if (chain->n && chain->rows[0].kind != SIM_ROW_READ &&
	    (chain->rows[0].kind == SIM_ROW_RING ? chain->rows[0].worker != worker
						 : maker->start[c] == worker))
		return 1 + chain->key;
	if (shape->n_chains == SIM_CHAINS_MAX || maker->depth > 2)
		return 0;
	c = shape->n_chains++;
	chain = &shape->chains[c];
	*chain = (struct sim_chain){ .key = shape->next_key++ };
	maker->start[c] = worker;
	maker->depth++;
	if (shape->n_workers > 1 && sim_once_in(maker->random, 2))
		worker = add_ring(maker, chain, other_worker(maker, worker));
	make_chain(maker, chain, worker);
	maker->depth--;
	return 1 + chain->key;
}

static void add_stage(struct maker *maker, struct sim_chain *chain, unsigned worker)
{
	static const enum sim_kind kinds[] = { SIM_ROW_PASS, SIM_ROW_PASS, SIM_ROW_DROP,  SIM_ROW_SORT,
					       SIM_ROW_SORT, SIM_ROW_SORT, SIM_ROW_STATS, SIM_ROW_FILTER };
	struct sim_row *row = add(maker, chain, kinds[sim_below(maker->random, 8)]);

	row->worker = worker;
	row->option = sim_below(maker->random, 1000);
	for (unsigned k = 0; row->kind == SIM_ROW_SORT && k < SIM_EXITS; k++)
		if (sim_below(maker->random, 8))
			row->exit[k] = exit_chain(maker, worker);
}

/* What follows in a chain that has come to this worker. */
static void make_chain(struct maker *maker, struct sim_chain *chain, unsigned worker)
{
	const unsigned n = sim_below(maker->random, 6);
	const unsigned port = sim_below(maker->random, sim_n_ports);

	for (unsigned i = 0; i < n; i++) {
		if (maker->shape->n_workers > 1 && chain->n &&
		    chain->rows[chain->n - 1].kind != SIM_ROW_RING && sim_once_in(maker->random, 3))
			worker = add_ring(maker, chain, other_worker(maker, worker));
		else
			add_stage(maker, chain, worker);
	}
	if (maker->writer[port] == NONE)
		maker->writer[port] = worker;
	if (maker->writer[port] != worker) {
		if (chain->n && chain->rows[chain->n - 1].kind == SIM_ROW_RING)
			add(maker, chain, SIM_ROW_PASS);
		add_ring(maker, chain, maker->writer[port]);
	}
	add(maker, chain, SIM_ROW_WRITE)->port = port;
}

static void make_workers(struct sim_shape *shape, struct sim_random *random, unsigned cpus)
{
	shape->n_workers = sim_between(random, 1, SIM_WORKERS_MAX);
	for (unsigned w = 0; w < shape->n_workers; w++) {
		shape->workers[w] = (struct sim_worker){
			.cpu = sim_below(random, cpus),
			.unpinned = sim_once_in(random, 3),
			.sleep_at_once = sim_once_in(random, 3),
		};
		if (!shape->workers[w].sleep_at_once && sim_once_in(random, 4))
			shape->workers[w].spin_us = sim_between(random, 1, 20);
	}
}

static void try_to_make(struct sim_shape *shape, struct sim_random *random, unsigned cpus)
{
	struct maker maker = { .shape = shape, .random = random };

	*shape = (struct sim_shape){
		.drain_ms = (unsigned)sim_scale(random, 10),
		.change_ms = sim_once_in(random, 2) ? 1000 : (unsigned)sim_scale(random, 8),
		.stuck_one_in = sim_once_in(random, 8) ? 100 : 0,
	};
	make_workers(shape, random, cpus);
	for (unsigned p = 0; p < SIM_PORTS_MAX; p++)
		maker.writer[p] = NONE;
	for (unsigned p = 0; p < sim_n_ports; p++) {
		const unsigned worker = sim_below(random, shape->n_workers);
		struct sim_chain *chain = &shape->chains[shape->n_chains];
		struct sim_row *row;

		if (shape->n_chains == SIM_CHAINS_MAX || (p && sim_once_in(random, 3)))
			continue;
		*chain = (struct sim_chain){ .key = shape->next_key++ };
		maker.start[shape->n_chains++] = worker;
		row = add(&maker, chain, SIM_ROW_READ);
		row->port = p;
		row->worker = worker;
		make_chain(&maker, chain, worker);
	}
	/* So few that readers must wait for them, in half of all. */
	if (sim_once_in(random, 2))
		shape->buffers = SIM_BUFFERS_LEAST * shape->n_workers + (uint32_t)sim_scale(random, 8) - 1;
}

void sim_shape_make(struct sim_shape *shape, struct sim_random *random, unsigned cpus)
{
	for (unsigned tries = 0; tries < 1000; tries++) {
		try_to_make(shape, random, cpus);
		if (sim_shape_is_valid(shape))
			return;
	}
	sim_fail("no valid configuration in 1000 tries");
}

bool sim_shape_has_port(const struct sim_shape *shape, unsigned port)
{
	for (unsigned c = 0; c < shape->n_chains; c++)
		for (unsigned i = 0; i < shape->chains[c].n; i++)
			if (shape->chains[c].rows[i].kind <= SIM_ROW_WRITE &&
			    shape->chains[c].rows[i].port == port)
				return true;
	return false;
}

bool sim_shape_has_worker(const struct sim_shape *shape, unsigned worker)
{
	for (unsigned c = 0; c < shape->n_chains; c++)
		for (unsigned i = 0; i < shape->chains[c].n; i++)
			if ((shape->chains[c].rows[i].kind == SIM_ROW_READ ||
			     shape->chains[c].rows[i].kind == SIM_ROW_RING) &&
			    shape->chains[c].rows[i].worker == worker)
				return true;
	return false;
}
