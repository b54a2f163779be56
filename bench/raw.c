/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "raw.h"

#define BATCH 64 /* packets of one side before the other one has its turn */

struct direction {
	int from;
	int to;
	uint8_t packet[65536];
};

/* Moves up to BATCH packets. */
static void drain(struct direction *direction)
{
	for (unsigned i = 0; i < BATCH; i++) {
		ssize_t n = read(direction->from, direction->packet, sizeof(direction->packet));

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0 || write(direction->to, direction->packet, (size_t)n) != n)
			give_up(BENCH_FAILED, "raw: %s", strerror(errno));
	}
}

static void *both_ways(void *argument)
{
	struct direction *ways = argument;
	struct pollfd polled[SIDES] = {
		{ .fd = ways[0].from, .events = POLLIN },
		{ .fd = ways[1].from, .events = POLLIN },
	};

	for (;;) {
		if (poll(polled, SIDES, -1) < 0)
			give_up(BENCH_FAILED, "raw: poll: %s", strerror(errno));
		for (unsigned i = 0; i < SIDES; i++)
			if (polled[i].revents)
				drain(&ways[i]);
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

static void start(void *(*run)(void *), struct direction *ways, int cpu)
{
	pthread_t thread;

	placement_start_thread(&thread, cpu, run, ways);
	pthread_detach(thread);
}

static struct direction *attach(const struct rig *rig, bool nonblocking)
{
	static struct direction ways[SIDES];

	ways[0].from = ways[1].to = rig_attach(rig, LEFT, nonblocking);
	ways[0].to = ways[1].from = rig_attach(rig, RIGHT, nonblocking);
	return ways;
}

void raw_start(const struct rig *rig, const struct placement *placement)
{
	start(both_ways, attach(rig, true), placement->one);
}

void raw2_start(const struct rig *rig, const struct placement *placement)
{
	struct direction *ways = attach(rig, false);

	start(one_way, &ways[0], placement->two[RIGHT]);
	start(one_way, &ways[1], placement->two[LEFT]);
}
