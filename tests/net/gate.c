/* SPDX-License-Identifier: Apache-2.0 */
#include "gate.h"

static weir_verdict gate_pass(struct weir_buf *buf, const struct gate *config, void *state)
{
	(void)buf;
	(void)state;
	while (!__atomic_load_n(config->open, __ATOMIC_ACQUIRE))
		;
	return WEIR_NEXT;
}

WEIR_PROCESS(gate_vector, gate_pass, struct gate, void)

const struct weir_stage_type gate_type = {
	.name = "gate",
	.help = "let nothing pass while it is closed",
	.options_size = sizeof(struct gate),
	.config_size = sizeof(struct gate),
	.offload = WEIR_OFFLOAD_ALL,
	.process = gate_vector,
};
