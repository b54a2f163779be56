/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP connection of a session, clear or in TLS. It has two lives. At first the session's thread talks
 * through it, waiting as it must: weir_stream_fill() and _write(). Then it is attached, and is the data
 * path's: the workers receive and send, nothing waits, and what is whole in the buffers is handed to the
 * functions of the session. What was received and not consumed before is there for the first call of bytes().
 */
#ifndef WEIR_STREAM_H
#define WEIR_STREAM_H

#include <weir/session.h>

WEIR_BEGIN_DECLS

/*
 * Whom to believe that he is the peer. Without any of them, the certificate must come from a root that the
 * system trusts and be for the host's name.
 */
struct weir_tls {
	const char *ca_file;     /* PEM: these roots instead of the system's */
	const char *name;        /* that the certificate must be for; NULL: the host that was connected to */
	const char *certificate; /* PEM or DER file: exactly this certificate, whoever signed it */
	const char *const *fingerprints; /* SHA-256 of the certificate, as hexadecimal digits, colons allowed:
					    one of these, whoever signed it */
	bool any;            /* do not check at all: who is on the way can read and change everything */
	const char *minimum; /* "1.2" or "1.3"; NULL: 1.2 */
};

#define WEIR_FINGERPRINT_SIZE 32 /* bytes of SHA-256 */

struct weir_stream_options {
	const char *host; /* name or address */
	uint16_t port;
	const struct weir_tls *tls; /* NULL: clear */
	uint32_t timeout_ms; /* for resolution, TCP and TLS together; 0: 15,000. All addresses are tried */
	const char *bind_device; /* as of struct weir_udp */
	uint32_t mark;
	uint32_t dscp;
	const char *netns;
	uint32_t receive_buffer, send_buffer; /* bytes of the socket's; 0: the system's */
	uint32_t pace; /* bytes a second at the most that the kernel sends (SO_MAX_PACING_RATE); 0: as it can
			*/
	uint32_t receive_room; /* bytes that the longest message has that bytes() takes as a whole; 0: 65,536
				*/
	uint32_t send_room;    /* bytes of the longest piece that is reserved; 0: 65,536 */
};

/* Whether the options of TLS can be used: reports every problem, with "prefix." in front of the field if
 * prefix is not empty. */
WEIR_API int weir_tls_check(const struct weir_tls *tls, const char *prefix, struct weir_error *err);

/* --- the session's thread: connect, tend, disconnect
 * ---------------------------------------------------------- */

/*
 * Resolves, connects and shakes hands. Errors: -ECANCELED, -ETIMEDOUT, -ECONNREFUSED and its like, -ENOENT
 * (no such name), -EBADMSG (TLS failed), -EKEYREJECTED (the peer is not who it should be; the words have the
 * fingerprint that it showed).
 */
WEIR_API int weir_stream_connect(struct weir_stream **stream, struct weir_session *session,
				 const struct weir_stream_options *options, struct weir_error *err);

/* Waits until at least n bytes can be peeked at; n at most receive_room. -ENODATA: the peer has ended before.
 * until: nanoseconds of CLOCK_MONOTONIC. */
WEIR_API int weir_stream_fill(struct weir_stream *stream, size_t n, uint64_t until, struct weir_error *err);

/* Sends all of it, waiting as it must. */
WEIR_API int weir_stream_write(struct weir_stream *stream, const void *bytes, size_t n, uint64_t until,
			       struct weir_error *err);

/* Leaves TLS: what follows in both directions is clear. For protocols that use it for the handshake alone. */
WEIR_API void weir_stream_leave_tls(struct weir_stream *stream);

/* From now on it is the data path's. Takes both locks by itself. */
WEIR_API int weir_stream_attach(struct weir_stream *stream, struct weir_error *err);

/* Says goodbye (close_notify in TLS), as far as that goes without waiting, and closes; both locks are taken
 * as needed. NULL is allowed. What disconnect() leaves open is closed by the engine. */
WEIR_API void weir_stream_close(struct weir_stream *stream);

/* --- any function of the session
 * ------------------------------------------------------------------------------- */

/* The author's, for what belongs to this stream; NULL at first. */
WEIR_API void weir_stream_set_user(struct weir_stream *stream, void *user);
WEIR_API void *weir_stream_user(const struct weir_stream *stream);

/* The certificate that the peer showed, in DER; valid until the stream is closed. NULL: none. */
WEIR_API const uint8_t *weir_stream_certificate(const struct weir_stream *stream, size_t *n);
/* "192.0.2.1:443" of the peer and of this side. */
WEIR_API void weir_stream_addresses(const struct weir_stream *stream, char peer[WEIR_SESSION_TEXT],
				    char local[WEIR_SESSION_TEXT]);

/* --- receiving: bytes(), and the session's thread before it is attached
 * ----------------------------------------- */

/* What has come and was not consumed, in one piece. */
WEIR_API const uint8_t *weir_stream_peek(const struct weir_stream *stream, size_t *n);
WEIR_API void weir_stream_consume(struct weir_stream *stream, size_t n);

/* --- sending: send() and timer()
 * --------------------------------------------------------------------------------- */

/*
 * Room for a piece of n bytes, at most send_room. What is reserved is sent when it was committed, in order,
 * and the piece is never parted by another one. NULL: the peer takes nothing more now; the engine calls
 * send() again when it does.
 */
WEIR_API uint8_t *weir_stream_reserve(struct weir_stream *stream, size_t n);
/* The first n of the bytes that were reserved last are to be sent. The engine sends all that was committed
 * when send() or timer() returns. */
WEIR_API void weir_stream_commit(struct weir_stream *stream, size_t n);
/* Bytes that are committed or encrypted and that the kernel has not taken. */
WEIR_API size_t weir_stream_unsent(const struct weir_stream *stream);
/* When bytes came last, by the clock of timers. Any thread. */
WEIR_API uint64_t weir_stream_heard(const struct weir_stream *stream);

WEIR_END_DECLS

#endif
