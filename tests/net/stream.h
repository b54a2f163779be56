/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP connection from the left site to the right one, with bytes both ways at once. Each side knows what
 * the other one sends, and compares every byte. What goes wrong while it runs does not fail the test but is
 * in words in error, so that any thread may do it.
 */
#ifndef WEIR_TEST_STREAM_H
#define WEIR_TEST_STREAM_H

#include "payload.h"
#include "site.h"

#define STREAM_ENDLESS UINT64_MAX

struct stream {
	int fd[2]; /* of the left side and the right one */
	uint64_t seed;
	uint64_t size;        /* bytes to send each way */
	uint64_t sent[2];     /* by that side */
	uint64_t received[2]; /* of what that side sent */
	char error[128];      /* "" as long as all is well */
};

/* Connects; this fails the test if it fails. */
void stream_open(struct stream *stream, const struct site site[2], int family, unsigned pair, uint16_t port,
		 uint64_t size);
void stream_close(struct stream *stream);

/* Sends and receives what is possible now. Returns whether anything was. */
bool stream_turn(struct stream *stream);

/* Whether all was sent and received. */
bool stream_is_done(const struct stream *stream);

/* The poll() events that the side waits for. */
short stream_events(const struct stream *stream, unsigned side);

/* Runs streams, at most STREAM_RUN_MAX, until all of them are done. Fails the test if one does not go on. */
#define STREAM_RUN_MAX 4
void stream_run(struct stream *streams, unsigned n);

#endif
