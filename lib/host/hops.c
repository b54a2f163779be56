/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "hops.h"

/* Each host's generations begin at another multiple of this, so that a stage that keeps what it found, and is
 * then given another host, cannot take it for that one's. */
#define GENERATIONS (UINT64_C(1) << 40)

static uint64_t hosts;

static uint64_t load(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static void store(uint64_t *p, uint64_t value)
{
	__atomic_store_n(p, value, __ATOMIC_RELEASE);
}

int weir__hops_init(struct weir__hops *hops, uint32_t capacity)
{
	unsigned log = 1;

	memset(hops, 0, sizeof(*hops));
	while (UINT32_C(1) << log < 2 * capacity)
		log++;
	hops->generation = __atomic_add_fetch(&hosts, 1, __ATOMIC_RELAXED) * GENERATIONS;
	hops->shift = 64 - log;
	hops->last = (UINT32_C(1) << log) - 1;
	hops->used = calloc(capacity, 1);
	for (unsigned i = 0; i < 2; i++)
		hops->copy[i].slots = calloc((size_t)hops->last + 1, sizeof(struct weir__hop));
	if (hops->used && hops->copy[0].slots && hops->copy[1].slots)
		return 0;
	weir__hops_fini(hops);
	return -ENOMEM;
}

void weir__hops_fini(struct weir__hops *hops)
{
	free(hops->used);
	free(hops->copy[0].slots);
	free(hops->copy[1].slots);
	memset(hops, 0, sizeof(*hops));
}

static uint32_t home(const struct weir__hops *hops, struct weir__key key)
{
	const uint64_t folded = key.high * 31 + key.low;

	return (uint32_t)((folded ^ folded >> 32) * UINT64_C(0x9e3779b97f4a7c15) >> hops->shift);
}

/* The slot of the key, or the free one that its way ends in. The bound is for a reader whose copy changes. */
static uint32_t find(const struct weir__hops *hops, const struct weir__hop *slots, struct weir__key key,
		     uint64_t *value)
{
	uint32_t i = home(hops, key);

	for (uint32_t n = 0; n <= hops->last; n++, i = (i + 1) & hops->last) {
		*value = load(&slots[i].value);
		if (!*value || (load(&slots[i].low) == key.low && load(&slots[i].high) == key.high))
			return i;
	}
	*value = 0;
	return i;
}

static void put(struct weir__hop *slot, struct weir__key key, uint64_t value)
{
	store(&slot->high, key.high);
	store(&slot->low, key.low);
	store(&slot->value, value);
}

/* What is behind the freed slot, and whose way from home leads over it, moves up. */
static void take_out(const struct weir__hops *hops, struct weir__hop *slots, struct weir__key key)
{
	const uint32_t last = hops->last;
	uint64_t value;
	uint32_t hole = find(hops, slots, key, &value);

	for (uint32_t i = (hole + 1) & last; slots[i].value; i = (i + 1) & last) {
		const struct weir__key moved = { slots[i].high, slots[i].low };

		if (((i - home(hops, moved)) & last) < ((i - hole) & last))
			continue;
		put(&slots[hole], moved, slots[i].value);
		hole = i;
	}
	store(&slots[hole].value, 0);
}

/* Readers have the other copy from now on. */
static struct weir__hops_copy *turn(struct weir__hops *hops)
{
	struct weir__hops_copy *copy = &hops->copy[hops->generation & 1];

	store(&hops->generation, hops->generation + 1);
	return copy;
}

void weir__hops_set(struct weir__hops *hops, struct weir__key key, const uint8_t mac[6], uint16_t id)
{
	uint64_t value = 0, before;

	for (int i = 0; i < 6; i++)
		value = value << 8 | mac[i];
	value = value << 16 | id;
	for (int i = 0; i < 2; i++) {
		struct weir__hop *slots = turn(hops)->slots;

		put(&slots[find(hops, slots, key, &before)], key, value);
	}
}

void weir__hops_remove(struct weir__hops *hops, struct weir__key key)
{
	uint64_t before;

	find(hops, hops->copy[0].slots, key, &before);
	for (int i = 0; i < 2 && before; i++)
		take_out(hops, turn(hops)->slots, key);
}

void weir__hops_set_prefixes(struct weir__hops *hops, const struct weir__prefix *prefix, unsigned n,
			     unsigned n4)
{
	if (hops->copy[0].n == n && hops->copy[0].n4 == n4 &&
	    memcmp(hops->copy[0].prefix, prefix, n * sizeof(*prefix)) == 0)
		return;
	for (int i = 0; i < 2; i++) {
		struct weir__hops_copy *copy = turn(hops);

		for (unsigned k = 0; k < n; k++) {
			struct weir__prefix *to = &copy->prefix[k];

			store(&to->net.high, prefix[k].net.high);
			store(&to->net.low, prefix[k].net.low);
			store(&to->mask.high, prefix[k].mask.high);
			store(&to->mask.low, prefix[k].mask.low);
			store(&to->via.high, prefix[k].via.high);
			store(&to->via.low, prefix[k].via.low);
		}
		store(&copy->n, n);
		store(&copy->n4, n4);
	}
}

void weir__hops_unuse(struct weir__hops *hops, uint16_t id)
{
	/* Before the generation: who looks again because of that sets the mark behind this. */
	__atomic_store_n(&hops->used[id], 0, __ATOMIC_RELAXED);
	turn(hops);
	turn(hops);
}

static bool next_in(const struct weir__hops_copy *copy, struct weir__key key, struct weir__key *next)
{
	const bool ipv4 = key.high == UINT64_MAX;
	const uint64_t n4 = load(&copy->n4);
	const uint64_t n = ipv4 ? n4 : load(&copy->n);

	for (uint64_t i = ipv4 ? 0 : n4; i < n; i++) {
		const struct weir__prefix *prefix = &copy->prefix[i];

		if (((key.high & load(&prefix->mask.high)) ^ load(&prefix->net.high)) |
		    ((key.low & load(&prefix->mask.low)) ^ load(&prefix->net.low)))
			continue;
		*next = (struct weir__key){ load(&prefix->via.high), load(&prefix->via.low) };
		if (!next->high && !next->low)
			*next = key;
		return true;
	}
	return false;
}

bool weir__hops_next(const struct weir__hops *hops, struct weir__key key, struct weir__key *next)
{
	uint64_t generation;
	bool found;

	do {
		generation = load(&hops->generation);
		found = next_in(&hops->copy[generation & 1], key, next);
	} while (weir__hops_generation(hops) != generation);
	return found;
}

static enum weir__hops_found find_in(const struct weir__hops *hops, const struct weir__hops_copy *copy,
				     struct weir__key key, uint64_t *value)
{
	struct weir__key next;

	if (!next_in(copy, key, &next))
		return WEIR__HOPS_NO_ROUTE;
	find(hops, copy->slots, next, value);
	return *value ? WEIR__HOPS_MAC : WEIR__HOPS_UNKNOWN;
}

enum weir__hops_found weir__hops_find(const struct weir__hops *hops, struct weir__key key, uint8_t mac[6],
				      uint64_t *generation)
{
	enum weir__hops_found found;
	uint64_t value;
	uint16_t id;

	do {
		*generation = load(&hops->generation);
		found = find_in(hops, &hops->copy[*generation & 1], key, &value);
	} while (WEIR_UNLIKELY(weir__hops_generation(hops) != *generation));
	if (found != WEIR__HOPS_MAC)
		return found;
	id = (uint16_t)value;
	if (id != WEIR__HOPS_NO_ID)
		__atomic_store_n(&hops->used[id], 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)(value >> (56 - 8 * i));
	return found;
}

struct weir__ip weir__key_ip(struct weir__key key)
{
	struct weir__ip ip = { .family = key.high == UINT64_MAX ? 4 : 6 };
	const uint32_t low = (uint32_t)key.low;

	if (ip.family == 4)
		memcpy(ip.bytes, &low, sizeof(low));
	else
		memcpy(ip.bytes, &key, 16);
	return ip;
}

struct weir__prefix weir__prefix(const struct weir__ip *ip, unsigned bits, const struct weir__ip *via)
{
	struct weir__prefix prefix = { .via = via ? weir__key(via) : (struct weir__key){ 0 } };
	struct weir__ip mask = { .family = ip->family };
	const struct weir__key key = weir__key(ip);

	for (unsigned i = 0; i < bits; i++)
		mask.bytes[i / 8] |= (uint8_t)(0x80 >> i % 8);
	prefix.mask = weir__key(&mask);
	prefix.net = (struct weir__key){ key.high & prefix.mask.high, key.low & prefix.mask.low };
	return prefix;
}
