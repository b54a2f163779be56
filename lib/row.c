/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/config.h>

#include "row.h"

#define REASON(reason) [WEIR__REASON_##reason - WEIR_REASONS_MAX]

const struct weir_reason weir__reasons[] = {
	REASON(BAD_VERDICT) = { "bad_verdict", "the stage gave a verdict that its type does not have" },
	REASON(EXIT) = { "exit", "the stage sent it to an exit that leads to no chain" },
	REASON(RING_FULL) = { "ring_full", "the worker behind the ring did not keep up" },
	REASON(CROWDED) = { "crowded", "pieces of super-packets had filled the place in front of it" },
	REASON(DOWN) = { "endpoint_down", "the endpoint is dead" },
	REASON(TOO_LONG) = { "too_long", "larger than a small buffer, and the pool has no jumbo buffers" },
	REASON(STOPPED) = { "stopped", "it could not leave before the pipeline stopped" },
};

/* The rows that are not stages: the engine tells them by the address of their type and never calls them. */
static const struct weir_option read_options[] = {
	WEIR_OPTION(struct weir_read, endpoint, STRING, "that gives the packets; required"),
	WEIR_OPTION(struct weir_read, worker, STRING,
		    "that reads, and runs the stages up to the next ring; required"),
	WEIR_OPTION(struct weir_read, name, STRING, "of the row; default read"),
	{ 0 },
};

const struct weir_stage_type weir_read_type = {
	.name = "read",
	.help = "take packets from an endpoint",
	.options = read_options,
	.options_size = sizeof(struct weir_read),
};

static const struct weir_option write_options[] = {
	WEIR_OPTION(struct weir_write, endpoint, STRING, "that takes the packets; required"),
	WEIR_OPTION(struct weir_write, name, STRING, "of the row; default write"),
	{ 0 },
};

const struct weir_stage_type weir_write_type = {
	.name = "write",
	.help = "give packets to an endpoint",
	.options = write_options,
	.options_size = sizeof(struct weir_write),
};

static const struct weir_option_value full_values[] = {
	{ "auto", WEIR_FULL_AUTO },
	{ "wait", WEIR_FULL_WAIT },
	{ "drop", WEIR_FULL_DROP },
	{ 0 },
};

static const struct weir_option ring_options[] = {
	WEIR_OPTION(struct weir_ring, worker, STRING, "that runs the stages after it; required"),
	WEIR_OPTION(struct weir_ring, name, STRING, "of the row; default ring"),
	WEIR_OPTION(struct weir_ring, capacity, U32, "usable vectors; default 16"),
	WEIR_ENUM_OPTION(struct weir_ring, full, full_values,
			 "what becomes of a vector that finds it full; default auto"),
	{ 0 },
};

const struct weir_stage_type weir_ring_type = {
	.name = "ring",
	.help = "hand packets over to another worker",
	.options = ring_options,
	.options_size = sizeof(struct weir_ring),
};

struct weir__row *weir__row_new(enum weir__row_kind kind, const struct weir_stage_type *type,
				const char *chain, const char *name)
{
	struct weir__row *row = aligned_alloc(_Alignof(struct weir__row), sizeof(*row));

	if (!row)
		return NULL;
	memset(row, 0, sizeof(*row));
	row->kind = kind;
	row->type = type;
	if (asprintf(&row->path, "%s/%s", chain, name) < 0) {
		free(row);
		return NULL;
	}
	return row;
}

bool weir__row_in_chain(const struct weir__row *row, const char *chain)
{
	const size_t n = strlen(chain);

	return strncmp(row->path, chain, n) == 0 && row->path[n] == '/';
}

void weir__row_free(struct weir__row *row)
{
	if (!row)
		return;
	weir__ring_fini(&row->ring);
	if (row->state && row->type->destroy)
		row->type->destroy(row->state);
	free(row->state);
	free(row->path);
	free(row);
}
