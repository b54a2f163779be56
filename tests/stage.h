/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One stage without an engine: packets in; verdicts, packets and counters out. Each packet has a room of its
 * own with just the head- and tailroom that the type declares, so that a sanitizer sees a byte touched
 * outside of it.
 */
#ifndef WEIR_TEST_STAGE_RUN_H
#define WEIR_TEST_STAGE_RUN_H

#include <stdlib.h>
#include <string.h>

#include <weir/stage.h>

#include "error.h"

#define STAGE_NO_VERDICT 0x7f

struct stage {
	const struct weir_stage_type *type;
	void *config;
	void *state;
	struct weir_error err;
	struct weir_buf *bufs;
	uint32_t index[WEIR_VECTOR_SIZE];
	struct weir_work work;
	unsigned any;
};

/* Configures the stage; returns what configure() did. Close it only if that is 0. */
static inline int stage_open(struct stage *stage, struct weir_stage row, enum weir_framing writer)
{
	const struct weir_place place = { .writer_framing = writer };
	int ret = 0;

	memset(stage, 0, sizeof(*stage));
	stage->type = row.type;
	stage->config = calloc(1, row.type->config_size + 1);
	stage->state = calloc(1, row.type->state_size + 1);
	stage->bufs = calloc(WEIR_VECTOR_SIZE, sizeof(*stage->bufs));
	if (!stage->config || !stage->state || !stage->bufs)
		abort();
	if (row.type->configure)
		ret = row.type->configure(stage->config, row.options, &place, &stage->err);
	else
		memcpy(stage->config, row.options, row.type->config_size);
	if (ret < 0) {
		free(stage->config);
		free(stage->state);
		free(stage->bufs);
	}
	return ret;
}

/* Takes the packets of the last vector away. */
static inline void stage_clear(struct stage *stage)
{
	for (uint32_t i = 0; i < stage->work.n; i++)
		free(stage->bufs[stage->index[i]].room);
	stage->work.n = 0;
}

static inline void stage_close(struct stage *stage)
{
	stage_clear(stage);
	if (stage->type->release)
		stage->type->release(stage->config);
	if (stage->type->destroy)
		stage->type->destroy(stage->state);
	free(stage->config);
	free(stage->state);
	free(stage->bufs);
}

/* Appends a packet to the vector, as a reader would give it. */
static inline struct weir_buf *stage_add(struct stage *stage, const void *bytes, uint32_t len)
{
	const uint32_t i = stage->work.n++;
	struct weir_buf *buf;

	if (i == WEIR_VECTOR_SIZE)
		abort();
	stage->index[i] = WEIR_VECTOR_SIZE - 1 - i; /* not i: a stage must look it up */
	buf = &stage->bufs[stage->index[i]];
	memset(buf, 0, sizeof(*buf));
	buf->room_size = stage->type->headroom + len + stage->type->tailroom;
	buf->room = malloc(buf->room_size ? buf->room_size : 1);
	if (!buf->room)
		abort();
	memset(buf->room, 0xa5, buf->room_size);
	buf->data = buf->room + stage->type->headroom;
	buf->len = len;
	if (len)
		memcpy(buf->data, bytes, len);
	return buf;
}

static inline void stage_run(struct stage *stage)
{
	stage->work.bufs = stage->bufs;
	stage->work.index = stage->index;
	stage->work.config = stage->config;
	stage->work.state = stage->state;
	memset(stage->work.verdict, STAGE_NO_VERDICT, sizeof(stage->work.verdict));
	stage->any = stage->type->process(&stage->work);
}

static inline struct weir_buf *stage_packet(struct stage *stage, uint32_t i)
{
	return &stage->bufs[stage->index[i]];
}

static inline weir_verdict stage_verdict(const struct stage *stage, uint32_t i)
{
	return stage->work.verdict[i];
}

/* A counter of the type by its name. */
static inline uint64_t stage_counter(const struct stage *stage, const char *name)
{
	const struct weir_counter *c = stage->type->counters;
	uint64_t n;

	while (c && c->name && strcmp(c->name, name) != 0)
		c++;
	if (!c || !c->name)
		abort();
	memcpy(&n, (const uint8_t *)stage->state + c->offset, sizeof(n));
	return n;
}

/* What a type promises of the verdict of packet i and of the packet's place in its room. */
static inline bool stage_is_sound(struct stage *stage, uint32_t i)
{
	const weir_verdict verdict = stage_verdict(stage, i);
	const struct weir_buf *buf = stage_packet(stage, i);
	unsigned reasons = 0;

	while (stage->type->reasons && stage->type->reasons[reasons].name)
		reasons++;
	if (verdict & 0x80)
		return (verdict & 0x7f) < stage->type->exits;
	if (verdict != WEIR_NEXT)
		return verdict <= reasons;
	return buf->data >= buf->room && buf->data + buf->len <= buf->room + buf->room_size;
}

/* Whether what process() says of the whole vector is what it says of the packets. */
static inline bool stage_adds_up(struct stage *stage)
{
	uint64_t bytes = 0;
	unsigned any = 0;

	for (uint32_t i = 0; i < stage->work.n; i++) {
		any |= stage_verdict(stage, i);
		bytes += stage_packet(stage, i)->len;
	}
	return any == stage->any && bytes == stage->work.bytes;
}

#endif
