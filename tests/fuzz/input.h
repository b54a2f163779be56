/* SPDX-License-Identifier: Apache-2.0 */
/* What every fuzz target includes: reads its input from the front, and stops where something is not as it
 * must be. */
#ifndef WEIR_FUZZ_INPUT_H
#define WEIR_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define require(condition)                                                                      \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                \
		}                                                                               \
	} while (0)

struct input {
	const uint8_t *bytes;
	size_t size;
};

/* The next n bytes as a number in network order; zeros follow the end. */
static inline uint64_t input_number(struct input *input, unsigned n)
{
	uint64_t number = 0;

	while (n--) {
		number <<= 8;
		if (input->size) {
			number |= *input->bytes++;
			input->size--;
		}
	}
	return number;
}

static inline uint8_t input_byte(struct input *input)
{
	return (uint8_t)input_number(input, 1);
}

#endif
