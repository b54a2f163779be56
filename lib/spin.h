/* SPDX-License-Identifier: Apache-2.0 */
/* How long each worker may go on polling before it sleeps. */
#ifndef WEIR__SPIN_H
#define WEIR__SPIN_H

#include "pipeline.h"

/* Sets it in the programs of the shape. No setting makes more workers spin than there are processors: then
 * none does, and shape->spinning says how many would have. */
void weir__spin_set(struct weir__shape *shape, struct weir__program *const programs[]);

/* Says so in the log, once the shape is the pipeline's. */
void weir__spin_warn(struct weir_pipeline *pipeline);

#endif
