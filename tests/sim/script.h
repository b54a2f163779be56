/* SPDX-License-Identifier: Apache-2.0 */
/* What one seed does: a pipeline is made, used under traffic, and destroyed. */
#ifndef SIM_SCRIPT_H
#define SIM_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

/* Returns if nothing was found. */
void sim_script(uint64_t seed, bool trace);

/* What the seeds so far were about. */
struct sim_sums {
	uint64_t packets;
	uint64_t applied;
	uint64_t refused;
};

extern struct sim_sums sim_sums;

/* What is known of the run, to stderr. */
void sim_script_print(void);

#endif
