/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "error.h"
#include "pipeline.h"

/* Twice this is what finding a stuck worker takes at the most. */
#define LOOK_NS 40000000

/* Sleeps until the next look. Returns false when it is to stop. */
static bool pause_until(struct weir__watchdog *watchdog, uint64_t time)
{
	const struct timespec until = { .tv_sec = (time_t)(time / 1000000000),
					.tv_nsec = (long)(time % 1000000000) };
	int rc = 0;
	bool stop;

	pthread_mutex_lock(&watchdog->lock);
	while (!watchdog->stop && rc == 0)
		rc = pthread_cond_timedwait(&watchdog->cond, &watchdog->lock, &until);
	stop = watchdog->stop;
	pthread_mutex_unlock(&watchdog->lock);
	return !stop;
}

/* What there is to say of a worker, in line. Returns whether there is anything. */
static bool look_at(struct weir__worker *worker, uint64_t now, char *line, size_t size)
{
	const uint64_t passes = __atomic_load_n(&worker->passes, __ATOMIC_RELAXED);
	const bool goes_on = !worker->seen_at || passes != worker->seen_passes ||
			     __atomic_load_n(&worker->offline, __ATOMIC_ACQUIRE);
	const bool was_stuck = worker->stuck_ms;
	const uint64_t ms = (now - worker->seen_at) / 1000000;

	worker->stuck_ms = goes_on ? 0 : ms;
	if (goes_on && was_stuck)
		snprintf(line, size, "worker %s goes on after %" PRIu64 " ms in %s", worker->name, ms,
			 worker->stuck_in);
	if (goes_on) {
		worker->seen_passes = passes;
		worker->seen_at = now;
		return was_stuck;
	}
	if (was_stuck)
		return false;
	worker->stuck++;
	/* It has not ended its pass, so that its program and this row are still there. */
	snprintf(worker->stuck_in, sizeof(worker->stuck_in), "%s", weir__worker_where(worker));
	snprintf(line, size, "worker %s is stuck in %s for %" PRIu64 " ms now", worker->name,
		 worker->stuck_in, ms);
	return true;
}

static void look(struct weir_pipeline *pipeline)
{
	bool more = true;

	for (unsigned i = 0; more; i++) {
		char line[128];
		bool say = false;

		pthread_mutex_lock(&pipeline->parts);
		more = i < pipeline->shape->n_workers;
		if (more)
			say = look_at(pipeline->shape->workers[i], weir__now(), line, sizeof(line));
		pthread_mutex_unlock(&pipeline->parts);
		if (say) /* without the lock: it is the application's function */
			weir__log(pipeline, WEIR_LOG_WARNING, "%s", line);
	}
}

static void *run(void *argument)
{
	struct weir_pipeline *pipeline = argument;

	pthread_setname_np(pthread_self(), "weir-watchdog");
	while (pause_until(&pipeline->watchdog, weir__now() + LOOK_NS))
		look(pipeline);
	return NULL;
}

int weir__watchdog_start(struct weir_pipeline *pipeline, struct weir_error *err)
{
	struct weir__watchdog *watchdog = &pipeline->watchdog;
	pthread_condattr_t attr;
	int rc;

	watchdog->stop = false;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&watchdog->cond, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&watchdog->lock, NULL);
	rc = pthread_create(&watchdog->thread, NULL, run, pipeline);
	watchdog->running = rc == 0;
	if (rc == 0)
		return 0;
	pthread_cond_destroy(&watchdog->cond);
	pthread_mutex_destroy(&watchdog->lock);
	return weir_failed(err, -rc, "cannot start the watchdog's thread: %s", strerror(rc));
}

void weir__watchdog_stop(struct weir_pipeline *pipeline)
{
	struct weir__watchdog *watchdog = &pipeline->watchdog;

	if (!watchdog->running)
		return;
	watchdog->running = false;
	pthread_mutex_lock(&watchdog->lock);
	watchdog->stop = true;
	pthread_cond_signal(&watchdog->cond);
	pthread_mutex_unlock(&watchdog->lock);
	pthread_join(watchdog->thread, NULL);
	pthread_cond_destroy(&watchdog->cond);
	pthread_mutex_destroy(&watchdog->lock);
}
