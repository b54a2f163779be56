/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "fiber.h"
#include "real.h"
#include "found.h"
#include "scheduler.h"

#define STACK_SIZE (256u << 10)
/* A run that comes here will not end. */
#define STEPS_MAX  4000000
#define TIME_MAX   (300ull * 1000000000)
#define LAST       60

enum state { FREE, RUNS, WAITS, ENDED };

struct coroutine {
	struct sim_thread thread; /* first */
	enum state state;
	ucontext_t context;
	struct sim_fiber fiber;
	void *(*body)(void *);
	void *argument;
	int error; /* its errno */

	const char *waits_for;
	sim_ready *ready;
	void *ready_argument;
	uint64_t deadline;
	uint64_t stalled_until; /* somebody else has its processor */
	uint32_t priority;
	uint32_t turn; /* points since it was last switched to */
};

struct decision {
	uint64_t step;
	uint64_t now;
	unsigned thread;
	const char *what;
};

/* How a run chooses, all drawn from its seed. */
struct strategy {
	uint32_t switch_one_in;
	uint32_t stall_one_in;
	unsigned stall_bits;
	bool priorities; /* the highest goes on, until it gets a low one */
	uint32_t demote_one_in;
	uint32_t tick_ns; /* that a point takes at the most */
};

struct sim_thread *sim_self;

static struct coroutine threads[SIM_THREADS_MAX];
static struct coroutine outside; /* what sim_run() returns to */
static struct coroutine *current;
static struct sim_random random_source;
static struct strategy strategy;
static struct decision last[LAST];
static uint64_t now;
static uint64_t steps;
static bool tracing;

static uint32_t pick_from(const uint32_t *numbers, uint32_t n)
{
	return numbers[sim_below(&random_source, n)];
}

static void choose_strategy(void)
{
	static const uint32_t switches[] = { 1, 2, 3, 8, 30, 200 };
	static const uint32_t stalls[] = { 0, 0, 100, 1000, 10000 };
	static const uint32_t demotes[] = { 30, 300, 3000 };

	strategy = (struct strategy){
		.switch_one_in = pick_from(switches, 6),
		.stall_one_in = pick_from(stalls, 5),
		.stall_bits = sim_between(&random_source, 8, 26),
		.priorities = sim_once_in(&random_source, 4),
		.demote_one_in = pick_from(demotes, 3),
		.tick_ns = sim_between(&random_source, 20, 400),
	};
}

void sim_scheduler_init(uint64_t seed, bool trace)
{
	for (unsigned i = 0; i < SIM_THREADS_MAX; i++)
		threads[i].state = FREE;
	memset(last, 0, sizeof(last));
	sim_random_seed(&random_source, seed, 1);
	choose_strategy();
	now = 1000000000;
	steps = 0;
	tracing = trace;
	current = &outside;
	sim_self = NULL;
}

uint64_t sim_now(void)
{
	return now;
}

uint64_t sim_steps(void)
{
	return steps;
}

struct sim_thread *sim_thread_of(unsigned number)
{
	return &threads[number].thread;
}

struct sim_thread *sim_next_thread(const struct sim_thread *before)
{
	for (unsigned i = before ? before->number + 1 : 0; i < SIM_THREADS_MAX; i++)
		if (threads[i].state == RUNS || threads[i].state == WAITS)
			return &threads[i].thread;
	return NULL;
}

static void note(const char *what)
{
	last[steps % LAST] = (struct decision){ steps, now, current->thread.number, what };
	if (tracing)
		fprintf(stderr, "%8" PRIu64 " %12" PRIu64 " %-16s %s\n", steps, now - 1000000000,
			current->thread.name, what);
}

static const char *state_name(const struct coroutine *thread)
{
	static const char *const names[] = { "is free", "can run", "waits", "has ended" };

	return names[thread->state];
}

void sim_print_threads(void)
{
	fprintf(stderr, "the last of %" PRIu64 " steps:\n", steps);
	for (uint64_t i = steps > LAST ? steps - LAST + 1 : 0; i <= steps; i++)
		if (last[i % LAST].what)
			fprintf(stderr, "%8" PRIu64 " %12" PRIu64 " %-16s %s\n", last[i % LAST].step,
				last[i % LAST].now - 1000000000, threads[last[i % LAST].thread].thread.name,
				last[i % LAST].what);
	fprintf(stderr, "now %" PRIu64 ", and the threads:\n", now - 1000000000);
	for (unsigned i = 0; i < SIM_THREADS_MAX; i++) {
		const struct coroutine *thread = &threads[i];

		if (thread->state == FREE)
			continue;
		fprintf(stderr, "    %-16s %s", thread->thread.name, state_name(thread));
		if (thread->state == WAITS)
			fprintf(stderr, " for %s%s", thread->waits_for,
				thread->deadline == SIM_NEVER ? ", without a deadline" : "");
		fprintf(stderr, "%s\n", thread == current ? " <- runs" : "");
	}
}

void sim_fail(const char *format, ...)
{
	va_list args;

	sim_claim();
	fprintf(stderr, "\nfound: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	sim_report();
}

static bool can_run(const struct coroutine *thread)
{
	if (now < thread->stalled_until)
		return false;
	if (thread->state == RUNS)
		return true;
	return thread->state == WAITS && (thread->ready(thread->ready_argument) || now >= thread->deadline);
}

/* When something happens by itself. */
static uint64_t next_deadline(void)
{
	uint64_t next = SIM_NEVER;

	for (unsigned i = 0; i < SIM_THREADS_MAX; i++) {
		const struct coroutine *thread = &threads[i];
		uint64_t at = thread->deadline;

		if (thread->state != RUNS && thread->state != WAITS)
			continue;
		if (now < thread->stalled_until)
			at = thread->stalled_until;
		if (at < next)
			next = at;
	}
	return next;
}

static struct coroutine *pick(struct coroutine **able, unsigned n)
{
	struct coroutine *best = able[0];

	if (!strategy.priorities)
		return able[sim_below(&random_source, n)];
	for (unsigned i = 1; i < n; i++)
		if (able[i]->priority > best->priority)
			best = able[i];
	return best;
}

/* Who goes on. outside: everybody has ended. */
static struct coroutine *choose(void)
{
	for (;;) {
		struct coroutine *able[SIM_THREADS_MAX];
		unsigned n = 0;
		bool any = false;
		uint64_t next;

		for (unsigned i = 0; i < SIM_THREADS_MAX; i++) {
			any |= threads[i].state == RUNS || threads[i].state == WAITS;
			if (can_run(&threads[i]))
				able[n++] = &threads[i];
		}
		if (n)
			return pick(able, n);
		if (!any)
			return &outside;
		next = next_deadline();
		if (next == SIM_NEVER)
			sim_fail("everybody waits, and nothing will wake anybody");
		now = next;
	}
}

static void switch_to(struct coroutine *next)
{
	struct coroutine *from = current;

	next->turn = 0;
	if (next == from)
		return;
	from->error = errno;
	current = next;
	sim_self = next == &outside ? NULL : &next->thread;
	sim_fiber_leave(&from->fiber, &next->fiber, from->state == ENDED);
	swapcontext(&from->context, &next->context);
	sim_fiber_arrive(&from->fiber);
	errno = from->error;
}

/* Time passes, and somebody may lose his processor for a while, perhaps long. */
static void tick(const char *what)
{
	note(what);
	if (++steps > STEPS_MAX)
		sim_fail("no end after %d steps", STEPS_MAX);
	if (now > TIME_MAX)
		sim_fail("no end after %llu s", TIME_MAX / 1000000000);
	now += sim_below(&random_source, strategy.tick_ns) + 1;
	if (sim_once_in(&random_source, strategy.stall_one_in)) {
		struct coroutine *thread = &threads[sim_below(&random_source, SIM_THREADS_MAX)];

		if (thread->state == RUNS || thread->state == WAITS)
			thread->stalled_until = now + sim_scale(&random_source, strategy.stall_bits);
	}
	/* Also a thread that spins for ever lets the others go on some time. */
	if (strategy.priorities &&
	    (sim_once_in(&random_source, strategy.demote_one_in) || ++current->turn > 2000))
		current->priority = sim_below(&random_source, 1000);
}

void weir__point(const char *what)
{
	if (!sim_self)
		return;
	tick(what);
	if (strategy.priorities || now < current->stalled_until ||
	    sim_once_in(&random_source, strategy.switch_one_in))
		switch_to(choose());
}

bool sim_wait(const char *what, sim_ready *ready, void *argument, uint64_t deadline)
{
	tick(what);
	current->state = WAITS;
	current->waits_for = what;
	current->ready = ready;
	current->ready_argument = argument;
	current->deadline = deadline;
	switch_to(choose());
	current->state = RUNS;
	current->deadline = SIM_NEVER;
	return ready(argument);
}

static bool never(void *argument)
{
	(void)argument;
	return false;
}

void sim_sleep(uint64_t ns)
{
	sim_wait("a time", never, NULL, now + ns);
}

static void enter(void)
{
	struct coroutine *self = current;

	sim_fiber_begin(&outside.fiber);
	errno = 0;
	self->body(self->argument);
	self->state = ENDED;
	switch_to(choose());
	abort();
}

static void prepare(struct coroutine *thread)
{
	if (!thread->fiber.stack) {
		thread->fiber.stack = __real_mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
						  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (thread->fiber.stack == MAP_FAILED)
			abort();
		thread->fiber.size = STACK_SIZE;
	}
	sim_fiber_reuse(&thread->fiber);
	if (getcontext(&thread->context) < 0)
		abort();
	thread->context.uc_stack.ss_sp = thread->fiber.stack;
	thread->context.uc_stack.ss_size = thread->fiber.size;
	thread->context.uc_link = NULL;
	makecontext(&thread->context, enter, 0);
}

struct sim_thread *sim_spawn(const char *name, bool is_worker, void *(*body)(void *), void *argument)
{
	unsigned i = 0;
	struct coroutine *thread;

	while (i < SIM_THREADS_MAX && threads[i].state != FREE)
		i++;
	if (i == SIM_THREADS_MAX)
		sim_fail("more than %d threads", SIM_THREADS_MAX);
	thread = &threads[i];
	thread->thread = (struct sim_thread){ .number = i, .is_worker = is_worker };
	snprintf(thread->thread.name, sizeof(thread->thread.name), "%s", name);
	thread->state = RUNS;
	thread->body = body;
	thread->argument = argument;
	thread->deadline = SIM_NEVER;
	thread->stalled_until = 0;
	thread->turn = 0;
	thread->priority = sim_below(&random_source, 1000);
	prepare(thread);
	return &thread->thread;
}

static bool has_ended(void *argument)
{
	return ((struct coroutine *)argument)->state == ENDED;
}

bool sim_join(struct sim_thread *thread, uint64_t deadline)
{
	struct coroutine *joined = &threads[thread->number];

	if (joined->state == FREE)
		sim_fail("a thread is joined that there is not");
	if (!sim_wait("the end of a thread", has_ended, joined, deadline))
		return false;
	joined->state = FREE;
	return true;
}

void sim_run(void *(*body)(void *), void *argument)
{
	struct sim_thread *first = sim_spawn("main", false, body, argument);

	switch_to(choose());
	threads[first->number].state = FREE;
	for (unsigned i = 0; i < SIM_THREADS_MAX; i++)
		if (threads[i].state != FREE)
			sim_fail("thread %s has ended, but nobody has joined it", threads[i].thread.name);
}
