/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stage of one's own, outside of Weir's tree: rate_limit drops what is more than a number of bytes a
 * second. The program sends 100,000 packets of 1,000 bytes through it, as fast as it can.
 */
#include <stdio.h>
#include <weir/weir.h>

/* What the author of a pipeline writes: rate_limit(.rate = 1e6). */
struct rate_limit {
	WEIR_STAGE_OPTIONS
	double rate; /* bytes a second; so many may also come at once */
};

#define rate_limit(...) WEIR_STAGE(rate_limit_type, struct rate_limit, __VA_ARGS__)

/* What the packet function writes. What it reads, the config, is no more than the rate. */
struct state {
	double tokens; /* bytes that could pass */
	uint64_t last; /* when that was so */
};

enum { OVER_RATE };

static const struct weir_reason reasons[] = { { "over_rate", "more bytes than the rate allows" }, { 0 } };

static int check(void *config, const void *options, const struct weir_place *place, struct weir_error *err)
{
	const double rate = ((const struct rate_limit *)options)->rate;

	(void)place;
	*(double *)config = rate;
	return rate > 0 ? 0 : weir_invalid(err, "rate", "%g is not more than 0", rate);
}

/* One packet. It has its time of arrival with it, because a stage makes no system call. */
static inline weir_verdict limit(struct weir_buf *buf, const double *rate, struct state *state)
{
	double tokens = state->tokens + (double)(int64_t)(buf->arrival - state->last) * *rate / 1e9;

	state->tokens = tokens < *rate ? tokens : *rate;
	state->last = buf->arrival;
	if (state->tokens < buf->len)
		return WEIR_DROP(OVER_RATE);
	state->tokens -= buf->len;
	return WEIR_NEXT;
}

WEIR_PROCESS(limit_vector, limit, double, struct state)

static const struct weir_option options[] = {
	WEIR_OPTION(struct rate_limit, rate, DOUBLE, "bytes a second; so many may also come at once"),
	{ 0 },
};

static const struct weir_stage_type rate_limit_type = {
	.name = "rate_limit",
	.help = "drop what is more than a number of bytes a second",
	.reasons = reasons,
	.options = options,
	.options_size = sizeof(struct rate_limit),
	.config_size = sizeof(double),
	.state_size = sizeof(struct state),
	.configure = check,
	.process = limit_vector,
};

int main(void)
{
	const struct weir_config config = {
		.endpoints = { weir_generator("in", .size = 1000, .count = 100000), weir_null("out") },
		.workers = { { "worker", .unpinned = true } },
		.chains = {
			{ "chain", .stages = {
				weir_read("in", .worker = "worker"), weir_af_decap(),
				rate_limit(.rate = 100000), weir_write("out"),
			} },
		},
	};
	struct weir_pipeline *pipeline;
	struct weir_counters *counters;
	struct weir_error err;

	if (weir_pipeline_create(&pipeline, &config, &err) < 0 || weir_pipeline_start(pipeline, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		weir_pipeline_destroy(pipeline);
		return 1;
	}
	weir_pipeline_wait(pipeline, -1);
	weir_pipeline_stop(pipeline);
	counters = weir_counters_read(pipeline);
	if (counters)
		weir_counters_print(counters, stdout);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
	return 0;
}
