/* SPDX-License-Identifier: Apache-2.0 */
/* The plugins of a test: what differs between them is told when they are compiled. */
#include <weir/plugin.h>

#ifndef ABI
#define ABI WEIR_ABI /* another one overrides it */
#endif
#ifndef STAGE_NAME
#define STAGE_NAME "plugged_stage"
#endif

struct plugged {
	WEIR_STAGE_OPTIONS
};

static inline weir_verdict drop_all(struct weir_buf *buf, const void *config, void *state)
{
	(void)buf;
	(void)config;
	(void)state;
	return WEIR_DROP(0);
}

WEIR_PROCESS(drop_vector, drop_all, void, void)

static const struct weir_reason reasons[] = { { "unwanted", "as the test wants it" }, { 0 } };
static const struct weir_option stage_options[] = { { 0 } };

static const struct weir_stage_type stage = {
	.name = STAGE_NAME,
	.help = "drops all",
	.reasons = reasons,
	.options = stage_options,
	.options_size = sizeof(struct plugged),
	.process = drop_vector,
};

struct options {
	WEIR_SESSION_OPTIONS;
};

struct state {
	WEIR_SESSION_STATE;
};

static int check(const void *options, struct weir_endpoint_info *info, struct weir_error *err)
{
	(void)options;
	(void)err;
	info->layer = WEIR_LAYER_L3;
	info->max_packet = 1500;
	return 0;
}

static uint32_t send_all(void *state, struct weir_writer *writer, unsigned sender)
{
	(void)state;
	(void)sender;
	return writer->n;
}

static const struct weir_session_type session = { .check = check, .send = send_all };
static const struct weir_reason session_reasons[] = { WEIR_SESSION_REASONS, { 0 } };
static const struct weir_option session_options[] = { WEIR_SESSION_OPTION_ROWS(struct options), { 0 } };

extern const struct weir_endpoint_type weir_plugged_type;
WEIR_SESSION(weir_plugged_type, session, .name = "plugged_session", .help = "takes all",
	     .reasons = session_reasons, .options = session_options, .options_size = sizeof(struct options),
	     .state_size = sizeof(struct state));

static const struct weir_stage_type *const stages[] = { &stage, NULL };
static const struct weir_endpoint_type *const endpoints[] = { &weir_plugged_type, NULL };

#ifdef SIZES
WEIR_PLUGIN(.name = "test", .stages = stages, .endpoints = endpoints, .sizes = SIZES);
#else
WEIR_PLUGIN(.name = "test", .stages = stages, .endpoints = endpoints, .abi = ABI);
#endif
