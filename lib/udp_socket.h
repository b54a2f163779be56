/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A UDP socket of Linux for whoever carries packets over one: opened with its options, read and written in
 * vectors. One thread may send while another one receives.
 *
 * Packets of one size to one peer, one behind the other, are handed to the kernel as one message
 * (UDP_SEGMENT), and come from it as one (UDP_GRO): it goes through its layers once for all of them.
 */
#ifndef WEIR__UDP_SOCKET_H
#define WEIR__UDP_SOCKET_H

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <weir/socket.h>

#include "socket_address.h"

#define WEIR__UDP_MESSAGE 65536 /* bytes of a message that was received, and one more than it may have */

struct weir__udp_options {
	union weir_socket_address local;      /* of the family of remote, unless it is [::] */
	union weir_socket_address remote;     /* family 0: not connected */
	uint32_t receive_buffer, send_buffer; /* 0: as much as is good, if the system allows it */
	bool no_gso, no_gro;
	uint32_t dscp, ttl, mark; /* 0: the system's */
	bool df;
	bool no_checksum;
	unsigned sources;                /* further sockets to send from */
	const char *bind_device, *netns; /* or NULL */
};

/* What belongs to the thread that sends. */
struct weir__udp_sender {
	uint32_t segment_max; /* bytes of the largest packet that may travel in company; 0: none */
	uint32_t refusals;    /* of messages of several packets, since one was taken */
	uint32_t alone;       /* packets that could have had company but for segment_max */
	bool gso;             /* there was no reason yet to do without */
	int full;             /* the descriptor that took no more, when a call took less than it was given */

	uint64_t messages;  /* of several packets */
	uint64_t segments;  /* packets that they had */
	uint64_t unbundled; /* messages that the kernel refused, so that each packet went by itself */
	uint64_t notices;   /* times that the network said that an earlier packet did not arrive */
};

/* A message that was received. */
struct weir__udp_message {
	uint32_t len;
	uint32_t segment; /* bytes of each of its packets but the last */
};

/* What belongs to the thread that receives. */
struct weir__udp_receiver {
	uint8_t *slots; /* one of WEIR__UDP_MESSAGE bytes for each message */
	uint32_t next;  /* message, of n */
	uint32_t n;
	uint32_t offset;      /* of its next packet */
	uint32_t budget;      /* messages that may still be received in this turn */
	uint32_t per_message; /* packets, lately */
	uint32_t top;         /* of the reader's stash when they were received */
	uint32_t room; /* bytes of each message that lie in a buffer of the reader, the rest in its slot; 0:
			  all in the slot */
	struct weir__udp_message message[WEIR_VECTOR_SIZE];
	union weir_socket_address from[WEIR_VECTOR_SIZE];

	uint64_t messages; /* of several packets */
	uint64_t segments; /* packets that they had */
	uint64_t notices;  /* as of the sender */
};

struct weir__udp {
	int fd;
	int netns; /* -1: the caller's */
	bool connected;
	bool dual;      /* takes IPv4 too, in addresses of IPv6 */
	uint32_t scope; /* index of bind_device; 0: none */
	uint32_t mark;
	char device[IFNAMSIZ];
	struct weir__udp_sender sender;
	unsigned n_sources;
	int sources[WEIR_SOCKET_SOURCES]; /* descriptors to send from besides fd */
	char apart[64];                   /* each of them changes with every vector */
	struct weir__udp_receiver receiver;
};

/* Opens the socket. Returns 0 or a negative errno; errors have the names of the options. Nothing is left open
 * then. */
int weir__udp_open(struct weir__udp *udp, const struct weir__udp_options *options, struct weir_error *err);
void weir__udp_close(struct weir__udp *udp);

/* Other values for what is sent from now on; ttl 0: the system's. Any thread. */
int weir__udp_set_header(const struct weir__udp *udp, uint32_t dscp, uint32_t ttl, struct weir_error *err);

/* An address as this socket knows it. */
void weir__udp_adapt(const struct weir__udp *udp, union weir_socket_address *address);

/* The address that the socket has, and that which it is connected to. */
void weir__udp_local(const struct weir__udp *udp, union weir_socket_address *local);
void weir__udp_remote(const struct weir__udp *udp, union weir_socket_address *remote);

/* Bytes of a packet that goes there in one piece. Control threads. */
int weir__udp_mtu(const struct weir__udp *udp, const union weir_socket_address *to, uint32_t *bytes,
		  struct weir_error *err);

/* What the kernel dropped because the receive buffer was full. */
int weir__udp_drops(const struct weir__udp *udp, uint64_t *packets, struct weir_error *err);

/* --- receiving --- */

/* Begins a turn of a reader: what follows receives at most as many messages as it may read packets. */
static inline void weir__udp_begin(struct weir__udp *udp, const struct weir_reader *reader)
{
	udp->receiver.budget = reader->limit;
}

/*
 * The next packet, which is then to be taken or skipped. Returns 1; 0: there is none now; or the negative
 * errno that the socket died of.
 */
int weir__udp_next(struct weir__udp *udp, struct weir_reader *reader, struct weir_datagram *datagram);

/*
 * Puts the bytes from offset on, len of them, into the reader. *buf is the packet, or NULL if the engine
 * dropped it for its length. Returns false if there is no buffer for it now: it stays the next one.
 */
bool weir__udp_take(struct weir__udp *udp, struct weir_reader *reader, const struct weir_datagram *datagram,
		    uint32_t offset, uint32_t len, struct weir_buf **buf);
void weir__udp_skip(struct weir__udp *udp, const struct weir_datagram *datagram);

/*
 * Ends a turn of somebody who may have left packets that there was room for: their bytes do not stay in
 * buffers of the reader.
 */
void weir__udp_end(struct weir__udp *udp, const struct weir_reader *reader);

/* Whether packets were received that are still to be read: poll() knows nothing of them. */
static inline bool weir__udp_pending(const struct weir__udp *udp)
{
	return udp->receiver.next < udp->receiver.n;
}

/* --- sending --- */

/* The first reasons of each type that calls weir__udp_send(), sessions among them; its own follow from
 * WEIR__UDP_REASONS_N on. */
enum {
	WEIR__UDP_EMPTY = WEIR_SESSION_EMPTY,
	WEIR__UDP_TOO_LONG = WEIR_SESSION_TOO_LONG,
	WEIR__UDP_NO_MEMORY = WEIR_SESSION_NO_MEMORY,
	WEIR__UDP_REFUSED = WEIR_SESSION_REFUSED,
	WEIR__UDP_UNREACHABLE = WEIR_SESSION_UNREACHABLE,
	WEIR__UDP_FORBIDDEN = WEIR_SESSION_FORBIDDEN,
	WEIR__UDP_INVALID = WEIR_SESSION_INVALID,
	WEIR__UDP_NO_PEER = WEIR_SESSION_NO_PEER,
	WEIR__UDP_REASONS_N,
};

#define WEIR__UDP_REASONS                                                                                    \
	[WEIR__UDP_EMPTY] = { "empty", "no bytes at all" },                                                  \
	[WEIR__UDP_TOO_LONG] = { "too_long",                                                                 \
				 "longer than a datagram may be, or than goes to the peer in one piece" },   \
	[WEIR__UDP_NO_MEMORY] = { "no_memory", "the system had no memory to send it" },                      \
	[WEIR__UDP_REFUSED] = { "refused", "nobody listens at the peer's port" },                            \
	[WEIR__UDP_UNREACHABLE] = { "unreachable", "the network says that the peer cannot be reached now" }, \
	[WEIR__UDP_FORBIDDEN] = { "forbidden", "a rule of the system does not let it out" },                 \
	[WEIR__UDP_INVALID] = { "invalid", "the system does not send to this address from ours" },           \
	[WEIR__UDP_NO_PEER] = { "no_peer", "it says no peer to go to, or one that is no longer known" }

/* Whether the network says that packets do not arrive, which may soon be over. */
bool weir__udp_is_notice(int error);

/*
 * Sends the packets of a writer: packet i to to[i], where the same peer has the same pointer, and NULL is
 * dropped, from socket source[i] % (n_sources + 1), 0 being fd. A connected socket: to is NULL. source NULL:
 * all from fd. To be returned by the type's write().
 */
uint32_t weir__udp_send(struct weir__udp *udp, struct weir_writer *writer,
			const union weir_socket_address *const *to, const uint8_t *source);

#endif
