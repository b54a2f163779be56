/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a VXLAN session. */
#ifndef WEIR__VXLAN_H
#define WEIR__VXLAN_H

#include <net/if.h>

#include "flow.h"
#include "peers.h"
#include "table.h"

/* RFC 7348 5: flags and reserved bits, then the VNI and reserved bits. */
#define WEIR__VXLAN_HEADER 8
#define WEIR__VXLAN_FLAG_I 0x08

enum {
	WEIR__VXLAN_SHORT = WEIR_SESSION_REASONS_N,
	WEIR__VXLAN_VLAN,
	WEIR__VXLAN_UNKNOWN,
	WEIR__VXLAN_NO_VNI,
	WEIR__VXLAN_OTHER_VNI,
	WEIR__VXLAN_UNKNOWN_REMOTE,
	WEIR__VXLAN_ELSEWHERE,
	WEIR__VXLAN_NO_SENDER,
};

/* A packet of which some remotes have got their copy, and for the next one the socket took no more. A packet
 * that comes into the same buffer later is another one. */
struct weir__vxlan_unfinished {
	uint32_t index;
	uint32_t copies; /* 0: there is no such packet */
	uint64_t arrival;
	bool sent;       /* at least one of these */
	uint16_t failed; /* of these */
};

/* Counted by each sender at once. */
struct weir__vxlan_sent {
	uint64_t flooded, copies, uncopied;
};

#define WEIR__VXLAN_NETNS 256 /* bytes of a path, at the most */

/* The options that need sockets or a table of their own; text and all. */
struct weir__vxlan_fixed {
	union weir_socket_address local;
	uint32_t senders, sources, learn_max, max_packet;
	uint32_t mark, receive_buffer, send_buffer;
	bool no_learn, no_checksum, fragment, no_gso, no_gro;
	char bind_device[IFNAMSIZ], netns[WEIR__VXLAN_NETNS];
};

/* The session itself sends, and so many others may. */
#define WEIR__VXLAN_SENDERS (1 + WEIR_VXLAN_SENDERS_MAX)

struct weir__vxlan {
	WEIR_SESSION_STATE;
	struct weir_socket *socket[WEIR__VXLAN_SENDERS]; /* of each sender; the first one receives */
	struct weir__vxlan_fixed fixed;
	struct weir__vxlan_peers peers;
	struct weir__vxlan_table table;
	uint8_t header[WEIR__VXLAN_HEADER];
	uint16_t port;   /* of remotes that are not configured; network order */
	uint8_t sources; /* ports to send from, besides the socket's own */
	bool learn_remotes, drop_unknown, vlan;
	struct weir_session_status told; /* to the application; the session's thread's */
	struct weir__vxlan_sent sent;
	struct weir__vxlan_unfinished unfinished[WEIR__VXLAN_SENDERS];

	/* The reader's: what the host of the last datagram is. */
	union weir_socket_address last;
	const union weir_socket_address *last_host;
};

int weir__vxlan_datagrams(void *state, struct weir_socket *socket, struct weir_reader *reader);
uint32_t weir__vxlan_send(void *state, struct weir_writer *writer, unsigned sender);

#endif
