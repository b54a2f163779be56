/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where packets can go: which worker runs each row, what layer comes to it, how much room headers need, and
 * whether a circle of full rings could wait for itself.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "plan.h"
#include "program.h"

/* One walk along a chain, and what it knows at the row it has come to. */
struct walk {
	uint32_t worker;
	enum weir_layer layer;
	enum weir_framing framing;
	const char *giver; /* the row that gave this layer */
};

static const char *layer_name(enum weir_layer layer)
{
	static const char *const names[] = { "any packets", "device packets", "IP packets",
					     "Ethernet frames" };

	return names[layer];
}

static const char *framing_name(enum weir_framing framing)
{
	static const char *const names[] = { "raw", "tun_pi", "utun" };

	return names[framing];
}

static const char *worker_name(const struct weir__plan *plan, uint32_t worker)
{
	return plan->config->workers[worker].name;
}

static void at_row(struct weir__plan *plan, const struct weir__plan_row *row)
{
	weir__error_at(plan->err, "%s/%s", plan->chains[row->chain].name, row->name);
}

static void enter(struct weir__plan *plan, uint32_t index, struct walk walk);

static void enter_exits(struct weir__plan *plan, const struct weir__plan_row *row, struct walk walk)
{
	if (row->type->exits_give != WEIR_LAYER_ANY) {
		walk.layer = row->type->exits_give;
		walk.giver = row->name;
	}
	for (unsigned k = 0; k < WEIR_EXITS_MAX; k++)
		if (row->exit[k] != WEIR__NONE)
			enter(plan, row->exit[k], walk);
}

static void pass_stage(struct weir__plan *plan, struct weir__plan_row *row, struct walk *walk)
{
	row->worker = walk->worker;
	if (row->type->takes != WEIR_LAYER_ANY && row->type->takes != walk->layer) {
		at_row(plan, row);
		weir_failed(plan->err, -EINVAL, "takes %s, but %s gives %s", layer_name(row->type->takes),
			    walk->giver, layer_name(walk->layer));
	}
	enter_exits(plan, row, *walk);
	if (row->type->gives == WEIR_LAYER_ANY)
		return;
	walk->layer = row->type->gives;
	walk->giver = row->name;
	if (row->type->gives == WEIR_LAYER_AF) {
		const struct weir__plan_chain *chain = &plan->chains[row->chain];

		walk->framing =
			plan->endpoints[plan->rows[chain->first + chain->n - 1].endpoint].info.framing;
	}
}

static bool is_stage(const struct weir__plan_row *row)
{
	return row->kind == WEIR__ROW_STAGE || row->kind == WEIR__ROW_SPLIT ||
	       row->kind == WEIR__ROW_COALESCE;
}

static void pass_transform(struct weir__plan *plan, struct weir__plan_row *row, const struct walk *walk)
{
	struct weir__transform *config = row->config;

	row->worker = walk->worker;
	config->layer = walk->layer;
	config->framing = walk->framing;
	if (walk->layer == WEIR_LAYER_ANY) {
		at_row(plan, row);
		weir_failed(plan->err, -EINVAL, "takes IP packets or Ethernet frames, but %s gives %s",
			    walk->giver, layer_name(walk->layer));
	}
}

static void pass_ring(struct weir__plan *plan, struct weir__plan_row *row, struct walk *walk)
{
	row->producers |= 1ull << walk->worker;
	if (row->worker == walk->worker) {
		at_row(plan, row);
		weir_invalid(plan->err, "worker",
			     "'%s' runs the row before it too: a ring leads to another worker",
			     worker_name(plan, row->worker));
	}
	walk->worker = row->worker;
}

static void pass_write(struct weir__plan *plan, struct weir__plan_row *row, const struct walk *walk)
{
	struct weir__plan_endpoint *endpoint = &plan->endpoints[row->endpoint];

	row->worker = walk->worker;
	at_row(plan, row);
	if (endpoint->info.layer != WEIR_LAYER_ANY && endpoint->info.layer != walk->layer)
		weir_failed(plan->err, -EINVAL, "endpoint '%s' takes %s, but %s gives %s", endpoint->name,
			    layer_name(endpoint->info.layer), walk->giver, layer_name(walk->layer));
	else if (endpoint->info.layer == WEIR_LAYER_AF && endpoint->info.framing != walk->framing)
		weir_failed(
			plan->err, -EINVAL,
			"endpoint '%s' has %s framing, but %s gives %s: put af_decap and af_encap between",
			endpoint->name, framing_name(endpoint->info.framing), walk->giver,
			framing_name(walk->framing));
	if (endpoint->writer != WEIR__NONE && endpoint->writer != walk->worker)
		weir_failed(plan->err, -EINVAL,
			    "endpoint '%s' is written by the workers '%s' and '%s': hand one chain over by a "
			    "weir_ring",
			    endpoint->name, worker_name(plan, endpoint->writer),
			    worker_name(plan, walk->worker));
	endpoint->writer = walk->worker;
}

static void pass_chain(struct weir__plan *plan, struct weir__plan_chain *chain, struct walk walk)
{
	for (uint32_t i = chain->first; i < chain->first + chain->n; i++) {
		struct weir__plan_row *row = &plan->rows[i];

		if (row->kind == WEIR__ROW_STAGE)
			pass_stage(plan, row, &walk);
		else if (is_stage(row))
			pass_transform(plan, row, &walk);
		else if (row->kind == WEIR__ROW_RING)
			pass_ring(plan, row, &walk);
		else if (row->kind == WEIR__ROW_WRITE)
			pass_write(plan, row, &walk);
	}
}

/* A chain that was entered before must be entered again in the same way. */
static void enter_again(struct weir__plan *plan, struct weir__plan_chain *chain, const struct walk *walk)
{
	struct weir__plan_row *first = &plan->rows[chain->first];

	weir__error_at(plan->err, "%s", chain->name);
	if (chain->layer != walk->layer)
		weir_failed(plan->err, -EINVAL, "exits give it %s and %s", layer_name(chain->layer),
			    layer_name(walk->layer));
	else if (chain->layer == WEIR_LAYER_AF && chain->framing != walk->framing)
		weir_failed(plan->err, -EINVAL, "exits give it %s and %s framing",
			    framing_name(chain->framing), framing_name(walk->framing));
	if (first->kind == WEIR__ROW_RING) {
		struct walk again = *walk;

		pass_ring(plan, first, &again);
	} else if (chain->worker != walk->worker) {
		weir_failed(plan->err, -EINVAL,
			    "it begins on the workers '%s' and '%s': let it begin with a weir_ring",
			    worker_name(plan, chain->worker), worker_name(plan, walk->worker));
	}
}

static void enter(struct weir__plan *plan, uint32_t index, struct walk walk)
{
	struct weir__plan_chain *chain = &plan->chains[index];

	if (chain->entered) {
		enter_again(plan, chain, &walk);
		return;
	}
	chain->entered = true;
	chain->worker = walk.worker;
	chain->layer = walk.layer;
	chain->framing = walk.framing;
	pass_chain(plan, chain, walk);
}

static void follow_readers(struct weir__plan *plan)
{
	for (uint32_t c = 0; c < plan->n_chains; c++) {
		const struct weir__plan_row *first = &plan->rows[plan->chains[c].first];
		const struct weir__plan_endpoint *endpoint;

		if (first->kind != WEIR__ROW_READ)
			continue;
		endpoint = &plan->endpoints[first->endpoint];
		enter(plan, c,
		      (struct walk){ .worker = first->worker,
				     .layer = endpoint->info.layer,
				     .framing = endpoint->info.framing,
				     .giver = endpoint->name });
	}
	for (uint32_t c = 0; c < plan->n_chains; c++) {
		weir__error_at(plan->err, "%s", plan->chains[c].name);
		if (!plan->chains[c].entered)
			weir_failed(plan->err, -EINVAL,
				    "nothing leads to it: it has no reader, and no exit names it");
	}
}

/* The rows that can follow row i: the next one of its chain and the first ones of its exits. */
static unsigned followers(const struct weir__plan *plan, uint32_t i, uint32_t next[1 + WEIR_EXITS_MAX])
{
	const struct weir__plan_row *row = &plan->rows[i];
	unsigned n = 0;

	if (row->kind != WEIR__ROW_WRITE)
		next[n++] = i + 1;
	for (unsigned k = 0; row->kind == WEIR__ROW_STAGE && k < WEIR_EXITS_MAX; k++)
		if (row->exit[k] != WEIR__NONE)
			next[n++] = plan->chains[row->exit[k]].first;
	return n;
}

/* Marks every row that a packet can come to after row i, or with fused, before it leaves the worker of row i.
 */
static void reach(const struct weir__plan *plan, uint32_t i, bool fused, bool reached[])
{
	uint32_t next[1 + WEIR_EXITS_MAX];
	unsigned n = followers(plan, i, next);

	for (unsigned k = 0; k < n; k++) {
		if (reached[next[k]])
			continue;
		reached[next[k]] = true;
		if (!fused || plan->rows[next[k]].kind != WEIR__ROW_RING)
			reach(plan, next[k], fused, reached);
	}
}

/* A worker runs exits at once, so in a circle without a ring it would never end. */
static void check_fused_circles(struct weir__plan *plan)
{
	for (uint32_t c = 0; c < plan->n_chains; c++) {
		const uint32_t first = plan->chains[c].first;
		bool reached[WEIR__ROWS_MAX] = { false };

		if (plan->rows[first].kind == WEIR__ROW_RING)
			continue;
		reach(plan, first, true, reached);
		weir__error_at(plan->err, "%s", plan->chains[c].name);
		if (reached[first])
			weir_failed(plan->err, -EINVAL, "its exits lead back to it without a ring between");
	}
}

/*
 * A packet in a circle passes its rows any number of times. Rings in it must not wait for each other, and
 * nothing in it may prepend, because no headroom would be enough.
 */
static void check_circles(struct weir__plan *plan)
{
	for (uint32_t i = 0; i < plan->n_rows; i++) {
		struct weir__plan_row *row = &plan->rows[i];
		bool reached[WEIR__ROWS_MAX] = { false };

		reach(plan, i, false, reached);
		if (!reached[i])
			continue;
		at_row(plan, row);
		if (row->kind == WEIR__ROW_RING &&
		    ((const struct weir_ring *)row->options)->full == WEIR_FULL_WAIT)
			weir_invalid(plan->err, "full",
				     "WEIR_FULL_WAIT in a circle of rings could wait for itself");
		if (row->kind == WEIR__ROW_RING)
			row->drop_when_full = true;
		if (row->kind == WEIR__ROW_STAGE && (row->type->headroom || row->type->tailroom))
			weir_failed(plan->err, -EINVAL,
				    "exits lead from it back to it, and it prepends or appends %u bytes each "
				    "time",
				    row->type->headroom + row->type->tailroom);
	}
}

struct room {
	uint32_t head;
	uint32_t tail;
};

/* What row i itself prepends and appends at the most. */
static struct room own_room(const struct weir__plan *plan, const struct weir__plan_row *row)
{
	if (is_stage(row))
		return (struct room){ row->type->headroom, row->type->tailroom };
	if (row->kind == WEIR__ROW_WRITE)
		return (struct room){ plan->endpoints[row->endpoint].info.headroom,
				      plan->endpoints[row->endpoint].info.tailroom };
	return (struct room){ 0, 0 };
}

/* Row i and the longest way behind it, from what is known of the rows behind it. Returns whether it has
 * grown. */
static bool grow_room(const struct weir__plan *plan, uint32_t i, struct room rooms[])
{
	const struct room own = own_room(plan, &plan->rows[i]);
	struct room most = { 0, 0 };
	uint32_t next[1 + WEIR_EXITS_MAX];
	unsigned n = followers(plan, i, next);
	bool grown;

	for (unsigned k = 0; k < n; k++) {
		most.head = rooms[next[k]].head > most.head ? rooms[next[k]].head : most.head;
		most.tail = rooms[next[k]].tail > most.tail ? rooms[next[k]].tail : most.tail;
	}
	most.head += own.head;
	most.tail += own.tail;
	grown = most.head > rooms[i].head || most.tail > rooms[i].tail;
	rooms[i] = most;
	return grown;
}

/* The room that the longest way needs. This ends, because no row in a circle needs any. */
static void find_room(struct weir__plan *plan)
{
	struct room rooms[WEIR__ROWS_MAX] = { 0 };
	bool grown = true;

	while (grown) {
		grown = false;
		for (uint32_t i = plan->n_rows; i-- > 0;)
			grown |= grow_room(plan, i, rooms);
	}
	for (uint32_t i = 0; i < plan->n_rows; i++) {
		if (rooms[i].head > plan->headroom)
			plan->headroom = rooms[i].head;
		if (rooms[i].tail > plan->tailroom)
			plan->tailroom = rooms[i].tail;
	}
}

static void check_counts(struct weir__plan *plan)
{
	unsigned inputs[WEIR_WORKERS_MAX] = { 0 };
	unsigned sinks[WEIR_WORKERS_MAX] = { 0 };

	for (uint32_t i = 0; i < plan->n_rows; i++) {
		const struct weir__plan_row *row = &plan->rows[i];

		if (row->worker == WEIR__NONE) /* nothing leads here, as was said */
			continue;
		if (row->kind == WEIR__ROW_READ)
			inputs[row->worker]++;
		if (row->kind == WEIR__ROW_WRITE || row->kind == WEIR__ROW_SPLIT)
			sinks[row->worker]++;
		if (row->kind != WEIR__ROW_RING)
			continue;
		inputs[row->worker] += (unsigned)__builtin_popcountll(row->producers);
		for (uint64_t left = row->producers; left; left &= left - 1)
			sinks[__builtin_ctzll(left)]++;
	}
	for (unsigned w = 0; w < plan->n_workers; w++) {
		weir__error_at(plan->err, "worker %s", worker_name(plan, w));
		if (!inputs[w])
			weir_failed(plan->err, -EINVAL,
				    "it has nothing to do: no reader and no ring names it");
		if (inputs[w] > WEIR__INPUTS_MAX || sinks[w] > WEIR__SINKS_MAX)
			weir_failed(plan->err, -EINVAL,
				    "%u readers and rings lead to it and %u rings and writers away: 64 of "
				    "each are possible",
				    inputs[w], sinks[w]);
	}
}

/* Whether what comes to an endpoint comes by this part, or by parts besides this whole. */
static bool shares(const struct weir__plan *plan, unsigned i)
{
	const struct weir__plan_endpoint *endpoint = &plan->endpoints[i];
	bool found = false;

	if (endpoint->whole != WEIR__NONE)
		return endpoint->type->read && endpoint->info.max_packet;
	for (unsigned k = 0; endpoint->parts && k < plan->n_endpoints; k++)
		found |= plan->endpoints[k].whole == i && shares(plan, k);
	return found;
}

/* What comes to an endpoint with such parts comes by each of them. */
static void check_parts(struct weir__plan *plan)
{
	for (unsigned i = 0; i < plan->n_endpoints; i++) {
		const struct weir__plan_endpoint *endpoint = &plan->endpoints[i];

		if (endpoint->reader != WEIR__NONE || !shares(plan, i))
			continue;
		weir__error_at(plan->err, "endpoint %s", endpoint->name);
		weir_failed(plan->err, -EINVAL,
			    "no chain reads it, and a part of what comes to '%s' would be lost",
			    endpoint->parts ? endpoint->name : plan->endpoints[endpoint->whole].name);
	}
}

void weir__plan_flow(struct weir__plan *plan)
{
	check_parts(plan);
	follow_readers(plan);
	check_counts(plan);
	check_fused_circles(plan);
	check_circles(plan);
	if (!plan->err->problems)
		find_room(plan);
}
