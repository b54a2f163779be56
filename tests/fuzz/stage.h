/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzing of stages: what must hold of each, whatever packet comes. */
#ifndef WEIR_FUZZ_STAGE_H
#define WEIR_FUZZ_STAGE_H

#include "input.h"

#include "../stage.h"
#include "ip.h"

#define ROW(...) ((struct weir_stage)__VA_ARGS__)

static inline void open_for(struct stage *stage, struct weir_stage row, enum weir_framing writer)
{
	require(stage_open(stage, row, writer) == 0);
}

static inline void run(struct stage *stage)
{
	stage_run(stage);
	require(stage_adds_up(stage));
	for (uint32_t i = 0; i < stage->work.n; i++)
		require(stage_is_sound(stage, i));
}

/* Adds what is left of the input as a packet. */
static inline struct weir_buf *add_rest(struct stage *stage, const struct input *input)
{
	return stage_add(stage, input->bytes, (uint32_t)input->size);
}

/* A packet that a stage gives as layer 3 is one, to its last byte, and of the family that is noted. */
static inline void require_ip(const struct weir_buf *buf)
{
	const struct weir__ip_check ip = weir__ip_check(buf->data, buf->len);

	require(ip.verdict == WEIR_NEXT);
	require(ip.length == buf->len);
	require(ip.family == buf->family);
}

static inline bool is_ip(const uint8_t *bytes, size_t size)
{
	return weir__ip_check(bytes, (uint32_t)size).verdict == WEIR_NEXT;
}

#endif
