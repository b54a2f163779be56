/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that is not ours and writes files where it likes: it runs with a /var/lib, /var/log and /run of
 * its own, in memory, and with process numbers of its own. All of that, and whatever it starts, ends with it
 * or with the bench, however that ends.
 */
#ifndef WEIR_BENCH_PROCESS_H
#define WEIR_BENCH_PROCESS_H

#include <sys/types.h>

#include "bench.h"

struct process {
	pid_t pid;
	clockid_t clock; /* of its processor time */
};

/* What run() does, with what it writes there: it ends with an exec. Its output is dropped but for stderr. */
void process_start(struct process *process, void (*run)(const void *argument), const void *argument);

/* At once. */
void process_kill(struct process *process);

#endif
