/* SPDX-License-Identifier: Apache-2.0 */
/* The way of a vector through the operations of a program. All of this runs on the worker's thread. */
#ifndef WEIR__WALK_H
#define WEIR__WALK_H

#include "worker.h"

struct weir__amount weir__amount_of(const struct weir__worker *worker, const struct weir__vector *vector);

/* Runs a vector from op to the end of its segment; afterwards none of its buffers is the caller's. */
void weir__walk(struct weir__worker *worker, const struct weir__op *op, struct weir__vector *vector);

/* Tries again what the rings and writers of worker->blocked could not take. Returns whether anything moved.
 */
bool weir__walk_retry(struct weir__worker *worker, const struct weir__program *program);

#endif
