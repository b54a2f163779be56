/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include <weir/counters.h>

#include "port.h"
#include "rest.h"
#include "scheduler.h"
#include "stages.h"

static uint64_t deaths(void)
{
	uint64_t n = 0;

	for (unsigned p = 0; p < sim_n_ports; p++)
		n += sim_ports[p].deaths + sim_ports[p].hang_ups;
	return n;
}

static void check_reason(const char *path, const struct weir_named_count *drop,
			 const struct sim_allowed *allowed)
{
	if (!drop->n)
		return;
	if (strcmp(drop->name, "bad_verdict") == 0 || strcmp(drop->name, "too_long") == 0 ||
	    strcmp(drop->name, "malformed") == 0 || (strcmp(drop->name, "crowded") == 0 && !sim_ways_part) ||
	    (strcmp(drop->name, "stopped") == 0 && !allowed->stopped) ||
	    (strcmp(drop->name, "endpoint_down") == 0 && !deaths()))
		sim_fail("%s: %" PRIu64 " packets were dropped as %s", path, drop->n, drop->name);
}

static void check_totals(const struct weir_counters *counters)
{
	const uint64_t lost = sim_totals.given - sim_totals.sent;

	if (counters->received_segments != sim_totals.given)
		sim_fail("received is %" PRIu64 " but the devices gave %" PRIu64, counters->received_segments,
			 sim_totals.given);
	if (counters->sent_segments != sim_totals.sent)
		sim_fail("sent is %" PRIu64 " but the devices took %" PRIu64, counters->sent_segments,
			 sim_totals.sent);
	if (counters->dropped_segments != lost)
		sim_fail("dropped is %" PRIu64 " but %" PRIu64 " packets were given and not sent",
			 counters->dropped_segments, lost);
	if (counters->received + counters->injected !=
	    counters->sent + counters->dropped + counters->consumed)
		sim_fail("received %" PRIu64 " and injected %" PRIu64 ", but sent %" PRIu64
			 ", dropped %" PRIu64 " and consumed %" PRIu64,
			 counters->received, counters->injected, counters->sent, counters->dropped,
			 counters->consumed);
	if (counters->held || counters->buffers_free != counters->buffers)
		sim_fail("%" PRIu64 " packets are held, and %u of %u buffers are free", counters->held,
			 counters->buffers_free, counters->buffers);
}

void sim_check_rest(struct weir_pipeline *pipeline, const struct sim_allowed *allowed)
{
	struct weir_counters *counters = weir_counters_read(pipeline);

	if (!counters)
		sim_fail("weir_counters_read() gives nothing");
	check_totals(counters);
	for (unsigned i = 0; i < counters->n_stages; i++)
		for (unsigned k = 0; k < counters->stages[i].n_drops; k++)
			check_reason(counters->stages[i].path, &counters->stages[i].drops[k], allowed);
	weir_counters_free(counters);
}
