/* SPDX-License-Identifier: Apache-2.0 */
#include "mac_filter.h"
#include "pipeline.h"

struct change {
	int (*make)(void *state, enum weir_mac_list list, const char *entry, struct weir_error *err);
	enum weir_mac_list list;
	const char *entry;
};

static int make_change(void *state, void *data, struct weir_error *err)
{
	const struct change *change = data;

	return change->make(state, change->list, change->entry, err);
}

int weir_mac_filter_add(struct weir_pipeline *pipeline, const char *path, enum weir_mac_list list,
			const char *entry, struct weir_error *err)
{
	struct change change = { weir__mac_filter_add, list, entry };

	return weir__pipeline_with_stage(pipeline, path, &weir_mac_filter_type, make_change, &change, err);
}

int weir_mac_filter_remove(struct weir_pipeline *pipeline, const char *path, enum weir_mac_list list,
			   const char *entry, struct weir_error *err)
{
	struct change change = { weir__mac_filter_remove, list, entry };

	return weir__pipeline_with_stage(pipeline, path, &weir_mac_filter_type, make_change, &change, err);
}
