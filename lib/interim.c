/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "interim.h"

void weir__interim_free(void *memory)
{
	struct weir__interim *interim = memory;

	for (unsigned w = 0; interim && w < WEIR_WORKERS_MAX; w++) {
		weir__program_free(interim->hold[w]);
		weir__program_free(interim->release[w]);
		weir__program_free(interim->end[w]);
		weir__program_free(interim->begin[w]);
	}
	free(interim);
}

/* The sinks that the inputs lead to, by bit: with their backlogs they stay this worker's. */
static uint64_t reached(const struct weir__program *program)
{
	uint64_t sinks = 0;

	for (unsigned i = 0; i < program->n_inputs; i++)
		sinks |= program->inputs[i].sinks;
	return sinks;
}

static struct weir__program *make_release(const struct weir__program *program, uint64_t without)
{
	struct weir__program *release = weir__program_copy(program, without);

	if (release)
		release->owned = reached(release);
	return release;
}

static struct weir__program *make_idle(const struct weir__shape *shape)
{
	struct weir__program *program = weir__program_new(0);

	if (program)
		program->shape = shape;
	return program;
}

/* The worker w of the old shape. */
static bool make_old(struct weir__interim *interim, const struct weir__shape *old,
		     const struct weir__shape *new, const struct weir__transition *transition, unsigned w)
{
	const bool stays = weir__shape_has_worker(new, old->workers[w]);
	const uint64_t held = transition->held[w];

	interim->hold[w] = weir__program_copy(old->programs[w], held);
	interim->release[w] = make_release(old->programs[w], held | transition->drained[w]);
	interim->end[w] = stays ? NULL : make_idle(new);
	return interim->hold[w] && interim->release[w] && (stays || interim->end[w]);
}

/* The worker w of the new shape. */
static bool make_new(struct weir__interim *interim, const struct weir__shape *old,
		     const struct weir__shape *new, unsigned w)
{
	if (weir__shape_has_worker(old, new->workers[w]))
		return true;
	interim->begin[w] = make_idle(old);
	return interim->begin[w];
}

struct weir__interim *weir__interim_make(const struct weir__shape *old, const struct weir__shape *new,
					 const struct weir__transition *transition)
{
	struct weir__interim *interim = calloc(1, sizeof(*interim));
	bool made = interim;

	for (unsigned w = 0; made && w < old->n_workers; w++)
		made = make_old(interim, old, new, transition, w);
	for (unsigned w = 0; made && w < new->n_workers; w++)
		made = make_new(interim, old, new, w);
	if (made)
		return interim;
	weir__interim_free(interim);
	return NULL;
}
