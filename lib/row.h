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
	WEIR__REASON_DOWN,
	WEIR__REASON_TOO_LONG,
	WEIR__REASON_STOPPED,
	WEIR__REASONS,
};

extern const struct weir_reason weir__reasons[WEIR__REASONS - WEIR_REASONS_MAX];

/* Written by weir_count() only. */
struct weir__counters {
	_Alignas(64) uint64_t packets;
	uint64_t bytes;
	uint64_t calls;
	uint64_t ns;
	uint64_t ns_packets;
	uint64_t stalls;
	uint64_t drops[WEIR__REASONS];
	uint64_t fill[WEIR_VECTOR_SIZE + 1];
};

enum weir__row_kind {
	WEIR__ROW_READ,
	WEIR__ROW_STAGE,
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
	 * What a ring or a writer could not take: at most one vector, because nothing that leads here is read
	 * until it is gone. Others read how many there are.
	 */
	struct weir__vector backlog;
};

/* A row without state, endpoint and ring, by "chain/row". NULL: no memory. */
struct weir__row *weir__row_new(enum weir__row_kind kind, const struct weir_stage_type *type,
				const char *chain, const char *name);

/* Whether the chain of that name has it. */
bool weir__row_in_chain(const struct weir__row *row, const char *chain);

/* NULL is allowed. */
void weir__row_free(struct weir__row *row);

/* Adds a vector to the counters. */
static inline void weir__row_count(struct weir__row *row, uint32_t n, uint64_t bytes)
{
	weir_count(&row->counters.packets, n);
	weir_count(&row->counters.bytes, bytes);
	weir_count(&row->counters.calls, 1);
	weir_count(&row->counters.fill[n], 1);
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
