/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of one stage: these packets in, these packets, drops and exits out. */
#ifndef WEIR_TEST_STAGE_H
#define WEIR_TEST_STAGE_H

#include "test.h"

#include "../stage.h"

/* The type of a row is told by its macro: expect_configured(&stage, ROW(weir_stats())). */
#define ROW(...) ((struct weir_stage)__VA_ARGS__)

static inline void configure_for(struct stage *stage, struct weir_stage row, enum weir_framing writer)
{
	if (stage_open(stage, row, writer) < 0)
		fail_msg("refused: %s", stage->err.text);
	assert_int_equal(stage->err.problems, 0);
}

static inline void configure(struct stage *stage, struct weir_stage row)
{
	configure_for(stage, row, WEIR_FRAMING_RAW);
}

/* The row is refused with exactly that text. */
static inline void expect_refused(struct weir_stage row, const char *text)
{
	struct stage stage;

	assert_int_equal(stage_open(&stage, row, WEIR_FRAMING_RAW), -EINVAL);
	assert_int_equal(stage.err.code, -EINVAL);
	assert_string_equal(stage.err.text, text);
}

static inline void run(struct stage *stage)
{
	stage_run(stage);
	assert_true(stage_adds_up(stage));
	for (uint32_t i = 0; i < stage->work.n; i++)
		assert_true(stage_is_sound(stage, i));
}

/* A vector of one packet. */
static inline struct weir_buf *run_one(struct stage *stage, const void *bytes, uint32_t len)
{
	stage_clear(stage);
	stage_add(stage, bytes, len);
	run(stage);
	return stage_packet(stage, 0);
}

static inline void expect_next(struct stage *stage, uint32_t i, const void *bytes, uint32_t len)
{
	const struct weir_buf *buf = stage_packet(stage, i);

	assert_int_equal(stage_verdict(stage, i), WEIR_NEXT);
	assert_int_equal(buf->len, len);
	assert_memory_equal(buf->data, bytes, len);
}

static inline const char *verdict_name(const struct stage *stage, uint32_t i)
{
	const weir_verdict verdict = stage_verdict(stage, i);

	if (verdict == WEIR_NEXT)
		return "next";
	return verdict & 0x80 ? "exit" : stage->type->reasons[verdict - 1].name;
}

static inline void expect_drop(const struct stage *stage, uint32_t i, const char *reason)
{
	assert_string_equal(verdict_name(stage, i), reason);
}

/* The packet leaves by exit k as it came. */
static inline void expect_exit(struct stage *stage, uint32_t i, unsigned k, const void *bytes, uint32_t len)
{
	const struct weir_buf *buf = stage_packet(stage, i);

	assert_int_equal(stage_verdict(stage, i), WEIR_EXIT(k));
	assert_int_equal(buf->len, len);
	assert_memory_equal(buf->data, bytes, len);
}

/* A packet of total bytes with that header length in bytes; what follows the header counts up. */
static inline void make_ipv4(uint8_t *packet, uint32_t total, uint32_t header)
{
	static const uint8_t head[20] = { 0x45, [8] = 64, 17, [12] = 10, 9, 0, 1, 10, 9, 0, 2 };

	for (uint32_t i = 0; i < total; i++)
		packet[i] = (uint8_t)i;
	memcpy(packet, head, sizeof(head));
	packet[0] = (uint8_t)(0x40 | header / 4);
	packet[2] = (uint8_t)(total >> 8);
	packet[3] = (uint8_t)total;
}

static inline void make_ipv6(uint8_t *packet, uint32_t total)
{
	static const uint8_t head[40] = { 0x60, [6] = 17, 64, 0xfd, [23] = 1, 0xfd, [39] = 2 };

	for (uint32_t i = 0; i < total; i++)
		packet[i] = (uint8_t)i;
	memcpy(packet, head, sizeof(head));
	packet[4] = (uint8_t)((total - 40) >> 8);
	packet[5] = (uint8_t)(total - 40);
}

#endif
