/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a chain that are not stages: the engine tells them by the address of their type and never calls
 * them. */
#include <weir/config.h>

const struct weir_stage_type weir_read_type = {
	.name = "read",
	.help = "take packets from an endpoint",
	.options_size = sizeof(struct weir_read),
};

const struct weir_stage_type weir_write_type = {
	.name = "write",
	.help = "give packets to an endpoint",
	.options_size = sizeof(struct weir_write),
};

const struct weir_stage_type weir_ring_type = {
	.name = "ring",
	.help = "hand packets over to another worker",
	.options_size = sizeof(struct weir_ring),
};
