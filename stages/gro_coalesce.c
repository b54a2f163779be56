/* SPDX-License-Identifier: Apache-2.0 */
/* The work is the engine's (lib/transform.c), because it takes buffers. */
#include <weir/gro_coalesce.h>

#include "transform.h"

static int configure(void *config, const void *options_, const struct weir_place *place,
		     struct weir_error *err)
{
	const struct weir_gro_coalesce *options = options_;
	struct weir__transform *coalesce = config;

	(void)place;
	coalesce->offload = options->make ? options->make : WEIR_OFFLOAD_TSO | WEIR_OFFLOAD_USO;
	if (options->make & ~(WEIR_OFFLOAD_TSO | WEIR_OFFLOAD_USO))
		return weir_invalid(err, "make", "0x%x has bits that are no kind of super-packet",
				    options->make);
	return 0;
}

static const struct weir_option options[] = {
	WEIR_OPTION(struct weir_gro_coalesce, make, U32,
		    "kinds of super-packets to make, by bit; default all"),
	{ 0 },
};

const struct weir_stage_type weir_gro_coalesce_type = {
	.name = "gro_coalesce",
	.help = "puts packets that follow each other in their flow together to super-packets",
	.offload = WEIR_OFFLOAD_ALL,
	.options = options,
	.options_size = sizeof(struct weir_gro_coalesce),
	.config_size = sizeof(struct weir__transform),
	.configure = configure,
};
