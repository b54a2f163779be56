/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DPDK's forwarder between two ports of its driver net_tap, for bursts of 32 packets, on one lcore: what
 * comes out of one goes into the other as it is. It makes the devices itself, in the rig's namespaces.
 */
#ifndef WEIR_BENCH_PEERS_TAP_H
#define WEIR_BENCH_PEERS_TAP_H

#include "placement.h"

/* As DPDK's own examples do: polls without end. */
void tap_start(const struct rig *rig, const struct placement *placement);

/* Sleeps for 20 microseconds when nothing came: on few processors, that leaves some for the traffic. */
void tap_start_idle(const struct rig *rig, const struct placement *placement);

/* The same two without the signal that the driver asks of the kernel for every arrival. */
void tap_start_quiet(const struct rig *rig, const struct placement *placement);
void tap_start_quiet_idle(const struct rig *rig, const struct placement *placement);

#endif
