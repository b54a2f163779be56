/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The baselines: the least that a program can do to move packets between two TUNs. Those with "gso" have the
 * devices give and take super-packets, and pass them on whole, with the header of virtio in front.
 */
#ifndef WEIR_BENCH_RAW_H
#define WEIR_BENCH_RAW_H

#include "placement.h"
#include "rig.h"

/* poll(), read() and write(), one thread for both directions. */
void raw_start(const struct rig *rig, const struct placement *placement);
void raw_start_gso(const struct rig *rig, const struct placement *placement);

/* read() and write(), one thread for each direction. */
void raw2_start(const struct rig *rig, const struct placement *placement);
void raw2_start_gso(const struct rig *rig, const struct placement *placement);

/* io_uring, one thread for both directions: a read that goes on as long as there are buffers, and queued
 * writes out of the same buffers. */
void raw_uring_start(const struct rig *rig, const struct placement *placement);
void raw_uring_start_gso(const struct rig *rig, const struct placement *placement);

/* Why this system cannot do that; NULL: it can. */
const char *raw_uring_lacks(void);

#endif
