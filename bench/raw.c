/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "raw.h"

#define BATCH 64 /* packets of one side before the other one has its turn */

struct direction {
	int from;
	int to;
	uint8_t packet[65536];
};

/* Moves up to BATCH packets; false when there are no more. */
static bool drain(struct direction *direction)
{
	for (unsigned i = 0; i < BATCH; i++) {
		ssize_t n = read(direction->from, direction->packet, sizeof(direction->packet));

		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0 || write(direction->to, direction->packet, (size_t)n) != n)
			give_up(BENCH_FAILED, "raw: %s", strerror(errno));
	}
	return true;
}

static void *both_ways(void *argument)
{
	struct direction *ways = argument;
	struct pollfd polled[SIDES] = {
		{ .fd = ways[0].from, .events = POLLIN },
		{ .fd = ways[1].from, .events = POLLIN },
	};

	for (;;) {
		bool more = drain(&ways[0]);

		more |= drain(&ways[1]);
		if (!more && poll(polled, SIDES, -1) < 0)
			give_up(BENCH_FAILED, "raw: poll: %s", strerror(errno));
	}
	return NULL;
}

/* With nothing else to wait for, a read that blocks saves the poll and the read that finds nothing. */
static void *one_way(void *argument)
{
	struct direction *way = argument;

	for (;;)
		drain(way);
	return NULL;
}

static void start(void *(*run)(void *), void *argument, int cpu)
{
	pthread_attr_t attributes;
	pthread_t thread;
	cpu_set_t set;
	int error;

	pthread_attr_init(&attributes);
	CPU_ZERO(&set);
	if (cpu >= 0) {
		CPU_SET((size_t)cpu, &set);
		pthread_attr_setaffinity_np(&attributes, sizeof(set), &set);
	}
	error = pthread_create(&thread, &attributes, run, argument);
	pthread_attr_destroy(&attributes);
	if (error)
		give_up(BENCH_FAILED, "raw: cannot start a thread on processor %d: %s", cpu, strerror(error));
	pthread_detach(thread);
}

static struct direction *attach(const struct rig *rig, bool nonblocking)
{
	static struct direction ways[SIDES];

	ways[0].from = ways[1].to = rig_attach(rig, LEFT, nonblocking);
	ways[0].to = ways[1].from = rig_attach(rig, RIGHT, nonblocking);
	return ways;
}

void raw_start(const struct rig *rig, int cpu)
{
	start(both_ways, attach(rig, true), cpu);
}

void raw2_start(const struct rig *rig, int cpu_forth, int cpu_back)
{
	struct direction *ways = attach(rig, false);

	start(one_way, &ways[0], cpu_forth);
	start(one_way, &ways[1], cpu_back);
}
