/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include <ck_pr.h>

#include "clock.h"
#include "error.h"
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

static void *run(void *argument)
{
	struct weir__worker *worker = argument;

	pthread_setname_np(pthread_self(), worker->name);
	show_cpu_clock(worker);
	rcu_register_thread();
	while (weir__worker_phase(worker) != WEIR__PHASE_STOP) {
		if (weir__worker_pass(worker))
			worker->worked_at = 0;
		else if (!spin(worker))
			sleep_and_adapt(worker);
		rcu_quiescent_state();
	}
	rcu_unregister_thread();
	__atomic_store_n(&worker->cpu_clock, 0, __ATOMIC_RELAXED);
	return NULL;
}

/* Pinned before it starts, so that its stack and first steps are already on its processor. */
static int start_pinned(struct weir__worker *worker)
{
	pthread_attr_t attr;
	cpu_set_t cpus;
	int rc;

	rc = pthread_attr_init(&attr);
	if (rc)
		return rc;
	if (!worker->unpinned) {
		CPU_ZERO(&cpus);
		CPU_SET(worker->cpu, &cpus);
		rc = pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);
	}
	if (!rc)
		rc = pthread_create(&worker->thread, &attr, run, worker);
	pthread_attr_destroy(&attr);
	return rc;
}

int weir__worker_start(struct weir__worker *worker, struct weir_error *err)
{
	int rc;

	weir__barrier_init();
	worker->ready = UINT64_MAX;
	worker->hung_up = 0;
	worker->worked_at = 0;
	worker->spin_ns = worker->spin_min_ns;
	__atomic_store_n(&worker->phase, WEIR__PHASE_RUN, __ATOMIC_RELEASE);
	rc = start_pinned(worker);
	if (rc == EINVAL && !worker->unpinned)
		return weir_failed(err, -EINVAL, "worker '%s': cpu: processor %u may not be used any more",
				   worker->name, worker->cpu);
	if (rc)
		return weir_failed(err, -rc, "worker '%s': cannot start a thread: %s", worker->name,
				   strerror(rc));
	worker->running = true;
	return 0;
}

void weir__worker_set_phase(struct weir__worker *worker, enum weir__phase phase)
{
	__atomic_store_n(&worker->phase, phase, __ATOMIC_RELEASE);
	weir__doorbell_ring_slowly(&worker->bell);
}

void weir__worker_stop(struct weir__worker *worker)
{
	if (!worker->running)
		return;
	weir__worker_set_phase(worker, WEIR__PHASE_STOP);
	pthread_join(worker->thread, NULL);
	worker->running = false;
}
