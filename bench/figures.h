/* SPDX-License-Identifier: Apache-2.0 */
/* The headline numbers of the bench of throughput and their bars. */
#ifndef WEIR_BENCH_FIGURES_H
#define WEIR_BENCH_FIGURES_H

#include "report.h"

/* Adds those whose cases and modes were measured. */
void figures_add(struct report *report);

#endif
