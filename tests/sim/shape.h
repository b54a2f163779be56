/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration small enough to be made at random, changed at random, and printed in a line. */
#ifndef SIM_SHAPE_H
#define SIM_SHAPE_H

#include <stdio.h>

#include <weir/weir.h>

#include "port.h"
#include "random.h"
#include "stages.h"

#define SIM_WORKERS_MAX 4
#define SIM_CHAINS_MAX  10
#define SIM_ROWS_MAX    16

#define SIM_BUFFERS_LEAST (3 * WEIR_VECTOR_SIZE) /* of each worker, with super-packets to cut */

enum sim_kind {
	SIM_ROW_READ,
	SIM_ROW_WRITE,
	SIM_ROW_RING,
	SIM_ROW_PASS,
	SIM_ROW_DROP,
	SIM_ROW_SORT,
	SIM_ROW_STATS,
	SIM_ROW_FILTER,
	SIM_ROW_ENTER,
	SIM_ROW_LEAVE,
	SIM_ROW_MARK,
	SIM_ROW_LOOK,
	SIM_KINDS,
};

struct sim_row {
	enum sim_kind kind;
	unsigned key; /* its name: two rows of the same key are the same row in different shapes */
	unsigned port;
	unsigned worker;
	unsigned capacity; /* of a ring */
	enum weir_full full;
	unsigned option;          /* of a stage, whatever that is for its kind */
	unsigned exit[SIM_EXITS]; /* 1 + the key of a chain; 0: leads nowhere */
};

struct sim_chain {
	unsigned key;
	unsigned n;
	struct sim_row rows[SIM_ROWS_MAX];
};

struct sim_worker {
	unsigned cpu;
	unsigned spin_us;
	bool unpinned;
	bool sleep_at_once;
};

struct sim_shape {
	struct sim_worker workers[SIM_WORKERS_MAX];
	unsigned n_workers; /* that rows may name; those that have nothing to do are left out */
	struct sim_chain chains[SIM_CHAINS_MAX];
	unsigned n_chains;
	unsigned next_key;
	uint32_t buffers;
	unsigned drain_ms;
	unsigned change_ms;
	uint32_t stuck_one_in; /* packets of a pass stage */
};

/* At random, but valid. */
void sim_shape_make(struct sim_shape *shape, struct sim_random *random, unsigned cpus);

/* Whether the library would take it, and the simulation can tell what is right. */
bool sim_shape_is_valid(const struct sim_shape *shape);

/* One to three random changes. Returns false if none was found that leaves it valid: then nothing is changed.
 */
bool sim_shape_mutate(struct sim_shape *shape, struct sim_random *random, unsigned cpus);

bool sim_shape_has_port(const struct sim_shape *shape, unsigned port);
bool sim_shape_has_worker(const struct sim_shape *shape, unsigned worker);

void sim_shape_print(const struct sim_shape *shape, FILE *file);

/* A shape as the library takes it; the memory for all that it points to. */
struct sim_config {
	struct weir_config config;
	union {
		struct weir_read read;
		struct weir_write write;
		struct weir_ring ring;
		struct sim_pass pass;
		struct sim_drop drop;
		struct sim_sort sort;
		struct sim_pair pair;
		struct weir_stats stats;
		struct weir_mac_filter filter;
	} options[SIM_CHAINS_MAX][SIM_ROWS_MAX];
	char names[SIM_CHAINS_MAX][SIM_ROWS_MAX][20];
	char chains[SIM_CHAINS_MAX][12];
	char exits[SIM_CHAINS_MAX][SIM_ROWS_MAX][SIM_EXITS][12];
	struct sim_port_options ports[SIM_PORTS_MAX];
};

void sim_config_make(struct sim_config *config, const struct sim_shape *shape);

/* The options of one row as a stage of weir_stage_configure(), and its path. */
struct weir_stage sim_config_stage(struct sim_config *config, const struct sim_shape *shape, unsigned c,
				   unsigned i, char path[32]);

extern const char *const sim_worker_names[SIM_WORKERS_MAX];

#endif
