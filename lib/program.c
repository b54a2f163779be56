/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "program.h"

static size_t size_of(unsigned n_ops)
{
	return sizeof(struct weir__program) + n_ops * sizeof(struct weir__op);
}

uint64_t weir__version_new(void)
{
	static uint64_t last; /* of all pipelines; 0 is the version of a worker that has run none yet */

	return __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
}

struct weir__program *weir__program_new(unsigned n_ops)
{
	struct weir__program *program = calloc(1, size_of(n_ops));

	if (program)
		program->version = weir__version_new();
	return program;
}

/* The same operation of the copy. */
static const struct weir__op *moved(const struct weir__op *op, const struct weir__program *from,
				    const struct weir__program *to)
{
	return op ? to->ops + (op - from->ops) : NULL;
}

static void keep_inputs(struct weir__program *copy, const struct weir__program *program, uint64_t without)
{
	copy->n_inputs = 0;
	for (unsigned i = 0; i < program->n_inputs; i++) {
		struct weir__input *input = &copy->inputs[copy->n_inputs];

		if (without & 1ull << i)
			continue;
		*input = program->inputs[i];
		input->first = moved(input->first, program, copy);
		copy->n_inputs++;
	}
}

struct weir__program *weir__program_copy(const struct weir__program *program, uint64_t without)
{
	struct weir__program *copy = weir__program_new(program->n_ops);
	const uint64_t version = copy ? copy->version : 0;

	if (!copy)
		return NULL;
	memcpy(copy, program, size_of(program->n_ops));
	copy->version = version;
	keep_inputs(copy, program, without);
	for (unsigned i = 0; i < program->n_sinks; i++)
		copy->sinks[i] = moved(program->sinks[i], program, copy);
	for (unsigned i = 0; i < program->n_ops; i++)
		for (unsigned k = 0; k < WEIR_EXITS_MAX; k++)
			copy->ops[i].exit[k] = moved(program->ops[i].exit[k], program, copy);
	return copy;
}

void weir__program_free(const struct weir__program *program)
{
	free((void *)(uintptr_t)program);
}
