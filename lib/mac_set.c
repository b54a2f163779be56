/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "mac_set.h"

bool weir__mac_set_init(struct weir__mac_set *set, size_t n)
{
	unsigned log = 1;

	*set = (struct weir__mac_set){ 0 };
	if (n == 0)
		return true;
	while ((size_t)1 << log < n * 2)
		log++;
	set->shift = 64 - log;
	set->slots = calloc((size_t)1 << log, sizeof(*set->slots));
	return set->slots;
}

void weir__mac_set_free(struct weir__mac_set *set)
{
	free(set->slots);
	*set = (struct weir__mac_set){ 0 };
}

static struct weir__mac_length length_of(unsigned bits)
{
	uint8_t mask[8] = { 0 };
	uint8_t tag[8] = { [7] = (uint8_t)(bits + 1) };

	for (unsigned bit = 0; bit < bits; bit++)
		mask[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return (struct weir__mac_length){ weir__mac_load(mask), weir__mac_load(tag) };
}

static void add_length(struct weir__mac_set *set, struct weir__mac_length length)
{
	for (unsigned i = 0; i < set->n_lengths; i++)
		if (set->lengths[i].tag == length.tag)
			return;
	set->lengths[set->n_lengths++] = length;
}

void weir__mac_set_add(struct weir__mac_set *set, const uint8_t mac[6], unsigned bits)
{
	const struct weir__mac_length length = length_of(bits);
	const size_t last = ((size_t)1 << (64 - set->shift)) - 1;
	uint8_t bytes[8] = { 0 };
	weir__mac_key key;
	size_t i;

	memcpy(bytes, mac, 6);
	key = weir__mac_load(bytes) | length.tag;
	for (i = weir__mac_slot(set, key); set->slots[i] && set->slots[i] != key;)
		i = (i + 1) & last;
	set->slots[i] = key;
	add_length(set, length);
}
