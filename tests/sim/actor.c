/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/change.h>

#include "actor.h"
#include "faults.h"
#include "scheduler.h"

/* Whether a deadline may have come though nothing hung. */
static bool may_time_out(const struct sim_stage *stage)
{
	return stage->shape.change_ms < 1000 || stage->shape.stuck_one_in || stage->allowed.stopped;
}

/* After a call that failed, though nothing was refused. */
static void judge(const struct sim_actor *actor, const char *call, int rc, const struct weir_error *err)
{
	/* -EBUSY: a worker that is stuck holds up a stop, or what an earlier change has replaced. */
	if ((rc == -ETIMEDOUT || rc == -EBUSY) && may_time_out(actor->stage))
		return;
	/* The other actor's change has removed the device, and closes it only now. */
	if (rc == -EBUSY && actor->stage->appliers > 1)
		return;
	sim_fail("%s: %d, %s", call, rc, err->text);
}

static void maybe_refuse(struct sim_actor *actor, unsigned calls)
{
	if (sim_once_in(&actor->random, 4))
		sim_fail_in(sim_between(&actor->random, 1, calls));
}

/* --- recovery ----------------------------------------------------------------------------------------------
 */

static void recover(struct sim_actor *actor)
{
	struct weir_pipeline *pipeline = actor->stage->pipeline;
	struct weir_error err;
	uint64_t refusals;
	unsigned p = 0;
	int rc;

	while (p < sim_n_ports &&
	       weir_pipeline_endpoint_state(pipeline, sim_ports[p].name, NULL) != WEIR_ENDPOINT_DEAD)
		p++;
	if (p == sim_n_ports)
		return;
	refusals = sim_ports[p].refusals;
	rc = weir_pipeline_endpoint_recover(pipeline, sim_ports[p].name, &err);
	/* Another one may have recovered or removed it meanwhile. */
	if (rc < 0 && rc != -EALREADY && rc != -ENOENT && !(rc == -EIO && sim_ports[p].refusals > refusals))
		judge(actor, "weir_pipeline_endpoint_recover()", rc, &err);
}

/* --- whole configurations ----------------------------------------------------------------------------------
 */

static void took_place(struct sim_actor *actor, const struct sim_shape *shape, int rc, bool refused,
		       const struct weir_error *err)
{
	struct sim_stage *stage = actor->stage;

	/* It is made, but a worker that is stuck has not taken it up. */
	if (rc == -EINPROGRESS && !may_time_out(stage))
		judge(actor, "weir_pipeline_apply()", rc, err);
	if (rc == 0 || rc == -EINPROGRESS) {
		stage->shape = *shape;
		stage->unsure = stage->appliers > 1;
		stage->applied++;
		if (!stage->unsure)
			sim_check_shape(stage);
		return;
	}
	stage->refused++;
	if (!refused)
		judge(actor, "weir_pipeline_apply()", rc, err);
	if (!stage->unsure)
		sim_check_shape(stage);
}

static void apply(struct sim_actor *actor)
{
	struct sim_shape shape = actor->stage->shape;
	struct weir_report *report = NULL;
	struct weir_error err;
	const struct weir_apply options = {
		.dry_run = sim_once_in(&actor->random, 10),
		.report = sim_once_in(&actor->random, 2) ? &report : NULL,
	};
	bool refused;
	int rc;

	if (shape.next_key < actor->stage->next_key)
		shape.next_key = actor->stage->next_key;
	if (!sim_shape_mutate(&shape, &actor->random, actor->stage->cpus))
		return;
	actor->stage->next_key = shape.next_key;
	sim_config_make(&actor->config, &shape);
	if (sim_is_traced())
		sim_shape_print(&shape, stderr);
	maybe_refuse(actor, 60);
	rc = weir_pipeline_apply_with(actor->stage->pipeline, &actor->config.config, &err, &options);
	refused = sim_fail_stop();
	weir_report_free(report);
	if (rc == 0 && options.report && !report)
		sim_fail("weir_pipeline_apply() gives no report");
	if (rc == 0 && options.dry_run && !actor->stage->unsure)
		sim_check_shape(actor->stage);
	else if (!(rc == 0 && options.dry_run))
		took_place(actor, &shape, rc, refused, &err);
}

/* The engine has put it in by itself. */
static bool was_put_in(const struct weir_stage_counters *stage)
{
	return strcmp(stage->type, "gso_split") == 0;
}

static bool has_row(const struct weir_counters *counters, unsigned chain, const struct sim_row *row)
{
	char end[16];

	snprintf(end, sizeof(end), "%u", row->key);
	for (unsigned i = 0; i < counters->n_stages; i++) {
		const char *path = counters->stages[i].path;
		const char *name = strchr(path, '/') + 1;

		if (!was_put_in(&counters->stages[i]) && strtoul(path + 1, NULL, 10) == chain &&
		    strcmp(name + strcspn(name, "0123456789"), end) == 0)
			return true;
	}
	return false;
}

void sim_check_shape(const struct sim_stage *stage)
{
	struct weir_counters *counters = weir_counters_read(stage->pipeline);
	unsigned rows = 0, put_in = 0;

	if (!counters)
		sim_fail("weir_counters_read() gives nothing");
	for (unsigned c = 0; c < stage->shape.n_chains; c++)
		for (unsigned i = 0; i < stage->shape.chains[c].n; i++, rows++)
			if (!has_row(counters, stage->shape.chains[c].key, &stage->shape.chains[c].rows[i]))
				sim_fail("the pipeline has no row %u of c%u",
					 stage->shape.chains[c].rows[i].key, stage->shape.chains[c].key);
	for (unsigned i = 0; i < counters->n_stages; i++)
		put_in += was_put_in(&counters->stages[i]);
	if (counters->n_stages != rows + put_in)
		sim_fail("the pipeline has %u rows, its configuration %u, and %u were put in",
			 counters->n_stages, rows, put_in);
	weir_counters_free(counters);
}

/* --- single stages -----------------------------------------------------------------------------------------
 */

/* Meanwhile another actor may have removed the stage, or put another one in its place. */
static void judge_stage(struct sim_actor *actor, const char *call, int rc, bool refused,
			const struct weir_error *err)
{
	const bool alone = actor->stage->appliers == actor->applies;

	if (rc == 0 || refused)
		return;
	if ((rc == -ENOENT || rc == -EINVAL) && (!alone || actor->stage->unsure))
		return;
	judge(actor, call, rc, err);
}

static bool find_row(struct sim_actor *actor, enum sim_kind kind, unsigned *c, unsigned *i)
{
	const struct sim_shape *shape = &actor->stage->shape;

	for (unsigned tries = 0; tries < 20; tries++) {
		*c = sim_below(&actor->random, shape->n_chains);
		*i = sim_below(&actor->random, shape->chains[*c].n);
		if (shape->chains[*c].rows[*i].kind == kind)
			return true;
	}
	return false;
}

static void configure(struct sim_actor *actor)
{
	static const enum sim_kind kinds[] = { SIM_ROW_PASS, SIM_ROW_DROP, SIM_ROW_STATS, SIM_ROW_FILTER,
					       SIM_ROW_SORT };
	const struct sim_shape shape = actor->stage->shape;
	struct weir_stage stage;
	struct weir_error err;
	char path[32];
	unsigned c, i;
	int rc;

	if (!find_row(actor, kinds[sim_below(&actor->random, 5)], &c, &i))
		return;
	stage = sim_config_stage(&actor->config, &shape, c, i, path);
	maybe_refuse(actor, 20);
	rc = weir_stage_configure(actor->stage->pipeline, path, &stage, &err);
	judge_stage(actor, "weir_stage_configure()", rc, sim_fail_stop(), &err);
}

/* The two stages of a pair get a new age as one. */
static int change_pair(struct sim_actor *actor, struct weir_change *change, struct sim_shape *shape,
		       unsigned c, unsigned mark, struct weir_error *err)
{
	const unsigned age = actor->stage->next_key++;
	const unsigned before = shape->chains[c].rows[mark].option;
	int rc = 0;

	for (unsigned i = mark; rc == 0 && i < shape->chains[c].n; i++) {
		struct sim_row *row = &shape->chains[c].rows[i];
		struct weir_stage stage;
		char path[32];

		if ((row->kind != SIM_ROW_MARK && row->kind != SIM_ROW_LOOK) || row->option != before)
			continue;
		row->option = age;
		stage = sim_config_stage(&actor->config, shape, c, i, path);
		rc = weir_change_stage(change, path, &stage, err);
	}
	return rc;
}

static void change_set(struct sim_actor *actor)
{
	struct sim_shape shape = actor->stage->shape;
	struct weir_change *change;
	struct weir_error err = { 0 };
	bool refused;
	unsigned c, i;
	int rc;

	if (!find_row(actor, SIM_ROW_MARK, &c, &i))
		return;
	maybe_refuse(actor, 20);
	rc = weir_change_begin(&change, actor->stage->pipeline, &err);
	if (rc == 0) {
		rc = change_pair(actor, change, &shape, c, i, &err);
		if (rc == 0)
			rc = weir_change_commit(change, &err);
		else
			weir_change_abandon(change);
	}
	refused = sim_fail_stop();
	judge_stage(actor, "weir_change_commit()", rc, refused, &err);
}

void sim_act(struct sim_actor *actor)
{
	sim_sleep(sim_scale(&actor->random, actor->haste));
	if (actor->calm)
		return;
	switch (sim_below(&actor->random, 8)) {
	case 0:
		recover(actor);
		break;
	case 1:
		weir_pipeline_wait(actor->stage->pipeline, (int)sim_below(&actor->random, 3));
		break;
	case 2:
		configure(actor);
		break;
	case 3:
	case 4:
		change_set(actor);
		break;
	default:
		if (actor->applies)
			apply(actor);
	}
}
