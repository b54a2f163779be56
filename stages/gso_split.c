/* SPDX-License-Identifier: Apache-2.0 */
/* The work is the engine's (lib/transform.c), because it takes buffers. */
#include <weir/gso_split.h>

#include "transform.h"

static const struct weir_reason reasons[] = {
	[WEIR__SPLIT_MALFORMED] = { "malformed",
				    "its offsets or headers are not those of what it claims to be" },
	[WEIR__SPLIT_TOO_LONG] = { "too_long",
				   "its pieces fit in no small buffer, and there was no jumbo buffer" },
	{ NULL, NULL },
};

static int configure(void *config, const void *options_, const struct weir_place *place,
		     struct weir_error *err)
{
	const struct weir_gso_split *options = options_;
	struct weir__transform *split = config;

	(void)place;
	split->offload = options->keep;
	if (options->keep & ~WEIR_OFFLOAD_ALL)
		return weir_invalid(err, "keep", "0x%x has bits that are no offload", options->keep);
	return 0;
}

static const struct weir_option options[] = {
	WEIR_OPTION(struct weir_gso_split, keep, U32, "offloads that are left as they are, by bit"),
	{ 0 },
};

const struct weir_stage_type weir_gso_split_type = {
	.name = "gso_split",
	.help = "cuts super-packets into the packets they stand for, and completes checksums",
	.offload = WEIR_OFFLOAD_ALL,
	.reasons = reasons,
	.options = options,
	.options_size = sizeof(struct weir_gso_split),
	.config_size = sizeof(struct weir__transform),
	.configure = configure,
};
