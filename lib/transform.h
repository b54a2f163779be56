/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two stages that make packets out of others, and so need buffers: gso_split and gro_coalesce. All of
 * this runs on the worker's thread.
 */
#ifndef WEIR__TRANSFORM_H
#define WEIR__TRANSFORM_H

#include "worker.h"

/* The configuration of both. */
struct weir__transform {
	uint32_t offload;      /* WEIR_OFFLOAD_…: what a split leaves as it is, or what is put together */
	enum weir_layer layer; /* of the packets that come; the plan's */
	enum weir_framing framing; /* with WEIR_LAYER_AF */
};

/* The reasons of a split. */
enum {
	WEIR__SPLIT_MALFORMED,
	WEIR__SPLIT_TOO_LONG,
};

/*
 * Cuts what the next one does not understand, and walks the pieces on. Returns how many packets of the vector
 * it is done with; fewer than all if what is behind it is blocked, or there is no buffer.
 */
uint32_t weir__split(struct weir__worker *worker, const struct weir__op *op,
		     const struct weir__vector *vector);

/* Puts packets of the vector together where they follow each other. */
void weir__coalesce_vector(struct weir__worker *worker, const struct weir__op *op,
			   struct weir__vector *vector);

#endif
