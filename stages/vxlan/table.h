/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Behind which remote each station is, as learned from what came. One thread, that which receives, learns and
 * forgets; any others look stations up meanwhile, without a lock.
 *
 * Places are fixed in number: who makes up source addresses can fill those that are free, but not make the
 * table grow, nor move a station that still sends out of its place.
 */
#ifndef WEIR__VXLAN_TABLE_H
#define WEIR__VXLAN_TABLE_H

#include <weir/socket.h>

struct weir__vxlan_station;

/* Zeros are one in which nothing is learned. */
struct weir__vxlan_table {
	struct weir__vxlan_station *stations;
	uint32_t *heads; /* of the lists of stations by hash */
	uint32_t mask;
	uint32_t capacity;
	uint64_t key; /* which senders cannot know */
	uint64_t age_ns;
	uint32_t newest, oldest; /* by when they sent last */
	uint32_t free;

	uint64_t learned, moved, refused, forgotten;
};

/* MAC addresses are the upper 48 bits of a number; the lower 16 are 0. */
static inline uint64_t weir__vxlan_mac(const uint8_t *bytes)
{
	uint64_t mac = 0;

	for (int i = 0; i < 6; i++)
		mac = mac << 8 | bytes[i];
	return mac << 16;
}

static inline bool weir__vxlan_is_group(uint64_t mac)
{
	return mac >> 56 & 1;
}

int weir__vxlan_table_open(struct weir__vxlan_table *table, uint32_t capacity, uint64_t age_ns,
			   struct weir_error *err);
void weir__vxlan_table_close(struct weir__vxlan_table *table);

/* --- the thread that receives, or another one while it cannot --- */

/* A frame of that station has come from there. A group is no station. */
void weir__vxlan_table_seen(struct weir__vxlan_table *table, uint64_t mac,
			    const union weir_socket_address *from, uint64_t now);

/* Frees the places of some that have been silent for too long. */
void weir__vxlan_table_forget(struct weir__vxlan_table *table, uint64_t now);

/* Forgets those behind addresses that are not to be kept. */
void weir__vxlan_table_sift(struct weir__vxlan_table *table,
			    bool (*keep)(const void *context, const union weir_socket_address *address),
			    const void *context);

/* --- any thread --- */

/* Copies where the station is. Returns false if that is not known, or no longer. */
bool weir__vxlan_table_find(const struct weir__vxlan_table *table, uint64_t mac, uint64_t now,
			    union weir_socket_address *to);

#endif
