/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of one vector that follow each other in their flow, put together to super-packets: the reverse of
 * segmentation (GRO). Only what the kernel, cutting the result, would turn into the same packets again, to
 * the last byte: so the IDs of IPv4 must count up even where no fragment is allowed and nobody needs them
 * (RFC 6864 §4.1), because a cut counts them up, and a virtio_net_hdr cannot ask for anything else.
 */
#ifndef WEIR__COALESCE_H
#define WEIR__COALESCE_H

#include <weir/offload.h>

struct weir__coalesce {
	/* In. */
	struct weir_buf *bufs;
	enum weir_layer layer;     /* WEIR_LAYER_L2, _L3 or _AF */
	enum weir_framing framing; /* with WEIR_LAYER_AF */
	uint32_t offload;          /* WEIR_OFFLOAD_TSO4, …: what may be made */
	uint32_t headroom;         /* bytes to leave free in front of what is made */
	/* Free buffers for 65,535 bytes behind the headroom, taken from the end; without one, packets go on
	 * as they are. What is left may have been written to. */
	uint32_t *jumbo;
	uint32_t n_jumbo;

	/* Out. */
	uint32_t index[WEIR_VECTOR_SIZE]; /* what goes on, each flow in its order */
	uint32_t n;
	uint32_t used[WEIR_VECTOR_SIZE]; /* buffers whose packets are in others now: free */
	uint32_t n_used;
	uint32_t made; /* super-packets among those that go on */
};

/* n at most WEIR_VECTOR_SIZE. Never fails: what cannot be put together goes on as it is. */
void weir__coalesce(struct weir__coalesce *coalesce, const uint32_t *index, uint32_t n);

#endif
