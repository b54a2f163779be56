/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of MAC prefixes: a table, and one look into it for each length of prefix that the set has, usually
 * one. What a look costs does not depend on the entries. One thread changes a set while others look into it.
 */
#ifndef WEIR__MAC_SET_H
#define WEIR__MAC_SET_H

#include "bytes.h"
#include "table.h"

/* Zeros are an empty set, to which nothing can be added before weir__mac_set_init(). */
struct weir__mac_set {
	uint64_t lengths; /* bit n: there are prefixes of n bits. 0: no look at the rest */
	struct weir__table table;
	uint32_t n[49]; /* prefixes of each length; the writer's */
};

/* Makes room for so many prefixes in an empty set, into which others may look already. Returns 0 or -ENOMEM.
 */
int weir__mac_set_init(struct weir__mac_set *set, uint32_t capacity);
void weir__mac_set_fini(struct weir__mac_set *set);

/* A prefix, whose bits behind it are 0. Returns 0 or -ENOSPC; adding one that is there changes nothing. */
int weir__mac_set_add(struct weir__mac_set *set, const uint8_t mac[6], unsigned bits);

/* Returns whether it was there. */
bool weir__mac_set_remove(struct weir__mac_set *set, const uint8_t mac[6], unsigned bits);

/* The address at p as the upper bits of a number, with anything in the lower 16: p must have 8 bytes. */
static inline uint64_t weir__mac_load(const uint8_t *p)
{
	return weir__load_be64(p);
}

/*
 * The first bits of an address as a key of the table: with their number plus 1 in the lower 16 bits, so that
 * prefixes of different lengths differ, and none is 0.
 */
static inline uint64_t weir__mac_key(uint64_t mac, unsigned bits)
{
	return (mac & ~UINT64_C(0) << 16 << (48 - bits)) | (bits + 1);
}

static inline bool weir__mac_set_empty(const struct weir__mac_set *set)
{
	return __atomic_load_n(&set->lengths, __ATOMIC_RELAXED) == 0;
}

/* Looks for prefixes of these lengths. */
bool weir__mac_set_find(const struct weir__mac_set *set, uint64_t mac, uint64_t lengths);

/* Whether a prefix in the set begins the address, as weir__mac_load() gives it. Any thread. */
static inline bool weir__mac_set_has(const struct weir__mac_set *set, uint64_t mac)
{
	/* Acquire: the table was made before the first length was set. */
	const uint64_t lengths = __atomic_load_n(&set->lengths, __ATOMIC_ACQUIRE);

	return lengths && weir__mac_set_find(set, mac, lengths);
}

/* The same of a set that nobody changes any more, and faster. */
static inline bool weir__mac_set_has_fixed(const struct weir__mac_set *set, uint64_t mac)
{
	for (uint64_t lengths = set->lengths; lengths; lengths &= lengths - 1)
		if (weir__table_look(&set->table, weir__mac_key(mac, (unsigned)__builtin_ctzll(lengths))))
			return true;
	return false;
}

#endif
