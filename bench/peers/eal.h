/* SPDX-License-Identifier: Apache-2.0 */
/* DPDK in this process: without huge pages, shared files and PCI devices, so that it needs what Weir needs.
 */
#ifndef WEIR_BENCH_PEERS_EAL_H
#define WEIR_BENCH_PEERS_EAL_H

#include <stdint.h>

/* Once in a process. The caller's thread becomes an lcore and may still run where it might before. */
void eal_start(void);

/*
 * As rte_pktmbuf_pool_create() makes it, but for where mbufs lie: without huge pages, that would put each at
 * the beginning of a page of its own, where all of them compete for one set of the cache.
 */
struct rte_mempool *eal_pool(const char *name, uint16_t room);

#endif
