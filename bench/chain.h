/* SPDX-License-Identifier: Apache-2.0 */
/* A chain without a device: generator, the first few of six stages, null, on one worker. */
#ifndef WEIR_BENCH_CHAIN_H
#define WEIR_BENCH_CHAIN_H

#include <weir/config.h>

#include "bench.h"

#define CHAIN_STAGES 6

/* What each stage adds, in the order of the chain; the first is a chain without any. */
extern const char *const chain_names[1 + CHAIN_STAGES];

struct chain {
	unsigned cpu;
	uint32_t size; /* bytes of a packet */
	uint32_t room; /* of a buffer; 0: as the engine has it */
};

/* Runs packets through the first n stages and returns nanoseconds a packet: those of the processor that the
 * worker had, so that what else runs on the machine disturbs less. */
double chain_run(const struct chain *chain, unsigned n, uint64_t packets);

/* The same of any chain through which so many packets come. */
double chain_measure(const struct weir_config *config, uint64_t packets);

#endif
