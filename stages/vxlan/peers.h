/* SPDX-License-Identifier: Apache-2.0 */
/* The hosts that the options name: those that all is sent to, and those behind which stations are for ever.
 */
#ifndef WEIR__VXLAN_PEERS_H
#define WEIR__VXLAN_PEERS_H

#include <weir/socket.h>
#include <weir/vxlan.h>

/* Hosts are told apart by address alone: each sends from whatever port its flows ask for. */
struct weir__vxlan_host {
	union weir_socket_address key; /* the address without a port */
	union weir_socket_address to;
};

struct weir__vxlan_entry {
	uint64_t mac; /* as of weir__vxlan_mac() */
	union weir_socket_address to;
};

struct weir__vxlan_peers {
	uint32_t n_remotes, n_entries, n_hosts;
	union weir_socket_address remotes[WEIR_VXLAN_REMOTES_MAX];
	struct weir__vxlan_entry entries[WEIR_VXLAN_ENTRIES_MAX]; /* in the order of their addresses */
	struct weir__vxlan_host
		hosts[WEIR_VXLAN_REMOTES_MAX + WEIR_VXLAN_ENTRIES_MAX]; /* of both, likewise */
};

/* The own address: .local, or any of the family that the remotes have. Returns 0 or -EINVAL. */
int weir__vxlan_local(const struct weir_vxlan *options, union weir_socket_address *local,
		      struct weir_error *err);

/* Reads .remote and .entry, and reports what is wrong with them. socket: that knows the addresses; NULL:
 * there is none yet. Returns 0 or -EINVAL. */
int weir__vxlan_peers_read(struct weir__vxlan_peers *peers, const struct weir_vxlan *options,
			   const union weir_socket_address *local, const struct weir_socket *socket,
			   struct weir_error *err);

static inline void weir__vxlan_key(const union weir_socket_address *address, union weir_socket_address *key)
{
	*key = *address;
	key->ipv4.sin_port = 0; /* at the same place in both families */
}

/* Where to send what goes to the host of that key; NULL: the options do not name it. */
const union weir_socket_address *weir__vxlan_host(const struct weir__vxlan_peers *peers,
						  const union weir_socket_address *key);

/* Where the station of that address is for ever; NULL: it has no entry. */
const union weir_socket_address *weir__vxlan_entry(const struct weir__vxlan_peers *peers, uint64_t mac);

/* "02:00:00:00:00:07", the first length bytes of text. */
bool weir__vxlan_mac_parse(const char *text, size_t length, uint64_t *mac);

#endif
