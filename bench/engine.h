/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weir as a forwarder: Ethernet framing, a filter and statistics between the two devices, both ways.
 *
 *	left reader -> af_decap -> eth_wrap -> mac_filter -> stats [=> other worker] -> eth_unwrap -> af_encap
 *-> right writer
 */
#ifndef WEIR_BENCH_ENGINE_H
#define WEIR_BENCH_ENGINE_H

#include "forwarder.h"

/* All stages on one worker. */
void engine_start_fused(const struct rig *rig, const struct placement *placement);

/* Two workers: each reads one device and writes the other, with a ring in each direction. */
void engine_start_threaded(const struct rig *rig, const struct placement *placement);

/* The fused one, and ENGINE_GENERATED packets of a generator through the same stages into nothing. */
void engine_start_generating(const struct rig *rig, const struct placement *placement);

#define ENGINE_GENERATED 10000000u

/* Stops it, once all generated packets have passed if it generates any. */
void engine_stop(struct forwarder_report *report);

#endif
