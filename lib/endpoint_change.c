/* SPDX-License-Identifier: Apache-2.0 */
/* Other options for an endpoint that stays open. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weir/change.h>

#include "error.h"
#include "option.h"
#include "pipeline.h"
#include "plan.h"

/* What the chains and the pool were made for. */
static bool fits(const struct weir_endpoint_info *has, const struct weir_endpoint_info *wanted)
{
	return wanted->layer == has->layer && wanted->framing == has->framing &&
	       !wanted->max_packet == !has->max_packet && wanted->max_packet <= has->max_packet &&
	       wanted->takes_none == has->takes_none && wanted->max_segment <= has->max_segment &&
	       wanted->gives == has->gives && wanted->takes == has->takes &&
	       wanted->gathers == has->gathers && wanted->headroom <= has->headroom &&
	       wanted->tailroom <= has->tailroom;
}

int weir__endpoint_try(const struct weir__endpoint *endpoint, const void *options,
		       const struct weir_endpoint_info *info, struct weir_error *err)
{
	const unsigned before = err->problems;
	int rc;

	if (!endpoint->type->change || !fits(&endpoint->info, info))
		return 0;
	weir__error_at(err, "endpoint %s", endpoint->name);
	rc = endpoint->type->change(endpoint->state, options, true, err);
	if (rc == -ENOTSUP && err->problems == before)
		return 0;
	return rc < 0 ? weir__error_word(err, before, rc) : 1;
}

void weir__endpoint_change(struct weir_pipeline *pipeline, struct weir__endpoint *endpoint, void *copy)
{
	struct weir_error err;
	int rc;

	weir__error_clear(&err);
	rc = endpoint->type->change(endpoint->state, copy, false, &err);
	if (rc < 0)
		weir__log(pipeline, WEIR_LOG_ERROR, "endpoint %s refused what it had agreed to: %s",
			  endpoint->name, err.problems ? err.text : strerror(-rc));
	free(endpoint->options);
	endpoint->options = copy;
}

/* --- one by its name --------------------------------------------------------------------------------------
 */

/* What its type says of the options, as when a configuration is checked. */
static int check(const struct weir__endpoint *endpoint, const void *options, struct weir_endpoint_info *info,
		 struct weir_error *err)
{
	const unsigned before = err->problems;
	int rc;

	*info = (struct weir_endpoint_info){ .read_fd = -1, .write_fd = -1 };
	if (endpoint->whole) {
		*info = endpoint->whole->info;
		info->part = endpoint->info.part;
		info->whole_options = endpoint->whole->options;
	}
	rc = endpoint->type->check(options, info, err);
	rc = rc < 0 ? rc : err->problems > before ? err->code : 0;
	return weir__error_word(err, before, rc);
}

static int find(const struct weir_pipeline *pipeline, const char *name, const struct weir_endpoint *wanted,
		struct weir__endpoint **endpoint, struct weir_error *err)
{
	const struct weir__endpoint_options *options = wanted->options;

	*endpoint = weir__shape_endpoint(pipeline->shape, name);
	if (!*endpoint)
		return weir_failed(err, -ENOENT, "there is no such endpoint");
	if ((*endpoint)->type != wanted->type)
		return weir_failed(err, -EINVAL, "it is a %s, not a %s", (*endpoint)->type->name,
				   wanted->type->name);
	if (!options)
		return weir_invalid(err, "options", "missing");
	if (!options->name || strcmp(options->name, name) != 0)
		return weir_invalid(err, "name", "'%s' is another endpoint",
				    options->name ? options->name : "");
	if (!wanted->type->options)
		return weir_failed(err, -ENOTSUP, "the type %s has no table of options", wanted->type->name);
	return 0;
}

static int configure(struct weir_pipeline *pipeline, const char *name, const struct weir_endpoint *wanted,
		     struct weir_error *err)
{
	struct weir__endpoint *endpoint = NULL;
	struct weir_endpoint_info info;
	void *copy;
	int rc = weir__pipeline_ready(pipeline, err);

	weir__error_at(err, "endpoint %s", name);
	if (rc == 0)
		rc = find(pipeline, name, wanted, &endpoint, err);
	if (rc < 0 || !endpoint)
		return rc;
	rc = check(endpoint, wanted->options, &info, err);
	if (rc == 0)
		rc = weir__endpoint_try(endpoint, wanted->options, &info, err);
	if (rc == 0)
		rc = weir_failed(err, -ENOTSUP, "only weir_pipeline_apply() changes that: it is opened anew");
	if (rc < 0)
		return rc;
	copy = weir__endpoint_options_copy(wanted->type, wanted->options);
	if (!copy)
		return weir_failed(err, -ENOMEM, "no memory for its options");
	weir__endpoint_change(pipeline, endpoint, copy);
	return 0;
}

int weir_endpoint_configure(struct weir_pipeline *pipeline, const char *name,
			    const struct weir_endpoint *endpoint, struct weir_error *err)
{
	struct weir_error unused;
	int rc;

	if (!err)
		err = &unused;
	weir__error_clear(err);
	pthread_mutex_lock(&pipeline->control);
	rc = configure(pipeline, name, endpoint, err);
	pthread_mutex_unlock(&pipeline->control);
	weir__error_at(err, "%s", "");
	return rc;
}
