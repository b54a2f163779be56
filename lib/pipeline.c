/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "check.h"
#include "clock.h"
#include "error.h"
#include "rcu.h"

#define DEFAULT_DRAIN_MS  1000
#define DRAIN_LOOK_NS     50000 /* between two looks, at first and at last */
#define DRAIN_LOOK_MAX_NS 5000000

#define SHORT_SPIN_NS 500
#define LONG_SPIN_NS  50000 /* more than twice what a wake-up on another processor takes */

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
	for (unsigned i = 0; i < pipeline->n_workers; i++)
		weir__doorbell_ring_slowly(&pipeline->workers[i].bell);
}

static int init_worker(struct weir_pipeline *pipeline, struct weir__worker *worker,
		       const struct weir_worker *given)
{
	worker->pipeline = pipeline;
	worker->pool = &pipeline->pool;
	snprintf(worker->name, sizeof(worker->name), "%s", given->name);
	worker->cpu = given->cpu;
	worker->unpinned = given->unpinned;
	worker->read_limit = WEIR_VECTOR_SIZE;
	worker->ready = UINT64_MAX;
	worker->spin_us = given->spin_us;
	worker->sleep_at_once = given->sleep_at_once;
	worker->work.bufs = pipeline->pool.bufs;
	worker->reader.bufs = pipeline->pool.bufs;
	worker->reader.headroom = pipeline->pool.headroom;
	worker->reader.tailroom = pipeline->pool.tailroom;
	worker->reader.engine = &worker->spill;
	worker->spill.jumbo = worker->stash[1].index;
	worker->spill.jumbo_n = &worker->stash[1].n;
	if (!pipeline->pool.jumbo)
		worker->spill.scratch = malloc(WEIR__SCRATCH_SIZE);
	if (!pipeline->pool.jumbo && !worker->spill.scratch)
		return -ENOMEM;
	return weir__doorbell_open(&worker->bell);
}

static int init_workers(struct weir_pipeline *pipeline, const struct weir__plan *plan)
{
	int rc;

	pipeline->workers = aligned_alloc(64, plan->n_workers * sizeof(*pipeline->workers));
	if (!pipeline->workers)
		return weir_failed(plan->err, -ENOMEM, "no memory for %u workers", plan->n_workers);
	memset(pipeline->workers, 0, plan->n_workers * sizeof(*pipeline->workers));
	for (unsigned i = 0; i < plan->n_workers; i++) {
		pipeline->workers[i].bell.fd = -1;
		pipeline->n_workers++;
		rc = init_worker(pipeline, &pipeline->workers[i], &plan->config->workers[i]);
		if (rc < 0)
			return weir_failed(plan->err, rc, "worker '%s': %s", plan->config->workers[i].name,
					   strerror(-rc));
	}
	return 0;
}

static void free_workers(struct weir_pipeline *pipeline)
{
	for (unsigned i = 0; i < pipeline->n_workers; i++) {
		if (pipeline->workers[i].bell.fd >= 0)
			weir__doorbell_close(&pipeline->workers[i].bell);
		free(pipeline->workers[i].spill.scratch);
	}
	free(pipeline->workers);
}

/* Everything behind the plan, in the order in which one part needs another. */
static int build(struct weir_pipeline *pipeline, struct weir__plan *plan)
{
	int rc;

	weir__error_at(plan->err, "%s", "");
	rc = weir__pool_create(&pipeline->pool, &plan->pool, plan->err);
	if (rc == 0)
		rc = init_workers(pipeline, plan);
	if (rc == 0)
		rc = weir__endpoints_open(pipeline, plan);
	if (rc < 0)
		return rc;
	rc = weir__build(pipeline, plan);
	if (rc == 0)
		weir__endpoints_created(pipeline);
	return rc < 0 ? weir_failed(plan->err, rc, "no memory for the programs of %u workers",
				    plan->n_workers)
		      : 0;
}

static void init_gone(struct weir_pipeline *pipeline)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&pipeline->gone, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&pipeline->gone_lock, NULL);
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
		pipeline->drain_ms = config->drain_ms ? config->drain_ms : DEFAULT_DRAIN_MS;
		pipeline->log = config->log;
		pipeline->log_data = config->log_data;
		init_gone(pipeline);
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

/* Processors that may be used, for all threads of the process that did not ask for less. */
static unsigned cpu_count(void)
{
	cpu_set_t cpus;

	return sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? (unsigned)CPU_COUNT(&cpus) : 1;
}

/* Whether all inputs of a worker are rings. Looking at a descriptor instead is a system call, as dear as to
 * wait for it. */
static bool only_rings(const struct weir__program *program)
{
	for (unsigned i = 0; i < program->n_inputs; i++)
		if (program->inputs[i].row->kind != WEIR__ROW_RING)
			return false;
	return true;
}

/*
 * How long a worker may spin while it waits. By itself only one that waits for rings alone: a short look,
 * because a producer that finds it asleep pays for waking it, and more where a processor is left over. Beside
 * descriptors even a microsecond of it was measured to cost more latency than it saves, because applications
 * want the processor.
 */
static void set_spin(struct weir__worker *worker, unsigned n_workers, unsigned cpus)
{
	const bool rings = !worker->spin_us && !worker->sleep_at_once && only_rings(worker->program);

	worker->spin_min_ns = worker->spin_max_ns = worker->spin_us * 1000ull;
	if (rings && n_workers <= cpus)
		worker->spin_min_ns = worker->spin_max_ns = SHORT_SPIN_NS;
	if (rings && n_workers < cpus)
		worker->spin_max_ns = LONG_SPIN_NS;
}

/* No setting makes more workers spin than there are processors. */
static void allow_spinning(struct weir_pipeline *pipeline)
{
	const unsigned cpus = cpu_count();
	unsigned spinning = 0;

	for (unsigned i = 0; i < pipeline->n_workers; i++) {
		set_spin(&pipeline->workers[i], pipeline->n_workers, cpus);
		spinning += pipeline->workers[i].spin_max_ns > 0;
	}
	if (spinning <= cpus)
		return;
	weir__log(pipeline, WEIR_LOG_WARNING, "%u workers are to spin on %u processors: none of them will",
		  spinning, cpus);
	for (unsigned i = 0; i < pipeline->n_workers; i++)
		pipeline->workers[i].spin_min_ns = pipeline->workers[i].spin_max_ns = 0;
}

int weir_pipeline_start(struct weir_pipeline *pipeline, struct weir_error *err)
{
	struct weir_error unused;

	if (!err)
		err = &unused;
	weir__error_clear(err);
	if (pipeline->running)
		return weir_failed(err, -EALREADY, "the pipeline runs already");
	allow_spinning(pipeline);
	for (unsigned i = 0; i < pipeline->n_workers; i++) {
		int rc = weir__worker_start(&pipeline->workers[i], err);

		if (rc == 0)
			continue;
		while (i-- > 0)
			weir__worker_stop(&pipeline->workers[i]);
		return rc;
	}
	pipeline->running = true;
	return 0;
}

/* Whether nothing is in flight as far as another thread can see at this moment. */
static bool looks_empty(const struct weir_pipeline *pipeline)
{
	for (unsigned i = 0; i < pipeline->n_workers; i++)
		if (__atomic_load_n(&pipeline->workers[i].blocked, __ATOMIC_RELAXED))
			return false;
	for (unsigned i = 0; i < pipeline->n_rows; i++)
		if (pipeline->rows[i].kind == WEIR__ROW_RING && weir__ring_size(&pipeline->rows[i].ring))
			return false;
	return true;
}

/* Packets that have come to rings so far. */
static uint64_t handed_over(const struct weir_pipeline *pipeline)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < pipeline->n_rows; i++)
		if (pipeline->rows[i].kind == WEIR__ROW_RING)
			n += __atomic_load_n(&pipeline->rows[i].counters.packets, __ATOMIC_RELAXED);
	return n;
}

/*
 * The same for certain, once no reader gives anything: what a worker had in its hands at the first look, or
 * took while one ring after the other was looked at, has left when every worker has passed a quiescent state,
 * or waits for a writer, or has come to a ring since.
 */
static bool is_empty(const struct weir_pipeline *pipeline)
{
	const uint64_t before = handed_over(pipeline);

	if (!looks_empty(pipeline))
		return false;
	synchronize_rcu();
	return looks_empty(pipeline) && handed_over(pipeline) == before;
}

static void set_phase(struct weir_pipeline *pipeline, enum weir__phase phase)
{
	for (unsigned i = 0; i < pipeline->n_workers; i++)
		weir__worker_set_phase(&pipeline->workers[i], phase);
}

/* CLOCK_MONOTONIC in timeout_ms from now; -1: never. */
static uint64_t deadline_in(int64_t timeout_ms)
{
	return timeout_ms < 0 ? UINT64_MAX : weir__now() + (uint64_t)timeout_ms * 1000000;
}

/* Looks until nothing is in flight, ever less often. Returns false if the deadline comes first. */
static bool drain(const struct weir_pipeline *pipeline, uint64_t deadline)
{
	struct timespec pause = { .tv_nsec = DRAIN_LOOK_NS };

	while (!is_empty(pipeline)) {
		if (weir__now() >= deadline)
			return false;
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < DRAIN_LOOK_MAX_NS)
			pause.tv_nsec *= 2;
	}
	return true;
}

/* What is left after the workers have ended. Their stashes are at hand for any thread now. */
static void drop_rest(struct weir_pipeline *pipeline)
{
	for (unsigned i = 0; i < pipeline->n_rows; i++) {
		struct weir__row *row = &pipeline->rows[i];
		struct weir__vector vector;

		weir_count(&row->counters.drops[WEIR__REASON_STOPPED], row->backlog.n);
		weir__worker_free(row->worker, row->backlog.index, row->backlog.n, row->path);
		row->backlog.n = 0;
		while (row->kind == WEIR__ROW_RING && weir__ring_pop(&row->ring, &vector)) {
			weir__check_pass(&pipeline->pool, vector.index, vector.n, WEIR__OWNER_RING,
					 WEIR__OWNER_WORKER, row->path);
			weir_count(&row->counters.drops[WEIR__REASON_STOPPED], vector.n);
			weir__worker_free(row->worker, vector.index, vector.n, row->path);
		}
	}
	for (unsigned i = 0; i < pipeline->n_workers; i++) {
		struct weir__worker *worker = &pipeline->workers[i];

		worker->blocked = 0;
		__atomic_store_n(&worker->stashed, worker->stash[0].n + worker->stash[1].n, __ATOMIC_RELAXED);
	}
}

int weir_pipeline_stop(struct weir_pipeline *pipeline)
{
	bool drained;

	if (!pipeline->running)
		return 0;
	set_phase(pipeline, WEIR__PHASE_DRAIN);
	synchronize_rcu(); /* after it, no worker reads from an endpoint any more */
	drained = drain(pipeline, deadline_in(pipeline->drain_ms));
	for (unsigned i = 0; i < pipeline->n_workers; i++)
		weir__worker_stop(&pipeline->workers[i]);
	pipeline->running = false;
	drop_rest(pipeline);
	return drained ? 0 : -ETIMEDOUT;
}

void weir_pipeline_destroy(struct weir_pipeline *pipeline)
{
	if (!pipeline)
		return;
	weir_pipeline_stop(pipeline);
	weir__build_free(pipeline);
	weir__endpoints_close(pipeline);
	free_workers(pipeline);
	weir__pool_destroy(&pipeline->pool);
	pthread_cond_destroy(&pipeline->gone);
	pthread_mutex_destroy(&pipeline->gone_lock);
	free(pipeline);
}

static bool readers_ended(const struct weir_pipeline *pipeline)
{
	for (unsigned i = 0; i < pipeline->n_endpoints; i++)
		if (pipeline->endpoints[i].reader && weir__endpoint_up(&pipeline->endpoints[i]))
			return false;
	return true;
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
			     ? pthread_cond_wait(&pipeline->gone, &pipeline->gone_lock)
			     : pthread_cond_timedwait(&pipeline->gone, &pipeline->gone_lock, &until);
	pthread_mutex_unlock(&pipeline->gone_lock);
	return rc == 0;
}

int weir_pipeline_wait(struct weir_pipeline *pipeline, int timeout_ms)
{
	const uint64_t deadline = deadline_in(timeout_ms);

	if (!pipeline->running)
		return -EINVAL;
	return wait_for_readers(pipeline, deadline) && drain(pipeline, deadline) ? 0 : -ETIMEDOUT;
}

static struct weir__row *find_stage(struct weir_pipeline *pipeline, const char *path,
				    const struct weir_stage_type *type)
{
	for (unsigned i = 0; i < pipeline->n_rows; i++)
		if (pipeline->rows[i].type == type && strcmp(pipeline->rows[i].path, path) == 0)
			return &pipeline->rows[i];
	return NULL;
}

const void *weir_pipeline_stage(struct weir_pipeline *pipeline, const char *path,
				const struct weir_stage_type *type)
{
	const struct weir__row *row = find_stage(pipeline, path, type);

	return row ? row->state : NULL;
}

int weir__pipeline_with_stage(struct weir_pipeline *pipeline, const char *path,
			      const struct weir_stage_type *type,
			      int (*use)(void *state, void *data, struct weir_error *err), void *data,
			      struct weir_error *err)
{
	struct weir_error unused;
	struct weir__row *row;
	int code;

	if (!err)
		err = &unused;
	weir__error_clear(err);
	weir__error_at(err, "%s", path);
	/* TODO: hold pipeline->parts from here: it keeps the row, and one caller waits for the other. */
	row = find_stage(pipeline, path, type);
	code = row ? use(row->state, data, err)
		   : weir_failed(err, -ENOENT, "no %s has this name", type->name);
	weir__error_at(err, "%s", "");
	return code;
}
