/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipeline: pool, endpoints, chains and workers; created, started, read, stopped; change.h changes it while
 * it runs. Control calls may come from any thread but a worker; those that change something wait for each
 * other. None may come while the pipeline is destroyed.
 */
#ifndef WEIR_PIPELINE_H
#define WEIR_PIPELINE_H

#include <weir/config.h>

WEIR_BEGIN_DECLS

struct weir_pipeline;

/*
 * Validates the whole configuration, then takes the memory and opens the endpoints. On an error, nothing is
 * left behind, *pipeline is NULL, and err has every problem. The configuration may be gone after the call.
 * Errors: -EINVAL for a configuration that cannot work, -ENOMEM, and what opening an endpoint gives (-EPERM,
 * -EBUSY, …).
 */
WEIR_API int weir_pipeline_create(struct weir_pipeline **pipeline, const struct weir_config *config,
				  struct weir_error *err);

/*
 * Starts the workers; returns when all of them run. Errors: -EALREADY, -EAGAIN (no more threads). A worker's
 * processor was checked by create; if it has gone since, -EINVAL.
 */
WEIR_API int weir_pipeline_start(struct weir_pipeline *pipeline, struct weir_error *err);

/*
 * Stops: reads no more, lets every packet in flight leave, ends the threads. Packets that cannot leave within
 * config.drain_ms (a blocked writer) are dropped, counted as "stopped"; then it returns -ETIMEDOUT, and the
 * pipeline is stopped all the same. A stopped pipeline keeps its devices and can be started again. 0 if it
 * did not run. If a worker is stuck in a stage for longer than config.change_ms, it returns -ETIMEDOUT too,
 * the pipeline is not stopped, and only another stop can follow.
 */
WEIR_API int weir_pipeline_stop(struct weir_pipeline *pipeline);

/*
 * Stops it if it runs, closes the endpoints, frees everything. NULL is allowed. If a worker is stuck in a
 * stage for longer than config.change_ms, all is left as it is: the worker may come back and need it.
 */
WEIR_API void weir_pipeline_destroy(struct weir_pipeline *pipeline);

/*
 * Waits until every reader has ended (the end of a capture, the count of a generator, a dead device) and
 * nothing is in flight. Returns 0, -ETIMEDOUT after timeout_ms (-1: no limit; a worker that is stuck may make
 * it config.change_ms more), -EINVAL if it does not run.
 */
WEIR_API int weir_pipeline_wait(struct weir_pipeline *pipeline, int timeout_ms);

enum weir_endpoint_state {
	WEIR_ENDPOINT_UP = 0,
	WEIR_ENDPOINT_ENDED, /* its reader gave -ENODATA; its writer goes on */
	WEIR_ENDPOINT_DEAD,
};

/* The state of an endpoint; with a dead one, *error is the negative errno it died of. -ENOENT: no such
 * endpoint. Any thread. */
WEIR_API int weir_pipeline_endpoint_state(struct weir_pipeline *pipeline, const char *endpoint, int *error);

/*
 * Brings a dead endpoint back (a TUN that was deleted is made again, with its addresses) while the others go
 * on. Errors: -ENOENT, -EALREADY (it is not dead), -ENOTSUP, and what opening it gives; it stays dead then.
 */
WEIR_API int weir_pipeline_endpoint_recover(struct weir_pipeline *pipeline, const char *endpoint,
					    struct weir_error *err);

/*
 * The state of an endpoint of that type, for the functions of the type (weir_tun_…). NULL: no such endpoint,
 * or one of another type. Valid until the pipeline is destroyed or a change
 * removes the endpoint.
 */
WEIR_API void *weir_pipeline_endpoint(struct weir_pipeline *pipeline, const char *endpoint,
				      const struct weir_endpoint_type *type);

/* The state of the stage "chain/stage" of that type, for the functions of the type (weir_stats_…). NULL as
 * above. */
WEIR_API const void *weir_pipeline_stage(struct weir_pipeline *pipeline, const char *path,
					 const struct weir_stage_type *type);

WEIR_END_DECLS

#endif
