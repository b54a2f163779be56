/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames that wait: in a queue behind a neighbour whose address is not known yet, or in the one that the port
 * is read from. All memory for them is taken when the host is made.
 */
#ifndef WEIR__FRAMES_H
#define WEIR__FRAMES_H

#include <errno.h>
#include <stdlib.h>

#include <weir/base.h>

struct weir__frame {
	struct weir__frame *next;
	uint32_t len;
	uint8_t bytes[]; /* of the size of the store */
};

struct weir__frame_queue {
	struct weir__frame *first;
	struct weir__frame **last; /* where the next one goes; NULL: nobody has put one in yet */
	uint32_t n;
};

struct weir__frame_store {
	struct weir__frame_queue free;
	uint8_t *memory;
	uint32_t size; /* bytes of the largest frame */
};

static inline void weir__frame_put(struct weir__frame_queue *queue, struct weir__frame *frame)
{
	frame->next = NULL;
	if (!queue->first)
		queue->last = &queue->first;
	*queue->last = frame;
	queue->last = &frame->next;
	queue->n++;
}

/* The oldest; NULL: there is none. */
static inline struct weir__frame *weir__frame_take(struct weir__frame_queue *queue)
{
	struct weir__frame *frame = queue->first;

	if (frame) {
		queue->first = frame->next;
		queue->n--;
	}
	return frame;
}

static inline int weir__frame_store_init(struct weir__frame_store *store, uint32_t n, uint32_t size)
{
	const size_t stride = (sizeof(struct weir__frame) + size + 63) / 64 * 64;

	store->size = size;
	store->memory = calloc(n, stride);
	if (!store->memory)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		weir__frame_put(&store->free, (struct weir__frame *)(void *)(store->memory + i * stride));
	return 0;
}

static inline void weir__frame_store_fini(struct weir__frame_store *store)
{
	free(store->memory);
	store->memory = NULL;
}

#endif
