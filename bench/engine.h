/* SPDX-License-Identifier: Apache-2.0 */
/* Weir as a forwarder. */
#ifndef WEIR_BENCH_ENGINE_H
#define WEIR_BENCH_ENGINE_H

#include "forwarder.h"
#include "shapes.h"

/* The one pipeline of this process, from one of the shapes or from a configuration of one's own. */
struct weir_pipeline *engine_start(enum shape shape, enum shape_ends ends, const struct rig *rig,
				   const struct placement *placement);
struct weir_pipeline *engine_start_config(const struct weir_config *config);

/* All stages on one worker. */
void engine_start_fused(const struct rig *rig, const struct placement *placement);

/* Two workers: each reads one device and writes the other, with a ring in each direction. */
void engine_start_threaded(const struct rig *rig, const struct placement *placement);

/* The same with super-packets. */
void engine_start_fused_gso(const struct rig *rig, const struct placement *placement);
void engine_start_threaded_gso(const struct rig *rig, const struct placement *placement);

/* The fused one: the left device gives and takes only ordinary packets, the right one super-packets. */
void engine_start_coalesce(const struct rig *rig, const struct placement *placement);

/* The fused ones, written by io_uring. */
void engine_start_fused_uring(const struct rig *rig, const struct placement *placement);
void engine_start_fused_uring_gso(const struct rig *rig, const struct placement *placement);

/* The fused one, and SHAPES_GENERATED packets of a generator through the same stages into nothing. */
void engine_start_generating(const struct rig *rig, const struct placement *placement);

/* Two workers and two devices that are made with it, in namespaces of their own. */
void engine_start_new(const struct rig *rig, const struct placement *placement);

/* Stops it, once all generated packets have passed if they have an end. */
void engine_stop(struct forwarder_report *report);

#endif
