/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that looks whether the workers of a running pipeline go on. One that neither ends its pass nor
 * sleeps is stuck in a stage that blocks or spins, or the machine does not let it run; either way everything
 * that waits for it waits too, and somebody has to say so. When all of them have slept for a second, it
 * sleeps too: the first worker that wakes up rings it.
 */
#ifndef WEIR__WATCHDOG_H
#define WEIR__WATCHDOG_H

#include <pthread.h>

#include <weir/error.h>

#include "doorbell.h"

struct weir_pipeline;

struct weir__watchdog {
	pthread_t thread;
	struct weir__doorbell bell; /* marked while it sleeps for as long as all workers do */
	bool stop;
	bool running;
};

int weir__watchdog_start(struct weir_pipeline *pipeline, struct weir_error *err);
/* Does nothing if it does not run. */
void weir__watchdog_stop(struct weir_pipeline *pipeline);

#endif
