/* SPDX-License-Identifier: Apache-2.0 */
/* A descriptor that is readable from a moment on. For endpoints whose packets are due at a time of their own.
 */
#ifndef WEIR__ALARM_H
#define WEIR__ALARM_H

#include <stdint.h>

struct weir__alarm {
	int fd;
	uint64_t at; /* nanoseconds of CLOCK_MONOTONIC; 0: since ever */
};

/* Readable at once. Returns 0 or a negative errno, and then fd is -1. */
int weir__alarm_open(struct weir__alarm *alarm);

/* fd -1 is allowed. */
void weir__alarm_close(struct weir__alarm *alarm);

/* Readable from that time on and not before. */
void weir__alarm_set(struct weir__alarm *alarm, uint64_t at);

#endif
