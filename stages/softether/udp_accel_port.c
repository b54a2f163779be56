/* SPDX-License-Identifier: Apache-2.0 */
#include "udp_accel_port.h"

#include <errno.h>
#include <openssl/rand.h>

#include <weir/secret.h>

#define KEY_V1   20 /* bytes; asked for by servers that know it alone, and never used */
#define MTU_IPV4 1472
#define MTU_IPV6 1452

/* --- login --- */

int weir__se_accel_port_open(struct weir__se_accel_port *port, struct weir_session *session,
			     const struct weir_socket_options *options, struct weir_error *err)
{
	weir__se_accel_port_end(port);
	port->session = session;
	port->key = weir_secret_alloc(WEIR__SE_ACCEL_KEY);
	if (!port->key || RAND_bytes(port->key, WEIR__SE_ACCEL_KEY) != 1)
		return weir_failed(err, -ENOMEM, "no key for UDP acceleration");
	return weir_socket_open(&port->socket, session, options, err);
}

static uint16_t port_of(const union weir_socket_address *address)
{
	return ntohs(address->any.sa_family == AF_INET6 ? address->ipv6.sin6_port : address->ipv4.sin_port);
}

static void set_port(union weir_socket_address *address, uint32_t number)
{
	if (address->any.sa_family == AF_INET6)
		address->ipv6.sin6_port = htons((uint16_t)number);
	else
		address->ipv4.sin_port = htons((uint16_t)number);
}

void weir__se_accel_port_put(const struct weir__se_accel_port *port, struct weir__se_pack_writer *login)
{
	union weir_socket_address local;
	uint8_t key_v1[KEY_V1];

	if (!port->socket || RAND_bytes(key_v1, sizeof(key_v1)) != 1)
		return;
	weir_socket_local(port->socket, &local);
	weir__se_pack_put_int(login, "use_udp_acceleration", 1);
	weir__se_pack_put_int(login, "udp_acceleration_version", WEIR__SE_ACCEL_VERSION);
	weir__se_pack_put_int(login, "udp_acceleration_max_version", WEIR__SE_ACCEL_VERSION);
	weir__se_pack_put_int(login, "udp_acceleration_client_ip", 0); /* the one of this connection */
	weir__se_pack_put_int(login, "udp_acceleration_client_port", port_of(&local));
	weir__se_pack_put_data(login, "udp_acceleration_client_key", key_v1, sizeof(key_v1));
	weir__se_pack_put_data(login, "udp_acceleration_client_key_v2", port->key, WEIR__SE_ACCEL_KEY);
	weir__se_pack_put_int(login, "support_udp_accel_fast_disconnect_detect", 1);
}

/* --- welcome --- */

/* Datagrams go to where the TCP connection goes: what the server says of itself may be an address behind a
 * translator. */
static int find_peer(struct weir__se_accel_port *port, const struct weir__se_pack *welcome,
		     const char *server, struct weir_error *err)
{
	const uint32_t number = weir__se_pack_int(welcome, "udp_acceleration_server_port", 0);

	if (number == 0 || number > UINT16_MAX || !weir_socket_address_parse(server, 0, &port->peer))
		return weir_failed(err, -ENOTSUP, "the server says no UDP port");
	set_port(&port->peer, number);
	weir_socket_adapt(port->socket, &port->peer);
	port->source = port->peer;
	return 0;
}

/* What the server offers must be as secret as the TCP connections are. */
static int read_offer(const struct weir__se_pack *welcome, uint8_t peer_key[WEIR__SE_ACCEL_KEY],
		      struct weir__se_accel_options *options, struct weir_error *err)
{
	const bool encrypts = weir__se_pack_int(welcome, "udp_acceleration_use_encryption", 0) != 0;

	if (!weir__se_pack_int(welcome, "use_udp_acceleration", 0))
		return weir_failed(err, -ENOTSUP, "the server does not want UDP acceleration");
	options->fast = weir__se_pack_int(welcome, "udp_accel_fast_disconnect_detect", 0) != 0;
	options->cookie = weir__se_pack_int(welcome, "udp_acceleration_client_cookie", 0);
	options->peer_cookie = weir__se_pack_int(welcome, "udp_acceleration_server_cookie", 0);
	if (encrypts == options->clear)
		return weir_failed(err, -ENOTSUP, "the server wants datagrams %s cipher, unlike TCP",
				   encrypts ? "with a" : "without a");
	if (options->clear)
		return 0;
	if (weir__se_pack_int(welcome, "udp_acceleration_version", 1) < WEIR__SE_ACCEL_VERSION ||
	    !weir__se_pack_data_n(welcome, "udp_acceleration_server_key_v2", peer_key, WEIR__SE_ACCEL_KEY))
		return weir_failed(err, -ENOTSUP, "the server speaks UDP acceleration of version 1 alone");
	return 0;
}

/* Session's thread: it may look at the routes. */
static void measure(struct weir__se_accel_port *port, const union weir_socket_address *peer,
		    uint32_t *frame_max)
{
	const uint32_t cover = (uint32_t)weir__se_accel_cover(&port->accel);
	struct weir_error err = { 0 };
	uint32_t mtu;

	if (weir_socket_mtu(port->socket, peer, &mtu, &err))
		mtu = peer->any.sa_family == AF_INET6 ? MTU_IPV6 : MTU_IPV4;
	if (mtu > WEIR__SE_ACCEL_ROOM)
		mtu = WEIR__SE_ACCEL_ROOM;
	*frame_max = mtu > cover ? mtu - cover : 0;
}

/* Before this, no end looks at any of it. */
static void run(struct weir__se_accel_port *port)
{
	weir_session_lock(port->session);
	port->running = true;
	weir_session_unlock(port->session);
}

static int begin(struct weir__se_accel_port *port, const struct weir__se_accel_options *options,
		 struct weir_error *err)
{
	if (weir__se_accel_begin(&port->accel, options, weir_session_now()))
		return weir_failed(err, -ENOTSUP, "OpenSSL has no ChaCha20-Poly1305");
	measure(port, &port->peer, &port->frame_max);
	port->agreed = true;
	run(port);
	return 0;
}

int weir__se_accel_port_begin(struct weir__se_accel_port *port, const struct weir__se_pack *welcome,
			      const char *server, bool clear, struct weir_error *err)
{
	uint8_t *peer_key = weir_secret_alloc(WEIR__SE_ACCEL_KEY);
	struct weir__se_accel_options options = { .clear = clear, .key = port->key, .peer_key = peer_key };
	int rc;

	if (!peer_key)
		return weir_failed(err, -ENOMEM, "no memory for a key");
	rc = read_offer(welcome, peer_key, &options, err);
	if (!rc)
		rc = find_peer(port, welcome, server, err);
	if (!rc)
		rc = begin(port, &options, err);
	weir_secret_free(peer_key);
	weir_secret_free(port->key);
	port->key = NULL;
	return rc;
}

void weir__se_accel_port_tend(struct weir__se_accel_port *port)
{
	union weir_socket_address source;
	uint32_t frame_max;
	bool moved;

	weir_session_lock(port->session);
	moved = port->running && port->moved;
	source = port->source;
	port->moved = false;
	weir_session_unlock(port->session);
	if (!moved)
		return;
	measure(port, &source, &frame_max);
	weir_session_lock(port->session);
	port->peer = source;
	port->frame_max = frame_max;
	weir_session_unlock(port->session);
}

void weir__se_accel_port_pause(struct weir__se_accel_port *port)
{
	if (port->running) {
		weir_session_lock(port->session);
		port->running = port->moved = port->opened = false;
		weir_session_unlock(port->session);
	}
	weir_socket_close(port->socket);
	port->socket = NULL;
}

int weir__se_accel_port_resume(struct weir__se_accel_port *port, const struct weir_socket_options *options,
			       struct weir_error *err)
{
	int rc;

	if (!port->agreed || port->socket)
		return 0;
	rc = weir_socket_open(&port->socket, port->session, options, err);
	if (!rc)
		run(port);
	return rc;
}

void weir__se_accel_port_end(struct weir__se_accel_port *port)
{
	weir__se_accel_port_pause(port);
	port->agreed = false;
	weir__se_accel_end(&port->accel);
	weir_secret_free(port->key);
	port->key = NULL;
}

/* --- sending --- */

uint64_t weir__se_accel_port_timer(struct weir__se_accel_port *port, uint64_t now)
{
	uint8_t datagram[WEIR__SE_ACCEL_COVER];
	size_t n;

	if (!port->running)
		return UINT64_MAX;
	if (weir__se_accel_keepalive_due(&port->accel, now)) {
		n = weir__se_accel_seal(&port->accel, now, datagram, NULL, 0, false);
		/* One that is lost is followed by others, and all are allowed to be. */
		if (n)
			(void)weir_socket_send_one(port->socket, datagram, n, &port->peer);
	}
	return port->accel.next_keepalive;
}

/* Makes a datagram of a frame: 0 if it does not go in one. */
static uint32_t make(struct weir__se_accel_port *port, uint8_t *datagram, const struct weir_buf *frame,
		     uint64_t now, struct weir__se_deflater *deflater)
{
	uint8_t small[WEIR__SE_ACCEL_ROOM];
	size_t n = 0;

	if (frame->len < WEIR__SE_FRAME_MIN || frame->len > port->frame_max)
		return 0;
	if (deflater)
		n = weir__se_deflate(deflater, small, frame->len, frame->data, frame->len);
	/* Each datagram says whether its frame is compressed; one that would only grow is not. */
	if (n)
		return (uint32_t)weir__se_accel_seal(&port->accel, now, datagram, small, n, true);
	return (uint32_t)weir__se_accel_seal(&port->accel, now, datagram, frame->data, frame->len, false);
}

/* How many packets from the first on became datagrams. */
static uint32_t fill(struct weir__se_accel_port *port, const struct weir_writer *writer, uint32_t first,
		     uint64_t now, struct weir__se_deflater *deflater)
{
	uint32_t n;

	for (n = 0; first + n < writer->n; n++) {
		struct weir_buf *buf = &port->buf[n];
		const struct weir_buf *frame = &writer->bufs[writer->index[first + n]];

		*buf = (struct weir_buf){ .data = port->datagram[n], .room = port->datagram[n] };
		buf->len = make(port, buf->data, frame, now, deflater);
		if (!buf->len)
			break;
		buf->room_size = buf->len;
	}
	return n;
}

uint32_t weir__se_accel_port_send(struct weir__se_accel_port *port, struct weir_writer *writer,
				  uint32_t first, uint64_t now, struct weir__se_deflater *deflater,
				  bool *full)
{
	static const uint32_t index[WEIR_VECTOR_SIZE] = { 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
							  11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
							  22, 23, 24, 25, 26, 27, 28, 29, 30 };
	const union weir_socket_address *to[WEIR_VECTOR_SIZE];
	struct weir_writer datagrams = { .bufs = port->buf, .index = index };
	uint32_t taken, sent = 0;

	datagrams.n = fill(port, writer, first, now, deflater);
	for (uint32_t i = 0; i < datagrams.n; i++) {
		to[i] = &port->peer;
		datagrams.verdict[i] = WEIR_NEXT;
	}
	taken = datagrams.n ? weir_socket_send(port->socket, &datagrams, to, NULL) : 0;
	*full = taken < datagrams.n;
	for (uint32_t i = 0; i < taken; i++) {
		writer->verdict[first + i] = datagrams.verdict[i];
		sent += datagrams.verdict[i] == WEIR_NEXT;
	}
	writer->any |= datagrams.any;
	weir_count(&port->sent, sent);
	return taken;
}

/* --- receiving --- */

/* The peer is where the newest of its datagrams came from. The sending end hears of it by tend(). */
static void follow(struct weir__se_accel_port *port, const union weir_socket_address *from)
{
	if (weir_socket_same(from, &port->source))
		return;
	port->source = *from;
	port->moved = true;
	weir_session_tend(port->session);
}

/* Opens the next datagram. Returns false if there is no frame in it. */
static bool open_next(struct weir__se_accel_port *port, struct weir_reader *reader,
		      const struct weir_datagram *datagram)
{
	const enum weir__se_accel_kind kind =
		weir__se_accel_open(&port->accel, reader->now, datagram->bytes, datagram->len, &port->piece);

	switch (kind) {
	case WEIR__SE_ACCEL_FRAME:
	case WEIR__SE_ACCEL_ALIVE:
		if (port->piece.newest)
			follow(port, datagram->from);
		return kind == WEIR__SE_ACCEL_FRAME;
	case WEIR__SE_ACCEL_FORGED:
		weir_reader_drop(reader, port->first_reason + WEIR__SE_ACCEL_DROP_FORGED);
		return false;
	case WEIR__SE_ACCEL_STALE:
		weir_reader_drop(reader, port->first_reason + WEIR__SE_ACCEL_DROP_STALE);
		return false;
	case WEIR__SE_ACCEL_BROKEN:
		weir_reader_drop(reader, port->first_reason + WEIR__SE_ACCEL_DROP_BROKEN);
	}
	return false;
}

int weir__se_accel_port_next(struct weir__se_accel_port *port, struct weir_socket *socket,
			     struct weir_reader *reader, struct weir_datagram *datagram,
			     struct weir__se_accel_piece *piece)
{
	int rc;

	while ((rc = weir_socket_next(socket, reader, datagram)) == 1) {
		if (!port->opened && port->running && open_next(port, reader, datagram)) {
			port->opened = true;
			weir_count(&port->received, 1);
		}
		if (port->opened) {
			*piece = port->piece;
			return 1;
		}
		weir_socket_skip(socket, datagram);
	}
	return rc;
}
