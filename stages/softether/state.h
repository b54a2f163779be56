/* SPDX-License-Identifier: Apache-2.0 */
/* What a session has, and who may touch what: R with the receive lock, S with the send lock, RS written with
 * both and read with one, T the session's thread. */
#ifndef WEIR_SE_STATE_H
#define WEIR_SE_STATE_H

#include <weir/socket.h>

#include "compress.h"
#include "flow.h"
#include "frame.h"
#include "login.h"
#include "macs.h"
#include "udp_accel_port.h"

/* Reasons of its own. */
enum {
	WEIR__SE_TOO_SHORT = WEIR_SESSION_REASONS_N,
	WEIR__SE_BAD_BLOCK,
	WEIR__SE_UDP, /* and those of a port */
};

/* One TCP connection. */
struct weir__se_link {
	struct weir_stream *stream;    /* RS; NULL: none */
	struct weir__se_frames frames; /* R */
	uint64_t keepalive_at;         /* S */
	bool sends, receives;          /* RS */
	bool silent;                   /* T: to be closed, for nothing has come */
};

struct weir__se_state {
	WEIR_SESSION_STATE;
	uint64_t keepalives;                                       /* S */
	uint64_t keepalives_got;                                   /* R */
	uint64_t reattached, redirected, links_lost, links_failed; /* T */

	struct weir__se_settings options; /* RS: those that change() set last */
	struct weir__se_vault vault;      /* fixed */
	uint32_t max_frame;               /* fixed */

	struct weir__se_settings settings; /* T: those of the present login */
	struct weir__se_target target;     /* T: where the session is */
	struct weir__se_welcome welcome;   /* RS */
	uint64_t login_at;                 /* T */
	uint64_t resumed_at;               /* T: when it was found again; 0: not since the login */
	uint64_t lost_at;   /* T: when it lost its connections; 0: it is not to be found again */
	uint64_t extend_at; /* T: when another connection may be tried */

	struct weir__se_link link[WEIR__SE_LINKS];
	unsigned n_links; /* T */

	/* R */
	struct weir__se_inflater inflater;
	uint8_t inflated[WEIR__SE_FRAME_MAX];

	/* S */
	uint8_t senders[WEIR__SE_LINKS]; /* links that frames may be sent by */
	unsigned n_senders;
	struct weir__se_deflater deflater;
	struct weir__se_flows flows;
	struct weir__se_macs macs;
	unsigned announced; /* of macs, since the login; the others are to be announced */
	uint32_t keepalive_ms;

	struct weir__se_accel_port udp; /* says itself what belongs to whom */
};

static inline bool weir__se_is_length(const struct weir__se_state *state, uint32_t n)
{
	return n >= WEIR__SE_FRAME_MIN && n <= state->max_frame;
}

/* receive.c */
int weir__se_bytes(void *memory, struct weir_stream *stream, struct weir_reader *reader);
int weir__se_datagrams(void *memory, struct weir_socket *socket, struct weir_reader *reader);
/* send.c */
uint32_t weir__se_send(void *memory, struct weir_writer *writer, unsigned sender);
/* alive.c */
uint64_t weir__se_timer(void *memory, uint64_t now);
/* When to send the next keepalive. */
uint64_t weir__se_next_keepalive(const struct weir__se_state *state, uint64_t now);

/* links.c: the connections of a session. Session's thread. */

/* Takes the stream as a connection; closes it where that fails. */
int weir__se_link_add(struct weir__se_state *state, struct weir_stream *stream,
		      enum weir__se_direction direction, struct weir_error *err);
/* The stream is gone, or will be when this returns; under both locks. */
void weir__se_link_forget(struct weir__se_state *state, struct weir_stream *stream);
/* Closes all connections, or those that are silent. */
void weir__se_links_close(struct weir__se_state *state, bool silent_alone);

#endif
