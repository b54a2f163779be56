/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gso_split: cuts super-packets of TCP and UDP into the packets that they stand for, as the kernel would, and
 * completes checksums that were left open. The engine puts it wherever less is understood than comes, so it
 * is rarely written by hand. Takes IP packets, Ethernet frames and packets of devices.
 *
 * Each piece lies in a buffer of its own and has the metadata of the super-packet. What the next one does not
 * take at once waits here. Pieces that fit in no small buffer (struct weir_pool.room) take jumbo buffers;
 * when there is none, the rest of that super-packet is dropped as "too_long".
 */
#ifndef WEIR_GSO_SPLIT_H
#define WEIR_GSO_SPLIT_H

#include <weir/stage.h>

WEIR_BEGIN_DECLS

struct weir_gso_split {
	WEIR_STAGE_OPTIONS
	uint32_t keep; /* WEIR_OFFLOAD_…: what is left as it is; default 0, nothing */
};

WEIR_API extern const struct weir_stage_type weir_gso_split_type;

#define weir_gso_split(...) WEIR_STAGE(weir_gso_split_type, struct weir_gso_split, __VA_ARGS__)

WEIR_END_DECLS

#endif
