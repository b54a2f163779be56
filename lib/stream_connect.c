/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "error.h"
#include "netns.h"
#include "resolve.h"
#include "socket_address.h"
#include "socket_option.h"
#include "stream.h"

#define TIMEOUT_MS 15000
#define NS_PER_MS  UINT64_C(1000000)
#define UNSENT     (256 << 10) /* bytes that the kernel takes before it can send them, at the most */

static int set_options(int fd, int family, const struct weir_stream_options *options, struct weir_error *err)
{
	/* What is sent together is given to the kernel together. */
	int rc = weir__socket_set(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY", err);

	/* It would take megabytes, and each packet would wait behind them: let the queues in front of the
	 * pipeline fill instead, which know what to drop. */
	if (rc == 0)
		rc = weir__socket_set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT, "TCP_NOTSENT_LOWAT", err);
	if (rc == 0 && options->dscp)
		rc = weir__socket_set_dscp(fd, family, options->dscp, err);
	/* A size that is set ends the growth with the way's bandwidth: so only if it is asked for. */
	if (rc == 0 && options->receive_buffer)
		rc = weir__socket_set_buffer(fd, SO_RCVBUF, options->receive_buffer, 0, err);
	if (rc == 0 && options->send_buffer)
		rc = weir__socket_set_buffer(fd, SO_SNDBUF, options->send_buffer, 0, err);
	if (rc == 0 && options->pace)
		rc = weir__socket_set(fd, SOL_SOCKET, SO_MAX_PACING_RATE, (int)options->pace, "pace", err);
	return rc;
}

/* A port from which one connects to itself is one that nobody listens at. */
static bool is_itself(int fd)
{
	union weir_socket_address local = { 0 }, peer = { 0 };
	socklen_t local_size = sizeof(local), peer_size = sizeof(peer);

	return getsockname(fd, &local.any, &local_size) == 0 && getpeername(fd, &peer.any, &peer_size) == 0 &&
	       weir_socket_same(&local, &peer);
}

static int join(struct weir_session *session, int fd, const union weir_socket_address *address,
		uint64_t until)
{
	socklen_t size = sizeof(int);
	int rc = 0, error = 0;

	if (connect(fd, &address->any, weir__socket_address_size(address))) {
		if (errno != EINPROGRESS && errno != EINTR)
			return -errno;
		rc = weir_session_wait(session, fd, POLLOUT, until);
		if (rc == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size))
			rc = -errno;
	}
	if (rc == 0 && error == 0 && is_itself(fd))
		error = ECONNREFUSED;
	return rc ? rc : -error;
}

/* Returns a descriptor or a negative errno in words. */
static int attempt(struct weir_session *session, const struct weir_stream_options *options, int netns,
		   const union weir_socket_address *address, uint64_t until, struct weir_error *err)
{
	const int family = address->any.sa_family;
	const int fd =
		weir__socket_open(netns, family, SOCK_STREAM, options->bind_device, options->mark, err);
	int rc;

	if (fd < 0)
		return fd;
	rc = set_options(fd, family, options, err);
	if (rc == 0) {
		rc = join(session, fd, address, until);
		if (rc < 0)
			weir_failed(err, rc, "%s", strerror(-rc));
	}
	if (rc < 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

/* One after the other, where each gets its part of the time that is left. Returns a descriptor or a negative
 * errno in words. */
static int try_all(struct weir_session *session, const struct weir_stream_options *options, int netns,
		   const struct weir__resolved *resolved, uint64_t until, struct weir_error *err)
{
	char tried[512] = "";
	int rc = -ENOENT;

	for (unsigned i = 0; i < resolved->n; i++) {
		const uint64_t now = weir_session_now();
		const uint64_t left = until > now ? until - now : 0;
		char address[WEIR_SESSION_TEXT];
		struct weir_error why;
		const size_t used = strlen(tried);

		weir__error_clear(&why);
		rc = attempt(session, options, netns, &resolved->address[i], now + left / (resolved->n - i),
			     &why);
		if (rc >= 0 || rc == -ECANCELED)
			return rc;
		snprintf(tried + used, sizeof(tried) - used, "%s%s: %.100s", i ? ", " : "",
			 weir_socket_address_text(&resolved->address[i], address), why.text);
	}
	return weir_failed(err, rc, "host '%s': %s", options->host, tried);
}

static int reach(struct weir_session *session, const struct weir_stream_options *options, int netns,
		 uint64_t until, struct weir_error *err)
{
	struct weir__resolved resolved;
	int rc = weir__resolve(session, options->host, options->port, netns, until, &resolved, err);

	if (rc == -ETIMEDOUT)
		return weir_failed(err, rc, "host '%s': no answer of its name's servers", options->host);
	return rc ? rc : try_all(session, options, netns, &resolved, until, err);
}

/* Its descriptor is connected. */
static int take_over(int fd, struct weir_stream **result, struct weir_session *session,
		     const struct weir_stream_options *options, uint64_t until, struct weir_error *err)
{
	struct weir_stream *stream = weir__stream_new(fd, options);
	int rc = 0;

	if (!stream) {
		close(fd);
		return weir_failed(err, -ENOMEM, "no memory for a stream");
	}
	if (options->tls)
		rc = weir__stream_secure(stream, session, options, until, err);
	if (rc < 0) {
		weir__stream_free(stream);
		return rc;
	}
	weir__stream_add(stream, session);
	*result = stream;
	return 0;
}

int weir_stream_connect(struct weir_stream **stream, struct weir_session *session,
			const struct weir_stream_options *options, struct weir_error *err)
{
	const uint32_t ms = options->timeout_ms ? options->timeout_ms : TIMEOUT_MS;
	const uint64_t until = weir_session_now() + ms * NS_PER_MS;
	int netns = -1, fd;

	if (options->netns) {
		netns = weir__netns_open(options->netns, err);
		if (netns < 0)
			return netns;
	}
	fd = reach(session, options, netns, until, err);
	if (netns >= 0)
		close(netns);
	return fd < 0 ? fd : take_over(fd, stream, session, options, until, err);
}
