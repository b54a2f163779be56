/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers that travel together: a count, a hint and 31 indices, exactly two cache lines, which is also one
 * slot of a ring. */
#ifndef WEIR__VECTOR_H
#define WEIR__VECTOR_H

#include <weir/base.h>

struct weir__vector {
	uint16_t n;
	uint16_t supers; /* not 0: there may be super-packets among them, so segments have to be counted */
	uint32_t index[WEIR_VECTOR_SIZE];
};

_Static_assert(sizeof(struct weir__vector) == 128, "a vector is two cache lines");

#endif
