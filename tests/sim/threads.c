/* SPDX-License-Identifier: Apache-2.0 */
/* Threads, locks and conditions. A lock is the number of its owner in the memory of the pthread_mutex_t. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "faults.h"
#include "real.h"
#include "scheduler.h"
#include "sim_clock.h"
#include "sim_cpus.h"

struct lock {
	unsigned owner; /* 1 + the number of a thread; 0: free, as PTHREAD_MUTEX_INITIALIZER says too */
};

_Static_assert(sizeof(struct lock) <= sizeof(pthread_mutex_t), "a lock fits");

static unsigned cpus_there = 1;

void sim_cpus_set(unsigned n)
{
	cpus_there = n;
}

int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *cpus)
{
	if (!sim_self)
		return __real_sched_getaffinity(pid, size, cpus);
	memset(cpus, 0, size);
	for (unsigned i = 0; i < cpus_there; i++)
		CPU_SET(i, cpus);
	return 0;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*body)(void *),
			  void *argument)
{
	if (!sim_self)
		return __real_pthread_create(thread, attr, body, argument);
	if (sim_refused("no thread"))
		return EAGAIN;
	*thread = 1 + sim_spawn("thread", true, body, argument)->number;
	weir__point("thread made");
	return 0;
}

static struct sim_thread *thread_of(pthread_t thread)
{
	return sim_thread_of((unsigned)thread - 1);
}

int __wrap_pthread_join(pthread_t thread, void **result)
{
	if (!sim_self)
		return __real_pthread_join(thread, result);
	if (result)
		sim_fail("pthread_join() wants a result");
	sim_join(thread_of(thread), SIM_NEVER);
	return 0;
}

static int join_until(pthread_t thread, uint64_t deadline)
{
	return sim_join(thread_of(thread), deadline) ? 0 : ETIMEDOUT;
}

int __wrap_pthread_clockjoin_np(pthread_t thread, void **result, clockid_t clock,
				const struct timespec *until)
{
	if (!sim_self)
		return __real_pthread_clockjoin_np(thread, result, clock, until);
	if (clock != CLOCK_MONOTONIC)
		sim_fail("pthread_clockjoin_np() by clock %d", (int)clock);
	return join_until(thread, sim_time_of(until));
}

int __wrap_pthread_tryjoin_np(pthread_t thread, void **result)
{
	if (!sim_self)
		return __real_pthread_tryjoin_np(thread, result);
	return join_until(thread, 0) ? EBUSY : 0;
}

pthread_t __wrap_pthread_self(void)
{
	return sim_self ? 1 + sim_self->number : __real_pthread_self();
}

int __wrap_pthread_setname_np(pthread_t thread, const char *name)
{
	if (!sim_self)
		return __real_pthread_setname_np(thread, name);
	snprintf(thread_of(thread)->name, sizeof(thread_of(thread)->name), "%s", name);
	return 0;
}

int __wrap_pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *cpus)
{
	return sim_self ? 0 : __real_pthread_setaffinity_np(thread, size, cpus);
}

/* --- locks --- */

int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr)
{
	if (!sim_self)
		return __real_pthread_mutex_init(mutex, attr);
	((struct lock *)mutex)->owner = 0;
	return 0;
}

int __wrap_pthread_mutex_destroy(pthread_mutex_t *mutex)
{
	if (!sim_self)
		return __real_pthread_mutex_destroy(mutex);
	if (((struct lock *)mutex)->owner)
		sim_fail("a lock is destroyed that somebody holds");
	return 0;
}

static bool is_free(void *lock)
{
	return !((struct lock *)lock)->owner;
}

static int take(pthread_mutex_t *mutex, uint64_t deadline)
{
	struct lock *lock = (struct lock *)mutex;

	if (lock->owner == 1 + sim_self->number)
		sim_fail("a thread waits for a lock that it holds itself");
	if (!sim_wait("a lock", is_free, lock, deadline))
		return ETIMEDOUT;
	lock->owner = 1 + sim_self->number;
	return 0;
}

static void give(pthread_mutex_t *mutex)
{
	struct lock *lock = (struct lock *)mutex;

	if (lock->owner != 1 + sim_self->number)
		sim_fail("a thread gives a lock back that it does not hold");
	lock->owner = 0;
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
	return sim_self ? take(mutex, SIM_NEVER) : __real_pthread_mutex_lock(mutex);
}

int __wrap_pthread_mutex_trylock(pthread_mutex_t *mutex)
{
	if (!sim_self)
		return __real_pthread_mutex_trylock(mutex);
	return take(mutex, 0) ? EBUSY : 0;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	if (!sim_self)
		return __real_pthread_mutex_unlock(mutex);
	give(mutex);
	weir__point("unlock");
	return 0;
}

/* --- conditions: nothing is kept in them, as each waiter knows what it waits for --- */

int __wrap_pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attr)
{
	return sim_self ? 0 : __real_pthread_cond_init(condition, attr);
}

int __wrap_pthread_cond_destroy(pthread_cond_t *condition)
{
	if (!sim_self)
		return __real_pthread_cond_destroy(condition);
	for (struct sim_thread *t = sim_next_thread(NULL); t; t = sim_next_thread(t))
		if (t->condition == condition)
			sim_fail("a condition is destroyed that %s waits for", t->name);
	return 0;
}

static bool is_signalled(void *thread)
{
	return ((struct sim_thread *)thread)->signalled;
}

static int await(pthread_cond_t *condition, pthread_mutex_t *mutex, uint64_t deadline)
{
	struct sim_thread *self = sim_self;
	bool rung;

	self->condition = condition;
	self->signalled = sim_interrupted(); /* without a reason, as they may */
	give(mutex);
	rung = sim_wait("a condition", is_signalled, self, deadline);
	self->condition = NULL;
	take(mutex, SIM_NEVER);
	return rung ? 0 : ETIMEDOUT;
}

int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
	return sim_self ? await(condition, mutex, SIM_NEVER) : __real_pthread_cond_wait(condition, mutex);
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
				  const struct timespec *until)
{
	if (!sim_self)
		return __real_pthread_cond_timedwait(condition, mutex, until);
	return await(condition, mutex, sim_time_of(until));
}

/* One that is signalled may as well wake all. */
static void wake(const pthread_cond_t *condition)
{
	for (struct sim_thread *t = sim_next_thread(NULL); t; t = sim_next_thread(t))
		if (t->condition == condition)
			t->signalled = true;
	weir__point("condition signalled");
}

int __wrap_pthread_cond_signal(pthread_cond_t *condition)
{
	if (!sim_self)
		return __real_pthread_cond_signal(condition);
	wake(condition);
	return 0;
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *condition)
{
	if (!sim_self)
		return __real_pthread_cond_broadcast(condition);
	wake(condition);
	return 0;
}
