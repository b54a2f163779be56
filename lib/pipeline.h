/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR__PIPELINE_H
#define WEIR__PIPELINE_H

#include <weir/pipeline.h>

#include "clock.h"
#include "retired.h"
#include "shape.h"
#include "watchdog.h"

/* Sums of rows that are no more. */
struct weir__totals {
	uint64_t received;
	uint64_t injected;
	uint64_t sent;
	uint64_t dropped;
	uint64_t consumed;
	uint64_t received_segments;
	uint64_t sent_segments;
	uint64_t dropped_segments;
};

/* Adds what the rows of a shape have counted. Rows that another shape took over are NULL. */
void weir__totals_add(struct weir__totals *totals, const struct weir__shape *shape);

struct weir_pipeline {
	struct weir__pool pool;
	/* Held by weir_pipeline_apply() until the devices that it has replaced are closed, which takes the
	 * system long: another one might want to open them. Taken before control. */
	pthread_mutex_t shaping;
	/* Held by each control call, as long as it takes. */
	pthread_mutex_t control;
	/* Held shortly by whoever goes through the parts without control, or replaces the shape. Taken after
	 * control. */
	pthread_mutex_t parts;
	struct weir__shape *shape; /* changed with both held */
	struct weir__totals gone;  /* of the rows that are no more; with parts held */
	struct weir__shape
		*replaced; /* a worker may still use and count what only they have; with parts held */
	struct weir__retired *retired;
	struct weir__doorbell bell; /* rung when a worker grants a grace period, and when it ends */
	struct weir__watchdog watchdog;
	unsigned drain_ms;
	unsigned change_ms;
	bool running;
	bool stuck; /* it was to stop, but a worker did not end: nothing but another stop is possible */
	pthread_mutex_t
		gone_lock; /* a worker takes it when an endpoint goes, and nobody holds it while he waits */
	pthread_cond_t gone_cond; /* an endpoint has ended, died or been removed */
	weir_log *log;
	void *log_data;
};

/* Passes a line to the log of the pipeline. */
void weir__log(struct weir_pipeline *pipeline, enum weir_log_level level, const char *format, ...)
	WEIR_PRINTF(3, 4);

/* Takes over how long calls wait. With control held, or before there is a pipeline for others. */
void weir__pipeline_set_times(struct weir_pipeline *pipeline, const struct weir_config *config);

/* Whether a control call may begin: 0, or -EBUSY in words in err. */
int weir__pipeline_ready(const struct weir_pipeline *pipeline, struct weir_error *err);

/*
 * Calls use() with the state of the stage "chain/stage" of that type, with parts held: the state stays, and
 * of two callers one waits. What use() puts into err gets the path in front. Returns what use() returns, or
 * -ENOENT. Any thread but a worker's.
 */
int weir__pipeline_with_stage(struct weir_pipeline *pipeline, const char *path,
			      const struct weir_stage_type *type,
			      int (*use)(void *state, void *data, struct weir_error *err), void *data,
			      struct weir_error *err);

/* By when a change that begins now has to be made. */
static inline uint64_t weir__change_deadline(const struct weir_pipeline *pipeline)
{
	return weir__now() + pipeline->change_ms * 1000000ull;
}

/* Who waits for the last reader looks again. Any thread. */
void weir__endpoints_changed(struct weir_pipeline *pipeline);

/* Rings every worker. Control thread, with the lock. */
void weir__pipeline_ring(struct weir_pipeline *pipeline);

#endif
