/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of numbers that one thread changes, entry by entry, while any number of others look into it: an open
 * hash table, at most half full, of as many slots as it will ever need. It never grows, so nothing is ever
 * replaced that a reader could still hold: no grace period, no memory to free later, no lock. An addition, a
 * removal and a look cost the same whatever came before, because a removal leaves no mark behind: entries
 * whose way led over the freed slot move up into it.
 *
 * A reader could pass the place where such an entry moves to before it is there, and come to the place where
 * it was after it has gone. So the writer counts each move between these two steps, and a reader who finds
 * nothing while something has moved looks again.
 */
#ifndef WEIR__TABLE_H
#define WEIR__TABLE_H

#include <weir/base.h>

struct weir__table {
	uint64_t *slots; /* 0: free; NULL: a table for no entry at all */
	uint32_t last;   /* slot */
	uint32_t shift;  /* 64 less the logarithm of the slots */
	uint64_t moves;
	/* The writer's. It changes with every entry, and must not take the line of the above from the readers
	 * each time. */
	char apart[64];
	uint32_t n;
	uint32_t capacity;
};

/* For so many entries. The memory is touched only where entries are. Returns 0 or -ENOMEM. */
int weir__table_init(struct weir__table *table, uint32_t capacity);

/* A table of zeros is allowed. */
void weir__table_fini(struct weir__table *table);

/* key: not 0. Returns 1, or 0 if it was there already, or -ENOSPC. The writer. */
int weir__table_add(struct weir__table *table, uint64_t key);

/* Returns whether it was there. The writer. */
bool weir__table_remove(struct weir__table *table, uint64_t key);

/* Keys differ in few bits, at any end: fold, then multiply so that each bit reaches the top ones. */
static inline uint32_t weir__table_home(const struct weir__table *table, uint64_t key)
{
	return (uint32_t)((key ^ key >> 32) * UINT64_C(0x9e3779b97f4a7c15) >> table->shift);
}

/*
 * Whether the table, which is not one for no entry, has the key. True is always true; false proves something
 * only if no entry moved meanwhile.
 */
static inline bool weir__table_look(const struct weir__table *table, uint64_t key)
{
	const uint64_t *slots = table->slots;
	const uint32_t last = table->last;
	uint64_t found;

	/* Acquire: who sees that an entry has gone from its old place sees the count of its move. */
	for (uint32_t i = weir__table_home(table, key);
	     (found = __atomic_load_n(&slots[i], __ATOMIC_ACQUIRE)); i = (i + 1) & last)
		if (found == key)
			return true;
	return false;
}

/* Whether it has the key while its writer is at work. Any thread. */
static inline bool weir__table_has(const struct weir__table *table, uint64_t key)
{
	uint64_t moves;

	do {
		/* Acquire: who sees the count of a move sees the entry in its new place. */
		moves = __atomic_load_n(&table->moves, __ATOMIC_ACQUIRE);
		if (weir__table_look(table, key))
			return true;
	} while (__builtin_expect(__atomic_load_n(&table->moves, __ATOMIC_RELAXED) != moves, 0));
	return false;
}

#endif
