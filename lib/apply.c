/* SPDX-License-Identifier: Apache-2.0 */
/* From the configuration that a pipeline has to another one, while traffic flows. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weir/change.h>

#include "build.h"
#include "error.h"
#include "grace.h"
#include "interim.h"
#include "report.h"
#include "spin.h"
#include "transition.h"

/* What the new shape does not have, to be freed when nobody uses it any more. */
struct remains {
	struct weir_pipeline *pipeline;
	struct weir__shape *shape;
	struct weir__interim *interim;
};

struct apply {
	struct weir_pipeline *pipeline;
	const struct weir_apply *options;
	struct weir_error *err;
	struct weir__plan *plan;
	struct weir__shape *old;
	struct weir__shape *new;
	struct weir__transition transition;
	struct weir__interim *interim;
	struct remains *remains; /* taken before the swap, which must not fail */
	struct weir__retired *note;
	struct weir__growth *growth; /* of the pool; NULL: none */
	struct weir_report *report;
	uint64_t deadline;
};

static uint64_t us_since(uint64_t begin)
{
	return (weir__now() - begin) / 1000;
}

/* --- preparing: all that can fail, beside the traffic -----------------------------------------------------
 */

static int start_workers(struct apply *apply)
{
	int rc = 0;

	for (unsigned w = 0; rc == 0 && w < apply->new->n_workers; w++) {
		if (!apply->interim->begin[w])
			continue;
		weir__worker_publish(apply->new->workers[w], apply->interim->begin[w]);
		if (apply->pipeline->running)
			rc = weir__worker_start(apply->new->workers[w], &apply->new->given[w],
						WEIR__PHASE_RUN, apply->err);
	}
	return rc;
}

/* What the old shape says of a worker of the new one; NULL: it is new. */
static const struct weir_worker *given_before(const struct apply *apply, unsigned w)
{
	const unsigned before = weir__shape_index(apply->old, apply->new->workers[w]);

	return before < apply->old->n_workers ? &apply->old->given[before] : NULL;
}

static bool pins_differ(const struct weir_worker *a, const struct weir_worker *b)
{
	return a->unpinned != b->unpinned || (!a->unpinned && a->cpu != b->cpu);
}

static void pin_back(struct apply *apply, unsigned n)
{
	for (unsigned w = 0; w < n; w++) {
		const struct weir_worker *before = given_before(apply, w);

		if (before && pins_differ(before, &apply->new->given[w]))
			weir__worker_pin(apply->new->workers[w], before, apply->err);
	}
}

static int pin_workers(struct apply *apply)
{
	for (unsigned w = 0; apply->pipeline->running && w < apply->new->n_workers; w++) {
		const struct weir_worker *before = given_before(apply, w);
		int rc = 0;

		if (before && pins_differ(before, &apply->new->given[w]))
			rc = weir__worker_pin(apply->new->workers[w], &apply->new->given[w], apply->err);
		if (rc < 0) {
			pin_back(apply, w);
			return rc;
		}
	}
	return 0;
}

/* What the new configuration needs more than the pool has. */
static uint32_t missing(uint32_t wanted, uint32_t has)
{
	return wanted > has ? wanted - has : 0;
}

static int grow_pool(struct apply *apply)
{
	struct weir__pool *pool = &apply->pipeline->pool;
	const uint32_t small = missing(apply->plan->pool.small, pool->small);
	const uint32_t jumbo = missing(apply->plan->pool.jumbo, pool->jumbo);

	return small || jumbo ? weir__pool_prepare(pool, small, jumbo, &apply->growth, apply->err) : 0;
}

/* What is needed when nothing may fail any more. */
static int take_memory(struct apply *apply)
{
	apply->note = malloc(sizeof(*apply->note));
	apply->remains = calloc(1, sizeof(*apply->remains));
	apply->interim = weir__interim_make(apply->old, apply->new, &apply->transition);
	if (apply->note && apply->remains && apply->interim)
		return 0;
	return weir_failed(apply->err, -ENOMEM, "no memory for the programs of the change");
}

static int prepare(struct apply *apply)
{
	int rc = take_memory(apply);

	if (rc == 0)
		rc = grow_pool(apply);
	if (rc == 0)
		rc = weir__shape_open(apply->new, apply->old, apply->plan);
	if (rc == 0)
		rc = start_workers(apply);
	if (rc == 0)
		rc = pin_workers(apply);
	return rc;
}

/* The new workers run nothing yet, so that they end at once. */
static void stop_new_workers(struct apply *apply)
{
	for (unsigned w = 0; w < apply->new->n_workers; w++)
		if (!weir__shape_has_worker(apply->old, apply->new->workers[w]))
			weir__worker_stop(apply->new->workers[w], UINT64_MAX);
}

/* --- the swap ---------------------------------------------------------------------------------------------
 */

typedef const struct weir__program *const *programs;

static void publish(struct apply *apply, const struct weir__shape *shape, programs of_workers)
{
	const uint64_t begin = weir__now();

	assert(of_workers);
	for (unsigned w = 0; w < shape->n_workers; w++)
		weir__worker_publish(shape->workers[w], of_workers[w]);
	apply->report->publish_us += us_since(begin);
}

static int grace(struct apply *apply, const struct weir__shape *shape, uint64_t workers)
{
	const uint64_t begin = weir__now();
	int rc = weir__grace_of(shape, workers, apply->deadline, apply->err);

	apply->report->grace_us += us_since(begin);
	return rc;
}

static int grace_of_old(struct apply *apply)
{
	return grace(apply, apply->old, weir__bits(apply->old->n_workers));
}

/* Nothing new comes to what must be drained, and then it is empty. */
static int drain(struct apply *apply)
{
	const uint64_t begin = weir__now();
	int rc;

	publish(apply, apply->old, (programs)apply->interim->hold);
	rc = grace_of_old(apply);
	if (rc == 0)
		rc = weir__drain(apply->pipeline, &apply->transition.drain, apply->deadline, apply->err);
	apply->report->drain_us = us_since(begin);
	return rc;
}

/* After it, no worker uses a row that another one will run. */
static int release(struct apply *apply)
{
	publish(apply, apply->old, (programs)apply->interim->release);
	return grace_of_old(apply);
}

/* Back to what it was: all rows and all they hold are still where they were. */
static void roll_back(struct apply *apply)
{
	struct weir_error unused;

	publish(apply, apply->old, apply->old->programs);
	weir__pipeline_ring(apply->pipeline); /* who fell asleep without what was held waits for it again */
	weir__error_clear(&unused);
	/* A short time: who is not stuck needs no more. */
	if (weir__grace_of(apply->old, weir__bits(apply->old->n_workers), weir__now() + 10000000, &unused) <
	    0) {
		weir__retire(apply->pipeline, apply->note, apply->interim, weir__interim_free);
		apply->note = NULL;
		apply->interim = NULL;
	}
}

static bool needs_hold(const struct apply *apply)
{
	return apply->transition.n_held || apply->transition.n_drained || apply->transition.must_drain;
}

/* The way up to the point from which there is no way back. */
static int clear_way(struct apply *apply)
{
	int rc = 0;

	if (!needs_hold(apply))
		return 0;
	if (apply->transition.must_drain)
		rc = drain(apply);
	if (rc == 0)
		rc = release(apply);
	if (rc < 0)
		roll_back(apply);
	return rc;
}

static void publish_end(struct apply *apply)
{
	for (unsigned w = 0; w < apply->old->n_workers; w++)
		if (apply->interim->end[w])
			weir__worker_publish(apply->old->workers[w], apply->interim->end[w]);
}

/* The workers of the new shape that the old one does not have, by bit. */
static uint64_t new_workers(const struct apply *apply)
{
	uint64_t workers = 0;

	for (unsigned w = 0; w < apply->new->n_workers; w++)
		workers |= apply->interim->begin[w] ? 1ull << w : 0;
	return workers;
}

/* Every worker of both shapes takes up its new program. */
static int enter(struct apply *apply)
{
	int rc;

	if (apply->growth) {
		weir__pool_commit(&apply->pipeline->pool, apply->growth);
		weir__pool_fed(&apply->pipeline->pool); /* all are rung at the end */
	}
	__atomic_store_n(&apply->pipeline->pool.reserve, apply->plan->pool.reserve, __ATOMIC_RELAXED);
	publish(apply, apply->new, apply->new->programs);
	publish_end(apply);
	rc = grace_of_old(apply);
	if (rc == 0)
		rc = grace(apply, apply->new, new_workers(apply));
	return rc;
}

/* --- afterwards -------------------------------------------------------------------------------------------
 */

/* Nobody counts in the rows of the replaced shape any more, nor uses the buffers of its workers. */
static void count_for_good(struct weir_pipeline *pipeline, const struct weir__shape *shape)
{
	struct weir__shape **link = &pipeline->replaced;

	pthread_mutex_lock(&pipeline->parts);
	while (*link != shape)
		link = &(*link)->next;
	*link = shape->next;
	weir__totals_add(&pipeline->gone, shape);
	for (unsigned w = 0; w < shape->n_workers; w++)
		if (!shape->shared[w])
			weir__worker_give_back(shape->workers[w]);
	pthread_mutex_unlock(&pipeline->parts);
	if (weir__pool_fed(&pipeline->pool))
		weir__pipeline_ring(pipeline);
}

/* Ends what still runs. Control thread, with the lock. */
static void settle_remains(struct remains *remains)
{
	const struct weir__shape *shape = remains->shape;

	for (unsigned w = 0; w < shape->n_workers; w++)
		if (!shape->shared[w])
			weir__worker_stop(shape->workers[w], UINT64_MAX);
	count_for_good(remains->pipeline, shape);
}

/* Takes as long as the system takes to close devices. */
static void free_remains(struct remains *remains)
{
	weir__shape_free(remains->shape);
	weir__interim_free(remains->interim);
	free(remains);
}

static void free_retired_remains(void *memory)
{
	settle_remains(memory);
	free_remains(memory);
}

static void finish_endpoints(struct apply *apply)
{
	struct weir__shape *shape = apply->new;

	for (unsigned i = 0; i < shape->n_endpoints; i++) {
		if (!weir__shape_has_endpoint(apply->old, shape->endpoints[i]))
			weir__endpoint_created(shape->endpoints[i]);
		else if (shape->changes[i])
			weir__endpoint_change(apply->pipeline, shape->endpoints[i], shape->changes[i]);
		shape->changes[i] = NULL;
	}
}

static void finish(struct apply *apply, const struct weir_config *config, bool stuck)
{
	struct weir_pipeline *pipeline = apply->pipeline;
	struct remains *remains = apply->remains;

	finish_endpoints(apply);
	pthread_mutex_lock(&pipeline->parts);
	weir__shape_subtract(apply->old, apply->new);
	apply->old->next = pipeline->replaced;
	pipeline->replaced = apply->old;
	pipeline->shape = apply->new;
	pthread_mutex_unlock(&pipeline->parts);
	weir__pipeline_set_times(pipeline, config);
	weir__endpoints_changed(pipeline);
	*remains = (struct remains){ pipeline, apply->old, apply->interim };
	/* The pool may have grown; and a worker that is stuck has not rung the others yet, as those do that
	 * take up their program. */
	weir__pipeline_ring(pipeline);
	if (stuck) {
		weir__retire(pipeline, apply->note, remains, free_retired_remains);
		apply->note = NULL;
		apply->remains = NULL;
	} else {
		weir__retired_free(pipeline);
		settle_remains(remains);
	}
	weir__spin_warn(pipeline);
	apply->interim = NULL;
	apply->growth = NULL;
	apply->new = NULL;
}

/* Everything that was made for nothing. */
static void undo(struct apply *apply)
{
	if (apply->new)
		stop_new_workers(apply); /* before their programs go */
	if (apply->growth)
		weir__pool_abandon(&apply->pipeline->pool, apply->growth);
	weir__interim_free(apply->interim);
	if (apply->new) {
		weir__shape_subtract(apply->new, apply->old);
		weir__shape_free(apply->new);
	}
	free(apply->note);
	if (apply->plan)
		weir__plan_free(apply->plan);
	free(apply->plan);
}

/* --- all of it --------------------------------------------------------------------------------------------
 */

/* What was fixed when the pool was made. */
static int check_pool(struct apply *apply)
{
	const struct weir__pool *pool = &apply->pipeline->pool;
	int rc = 0;

	weir__error_at(apply->err, "pool");
	if (apply->plan->pool.room != pool->room)
		rc = weir_invalid(apply->err, "room", "%u, but the pool was made with %u",
				  apply->plan->pool.room, pool->room);
	if (apply->plan->headroom > pool->headroom)
		rc = weir_invalid(apply->err, "headroom",
				  "the chains prepend %u bytes, and the pool was made with %u",
				  apply->plan->headroom, pool->headroom);
	if (apply->plan->tailroom > pool->tailroom)
		rc = weir_invalid(apply->err, "tailroom",
				  "the chains append %u bytes, and the pool was made with %u",
				  apply->plan->tailroom, pool->tailroom);
	weir__error_at(apply->err, "%s", "");
	return rc;
}

static int make_plan(struct apply *apply, const struct weir_config *config)
{
	int rc;

	apply->plan = malloc(sizeof(*apply->plan));
	if (!apply->plan)
		return weir_failed(apply->err, -ENOMEM, "no memory for a plan");
	rc = weir__plan_make(apply->plan, config, apply->err);
	if (rc == 0)
		rc = check_pool(apply);
	if (rc == 0)
		rc = weir__build(&apply->new, apply->pipeline, apply->plan, apply->old);
	if (rc == 0 && weir__transition_find(&apply->transition, apply->old, apply->new) < 0)
		rc = weir_failed(apply->err, -ENOMEM, "no memory to compare the configurations");
	return rc;
}

static int make_report(struct apply *apply)
{
	const struct weir__pool *pool = &apply->pipeline->pool;
	const bool grows = missing(apply->plan->pool.small, pool->small) ||
			   missing(apply->plan->pool.jumbo, pool->jumbo);

	apply->report = weir__report_make(apply->old, apply->new, grows);
	if (!apply->report)
		return weir_failed(apply->err, -ENOMEM, "no memory for a report");
	apply->report->held = apply->transition.n_held;
	apply->report->drained = apply->transition.n_drained;
	return 0;
}

/* Everything is made: puts it in the place of the old. */
static int swap(struct apply *apply, const struct weir_config *config)
{
	const uint64_t begin = weir__now();
	int rc;

	apply->deadline = apply->options->deadline_ms ? begin + apply->options->deadline_ms * 1000000ull
						      : weir__change_deadline(apply->pipeline);
	rc = clear_way(apply);
	if (rc < 0) {
		pin_back(apply, apply->new->n_workers);
		return rc;
	}
	rc = enter(apply);
	if (needs_hold(apply))
		apply->report->held_us = us_since(begin);
	finish(apply, config, rc < 0);
	return rc < 0 ? -EINPROGRESS : 0;
}

static int apply_config(struct apply *apply, const struct weir_config *config)
{
	const uint64_t begin = weir__now();
	int rc = weir__pipeline_ready(apply->pipeline, apply->err);

	if (rc == 0)
		rc = make_plan(apply, config);
	if (rc == 0)
		rc = make_report(apply);
	if (rc < 0 || apply->options->dry_run)
		return rc;
	assert(apply->new && apply->report);
	rc = prepare(apply);
	apply->report->prepare_us = us_since(begin);
	if (rc == 0)
		rc = swap(apply, config);
	apply->report->total_us = us_since(begin);
	return rc;
}

int weir_pipeline_apply_with(struct weir_pipeline *pipeline, const struct weir_config *config,
			     struct weir_error *err, const struct weir_apply *options)
{
	struct weir_error unused;
	struct apply apply = { .pipeline = pipeline, .options = options };
	int rc;

	if (!err)
		err = &unused;
	apply.err = err;
	if (options->report)
		*options->report = NULL;
	weir__error_clear(apply.err);
	pthread_mutex_lock(&pipeline->shaping);
	pthread_mutex_lock(&pipeline->control);
	apply.old = pipeline->shape;
	rc = apply_config(&apply, config);
	undo(&apply);
	pthread_mutex_unlock(&pipeline->control);
	/* Without that lock, so that no other call waits for the system to close a device. */
	if (apply.remains)
		free_remains(apply.remains);
	pthread_mutex_unlock(&pipeline->shaping);
	weir__error_at(apply.err, "%s", "");
	if (options->report)
		*options->report = apply.report;
	else
		weir_report_free(apply.report);
	return rc;
}
