/* SPDX-License-Identifier: Apache-2.0 */
#include <weir/weir.h>

#include "chain.h"

#define SOURCE      "02:00:00:00:00:01"
#define DESTINATION "02:00:00:00:00:02"

const char *const chain_names[] = { "none",  "af_decap",   "eth_wrap", "mac_filter",
				    "stats", "eth_unwrap", "af_encap" };

/* The chain of a case: the writer comes earlier for the shorter ones, and takes any layer. */
static void shorten(struct weir_chain *chain, unsigned n)
{
	const struct weir_stage write = chain->stages[1 + CHAIN_STAGES];

	chain->stages[1 + n] = write;
	for (unsigned i = 2 + n; i <= 1 + CHAIN_STAGES; i++)
		chain->stages[i] = (struct weir_stage){ 0 };
}

double chain_measure(const struct weir_config *config, uint64_t packets)
{
	struct weir_pipeline *pipeline;
	struct weir_counters *counters;
	struct weir_error err;
	uint64_t took;

	if (weir_pipeline_create(&pipeline, config, &err) < 0)
		give_up(BENCH_FAILED, "stages: %s", err.text);
	if (weir_pipeline_start(pipeline, &err) < 0)
		give_up(BENCH_FAILED, "stages: %s", err.text);
	weir_pipeline_wait(pipeline, -1);
	counters = weir_counters_read(pipeline);
	if (!counters || counters->sent != packets)
		give_up(BENCH_FAILED, "stages: of %llu packets not all came through",
			(unsigned long long)packets);
	took = counters->workers[0].cpu_ns;
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
	return (double)took / (double)packets;
}

double chain_run(const struct chain *chain, unsigned n, uint64_t packets)
{
	struct weir_config config = {
		.endpoints = { weir_generator("in", .count = packets, .size = chain->size),
			       weir_null("out") },
		.workers = { { "worker", .cpu = chain->cpu } },
		.chains = { { "chain",
			      .stages = { weir_read("in", .worker = "worker"), weir_af_decap(),
					  weir_eth_wrap(.source = SOURCE, .next_hop = DESTINATION),
					  weir_mac_filter(.own = WEIR_LIST(DESTINATION)), weir_stats(),
					  weir_eth_unwrap(), weir_af_encap(), weir_write("out") } } },
		.pool = { .room = chain->room },
	};

	shorten(&config.chains[0], n);
	return chain_measure(&config, packets);
}
