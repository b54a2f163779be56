/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads of a simulation: coroutines in one thread of the operating system. A seed decides at each point
 * which of them goes on, so that a run can be repeated exactly. Time is simulated too: it passes a little
 * with each point, and jumps to the next deadline when everybody waits.
 */
#ifndef SIM_SCHEDULER_H
#define SIM_SCHEDULER_H

#include <stdbool.h>
#include <stdint.h>

#include "point.h"
#include "random.h"

#define SIM_THREADS_MAX 24
#define SIM_NEVER       UINT64_MAX

/* Whether what a thread waits for is there. Must change nothing. */
typedef bool sim_ready(void *argument);

struct sim_thread {
	unsigned number; /* of its slot */
	char name[24];
	bool is_worker; /* made by the engine, not by the simulation */

	/* Of threads.c, rcu.c and faults.c. */
	const void *condition; /* that it waits for */
	bool signalled;
	bool rcu_online;
	uint64_t rcu_seen;
	uint32_t fail_in; /* the so-many-th call from now that can fail does; 0: none will */
	bool failed;
};

/* Forgets everything before. trace: prints every point. */
void sim_scheduler_init(uint64_t seed, bool trace);

struct sim_thread *sim_spawn(const char *name, bool is_worker, void *(*body)(void *), void *argument);

/* Waits until it has ended, and forgets it. Returns false if the deadline comes first. */
bool sim_join(struct sim_thread *thread, uint64_t deadline);

/* Runs body as the first thread, and all that it spawns, until each of them has ended. */
void sim_run(void *(*body)(void *), void *argument);

/* The thread that runs; NULL outside of sim_run(). */
extern struct sim_thread *sim_self;

struct sim_thread *sim_thread_of(unsigned number);

/* All that have not ended; NULL ends it. */
struct sim_thread *sim_next_thread(const struct sim_thread *before);

/* Sleeps until it is ready or the deadline has come. Returns whether it is ready. */
bool sim_wait(const char *what, sim_ready *ready, void *argument, uint64_t deadline);

/* Nanoseconds since some time before the run. */
uint64_t sim_now(void);
void sim_sleep(uint64_t ns);

/* What the run found: prints it with all that is known, and ends the process. */
_Noreturn void sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Points passed so far. */
uint64_t sim_steps(void);

/* The state of every thread and the last decisions, to stderr. */
void sim_print_threads(void);

#endif
