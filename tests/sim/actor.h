/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that use a pipeline while it runs. Several at once, as all of these calls may come at any time. */
#ifndef SIM_ACTOR_H
#define SIM_ACTOR_H

#include "rest.h"
#include "shape.h"

/* What the actors share. */
struct sim_stage {
	struct weir_pipeline *pipeline;
	struct sim_shape shape; /* that was applied last */
	struct sim_allowed allowed;
	unsigned cpus;
	unsigned appliers; /* actors that apply configurations */
	bool unsure;       /* whether the shape is what the pipeline has */
	bool over;         /* the traffic is */
	uint64_t applied;  /* how often that worked */
	uint64_t refused;
};

struct sim_actor {
	struct sim_stage *stage;
	struct sim_random random;
	unsigned haste; /* bits of the time between two actions, in ns */
	bool applies;   /* whole configurations */
	struct sim_config config;
};

/* Does something. */
void sim_act(struct sim_actor *actor);

/* The rows of the pipeline are those of the shape. */
void sim_check_shape(const struct sim_stage *stage);

#endif
