/* SPDX-License-Identifier: Apache-2.0 */
/* What benches with traffic show to people. */
#ifndef WEIR_BENCH_TABLE_H
#define WEIR_BENCH_TABLE_H

#include "report.h"
#include "visit.h"

/* Takes over what was measured. */
void table_add(struct report *report, const char *kase, const char *mode, const struct visit *visit);

/* A line for what has just been measured. */
void table_print_progress(const struct report *report, const struct traffic_case *kase,
			  const struct mode *mode, unsigned done, unsigned all);

void table_print_head(const struct report *report);
void table_print_row(const struct report *report, const struct traffic_case *kase, const struct mode *mode);

/* A line for each chain of Weir with what its stages cost. */
void table_print_stages(const struct report *report);

#endif
