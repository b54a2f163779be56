/* SPDX-License-Identifier: Apache-2.0 */
/* What happens outside of the pipeline: packets come, devices block, recover and die. */
#ifndef SIM_TRAFFIC_H
#define SIM_TRAFFIC_H

#include <stdint.h>

/* For sim_spawn(); argument: struct sim_traffic. Ends after every port was told to end and to take
 * everything. */
struct sim_traffic {
	uint64_t seed;
	uint32_t events;
	uint32_t die_one_in; /* events; 0: no device dies */
};

void *sim_traffic(void *argument);

#endif
