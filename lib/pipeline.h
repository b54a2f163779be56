/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR__PIPELINE_H
#define WEIR__PIPELINE_H

#include <weir/pipeline.h>

#include "endpoint.h"
#include "worker.h"

struct weir_pipeline {
	struct weir__pool pool;
	struct weir__endpoint *endpoints;
	unsigned n_endpoints;
	struct weir__worker *workers;
	unsigned n_workers;
	struct weir__row *rows;
	unsigned n_rows;
	unsigned drain_ms;
	bool running;
	pthread_mutex_t
		gone_lock;   /* a worker takes it when an endpoint goes, and nobody holds it while he waits */
	pthread_cond_t gone; /* an endpoint has ended or died */
	weir_log *log;
	void *log_data;
};

/* Passes a line to the log of the pipeline. */
void weir__log(struct weir_pipeline *pipeline, enum weir_log_level level, const char *format, ...)
	WEIR_PRINTF(3, 4);

/* An endpoint ended (error 0) or died: one event, however many workers notice. A worker's thread. */
void weir__endpoint_gone(struct weir_pipeline *pipeline, struct weir__endpoint *endpoint, int error);

/*
 * Calls use() with the state of the stage "chain/stage" of that type, which stays while it runs; calls for
 * one pipeline follow each other. What use() puts into err gets the path in front. Returns what use()
 * returns, or -ENOENT. Any thread but a worker's.
 */
int weir__pipeline_with_stage(struct weir_pipeline *pipeline, const char *path,
			      const struct weir_stage_type *type,
			      int (*use)(void *state, void *data, struct weir_error *err), void *data,
			      struct weir_error *err);

/* Rings every worker. Any thread. */
void weir__pipeline_ring(struct weir_pipeline *pipeline);

#endif
