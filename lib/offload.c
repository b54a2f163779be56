/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which offloads packets may need where, and so where rows have to be put in: a gso_split in front of what
 * understands less than comes, a gro_coalesce in front of an endpoint that gains by super-packets when none
 * come.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <weir/gro_coalesce.h>
#include <weir/gso_split.h>

#include "error.h"
#include "plan.h"

#define SUPERS (WEIR_OFFLOAD_TSO | WEIR_OFFLOAD_USO)

/* --- what may come ----------------------------------------------------------------------------------------
 */

/* What the row understands. */
static uint32_t takes(const struct weir__plan *plan, const struct weir__plan_row *row)
{
	if (row->kind == WEIR__ROW_STAGE)
		return row->type->offload;
	if (row->kind == WEIR__ROW_WRITE)
		return plan->endpoints[row->endpoint].info.takes;
	return WEIR_OFFLOAD_ALL;
}

/* What may come out of the row, with a split in front of it if it needs one. */
static uint32_t gives(const struct weir__plan *plan, const struct weir__plan_row *row, uint32_t comes)
{
	if (row->kind == WEIR__ROW_READ)
		return plan->endpoints[row->endpoint].info.gives;
	if (row->kind == WEIR__ROW_SPLIT)
		return comes & ((const struct weir__transform *)row->config)->offload;
	if (row->kind == WEIR__ROW_COALESCE)
		return comes | WEIR_OFFLOAD_CSUM | ((const struct weir__transform *)row->config)->offload;
	return comes & takes(plan, row);
}

static bool enter(struct weir__plan_chain *chain, uint32_t comes)
{
	const uint32_t before = chain->offload;

	chain->offload |= comes;
	return chain->offload != before;
}

/* Follows one chain. Returns whether more may come to another one by its exits. */
static bool follow(struct weir__plan *plan, const struct weir__plan_chain *chain)
{
	uint32_t comes = chain->offload;
	bool more = false;

	for (uint32_t i = chain->first; i < chain->first + chain->n; i++) {
		const struct weir__plan_row *row = &plan->rows[i];

		comes = gives(plan, row, comes);
		for (unsigned k = 0; row->kind == WEIR__ROW_STAGE && k < WEIR_EXITS_MAX; k++)
			if (row->exit[k] != WEIR__NONE)
				more |= enter(&plan->chains[row->exit[k]], comes);
	}
	return more;
}

/* --- putting rows in --------------------------------------------------------------------------------------
 */

static bool has_row(const struct weir__plan *plan, const struct weir__plan_chain *chain, const char *name)
{
	for (uint32_t i = chain->first; i < chain->first + chain->n; i++)
		if (strcmp(plan->rows[i].name, name) == 0)
			return true;
	return false;
}

/* The type's name, or with a number behind it if the chain has that already. */
static void name_row(const struct weir__plan *plan, const struct weir__plan_chain *chain,
		     struct weir__plan_inserted *inserted, const char *name)
{
	snprintf(inserted->name, sizeof(inserted->name), "%s", name);
	for (unsigned n = 2; has_row(plan, chain, inserted->name); n++)
		snprintf(inserted->name, sizeof(inserted->name), "%s%u", name, n);
}

/* Puts a row in front of row i of the plan. */
static void insert(struct weir__plan *plan, uint32_t chain, uint32_t i, const struct weir_stage_type *type,
		   uint32_t offload)
{
	struct weir__plan_inserted *inserted = &plan->inserted[plan->n_inserted];
	const struct weir_stage stage = { type, &inserted->options };

	if (plan->n_rows == WEIR__ROWS_MAX || plan->n_inserted == WEIR__INSERTED_MAX) {
		weir__error_at(plan->err, "%s", plan->chains[chain].name);
		weir_failed(plan->err, -EINVAL, "no room for a %s that it needs: there are too many rows",
			    type->name);
		return;
	}
	plan->n_inserted++;
	name_row(plan, &plan->chains[chain], inserted, type->name);
	inserted->options.offload = offload;
	memmove(&plan->rows[i + 1], &plan->rows[i], (plan->n_rows - i) * sizeof(plan->rows[0]));
	plan->n_rows++;
	plan->chains[chain].n++;
	for (uint32_t c = chain + 1; c < plan->n_chains; c++)
		plan->chains[c].first++;
	plan->rows[i] = (struct weir__plan_row){
		.kind = weir__row_kind_of(type),
		.type = type,
		.options = &inserted->options,
		.name = inserted->name,
		.chain = chain,
		.endpoint = WEIR__NONE,
		.worker = WEIR__NONE,
	};
	for (unsigned k = 0; k < WEIR_EXITS_MAX; k++)
		plan->rows[i].exit[k] = WEIR__NONE;
	weir__stage_configure(&plan->rows[i].config, &stage, &(struct weir_place){ 0 }, plan->err);
}

/* Whether segments that come to the writer are better put together. */
static bool gathers(const struct weir__plan *plan, const struct weir__plan_row *row, uint32_t comes)
{
	return row->kind == WEIR__ROW_WRITE && plan->endpoints[row->endpoint].info.gathers &&
	       takes(plan, row) & SUPERS && !(comes & SUPERS);
}

static void complete_chain(struct weir__plan *plan, uint32_t c)
{
	const struct weir__plan_chain *chain = &plan->chains[c];
	uint32_t comes = chain->offload;

	for (uint32_t i = chain->first; i < chain->first + chain->n && !plan->err->problems; i++) {
		const uint32_t least = takes(plan, &plan->rows[i]);

		if (comes & ~least)
			insert(plan, c, i++, &weir_gso_split_type, least);
		else if (gathers(plan, &plan->rows[i], comes))
			insert(plan, c, i++, &weir_gro_coalesce_type, least & SUPERS);
		comes = gives(plan, &plan->rows[i], comes);
	}
}

void weir__plan_offload(struct weir__plan *plan)
{
	bool more = true;

	while (more) {
		more = false;
		for (uint32_t c = 0; c < plan->n_chains; c++)
			more |= follow(plan, &plan->chains[c]);
	}
	for (uint32_t c = 0; c < plan->n_chains && !plan->err->problems; c++)
		complete_chain(plan, c);
}
