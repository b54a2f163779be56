/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "raw.h"

#define BATCH 64 /* packets of one side before the other one has its turn */

#define FRAME_MAX (65535 + sizeof(struct virtio_net_hdr))

struct direction {
	int from;
	int to;
	uint8_t packet[FRAME_MAX];
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

static struct direction *attach(const struct rig *rig, unsigned how)
{
	static struct direction ways[SIDES];

	ways[0].from = ways[1].to = rig_attach(rig, LEFT, how);
	ways[0].to = ways[1].from = rig_attach(rig, RIGHT, how);
	return ways;
}

static void start_one(const struct rig *rig, const struct placement *placement, unsigned how)
{
	start(both_ways, attach(rig, RIG_NONBLOCKING | how), placement->one);
}

static void start_two(const struct rig *rig, const struct placement *placement, unsigned how)
{
	struct direction *ways = attach(rig, how);

	start(one_way, &ways[0], placement->two[RIGHT]);
	start(one_way, &ways[1], placement->two[LEFT]);
}

void raw_start(const struct rig *rig, const struct placement *placement)
{
	start_one(rig, placement, 0);
}

void raw_start_gso(const struct rig *rig, const struct placement *placement)
{
	start_one(rig, placement, RIG_OFFLOAD);
}

void raw2_start(const struct rig *rig, const struct placement *placement)
{
	start_two(rig, placement, 0);
}

void raw2_start_gso(const struct rig *rig, const struct placement *placement)
{
	start_two(rig, placement, RIG_OFFLOAD);
}
