/* SPDX-License-Identifier: Apache-2.0 */
/* What changes of a pipeline took: as series of a report, and as a table. */
#ifndef WEIR_BENCH_CHANGES_H
#define WEIR_BENCH_CHANGES_H

#include "forwarder.h"
#include "report.h"

/* Takes over what one forwarder tells. */
void changes_add(struct report *report, const char *kase, const char *mode,
		 const struct forwarder_report *told);

/* The whole time of a change of that kind, in microseconds: the median over the rounds of the medians, or the
 * worst of all. NaN: there was none. */
double changes_median(const struct report *report, const char *kase, const char *mode, const char *kind);
double changes_worst(const struct report *report, const char *kase, const char *mode, const char *kind);

void changes_print(const struct report *report);

#endif
