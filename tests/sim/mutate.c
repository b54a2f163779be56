/* SPDX-License-Identifier: Apache-2.0 */
/* Small changes of a shape: what people do to a pipeline that runs. */
#include <string.h>

#include "shape.h"

#define TRIES 30

/* --- what is valid ----------------------------------------------------------------------------------------
 */

static bool opens(enum sim_kind kind)
{
	return kind == SIM_ROW_ENTER || kind == SIM_ROW_MARK;
}

static bool closes(enum sim_kind kind)
{
	return kind == SIM_ROW_LEAVE || kind == SIM_ROW_LOOK;
}

/* The second stage of the pair that begins at row i, with nothing between that parts them. 0: there is none.
 */
static unsigned other_end(const struct sim_chain *chain, unsigned i)
{
	for (unsigned k = i + 1; k < chain->n; k++) {
		const struct sim_row *row = &chain->rows[k];

		if (row->kind == chain->rows[i].kind + 1)
			return row->option == chain->rows[i].option ? k : 0;
		if (row->kind == chain->rows[i].kind || row->kind == SIM_ROW_SORT ||
		    (row->kind == SIM_ROW_RING && chain->rows[i].kind == SIM_ROW_MARK))
			return 0;
	}
	return 0;
}

static bool pairs_are_whole(const struct sim_chain *chain)
{
	unsigned open = 0;
	unsigned closed = 0;

	for (unsigned i = 0; i < chain->n; i++) {
		if (opens(chain->rows[i].kind)) {
			open++;
			if (!other_end(chain, i))
				return false;
		}
		closed += closes(chain->rows[i].kind);
	}
	return open == closed;
}

bool sim_shape_is_valid(const struct sim_shape *shape)
{
	static struct sim_config config; /* nobody else goes on meanwhile */

	for (unsigned c = 0; c < shape->n_chains; c++)
		if (!pairs_are_whole(&shape->chains[c]))
			return false;
	sim_config_make(&config, shape);
	return weir_config_check(&config.config, NULL) == 0;
}

/* --- changes ----------------------------------------------------------------------------------------------
 */

typedef bool change(struct sim_shape *shape, struct sim_random *random, unsigned cpus);

static struct sim_chain *any_chain(struct sim_shape *shape, struct sim_random *random)
{
	return &shape->chains[sim_below(random, shape->n_chains)];
}

/* Makes room in front of row i. */
static struct sim_row *insert(struct sim_shape *shape, struct sim_chain *chain, unsigned i,
			      enum sim_kind kind)
{
	memmove(&chain->rows[i + 1], &chain->rows[i], (chain->n - i) * sizeof(chain->rows[0]));
	chain->n++;
	chain->rows[i] = (struct sim_row){ .kind = kind, .key = shape->next_key++ };
	return &chain->rows[i];
}

static void take_out(struct sim_chain *chain, unsigned i)
{
	chain->n--;
	memmove(&chain->rows[i], &chain->rows[i + 1], (chain->n - i) * sizeof(chain->rows[0]));
}

/* A place for a row that is neither the first of a reader's chain nor the last. */
static bool any_place(const struct sim_chain *chain, struct sim_random *random, unsigned *i)
{
	*i = sim_below(random, chain->n);
	return chain->n + 2 <= SIM_ROWS_MAX && chain->rows[*i].kind != SIM_ROW_READ;
}

static bool insert_stage(struct sim_shape *shape, struct sim_random *random, unsigned cpus)
{
	static const enum sim_kind kinds[] = { SIM_ROW_PASS, SIM_ROW_DROP, SIM_ROW_STATS, SIM_ROW_FILTER };
	struct sim_chain *chain = any_chain(shape, random);
	struct sim_row *row;
	unsigned i;

	(void)cpus;
	if (!any_place(chain, random, &i))
		return false;
	row = insert(shape, chain, i, kinds[sim_below(random, 4)]);
	row->option = sim_below(random, 1000);
	return true;
}

static bool insert_sort(struct sim_shape *shape, struct sim_random *random, unsigned cpus)
{
	struct sim_chain *chain = any_chain(shape, random);
	struct sim_row *row;
	unsigned i;

	(void)cpus;
	if (!any_place(chain, random, &i))
		return false;
	row = insert(shape, chain, i, SIM_ROW_SORT);
	row->option = sim_below(random, 1000);
	for (unsigned k = 0; k < SIM_EXITS; k++)
		row->exit[k] = sim_once_in(random, 2) ? 1 + any_chain(shape, random)->key : 0;
	return true;
}

static bool insert_ring(struct sim_shape *shape, struct sim_random *random, unsigned cpus)
{
	struct sim_chain *chain = any_chain(shape, random);
	struct sim_row *row;
	unsigned i;

	(void)cpus;
	if (!any_place(chain, random, &i))
		return false;
	row = insert(shape, chain, i, SIM_ROW_RING);
	row->worker = sim_below(random, shape->n_workers);
	row->capacity = sim_between(random, 1, 8);
	return true;
}

static bool insert_pair(struct sim_shape *shape, struct sim_random *random, unsigned cpus)
{
	const enum sim_kind kind = sim_once_in(random, 2) ? SIM_ROW_ENTER : SIM_ROW_MARK;
	const unsigned option = kind == SIM_ROW_ENTER ? sim_below(random, SIM_PAIRS_MAX) : shape->next_key;
	struct sim_chain *chain = any_chain(shape, random);
	unsigned i;

	(void)cpus;
	if (!any_place(chain, random, &i))
		return false;
	insert(shape, chain, i, kind)->option = option;
	insert(shape, chain, sim_between(random, i + 1, chain->n - 1), kind + 1)->option = option;
	return true;
}

static bool is_stage(enum sim_kind kind)
{
	return kind > SIM_ROW_RING;
}

static bool remove_row(struct sim_shape *shape, struct sim_random *random, unsigned cpus)
{
	struct sim_chain *chain = any_chain(shape, random);
	const unsigned i = sim_below(random, chain->n);
	unsigned end;

	(void)cpus;
	if (!is_stage(chain->rows[i].kind) && chain->rows[i].kind != SIM_ROW_RING)
		return false;
	end = opens(chain->rows[i].kind) ? other_end(chain, i) : 0;
	if (end)
		take_out(chain, end);
	take_out(chain, i);
	return true;
}

/* To another place of its chain. */
static bool move_row(struct sim_shape *shape, struct sim_random *random, unsigned cpus)
{
	struct sim_chain *chain = any_chain(shape, random);
	const unsigned i = sim_below(random, chain->n);
	const struct sim_row row = chain->rows[i];
	unsigned to;

	(void)cpus;
	if (!is_stage(row.kind) && row.kind != SIM_ROW_RING)
		return false;
	take_out(chain, i);
	if (!any_place(chain, random, &to))
		return false;
	*insert(shape, chain, to, row.kind) = row;
	return true;
}

/* Of a reader or a ring. */
static bool change_worker(struct sim_shape *shape, struct sim_random *random, unsigned cpus)
{
	struct sim_chain *chain = any_chain(shape, random);
	struct sim_row *row = &chain->rows[sim_below(random, chain->n)];

	(void)cpus;
	if (row->kind != SIM_ROW_READ && row->kind != SIM_ROW_RING)
		return false;
	row->worker = sim_below(random, shape->n_workers);
	return true;
}

static bool change_ring(struct sim_shape *shape, struct sim_random *random, unsigned cpus)
{
	struct sim_chain *chain = any_chain(shape, random);
	struct sim_row *row = &chain->rows[sim_below(random, chain->n)];

	(void)cpus;
	if (row->kind != SIM_ROW_RING)
		return false;
	if (sim_once_in(random, 2))
		row->capacity = sim_between(random, 1, 8);
	else
		row->full = sim_once_in(random, 2) ? WEIR_FULL_AUTO : WEIR_FULL_DROP;
	return true;
}

static bool change_port(struct sim_shape *shape, struct sim_random *random, unsigned cpus)
{
	struct sim_chain *chain = any_chain(shape, random);

	(void)cpus;
	chain->rows[chain->n - 1].port = sim_below(random, sim_n_ports);
	return true;
}

static bool change_option(struct sim_shape *shape, struct sim_random *random, unsigned cpus)
{
	struct sim_chain *chain = any_chain(shape, random);
	const unsigned i = sim_below(random, chain->n);
	struct sim_row *row = &chain->rows[i];

	(void)cpus;
	if (row->kind == SIM_ROW_PASS || row->kind == SIM_ROW_DROP) {
		row->option = sim_below(random, 1000);
	} else if (row->kind == SIM_ROW_MARK) {
		row->option = shape->next_key++;
		chain->rows[other_end(chain, i)].option = row->option;
	} else {
		return false;
	}
	return true;
}

static bool change_exit(struct sim_shape *shape, struct sim_random *random, unsigned cpus)
{
	struct sim_chain *chain = any_chain(shape, random);
	struct sim_row *row = &chain->rows[sim_below(random, chain->n)];
	unsigned k;

	(void)cpus;
	if (row->kind != SIM_ROW_SORT)
		return false;
	k = sim_below(random, SIM_EXITS);
	row->exit[k] = sim_once_in(random, 4) ? 0 : 1 + any_chain(shape, random)->key;
	return true;
}

static void unwire(struct sim_shape *shape, unsigned key)
{
	for (unsigned c = 0; c < shape->n_chains; c++)
		for (unsigned i = 0; i < shape->chains[c].n; i++)
			for (unsigned k = 0; k < SIM_EXITS; k++)
				if (shape->chains[c].rows[i].exit[k] == 1 + key)
					shape->chains[c].rows[i].exit[k] = 0;
}

static bool remove_chain(struct sim_shape *shape, struct sim_random *random, unsigned cpus)
{
	const unsigned c = sim_below(random, shape->n_chains);

	(void)cpus;
	unwire(shape, shape->chains[c].key);
	shape->n_chains--;
	memmove(&shape->chains[c], &shape->chains[c + 1], (shape->n_chains - c) * sizeof(shape->chains[0]));
	return shape->n_chains > 0;
}

static bool add_chain(struct sim_shape *shape, struct sim_random *random, unsigned cpus)
{
	struct sim_chain *chain = &shape->chains[shape->n_chains];
	struct sim_row *row;

	(void)cpus;
	if (shape->n_chains == SIM_CHAINS_MAX)
		return false;
	*chain = (struct sim_chain){ .key = shape->next_key++ };
	shape->n_chains++;
	row = insert(shape, chain, 0, SIM_ROW_READ);
	row->port = sim_below(random, sim_n_ports);
	row->worker = sim_below(random, shape->n_workers);
	if (sim_once_in(random, 2)) {
		row = insert(shape, chain, 1, SIM_ROW_RING);
		row->worker = sim_below(random, shape->n_workers);
		row->capacity = sim_between(random, 1, 8);
	}
	row = insert(shape, chain, chain->n, SIM_ROW_WRITE);
	row->port = sim_below(random, sim_n_ports);
	return true;
}

static bool change_worker_options(struct sim_shape *shape, struct sim_random *random, unsigned cpus)
{
	struct sim_worker *worker;

	if (shape->n_workers < SIM_WORKERS_MAX && sim_once_in(random, 3))
		shape->n_workers++;
	worker = &shape->workers[sim_below(random, shape->n_workers)];
	*worker = (struct sim_worker){ .cpu = sim_below(random, cpus),
				       .unpinned = sim_once_in(random, 2),
				       .sleep_at_once = sim_once_in(random, 2) };
	return true;
}

static bool change_pool(struct sim_shape *shape, struct sim_random *random, unsigned cpus)
{
	(void)cpus;
	shape->buffers = SIM_BUFFERS_LEAST * shape->n_workers + sim_below(random, 300);
	return true;
}

static bool change_everything(struct sim_shape *shape, struct sim_random *random, unsigned cpus)
{
	const struct sim_shape before = *shape;

	if (sim_below(random, 4))
		return false;
	sim_shape_make(shape, random, cpus);
	if (shape->next_key < before.next_key)
		shape->next_key = before.next_key;
	shape->drain_ms = before.drain_ms;
	shape->change_ms = before.change_ms;
	shape->stuck_one_in = before.stuck_one_in;
	return true;
}

static change *const changes[] = {
	insert_stage, insert_sort,       insert_ring, insert_pair,   insert_pair,   remove_row,
	remove_row,   remove_row,        move_row,    change_worker, change_worker, change_ring,
	change_port,  change_option,     change_exit, remove_chain,  add_chain,     change_worker_options,
	change_pool,  change_everything,
};

bool sim_shape_mutate(struct sim_shape *shape, struct sim_random *random, unsigned cpus)
{
	for (unsigned tries = 0; tries < TRIES; tries++) {
		struct sim_shape changed = *shape;
		bool fits = true;

		for (unsigned n = sim_between(random, 1, 3); n && fits; n--)
			fits = changes[sim_below(random, sizeof(changes) / sizeof(changes[0]))](&changed,
												random, cpus);
		if (!fits || !sim_shape_is_valid(&changed))
			continue;
		*shape = changed;
		return true;
	}
	return false;
}
