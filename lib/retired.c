/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "pipeline.h"
#include "retired.h"

void weir__retire(struct weir_pipeline *pipeline, struct weir__retired *note, void *what,
		  void (*release)(void *what))
{
	*note = (struct weir__retired){ .next = pipeline->retired, .what = what, .release = release };
	pipeline->retired = note;
}

void weir__retired_free(struct weir_pipeline *pipeline)
{
	while (pipeline->retired) {
		struct weir__retired *note = pipeline->retired;

		pipeline->retired = note->next;
		note->release(note->what);
		free(note);
	}
}
