/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_CPUS_H
#define SIM_CPUS_H

/* How many processors the simulated machine has. */
void sim_cpus_set(unsigned n);

#endif
