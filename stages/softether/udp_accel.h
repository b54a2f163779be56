/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UDP acceleration: frames in datagrams beside the TCP connections, as long as datagrams get through. Here is
 * what a datagram looks like and when they may carry frames; sockets and clocks are the caller's.
 *
 * A datagram, version 2: a nonce, then by ChaCha20-Poly1305 (RFC 8439) the packet, then the tag. The packet:
 *
 *	cookie u32      of the receiver: which session this belongs to
 *	tick u64        milliseconds of the sender's clock, from 1 on
 *	echo u64        the newest tick that it has seen of the receiver; 0: none
 *	length u16      of the frame; 0: a keepalive
 *	flag u8         1: the frame is compressed
 *	frame, and up to 31 zeros
 *
 * Where a session is clear its datagrams are the packet alone. Version 1 (RC4) is not spoken.
 *
 * Ticks tell what is too old to be believed, and echoes that both directions work. A datagram that is sent
 * again by somebody on the way within 30 s is taken as another one: the protocol has no numbers to tell.
 *
 * Sealing belongs to the sending end and opening to the receiving end; they may run at the same time. What
 * the former needs to know of the latter it reads from words that stand for themselves.
 */
#ifndef WEIR_SE_UDP_ACCEL_H
#define WEIR_SE_UDP_ACCEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#define WEIR__SE_ACCEL_VERSION 2
#define WEIR__SE_ACCEL_KEY     128 /* bytes that are exchanged; the cipher takes the first 32 */
#define WEIR__SE_ACCEL_HEADER  23
#define WEIR__SE_ACCEL_NONCE   12
#define WEIR__SE_ACCEL_TAG     16
#define WEIR__SE_ACCEL_COVER   (WEIR__SE_ACCEL_NONCE + WEIR__SE_ACCEL_HEADER + WEIR__SE_ACCEL_TAG)

struct weir__se_accel_options {
	bool clear;           /* no cipher: the session has none either */
	bool fast;            /* both ends notice within 2.1 s, not 9 s, that nothing comes any more */
	uint32_t cookie;      /* of this side, which the peer sends */
	uint32_t peer_cookie; /* which this side sends */
	const uint8_t *key;   /* of this side, which seals; WEIR__SE_ACCEL_KEY bytes like the next */
	const uint8_t *peer_key;
};

struct weir__se_accel {
	bool clear, fast;
	uint32_t cookie, peer_cookie;
	uint64_t start; /* when this side's clock of ticks was at 1; times are nanoseconds */

	/* The sending end's. */
	EVP_CIPHER_CTX *seal;
	uint64_t sealed;         /* datagrams; the nonce of the next */
	uint64_t next_keepalive; /* when */
	uint32_t dice;

	/* The receiving end's, and read by the other. */
	EVP_CIPHER_CTX *open;
	uint64_t peer_tick; /* the newest */
	uint64_t echo;      /* the newest tick of this side that came back */
	uint64_t alive;     /* when a datagram last showed that both directions work; 0: never */
	uint64_t since;     /* since when they have without a gap */
	uint64_t followed;  /* the peer's tick in the datagram that last told its address */
};

/* Begins. Returns 0, or -ENOTSUP: OpenSSL does not give the cipher. */
int weir__se_accel_begin(struct weir__se_accel *accel, const struct weir__se_accel_options *options,
			 uint64_t now);
/* Frees what that took, and forgets the keys. */
void weir__se_accel_end(struct weir__se_accel *accel);

/* --- sending ----------------------------------------------------------------------------------------------
 */

/* Bytes that a datagram has more than its frame. */
static inline size_t weir__se_accel_cover(const struct weir__se_accel *accel)
{
	return accel->clear ? WEIR__SE_ACCEL_HEADER : WEIR__SE_ACCEL_COVER;
}

/* Writes the datagram of a frame, or a keepalive with n 0, which must not overlap. Returns its bytes; 0:
 * OpenSSL failed. */
size_t weir__se_accel_seal(struct weir__se_accel *accel, uint64_t now, uint8_t *datagram,
			   const uint8_t *frame, size_t n, bool compressed);

/* Whether frames may go this way now: datagrams have gone both ways for 10 s, and do still. */
bool weir__se_accel_ready(const struct weir__se_accel *accel, uint64_t now);

/* Whether it is time for a keepalive, which is then to be sent; the next time is accel->next_keepalive. */
bool weir__se_accel_keepalive_due(struct weir__se_accel *accel, uint64_t now);

/* --- receiving --------------------------------------------------------------------------------------------
 */

enum weir__se_accel_kind {
	WEIR__SE_ACCEL_FRAME,
	WEIR__SE_ACCEL_ALIVE,  /* a keepalive */
	WEIR__SE_ACCEL_FORGED, /* not from the peer, or changed on the way */
	WEIR__SE_ACCEL_STALE,  /* 30 s older than the newest */
	WEIR__SE_ACCEL_BROKEN, /* from the peer, but its length is wrong */
};

struct weir__se_accel_piece {
	uint32_t offset, n; /* of the frame in the datagram */
	bool compressed;
	bool newest; /* its source is where the peer is now; also of keepalives */
};

/* Opens a datagram in place. piece is set for frames and keepalives. */
enum weir__se_accel_kind weir__se_accel_open(struct weir__se_accel *accel, uint64_t now, uint8_t *datagram,
					     size_t n, struct weir__se_accel_piece *piece);

#endif
