/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker runs: its inputs, and for each chain segment the operations on its packets, one after the
 * other. Immutable once published; the one object that RCU protects.
 */
#ifndef WEIR__PROGRAM_H
#define WEIR__PROGRAM_H

#include "row.h"

/* One row. The operations of a segment lie behind each other; a ring or a writer ends it. */
struct weir__op {
	weir_process *process; /* NULL: a ring or a writer */
	const void *config;
	void *state;
	struct weir__row *row;
	uint64_t sink; /* of a ring or a writer: its bit among those of the program */
	const struct weir__op *exit[WEIR_EXITS_MAX];
};

/* Where packets come from: a reader or a ring that ends here. */
struct weir__input {
	struct weir__row *row;
	const struct weir__op *first;
	uint64_t sinks; /* rings and writers that its packets may reach */
};

#define WEIR__INPUTS_MAX 64 /* of one worker, as many as bits */
#define WEIR__SINKS_MAX  64

struct weir__program {
	unsigned n_inputs;
	unsigned n_sinks;
	unsigned n_ops;
	struct weir__input inputs[WEIR__INPUTS_MAX];
	const struct weir__op *sinks[WEIR__SINKS_MAX]; /* by bit */
	struct weir__op ops[];
};

#endif
