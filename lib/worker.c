/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ck_pr.h>

#include "clock.h"
#include "error.h"
#include "grace.h"
#include "pipeline.h"
#include "rcu.h"

/*
 * Whether to look again instead of sleeping. A wake-up from another processor was measured at 21 us, so a
 * worker that was woken soon after it fell asleep spins longer the next time, and one that slept long,
 * shorter.
 */
static bool spin(struct weir__worker *worker)
{
	uint64_t now;

	if (!worker->spin_ns)
		return false;
	now = weir__now();
	if (!worker->worked_at)
		worker->worked_at = now;
	if (now - worker->worked_at >= worker->spin_ns)
		return false;
	worker->ready = UINT64_MAX;
	ck_pr_stall();
	return true;
}

static void adapt_spin(struct weir__worker *worker, uint64_t slept_ns)
{
	if (slept_ns < worker->spin_max_ns)
		worker->spin_ns = 2 * worker->spin_ns + 1000;
	else
		worker->spin_ns /= 2;
	if (worker->spin_ns > worker->spin_max_ns)
		worker->spin_ns = worker->spin_max_ns;
	if (worker->spin_ns < worker->spin_min_ns)
		worker->spin_ns = worker->spin_min_ns;
}

static void sleep_and_adapt(struct weir__worker *worker)
{
	uint64_t begin;

	if (!worker->spin_max_ns) {
		weir__worker_sleep(worker);
		return;
	}
	begin = weir__now();
	weir__worker_sleep(worker);
	adapt_spin(worker, weir__now() - begin);
	worker->worked_at = 0;
}

/* Whoever reads counters asks this clock, as he cannot know whether there still is a thread to ask about. */
static void show_cpu_clock(struct weir__worker *worker)
{
	clockid_t clock;

	if (pthread_getcpuclockid(pthread_self(), &clock) == 0)
		__atomic_store_n(&worker->cpu_clock, clock, __ATOMIC_RELAXED);
}

static void end(struct weir__worker *worker)
{
	__atomic_store_n(&worker->cpu_clock, 0, __ATOMIC_RELAXED);
	weir__grace_offline(worker);
	__atomic_store_n(&worker->ended, true, __ATOMIC_RELEASE);
	weir__doorbell_ring_slowly(&worker->pipeline->bell);
}

static void *run(void *argument)
{
	struct weir__worker *worker = argument;

	pthread_setname_np(pthread_self(), worker->name);
	show_cpu_clock(worker);
	rcu_register_thread();
	weir__grace_online(worker);
	weir__doorbell_ring(&worker->pipeline->watchdog.bell);
	while (weir__worker_phase(worker) != WEIR__PHASE_STOP) {
		if (weir__worker_pass(worker))
			worker->worked_at = 0;
		else if (!spin(worker))
			sleep_and_adapt(worker);
		rcu_quiescent_state();
	}
	rcu_unregister_thread();
	end(worker);
	return NULL;
}

static void only_cpu(cpu_set_t *cpus, unsigned cpu)
{
	CPU_ZERO(cpus);
	CPU_SET(cpu, cpus);
}

/* Pinned before it starts, so that its stack and first steps are already on its processor. */
static int start_pinned(struct weir__worker *worker, const struct weir_worker *given)
{
	pthread_attr_t attr;
	cpu_set_t cpus;
	int rc;

	rc = pthread_attr_init(&attr);
	if (rc)
		return rc;
	if (!given->unpinned) {
		only_cpu(&cpus, given->cpu);
		rc = pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);
	}
	if (!rc)
		rc = pthread_create(&worker->thread, &attr, run, worker);
	pthread_attr_destroy(&attr);
	return rc;
}

static int cannot_pin(const struct weir__worker *worker, const struct weir_worker *given,
		      struct weir_error *err)
{
	return weir_failed(err, -EINVAL, "worker '%s': cpu: processor %u may not be used any more",
			   worker->name, given->cpu);
}

int weir__worker_start(struct weir__worker *worker, const struct weir_worker *given, enum weir__phase phase,
		       struct weir_error *err)
{
	int rc;

	weir__barrier_init();
	worker->ready = UINT64_MAX;
	worker->hung_up = 0;
	worker->worked_at = 0;
	worker->version = 0;
	worker->ended = false;
	__atomic_store_n(&worker->phase, phase, __ATOMIC_RELEASE);
	rc = start_pinned(worker, given);
	if (rc == EINVAL && !given->unpinned)
		return cannot_pin(worker, given, err);
	if (rc)
		return weir_failed(err, -rc, "worker '%s': cannot start a thread: %s", worker->name,
				   strerror(rc));
	worker->running = true;
	return 0;
}

int weir__worker_pin(struct weir__worker *worker, const struct weir_worker *given, struct weir_error *err)
{
	cpu_set_t cpus;

	/* Where the caller may run is where a thread that is not pinned may. */
	if (given->unpinned && sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return weir_failed(err, -errno, "worker '%s': sched_getaffinity: %s", worker->name,
				   strerror(errno));
	if (!given->unpinned)
		only_cpu(&cpus, given->cpu);
	return pthread_setaffinity_np(worker->thread, sizeof(cpus), &cpus) ? cannot_pin(worker, given, err)
									   : 0;
}

void weir__worker_set_phase(struct weir__worker *worker, enum weir__phase phase)
{
	__atomic_store_n(&worker->phase, phase, __ATOMIC_RELEASE);
	weir__doorbell_ring_slowly(&worker->bell);
}

static bool has_ended(void *worker)
{
	return __atomic_load_n(&((struct weir__worker *)worker)->ended, __ATOMIC_ACQUIRE);
}

bool weir__worker_stop(struct weir__worker *worker, uint64_t deadline)
{
	if (!worker->running)
		return true;
	weir__worker_set_phase(worker, WEIR__PHASE_STOP);
	if (!weir__await(&worker->pipeline->bell, has_ended, worker, deadline))
		return false;
	pthread_join(worker->thread, NULL);
	worker->running = false;
	return true;
}

const char *weir__worker_where(const struct weir__worker *worker)
{
	const struct weir__row *row = __atomic_load_n(&worker->at, __ATOMIC_RELAXED);

	return row ? row->path : "its first pass";
}

void weir__worker_publish(struct weir__worker *worker, const struct weir__program *program)
{
	rcu_assign_pointer(worker->program, program);
}

void weir__worker_ring_all(struct weir__worker *worker)
{
	const struct weir__shape *shape = rcu_dereference(worker->program)->shape;

	for (unsigned i = 0; i < shape->n_workers; i++)
		weir__doorbell_ring_slowly(&shape->workers[i]->bell);
}

int weir__worker_create(struct weir__worker **result, struct weir_pipeline *pipeline, const char *name)
{
	struct weir__worker *worker = aligned_alloc(_Alignof(struct weir__worker), sizeof(*worker));
	int rc;

	*result = NULL;
	if (!worker)
		return -ENOMEM;
	memset(worker, 0, sizeof(*worker));
	worker->pipeline = pipeline;
	worker->pool = &pipeline->pool;
	worker->offline = 1;
	snprintf(worker->name, sizeof(worker->name), "%s", name);
	worker->read_limit = WEIR_VECTOR_SIZE;
	worker->ready = UINT64_MAX;
	worker->work.bufs = pipeline->pool.bufs;
	worker->reader.bufs = pipeline->pool.bufs;
	worker->reader.headroom = pipeline->pool.headroom;
	worker->reader.tailroom = pipeline->pool.tailroom;
	worker->reader.engine = &worker->spill;
	worker->spill.jumbo = worker->stash[1].index;
	worker->spill.jumbo_n = &worker->stash[1].n;
	if (!pipeline->pool.jumbo)
		worker->scratch = malloc(WEIR__SCRATCH_SIZE);
	rc = pipeline->pool.jumbo || worker->scratch ? weir__doorbell_open(&worker->bell) : -ENOMEM;
	if (rc < 0) {
		free(worker->scratch);
		free(worker);
		return rc;
	}
	*result = worker;
	return 0;
}

void weir__worker_give_back(struct weir__worker *worker)
{
	weir__stash_empty(&worker->stash[0], worker->pool, false);
	weir__stash_empty(&worker->stash[1], worker->pool, true);
	__atomic_store_n(&worker->stashed, 0, __ATOMIC_RELAXED);
}

void weir__worker_destroy(struct weir__worker *worker)
{
	if (!worker)
		return;
	weir__worker_give_back(worker);
	weir__doorbell_close(&worker->bell);
	free(worker->scratch);
	free(worker);
}
