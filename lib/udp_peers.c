/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "udp_peers.h"

#define NONE        UINT32_MAX
#define PLACE(n)    (((n)&0xffff) - 1) /* of a number; that of 0 is beyond all places */
#define ONCE_MORE   0x10000            /* in a number: how often somebody was learned in its place */
#define FORGET_ONCE 64                 /* peers, so that a vector does not wait for thousands */

struct weir__udp_place {
	/*
	 * Read by others while they may change: the number is 0 from before the address changes until after.
	 * So who finds the same number before and after reading the address has read that of the number.
	 */
	uint32_t number;
	union weir_socket_address address;

	uint32_t last;         /* number that was given here */
	uint32_t next;         /* of the same hash, or free */
	uint32_t newer, older; /* of those that were learned */
	uint64_t seen;         /* when it sent last, of one that was learned */
};

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* Keyed, or senders could choose addresses that all meet in one list. */
static uint32_t *head_of(const struct weir__udp_peers *peers, const union weir_socket_address *address)
{
	uint64_t hash = peers->key;

	for (unsigned i = 0; i < 7; i++)
		hash = mix(hash ^ address->words[i]);
	return &peers->heads[hash & peers->mask];
}

int weir__udp_peers_open(struct weir__udp_peers *peers, uint32_t configured, uint32_t learned,
			 uint64_t age_ns, struct weir_error *err)
{
	const uint32_t total = configured + learned;
	uint32_t heads = 1, start;

	*peers = (struct weir__udp_peers){
		.total = total, .age_ns = age_ns, .newest = NONE, .oldest = NONE, .free = NONE
	};
	while (heads < total)
		heads *= 2;
	peers->mask = heads - 1;
	peers->places = calloc(total, sizeof(*peers->places));
	peers->heads = malloc(heads * sizeof(*peers->heads));
	if (!peers->places || !peers->heads)
		return weir_failed(err, -ENOMEM, "no memory for %u peers", total);
	if (getrandom(&peers->key, sizeof(peers->key), 0) != sizeof(peers->key))
		return weir_failed(err, -errno, "no random number: %s", strerror(errno));
	memset(peers->heads, 0xff, heads * sizeof(*peers->heads));
	/* Who kept numbers of the table that was here before does not find others under them. */
	start = (uint32_t)mix(peers->key) & ~0xffffu;
	for (uint32_t i = total; i-- > configured;) {
		peers->places[i].last = start | (i + 1);
		peers->places[i].next = peers->free;
		peers->free = i;
	}
	return 0;
}

void weir__udp_peers_close(struct weir__udp_peers *peers)
{
	free(peers->places);
	free(peers->heads);
}

/* Each store is ordered behind the one before it, so that nobody reads a part of the address as the number's.
 */
static void enter(struct weir__udp_peers *peers, uint32_t i, uint32_t number,
		  const union weir_socket_address *address)
{
	struct weir__udp_place *place = &peers->places[i];
	uint32_t *head = head_of(peers, address);

	for (unsigned word = 0; word < 7; word++)
		__atomic_store_n(&place->address.words[word], address->words[word], __ATOMIC_RELEASE);
	__atomic_store_n(&place->number, number, __ATOMIC_RELEASE);
	place->next = *head;
	*head = i;
}

void weir__udp_peers_add(struct weir__udp_peers *peers, const union weir_socket_address *address)
{
	enter(peers, peers->n, peers->n + 1, address);
	peers->n++;
}

/* --- learned peers, by when they sent last --- */

static void unlink_seen(struct weir__udp_peers *peers, uint32_t i)
{
	const struct weir__udp_place *place = &peers->places[i];

	*(place->newer == NONE ? &peers->newest : &peers->places[place->newer].older) = place->older;
	*(place->older == NONE ? &peers->oldest : &peers->places[place->older].newer) = place->newer;
}

static void link_seen(struct weir__udp_peers *peers, uint32_t i, uint64_t now)
{
	struct weir__udp_place *place = &peers->places[i];

	place->seen = now;
	place->newer = NONE;
	place->older = peers->newest;
	*(peers->newest == NONE ? &peers->oldest : &peers->places[peers->newest].newer) = i;
	peers->newest = i;
}

uint32_t weir__udp_peers_seen(struct weir__udp_peers *peers, const union weir_socket_address *address,
			      uint64_t now)
{
	uint32_t i = *head_of(peers, address);

	while (i != NONE && !weir_socket_same(&peers->places[i].address, address))
		i = peers->places[i].next;
	if (i == NONE)
		return 0;
	if (i >= peers->n && i != peers->newest) {
		unlink_seen(peers, i);
		link_seen(peers, i, now);
	}
	peers->places[i].seen = now;
	return peers->places[i].number;
}

uint32_t weir__udp_peers_learn(struct weir__udp_peers *peers, const union weir_socket_address *address,
			       uint64_t now)
{
	const uint32_t i = peers->free;
	struct weir__udp_place *place;

	if (i == NONE)
		return 0;
	place = &peers->places[i];
	peers->free = place->next;
	place->last += ONCE_MORE;
	enter(peers, i, place->last, address);
	link_seen(peers, i, now);
	weir_count(&peers->learned, 1);
	return place->last;
}

static void forget(struct weir__udp_peers *peers, uint32_t i)
{
	struct weir__udp_place *place = &peers->places[i];
	uint32_t *at = head_of(peers, &place->address);

	while (*at != i)
		at = &peers->places[*at].next;
	*at = place->next;
	unlink_seen(peers, i);
	__atomic_store_n(&place->number, 0, __ATOMIC_RELAXED);
	place->next = peers->free;
	peers->free = i;
	weir_count(&peers->forgotten, 1);
}

void weir__udp_peers_forget(struct weir__udp_peers *peers, uint64_t now)
{
	for (int n = 0; n < FORGET_ONCE && peers->oldest != NONE; n++) {
		if (now - peers->places[peers->oldest].seen < peers->age_ns)
			return;
		forget(peers, peers->oldest);
	}
}

/* --- by other threads --- */

bool weir__udp_peers_address(const struct weir__udp_peers *peers, uint32_t number,
			     union weir_socket_address *address)
{
	const struct weir__udp_place *place;

	if (PLACE(number) >= peers->total)
		return false;
	place = &peers->places[PLACE(number)];
	if (__atomic_load_n(&place->number, __ATOMIC_ACQUIRE) != number)
		return false;
	for (unsigned word = 0; word < 7; word++)
		address->words[word] = __atomic_load_n(&place->address.words[word], __ATOMIC_ACQUIRE);
	/* Each load is ordered before the next one: a word of a later address comes with a later number. */
	return __atomic_load_n(&place->number, __ATOMIC_RELAXED) == number;
}

uint32_t weir__udp_peers_find(const struct weir__udp_peers *peers, const union weir_socket_address *address)
{
	union weir_socket_address there;

	for (uint32_t i = 0; i < peers->total; i++) {
		const uint32_t number = __atomic_load_n(&peers->places[i].number, __ATOMIC_ACQUIRE);

		if (number && weir__udp_peers_address(peers, number, &there) &&
		    weir_socket_same(&there, address))
			return number;
	}
	return 0;
}
