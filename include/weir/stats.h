/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats: what passes here. Takes any layer and changes nothing.
 *
 * Counts packets, bytes and families, sizes and the time between arrivals in histograms, and the rates over
 * the last second and the last ten, by the time of arrival. Any thread reads them while traffic flows. The
 * family is the one that an earlier stage (af_decap, eth_unwrap, eth_wrap) has noted in the buffer; where
 * none has, it is "other".
 */
#ifndef WEIR_STATS_H
#define WEIR_STATS_H

#include <weir/pipeline.h>

WEIR_BEGIN_DECLS

#define WEIR_STATS_BINS 40

struct weir_stats {
	WEIR_STAGE_OPTIONS
};

struct weir_rate {
	double packets; /* a second */
	double bits;    /* a second */
};

struct weir_stats_snapshot {
	uint64_t packets;
	uint64_t segments; /* that these stand for: a super-packet is one packet, and many of these */
	uint64_t bytes;
	uint64_t ipv4;
	uint64_t ipv6;
	uint64_t other;                 /* no stage before this one has told the family */
	uint64_t size[WEIR_STATS_BINS]; /* bin b: packets of [2^b, 2^(b+1)) bytes; bin 0 has the empty ones
					   too */
	uint64_t interval[WEIR_STATS_BINS]; /* the same for nanoseconds since the packet before; packets of
					       one vector arrive together: bin 0 */
	uint64_t first; /* arrival of the first packet and of the last, CLOCK_MONOTONIC ns; 0: none yet */
	uint64_t last;
	struct weir_rate rate_1s;  /* over the last whole second of the clock */
	struct weir_rate rate_10s; /* over the last ten of them */
};

/*
 * Reads the stage "chain/stage" of a pipeline at the time now (CLOCK_MONOTONIC, ns; 0: take it). Returns 0 or
 * -ENOENT. Any thread, at any time.
 */
WEIR_API int weir_stats_read(struct weir_pipeline *pipeline, const char *path, uint64_t now,
			     struct weir_stats_snapshot *snapshot);

WEIR_API extern const struct weir_stage_type weir_stats_type;

#define weir_stats(...) WEIR_STAGE(weir_stats_type, struct weir_stats, __VA_ARGS__)

WEIR_END_DECLS

#endif
