/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weir as a forwarder, in several shapes: Ethernet framing, a filter and statistics between the two sides,
 * both ways.
 *
 *	left reader -> af_decap -> eth_wrap -> mac_filter -> stats [=> other worker] -> eth_unwrap -> af_encap
 *		-> right writer
 */
#ifndef WEIR_BENCH_SHAPES_H
#define WEIR_BENCH_SHAPES_H

#include <weir/weir.h>

#include "placement.h"

enum shape {
	SHAPE_FUSED = 0,  /* all stages on one worker, "all" */
	SHAPE_GENERATING, /* the same, and a generator's packets through the same stages into nothing */
	SHAPE_SPLIT,      /* two workers, "rx" and "tx": each reads one side and writes the other, by rings */
	SHAPE_LONGER,     /* the same with one more stage each way */
	SHAPE_JOINED,     /* the same two workers without rings */
	SHAPE_MOVED,      /* as split, but the way forth begins on the other worker */
	SHAPE_ADDED,      /* as split, with one more chain, from a generator into nothing */
	SHAPES,
};

#define SHAPES_GENERATED 10000000u /* packets of SHAPE_GENERATING */

/* What stands at the two sides. */
enum shape_ends {
	ENDS_PLAIN = 0,     /* the devices of the rig, each packet by itself */
	ENDS_OFFLOAD,       /* the same with super-packets, as weir_tun has them unless told */
	ENDS_COALESCE,      /* without on the left, with on the right */
	ENDS_URING,         /* as the first, written by io_uring */
	ENDS_URING_OFFLOAD, /* and as the second */
	ENDS_NEW,           /* devices that the pipeline makes, with addresses */
	ENDS_GENERATORS,    /* packets without end come from both sides, and vanish there; no device */
	ENDS,
};

#define SHAPES_FILTER_FORTH "forth/mac_filter"
#define SHAPES_FILTER_BACK  "back/mac_filter"

/* Valid as long as the process, until the next call for the same shape and ends. rig is NULL for generators.
 */
const struct weir_config *shapes_config(enum shape shape, enum shape_ends ends, const struct rig *rig,
					const struct placement *placement);

/* Gives a configuration of one's own the endpoints of these ends, "left" and "right". */
void shapes_add_ends(struct weir_config *config, enum shape_ends ends, const struct rig *rig);

/* Another configuration, by its number, of the filter of the way forth or back: each lets all traffic pass.
 */
struct weir_stage shapes_filter(bool back, unsigned number);

#endif
