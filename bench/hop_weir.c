/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "hop.h"
#include "ring.h"

struct hand_off {
	struct weir__ring ring;
	struct weir__doorbell bells[2];
};

static uint64_t consume(struct hop *hop)
{
	struct hand_off *way = hop->ring;
	struct weir__vector vector;
	unsigned turns = 0;
	uint64_t sum = 0;

	for (uint64_t n = 0; n < hop->vectors; n++) {
		while (!weir__ring_pop(&way->ring, &vector))
			hop_wait_turn(&turns);
		for (uint32_t i = 0; i < vector.n; i++)
			sum += vector.index[i];
		weir__ring_made_room(&way->ring, &way->bells[0]);
	}
	return sum;
}

/* Does what a worker does at a ring: copies the vector in and rings the bell of a consumer that is awake. */
static void produce(struct hop *hop)
{
	struct hand_off *way = hop->ring;
	struct weir__vector vector = { .n = (uint16_t)hop->fill };
	unsigned turns = 0;

	for (uint32_t i = 0; i < hop->fill; i++)
		vector.index[i] = i + 1;
	for (uint64_t n = 0; n < hop->vectors; n++) {
		while (!weir__ring_push(&way->ring, &vector))
			hop_wait_turn(&turns);
		weir__doorbell_ring(&way->bells[1]);
	}
}

double hop_weir(const unsigned cpu[2], uint32_t capacity, uint32_t fill, uint64_t vectors)
{
	struct hand_off *way = aligned_alloc(64, (sizeof(*way) + 63) / 64 * 64);
	struct hop hop = { produce, consume, way, { cpu[0], cpu[1] }, fill, vectors };
	double ns;

	if (!way)
		give_up(BENCH_FAILED, "ring: no memory");
	memset(way, 0, sizeof(*way));
	if (weir__ring_init(&way->ring, capacity) < 0)
		give_up(BENCH_FAILED, "ring: no memory");
	ns = hop_run(&hop);
	weir__ring_fini(&way->ring);
	free(way);
	return ns;
}
