/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a stream. What is sent is staged as it was committed; when the kernel has taken all that was
 * given to it before, all of it is encrypted, and given to it by one call. So neither of the two buffers ever
 * has to be moved.
 */
#ifndef WEIR__STREAM_H
#define WEIR__STREAM_H

#include <pthread.h>
#include <weir/stream.h>

#include "port.h"
#include "tls.h"

#define WEIR__STREAM_RECEIVE (256u << 10) /* bytes by one call */
#define WEIR__STREAM_UNSENT  (256u << 10) /* bytes from which on nothing more is staged */
#define WEIR__STREAM_ROOM    65536        /* of a message, unless told */

struct weir_stream {
	struct weir__port port;
	void *user;
	bool secure; /* in TLS; written with all locks */
	size_t receive_room, send_room;
	char peer[WEIR_SESSION_TEXT], local[WEIR_SESSION_TEXT];

	/* With the receive lock. */
	_Alignas(64) struct weir__fifo plain; /* what has come and was not consumed */
	uint64_t heard;                       /* atomic */

	/* With the lock of a sender. */
	_Alignas(64) struct weir__fifo staged;
	struct weir__fifo out; /* what the kernel is given */

	/* Both ends encrypt and decrypt, but never receive or send with it. tls.in is the receiver's. */
	_Alignas(64) pthread_mutex_t tls_lock;
	struct weir__tls tls;
};

/* One that has its descriptor, for weir__stream_free(). NULL: no memory. */
struct weir_stream *weir__stream_new(int fd, const struct weir_stream_options *options);
void weir__stream_free(struct weir_stream *stream);

/* Shakes hands. Before it is a port of the session. */
int weir__stream_secure(struct weir_stream *stream, struct weir_session *session,
			const struct weir_stream_options *options, uint64_t until, struct weir_error *err);

/* From now on it is a port of the session. */
void weir__stream_add(struct weir_stream *stream, struct weir_session *session);

#endif
