/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"
#include "pipeline.h"
#include "stats.h"

struct read {
	uint64_t now;
	struct weir_stats_snapshot *snapshot;
};

static int take_snapshot(void *state, void *data, struct weir_error *err)
{
	const struct read *read = data;

	(void)err;
	weir__stats_snapshot(state, read->now, read->snapshot);
	return 0;
}

int weir_stats_read(struct weir_pipeline *pipeline, const char *path, uint64_t now,
		    struct weir_stats_snapshot *snapshot)
{
	struct read read = { now ? now : weir__now(), snapshot };

	return weir__pipeline_with_stage(pipeline, path, &weir_stats_type, take_snapshot, &read, NULL);
}
