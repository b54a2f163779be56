/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a packet goes on the link: prefixes, and the MAC addresses of neighbours. One thread changes it while
 * any number of others look into it, without a lock and without ever waiting for that one.
 *
 * There are two copies, and a generation that counts changes and says by its lowest bit which of them is to
 * be read. The writer lets readers have the other copy, changes this one, lets them have this one, and
 * changes the other. So a writer that is interrupted stops nobody; a reader looks again only if a change came
 * while it looked. All that is read is loaded with acquire and stored with release, so that who sees
 * something of a change also sees its generation.
 *
 * What a reader found is right for as long as the generation is the same: that is how it can keep it.
 */
#ifndef WEIR__HOPS_H
#define WEIR__HOPS_H

#include <string.h>

#include "address.h"

#define WEIR__HOPS_PREFIXES 96
#define WEIR__HOPS_NO_ID    UINT16_MAX

/* An address as 128 bits in the order of memory. Over IPv4, high is what no unicast address of IPv6 has. */
struct weir__key {
	uint64_t high, low;
};

struct weir__prefix {
	struct weir__key net, mask, via; /* via: zeros: on the link */
};

struct weir__hop {
	uint64_t high, low;
	uint64_t value; /* six bytes of the MAC address, and the number of the neighbour in the lowest two */
};

struct weir__hops_copy {
	uint64_t n, n4;                                  /* prefixes, and those of IPv4 */
	struct weir__prefix prefix[WEIR__HOPS_PREFIXES]; /* first those of IPv4; of each, the longest first */
	struct weir__hop *slots;                         /* a hash table, at most half full; value 0: free */
};

struct weir__hops {
	uint64_t generation; /* of no other hops in this process; never 0 */
	uint32_t last;       /* slot */
	uint32_t shift;
	uint8_t *used; /* by the number of the neighbour: somebody looked it up since it was cleared */
	struct weir__hops_copy copy[2];
};

enum weir__hops_found { WEIR__HOPS_MAC, WEIR__HOPS_UNKNOWN, WEIR__HOPS_NO_ROUTE };

/* For so many addresses, at most 32,768; numbers of neighbours are below it. Returns 0 or -ENOMEM. */
int weir__hops_init(struct weir__hops *hops, uint32_t capacity);
void weir__hops_fini(struct weir__hops *hops);

/* The writer. set: mac: not zeros; id WEIR__HOPS_NO_ID: nobody wants to know whether it is used. */
void weir__hops_set(struct weir__hops *hops, struct weir__key key, const uint8_t mac[6], uint16_t id);
void weir__hops_remove(struct weir__hops *hops, struct weir__key key);
void weir__hops_set_prefixes(struct weir__hops *hops, const struct weir__prefix *prefix, unsigned n,
			     unsigned n4);
/* Has all look again, so that used says who is from now on. */
void weir__hops_unuse(struct weir__hops *hops, uint16_t id);

static inline bool weir__hops_is_used(const struct weir__hops *hops, uint16_t id)
{
	return __atomic_load_n(&hops->used[id], __ATOMIC_RELAXED);
}

/* Any thread. The MAC address of the next hop to a unicast address, and the generation that it is of. */
enum weir__hops_found weir__hops_find(const struct weir__hops *hops, struct weir__key key, uint8_t mac[6],
				      uint64_t *generation);

/* The next hop itself; false: there is no way. Any thread. */
bool weir__hops_next(const struct weir__hops *hops, struct weir__key key, struct weir__key *next);

static inline uint64_t weir__hops_generation(const struct weir__hops *hops)
{
	return __atomic_load_n(&hops->generation, __ATOMIC_RELAXED);
}

static inline struct weir__key weir__key4(const uint8_t *address)
{
	uint32_t low;

	memcpy(&low, address, sizeof(low));
	return (struct weir__key){ UINT64_MAX, low };
}

static inline struct weir__key weir__key6(const uint8_t *address)
{
	struct weir__key key;

	memcpy(&key, address, sizeof(key));
	return key;
}

static inline struct weir__key weir__key(const struct weir__ip *ip)
{
	return ip->family == 4 ? weir__key4(ip->bytes) : weir__key6(ip->bytes);
}

static inline bool weir__key_equal(struct weir__key a, struct weir__key b)
{
	return a.high == b.high && a.low == b.low;
}

/* The address that a key is of. */
struct weir__ip weir__key_ip(struct weir__key key);

/* The prefix that the address has in its first bits; via NULL: on the link. */
struct weir__prefix weir__prefix(const struct weir__ip *ip, unsigned bits, const struct weir__ip *via);

#endif
