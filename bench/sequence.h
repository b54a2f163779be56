/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers 1, 2, 3, … as they arrive: which are missing, which come twice, which come late. */
#ifndef WEIR_BENCH_SEQUENCE_H
#define WEIR_BENCH_SEQUENCE_H

#include "bench.h"

#define SEQUENCE_SPAN 4096 /* a number this much older than the newest counts as one that came before */

struct sequence {
	uint64_t newest;
	uint64_t arrived; /* different numbers */
	uint64_t reordered;
	uint64_t duplicated;
	bool seen[SEQUENCE_SPAN]; /* of the last numbers up to the newest */
};

/* Returns whether it comes for the first time. */
static inline bool sequence_take(struct sequence *sequence, uint64_t number)
{
	bool *seen = &sequence->seen[number % SEQUENCE_SPAN];

	if (number <= sequence->newest &&
	    (*seen || sequence->newest - number >= SEQUENCE_SPAN || number == 0)) {
		sequence->duplicated++;
		return false;
	}
	sequence->reordered += number < sequence->newest;
	for (; sequence->newest < number; sequence->newest++)
		sequence->seen[(sequence->newest + 1) % SEQUENCE_SPAN] = false;
	*seen = true;
	sequence->arrived++;
	return true;
}

#endif
