/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <weir/weir.h>

#include "touch.h"

struct touch {
	WEIR_STAGE_OPTIONS
};

#define touch(...) WEIR_STAGE(touch_type, struct touch, __VA_ARGS__)

static inline weir_verdict touch_packet(struct weir_buf *buf, const void *config, void *state)
{
	uint64_t bytes;

	(void)config, (void)state;
	memcpy(&bytes, buf->data, sizeof(bytes));
	bytes++;
	memcpy(buf->data, &bytes, sizeof(bytes));
	return WEIR_NEXT;
}

WEIR_PROCESS(touch_vector, touch_packet, void, void)

static const struct weir_stage_type touch_type = {
	.name = "touch",
	.help = "change eight bytes",
	.options_size = sizeof(struct touch),
	.process = touch_vector,
};

double touch_run(const struct chain *chain, uint64_t packets)
{
	const struct weir_config config = {
		.endpoints = { weir_generator("in", .count = packets, .size = chain->size),
			       weir_null("out") },
		.workers = { { "worker", .cpu = chain->cpu } },
		.chains = { { "chain",
			      .stages = { weir_read("in", .worker = "worker"), touch(.name = "1"),
					  touch(.name = "2"), touch(.name = "3"), touch(.name = "4"),
					  touch(.name = "5"), touch(.name = "6"), weir_write("out") } } },
		.pool = { .room = chain->room },
	};

	return chain_measure(&config, packets);
}
