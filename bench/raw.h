/* SPDX-License-Identifier: Apache-2.0 */
/* The baseline: the least that a program can do to move packets between two TUNs, with read() and write(). */
#ifndef WEIR_BENCH_RAW_H
#define WEIR_BENCH_RAW_H

#include "placement.h"
#include "rig.h"

/* One thread for both directions. */
void raw_start(const struct rig *rig, const struct placement *placement);

/* One thread for each direction. */
void raw2_start(const struct rig *rig, const struct placement *placement);

#endif
