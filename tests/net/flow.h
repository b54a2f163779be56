/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UDP datagrams between two sites, both ways at once. Each side knows size and bytes of each datagram that
 * the other one sends, and compares them. No side is ahead by more than a window, so that no queue on the way
 * overflows and no loss is legitimate, unless the flow says so. As with a stream, any thread may do it, and
 * what went wrong is in words in error.
 */
#ifndef WEIR_TEST_FLOW_H
#define WEIR_TEST_FLOW_H

#include "payload.h"
#include "site.h"

#define FLOW_ENDLESS UINT64_MAX

struct flow_options {
	uint32_t min, max; /* bytes of a datagram: one after the other, each as often as the others */
	uint32_t window;   /* datagrams under way; 0: 64 */
	uint64_t count;    /* datagrams each way */
	bool lossy;        /* datagrams, all of 8 bytes or more, may get lost, but stay in order */
};

struct flow {
	struct flow_options options;
	int fd[2];
	uint64_t seed;
	uint64_t sent[2];     /* by that side */
	uint64_t next[2];     /* of those that that side sent, the first that has not come yet */
	uint64_t given_up[2]; /* of a lossy flow: those before it are no longer waited for */
	uint64_t received[2];
	char error[128];
};

/* Opens the sockets; this fails the test if it fails. */
void flow_open(struct flow *flow, const struct site site[2], int family, unsigned pair, uint16_t port,
	       const struct flow_options *options);
void flow_close(struct flow *flow);

/* Sends and receives what is possible now. Returns whether anything was. */
bool flow_turn(struct flow *flow);

/* What is under way is taken as lost. */
void flow_give_up(struct flow *flow);

/* Runs it until it is done. Fails the test if it does not go on. */
void flow_run(struct flow *flow);

#endif
