/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the chains: each chain has a shape, each row its names and options. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/gro_coalesce.h>
#include <weir/gso_split.h>

#include "error.h"
#include "plan.h"
#include "registry.h"

static uint32_t find_worker(const struct weir__plan *plan, const char *name)
{
	for (uint32_t i = 0; i < plan->n_workers; i++)
		if (strcmp(plan->config->workers[i].name, name) == 0)
			return i;
	return WEIR__NONE;
}

static uint32_t find_chain(const struct weir__plan *plan, const char *name)
{
	for (uint32_t i = 0; i < WEIR_CHAINS_MAX && plan->config->chains[i].name; i++)
		if (strcmp(plan->config->chains[i].name, name) == 0)
			return i;
	return WEIR__NONE;
}

/* The endpoint of a reader or a writer; WEIR__NONE after a problem. */
static uint32_t resolve_endpoint(struct weir__plan *plan, const char *name)
{
	uint32_t endpoint = name ? weir__plan_find_endpoint(plan, name) : WEIR__NONE;

	if (!name)
		weir_invalid(plan->err, "endpoint", "missing");
	else if (endpoint == WEIR__NONE)
		weir_invalid(plan->err, "endpoint", "no endpoint is named '%s'", name);
	return endpoint;
}

static uint32_t resolve_worker(struct weir__plan *plan, const char *name)
{
	uint32_t worker = name ? find_worker(plan, name) : WEIR__NONE;

	if (!name)
		weir_invalid(plan->err, "worker", "missing");
	else if (worker == WEIR__NONE)
		weir_invalid(plan->err, "worker", "no worker is named '%s'", name);
	return worker;
}

static void check_read(struct weir__plan *plan, struct weir__plan_row *row)
{
	const struct weir_read *options = row->options;
	struct weir__plan_endpoint *endpoint;

	row->endpoint = resolve_endpoint(plan, options->endpoint);
	row->worker = resolve_worker(plan, options->worker);
	if (row->endpoint == WEIR__NONE)
		return;
	endpoint = &plan->endpoints[row->endpoint];
	if (!endpoint->type->read || (!endpoint->info.max_packet && !endpoint->wrong))
		weir_invalid(plan->err, "endpoint", "'%s' gives no packets", options->endpoint);
	else if (endpoint->reader != WEIR__NONE)
		weir_invalid(plan->err, "endpoint", "'%s' is read by another chain already",
			     options->endpoint);
	else
		endpoint->reader = row->worker;
}

static void check_write(struct weir__plan *plan, struct weir__plan_row *row)
{
	const struct weir_write *options = row->options;

	row->endpoint = resolve_endpoint(plan, options->endpoint);
	if (row->endpoint == WEIR__NONE)
		return;
	if (!plan->endpoints[row->endpoint].type->write || plan->endpoints[row->endpoint].info.takes_none)
		weir_invalid(plan->err, "endpoint", "'%s' takes no packets", options->endpoint);
}

static void check_ring(struct weir__plan *plan, struct weir__plan_row *row)
{
	const struct weir_ring *options = row->options;

	row->worker = resolve_worker(plan, options->worker);
	if (options->capacity > WEIR__RING_CAPACITY_MAX)
		weir_invalid(plan->err, "capacity", "%u is more than %d", options->capacity,
			     WEIR__RING_CAPACITY_MAX);
	if ((unsigned)options->full > WEIR_FULL_DROP)
		weir_invalid(plan->err, "full", "%d is none of WEIR_FULL_AUTO, _WAIT and _DROP",
			     (int)options->full);
	row->drop_when_full = options->full == WEIR_FULL_DROP;
}

static void check_exits(struct weir__plan *plan, struct weir__plan_row *row)
{
	const struct weir__stage_options *options = row->options;

	for (unsigned k = 0; k < WEIR_EXITS_MAX; k++) {
		char field[16];

		row->exit[k] = WEIR__NONE;
		if (!options->exit[k])
			continue;
		snprintf(field, sizeof(field), "exit[%u]", k);
		if (k >= row->type->exits)
			weir_invalid(plan->err, field, "'%s': %s has %u exits", options->exit[k],
				     row->type->name, row->type->exits);
		row->exit[k] = find_chain(plan, options->exit[k]);
		if (row->exit[k] == WEIR__NONE)
			weir_invalid(plan->err, field, "no chain is named '%s'", options->exit[k]);
		else if (plan->config->chains[row->exit[k]].stages[0].type == &weir_read_type)
			weir_invalid(plan->err, field, "chain '%s' begins with a reader of its own",
				     options->exit[k]);
	}
}

/* The framing of the endpoint that a chain ends in, as far as it is known. */
static enum weir_framing writer_framing(const struct weir__plan *plan, const struct weir_chain *chain)
{
	for (unsigned i = 0; i < WEIR_STAGES_MAX && chain->stages[i].type; i++) {
		const struct weir_write *options = chain->stages[i].options;
		uint32_t endpoint;

		if (chain->stages[i].type != &weir_write_type || !options || !options->endpoint)
			continue;
		endpoint = weir__plan_find_endpoint(plan, options->endpoint);
		return endpoint == WEIR__NONE ? WEIR_FRAMING_RAW : plan->endpoints[endpoint].info.framing;
	}
	return WEIR_FRAMING_RAW;
}

int weir__stage_configure(void **result, const struct weir_stage *stage, const struct weir_place *place,
			  struct weir_error *err)
{
	const struct weir_stage_type *type = stage->type;
	const unsigned before = err->problems;
	void *config = calloc(1, type->config_size ? type->config_size : 1);
	int rc = 0;

	*result = NULL;
	if (!config)
		return weir_failed(err, -ENOMEM, "no memory for its configuration");
	if (type->configure)
		rc = type->configure(config, stage->options, place, err);
	else
		memcpy(config, stage->options, type->config_size);
	rc = weir__error_word(err, before, rc);
	if (rc < 0)
		free(config);
	else
		*result = config;
	return rc;
}

void weir__stage_release(const struct weir_stage_type *type, void *config)
{
	if (config && type->release)
		type->release(config);
	free(config);
}

static void check_stage(struct weir__plan *plan, struct weir__plan_row *row, const struct weir_chain *chain,
			const struct weir_stage *stage)
{
	const struct weir_place place = { .writer_framing = writer_framing(plan, chain) };

	if (weir__stage_fault(row->type)) {
		weir_failed(plan->err, -EINVAL, "the type '%s' %s", row->type->name ? row->type->name : "",
			    weir__stage_fault(row->type));
		return;
	}
	check_exits(plan, row);
	weir__stage_configure(&row->config, stage, &place, plan->err);
}

enum weir__row_kind weir__row_kind_of(const struct weir_stage_type *type)
{
	static const struct {
		const struct weir_stage_type *type;
		enum weir__row_kind kind;
	} own[] = {
		{ &weir_read_type, WEIR__ROW_READ },
		{ &weir_write_type, WEIR__ROW_WRITE },
		{ &weir_ring_type, WEIR__ROW_RING },
		{ &weir_gso_split_type, WEIR__ROW_SPLIT },
		{ &weir_gro_coalesce_type, WEIR__ROW_COALESCE },
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (own[i].type == type)
			return own[i].kind;
	return WEIR__ROW_STAGE;
}

static const char *row_name(const struct weir_stage *stage)
{
	const char *name;

	if (!stage->options)
		name = NULL;
	else if (stage->type == &weir_read_type)
		name = ((const struct weir_read *)stage->options)->name;
	else if (stage->type == &weir_write_type)
		name = ((const struct weir_write *)stage->options)->name;
	else if (stage->type == &weir_ring_type)
		name = ((const struct weir_ring *)stage->options)->name;
	else
		name = ((const struct weir__stage_options *)stage->options)->name;
	if (!name)
		name = stage->type->name;
	return name ? name : "";
}

static void check_row(struct weir__plan *plan, uint32_t c, unsigned i)
{
	const struct weir_chain *chain = &plan->config->chains[c];
	const struct weir_stage *stage = &chain->stages[i];
	struct weir__plan_row *row = &plan->rows[plan->n_rows++];

	*row = (struct weir__plan_row){
		.kind = weir__row_kind_of(stage->type),
		.type = stage->type,
		.options = stage->options,
		.name = row_name(stage),
		.chain = c,
		.endpoint = WEIR__NONE,
		.worker = WEIR__NONE,
	};
	weir__error_at(plan->err, "%s/%s", chain->name, row->name);
	if (!row->options) {
		weir_invalid(plan->err, "options", "missing");
		return;
	}
	if (!row->name[0] || strchr(row->name, '/'))
		weir_invalid(plan->err, "name", "'%s' is not a name: it must not be empty nor contain '/'",
			     row->name);
	for (unsigned k = 0; k < i; k++)
		if (strcmp(row_name(&chain->stages[k]), row->name) == 0)
			weir_invalid(plan->err, "name",
				     "stages[%u] has this name too: give one of them a .name", k);
	if (row->kind == WEIR__ROW_READ)
		check_read(plan, row);
	else if (row->kind == WEIR__ROW_WRITE)
		check_write(plan, row);
	else if (row->kind == WEIR__ROW_RING)
		check_ring(plan, row);
	else
		check_stage(plan, row, chain, stage);
}

static void check_shape(struct weir__plan *plan, const struct weir_chain *chain, unsigned n)
{
	if (!n) {
		weir_failed(plan->err, -EINVAL, "it has no stages");
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		const struct weir_stage_type *type = chain->stages[i].type;

		if (type == &weir_read_type && i > 0)
			weir_failed(plan->err, -EINVAL, "stages[%u]: a reader must be the first row", i);
		if (type == &weir_write_type && i < n - 1)
			weir_failed(plan->err, -EINVAL, "stages[%u]: a writer must be the last row", i);
		if (type == &weir_ring_type && i > 0 && chain->stages[i - 1].type == &weir_ring_type)
			weir_failed(plan->err, -EINVAL, "stages[%u]: a ring follows a ring", i);
	}
	if (chain->stages[n - 1].type != &weir_write_type)
		weir_failed(plan->err, -EINVAL, "stages[%u]: the last row must be a writer", n - 1);
}

static void check_chain(struct weir__plan *plan, uint32_t c)
{
	const struct weir_chain *given = &plan->config->chains[c];
	struct weir__plan_chain *chain = &plan->chains[c];

	*chain =
		(struct weir__plan_chain){ .name = given->name, .first = plan->n_rows, .worker = WEIR__NONE };
	weir__error_at(plan->err, "chains[%u]", c);
	if (!given->name[0] || strchr(given->name, '/'))
		weir_invalid(plan->err, "name", "'%s' is not a name: it must not be empty nor contain '/'",
			     given->name);
	if (find_chain(plan, given->name) < c)
		weir_invalid(plan->err, "name", "chains[%u] is named '%s' too", find_chain(plan, given->name),
			     given->name);
	while (chain->n < WEIR_STAGES_MAX && given->stages[chain->n].type)
		chain->n++;
	weir__error_at(plan->err, "%s", given->name);
	check_shape(plan, given, chain->n);
	for (unsigned i = 0; i < chain->n; i++)
		check_row(plan, c, i);
}

void weir__plan_chains(struct weir__plan *plan)
{
	const struct weir_chain *chains = plan->config->chains;

	while (plan->n_chains < WEIR_CHAINS_MAX && chains[plan->n_chains].name)
		check_chain(plan, plan->n_chains++);
	if (plan->n_chains < WEIR_CHAINS_MAX && chains[plan->n_chains].stages[0].type) {
		weir__error_at(plan->err, "chains[%u]", plan->n_chains);
		weir_invalid(plan->err, "name", "missing");
	} else if (!plan->n_chains) {
		weir__error_at(plan->err, "chains");
		weir_failed(plan->err, -EINVAL, "there are none");
	}
}
