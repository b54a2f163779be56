/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoints of a pipeline: opened, gone, recovered, closed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "grace.h"
#include "option.h"
#include "pipeline.h"

struct weir__endpoint *weir__endpoint_new(const struct weir_endpoint_type *type, const char *name,
					  const void *options, const struct weir_endpoint_info *info)
{
	struct weir__endpoint *endpoint = calloc(1, sizeof(*endpoint));

	if (!endpoint)
		return NULL;
	endpoint->type = type;
	endpoint->info = *info;
	endpoint->name = strdup(name);
	endpoint->state = calloc(1, type->state_size ? type->state_size : 1);
	if (type->options)
		endpoint->options = weir__endpoint_options_copy(type, options);
	if (!endpoint->name || !endpoint->state || (type->options && !endpoint->options)) {
		weir__endpoint_destroy(endpoint);
		return NULL;
	}
	return endpoint;
}

int weir__endpoint_open(struct weir__endpoint *endpoint, const void *options, struct weir_error *err)
{
	int rc;

	weir__error_at(err, "endpoint %s", endpoint->name);
	if (endpoint->whole)
		endpoint->info.whole = endpoint->whole->state;
	rc = endpoint->type->open(endpoint->state, options, &endpoint->info, err);
	if (rc < 0)
		return weir__error_word(err, 0, rc);
	endpoint->info.whole_options = NULL;
	endpoint->open = true;
	return 0;
}

void weir__endpoint_created(struct weir__endpoint *endpoint)
{
	if (endpoint->type->created)
		endpoint->type->created(endpoint->state);
}

void weir__endpoint_destroy(struct weir__endpoint *endpoint)
{
	if (!endpoint)
		return;
	if (endpoint->open && endpoint->type->close)
		endpoint->type->close(endpoint->state);
	free(endpoint->options);
	free(endpoint->state);
	free(endpoint->name);
	free(endpoint);
}

void weir__endpoints_changed(struct weir_pipeline *pipeline)
{
	pthread_mutex_lock(&pipeline->gone_lock);
	pthread_cond_broadcast(&pipeline->gone_cond);
	pthread_mutex_unlock(&pipeline->gone_lock);
}

void weir__endpoint_gone(struct weir__worker *worker, struct weir__endpoint *endpoint, int error)
{
	struct weir_pipeline *pipeline = worker->pipeline;
	uint32_t up = WEIR_ENDPOINT_UP;
	uint32_t ended = WEIR_ENDPOINT_ENDED;
	const uint32_t gone = error ? WEIR_ENDPOINT_DEAD : WEIR_ENDPOINT_ENDED;

	/* Both ends may notice at once: the first one's error counts. */
	if (error)
		__atomic_compare_exchange_n(&endpoint->error, &(int){ 0 }, error, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED);
	if (!__atomic_compare_exchange_n(&endpoint->status, &up, gone, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE) &&
	    !(error && __atomic_compare_exchange_n(&endpoint->status, &ended, gone, false, __ATOMIC_ACQ_REL,
						   __ATOMIC_ACQUIRE)))
		return;
	if (error)
		weir__log(pipeline, WEIR_LOG_ERROR, "endpoint %s died: %s", endpoint->name, strerror(-error));
	else
		weir__log(pipeline, WEIR_LOG_INFO, "endpoint %s ended", endpoint->name);
	weir__endpoints_changed(pipeline);
	/* The worker of its other end may wait for a descriptor that says nothing any more. */
	weir__worker_ring_all(worker);
}

int weir_pipeline_endpoint_state(struct weir_pipeline *pipeline, const char *name, int *error)
{
	const struct weir__endpoint *endpoint;
	int status = -ENOENT;

	pthread_mutex_lock(&pipeline->parts);
	endpoint = weir__shape_endpoint(pipeline->shape, name);
	if (endpoint)
		status = (int)__atomic_load_n(&endpoint->status, __ATOMIC_ACQUIRE);
	if (error)
		*error = status == WEIR_ENDPOINT_DEAD ? __atomic_load_n(&endpoint->error, __ATOMIC_RELAXED)
						      : 0;
	pthread_mutex_unlock(&pipeline->parts);
	return status;
}

static int recover(struct weir_pipeline *pipeline, const char *name, struct weir_error *err)
{
	struct weir__endpoint *endpoint = weir__shape_endpoint(pipeline->shape, name);
	int rc;

	if (!endpoint)
		return weir_failed(err, -ENOENT, "no endpoint is named '%s'", name);
	weir__error_at(err, "endpoint %s", name);
	if (!weir__endpoint_dead(endpoint))
		return weir_failed(err, -EALREADY, "it is not dead");
	if (!endpoint->type->recover)
		return weir_failed(err, -ENOTSUP, "%s cannot be recovered", endpoint->type->name);
	/* After it, no worker is inside the endpoint. */
	rc = weir__grace(pipeline, pipeline->shape, weir__change_deadline(pipeline), err);
	if (rc == 0)
		rc = weir__error_word(err, 0, endpoint->type->recover(endpoint->state, err));
	if (rc < 0)
		return rc;
	__atomic_store_n(&endpoint->error, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&endpoint->status, WEIR_ENDPOINT_UP, __ATOMIC_RELEASE);
	weir__pipeline_ring(pipeline);
	weir__log(pipeline, WEIR_LOG_INFO, "endpoint %s is back", name);
	return 0;
}

int weir_pipeline_endpoint_recover(struct weir_pipeline *pipeline, const char *name, struct weir_error *err)
{
	struct weir_error unused;
	int rc;

	if (!err)
		err = &unused;
	weir__error_clear(err);
	pthread_mutex_lock(&pipeline->control);
	rc = recover(pipeline, name, err);
	pthread_mutex_unlock(&pipeline->control);
	return rc;
}

void *weir_pipeline_endpoint(struct weir_pipeline *pipeline, const char *name,
			     const struct weir_endpoint_type *type)
{
	struct weir__endpoint *endpoint;
	void *state;

	pthread_mutex_lock(&pipeline->parts);
	endpoint = weir__shape_endpoint(pipeline->shape, name);
	state = endpoint && endpoint->type == type ? endpoint->state : NULL;
	pthread_mutex_unlock(&pipeline->parts);
	return state;
}
