/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>

#define MBUFS 4095
#define CACHE 512

#include "bench.h"
#include "eal.h"

void eal_start(void)
{
	/* --no-shconf: --in-memory would say it better, but does not go together with --no-huge. */
	static char words[][32] = {
		"weir",           "--no-huge",   "-m",    "64",          "--no-shconf",          "--no-pci",
		"--no-telemetry", "--log-level", "error", "--log-level", "pmd.net.tap:critical", "--lcores"
	};
	static char lcores[16];
	char *arguments[countof(words) + 2];
	cpu_set_t before;

	for (unsigned i = 0; i < countof(words); i++)
		arguments[i] = words[i];
	snprintf(lcores, sizeof(lcores), "0@%d", sched_getcpu());
	arguments[countof(words)] = lcores;
	arguments[countof(words) + 1] = NULL;
	/* It pins this thread, and with it the threads that this one starts. */
	sched_getaffinity(0, sizeof(before), &before);
	if (rte_eal_init((int)countof(words) + 1, arguments) < 0)
		give_up(BENCH_REFUSED, "DPDK does not start: %s", rte_strerror(rte_errno));
	sched_setaffinity(0, sizeof(before), &before);
}

struct rte_mempool *eal_pool(const char *name, uint16_t room)
{
	struct rte_pktmbuf_pool_private info = { .mbuf_data_room_size = room };
	struct rte_mempool *pool =
		rte_mempool_create_empty(name, MBUFS, sizeof(struct rte_mbuf) + room, CACHE, sizeof(info),
					 SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_IOVA_CONTIG);

	if (!pool || rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), NULL) < 0)
		give_up(BENCH_FAILED, "DPDK makes no pool: %s", rte_strerror(rte_errno));
	rte_pktmbuf_pool_init(pool, &info);
	if (rte_mempool_populate_default(pool) < 0)
		give_up(BENCH_FAILED, "DPDK has no memory for a pool: %s", rte_strerror(rte_errno));
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return pool;
}
