/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "port.h"
#include "session.h"
#include "udp_socket.h"

struct weir_socket {
	struct weir__port port;
	void *user;
	struct weir__udp udp;
};

static int socket_read(struct weir__port *port, struct weir_reader *reader)
{
	struct weir_socket *socket = (struct weir_socket *)port;
	const struct weir_session *session = port->session;
	int rc;

	weir__udp_begin(&socket->udp, reader);
	rc = session->type->datagrams(session->state, socket, reader);
	weir__udp_end(&socket->udp, reader);
	return rc < 0 ? rc : weir__udp_pending(&socket->udp);
}

static void socket_close(struct weir__port *port)
{
	struct weir_socket *socket = (struct weir_socket *)port;

	weir__udp_close(&socket->udp);
	free(socket);
}

static const struct weir__port_type port_type = { .read = socket_read, .close = socket_close };

/* Of a socket that is connected, any of that family; else any of both. */
static void set_any(union weir_socket_address *local, const union weir_socket_address *remote)
{
	*local = (union weir_socket_address){ .any = { .sa_family =
							       remote ? remote->any.sa_family : AF_INET6 } };
}

static struct weir__udp_options options_of(const struct weir_socket_options *options)
{
	struct weir__udp_options result = {
		.receive_buffer = options->receive_buffer,
		.send_buffer = options->send_buffer,
		.no_gso = options->no_gso,
		.no_gro = options->no_gro,
		.dscp = options->dscp,
		.ttl = options->ttl,
		.mark = options->mark,
		.df = options->df,
		.no_checksum = options->no_checksum,
		.sources = options->sources,
		.bind_device = options->bind_device,
		.netns = options->netns,
	};

	if (options->remote)
		result.remote = *options->remote;
	if (options->local)
		result.local = *options->local;
	else
		set_any(&result.local, options->remote);
	return result;
}

int weir_socket_open(struct weir_socket **result, struct weir_session *session,
		     const struct weir_socket_options *options, struct weir_error *err)
{
	const struct weir__udp_options udp = options_of(options);
	struct weir_socket *socket;
	int rc;

	if (options->sources > WEIR_SOCKET_SOURCES)
		return weir_invalid(err, "sources", "%u is more than %d", options->sources,
				    WEIR_SOCKET_SOURCES);
	socket = calloc(1, sizeof(*socket));
	if (!socket)
		return weir_failed(err, -ENOMEM, "no memory for a socket");
	rc = weir__udp_open(&socket->udp, &udp, err);
	if (rc < 0) {
		free(socket);
		return rc;
	}
	weir__port_add(&socket->port, &port_type, session, socket->udp.fd);
	/* Before: a datagram may come at once. */
	*result = socket;
	rc = weir__port_attach(&socket->port, false, err);
	if (rc < 0) {
		weir__port_close(&socket->port);
		*result = NULL;
	}
	return rc;
}

void weir_socket_close(struct weir_socket *socket)
{
	if (socket)
		weir__port_close(&socket->port);
}

void weir_socket_set_user(struct weir_socket *socket, void *user)
{
	socket->user = user;
}

void *weir_socket_user(const struct weir_socket *socket)
{
	return socket->user;
}

void weir_socket_local(const struct weir_socket *socket, union weir_socket_address *local)
{
	weir__udp_local(&socket->udp, local);
}

void weir_socket_adapt(const struct weir_socket *socket, union weir_socket_address *address)
{
	weir__udp_adapt(&socket->udp, address);
}

int weir_socket_set_header(struct weir_socket *socket, uint32_t dscp, uint32_t ttl, struct weir_error *err)
{
	return weir__udp_set_header(&socket->udp, dscp, ttl, err);
}

int weir_socket_mtu(const struct weir_socket *socket, const union weir_socket_address *to, uint32_t *bytes,
		    struct weir_error *err)
{
	return weir__udp_mtu(&socket->udp, to, bytes, err);
}

/* --- receiving --- */

int weir_socket_next(struct weir_socket *socket, struct weir_reader *reader, struct weir_datagram *datagram)
{
	return weir__udp_next(&socket->udp, reader, datagram);
}

bool weir_socket_take(struct weir_socket *socket, struct weir_reader *reader,
		      const struct weir_datagram *datagram, uint32_t offset, uint32_t len,
		      struct weir_buf **buf)
{
	return weir__udp_take(&socket->udp, reader, datagram, offset, len, buf);
}

void weir_socket_skip(struct weir_socket *socket, const struct weir_datagram *datagram)
{
	weir__udp_skip(&socket->udp, datagram);
}

/* --- sending --- */

uint32_t weir_socket_send(struct weir_socket *socket, struct weir_writer *writer,
			  const union weir_socket_address *const *to, const uint8_t *source)
{
	const uint32_t n = weir__udp_send(&socket->udp, writer, to, source);

	if (n == writer->n || writer->error)
		return n;
	if (!socket->port.wanting)
		socket->port.write_fd = socket->udp.sender.full;
	weir__port_wants_write(&socket->port);
	return n;
}

int weir_socket_send_one(struct weir_socket *socket, const void *bytes, size_t n,
			 const union weir_socket_address *to)
{
	const socklen_t size = to ? weir__socket_address_size(to) : 0;

	/* The first error may be of an earlier datagram, told once instead of sending. */
	for (bool again = true;; again = false) {
		if (sendto(socket->udp.fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL, to ? &to->any : NULL,
			   size) >= 0)
			return 0;
		if (errno != EINTR && (!again || !weir__udp_is_notice(errno)))
			return -errno;
	}
}
