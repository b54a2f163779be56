/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of the simulation: eventfds, and those of simulated devices. */
#ifndef SIM_DESCRIPTORS_H
#define SIM_DESCRIPTORS_H

/* The poll() events that a device has now. Must change nothing. */
typedef short sim_events(void *device);

void sim_descriptors_init(void);

/* Returns a descriptor, as small a number as there is, or -EMFILE if that was ordered. */
int sim_descriptor_open(sim_events *events, void *device);
void sim_descriptor_close(int fd);

/* Fails if any is open. */
void sim_descriptors_check(const char *where);

#endif
