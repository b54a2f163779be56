/* SPDX-License-Identifier: Apache-2.0 */
/* Six stages that do next to nothing: what the engine itself costs, as nodes that do as little show it of
 * another. */
#ifndef WEIR_BENCH_PEERS_TOUCH_H
#define WEIR_BENCH_PEERS_TOUCH_H

#include "chain.h"

/* As chain_run() with all stages, each of which changes eight bytes of each packet. */
double touch_run(const struct chain *chain, uint64_t packets);

#endif
