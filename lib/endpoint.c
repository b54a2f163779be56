/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoints of a pipeline: opened, gone, recovered, closed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "error.h"
#include "rcu.h"

int weir__endpoints_open(struct weir_pipeline *pipeline, const struct weir__plan *plan)
{
	pipeline->endpoints = calloc(plan->n_endpoints, sizeof(*pipeline->endpoints));
	if (!pipeline->endpoints)
		return weir_failed(plan->err, -ENOMEM, "no memory for %u endpoints", plan->n_endpoints);
	for (unsigned i = 0; i < plan->n_endpoints; i++) {
		const struct weir__plan_endpoint *from = &plan->endpoints[i];
		struct weir__endpoint *endpoint = &pipeline->endpoints[pipeline->n_endpoints++];
		int rc;

		endpoint->type = from->type;
		endpoint->info = from->info;
		endpoint->name = strdup(from->name);
		endpoint->state = calloc(1, from->type->state_size ? from->type->state_size : 1);
		if (!endpoint->name || !endpoint->state)
			return weir_failed(plan->err, -ENOMEM, "no memory for endpoint '%s'", from->name);
		weir__error_at(plan->err, "endpoint %s", from->name);
		rc = from->type->open(endpoint->state, from->options, &endpoint->info, plan->err);
		if (rc < 0)
			return weir__error_word(plan->err, 0, rc);
		endpoint->open = true;
	}
	return 0;
}

void weir__endpoints_created(struct weir_pipeline *pipeline)
{
	for (unsigned i = 0; i < pipeline->n_endpoints; i++)
		if (pipeline->endpoints[i].type->created)
			pipeline->endpoints[i].type->created(pipeline->endpoints[i].state);
}

void weir__endpoints_close(struct weir_pipeline *pipeline)
{
	for (unsigned i = 0; i < pipeline->n_endpoints; i++) {
		struct weir__endpoint *endpoint = &pipeline->endpoints[i];

		if (endpoint->open && endpoint->type->close)
			endpoint->type->close(endpoint->state);
		free(endpoint->state);
		free(endpoint->name);
	}
	free(pipeline->endpoints);
}

void weir__endpoint_gone(struct weir_pipeline *pipeline, struct weir__endpoint *endpoint, int error)
{
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
	pthread_mutex_lock(&pipeline->gone_lock);
	pthread_cond_broadcast(&pipeline->gone);
	pthread_mutex_unlock(&pipeline->gone_lock);
	/* The worker of its other end may wait for a descriptor that says nothing any more. */
	weir__pipeline_ring(pipeline);
}

static struct weir__endpoint *find_endpoint(struct weir_pipeline *pipeline, const char *name)
{
	for (unsigned i = 0; i < pipeline->n_endpoints; i++)
		if (strcmp(pipeline->endpoints[i].name, name) == 0)
			return &pipeline->endpoints[i];
	return NULL;
}

int weir_pipeline_endpoint_state(struct weir_pipeline *pipeline, const char *name, int *error)
{
	const struct weir__endpoint *endpoint = find_endpoint(pipeline, name);
	int status;

	if (!endpoint)
		return -ENOENT;
	status = (int)__atomic_load_n(&endpoint->status, __ATOMIC_ACQUIRE);
	if (error)
		*error = status == WEIR_ENDPOINT_DEAD ? __atomic_load_n(&endpoint->error, __ATOMIC_RELAXED)
						      : 0;
	return status;
}

int weir_pipeline_endpoint_recover(struct weir_pipeline *pipeline, const char *name, struct weir_error *err)
{
	struct weir_error unused;
	struct weir__endpoint *endpoint = find_endpoint(pipeline, name);
	int rc;

	if (!err)
		err = &unused;
	weir__error_clear(err);
	if (!endpoint)
		return weir_failed(err, -ENOENT, "no endpoint is named '%s'", name);
	weir__error_at(err, "endpoint %s", name);
	if (!weir__endpoint_dead(endpoint))
		return weir_failed(err, -EALREADY, "it is not dead");
	if (!endpoint->type->recover)
		return weir_failed(err, -ENOTSUP, "%s cannot be recovered", endpoint->type->name);
	synchronize_rcu(); /* after it, no worker is inside the endpoint */
	rc = endpoint->type->recover(endpoint->state, err);
	if (rc < 0)
		return weir__error_word(err, 0, rc);
	__atomic_store_n(&endpoint->error, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&endpoint->status, WEIR_ENDPOINT_UP, __ATOMIC_RELEASE);
	weir__pipeline_ring(pipeline);
	weir__log(pipeline, WEIR_LOG_INFO, "endpoint %s is back", name);
	return 0;
}

void *weir_pipeline_endpoint(struct weir_pipeline *pipeline, const char *name,
			     const struct weir_endpoint_type *type)
{
	struct weir__endpoint *endpoint = find_endpoint(pipeline, name);

	return endpoint && endpoint->type == type ? endpoint->state : NULL;
}
