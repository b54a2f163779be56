/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a connection before frames flow: requests and replies of HTTP. Session's thread. */
#ifndef WEIR_SE_TALK_H
#define WEIR_SE_TALK_H

#include "login.h"

#define WEIR__SE_MESSAGE 32768 /* bytes of what this side sends at the most: a login with a certificate */

struct weir__se_talk {
	struct weir_session *session;
	const struct weir__se_settings *settings;
	struct weir_stream *stream; /* NULL: none */
	uint8_t random[WEIR__SE_RANDOM];
	size_t unread; /* bytes of the last reply, which its PACK still points to */
};

/* Connects and greets. What is left after an error is closed by weir__se_talk_close(). */
int weir__se_talk_open(struct weir__se_talk *talk, const struct weir__se_target *target,
		       struct weir_error *err);
void weir__se_talk_close(struct weir__se_talk *talk);

/* Sends a PACK of n bytes and reads the reply, which is valid until weir__se_talk_end() or the next call. */
int weir__se_talk_exchange(struct weir__se_talk *talk, const uint8_t *message, size_t n,
			   struct weir__se_pack *reply, struct weir_error *err);
/* What follows in the stream is frames. Gives the stream away. */
struct weir_stream *weir__se_talk_end(struct weir__se_talk *talk);

#endif
