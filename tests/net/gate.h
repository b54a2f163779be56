/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gate: a stage that lets nothing pass while its gate is closed, and holds its worker there: the slowest of
 * all stages.
 */
#ifndef WEIR_TEST_GATE_H
#define WEIR_TEST_GATE_H

#include <weir/stage.h>

struct gate {
	WEIR_STAGE_OPTIONS
	bool *open; /* changed by gate_set() alone */
};

extern const struct weir_stage_type gate_type;

#define gate(...) WEIR_STAGE(gate_type, struct gate, __VA_ARGS__)

static inline void gate_set(bool *gate, bool open)
{
	__atomic_store_n(gate, open, __ATOMIC_RELEASE);
}

#endif
