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

static struct sim_random random_source;

void sim_stages_init(uint64_t seed)
{
	sim_random_seed(&random_source, seed, 4);
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
	sim_packet_label(buf, "sim_pass");
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
	struct sim_label *label = sim_packet_label(buf, "sim_sort");
	const uint32_t way =
		(label->flow * 31 + label->port * 17 + config->salt * 7 + label->laps) % (SIM_EXITS + 1);

	(void)state;
	if (!way || label->laps == EXITS_OF_A_PACKET)
		return WEIR_NEXT;
	label->laps++;
	return WEIR_EXIT(way - 1);
}

WEIR_PROCESS(pass_vector, pass_packet, struct pass_config, void)
WEIR_PROCESS(drop_vector, drop_packet, struct drop_config, void)
WEIR_PROCESS(sort_vector, sort_packet, struct sort_config, void)

const struct weir_stage_type sim_pass_type = {
	.name = "sim_pass",
	.help = "passes all",
	.options_size = sizeof(struct sim_pass),
	.config_size = sizeof(struct pass_config),
	.configure = configure_pass,
	.process = pass_vector,
};

const struct weir_stage_type sim_drop_type = {
	.name = "sim_drop",
	.help = "drops some",
	.reasons = drop_reasons,
	.options_size = sizeof(struct sim_drop),
	.config_size = sizeof(struct drop_config),
	.configure = configure_drop,
	.process = drop_vector,
};

const struct weir_stage_type sim_sort_type = {
	.name = "sim_sort",
	.help = "sends each flow its way",
	.exits = SIM_EXITS,
	.options_size = sizeof(struct sim_sort),
	.config_size = sizeof(struct sort_config),
	.configure = configure_sort,
	.process = sort_vector,
};
