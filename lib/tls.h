/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's side of TLS over memory: bytes that came are put in, records for the peer come out. It makes
 * no system calls. Not for two threads at once.
 */
#ifndef WEIR__TLS_H
#define WEIR__TLS_H

#include <openssl/ssl.h>
#include <weir/stream.h>

#include "fifo.h"

#define WEIR__TLS_RECORD 16384 /* bytes in one, at the most */

struct weir__tls {
	SSL *ssl;
	struct weir__fifo in;      /* what came from the peer */
	struct weir__fifo replies; /* what reading had to say: goes out with what is written next */
	struct weir__fifo *out;    /* where records go now */

	/* What the certificate is judged by, and what was found. */
	bool any;
	unsigned n_pins;
	uint8_t (*pins)[WEIR_FINGERPRINT_SIZE];
	uint8_t *certificate; /* that the peer showed, in DER */
	size_t certificate_len;
	char refusal[256]; /* why it is not believed; "": it is */
};

/* To the host, whose bytes come in pieces of at most in_size. Returns 0 or a negative errno in words. */
int weir__tls_open(struct weir__tls *tls, const struct weir_tls *options, const char *host, size_t in_size,
		   struct weir_error *err);
void weir__tls_close(struct weir__tls *tls);

/*
 * Goes on shaking hands. Returns 0: done; -EAGAIN: needs more from the peer; or an error in words. In each
 * case the replies are to be sent.
 */
int weir__tls_handshake(struct weir__tls *tls, struct weir_error *err);

/*
 * Decrypts what is in one record, if room is at least WEIR__TLS_RECORD. Returns how many bytes these are;
 * -EAGAIN: needs more from the peer; -ENODATA: the peer said goodbye; -EBADMSG: something else than TLS came.
 */
ssize_t weir__tls_read(struct weir__tls *tls, uint8_t *bytes, size_t room);

/* Moves the replies to out, which has room for weir__tls_room(0). */
void weir__tls_reply(struct weir__tls *tls, struct weir__fifo *out);

/* Encrypts, behind the replies. out has room for weir__tls_room(n). Returns 0 or -EBADMSG. */
int weir__tls_write(struct weir__tls *tls, struct weir__fifo *out, const uint8_t *bytes, size_t n);

/* Says goodbye. out has room for weir__tls_room(0). */
void weir__tls_goodbye(struct weir__tls *tls, struct weir__fifo *out);

/* Bytes that n bytes and all replies become at the most. */
size_t weir__tls_room(size_t n);

#endif
