/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that looks whether the workers of a running pipeline go on. One that neither ends its pass nor
 * sleeps is stuck in a stage that blocks or spins, or the machine does not let it run; either way everything
 * that waits for it waits too, and somebody has to say so.
 */
#ifndef WEIR__WATCHDOG_H
#define WEIR__WATCHDOG_H

#include <pthread.h>

#include <weir/error.h>

struct weir_pipeline;

struct weir__watchdog {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t cond; /* stop was set */
	bool stop;
	bool running;
};

int weir__watchdog_start(struct weir_pipeline *pipeline, struct weir_error *err);
/* Does nothing if it does not run. */
void weir__watchdog_stop(struct weir_pipeline *pipeline);

#endif
