/* SPDX-License-Identifier: Apache-2.0 */
/* From a plan to the parts of a pipeline and the programs of its workers. */
#ifndef WEIR__BUILD_H
#define WEIR__BUILD_H

#include "pipeline.h"
#include "plan.h"

/*
 * Makes the shape of a plan. What the old shape has by the same name (old may be NULL) stands in both, and
 * nothing of it is changed; new endpoints are not open and new workers have no thread yet. Takes the stages'
 * configs over from the plan. Returns 0 or a negative errno, in words in plan->err.
 */
int weir__build(struct weir__shape **result, struct weir_pipeline *pipeline, struct weir__plan *plan,
		const struct weir__shape *old);

#endif
