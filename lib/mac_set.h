/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of MAC prefixes that never changes once it is built: an open hash table, at most half full, and one
 * look into it for each length of prefix that the set has, usually one. What a look costs does not depend on
 * the entries.
 */
#ifndef WEIR__MAC_SET_H
#define WEIR__MAC_SET_H

#include <string.h>

#include <weir/base.h>

/*
 * A prefix as 8 bytes in memory order: the address with the bits behind the prefix 0, a zero byte, and the
 * length of the prefix plus 1. So prefixes of different lengths differ, and no prefix is 0, which marks a
 * free slot.
 */
typedef uint64_t weir__mac_key;

struct weir__mac_length {
	uint64_t mask;     /* of the address bytes */
	weir__mac_key tag; /* of the length byte */
};

struct weir__mac_set {
	weir__mac_key *slots; /* NULL: an empty set */
	unsigned shift;       /* 64 less the logarithm of the slots */
	unsigned n_lengths;
	struct weir__mac_length lengths[49];
};

/* Makes room for n prefixes. False: no memory. */
bool weir__mac_set_init(struct weir__mac_set *set, size_t n);
void weir__mac_set_free(struct weir__mac_set *set);

/* Adds a prefix, whose bits behind it are 0; one that is there already is added once. At most n calls. */
void weir__mac_set_add(struct weir__mac_set *set, const uint8_t mac[6], unsigned bits);

/* The address at p with anything in the last two bytes: p must have 8. */
static inline uint64_t weir__mac_load(const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

/* Addresses differ in few bits, at any end: fold, then multiply so that each bit reaches the top ones. */
static inline size_t weir__mac_slot(const struct weir__mac_set *set, weir__mac_key key)
{
	return (size_t)((key ^ key >> 32) * UINT64_C(0x9e3779b97f4a7c15) >> set->shift);
}

static inline bool weir__mac_set_has_key(const struct weir__mac_set *set, weir__mac_key key)
{
	const size_t last = ((size_t)1 << (64 - set->shift)) - 1;

	for (size_t i = weir__mac_slot(set, key); set->slots[i]; i = (i + 1) & last)
		if (set->slots[i] == key)
			return true;
	return false;
}

/* Whether a prefix in the set begins the address, as weir__mac_load() gives it. */
static inline bool weir__mac_set_has(const struct weir__mac_set *set, uint64_t mac)
{
	for (unsigned i = 0; i < set->n_lengths; i++)
		if (weir__mac_set_has_key(set, (mac & set->lengths[i].mask) | set->lengths[i].tag))
			return true;
	return false;
}

#endif
