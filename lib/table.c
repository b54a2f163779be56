/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "table.h"

int weir__table_init(struct weir__table *table, uint32_t capacity)
{
	uint32_t log = 1;

	*table = (struct weir__table){ .capacity = capacity };
	if (capacity == 0)
		return 0;
	while (UINT64_C(1) << log < UINT64_C(2) * capacity)
		log++;
	table->shift = 64 - log;
	table->last = (uint32_t)((UINT64_C(1) << log) - 1);
	table->slots = calloc((size_t)table->last + 1, sizeof(*table->slots));
	return table->slots ? 0 : -ENOMEM;
}

void weir__table_fini(struct weir__table *table)
{
	free(table->slots);
	*table = (struct weir__table){ 0 };
}

/* The slot of the key, or the free one that its way ends in. */
static uint32_t find(const struct weir__table *table, uint64_t key)
{
	uint32_t i = weir__table_home(table, key);

	while (table->slots[i] && table->slots[i] != key)
		i = (i + 1) & table->last;
	return i;
}

/* Release: whoever sees this slot changed also sees what was stored before, the count of moves above all. */
static void store(struct weir__table *table, uint32_t slot, uint64_t key)
{
	__atomic_store_n(&table->slots[slot], key, __ATOMIC_RELEASE);
}

int weir__table_add(struct weir__table *table, uint64_t key)
{
	uint32_t slot;

	if (table->capacity == 0)
		return -ENOSPC;
	slot = find(table, key);
	if (table->slots[slot])
		return 0;
	if (table->n == table->capacity)
		return -ENOSPC;
	store(table, slot, key);
	table->n++;
	return 1;
}

bool weir__table_remove(struct weir__table *table, uint64_t key)
{
	const uint32_t last = table->last;
	uint32_t hole, i;

	if (table->n == 0)
		return false;
	hole = find(table, key);
	if (!table->slots[hole])
		return false;
	for (i = (hole + 1) & last; table->slots[i]; i = (i + 1) & last) {
		const uint32_t home = weir__table_home(table, table->slots[i]);

		/* One whose way from home leads over the hole would no longer be found behind it. */
		if (((i - home) & last) < ((i - hole) & last))
			continue;
		store(table, hole, table->slots[i]);
		/* Release: after the new place, before the old one is overwritten. */
		__atomic_store_n(&table->moves, table->moves + 1, __ATOMIC_RELEASE);
		hole = i;
	}
	store(table, hole, 0);
	table->n--;
	return true;
}
