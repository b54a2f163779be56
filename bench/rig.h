/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two network namespaces with a TUN in each, and nothing else: what one side sends to the other's address
 * passes the forwarder that attaches to both devices, and the kernels of both sides do the traffic.
 *
 * The devices are made once and outlive a forwarder, so that all of them find the very same settings.
 * Everything vanishes with the process.
 */
#ifndef WEIR_BENCH_RIG_H
#define WEIR_BENCH_RIG_H

#include "bench.h"

enum side {
	LEFT = 0,
	RIGHT,
	SIDES,
};

#define RIG_QUEUE_LENGTH 1000
#define RIG_MTU          1500

struct rig {
	int netns[SIDES];
	int counters[SIDES]; /* /proc/net/dev of each namespace */
};

/* What a device of the rig has counted since it was made. */
struct rig_counters {
	uint64_t to_forwarder;   /* packets that were read from it */
	uint64_t from_forwarder; /* packets that were written to it */
	uint64_t dropped;        /* packets that found its queue full */
};

/* Gives up with one clear line if it may not. The process has one thread. */
void rig_make(struct rig *rig);

/* The namespaces alone: somebody else makes devices of those names and addresses. */
void rig_make_namespaces(struct rig *rig);

/* "left", the device of the side and its name. */
const char *rig_device(enum side side);

/* The address of the side, in host order; and as text with the length of its network: "10.77.0.1/24". */
uint32_t rig_address(enum side side);
const char *rig_prefix(enum side side);

/* What this thread creates from now on belongs to the side. */
void rig_enter(const struct rig *rig, enum side side);

/*
 * Waits until nobody has the side's device: what a process had pending in io_uring may hold it a little
 * longer than the process lives.
 */
void rig_await_device(const struct rig *rig, enum side side);

/* How a loop has a device. */
#define RIG_NONBLOCKING 0x1u
#define RIG_OFFLOAD     0x2u /* a header of virtio in front of each packet, and super-packets */

/* A descriptor of the side's device. */
int rig_attach(const struct rig *rig, enum side side, unsigned how);

void rig_read(const struct rig *rig, enum side side, struct rig_counters *counters);

#endif
