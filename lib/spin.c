/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>

#include "spin.h"

#define SHORT_NS 500
#define LONG_NS  50000 /* more than twice what a wake-up on another processor takes */

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
static void set(struct weir__program *program, const struct weir_worker *given, unsigned n_workers,
		unsigned cpus)
{
	const bool rings = !given->spin_us && !given->sleep_at_once && only_rings(program);

	program->give_way = given->give_way;
	program->spin_min_ns = program->spin_max_ns = given->spin_us * 1000ull;
	if (rings && n_workers <= cpus)
		program->spin_min_ns = program->spin_max_ns = SHORT_NS;
	if (rings && n_workers < cpus)
		program->spin_max_ns = LONG_NS;
}

void weir__spin_set(struct weir__shape *shape, struct weir__program *const programs[])
{
	const unsigned cpus = cpu_count();
	unsigned spinning = 0;

	for (unsigned i = 0; i < shape->n_workers; i++) {
		set(programs[i], &shape->given[i], shape->n_workers, cpus);
		spinning += programs[i]->spin_max_ns > 0;
	}
	if (spinning <= cpus)
		return;
	shape->spinning = spinning;
	for (unsigned i = 0; i < shape->n_workers; i++)
		programs[i]->spin_min_ns = programs[i]->spin_max_ns = 0;
}

void weir__spin_warn(struct weir_pipeline *pipeline)
{
	if (pipeline->shape->spinning)
		weir__log(pipeline, WEIR_LOG_WARNING,
			  "%u workers are to spin on %u processors: none of them will",
			  pipeline->shape->spinning, cpu_count());
}
