/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipeline between two sites that is given one random shape after the other while exact traffic flows:
 *
 *	forth: left0 -> af_decap -> eth_wrap -> filter -> eth_unwrap -> af_encap -> right0
 *	back:  right1 -> af_decap -> eth_wrap -> filter -> eth_unwrap -> af_encap -> left0
 *	side:  a part of forth's flows, by an exit
 *	pairs: in -> out, which the test feeds and empties
 *
 * with stages, rings and workers that come, go and change places. The right site sends by right1, so that
 * right0, which only takes, can be replaced without the kernel losing what it holds of it. With TAP, right0
 * does both, and there is only the filter.
 */
#ifndef WEIR_TEST_LIVE_H
#define WEIR_TEST_LIVE_H

#include <weir/weir.h>

#include "events.h"
#include "fork.h"
#include "site.h"

#define LIVE_MACS   8
#define LIVE_GROWTH 64 /* buffers of a step */

struct live {
	struct site site[2];
	struct events events;
	struct weir_pair_link *links[2]; /* of in and out; side 1 is the test's */
	uint64_t given, taken;           /* packets at these, which are numbered */
	struct weir_pipeline *pipeline;
	bool tap;
};

/* What is decided by luck, each for itself: two shapes that differ in one of these are near enough to share
 * rings that packets wait in. */
enum live_matter {
	LIVE_RINGS, /* and who reads */
	LIVE_FORK,
	LIVE_STAGES,
	LIVE_PAIRS,
	LIVE_WORKERS, /* where and how they run */
	LIVE_MATTERS,
};

/* What the caller decides of a shape; by the seeds comes the rest. Zero: always the same simple one. */
struct live_wish {
	uint64_t seed[LIVE_MATTERS];
	unsigned device; /* which of two right0 is, with TUN */
	unsigned growth; /* of the pool, in steps */
};

union live_row {
	struct weir_read read;
	struct weir_write write;
	struct weir_ring ring;
	struct weir_af_decap af_decap;
	struct weir_eth_wrap eth_wrap;
	struct weir_mac_filter mac_filter;
	struct weir_stats stats;
	struct weir_eth_unwrap eth_unwrap;
	struct weir_af_encap af_encap;
	struct fork fork;
};

/* A configuration and what it points to. */
struct live_shape {
	struct weir_config config;
	union live_row rows[4 * WEIR_STAGES_MAX];
	unsigned n_rows;
	struct weir_tun tun[3];
	struct weir_pair pair[2];
};

/* All functions fail the test when they fail. The pipeline runs, in its simple shape. */
void live_make(struct live *live, bool tap);

/* Stops it: every packet is accounted for, none was dropped, the kernel neither. */
void live_stop(struct live *live);
void live_free(struct live *live);

/* Any thread. */
void live_shape(struct live_shape *shape, const struct live *live, const struct live_wish *wish);

/* Gives pairs what it takes, and takes what it gives; one thread. Returns false if that is not in order. */
bool live_exchange(struct live *live);

/* Rows for "forth/wrap", "back/filter" and so on, one for each number. What forth/wrap sends passes every
 * forth/filter; what back/wrap sends passes only the back/filter of the same number. */
struct weir_eth_wrap live_wrap(bool back, unsigned number);
struct weir_mac_filter live_filter(const struct live *live, bool back, unsigned number);

/* Pseudo-random numbers. */
struct live_dice {
	uint64_t seed;
	uint64_t n;
};

/* One below n. */
unsigned live_throw(struct live_dice *dice, unsigned n);

#endif
