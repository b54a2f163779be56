/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <string.h>

#include "placement.h"

void placement_default(struct placement *placement)
{
	int allowed[4] = { 0 }, n = 0;
	cpu_set_t set;

	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof(set), &set);
	for (int cpu = 0; cpu < CPU_SETSIZE && n < 4; cpu++)
		if (CPU_ISSET((size_t)cpu, &set))
			allowed[n++] = cpu;
	if (n == 0)
		n = 1;
	for (int side = LEFT; side < SIDES; side++) {
		placement->two[side] = allowed[side % n];
		placement->traffic[side] = allowed[(SIDES + side) % n];
	}
	placement->one = placement->two[RIGHT];
}

bool placement_parse(const char *text, int cpu[SIDES])
{
	int end = -1;

	if (strcmp(text, "none") == 0) {
		cpu[0] = cpu[1] = -1;
		return true;
	}
	if (sscanf(text, "%d,%d%n", &cpu[0], &cpu[1], &end) < 2) {
		sscanf(text, "%d%n", &cpu[0], &end);
		cpu[1] = cpu[0];
	}
	return end > 0 && !text[end] && cpu[0] >= 0 && cpu[0] < CPU_SETSIZE && cpu[1] >= 0 &&
	       cpu[1] < CPU_SETSIZE;
}

void placement_start_thread(pthread_t *thread, int cpu, void *(*run)(void *), void *argument)
{
	pthread_attr_t attributes;
	cpu_set_t set;
	int error;

	pthread_attr_init(&attributes);
	if (cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET((size_t)cpu, &set);
		pthread_attr_setaffinity_np(&attributes, sizeof(set), &set);
	}
	error = pthread_create(thread, &attributes, run, argument);
	pthread_attr_destroy(&attributes);
	if (error)
		give_up(BENCH_FAILED, "cannot start a thread on processor %d: %s", cpu, strerror(error));
}
