/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ring.h"

int weir__ring_init(struct weir__ring *ring, uint32_t capacity)
{
	uint32_t size = 2;

	/* A Concurrency Kit ring has a power of two of slots and keeps one of them empty. */
	while (size - 1 < capacity)
		size *= 2;
	/* Written once, so that no page of it is missing when traffic comes. */
	ring->slots = aligned_alloc(64, size * sizeof(*ring->slots));
	if (!ring->slots)
		return -ENOMEM;
	memset(ring->slots, 0, size * sizeof(*ring->slots));
	ring->capacity = capacity;
	ring->waiting = 0;
	ck_ring_init(&ring->ring, size);
	return 0;
}

void weir__ring_fini(struct weir__ring *ring)
{
	free(ring->slots);
	ring->slots = NULL;
}
