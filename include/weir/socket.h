/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A UDP socket of a session. Datagrams of one size to one address, one behind the other, are one message for
 * the kernel (UDP_SEGMENT), and come from it as one (UDP_GRO).
 */
#ifndef WEIR_SOCKET_H
#define WEIR_SOCKET_H

#include <netinet/in.h>
#include <sys/socket.h>

#include <weir/session.h>

WEIR_BEGIN_DECLS

/* An address and a port. What it does not use is zero, so that words are all that is to be compared. */
union weir_socket_address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
	uint32_t words[7];
};

static inline bool weir_socket_same(const union weir_socket_address *a, const union weir_socket_address *b)
{
	uint32_t differs = 0;

	for (unsigned i = 0; i < 7; i++)
		differs |= a->words[i] ^ b->words[i];
	return !differs;
}

/* Reads "192.0.2.1", "192.0.2.1:4789", "fd00::1" or "[fd00::1]:4789"; port: if it says none. */
WEIR_API bool weir_socket_address_parse(const char *text, uint16_t port, union weir_socket_address *address);
WEIR_API const char *weir_socket_address_text(const union weir_socket_address *address,
					      char text[WEIR_SESSION_TEXT]);

#define WEIR_SOCKET_SOURCES 64

struct weir_socket_options {
	const union weir_socket_address *local;  /* NULL: any */
	const union weir_socket_address *remote; /* connected to it; NULL: to none */
	/* Further ports to send from, besides the socket's own: so that routers on the way, and the receiving
	 * network card, spread flows. At most WEIR_SOCKET_SOURCES. What comes to them is not read. */
	unsigned sources;
	uint32_t receive_buffer, send_buffer; /* as of struct weir_udp, like the rest */
	bool no_gso, no_gro;
	uint32_t dscp, ttl, mark;
	bool df;
	bool no_checksum; /* send without UDP checksum, and take IPv6 datagrams without (RFC 6935) */
	const char *bind_device, *netns;
};

/* Opens it; it is the data path's at once: who has to note something of it before its first datagram comes
 * holds weir_session_lock() meanwhile. open, connect or tend. Errors have the names of the options. */
WEIR_API int weir_socket_open(struct weir_socket **socket, struct weir_session *session,
			      const struct weir_socket_options *options, struct weir_error *err);
/* What is left open is closed by the engine: after close() what open() opened, after disconnect() the rest.
 * NULL is allowed. */
WEIR_API void weir_socket_close(struct weir_socket *socket);

WEIR_API void weir_socket_set_user(struct weir_socket *socket, void *user);
WEIR_API void *weir_socket_user(const struct weir_socket *socket);
WEIR_API void weir_socket_local(const struct weir_socket *socket, union weir_socket_address *local);
/* An address as this socket knows it: with a scope, or an IPv4 address in one of IPv6. Use it before it is
 * compared or sent to. */
WEIR_API void weir_socket_adapt(const struct weir_socket *socket, union weir_socket_address *address);
/* Other values than those of the options for what is sent from now on. Any function of the session. */
WEIR_API int weir_socket_set_header(struct weir_socket *socket, uint32_t dscp, uint32_t ttl,
				    struct weir_error *err);
/* Bytes of a datagram that goes there in one piece. Session's and control threads. */
WEIR_API int weir_socket_mtu(const struct weir_socket *socket, const union weir_socket_address *to,
			     uint32_t *bytes, struct weir_error *err);

/* --- receiving: datagrams()
 * --------------------------------------------------------------------------------------- */

struct weir_datagram {
	uint8_t *bytes; /* may be changed in place */
	uint32_t len;
	const union weir_socket_address *from; /* of a connected socket, meaningless */
};

/* The next datagram, which is then to be taken or skipped. Returns 1; 0: there is none now; or a negative
 * errno to be returned. */
WEIR_API int weir_socket_next(struct weir_socket *socket, struct weir_reader *reader,
			      struct weir_datagram *datagram);

/* Puts the bytes from offset on, len of them, into the reader as a packet. *buf is the packet, or NULL if the
 * engine dropped it for its length. Returns false if there is no buffer for it now: it stays the next one;
 * return 0 then. */
WEIR_API bool weir_socket_take(struct weir_socket *socket, struct weir_reader *reader,
			       const struct weir_datagram *datagram, uint32_t offset, uint32_t len,
			       struct weir_buf **buf);
/* Without its packet. Its bytes stay until the next call, so that a packet made of them elsewhere can be put
 * in the reader in its place, by weir_reader_commit(). */
WEIR_API void weir_socket_skip(struct weir_socket *socket, const struct weir_datagram *datagram);

/* --- sending: send() and timer()
 * ------------------------------------------------------------------------------------ */

/*
 * Sends the packets of a writer: packet i to to[i], where the same address has the same pointer and NULL is
 * dropped (no_peer), from port source[i] % (sources + 1), 0 being the socket's own. A connected socket: to is
 * NULL. source NULL: the socket's own. To be returned by send(): it drops for the first eight reasons of a
 * session.
 */
WEIR_API uint32_t weir_socket_send(struct weir_socket *socket, struct weir_writer *writer,
				   const union weir_socket_address *const *to, const uint8_t *source);

/* Sends one datagram that is no packet, now or never. Returns 0 or a negative errno, which is no reason to
 * end. Also connect and tend. to NULL: a connected socket. */
WEIR_API int weir_socket_send_one(struct weir_socket *socket, const void *bytes, size_t n,
				  const union weir_socket_address *to);

WEIR_END_DECLS

#endif
