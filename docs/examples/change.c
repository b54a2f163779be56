/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipeline that is changed while a million packets run through it: one stage's configuration, two as one,
 * then its shape. At the end every packet that came has left.
 */
#include <stdio.h>
#include <weir/weir.h>

#define COUNT 1000000
#define MAC   "02:00:00:00:00:01"

/* All of it on one worker. */
static const struct weir_config one_thread = {
	.endpoints = { weir_generator("in", .size = 200, .count = COUNT), weir_null("out") },
	.workers = { { "main", .unpinned = true } },
	.chains = {
		{ "chain", .stages = {
			weir_read("in", .worker = "main"), weir_af_decap(), weir_eth_wrap(.source = MAC),
			weir_mac_filter(.name = "filter"), weir_stats(), weir_write("out"),
		} },
	},
};

/* The filter and what follows it on a thread of their own. The names say what stays. */
static const struct weir_config two_threads = {
	.endpoints = { weir_generator("in", .size = 200, .count = COUNT), weir_null("out") },
	.workers = { { "main", .unpinned = true }, { "second", .unpinned = true } },
	.chains = {
		{ "chain", .stages = {
			weir_read("in", .worker = "main"), weir_af_decap(), weir_eth_wrap(.source = MAC),
			weir_ring(.worker = "second"),
			weir_mac_filter(.name = "filter"), weir_stats(), weir_write("out"),
		} },
	},
};

static int change_one_stage(struct weir_pipeline *pipeline, struct weir_error *err)
{
	const struct weir_stage filter = weir_mac_filter(.allow_source = WEIR_LIST(MAC, "00:1b:21"));

	return weir_stage_configure(pipeline, "chain/filter", &filter, err);
}

/* A packet meets both old or both new: between the two calls none is dropped for its new source. */
static int change_two_stages(struct weir_pipeline *pipeline, struct weir_error *err)
{
	const struct weir_stage wrap = weir_eth_wrap(.source = "02:00:00:00:00:02");
	const struct weir_stage filter = weir_mac_filter(.allow_source = WEIR_LIST("02:00:00:00:00:02"));
	struct weir_change *change;

	if (weir_change_begin(&change, pipeline, err) < 0)
		return -1;
	if (weir_change_stage(change, "chain/eth_wrap", &wrap, err) < 0 ||
	    weir_change_stage(change, "chain/filter", &filter, err) < 0) {
		weir_change_abandon(change);
		return -1;
	}
	return weir_change_commit(change, err);
}

static int change_shape(struct weir_pipeline *pipeline, struct weir_error *err)
{
	struct weir_report *report = NULL;

	if (weir_pipeline_apply(pipeline, &two_threads, err, .report = &report) < 0)
		return -1;
	weir_report_print(report, stdout);
	weir_report_free(report);
	return weir_pipeline_apply(pipeline, &one_thread, err);
}

int main(void)
{
	struct weir_pipeline *pipeline;
	struct weir_counters *counters;
	struct weir_error err;
	int failed;

	if (weir_pipeline_create(&pipeline, &one_thread, &err) < 0 ||
	    weir_pipeline_start(pipeline, &err) < 0 || change_one_stage(pipeline, &err) < 0 ||
	    change_two_stages(pipeline, &err) < 0 || change_shape(pipeline, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		weir_pipeline_destroy(pipeline);
		return 1;
	}
	weir_pipeline_wait(pipeline, -1);
	weir_pipeline_stop(pipeline);
	counters = weir_counters_read(pipeline);
	if (counters)
		weir_counters_print(counters, stdout);
	failed = !counters || counters->sent != COUNT;
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
	return failed;
}
