/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_errno.h>
#include <rte_ring.h>

#include "hop_dpdk.h"

#define BURST_MAX 256

static uint64_t consume(struct hop *hop)
{
	const uint64_t packets = hop->vectors * hop->fill;
	void *burst[BURST_MAX];
	unsigned turns = 0;
	uint64_t sum = 0;

	for (uint64_t done = 0; done < packets;) {
		const unsigned n = rte_ring_sc_dequeue_burst(hop->ring, burst, hop->fill, NULL);

		if (n == 0)
			hop_wait_turn(&turns);
		for (unsigned i = 0; i < n; i++)
			sum += (uintptr_t)burst[i];
		done += n;
	}
	return sum;
}

static void produce(struct hop *hop)
{
	void *burst[BURST_MAX];
	unsigned turns = 0;

	for (uint32_t i = 0; i < hop->fill; i++)
		burst[i] = (void *)(uintptr_t)(i + 1);
	for (uint64_t n = 0; n < hop->vectors; n++)
		while (rte_ring_sp_enqueue_bulk(hop->ring, burst, hop->fill, NULL) == 0)
			hop_wait_turn(&turns);
}

double hop_dpdk(const unsigned cpu[2], uint32_t capacity, uint32_t fill, uint64_t vectors)
{
	struct hop hop = {
		.produce = produce,
		.consume = consume,
		.ring = rte_ring_create("hop", capacity, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ),
		.cpu = { cpu[0], cpu[1] },
		.fill = fill,
		.vectors = vectors,
	};
	double ns;

	if (!hop.ring || fill > BURST_MAX)
		give_up(BENCH_FAILED, "DPDK makes no ring for %u packets: %s", capacity,
			rte_strerror(rte_errno));
	ns = hop_run(&hop);
	rte_ring_free(hop.ring);
	return ns;
}
