/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BENCH_PEERS_HOP_DPDK_H
#define WEIR_BENCH_PEERS_HOP_DPDK_H

#include "hop.h"

/* Through DPDK's ring with one producer and one consumer: fill pointers a call. capacity is in pointers.
 * After eal_start(). */
hop_measure hop_dpdk;

#endif
