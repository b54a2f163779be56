/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "clock.h"
#include "stats.h"

int weir_stats_read(struct weir_pipeline *pipeline, const char *path, uint64_t now,
		    struct weir_stats_snapshot *snapshot)
{
	const void *state = weir_pipeline_stage(pipeline, path, &weir_stats_type);

	if (!state)
		return -ENOENT;
	weir__stats_snapshot(state, now ? now : weir__now(), snapshot);
	return 0;
}
