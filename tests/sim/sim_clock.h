/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_CLOCK_H
#define SIM_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds. */
uint64_t sim_time_of(const struct timespec *time);

#endif
