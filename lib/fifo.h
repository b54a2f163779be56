/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in one piece: written behind, read in front. What is left moves to the front only where room lacks.
 */
#ifndef WEIR__FIFO_H
#define WEIR__FIFO_H

#include <stdlib.h>
#include <string.h>

#include <weir/base.h>

struct weir__fifo {
	uint8_t *bytes;
	size_t from, to; /* what is in it */
	size_t size;
};

static inline bool weir__fifo_init(struct weir__fifo *fifo, size_t size)
{
	*fifo = (struct weir__fifo){ .bytes = malloc(size), .size = size };
	return fifo->bytes;
}

static inline size_t weir__fifo_used(const struct weir__fifo *fifo)
{
	return fifo->to - fifo->from;
}

static inline uint8_t *weir__fifo_front(const struct weir__fifo *fifo)
{
	return fifo->bytes + fifo->from;
}

/* Takes n bytes off the front; n at most what is used. */
static inline void weir__fifo_take(struct weir__fifo *fifo, size_t n)
{
	fifo->from += n;
	if (fifo->from == fifo->to)
		fifo->from = fifo->to = 0;
}

/* Where n bytes may be written, to be put in by weir__fifo_put(). NULL: there is not so much room. */
static inline uint8_t *weir__fifo_room(struct weir__fifo *fifo, size_t n)
{
	if (WEIR_LIKELY(fifo->size - fifo->to >= n))
		return fifo->bytes + fifo->to;
	if (fifo->size - weir__fifo_used(fifo) < n)
		return NULL;
	memmove(fifo->bytes, weir__fifo_front(fifo), weir__fifo_used(fifo));
	fifo->to -= fifo->from;
	fifo->from = 0;
	return fifo->bytes + fifo->to;
}

static inline void weir__fifo_put(struct weir__fifo *fifo, size_t n)
{
	fifo->to += n;
}

#endif
