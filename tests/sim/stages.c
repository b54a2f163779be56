/* SPDX-License-Identifier: Apache-2.0 */
#include "stages.h"
#include "ledger.h"
#include "scheduler.h"

#define EXITS_OF_A_PACKET 2

struct pass_config {
	uint32_t stuck_one_in;
};

struct drop_config {
	uint32_t one_in;
};

struct sort_config {
	uint32_t salt;
};

struct pair_config {
	uint32_t number;
	uint32_t age;
};

static struct sim_random random_source;

bool sim_ways_part;

/* Of the others the engine does not know the options, and takes them for changed each time. */
static const struct weir_option pass_options[] = {
	WEIR_OPTION(struct sim_pass, stuck_one_in, U32, "packets until it does not return for a while"),
	{ 0 },
};
static const struct weir_option drop_options[] = {
	WEIR_OPTION(struct sim_drop, one_in, U32, "packets until one is dropped"),
	{ 0 },
};

void sim_stages_init(uint64_t seed)
{
	sim_random_seed(&random_source, seed, 4);
	sim_ways_part = false;
}

static const struct weir_reason drop_reasons[] = { { "chosen", "its number was drawn" }, { 0 } };

static int configure_pass(void *config, const void *options, const struct weir_place *place,
			  struct weir_error *err)
{
	(void)place, (void)err;
	((struct pass_config *)config)->stuck_one_in = ((const struct sim_pass *)options)->stuck_one_in;
	return 0;
}

static int configure_drop(void *config, const void *options, const struct weir_place *place,
			  struct weir_error *err)
{
	(void)place, (void)err;
	((struct drop_config *)config)->one_in = ((const struct sim_drop *)options)->one_in;
	return 0;
}

static int configure_sort(void *config, const void *options, const struct weir_place *place,
			  struct weir_error *err)
{
	(void)place, (void)err;
	((struct sort_config *)config)->salt = ((const struct sim_sort *)options)->salt;
	return 0;
}

static weir_verdict pass_packet(struct weir_buf *buf, const struct pass_config *config, void *state)
{
	(void)state;
	for (uint32_t k = 0; k < weir_buf_segments(buf); k++)
		sim_segment_label(buf, k, "sim_pass");
	if (sim_once_in(&random_source, config->stuck_one_in))
		sim_sleep(sim_scale(&random_source, 27));
	return WEIR_NEXT;
}

static weir_verdict drop_packet(struct weir_buf *buf, const struct drop_config *config, void *state)
{
	(void)state;
	if (sim_packet_label(buf, "sim_drop")->id % config->one_in)
		return WEIR_NEXT;
	sim_packet_dropped(buf, "sim_drop");
	return WEIR_DROP(0);
}

static weir_verdict sort_packet(struct weir_buf *buf, const struct sort_config *config, void *state)
{
	struct sim_label *label = sim_segment_label(buf, 0, "sim_sort");
	const uint32_t way =
		(label->flow * 31 + label->port * 17 + config->salt * 7 + label->laps) % (SIM_EXITS + 1);

	(void)state;
	if (!way || label->laps == EXITS_OF_A_PACKET)
		return WEIR_NEXT;
	for (uint32_t k = 0; k < weir_buf_segments(buf); k++)
		sim_segment_label(buf, k, "sim_sort")->laps++;
	sim_ways_part = true;
	return WEIR_EXIT(way - 1);
}

static int configure_pair(void *config, const void *options, const struct weir_place *place,
			  struct weir_error *err)
{
	const struct sim_pair *pair = options;

	(void)place, (void)err;
	*(struct pair_config *)config = (struct pair_config){ pair->number, pair->age };
	return 0;
}

static weir_verdict enter_packet(struct weir_buf *buf, const struct pair_config *config, void *state)
{
	struct sim_label *label = sim_packet_label(buf, "sim_enter");

	(void)state;
	if (label->entered & 1u << config->number)
		sim_fail("packet %u of flow %u of p%u enters a second time", label->sequence, label->flow,
			 label->port);
	label->entered = (uint16_t)(label->entered | 1u << config->number);
	return WEIR_NEXT;
}

static weir_verdict leave_packet(struct weir_buf *buf, const struct pair_config *config, void *state)
{
	struct sim_label *label = sim_packet_label(buf, "sim_leave");

	(void)state;
	if (!(label->entered & 1u << config->number))
		sim_fail("packet %u of flow %u of p%u leaves, but has not entered", label->sequence,
			 label->flow, label->port);
	label->entered = (uint16_t)(label->entered & ~(1u << config->number));
	return WEIR_NEXT;
}

static weir_verdict mark_packet(struct weir_buf *buf, const struct pair_config *config, void *state)
{
	(void)state;
	sim_packet_label(buf, "sim_mark")->age = config->age;
	return WEIR_NEXT;
}

static weir_verdict look_packet(struct weir_buf *buf, const struct pair_config *config, void *state)
{
	const struct sim_label *label = sim_packet_label(buf, "sim_look");

	(void)state;
	if (label->age != config->age)
		sim_fail("packet %u of flow %u of p%u met a stage of age %u and one of age %u",
			 label->sequence, label->flow, label->port, label->age, config->age);
	return WEIR_NEXT;
}

WEIR_PROCESS(enter_vector, enter_packet, struct pair_config, void)
WEIR_PROCESS(leave_vector, leave_packet, struct pair_config, void)
WEIR_PROCESS(mark_vector, mark_packet, struct pair_config, void)
WEIR_PROCESS(look_vector, look_packet, struct pair_config, void)
WEIR_PROCESS(pass_vector, pass_packet, struct pass_config, void)
WEIR_PROCESS(drop_vector, drop_packet, struct drop_config, void)
WEIR_PROCESS(sort_vector, sort_packet, struct sort_config, void)

const struct weir_stage_type sim_pass_type = {
	.name = "sim_pass",
	.offload = WEIR_OFFLOAD_ALL,
	.help = "passes all",
	.options = pass_options,
	.options_size = sizeof(struct sim_pass),
	.config_size = sizeof(struct pass_config),
	.configure = configure_pass,
	.process = pass_vector,
};

const struct weir_stage_type sim_drop_type = {
	.name = "sim_drop",
	.help = "drops some",
	.options = drop_options,
	.reasons = drop_reasons,
	.options_size = sizeof(struct sim_drop),
	.config_size = sizeof(struct drop_config),
	.configure = configure_drop,
	.process = drop_vector,
};

const struct weir_stage_type sim_sort_type = {
	.name = "sim_sort",
	.offload = WEIR_OFFLOAD_ALL,
	.help = "sends each flow its way",
	.exits = SIM_EXITS,
	.options_size = sizeof(struct sim_sort),
	.config_size = sizeof(struct sort_config),
	.configure = configure_sort,
	.process = sort_vector,
};

const struct weir_stage_type sim_enter_type = {
	.name = "sim_enter",
	.help = "the first stage of a pair",
	.options_size = sizeof(struct sim_pair),
	.config_size = sizeof(struct pair_config),
	.configure = configure_pair,
	.process = enter_vector,
};

const struct weir_stage_type sim_leave_type = {
	.name = "sim_leave",
	.help = "the second stage of a pair",
	.options_size = sizeof(struct sim_pair),
	.config_size = sizeof(struct pair_config),
	.configure = configure_pair,
	.process = leave_vector,
};

const struct weir_stage_type sim_mark_type = {
	.name = "sim_mark",
	.help = "the first stage of a pair",
	.options_size = sizeof(struct sim_pair),
	.config_size = sizeof(struct pair_config),
	.configure = configure_pair,
	.process = mark_vector,
};

const struct weir_stage_type sim_look_type = {
	.name = "sim_look",
	.help = "the second stage of a pair",
	.options_size = sizeof(struct sim_pair),
	.config_size = sizeof(struct pair_config),
	.configure = configure_pair,
	.process = look_vector,
};
