/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <poll.h>

#include "clock.h"
#include "error.h"
#include "grace.h"
#include "pipeline.h"

/* Looks before the waiting thread blocks: about as long as a worker's pass over a few packets. */
#define LOOKS 200

static int poll_ms(uint64_t now, uint64_t deadline)
{
	const uint64_t ms = (deadline - now) / 1000000 + 1;

	return deadline == UINT64_MAX ? -1 : ms > INT_MAX ? INT_MAX : (int)ms;
}

/* Blocks until the bell rings or the deadline comes, unless it is done. */
static bool block(struct weir__doorbell *bell, bool (*done)(void *), void *data, uint64_t now,
		  uint64_t deadline)
{
	struct pollfd fd = { .fd = bell->fd, .events = POLLIN };
	bool finished;

	weir__doorbell_sleep(bell);
	weir__barrier_full(); /* pairs with that of whoever rings */
	finished = done(data);
	if (!finished)
		poll(&fd, 1, poll_ms(now, deadline));
	weir__doorbell_awake(bell, fd.revents != 0);
	return finished;
}

bool weir__await(struct weir__doorbell *bell, bool (*done)(void *), void *data, uint64_t deadline)
{
	for (unsigned i = 0; i < LOOKS; i++) {
		if (done(data))
			return true;
		ck_pr_stall();
	}
	for (;;) {
		uint64_t now = weir__now();

		if (now >= deadline)
			return done(data);
		if (block(bell, done, data, now, deadline))
			return true;
	}
}

static void ask(struct weir__worker *worker)
{
	/* Release: who sees it also sees what was published before. */
	__atomic_store_n(&worker->asked, worker->asked + 1, __ATOMIC_RELEASE);
	weir__barrier_full(); /* pairs with that of weir__grace_online(), and with that of who falls asleep */
	/* One that is away looks at the question before anything else when it comes back, so that nothing has
	 * to wake it. */
	if (!__atomic_load_n(&worker->offline, __ATOMIC_ACQUIRE))
		weir__doorbell_ring(&worker->bell);
}

static bool granted(void *data)
{
	const struct weir__worker *worker = data;

	/* Acquire: what the worker did before is done. */
	return __atomic_load_n(&worker->answered, __ATOMIC_ACQUIRE) == worker->asked ||
	       __atomic_load_n(&worker->offline, __ATOMIC_ACQUIRE);
}

static int wait_for(struct weir__worker *worker, uint64_t deadline, struct weir_error *err)
{
	if (weir__await(&worker->pipeline->bell, granted, worker, deadline))
		return 0;
	return weir_failed(err, -ETIMEDOUT, "worker '%s' is stuck in %s", worker->name,
			   weir__worker_where(worker));
}

int weir__grace_of(const struct weir__shape *shape, uint64_t workers, uint64_t deadline,
		   struct weir_error *err)
{
	int rc = 0;

	for (uint64_t left = workers; left; left &= left - 1)
		ask(shape->workers[__builtin_ctzll(left)]);
	for (uint64_t left = workers; rc == 0 && left; left &= left - 1)
		rc = wait_for(shape->workers[__builtin_ctzll(left)], deadline, err);
	return rc;
}

int weir__grace(struct weir_pipeline *pipeline, const struct weir__shape *shape, uint64_t deadline,
		struct weir_error *err)
{
	int rc = weir__grace_of(shape, weir__bits(shape->n_workers), deadline, err);

	if (rc == 0)
		weir__retired_free(pipeline);
	return rc;
}

void weir__grace_answer(struct weir__worker *worker)
{
	const uint64_t asked = __atomic_load_n(&worker->asked, __ATOMIC_ACQUIRE);

	weir__point("grace answer");
	__atomic_store_n(&worker->answered, asked, __ATOMIC_RELEASE);
	weir__doorbell_ring_slowly(&worker->pipeline->bell);
}
