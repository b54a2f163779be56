/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the system refuses. A thread of the simulation orders it for its own calls; the engine's threads
 * always get what they ask for, as they ask for nothing.
 */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

void sim_faults_init(uint64_t seed);

/* The calling thread's n-th call from now that takes memory, a descriptor or a thread fails; 0: none. */
void sim_fail_in(uint32_t n);

/* Stops that. Returns whether one has failed since. */
bool sim_fail_stop(void);

/* Asked by each such call. */
bool sim_refused(const char *what);

/* Whether a signal ends this call of the system. */
bool sim_interrupted(void);

#endif
