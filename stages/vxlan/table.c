/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "table.h"

#define NONE        UINT32_MAX
#define FORGET_ONCE 64 /* stations, so that a vector does not wait for thousands */
#define TRIES       8  /* of a look that a change of the table has led astray */

#define MAC_OF(tag) ((tag) & ~UINT64_C(0xffff))

/*
 * Read by others while it changes. The tag is the station's MAC address and a turn that each change of the
 * rest steps on, never 0; a tag of 0 is no station. So who finds the same tag before and after has read what
 * belongs to it. A turn writes the address that the one before does not use: a station that moves is never
 * missing.
 */
struct weir__vxlan_station {
	uint64_t tag;
	uint64_t seen;         /* when it sent last */
	uint32_t next;         /* of the same hash, or free */
	uint32_t newer, older; /* by when they sent last */
	uint32_t turn;         /* of the last tag */
	union weir_socket_address at[2];
};

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* Keyed, or senders could choose addresses that all meet in one list. */
static uint32_t home_of(const struct weir__vxlan_table *table, uint64_t mac)
{
	return (uint32_t)mix(mac ^ table->key) & table->mask;
}

int weir__vxlan_table_open(struct weir__vxlan_table *table, uint32_t capacity, uint64_t age_ns,
			   struct weir_error *err)
{
	uint32_t heads = 1;

	*table = (struct weir__vxlan_table){
		.capacity = capacity, .age_ns = age_ns, .newest = NONE, .oldest = NONE, .free = NONE
	};
	while (heads < capacity)
		heads *= 2;
	table->mask = heads - 1;
	table->stations = calloc(capacity, sizeof(*table->stations));
	table->heads = malloc(heads * sizeof(*table->heads));
	if (!table->stations || !table->heads)
		return weir_failed(err, -ENOMEM, "no memory to learn %u stations", capacity);
	if (getrandom(&table->key, sizeof(table->key), 0) != sizeof(table->key))
		return weir_failed(err, -errno, "no random number: %s", strerror(errno));
	memset(table->heads, 0xff, heads * sizeof(*table->heads));
	for (uint32_t i = capacity; i-- > 0;) {
		table->stations[i].next = table->free;
		table->free = i;
	}
	return 0;
}

void weir__vxlan_table_close(struct weir__vxlan_table *table)
{
	free(table->stations);
	free(table->heads);
	table->stations = NULL;
	table->heads = NULL;
}

/* --- by when they sent last --- */

static void unlink_seen(struct weir__vxlan_table *table, uint32_t i)
{
	const struct weir__vxlan_station *station = &table->stations[i];

	*(station->newer == NONE ? &table->newest : &table->stations[station->newer].older) = station->older;
	*(station->older == NONE ? &table->oldest : &table->stations[station->older].newer) = station->newer;
}

static void link_seen(struct weir__vxlan_table *table, uint32_t i)
{
	struct weir__vxlan_station *station = &table->stations[i];

	station->newer = NONE;
	station->older = table->newest;
	*(table->newest == NONE ? &table->oldest : &table->stations[table->newest].newer) = i;
	table->newest = i;
}

static void touch(struct weir__vxlan_table *table, uint32_t i, uint64_t now)
{
	if (i != table->newest) {
		unlink_seen(table, i);
		link_seen(table, i);
	}
	__atomic_store_n(&table->stations[i].seen, now, __ATOMIC_RELAXED);
}

/* --- learning. Each store is ordered behind the one before it, see the station --- */

static void place_at(struct weir__vxlan_station *station, uint64_t mac,
		     const union weir_socket_address *address)
{
	union weir_socket_address *at;

	station->turn = station->turn % 0xffff + 1;
	at = &station->at[station->turn & 1];
	for (unsigned word = 0; word < 7; word++)
		__atomic_store_n(&at->words[word], address->words[word], __ATOMIC_RELEASE);
	__atomic_store_n(&station->tag, mac | station->turn, __ATOMIC_RELEASE);
}

static void enter(struct weir__vxlan_table *table, uint64_t mac, const union weir_socket_address *from,
		  uint64_t now)
{
	const uint32_t i = table->free;
	uint32_t *head = &table->heads[home_of(table, mac)];
	struct weir__vxlan_station *station;

	if (i == NONE) {
		weir_count(&table->refused, 1);
		return;
	}
	station = &table->stations[i];
	table->free = station->next;
	__atomic_store_n(&station->next, *head, __ATOMIC_RELEASE);
	__atomic_store_n(&station->seen, now, __ATOMIC_RELEASE);
	place_at(station, mac, from);
	__atomic_store_n(head, i, __ATOMIC_RELEASE);
	link_seen(table, i);
	weir_count(&table->learned, 1);
}

void weir__vxlan_table_seen(struct weir__vxlan_table *table, uint64_t mac,
			    const union weir_socket_address *from, uint64_t now)
{
	struct weir__vxlan_station *station;
	uint32_t i = table->newest;

	if (!table->stations || weir__vxlan_is_group(mac))
		return;
	if (i == NONE || MAC_OF(table->stations[i].tag) != mac) {
		i = table->heads[home_of(table, mac)];
		while (i != NONE && MAC_OF(table->stations[i].tag) != mac)
			i = table->stations[i].next;
	}
	if (i == NONE) {
		enter(table, mac, from, now);
		return;
	}
	station = &table->stations[i];
	if (!weir_socket_same(&station->at[station->turn & 1], from)) {
		place_at(station, mac, from);
		weir_count(&table->moved, 1);
	}
	touch(table, i, now);
}

static void forget(struct weir__vxlan_table *table, uint32_t i)
{
	struct weir__vxlan_station *station = &table->stations[i];
	uint32_t *at = &table->heads[home_of(table, MAC_OF(station->tag))];

	while (*at != i)
		at = &table->stations[*at].next;
	__atomic_store_n(at, station->next, __ATOMIC_RELEASE);
	__atomic_store_n(&station->tag, 0, __ATOMIC_RELEASE);
	unlink_seen(table, i);
	__atomic_store_n(&station->next, table->free, __ATOMIC_RELEASE);
	table->free = i;
	weir_count(&table->forgotten, 1);
}

void weir__vxlan_table_forget(struct weir__vxlan_table *table, uint64_t now)
{
	for (int n = 0; table->stations && n < FORGET_ONCE && table->oldest != NONE; n++) {
		if (now - table->stations[table->oldest].seen < table->age_ns)
			return;
		forget(table, table->oldest);
	}
}

void weir__vxlan_table_sift(struct weir__vxlan_table *table,
			    bool (*keep)(const void *context, const union weir_socket_address *address),
			    const void *context)
{
	uint32_t older;

	for (uint32_t i = table->newest; table->stations && i != NONE; i = older) {
		const struct weir__vxlan_station *station = &table->stations[i];

		older = station->older;
		if (!keep(context, &station->at[station->turn & 1]))
			forget(table, i);
	}
}

/* --- by other threads --- */

/* Each load is ordered before the next one. */
static bool look_at(const struct weir__vxlan_station *station, uint64_t *tag, uint32_t *next, uint64_t *seen,
		    union weir_socket_address *at)
{
	*tag = __atomic_load_n(&station->tag, __ATOMIC_ACQUIRE);
	for (unsigned word = 0; word < 7; word++)
		at->words[word] = __atomic_load_n(&station->at[*tag & 1].words[word], __ATOMIC_ACQUIRE);
	*next = __atomic_load_n(&station->next, __ATOMIC_ACQUIRE);
	*seen = __atomic_load_n(&station->seen, __ATOMIC_ACQUIRE);
	return *tag && __atomic_load_n(&station->tag, __ATOMIC_RELAXED) == *tag;
}

/* A station that was forgotten and is now another leads into the list of that one: so each one's list is
 * looked at. Returns 1: found, 0: it is not there, -1: astray. */
static int walk(const struct weir__vxlan_table *table, uint64_t mac, uint64_t now,
		union weir_socket_address *to)
{
	const uint32_t home = home_of(table, mac);
	uint32_t i = __atomic_load_n(&table->heads[home], __ATOMIC_ACQUIRE), next;
	uint64_t tag, seen;

	for (; i != NONE; i = next) {
		if (!look_at(&table->stations[i], &tag, &next, &seen, to) ||
		    home_of(table, MAC_OF(tag)) != home)
			return -1;
		/* It may have been seen after now. */
		if (MAC_OF(tag) == mac)
			return (int64_t)(now - seen) < (int64_t)table->age_ns;
	}
	return 0;
}

bool weir__vxlan_table_find(const struct weir__vxlan_table *table, uint64_t mac, uint64_t now,
			    union weir_socket_address *to)
{
	int found = -1;

	for (unsigned i = 0; table->stations && found < 0 && i < TRIES; i++)
		found = walk(table, mac, now, to);
	return found > 0;
}
