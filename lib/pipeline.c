/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "check.h"
#include "clock.h"
#include "drain.h"
#include "error.h"
#include "grace.h"
#include "spin.h"
#include "walk.h"

#define DEFAULT_DRAIN_MS  1000
#define DEFAULT_CHANGE_MS 1000

void weir__log(struct weir_pipeline *pipeline, enum weir_log_level level, const char *format, ...)
{
	char line[256];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (pipeline->log)
		pipeline->log(pipeline->log_data, level, line);
	else if (level <= WEIR_LOG_WARNING)
		fprintf(stderr, "weir: %s\n", line);
}

void weir__pipeline_ring(struct weir_pipeline *pipeline)
{
	for (unsigned i = 0; i < pipeline->shape->n_workers; i++)
		weir__doorbell_ring_slowly(&pipeline->shape->workers[i]->bell);
}

/* Everything behind the plan, in the order in which one part needs another. */
static int build(struct weir_pipeline *pipeline, struct weir__plan *plan)
{
	struct weir__shape *shape;
	int rc;

	weir__error_at(plan->err, "%s", "");
	rc = weir__doorbell_open(&pipeline->bell);
	if (rc == 0)
		rc = weir__doorbell_open(&pipeline->watchdog.bell);
	if (rc < 0)
		return weir_failed(plan->err, rc, "eventfd: %s", strerror(-rc));
	rc = weir__pool_create(&pipeline->pool, &plan->pool, plan->err);
	if (rc == 0)
		rc = weir__build(&pipeline->shape, pipeline, plan, NULL);
	if (rc < 0)
		return rc;
	shape = pipeline->shape;
	rc = weir__shape_open(shape, NULL, plan);
	for (unsigned i = 0; i < shape->n_workers; i++)
		weir__worker_publish(shape->workers[i], shape->programs[i]);
	for (unsigned i = 0; rc == 0 && i < shape->n_endpoints; i++)
		weir__endpoint_created(shape->endpoints[i]);
	if (rc == 0)
		weir__spin_warn(pipeline);
	return rc;
}

static void init_locks(struct weir_pipeline *pipeline)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&pipeline->gone_cond, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&pipeline->gone_lock, NULL);
	pthread_mutex_init(&pipeline->shaping, NULL);
	pthread_mutex_init(&pipeline->control, NULL);
	pthread_mutex_init(&pipeline->parts, NULL);
	pipeline->bell.fd = -1;
	pipeline->watchdog.bell.fd = -1;
}

int weir_pipeline_create(struct weir_pipeline **result, const struct weir_config *config,
			 struct weir_error *err)
{
	struct weir_error unused;
	struct weir__plan *plan = malloc(sizeof(*plan));
	struct weir_pipeline *pipeline = calloc(1, sizeof(*pipeline));
	int rc = -ENOMEM;

	*result = NULL;
	if (!err)
		err = &unused;
	weir__error_clear(err);
	if (!plan || !pipeline) {
		weir_failed(err, -ENOMEM, "no memory for a pipeline");
		free(pipeline);
		pipeline = NULL;
	} else {
		weir__pipeline_set_times(pipeline, config);
		pipeline->log = config->log;
		pipeline->log_data = config->log_data;
		init_locks(pipeline);
		rc = weir__plan_make(plan, config, err);
		if (rc == 0)
			rc = build(pipeline, plan);
		weir__plan_free(plan);
	}
	free(plan);
	if (rc == 0)
		*result = pipeline;
	else
		weir_pipeline_destroy(pipeline);
	weir__error_at(err, "%s", "");
	return rc;
}

void weir__pipeline_set_times(struct weir_pipeline *pipeline, const struct weir_config *config)
{
	pipeline->drain_ms = config->drain_ms ? config->drain_ms : DEFAULT_DRAIN_MS;
	pipeline->change_ms = config->change_ms ? config->change_ms : DEFAULT_CHANGE_MS;
}

int weir__pipeline_ready(const struct weir_pipeline *pipeline, struct weir_error *err)
{
	return pipeline->stuck ? weir_failed(err, -EBUSY, "the pipeline is to stop, but a worker is stuck")
			       : 0;
}

static void set_phase(struct weir_pipeline *pipeline, enum weir__phase phase)
{
	for (unsigned i = 0; i < pipeline->shape->n_workers; i++)
		weir__worker_set_phase(pipeline->shape->workers[i], phase);
}

/* Ends every thread that there is. Returns false if one is stuck until the deadline, and says so. */
static bool stop_workers(struct weir_pipeline *pipeline, uint64_t deadline)
{
	bool stopped = true;

	set_phase(pipeline, WEIR__PHASE_STOP);
	for (unsigned i = 0; i < pipeline->shape->n_workers; i++) {
		struct weir__worker *worker = pipeline->shape->workers[i];

		if (weir__worker_stop(worker, deadline))
			continue;
		weir__log(pipeline, WEIR_LOG_ERROR, "the pipeline cannot stop: worker %s is stuck in %s",
			  worker->name, weir__worker_where(worker));
		stopped = false;
	}
	return stopped;
}

static int start(struct weir_pipeline *pipeline, struct weir_error *err)
{
	struct weir__shape *shape = pipeline->shape;
	int rc = weir__pipeline_ready(pipeline, err);

	if (rc == 0 && pipeline->running)
		rc = weir_failed(err, -EALREADY, "the pipeline runs already");
	if (rc < 0)
		return rc;
	/* Nobody reads before all are there: what the first had read could not leave if the last does not
	 * start. */
	for (unsigned i = 0; rc == 0 && i < shape->n_workers; i++)
		rc = weir__worker_start(shape->workers[i], &shape->given[i], WEIR__PHASE_DRAIN, err);
	if (rc == 0)
		rc = weir__watchdog_start(pipeline, err);
	pipeline->running = rc == 0;
	if (rc == 0)
		set_phase(pipeline, WEIR__PHASE_RUN);
	else
		stop_workers(pipeline, UINT64_MAX);
	return rc;
}

int weir_pipeline_start(struct weir_pipeline *pipeline, struct weir_error *err)
{
	struct weir_error unused;
	int rc;

	if (!err)
		err = &unused;
	weir__error_clear(err);
	pthread_mutex_lock(&pipeline->control);
	rc = start(pipeline, err);
	pthread_mutex_unlock(&pipeline->control);
	return rc;
}

static void drop_stopped(struct weir__worker *worker, struct weir__row *row,
			 const struct weir__vector *vector)
{
	weir__row_drop(row, WEIR__REASON_STOPPED, vector->n, weir__amount_of(worker, vector).segments);
	weir__worker_free(worker, vector->index, vector->n, row->path);
}

/* What is left after the workers have ended. Their stashes are at hand for any thread now. */
static void drop_rest_at(struct weir_pipeline *pipeline, const struct weir__place *place)
{
	struct weir__row *row = place->row;
	struct weir__vector vector;

	drop_stopped(place->worker, row, &row->backlog);
	__atomic_store_n(&row->backlog.n, 0, __ATOMIC_RELAXED); /* counters may be read at any time */
	row->counters.dropped_segments -= row->piece;           /* of a split: these have gone on */
	row->piece = 0;
	while (row->kind == WEIR__ROW_RING && weir__ring_pop(&row->ring, &vector)) {
		weir__check_pass(&pipeline->pool, vector.index, vector.n, WEIR__OWNER_RING,
				 WEIR__OWNER_WORKER, row->path);
		drop_stopped(place->worker, row, &vector);
	}
}

static void drop_rest(struct weir_pipeline *pipeline)
{
	struct weir__shape *shape = pipeline->shape;

	for (unsigned i = 0; i < shape->n_places; i++)
		drop_rest_at(pipeline, &shape->places[i]);
	for (unsigned i = 0; i < shape->n_workers; i++) {
		struct weir__worker *worker = shape->workers[i];

		worker->blocked = 0;
		__atomic_store_n(&worker->stashed, worker->stash[0].n + worker->stash[1].n, __ATOMIC_RELAXED);
	}
}

/* CLOCK_MONOTONIC in timeout_ms from now; -1: never. */
static uint64_t deadline_in(int64_t timeout_ms)
{
	return timeout_ms < 0 ? UINT64_MAX : weir__now() + (uint64_t)timeout_ms * 1000000;
}

static int stop(struct weir_pipeline *pipeline)
{
	const uint64_t deadline = deadline_in(pipeline->drain_ms);
	struct weir__drain all;
	struct weir_error unused;
	int rc;

	if (!pipeline->running)
		return 0;
	weir__error_clear(&unused);
	weir__drain_all(&all, pipeline->shape);
	set_phase(pipeline, WEIR__PHASE_DRAIN);
	/* After it, no worker reads from an endpoint any more. */
	rc = weir__grace(pipeline, pipeline->shape, deadline, &unused);
	if (rc == 0)
		rc = weir__drain(pipeline, &all, deadline, &unused);
	weir__watchdog_stop(pipeline);
	pipeline->stuck = !stop_workers(pipeline, weir__change_deadline(pipeline));
	if (pipeline->stuck)
		return -ETIMEDOUT;
	pipeline->running = false;
	weir__retired_free(pipeline);
	drop_rest(pipeline);
	return rc;
}

int weir_pipeline_stop(struct weir_pipeline *pipeline)
{
	int rc;

	pthread_mutex_lock(&pipeline->control);
	rc = stop(pipeline);
	pthread_mutex_unlock(&pipeline->control);
	return rc;
}

void weir_pipeline_destroy(struct weir_pipeline *pipeline)
{
	if (!pipeline)
		return;
	weir_pipeline_stop(pipeline);
	/* A stuck worker may come back at any time, and needs all of it then. */
	if (pipeline->running)
		return;
	weir__shape_free(pipeline->shape);
	weir__pool_destroy(&pipeline->pool);
	if (pipeline->bell.fd >= 0)
		weir__doorbell_close(&pipeline->bell);
	if (pipeline->watchdog.bell.fd >= 0)
		weir__doorbell_close(&pipeline->watchdog.bell);
	pthread_cond_destroy(&pipeline->gone_cond);
	pthread_mutex_destroy(&pipeline->gone_lock);
	pthread_mutex_destroy(&pipeline->shaping);
	pthread_mutex_destroy(&pipeline->control);
	pthread_mutex_destroy(&pipeline->parts);
	free(pipeline);
}

static bool readers_ended(struct weir_pipeline *pipeline)
{
	bool ended = true;

	pthread_mutex_lock(&pipeline->parts);
	for (unsigned i = 0; i < pipeline->shape->n_places; i++) {
		const struct weir__row *row = pipeline->shape->places[i].row;

		if (row->kind == WEIR__ROW_READ && weir__endpoint_up(row->endpoint))
			ended = false;
	}
	pthread_mutex_unlock(&pipeline->parts);
	return ended;
}

/* Sleeps until the last reader has gone. Returns false if the deadline comes first. */
static bool wait_for_readers(struct weir_pipeline *pipeline, uint64_t deadline)
{
	const struct timespec until = { .tv_sec = (time_t)(deadline / 1000000000),
					.tv_nsec = (long)(deadline % 1000000000) };
	int rc = 0;

	pthread_mutex_lock(&pipeline->gone_lock);
	while (!readers_ended(pipeline) && rc == 0)
		rc = deadline == UINT64_MAX
			     ? pthread_cond_wait(&pipeline->gone_cond, &pipeline->gone_lock)
			     : pthread_cond_timedwait(&pipeline->gone_cond, &pipeline->gone_lock, &until);
	pthread_mutex_unlock(&pipeline->gone_lock);
	return rc == 0;
}

static bool is_running(struct weir_pipeline *pipeline)
{
	bool running;

	pthread_mutex_lock(&pipeline->control);
	running = pipeline->running;
	pthread_mutex_unlock(&pipeline->control);
	return running;
}

/* Whether nothing is in flight, once no reader gives anything: as weir__drained(). */
static int rests(struct weir_pipeline *pipeline)
{
	struct weir__drain all;
	struct weir_error unused;
	const struct weir__row *full;
	int rc = -EINVAL;

	pthread_mutex_lock(&pipeline->control);
	if (pipeline->running) {
		weir__error_clear(&unused);
		weir__drain_all(&all, pipeline->shape);
		rc = weir__drained(pipeline, &all, weir__change_deadline(pipeline), &full, &unused);
	}
	pthread_mutex_unlock(&pipeline->control);
	return rc;
}

int weir_pipeline_wait(struct weir_pipeline *pipeline, int timeout_ms)
{
	const uint64_t deadline = deadline_in(timeout_ms);
	uint64_t pause = 0;
	int rc;

	if (!is_running(pipeline))
		return -EINVAL;
	if (!wait_for_readers(pipeline, deadline))
		return -ETIMEDOUT;
	/* With the lock for one look at a time: others may change what there is meanwhile. */
	while ((rc = rests(pipeline)) == 0 || rc == -ETIMEDOUT) {
		if (weir__now() >= deadline)
			return -ETIMEDOUT;
		weir__drain_pause(&pause);
	}
	return rc < 0 ? rc : 0;
}

/* The state of a stage; NULL: no such stage. With parts held. */
static void *find_state(struct weir_pipeline *pipeline, const char *path, const struct weir_stage_type *type)
{
	const struct weir__place *place = weir__shape_place(pipeline->shape, path);

	return place && place->type == type ? place->row->state : NULL;
}

const void *weir_pipeline_stage(struct weir_pipeline *pipeline, const char *path,
				const struct weir_stage_type *type)
{
	const void *state;

	pthread_mutex_lock(&pipeline->parts);
	state = find_state(pipeline, path, type);
	pthread_mutex_unlock(&pipeline->parts);
	return state;
}

int weir__pipeline_with_stage(struct weir_pipeline *pipeline, const char *path,
			      const struct weir_stage_type *type,
			      int (*use)(void *state, void *data, struct weir_error *err), void *data,
			      struct weir_error *err)
{
	struct weir_error unused;
	void *state;
	int code;

	if (!err)
		err = &unused;
	weir__error_clear(err);
	weir__error_at(err, "%s", path);
	pthread_mutex_lock(&pipeline->parts);
	state = find_state(pipeline, path, type);
	code = state ? use(state, data, err) : weir_failed(err, -ENOENT, "no %s has this name", type->name);
	pthread_mutex_unlock(&pipeline->parts);
	weir__error_at(err, "%s", "");
	return code;
}
