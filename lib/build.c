/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"

/* While a pipeline is built: which row a row of the plan became, and its operation in the program of each
 * worker. */
struct builder {
	struct weir_pipeline *pipeline;
	struct weir__plan *plan;
	struct weir__program *programs[WEIR_WORKERS_MAX];
	struct weir__op *ops[WEIR_WORKERS_MAX][WEIR_CHAINS_MAX * WEIR_STAGES_MAX];
	struct weir__row *readers[WEIR_CHAINS_MAX * WEIR_STAGES_MAX];
};

/* The workers in whose programs a row is an operation, by bit. A reader is none: it is an input. */
static uint64_t runners(const struct weir__plan_row *row)
{
	if (row->kind == WEIR__ROW_READ)
		return 0;
	return row->kind == WEIR__ROW_RING ? row->producers : 1ull << row->worker;
}

static struct weir__row *add_row(struct builder *builder, uint32_t index, uint32_t worker)
{
	struct weir__plan_row *from = &builder->plan->rows[index];
	struct weir_pipeline *pipeline = builder->pipeline;
	struct weir__row *row = &pipeline->rows[pipeline->n_rows++];

	row->kind = from->kind;
	row->type = from->type;
	row->worker = &pipeline->workers[worker];
	row->drop_when_full = from->drop_when_full;
	if (from->endpoint != WEIR__NONE)
		row->endpoint = &pipeline->endpoints[from->endpoint];
	row->config = from->config;
	from->config = NULL;
	if (asprintf(&row->path, "%s/%s", builder->plan->chains[from->chain].name, from->name) < 0)
		row->path = NULL;
	if (row->kind == WEIR__ROW_STAGE)
		row->state = calloc(1, row->type->state_size ? row->type->state_size : 1);
	if (!row->path || (row->kind == WEIR__ROW_STAGE && !row->state))
		return NULL;
	return row;
}

/* The operation of a row in the program of a worker. */
static int add_op(struct builder *builder, uint32_t index, uint32_t worker)
{
	struct weir__program *program = builder->programs[worker];
	struct weir__op *op = &program->ops[program->n_ops++];
	struct weir__row *row = add_row(builder, index, worker);

	if (!row)
		return -ENOMEM;
	builder->ops[worker][index] = op;
	op->row = row;
	op->config = row->config;
	op->state = row->state;
	op->process = row->kind == WEIR__ROW_STAGE ? row->type->process : NULL;
	if (!op->process) {
		op->sink = 1ull << program->n_sinks;
		program->sinks[program->n_sinks++] = op;
	}
	return 0;
}

static int add_reader(struct builder *builder, uint32_t index)
{
	struct weir__row *row = add_row(builder, index, builder->plan->rows[index].worker);

	if (!row)
		return -ENOMEM;
	row->endpoint->reader = row->worker;
	builder->readers[index] = row;
	return 0;
}

static int add_rows(struct builder *builder)
{
	for (uint32_t i = 0; i < builder->plan->n_rows; i++) {
		const struct weir__plan_row *row = &builder->plan->rows[i];

		if (row->kind == WEIR__ROW_READ && add_reader(builder, i) < 0)
			return -ENOMEM;
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
				builder->ops[row->worker][i]->exit[k] =
					builder->ops[row->worker][plan->chains[row->exit[k]].first];
	}
}

/* The rings and writers that a packet may come to from op on, in this program. Marks in seen where it was, as
 * many ways may lead to one place. */
static uint64_t reachable_sinks(const struct weir__program *program, const struct weir__op *op, bool seen[])
{
	uint64_t sinks = 0;

	for (; !seen[op - program->ops]; op++) {
		seen[op - program->ops] = true;
		if (!op->process)
			return sinks | op->sink;
		for (unsigned k = 0; k < WEIR_EXITS_MAX; k++)
			if (op->exit[k])
				sinks |= reachable_sinks(program, op->exit[k], seen);
	}
	return sinks;
}

static void add_input(struct builder *builder, struct weir__row *row, uint32_t worker, uint32_t first)
{
	struct weir__program *program = builder->programs[worker];
	struct weir__input *input = &program->inputs[program->n_inputs++];
	bool seen[WEIR_CHAINS_MAX * WEIR_STAGES_MAX] = { false };

	input->row = row;
	input->first = builder->ops[worker][first];
	input->sinks = reachable_sinks(program, input->first, seen);
}

/* One ring for each worker that hands over, so that each has one producer and one consumer. */
static int add_ring_ends(struct builder *builder, uint32_t index)
{
	const struct weir__plan_row *from = &builder->plan->rows[index];
	const struct weir_ring *options = from->options;
	const uint32_t capacity = options->capacity ? options->capacity : WEIR__RING_CAPACITY;
	struct weir__worker *consumer = &builder->pipeline->workers[from->worker];

	for (uint64_t left = from->producers; left; left &= left - 1) {
		struct weir__row *row = builder->ops[__builtin_ctzll(left)][index]->row;

		if (weir__ring_init(&row->ring, capacity, &row->worker->bell, &consumer->bell) < 0)
			return -ENOMEM;
		add_input(builder, row, from->worker, index + 1);
	}
	return 0;
}

static int add_inputs(struct builder *builder)
{
	for (uint32_t i = 0; i < builder->plan->n_rows; i++) {
		const struct weir__plan_row *row = &builder->plan->rows[i];

		if (row->kind == WEIR__ROW_READ)
			add_input(builder, builder->readers[i], row->worker, i + 1);
		if (row->kind == WEIR__ROW_RING && add_ring_ends(builder, i) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int make_programs(struct builder *builder)
{
	unsigned n_ops[WEIR_WORKERS_MAX] = { 0 };
	unsigned n_rows = 0;

	for (uint32_t i = 0; i < builder->plan->n_rows; i++) {
		uint64_t workers = runners(&builder->plan->rows[i]);

		n_rows += workers ? (unsigned)__builtin_popcountll(workers) : 1;
		for (; workers; workers &= workers - 1)
			n_ops[__builtin_ctzll(workers)]++;
	}
	builder->pipeline->rows = aligned_alloc(64, n_rows * sizeof(struct weir__row));
	if (!builder->pipeline->rows)
		return -ENOMEM;
	memset(builder->pipeline->rows, 0, n_rows * sizeof(struct weir__row));
	for (unsigned w = 0; w < builder->pipeline->n_workers; w++) {
		builder->programs[w] =
			calloc(1, sizeof(struct weir__program) + n_ops[w] * sizeof(struct weir__op));
		if (!builder->programs[w])
			return -ENOMEM;
		builder->pipeline->workers[w].program = builder->programs[w];
	}
	return 0;
}

int weir__build(struct weir_pipeline *pipeline, struct weir__plan *plan)
{
	struct builder *builder = calloc(1, sizeof(*builder));
	int rc = -ENOMEM;

	if (!builder)
		return -ENOMEM;
	builder->pipeline = pipeline;
	builder->plan = plan;
	if (make_programs(builder) == 0 && add_rows(builder) == 0) {
		wire_exits(builder);
		rc = add_inputs(builder);
	}
	for (uint32_t i = 0; rc == 0 && i < pipeline->n_rows; i++)
		if (pipeline->rows[i].kind == WEIR__ROW_WRITE)
			pipeline->rows[i].endpoint->writer = pipeline->rows[i].worker;
	free(builder);
	return rc;
}

void weir__build_free(struct weir_pipeline *pipeline)
{
	for (unsigned w = 0; w < pipeline->n_workers; w++)
		free((void *)(uintptr_t)pipeline->workers[w].program);
	for (unsigned i = 0; i < pipeline->n_rows; i++) {
		struct weir__row *row = &pipeline->rows[i];

		if (row->config && row->type->release)
			row->type->release(row->config);
		free(row->config);
		if (row->state && row->type->destroy)
			row->type->destroy(row->state);
		free(row->state);
		free(row->path);
		weir__ring_fini(&row->ring);
	}
	free(pipeline->rows);
}
