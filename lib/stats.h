/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR__STATS_H
#define WEIR__STATS_H

#include <weir/stats.h>

/* What the state of a stats stage, memory, says at the time now. Any thread, while the stage runs. */
void weir__stats_snapshot(const void *memory, uint64_t now, struct weir_stats_snapshot *snapshot);

#endif
