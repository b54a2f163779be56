/* SPDX-License-Identifier: Apache-2.0 */
/* From a plan to the rows and programs of a pipeline. */
#ifndef WEIR__BUILD_H
#define WEIR__BUILD_H

#include "pipeline.h"
#include "plan.h"

/*
 * Makes pipeline->rows and the program of every worker, for the endpoints, workers and pool that are there
 * already. Takes the stages' configs over from the plan. Returns 0 or -ENOMEM; weir__build_free() frees what
 * was made.
 */
int weir__build(struct weir_pipeline *pipeline, struct weir__plan *plan);
void weir__build_free(struct weir_pipeline *pipeline);

#endif
