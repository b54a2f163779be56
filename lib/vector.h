/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers that travel together: a count and 31 indices, exactly two cache lines, which is also one slot of a
 * ring. */
#ifndef WEIR__VECTOR_H
#define WEIR__VECTOR_H

#include <weir/base.h>

struct weir__vector {
	uint32_t n;
	uint32_t index[WEIR_VECTOR_SIZE];
};

_Static_assert(sizeof(struct weir__vector) == 128, "a vector is two cache lines");

#endif
