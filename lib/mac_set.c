/* SPDX-License-Identifier: Apache-2.0 */
#include "mac_set.h"

int weir__mac_set_init(struct weir__mac_set *set, uint32_t capacity)
{
	return weir__table_init(&set->table, capacity);
}

void weir__mac_set_fini(struct weir__mac_set *set)
{
	weir__table_fini(&set->table);
	*set = (struct weir__mac_set){ 0 };
}

static uint64_t key_of(const uint8_t mac[6], unsigned bits)
{
	uint8_t bytes[8] = { 0 };

	memcpy(bytes, mac, 6);
	return weir__mac_key(weir__mac_load(bytes), bits);
}

/* Release pairs with the acquire in weir__mac_set_has(). */
static void set_lengths(struct weir__mac_set *set, uint64_t lengths)
{
	__atomic_store_n(&set->lengths, lengths, __ATOMIC_RELEASE);
}

int weir__mac_set_add(struct weir__mac_set *set, const uint8_t mac[6], unsigned bits)
{
	const int added = weir__table_add(&set->table, key_of(mac, bits));

	if (added <= 0)
		return added;
	if (set->n[bits]++ == 0)
		set_lengths(set, set->lengths | 1ull << bits);
	return 0;
}

bool weir__mac_set_remove(struct weir__mac_set *set, const uint8_t mac[6], unsigned bits)
{
	if (!weir__table_remove(&set->table, key_of(mac, bits)))
		return false;
	if (--set->n[bits] == 0)
		set_lengths(set, set->lengths & ~(1ull << bits));
	return true;
}

bool weir__mac_set_find(const struct weir__mac_set *set, uint64_t mac, uint64_t lengths)
{
	do {
		if (weir__table_has(&set->table, weir__mac_key(mac, (unsigned)__builtin_ctzll(lengths))))
			return true;
		lengths &= lengths - 1;
	} while (lengths);
	return false;
}
