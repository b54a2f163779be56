/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UDP acceleration of a session: its socket, what is agreed upon in the login, and frames to and from
 * datagrams. Whatever fails here, the session goes on by TCP.
 */
#ifndef WEIR_SE_UDP_ACCEL_PORT_H
#define WEIR_SE_UDP_ACCEL_PORT_H

#include <weir/socket.h>

#include "compress.h"
#include "frame.h"
#include "pack.h"
#include "udp_accel.h"

/* Reasons of the type that has a port, from a first one on. */
enum {
	WEIR__SE_ACCEL_DROP_FORGED,
	WEIR__SE_ACCEL_DROP_STALE,
	WEIR__SE_ACCEL_DROP_BROKEN,
	WEIR__SE_ACCEL_REASONS_N,
};

#define WEIR__SE_ACCEL_REASONS(first_)                                                                      \
	[(first_) +                                                                                         \
		WEIR__SE_ACCEL_DROP_FORGED] = { "udp_forged",                                               \
						"a datagram that is not from the server, or was changed" }, \
		[(first_) + WEIR__SE_ACCEL_DROP_STALE] = { "udp_stale",                                     \
							   "a datagram 30 s older than the newest" },       \
		[(first_) +                                                                                 \
			WEIR__SE_ACCEL_DROP_BROKEN] = { "udp_broken",                                       \
							"a datagram of the server that has no whole frame" }

/* Counters of a state whose member the port is. */
#define WEIR__SE_ACCEL_COUNTERS(struct_, port_)                                                        \
	{ "udp_sent", "frames sent in datagrams", offsetof(struct_, port_.sent) },                     \
		{ "udp_received", "frames received in datagrams", offsetof(struct_, port_.received) }, \
	{                                                                                              \
		"udp_unusable", "logins that wanted datagrams and got none",                           \
			offsetof(struct_, port_.unusable)                                              \
	}

#define WEIR__SE_ACCEL_ROOM 1728 /* bytes of the longest datagram that is sent */

struct weir__se_accel_port {
	struct weir_session *session;
	struct weir_socket *socket; /* NULL: none */
	unsigned first_reason;
	bool agreed;  /* the server has, since the last login */
	bool running; /* and there is a socket */
	struct weir__se_accel accel;
	uint8_t *key;      /* of this side, from the login to the welcome */
	uint64_t unusable; /* session's thread */

	/* The sending end's. */
	union weir_socket_address peer;
	uint32_t frame_max; /* bytes of the longest frame that goes in one piece */
	uint64_t sent;
	struct weir_buf buf[WEIR_VECTOR_SIZE];
	uint8_t datagram[WEIR_VECTOR_SIZE][WEIR__SE_ACCEL_ROOM];

	/* The receiving end's. */
	union weir_socket_address source; /* where the newest came from, for the next tend() */
	bool moved;                       /* it is not the peer's */
	bool opened;                      /* the next datagram is; it has a frame: */
	struct weir__se_accel_piece piece;
	uint64_t received;
};

/* --- the session's thread --- */

/* For a login: forgets what was, makes keys and a socket. */
int weir__se_accel_port_open(struct weir__se_accel_port *port, struct weir_session *session,
			     const struct weir_socket_options *options, struct weir_error *err);
/* What a login asks for; nothing if that failed. */
void weir__se_accel_port_put(const struct weir__se_accel_port *port, struct weir__se_pack_writer *login);
/* What the server has made of that; server: its address as of weir_stream_addresses(). clear: frames go
 * outside of TLS. Takes both locks. Where it fails there will be no datagrams, and err says why. */
int weir__se_accel_port_begin(struct weir__se_accel_port *port, const struct weir__se_pack *welcome,
			      const char *server, bool clear, struct weir_error *err);
/* The server's datagrams may have another source now. Takes both locks; to be called by tend(). */
void weir__se_accel_port_tend(struct weir__se_accel_port *port);
/* Without a socket until it goes on: the server keeps what was agreed as long as the session, and sees from
 * where the next datagram comes. Both take both locks. */
void weir__se_accel_port_pause(struct weir__se_accel_port *port);
int weir__se_accel_port_resume(struct weir__se_accel_port *port, const struct weir_socket_options *options,
			       struct weir_error *err);
/* Forgets all, also where a login failed. Takes both locks if it was not paused. */
void weir__se_accel_port_end(struct weir__se_accel_port *port);

/* --- under the send lock --- */

/* Sends a keepalive if it is time; returns when the next is due. */
uint64_t weir__se_accel_port_timer(struct weir__se_accel_port *port, uint64_t now);

/* Whether frames are to go in datagrams now. */
static inline bool weir__se_accel_port_ready(const struct weir__se_accel_port *port, uint64_t now)
{
	return port->running && weir__se_accel_ready(&port->accel, now);
}

/*
 * Of a port that is ready: sends packets from the first on, as many of them as follow each other and go in a
 * datagram each; deflater NULL: not compressed. Returns how many it is done with, sent or dropped. 0: the
 * first is none that goes this way, and *full is false; or the socket takes no more now.
 */
uint32_t weir__se_accel_port_send(struct weir__se_accel_port *port, struct weir_writer *writer,
				  uint32_t first, uint64_t now, struct weir__se_deflater *deflater,
				  bool *full);

/* --- under the receive lock --- */

/*
 * The next frame: returns 1; 0: there is none now; or a negative errno to be returned. It is at
 * datagram->bytes + piece->offset, and to be taken or skipped, then to be told by _done(): until then it
 * stays the next one.
 */
int weir__se_accel_port_next(struct weir__se_accel_port *port, struct weir_socket *socket,
			     struct weir_reader *reader, struct weir_datagram *datagram,
			     struct weir__se_accel_piece *piece);

static inline void weir__se_accel_port_done(struct weir__se_accel_port *port)
{
	port->opened = false;
}

#endif
