/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row of a chain while it runs: a reader, a stage, a ring or a writer, with what lives longer than a
 * program that uses it: its name, its counters, its state. One worker at a time runs it; where it stands now
 * is told by a place (shape.h).
 */
#ifndef WEIR__ROW_H
#define WEIR__ROW_H

#include <weir/endpoint.h>

#include "ring.h"

/* The engine's own reasons come after those of the type. */
enum weir__reason {
	WEIR__REASON_BAD_VERDICT = WEIR_REASONS_MAX,
	WEIR__REASON_EXIT,
	WEIR__REASON_RING_FULL,
	WEIR__REASON_CROWDED,
	WEIR__REASON_DOWN,
	WEIR__REASON_TOO_LONG,
	WEIR__REASON_STOPPED,
	WEIR__REASONS,
};

extern const struct weir_reason weir__reasons[WEIR__REASONS - WEIR_REASONS_MAX];

/* Written by weir_count() only. */
struct weir__counters {
	_Alignas(64) uint64_t packets;
	uint64_t segments; /* that the packets stand for */
	uint64_t bytes;
	uint64_t calls;
	uint64_t ns;
	uint64_t ns_packets;
	uint64_t stalls;
	uint64_t drops[WEIR__REASONS];
	uint64_t dropped_segments;
	uint64_t made;     /* packets that were cut out of others here, or put together */
	uint64_t consumed; /* packets that these were made of */
	uint64_t fill[WEIR_VECTOR_SIZE + 1];
};

enum weir__row_kind {
	WEIR__ROW_READ,
	WEIR__ROW_STAGE,
	WEIR__ROW_SPLIT,    /* a stage that cuts packets */
	WEIR__ROW_COALESCE, /* a stage that puts packets together */
	WEIR__ROW_RING,
	WEIR__ROW_WRITE,
};

struct weir__row {
	struct weir__counters counters;
	enum weir__row_kind kind;
	char *path; /* "outbound/filter" */
	const struct weir_stage_type *type;
	void *state;                     /* a stage's */
	struct weir__endpoint *endpoint; /* a reader's or writer's */
	struct weir__ring ring;          /* a ring's */
	/*
	 * What a ring, a writer or a split could not take: at most one vector, because nothing that leads
	 * here is read until it is gone. Others read how many there are.
	 */
	struct weir__vector backlog;
	uint32_t piece; /* of a split: of the first packet in the backlog, which piece comes next */
};

/* A row without state, endpoint and ring, by "chain/row". NULL: no memory. */
struct weir__row *weir__row_new(enum weir__row_kind kind, const struct weir_stage_type *type,
				const char *chain, const char *name);

/* Whether the chain of that name has it. */
bool weir__row_in_chain(const struct weir__row *row, const char *chain);

/* NULL is allowed. */
void weir__row_free(struct weir__row *row);

/* How much packets are, in every way that they are counted. */
struct weir__amount {
	uint32_t packets;
	uint64_t segments;
	uint64_t bytes;
};

/* Adds a vector to the counters. */
static inline void weir__row_count(struct weir__row *row, const struct weir__amount *amount)
{
	const uint32_t n = amount->packets;
	const uint64_t bytes = amount->bytes;

	weir_count(&row->counters.packets, n);
	weir_count(&row->counters.segments, amount->segments);
	weir_count(&row->counters.bytes, bytes);
	weir_count(&row->counters.calls, 1);
	weir_count(&row->counters.fill[n], 1);
}

static inline void weir__row_drop(struct weir__row *row, unsigned reason, uint32_t packets, uint64_t segments)
{
	weir_count(&row->counters.drops[reason], packets);
	weir_count(&row->counters.dropped_segments, segments);
}

/* The time of one vector in 64 is taken. */
static inline bool weir__row_timed(const struct weir__row *row)
{
	return (row->counters.calls & 63) == 0;
}

static inline void weir__row_time(struct weir__row *row, uint32_t n, uint64_t ns)
{
	weir_count(&row->counters.ns, ns);
	weir_count(&row->counters.ns_packets, n);
}

#endif
