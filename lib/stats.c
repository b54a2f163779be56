/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <time.h>

#include "stats.h"

static uint64_t monotonic_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

int weir_stats_read(struct weir_pipeline *pipeline, const char *path, uint64_t now,
		    struct weir_stats_snapshot *snapshot)
{
	const void *state = weir_pipeline_stage(pipeline, path, &weir_stats_type);

	if (!state)
		return -ENOENT;
	weir__stats_snapshot(state, now ? now : monotonic_ns(), snapshot);
	return 0;
}
