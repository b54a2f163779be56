/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration, checked whole and with every name resolved: what a pipeline is built from. Making one
 * touches no device; it holds nothing but memory.
 */
#ifndef WEIR__PLAN_H
#define WEIR__PLAN_H

#include <weir/config.h>

#include "pool.h"
#include "row.h"
#include "transform.h"

#define WEIR__NONE UINT32_MAX

struct weir__plan_row {
	enum weir__row_kind kind;
	const struct weir_stage_type *type;
	const void *options;
	const char *name;
	uint32_t chain;
	uint32_t endpoint;   /* of a reader or a writer; else WEIR__NONE */
	uint32_t worker;     /* that runs it; of a ring, the consumer; WEIR__NONE: nothing leads here */
	uint64_t producers;  /* of a ring: the workers that hand over to it, by bit */
	bool drop_when_full; /* of a ring */
	uint32_t exit[WEIR_EXITS_MAX]; /* chains, or WEIR__NONE */
	void *config;                  /* of a stage, made by configure(); a pipeline takes it over */
};

/* A row that the plan puts in by itself, with its options, which begin like those of both types. */
struct weir__plan_inserted {
	char name[32];
	struct {
		WEIR_STAGE_OPTIONS
		uint32_t offload; /* keep of a gso_split, make of a gro_coalesce */
	} options;
};

#define WEIR__ROWS_MAX     (WEIR_CHAINS_MAX * WEIR_STAGES_MAX)
#define WEIR__INSERTED_MAX (2 * WEIR_CHAINS_MAX)

struct weir__plan_chain {
	const char *name;
	uint32_t first; /* its rows */
	uint32_t n;
	uint32_t worker;       /* that it begins on; WEIR__NONE: not known */
	enum weir_layer layer; /* that it begins with */
	enum weir_framing framing;
	uint32_t offload; /* WEIR_OFFLOAD_…: what may come to it by exits */
	bool entered;
};

struct weir__plan_endpoint {
	const struct weir_endpoint_type *type;
	const void *options;
	const char *name;
	struct weir_endpoint_info info;
	bool wrong;      /* check() found something, so info may say nothing */
	uint32_t reader; /* workers of its ends */
	uint32_t writer;
	uint32_t whole; /* the endpoint that it is a part of, or WEIR__NONE */
	unsigned parts; /* that it has */
};

struct weir__plan {
	const struct weir_config *config;
	struct weir_error *err;
	struct weir__plan_endpoint endpoints[WEIR_ENDPOINTS_MAX];
	unsigned n_endpoints;
	unsigned n_workers;
	struct weir__plan_chain chains[WEIR_CHAINS_MAX];
	unsigned n_chains;
	struct weir__plan_row rows[WEIR__ROWS_MAX];
	unsigned n_rows;
	struct weir__plan_inserted inserted[WEIR__INSERTED_MAX];
	unsigned n_inserted;
	uint32_t headroom; /* that the longest ways through the chains need */
	uint32_t tailroom;
	struct weir__pool_size pool; /* with room for longer ways, too */
};

/* The first members of the options of stages, whatever the type. */
struct weir__stage_options {
	WEIR_STAGE_OPTIONS
};

/* And of endpoints. */
struct weir__endpoint_options {
	WEIR_ENDPOINT_OPTIONS;
};

/* And of endpoints whose type has `of`. */
struct weir__part_options {
	WEIR_PART_OPTIONS;
};

/* Checks everything. Returns 0 or the code of the first problem; then nothing is left to free. */
int weir__plan_make(struct weir__plan *plan, const struct weir_config *config, struct weir_error *err);

/* Frees the configs that no pipeline took over (which sets them to NULL). */
void weir__plan_free(struct weir__plan *plan);

/*
 * Makes the configuration of a stage from its options. Returns 0 or a negative errno, in words in err; then
 * *result is NULL.
 */
int weir__stage_configure(void **result, const struct weir_stage *stage, const struct weir_place *place,
			  struct weir_error *err);

/* What the row of that type is to the engine. */
enum weir__row_kind weir__row_kind_of(const struct weir_stage_type *type);

/* Frees such a configuration. NULL is allowed. */
void weir__stage_release(const struct weir_stage_type *type, void *config);

/* The endpoint of that name, or WEIR__NONE. */
uint32_t weir__plan_find_endpoint(const struct weir__plan *plan, const char *name);

/* Parts of weir__plan_make(): each checks its part and reports what is wrong. */
void weir__plan_chains(struct weir__plan *plan);  /* the rows: shape, names, options */
void weir__plan_offload(struct weir__plan *plan); /* puts rows in that the author need not write */
void weir__plan_flow(struct weir__plan *plan);    /* who runs what, layers, room for headers, circles */

#endif
