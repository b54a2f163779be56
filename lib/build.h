/* SPDX-License-Identifier: Apache-2.0 */
/* From a plan to the parts of a pipeline. */
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

/* Opens the endpoints of the plan. Returns 0 or a negative errno, in words in plan->err; those that are open
 * stay so. */
int weir__endpoints_open(struct weir_pipeline *pipeline, const struct weir__plan *plan);

/* The whole pipeline is there. */
void weir__endpoints_created(struct weir_pipeline *pipeline);

void weir__endpoints_close(struct weir_pipeline *pipeline);

#endif
