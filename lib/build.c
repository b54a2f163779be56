/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "error.h"
#include "option.h"
#include "spin.h"

/* The endpoint of the old shape that goes on as one of the plan. */
struct same {
	bool known;
	struct weir__endpoint *endpoint; /* NULL: none */
	void *options;                   /* that it takes over; NULL: they are the same */
};

/* While a shape is built: its place and operation for each row of the plan, by the worker that runs it. */
struct builder {
	struct weir_pipeline *pipeline;
	struct weir__plan *plan;
	const struct weir__shape *old;
	struct weir__shape *shape;
	struct weir__program *programs[WEIR_WORKERS_MAX];
	struct same same[WEIR_ENDPOINTS_MAX]; /* by endpoint of the plan */
	struct weir__row *readers[WEIR__ROWS_MAX];
	struct weir__op *ops[]; /* of each worker, of each row: see op_at() */
};

/* Where the operation of a row in the program of a worker is noted. */
static struct weir__op **op_at(struct builder *builder, uint32_t worker, uint32_t row)
{
	return &builder->ops[worker * builder->plan->n_rows + row];
}

/* The workers in whose programs a row is an operation, by bit. A reader is none: it is an input. */
static uint64_t runners(const struct weir__plan_row *row)
{
	if (row->kind == WEIR__ROW_READ)
		return 0;
	return row->kind == WEIR__ROW_RING ? row->producers : 1ull << row->worker;
}

static uint32_t capacity_of(const struct weir__plan_row *row)
{
	const struct weir_ring *options = row->options;

	return options->capacity ? options->capacity : WEIR__RING_CAPACITY;
}

/* --- parts ------------------------------------------------------------------------------------------------
 */

static int find_same(struct builder *builder, uint32_t index);

/* What the old shape has by that name, where it can be compared and goes on. */
static int compare_endpoint(struct builder *builder, const struct weir__plan_endpoint *wanted,
			    struct same *same)
{
	struct weir__endpoint *endpoint =
		builder->old ? weir__shape_endpoint(builder->old, wanted->name) : NULL;
	int rc;

	if (!endpoint || endpoint->type != wanted->type)
		return 0;
	/* A part goes with its whole. */
	if (wanted->whole != WEIR__NONE) {
		rc = find_same(builder, wanted->whole);
		if (rc < 0 || !builder->same[wanted->whole].endpoint)
			return rc;
	}
	/* Without a table, nobody can tell. */
	if (wanted->type->options &&
	    !weir__options_equal(wanted->type->options, endpoint->options, wanted->options)) {
		rc = weir__endpoint_try(endpoint, wanted->options, &wanted->info, builder->plan->err);
		if (rc <= 0)
			return rc;
		same->options = weir__endpoint_options_copy(wanted->type, wanted->options);
		if (!same->options)
			return -ENOMEM;
	}
	same->endpoint = endpoint;
	return 0;
}

static int find_same(struct builder *builder, uint32_t index)
{
	struct same *same = &builder->same[index];
	if (same->known)
		return 0;
	same->known = true;
	return compare_endpoint(builder, &builder->plan->endpoints[index], same);
}

static int add_endpoints(struct builder *builder)
{
	struct weir__shape *shape = builder->shape;
	int rc;

	for (unsigned i = 0; i < builder->plan->n_endpoints; i++) {
		const struct weir__plan_endpoint *wanted = &builder->plan->endpoints[i];
		struct weir__endpoint *endpoint;

		rc = find_same(builder, i);
		if (rc < 0)
			return rc;
		endpoint = builder->same[i].endpoint;
		if (!endpoint)
			endpoint = weir__endpoint_new(wanted->type, wanted->name, wanted->options,
						      &wanted->info);
		if (!endpoint)
			return -ENOMEM;
		shape->changes[shape->n_endpoints] = builder->same[i].options;
		builder->same[i].options = NULL;
		shape->endpoints[shape->n_endpoints++] = endpoint;
	}
	for (unsigned i = 0; i < shape->n_endpoints; i++)
		if (builder->plan->endpoints[i].whole != WEIR__NONE)
			shape->endpoints[i]->whole = shape->endpoints[builder->plan->endpoints[i].whole];
	return 0;
}

static struct weir__worker *same_worker(const struct weir__shape *old, const char *name)
{
	for (unsigned i = 0; old && i < old->n_workers; i++)
		if (strcmp(old->workers[i]->name, name) == 0)
			return old->workers[i];
	return NULL;
}

static int add_workers(struct builder *builder)
{
	struct weir__shape *shape = builder->shape;

	for (unsigned i = 0; i < builder->plan->n_workers; i++) {
		const struct weir_worker *given = &builder->plan->config->workers[i];
		struct weir__worker *worker = same_worker(builder->old, given->name);
		int rc = worker ? 0 : weir__worker_create(&worker, builder->pipeline, given->name);

		if (rc < 0)
			return weir_failed(builder->plan->err, rc, "worker '%s': %s", given->name,
					   strerror(-rc));
		shape->given[i] = *given;
		shape->given[i].name = worker->name;
		shape->workers[shape->n_workers++] = worker;
	}
	return 0;
}

/* --- rows -------------------------------------------------------------------------------------------------
 */

static bool is_same(const struct builder *builder, const struct weir__place *place,
		    const struct weir__plan_row *wanted)
{
	const struct weir__row *row = place->row;

	if (row->type != wanted->type || strcmp(strchr(row->path, '/') + 1, wanted->name) != 0 ||
	    !weir__row_in_chain(row, builder->plan->chains[wanted->chain].name))
		return false;
	if (wanted->endpoint != WEIR__NONE && row->endpoint != builder->shape->endpoints[wanted->endpoint])
		return false;
	return wanted->kind != WEIR__ROW_RING || row->ring.capacity == capacity_of(wanted);
}

/*
 * The old row that goes on as this one. Under the name of a ring there may be several, one for each worker
 * that hands over: each goes on with the same producer, if it can.
 */
static struct weir__row *same_row(const struct builder *builder, const struct weir__plan_row *wanted,
				  const struct weir__worker *worker, bool same_producer)
{
	const struct weir__shape *old = builder->old;

	for (unsigned i = 0; old && i < old->n_places; i++) {
		const struct weir__place *place = &old->places[i];

		if (same_producer && wanted->kind == WEIR__ROW_RING && place->worker != worker)
			continue;
		if (is_same(builder, place, wanted) && !weir__shape_has_row(builder->shape, place->row))
			return place->row;
	}
	return NULL;
}

static struct weir__row *new_row(struct builder *builder, const struct weir__plan_row *wanted)
{
	struct weir__row *row = weir__row_new(wanted->kind, wanted->type,
					      builder->plan->chains[wanted->chain].name, wanted->name);

	if (!row)
		return NULL;
	if (wanted->endpoint != WEIR__NONE)
		row->endpoint = builder->shape->endpoints[wanted->endpoint];
	if (row->kind == WEIR__ROW_STAGE)
		row->state = calloc(1, row->type->state_size ? row->type->state_size : 1);
	if ((row->kind == WEIR__ROW_STAGE && !row->state) ||
	    (row->kind == WEIR__ROW_RING && weir__ring_init(&row->ring, capacity_of(wanted)) < 0)) {
		weir__row_free(row);
		return NULL;
	}
	return row;
}

static struct weir__row *add_row(struct builder *builder, uint32_t index, uint32_t worker)
{
	struct weir__plan_row *wanted = &builder->plan->rows[index];
	struct weir__shape *shape = builder->shape;
	struct weir__place *place = &shape->places[shape->n_places];
	struct weir__row *row = same_row(builder, wanted, shape->workers[worker], true);

	/* A producer that is new may go on with the ring of one that is gone. */
	if (!row && wanted->kind == WEIR__ROW_RING && __builtin_popcountll(wanted->producers) == 1)
		row = same_row(builder, wanted, shape->workers[worker], false);
	if (!row)
		row = new_row(builder, wanted);
	if (!row)
		return NULL;
	*place = (struct weir__place){
		.row = row,
		.type = wanted->type,
		.worker = shape->workers[worker],
		.config = wanted->config,
	};
	wanted->config = NULL;
	shape->n_places++;
	if (wanted->type->options)
		place->options = weir__stage_options_copy(wanted->type, wanted->options);
	return wanted->type->options && !place->options ? NULL : row;
}

/* --- programs ---------------------------------------------------------------------------------------------
 */

/* The operation of a row in the program of a worker. */
static int add_op(struct builder *builder, uint32_t index, uint32_t worker)
{
	const struct weir__plan_row *from = &builder->plan->rows[index];
	struct weir__program *program = builder->programs[worker];
	struct weir__op *op = &program->ops[program->n_ops++];
	struct weir__row *row = add_row(builder, index, worker);

	if (!row)
		return -ENOMEM;
	*op_at(builder, worker, index) = op;
	op->row = row;
	op->config = builder->shape->places[builder->shape->n_places - 1].config;
	op->state = row->state;
	op->process = row->kind == WEIR__ROW_STAGE ? row->type->process : NULL;
	if (op->process || row->kind == WEIR__ROW_COALESCE)
		return 0;
	op->sink = 1ull << program->n_sinks;
	program->sinks[program->n_sinks++] = op;
	if (row->kind == WEIR__ROW_RING) {
		op->bell = &builder->shape->workers[from->worker]->bell;
		op->drop_when_full = from->drop_when_full;
	}
	return 0;
}

static int add_rows(struct builder *builder)
{
	for (uint32_t i = 0; i < builder->plan->n_rows; i++) {
		const struct weir__plan_row *row = &builder->plan->rows[i];

		if (row->kind == WEIR__ROW_READ) {
			builder->readers[i] = add_row(builder, i, row->worker);
			if (!builder->readers[i])
				return -ENOMEM;
		}
		for (uint64_t left = runners(row); left; left &= left - 1)
			if (add_op(builder, i, (uint32_t)__builtin_ctzll(left)) < 0)
				return -ENOMEM;
	}
	return 0;
}

static void wire_exits(struct builder *builder)
{
	const struct weir__plan *plan = builder->plan;

	for (uint32_t i = 0; i < plan->n_rows; i++) {
		const struct weir__plan_row *row = &plan->rows[i];

		for (unsigned k = 0; row->kind == WEIR__ROW_STAGE && k < WEIR_EXITS_MAX; k++)
			if (row->exit[k] != WEIR__NONE)
				(*op_at(builder, row->worker, i))->exit[k] =
					*op_at(builder, row->worker, plan->chains[row->exit[k]].first);
	}
}

/* The sinks that a packet may come to from op on, in this program. Marks in seen where it was, as
 * many ways may lead to one place. */
static uint64_t reachable_sinks(const struct weir__program *program, const struct weir__op *op, bool seen[])
{
	uint64_t sinks = 0;

	for (; !seen[op - program->ops]; op++) {
		seen[op - program->ops] = true;
		sinks |= op->sink;
		if (weir__op_ends(op))
			return sinks;
		for (unsigned k = 0; k < WEIR_EXITS_MAX; k++)
			if (op->exit[k])
				sinks |= reachable_sinks(program, op->exit[k], seen);
	}
	return sinks;
}

static uint64_t sinks_from(const struct weir__program *program, const struct weir__op *first)
{
	bool seen[WEIR__ROWS_MAX] = { false };

	return reachable_sinks(program, first, seen);
}

/* What a split must not give more to while it is blocked. */
static void note_below(struct builder *builder)
{
	const struct weir__plan *plan = builder->plan;

	for (uint32_t i = 0; i < plan->n_rows; i++) {
		const struct weir__plan_row *row = &plan->rows[i];
		struct weir__op *op;

		if (row->kind != WEIR__ROW_SPLIT)
			continue;
		op = *op_at(builder, row->worker, i);
		op->below = sinks_from(builder->programs[row->worker], op + 1);
	}
}

static void add_input(struct builder *builder, struct weir__row *row, uint32_t worker, uint32_t first,
		      struct weir__doorbell *bell)
{
	struct weir__program *program = builder->programs[worker];
	struct weir__input *input = &program->inputs[program->n_inputs++];

	input->row = row;
	input->bell = bell;
	input->first = *op_at(builder, worker, first);
	input->sinks = sinks_from(program, input->first);
}

/* One ring for each worker that hands over, so that each has one producer and one consumer. */
static void add_ring_ends(struct builder *builder, uint32_t index)
{
	const struct weir__plan_row *from = &builder->plan->rows[index];

	for (uint64_t left = from->producers; left; left &= left - 1) {
		const unsigned producer = (unsigned)__builtin_ctzll(left);

		add_input(builder, (*op_at(builder, producer, index))->row, from->worker, index + 1,
			  &builder->shape->workers[producer]->bell);
	}
}

static void add_inputs(struct builder *builder)
{
	for (uint32_t i = 0; i < builder->plan->n_rows; i++) {
		const struct weir__plan_row *row = &builder->plan->rows[i];

		if (row->kind == WEIR__ROW_READ)
			add_input(builder, builder->readers[i], row->worker, i + 1, NULL);
		if (row->kind == WEIR__ROW_RING)
			add_ring_ends(builder, i);
	}
}

static int make_programs(struct builder *builder)
{
	struct weir__shape *shape = builder->shape;
	unsigned n_ops[WEIR_WORKERS_MAX] = { 0 };

	for (uint32_t i = 0; i < builder->plan->n_rows; i++)
		for (uint64_t left = runners(&builder->plan->rows[i]); left; left &= left - 1)
			n_ops[__builtin_ctzll(left)]++;
	for (unsigned w = 0; w < shape->n_workers; w++) {
		builder->programs[w] = weir__program_new(n_ops[w]);
		if (!builder->programs[w])
			return -ENOMEM;
		builder->programs[w]->shape = shape;
		shape->programs[w] = builder->programs[w];
	}
	return 0;
}

static void finish_programs(struct builder *builder)
{
	wire_exits(builder);
	add_inputs(builder);
	note_below(builder);
	for (unsigned w = 0; w < builder->shape->n_workers; w++)
		builder->programs[w]->owned = weir__bits(builder->programs[w]->n_sinks);
	weir__spin_set(builder->shape, builder->programs);
}

/* --- all of it --------------------------------------------------------------------------------------------
 */

static unsigned count_places(const struct weir__plan *plan)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < plan->n_rows; i++)
		n += plan->rows[i].kind == WEIR__ROW_READ
			     ? 1
			     : (unsigned)__builtin_popcountll(runners(&plan->rows[i]));
	return n;
}

static int build(struct builder *builder)
{
	int rc = add_endpoints(builder);

	if (rc == 0)
		rc = add_workers(builder);
	if (rc == 0)
		rc = make_programs(builder);
	if (rc == 0)
		rc = add_rows(builder);
	if (rc == 0)
		finish_programs(builder);
	return rc;
}

int weir__build(struct weir__shape **result, struct weir_pipeline *pipeline, struct weir__plan *plan,
		const struct weir__shape *old)
{
	/* As large as this plan needs: the largest would be more than a cache holds. */
	struct builder *builder = calloc(1, sizeof(*builder) + (size_t)plan->n_workers * plan->n_rows *
								       sizeof(struct weir__op *));
	struct weir__shape *shape =
		calloc(1, sizeof(*shape) + count_places(plan) * sizeof(struct weir__place));
	int rc = -ENOMEM;

	*result = NULL;
	if (builder && shape) {
		builder->pipeline = pipeline;
		builder->plan = plan;
		builder->old = old;
		builder->shape = shape;
		shape->version = weir__version_new();
		rc = build(builder);
	}
	for (unsigned i = 0; builder && i < WEIR_ENDPOINTS_MAX; i++)
		free(builder->same[i].options);
	free(builder);
	if (rc == 0) {
		*result = shape;
		return 0;
	}
	if (shape) {
		weir__shape_subtract(shape, old);
		weir__shape_free(shape);
	}
	if (plan->err->problems)
		return rc;
	return weir_failed(plan->err, rc, "no memory for the parts of the pipeline");
}
