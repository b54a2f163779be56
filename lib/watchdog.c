/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "error.h"
#include "pipeline.h"

/* Twice this is what finding a stuck worker takes at the most. */
#define LOOK_MS 40

/* Looks that find nobody at work before it rests. To ring it costs a worker several microseconds, in which a
 * packet waits, so that one which has something to do now and then must not have to do that each time. */
#define QUIET_LOOKS 25

/* What there is to say of a worker, in line. Returns whether there is anything. */
static bool look_at(struct weir__worker *worker, uint64_t now, char *line, size_t size)
{
	const uint64_t passes = __atomic_load_n(&worker->passes, __ATOMIC_RELAXED);
	const bool online = !__atomic_load_n(&worker->offline, __ATOMIC_ACQUIRE);
	/* One that slept at the last look may just have woken up. */
	const bool goes_on = !online || !worker->seen_online || passes != worker->seen_passes;
	const bool was_stuck = worker->stuck_ms;
	const uint64_t ms = (now - worker->seen_at) / 1000000;

	worker->stuck_ms = goes_on ? 0 : ms;
	worker->seen_online = online;
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

/* Returns whether any worker has done something since the last look. */
static bool look(struct weir_pipeline *pipeline)
{
	bool more = true, busy = false;

	for (unsigned i = 0; more; i++) {
		char line[128];
		bool say = false;

		pthread_mutex_lock(&pipeline->parts);
		more = i < pipeline->shape->n_workers;
		if (more) {
			struct weir__worker *worker = pipeline->shape->workers[i];
			const uint64_t before = worker->seen_passes;

			say = look_at(worker, weir__now(), line, sizeof(line));
			busy |= worker->seen_passes != before;
		}
		pthread_mutex_unlock(&pipeline->parts);
		if (say) /* without the lock: it is the application's function */
			weir__log(pipeline, WEIR_LOG_WARNING, "%s", line);
	}
	return busy;
}

static bool is_to_stop(const struct weir__watchdog *watchdog)
{
	return __atomic_load_n(&watchdog->stop, __ATOMIC_ACQUIRE);
}

static bool all_sleep(struct weir_pipeline *pipeline)
{
	bool all = true;

	pthread_mutex_lock(&pipeline->parts);
	for (unsigned i = 0; i < pipeline->shape->n_workers; i++)
		all &= __atomic_load_n(&pipeline->shape->workers[i]->offline, __ATOMIC_ACQUIRE);
	pthread_mutex_unlock(&pipeline->parts);
	return all;
}

/* Who tells it to stop writes to the bell, marked or not. */
static void wait_ms(struct weir_pipeline *pipeline, int ms)
{
	struct weir__doorbell *bell = &pipeline->watchdog.bell;
	struct pollfd fd = { .fd = bell->fd, .events = POLLIN };

	if (!is_to_stop(&pipeline->watchdog))
		poll(&fd, 1, ms);
	weir__doorbell_awake(bell, fd.revents != 0);
}

/* As long as all workers sleep. */
static void rest(struct weir_pipeline *pipeline)
{
	weir__doorbell_sleep(&pipeline->watchdog.bell);
	weir__barrier_full(); /* pairs with that of weir__grace_online(), behind which a worker rings */
	wait_ms(pipeline, all_sleep(pipeline) ? -1 : 0);
}

static void *run(void *argument)
{
	struct weir_pipeline *pipeline = argument;
	unsigned quiet = 0;

	pthread_setname_np(pthread_self(), "weir-watchdog");
	while (!is_to_stop(&pipeline->watchdog)) {
		if (quiet >= QUIET_LOOKS && all_sleep(pipeline))
			rest(pipeline);
		wait_ms(pipeline, LOOK_MS);
		quiet = look(pipeline) ? 0 : quiet + 1;
	}
	return NULL;
}

/* What was seen before the pipeline stopped says nothing. */
static void forget(struct weir_pipeline *pipeline)
{
	pthread_mutex_lock(&pipeline->parts);
	for (unsigned i = 0; i < pipeline->shape->n_workers; i++) {
		pipeline->shape->workers[i]->seen_online = false;
		pipeline->shape->workers[i]->stuck_ms = 0;
	}
	pthread_mutex_unlock(&pipeline->parts);
}

int weir__watchdog_start(struct weir_pipeline *pipeline, struct weir_error *err)
{
	struct weir__watchdog *watchdog = &pipeline->watchdog;
	int rc;

	watchdog->stop = false;
	forget(pipeline);
	rc = pthread_create(&watchdog->thread, NULL, run, pipeline);
	if (rc)
		return weir_failed(err, -rc, "cannot start the watchdog's thread: %s", strerror(rc));
	watchdog->running = true;
	return 0;
}

void weir__watchdog_stop(struct weir_pipeline *pipeline)
{
	struct weir__watchdog *watchdog = &pipeline->watchdog;
	const uint64_t one = 1;

	if (!watchdog->running)
		return;
	watchdog->running = false;
	__atomic_store_n(&watchdog->stop, true, __ATOMIC_RELEASE);
	/* Cannot fail: the watchdog empties it. */
	(void)!write(watchdog->bell.fd, &one, sizeof(one));
	pthread_join(watchdog->thread, NULL);
}
