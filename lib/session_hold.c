/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include <weir/offload.h>

#include "session_hold.h"

#define PACKET_DEFAULT 1518
#define PACKET_SUPER   (65535 + 18)

/* Room and what is around it, so that the next one begins where pointers may. */
static size_t place_of(const struct weir__session_hold *hold, size_t packet)
{
	return (hold->headroom + packet + hold->tailroom + 7) & ~(size_t)7;
}

int weir__session_hold_open(struct weir__session_hold *hold, uint32_t max,
			    const struct weir_endpoint_info *info)
{
	const bool supers = info->takes & (WEIR_OFFLOAD_TSO | WEIR_OFFLOAD_USO);
	const uint32_t packet = supers ? PACKET_SUPER : info->max_packet ? info->max_packet : PACKET_DEFAULT;

	*hold = (struct weir__session_hold){
		.max = max, .limit = max, .headroom = info->headroom, .tailroom = info->tailroom
	};
	if (!max)
		return 0;
	hold->size = max * place_of(hold, packet);
	hold->bufs = calloc(max, sizeof(*hold->bufs));
	hold->bytes = malloc(hold->size);
	if (hold->bufs && hold->bytes)
		return 0;
	weir__session_hold_close(hold);
	return -ENOMEM;
}

void weir__session_hold_close(struct weir__session_hold *hold)
{
	free(hold->bufs);
	free(hold->bytes);
	*hold = (struct weir__session_hold){ 0 };
}

/* Those that have not gone move to the beginning. */
static void close_up(struct weir__session_hold *hold)
{
	const size_t gone = (size_t)(hold->bufs[hold->first].room - hold->bytes);

	memmove(hold->bytes, hold->bytes + gone, hold->used - gone);
	hold->used -= gone;
	hold->end -= hold->first;
	memmove(hold->bufs, hold->bufs + hold->first, hold->end * sizeof(*hold->bufs));
	hold->first = 0;
	for (uint32_t i = 0; i < hold->end; i++) {
		hold->bufs[i].room -= gone;
		hold->bufs[i].data -= gone;
	}
}

bool weir__session_hold_put(struct weir__session_hold *hold, const struct weir_buf *buf)
{
	const size_t place = place_of(hold, buf->len);
	struct weir_buf *copy;

	if (weir__session_hold_count(hold) >= hold->limit)
		return false;
	if (hold->first && (hold->end == hold->max || place > hold->size - hold->used))
		close_up(hold);
	if (place > hold->size - hold->used)
		return false;
	copy = &hold->bufs[hold->end++];
	*copy = *buf;
	copy->room = hold->bytes + hold->used;
	copy->room_size = (uint32_t)place;
	copy->data = copy->room + hold->headroom;
	memcpy(copy->data, buf->data, buf->len);
	hold->used += place;
	return true;
}

void weir__session_hold_show(struct weir__session_hold *hold, struct weir_writer *writer)
{
	static const uint32_t index[WEIR_VECTOR_SIZE] = { 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
							  11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
							  22, 23, 24, 25, 26, 27, 28, 29, 30 };
	const uint32_t n = weir__session_hold_count(hold);

	*writer = (struct weir_writer){
		.bufs = hold->bufs + hold->first,
		.index = index,
		.n = n < WEIR_VECTOR_SIZE ? n : WEIR_VECTOR_SIZE,
	};
	memset(writer->verdict, WEIR_NEXT, sizeof(writer->verdict));
}

void weir__session_hold_gone(struct weir__session_hold *hold, uint32_t n)
{
	hold->first += n;
	if (hold->first < hold->end)
		return;
	hold->first = 0;
	hold->end = 0;
	hold->used = 0;
}
