/* SPDX-License-Identifier: Apache-2.0 */
/* Stages of the simulation. What they do with a packet follows from its flow or its number alone. */
#ifndef SIM_STAGES_H
#define SIM_STAGES_H

#include <weir/stage.h>

#define SIM_EXITS 3

/* Lets everything pass; sometimes it does not return for a while, as no stage may. */
struct sim_pass {
	WEIR_STAGE_OPTIONS
	uint32_t stuck_one_in; /* packets; 0: never */
};

/* Drops some. */
struct sim_drop {
	WEIR_STAGE_OPTIONS
	uint32_t one_in;
};

/* Sends each flow to an exit or lets it pass, and none to more than two exits on its way. */
struct sim_sort {
	WEIR_STAGE_OPTIONS
	uint32_t salt;
};

/*
 * Two pairs, whose second must see what the first has left in each packet. Enter and leave stand anywhere in
 * one chain, and come and go together: as a cipher and what undoes it. Mark and look stand in one chain on
 * one worker, and always have the same age.
 */
struct sim_pair {
	WEIR_STAGE_OPTIONS
	uint32_t number; /* of enter and leave, below SIM_PAIRS_MAX */
	uint32_t age;    /* of mark and look */
};

#define SIM_PAIRS_MAX 16

extern const struct weir_stage_type sim_enter_type;
extern const struct weir_stage_type sim_leave_type;
extern const struct weir_stage_type sim_mark_type;
extern const struct weir_stage_type sim_look_type;

extern const struct weir_stage_type sim_pass_type;
extern const struct weir_stage_type sim_drop_type;
extern const struct weir_stage_type sim_sort_type;

/* A packet has taken an exit: from then on packets may come to one place by several ways. */
extern bool sim_ways_part;

void sim_stages_init(uint64_t seed);

#endif
