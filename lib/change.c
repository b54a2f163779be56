/* SPDX-License-Identifier: Apache-2.0 */
/* Other configurations for stages: one or several as one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weir/change.h>

#include "error.h"
#include "grace.h"
#include "option.h"
#include "pipeline.h"
#include "plan.h"

/* A stage and what it is to get. */
struct item {
	struct item *next;
	char *path;
	const struct weir_stage_type *type;
	void *config;
	void *options;
};

struct weir_change {
	struct weir_pipeline *pipeline;
	struct item *items;
	/* While it is committed. */
	struct weir__program *programs[WEIR_WORKERS_MAX];
	struct weir__retired *note;
};

static void free_item(struct item *item)
{
	weir__stage_release(item->type, item->config);
	free(item->options);
	free(item->path);
	free(item);
}

static void free_change(void *memory)
{
	struct weir_change *change = memory;

	while (change->items) {
		struct item *item = change->items;

		change->items = item->next;
		free_item(item);
	}
	for (unsigned w = 0; w < WEIR_WORKERS_MAX; w++)
		weir__program_free(change->programs[w]);
	free(change->note);
	free(change);
}

int weir_change_begin(struct weir_change **change, struct weir_pipeline *pipeline, struct weir_error *err)
{
	if (err)
		weir__error_clear(err);
	*change = calloc(1, sizeof(**change));
	if (!*change)
		return weir_failed(err, -ENOMEM, "no memory for a change");
	(*change)->pipeline = pipeline;
	return 0;
}

void weir_change_abandon(struct weir_change *change)
{
	if (change)
		free_change(change);
}

/* --- taking stages in -------------------------------------------------------------------------------------
 */

static bool same_chain(const struct weir__row *a, const struct weir__row *b)
{
	const size_t n = (size_t)(strchr(a->path, '/') - a->path) + 1;

	return strncmp(a->path, b->path, n) == 0;
}

/* What configure() is told of the chain. */
static struct weir_place surroundings(const struct weir__shape *shape, const struct weir__place *place)
{
	for (unsigned i = 0; i < shape->n_places; i++) {
		const struct weir__row *row = shape->places[i].row;

		if (row->kind == WEIR__ROW_WRITE && same_chain(place->row, row))
			return (struct weir_place){ .writer_framing = row->endpoint->info.framing };
	}
	return (struct weir_place){ .writer_framing = WEIR_FRAMING_RAW };
}

static const struct weir__op *op_of(const struct weir__shape *shape, const struct weir__place *place)
{
	const struct weir__op *op = shape->programs[weir__shape_index(shape, place->worker)]->ops;

	while (op->row != place->row)
		op++;
	return op;
}

/* Which chain an exit leads to is the shape of the pipeline. */
static int check_exits(const struct weir__op *op, const struct weir_stage *stage, struct weir_error *err)
{
	const struct weir__stage_options *wanted = stage->options;
	int rc = 0;

	for (unsigned k = 0; k < WEIR_EXITS_MAX; k++) {
		char field[16];

		if (!wanted->exit[k] ||
		    (op->exit[k] && weir__row_in_chain(op->exit[k]->row, wanted->exit[k])))
			continue;
		snprintf(field, sizeof(field), "exit[%u]", k);
		rc = weir_invalid(err, field, "'%s': only weir_pipeline_apply() leads an exit elsewhere",
				  wanted->exit[k]);
	}
	return rc;
}

/* Whether the pipeline has this stage, and what is around it. */
static int find_stage(struct weir_pipeline *pipeline, const char *path, const struct weir_stage *stage,
		      struct weir_place *around, struct weir_error *err)
{
	const struct weir__place *place;
	int rc = 0;

	pthread_mutex_lock(&pipeline->parts);
	place = weir__shape_place(pipeline->shape, path);
	if (place && (place->row->kind == WEIR__ROW_SPLIT || place->row->kind == WEIR__ROW_COALESCE))
		rc = weir_failed(err, -ENOTSUP, "only weir_pipeline_apply() changes a %s", place->type->name);
	else if (!place || place->row->kind != WEIR__ROW_STAGE)
		rc = weir_failed(err, -ENOENT, "there is no such stage");
	else if (place->type != stage->type)
		rc = weir_failed(err, -EINVAL, "it is a %s, not a %s", place->type->name, stage->type->name);
	else if (!stage->options)
		rc = weir_invalid(err, "options", "missing");
	else
		rc = check_exits(op_of(pipeline->shape, place), stage, err);
	if (rc == 0 && place)
		*around = surroundings(pipeline->shape, place);
	pthread_mutex_unlock(&pipeline->parts);
	return rc;
}

static int configure(struct item *item, const struct weir_stage *stage, const struct weir_place *around,
		     struct weir_error *err)
{
	int rc = weir__stage_configure(&item->config, stage, around, err);

	if (rc == 0 && stage->type->options) {
		item->options = weir__stage_options_copy(stage->type, stage->options);
		rc = item->options ? 0 : weir_failed(err, -ENOMEM, "no memory for its options");
	}
	return rc;
}

static void add_item(struct weir_change *change, struct item *item)
{
	struct item **link = &change->items;

	while (*link && strcmp((*link)->path, item->path) != 0)
		link = &(*link)->next;
	if (*link) {
		struct item *earlier = *link;

		item->next = earlier->next;
		free_item(earlier);
	}
	*link = item;
}

int weir_change_stage(struct weir_change *change, const char *path, const struct weir_stage *stage,
		      struct weir_error *err)
{
	struct weir_error unused;
	struct weir_place around;
	struct item *item;
	int rc;

	if (!err)
		err = &unused;
	weir__error_clear(err);
	weir__error_at(err, "%s", path);
	rc = find_stage(change->pipeline, path, stage, &around, err);
	if (rc < 0)
		return rc;
	item = calloc(1, sizeof(*item));
	if (!item)
		return weir_failed(err, -ENOMEM, "no memory for a change");
	item->type = stage->type;
	item->path = strdup(path);
	rc = item->path ? configure(item, stage, &around, err)
			: weir_failed(err, -ENOMEM, "no memory for a change");
	if (rc < 0)
		free_item(item);
	else
		add_item(change, item);
	return rc;
}

/* --- committing -------------------------------------------------------------------------------------------
 */

/* Puts the configuration into the new program of the worker that runs the stage. */
static int enter(struct weir_change *change, const struct item *item, struct weir_error *err)
{
	struct weir__shape *shape = change->pipeline->shape;
	const struct weir__place *place = weir__shape_place(shape, item->path);
	struct weir__program *program;
	unsigned w;

	weir__error_at(err, "%s", item->path);
	if (!place || place->type != item->type)
		return weir_failed(err, -ENOENT, "the stage has been removed meanwhile");
	w = weir__shape_index(shape, place->worker);
	if (!change->programs[w])
		change->programs[w] = weir__program_copy(shape->programs[w], 0);
	program = change->programs[w];
	if (!program)
		return weir_failed(err, -ENOMEM, "no memory for a program");
	for (unsigned i = 0; i < program->n_ops; i++)
		if (program->ops[i].row == place->row)
			program->ops[i].config = item->config;
	return 0;
}

static void publish(const struct weir_change *change, const struct weir__program *const programs[])
{
	for (unsigned w = 0; w < change->pipeline->shape->n_workers; w++)
		if (change->programs[w])
			weir__worker_publish(change->pipeline->shape->workers[w], programs[w]);
}

/* The workers that have another program, by bit. */
static uint64_t concerned(const struct weir_change *change)
{
	uint64_t workers = 0;

	for (unsigned w = 0; w < WEIR_WORKERS_MAX; w++)
		workers |= change->programs[w] ? 1ull << w : 0;
	return workers;
}

/* The change keeps what was before, to be freed with it. */
static void exchange(struct weir_change *change)
{
	struct weir__shape *shape = change->pipeline->shape;

	for (struct item *item = change->items; item; item = item->next) {
		struct weir__place *place = weir__shape_place(shape, item->path);
		void *config = place->config;
		void *options = place->options;

		place->config = item->config;
		place->options = item->options;
		item->config = config;
		item->options = options;
	}
	for (unsigned w = 0; w < shape->n_workers; w++) {
		const struct weir__program *before = shape->programs[w];

		if (!change->programs[w])
			continue;
		shape->programs[w] = change->programs[w];
		change->programs[w] = (struct weir__program *)(uintptr_t)before;
	}
}

static int prepare(struct weir_change *change, struct weir_error *err)
{
	int rc = weir__pipeline_ready(change->pipeline, err);

	for (const struct item *item = change->items; rc == 0 && item; item = item->next)
		rc = enter(change, item, err);
	weir__error_at(err, "%s", "");
	if (rc == 0) {
		change->note = malloc(sizeof(*change->note));
		rc = change->note ? 0 : weir_failed(err, -ENOMEM, "no memory for a change");
	}
	return rc;
}

/* Returns whether the change may be freed. */
static bool commit(struct weir_change *change, int *rc, struct weir_error *err)
{
	struct weir_pipeline *pipeline = change->pipeline;
	struct weir__retired *note = change->note;

	publish(change, (const struct weir__program *const *)change->programs);
	*rc = weir__grace_of(pipeline->shape, concerned(change), weir__change_deadline(pipeline), err);
	if (*rc == 0) {
		exchange(change);
		return true;
	}
	publish(change, pipeline->shape->programs);
	change->note = NULL;
	weir__retire(pipeline, note, change, free_change);
	return false;
}

int weir_change_commit(struct weir_change *change, struct weir_error *err)
{
	struct weir_pipeline *pipeline = change->pipeline;
	struct weir_error unused;
	bool done = true;
	int rc;

	if (!err)
		err = &unused;
	weir__error_clear(err);
	pthread_mutex_lock(&pipeline->control);
	rc = prepare(change, err);
	if (rc == 0)
		done = commit(change, &rc, err);
	if (done)
		free_change(change);
	pthread_mutex_unlock(&pipeline->control);
	return rc;
}

int weir_stage_configure(struct weir_pipeline *pipeline, const char *path, const struct weir_stage *stage,
			 struct weir_error *err)
{
	struct weir_error unused;
	struct weir_change *change;
	int rc;

	if (!err)
		err = &unused;
	rc = weir_change_begin(&change, pipeline, err);
	if (rc < 0)
		return rc;
	rc = weir_change_stage(change, path, stage, err);
	if (rc == 0)
		return weir_change_commit(change, err);
	weir_change_abandon(change);
	return rc;
}
