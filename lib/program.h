/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker runs: its inputs, and for each chain segment the operations on its packets, one after the
 * other. Immutable once published; the one object that RCU protects.
 */
#ifndef WEIR__PROGRAM_H
#define WEIR__PROGRAM_H

#include "row.h"

struct weir__shape;

/* One row. The operations of a segment lie behind each other; a ring or a writer ends it. */
struct weir__op {
	weir_process *process; /* NULL: the engine's own kinds */
	const void *config;
	void *state;
	struct weir__row *row;
	uint64_t sink;  /* of what may be blocked, a ring, a writer or a split: its bit among those of the
			   program; else 0 */
	uint64_t below; /* of a split: the sinks behind it */
	struct weir__doorbell *bell; /* of a ring: its consumer's */
	bool drop_when_full;         /* of a ring */
	const struct weir__op *exit[WEIR_EXITS_MAX];
};

static inline bool weir__op_ends(const struct weir__op *op)
{
	return op->row->kind == WEIR__ROW_RING || op->row->kind == WEIR__ROW_WRITE;
}

/* Where packets come from: a reader or a ring that ends here. */
struct weir__input {
	struct weir__row *row;
	const struct weir__op *first;
	struct weir__doorbell *bell; /* of a ring: its producer's */
	uint64_t sinks;              /* sinks that its packets may reach */
};

#define WEIR__INPUTS_MAX 64 /* of one worker, as many as bits */
#define WEIR__SINKS_MAX  64

struct weir__program {
	uint64_t version; /* no two programs that were ever published have the same */
	uint64_t owned;   /* sinks whose backlog is this worker's, by bit; the others it leaves alone */
	const struct weir__shape *shape; /* that it is a part of */
	uint64_t spin_min_ns;            /* how long to go on polling before it sleeps; both 0: not at all */
	uint64_t spin_max_ns;
	bool give_way; /* of struct weir_worker */
	unsigned n_inputs;
	unsigned n_sinks;
	unsigned n_ops;
	struct weir__input inputs[WEIR__INPUTS_MAX];
	const struct weir__op *sinks[WEIR__SINKS_MAX]; /* by bit */
	struct weir__op ops[];
};

/* A number that was never given before; not 0. */
uint64_t weir__version_new(void);

/* An empty program with room for n_ops operations and a version of its own. NULL: no memory. */
struct weir__program *weir__program_new(unsigned n_ops);

/* A copy with a version of its own, without the inputs of the bits in without; its sinks keep their bits.
 * NULL: no memory. */
struct weir__program *weir__program_copy(const struct weir__program *program, uint64_t without);

void weir__program_free(const struct weir__program *program);

/* Bits of the first n inputs or sinks. */
static inline uint64_t weir__bits(unsigned n)
{
	return n < 64 ? (1ull << n) - 1 : UINT64_MAX;
}

#endif
