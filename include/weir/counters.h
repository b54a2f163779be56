/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counters of a pipeline, read while it runs without stopping anyone. Each number is exact; numbers of
 *different workers are read at slightly different moments. At rest they obey, exactly:
 *
 *	received + injected == sent + dropped + consumed + held
 *
 * Packets are counted as they are, a super-packet as one; segments are the packets that these stand for, and
 * neither cutting nor putting together changes them:
 *
 *	received_segments == sent_segments + dropped_segments + segments that are held
 */
#ifndef WEIR_COUNTERS_H
#define WEIR_COUNTERS_H

#include <stdio.h>

#include <weir/pipeline.h>

WEIR_BEGIN_DECLS

struct weir_named_count {
	const char *name;
	const char *sentence;
	uint64_t n;
};

/* One row of a chain: a reader, a stage, a ring or a writer. */
struct weir_stage_counters {
	const char *path;   /* "outbound/filter" */
	const char *type;   /* "mac_filter" */
	const char *worker; /* that runs it; of a ring, the producer */
	uint64_t packets;   /* that came to it; of a reader, that it gave; of a writer, that it sent */
	uint64_t segments;  /* that these packets stand for */
	uint64_t bytes;     /* of these packets when they left it */
	uint64_t dropped_segments;
	uint64_t made;       /* packets that it made by cutting others or putting others together */
	uint64_t consumed;   /* packets that it made these of */
	uint64_t calls;      /* vectors */
	uint64_t stalls;     /* of a ring or a writer: vectors that it could not take at once */
	uint64_t ns_packets; /* packets of the vectors whose time was taken */
	uint64_t ns;         /* and that time in all; ns / ns_packets is the cost of a packet */
	uint64_t fill[WEIR_VECTOR_SIZE + 1];  /* vectors of n packets */
	const struct weir_named_count *drops; /* every reason that it has */
	unsigned n_drops;
	const struct weir_named_count *counts; /* what else its type counts */
	unsigned n_counts;
};

struct weir_worker_counters {
	const char *name;
	uint64_t passes; /* turns of its loop */
	uint64_t sleeps;
	uint64_t wakes;       /* times that another thread had to wake it in the kernel */
	uint64_t cpu_ns;      /* processor time of the thread; 0 while it does not run */
	uint64_t stuck;       /* times that it neither ended its pass nor slept for 40 to 80 ms */
	uint64_t stuck_ms;    /* how long it has done neither now; 0: it goes on */
	const char *stuck_in; /* the row where it was found so last; "": never */
};

struct weir_counters {
	uint64_t received; /* packets that endpoints gave */
	uint64_t injected; /* packets that stages made */
	uint64_t sent;     /* packets that endpoints took */
	uint64_t dropped;  /* the sum of all drops */
	uint64_t consumed; /* packets that stages cut, or put together to others */
	uint64_t held;     /* buffers that are not free: packets in rings and in front of blocked writers */
	uint64_t received_segments;
	uint64_t sent_segments;
	uint64_t dropped_segments;
	uint32_t buffers;      /* of the pool, small and jumbo */
	uint32_t buffers_free; /* of them in the pool or in a worker's stash */
	uint64_t starved;      /* times that a reader found no buffer */

	struct weir_stage_counters *stages;
	unsigned n_stages;
	struct weir_worker_counters *workers;
	unsigned n_workers;
};

/* All counters; NULL: no memory. Any thread, at any time; free it with weir_counters_free(). */
WEIR_API struct weir_counters *weir_counters_read(struct weir_pipeline *pipeline);
WEIR_API void weir_counters_free(struct weir_counters *counters);

/* The counters of one row; NULL: no such path. Valid as long as counters. */
WEIR_API const struct weir_stage_counters *weir_counters_stage(const struct weir_counters *counters,
							       const char *path);

/* The drops of one row for one reason; 0 if it has no such reason. */
WEIR_API uint64_t weir_counters_drop(const struct weir_counters *counters, const char *path,
				     const char *reason);

/* Prints them as a table for people. */
WEIR_API void weir_counters_print(const struct weir_counters *counters, FILE *file);

WEIR_END_DECLS

#endif
