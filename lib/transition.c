/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transition.h"

/* How the way behind an input differs in the new programs. */
enum way {
	SAME,     /* not at all */
	LOCAL,    /* by stages without exits: the same worker leads to the same rings and writers */
	REROUTED, /* by more, or it is gone */
};

/* An input of the old programs. */
struct node {
	const struct weir__program *program;
	const struct weir__input *input;
	unsigned worker;
	unsigned bit;
	enum way way;
	bool after_rerouted; /* a rerouted input leads to it */
	bool after_changed;  /* an input whose way is not the same leads to it */
	bool before_changed; /* it leads to such an input, or is one */
	bool drained;
	bool held;
};

struct graph {
	struct weir__transition *transition;
	const struct weir__shape *old;
	const struct weir__shape *new;
	struct node *nodes;
	unsigned n;
	/* While one way is compared: by operation of the old program, what it was compared with. Exits may
	 * lead to one place in many ways. */
	const struct weir__op **met;
	const struct weir__op *met_base;
};

/* --- comparing ways ---------------------------------------------------------------------------------------
 */

/* Whether the row stays, but another worker will run it. */
static bool moves(const struct graph *graph, const struct weir__row *row)
{
	const struct weir__place *before = weir__shape_place_of(graph->old, row);
	const struct weir__place *after = weir__shape_place_of(graph->new, row);

	return before && after && before->worker != after->worker;
}

static bool has_exits(const struct weir__op *op)
{
	for (unsigned k = 0; k < WEIR_EXITS_MAX; k++)
		if (op->exit[k])
			return true;
	return false;
}

/* The next operation at which packets may part or leave the worker. Sets *moving if a stage before it goes to
 * another worker. */
static const struct weir__op *next_fork(const struct graph *graph, const struct weir__op *op, bool *moving)
{
	for (; !weir__op_ends(op) && !has_exits(op); op++)
		*moving |= moves(graph, op->row);
	*moving |= moves(graph, op->row);
	return op;
}

static enum way worse(enum way a, enum way b)
{
	return a > b ? a : b;
}

/* Whether the rows from a up to the end of its segment, or its next fork, are those from b. */
static enum way compare_line(const struct weir__op *a, const struct weir__op *a_end, const struct weir__op *b,
			     const struct weir__op *b_end)
{
	bool same = a_end - a == b_end - b;

	for (long i = 0; same && i <= a_end - a; i++)
		same = a[i].row == b[i].row;
	return same ? SAME : LOCAL;
}

static enum way compare(const struct graph *graph, const struct weir__op *a, const struct weir__op *b);

static enum way compare_exits(const struct graph *graph, const struct weir__op *a, const struct weir__op *b)
{
	enum way way = SAME;

	for (unsigned k = 0; k < WEIR_EXITS_MAX; k++) {
		if (!a->exit[k] != !b->exit[k])
			return REROUTED;
		if (a->exit[k])
			way = worse(way, compare(graph, a->exit[k], b->exit[k]));
	}
	return way;
}

/* Ends, because programs have no circles. */
static enum way compare(const struct graph *graph, const struct weir__op *a, const struct weir__op *b)
{
	bool moving = false;
	const struct weir__op *a_end = next_fork(graph, a, &moving);
	const struct weir__op *b_end = next_fork(graph, b, &(bool){ false });
	enum way way = compare_line(a, a_end, b, b_end);

	if (moving || a_end->row != b_end->row)
		return REROUTED;
	if (weir__op_ends(a_end) || graph->met[a - graph->met_base] == b)
		return way;
	graph->met[a - graph->met_base] = b;
	way = worse(way, compare_exits(graph, a_end, b_end));
	return worse(way, compare(graph, a_end + 1, b_end + 1));
}

static bool leads_to_split(const struct node *node)
{
	for (uint64_t left = node->input->sinks; left; left &= left - 1)
		if (node->program->sinks[__builtin_ctzll(left)]->row->kind == WEIR__ROW_SPLIT)
			return true;
	return false;
}

static enum way compare_program(struct graph *graph, const struct node *node,
				const struct weir__program *program)
{
	enum way way;

	for (unsigned i = 0; i < program->n_inputs; i++) {
		if (program->inputs[i].row != node->input->row)
			continue;
		memset(graph->met, 0, node->program->n_ops * sizeof(*graph->met));
		graph->met_base = node->program->ops;
		way = compare(graph, node->input->first, program->inputs[i].first);
		/* A split may hold packets that have come half of the old way. */
		return way != SAME && leads_to_split(node) ? REROUTED : way;
	}
	return REROUTED;
}

static enum way find_way(struct graph *graph, const struct node *node)
{
	const unsigned w = weir__shape_index(graph->new, graph->old->workers[node->worker]);

	return w < graph->new->n_workers ? compare_program(graph, node, graph->new->programs[w]) : REROUTED;
}

/* --- the graph of inputs ----------------------------------------------------------------------------------
 */

/* Whether packets of a come to the ring that b reads. */
static bool leads_to(const struct node *a, const struct node *b)
{
	for (uint64_t left = a->input->sinks; left; left &= left - 1)
		if (a->program->sinks[__builtin_ctzll(left)]->row == b->input->row)
			return true;
	return false;
}

/* Marks what follows from the marks of neighbours. Returns whether anything was marked. */
static bool spread(const struct node *from, struct node *to, bool *mark_to, bool mark)
{
	if (!mark || *mark_to || !leads_to(from, to))
		return false;
	*mark_to = true;
	return true;
}

static bool spread_ways(struct node *a, struct node *b)
{
	bool marked = spread(a, b, &b->after_rerouted, a->way == REROUTED || a->after_rerouted);

	marked |= spread(a, b, &b->after_changed, a->way != SAME || a->after_changed);
	marked |= spread(a, b, &a->before_changed, b->before_changed);
	return marked;
}

static bool drops_when_full(const struct node *a, const struct node *b)
{
	for (uint64_t left = a->input->sinks; left; left &= left - 1) {
		const struct weir__op *op = a->program->sinks[__builtin_ctzll(left)];

		if (op->row == b->input->row)
			return op->drop_when_full;
	}
	return false;
}

/*
 * An input that leads to a drained ring is held, and one that leads to a held ring that would drop. But a
 * held ring to which a drained one leads is drained too, as there might be no room for what comes.
 */
static bool spread_rest(struct node *a, struct node *b)
{
	if (a->drained && b->held && leads_to(a, b)) {
		b->held = false;
		b->drained = true;
		return true;
	}
	if (a->held || a->drained || !leads_to(a, b))
		return false;
	a->held = b->drained || (b->held && drops_when_full(a, b));
	return a->held;
}

static void until_settled(struct graph *graph, bool (*spread_one)(struct node *, struct node *))
{
	bool marked = true;

	while (marked) {
		marked = false;
		for (unsigned a = 0; a < graph->n; a++)
			for (unsigned b = 0; b < graph->n; b++)
				if (graph->nodes[b].input->row->kind == WEIR__ROW_RING)
					marked |= spread_one(&graph->nodes[a], &graph->nodes[b]);
	}
}

static void add_node(struct graph *graph, unsigned worker, unsigned bit)
{
	struct node node = {
		.program = graph->old->programs[worker],
		.input = &graph->old->programs[worker]->inputs[bit],
		.worker = worker,
		.bit = bit,
	};

	node.way = find_way(graph, &node);
	node.before_changed = node.way != SAME;
	graph->nodes[graph->n++] = node;
}

static void add_nodes(struct graph *graph)
{
	for (unsigned w = 0; w < graph->old->n_workers; w++)
		for (unsigned i = 0; i < graph->old->programs[w]->n_inputs; i++)
			add_node(graph, w, i);
}

static void choose(struct graph *graph)
{
	until_settled(graph, spread_ways);
	for (unsigned i = 0; i < graph->n; i++) {
		struct node *node = &graph->nodes[i];

		if (node->input->row->kind == WEIR__ROW_RING)
			node->drained = !weir__shape_has_row(graph->new, node->input->row) ||
					node->after_rerouted || (node->after_changed && node->before_changed);
		node->held = !node->drained && node->way == REROUTED;
	}
	until_settled(graph, spread_rest);
}

/* --- the result -------------------------------------------------------------------------------------------
 */

static const struct node *reader_of(const struct graph *graph, const struct weir__row *ring)
{
	for (unsigned i = 0; i < graph->n; i++)
		if (graph->nodes[i].input->row == ring)
			return &graph->nodes[i];
	return NULL;
}

/* Whether another row of the new shape writes to the same endpoint. */
static bool shares_endpoint(const struct graph *graph, const struct weir__row *writer)
{
	for (unsigned i = 0; i < graph->new->n_places; i++) {
		const struct weir__row *row = graph->new->places[i].row;

		if (row->kind == WEIR__ROW_WRITE && row != writer && row->endpoint == writer->endpoint)
			return true;
	}
	return false;
}

static bool after_rerouted(const struct graph *graph, unsigned worker, uint64_t sink)
{
	for (unsigned i = 0; i < graph->n; i++) {
		const struct node *node = &graph->nodes[i];

		if (node->worker == worker && node->input->sinks & sink &&
		    (node->way == REROUTED || node->after_rerouted))
			return true;
	}
	return false;
}

/*
 * A ring or writer whose backlog has to go, and of a ring its content too. What waits before a writer goes
 * with it, and what a split has not cut with that, unless packets that take another way could overtake it at
 * the same endpoint.
 */
static bool is_drained(const struct graph *graph, unsigned worker, const struct weir__op *op)
{
	const struct node *node = op->row->kind == WEIR__ROW_RING ? reader_of(graph, op->row) : NULL;

	if (node)
		return node->drained;
	if (op->row->kind == WEIR__ROW_SPLIT && after_rerouted(graph, worker, op->sink))
		return true;
	return !weir__shape_has_row(graph->new, op->row) ||
	       (shares_endpoint(graph, op->row) && after_rerouted(graph, worker, op->sink));
}

static void report(struct graph *graph)
{
	struct weir__transition *transition = graph->transition;

	for (unsigned i = 0; i < graph->n; i++) {
		const struct node *node = &graph->nodes[i];

		if (node->held)
			transition->held[node->worker] |= 1ull << node->bit;
		if (node->drained)
			transition->drained[node->worker] |= 1ull << node->bit;
		transition->n_held += node->held;
		transition->n_drained += node->drained;
	}
	transition->drain.shape = graph->old;
	for (unsigned w = 0; w < graph->old->n_workers; w++)
		for (unsigned i = 0; i < graph->old->programs[w]->n_sinks; i++)
			if (is_drained(graph, w, graph->old->programs[w]->sinks[i])) {
				transition->drain.sinks[w] |= 1ull << i;
				transition->must_drain = true;
			}
}

static int make_graph(struct graph *graph)
{
	unsigned inputs = 1, ops = 1;

	for (unsigned w = 0; w < graph->old->n_workers; w++) {
		const struct weir__program *program = graph->old->programs[w];

		inputs += program->n_inputs;
		ops = program->n_ops > ops ? program->n_ops : ops;
	}
	graph->nodes = calloc(inputs, sizeof(*graph->nodes));
	graph->met = calloc(ops, sizeof(const struct weir__op *));
	return graph->nodes && graph->met ? 0 : -ENOMEM;
}

int weir__transition_find(struct weir__transition *transition, const struct weir__shape *old,
			  const struct weir__shape *new)
{
	struct graph graph = { .transition = transition, .old = old, .new = new };
	int rc = make_graph(&graph);

	memset(transition, 0, sizeof(*transition));
	if (rc == 0) {
		add_nodes(&graph);
		choose(&graph);
		report(&graph);
	}
	free(graph.met);
	free(graph.nodes);
	return rc;
}
