/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that look random and follow from a seed (xorshift64*, seeded through splitmix64). */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct sim_random {
	uint64_t state;
};

/* stream: of one seed, each user has numbers of its own, so that one who draws more does not change the rest.
 */
static inline void sim_random_seed(struct sim_random *random, uint64_t seed, uint64_t stream)
{
	uint64_t z = seed * 0x9e3779b97f4a7c15u + stream * 0xd1342543de82ef95u + 1;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	random->state = (z ^ (z >> 31)) | 1;
}

static inline uint64_t sim_random_next(struct sim_random *random)
{
	random->state ^= random->state >> 12;
	random->state ^= random->state << 25;
	random->state ^= random->state >> 27;
	return random->state * 0x2545f4914f6cdd1du;
}

/* 0 to n - 1; n at least 1. */
static inline uint32_t sim_below(struct sim_random *random, uint32_t n)
{
	return (uint32_t)(((sim_random_next(random) >> 32) * n) >> 32);
}

static inline uint32_t sim_between(struct sim_random *random, uint32_t low, uint32_t high)
{
	return low + sim_below(random, high - low + 1);
}

/* Once in n times; never if n is 0. */
static inline bool sim_once_in(struct sim_random *random, uint32_t n)
{
	return n && sim_below(random, n) == 0;
}

/* 1 to about 2^bits, small ones as often as large ones. */
static inline uint64_t sim_scale(struct sim_random *random, unsigned bits)
{
	const unsigned bit = sim_below(random, bits);

	return (1ull << bit) + (sim_random_next(random) & ((1ull << bit) - 1));
}

#endif
