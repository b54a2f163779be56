/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold of a pipeline at rest. */
#ifndef SIM_REST_H
#define SIM_REST_H

#include <weir/pipeline.h>

/* Why the engine itself may have dropped packets in this run. */
struct sim_allowed {
	bool stopped; /* a stop came to its deadline */
};

/* Of one that was stopped: every packet is in exactly one counter, and every buffer is free. */
void sim_check_rest(struct weir_pipeline *pipeline, const struct sim_allowed *allowed);

#endif
