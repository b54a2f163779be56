/* SPDX-License-Identifier: Apache-2.0 */
/* A control thread that changes a pipeline again and again, so many times a second, and takes the times. */
#ifndef WEIR_BENCH_CHANGER_H
#define WEIR_BENCH_CHANGER_H

#include <weir/weir.h>

#include "forwarder.h"

struct changer {
	unsigned per_second;
	unsigned n_kinds; /* done in turn, from the first to the last */
	const char *const *kinds;
	/* Does the one that is next; *report may stay NULL. */
	int (*change)(unsigned kind, struct weir_report **report, struct weir_error *err);
};

/* Once, before the first forwarder. */
void changer_init(void);

/* From the bench's process: whether the one that changes leaves the pipeline alone for now. */
void changer_rest(bool resting);

/* Starts the thread; the struct must stay. */
void changer_start(const struct changer *wanted);

/* Ends it and adds what it has found of each kind, and of all as the kind "all". */
void changer_stop(struct forwarder_report *report);

#endif
