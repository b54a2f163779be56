/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's memory is that of the C library, but counted. */
#ifndef SIM_HEAP_H
#define SIM_HEAP_H

void sim_memory_init(void);

/* Fails if there is any; where: after what. */
void sim_memory_check(const char *where);

#endif
