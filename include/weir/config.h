/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipeline as its author writes it: tables of endpoints, workers and chains. The compiler checks the field
 *names; weir_pipeline_create() checks the rest and reports every problem it finds.
 *
 *	struct weir_config config = {
 *		.endpoints = { weir_tun("tun0", .ipv4 = WEIR_LIST("10.9.0.2/24")), weir_null("peer") },
 *		.workers   = { { "rx", .cpu = 0 } },
 *		.chains    = { { "outbound", .stages = { weir_read("tun0", .worker = "rx"), weir_af_decap(),
 *		                                         weir_eth_wrap(.source = "02:00:00:00:00:01"),
 *weir_write("peer") } } },
 *	};
 */
#ifndef WEIR_CONFIG_H
#define WEIR_CONFIG_H

#include <weir/endpoint.h>

WEIR_BEGIN_DECLS

#define WEIR_ENDPOINTS_MAX 64
#define WEIR_WORKERS_MAX   64
#define WEIR_CHAINS_MAX    64
#define WEIR_STAGES_MAX    24 /* rows of a chain */

/* One thread. */
struct weir_worker {
	const char *name; /* also the thread's, so at most 15 bytes */
	unsigned cpu;     /* the processor that it is pinned to */
	bool unpinned;    /* leave the processor to the scheduler */
	unsigned spin_us; /* microseconds to go on polling before it sleeps; at most 1,000. 0: as long as that
			     has paid lately */
	bool sleep_at_once; /* never spin */
	bool give_way; /* before it sleeps, let run who waits for its processor: it then finds more at once,
			  for less processor time; but who does not stop makes it wait for milliseconds */
};

/*
 * The way of a packet: weir_read, stages, weir_write; or, for a chain that exits of stages feed, stages and
 * weir_write. weir_ring between two stages hands over to another worker. The rows after the last are zero.
 */
struct weir_chain {
	const char *name;
	struct weir_stage stages[WEIR_STAGES_MAX];
};

/*
 * The memory for packets. Zero fields are computed from the rest of the configuration. Room, headroom and
 * tailroom are those of the pipeline as long as it lives; what the first configuration does not need of the
 * latter two is for later changes, and a change that needs more than there is is refused.
 */
struct weir_pool {
	uint32_t buffers; /* small buffers; a number that the configuration can exhaust is refused, unless
			     .overcommit */
	uint32_t room;  /* bytes of a packet that a small buffer holds besides headroom and tailroom; default
			   1536, or where super-packets are cut, the largest of their pieces by the MTU */
	uint32_t jumbo; /* buffers for packets up to 65,535 bytes; 0: 64 if an endpoint gives packets larger
			   than room, else none */
	uint32_t headroom; /* bytes that stages and endpoints, one after the other, may prepend to a packet;
			      at most 4096, default 128; more where the chains need it */
	uint32_t tailroom; /* and append; at most 4096, default 64 */
	bool overcommit;   /* allow fewer buffers than could be held at once: readers then wait for buffers */
	bool no_huge_pages; /* do not ask for huge pages */
};

enum weir_log_level {
	WEIR_LOG_ERROR = 0,
	WEIR_LOG_WARNING,
	WEIR_LOG_INFO,
};

/* One line without newline. Called by control threads and, for rare events such as the death of a device, by
 * workers: it must not block. */
typedef void weir_log(void *data, enum weir_log_level level, const char *line);

struct weir_config {
	struct weir_endpoint endpoints[WEIR_ENDPOINTS_MAX];
	struct weir_worker workers[WEIR_WORKERS_MAX];
	struct weir_chain chains[WEIR_CHAINS_MAX];
	struct weir_pool pool;
	unsigned drain_ms;  /* how long a stop waits for packets in flight; default 1000 */
	unsigned change_ms; /* how long a change, a recovery or a stop waits for a worker; default 1000 */
	weir_log *log;      /* NULL: errors and warnings go to stderr */
	void *log_data;
};

/* The first row of a chain that an endpoint feeds. */
struct weir_read {
	char weir_first;
	const char *endpoint;
	const char *worker; /* that reads, and runs the stages up to the next ring */
	const char *name;   /* default "read" */
};

/* The last row of a chain. */
struct weir_write {
	char weir_first;
	const char *endpoint;
	const char *name; /* default "write" */
};

/* What becomes of a vector that finds a ring full. */
enum weir_full {
	WEIR_FULL_AUTO = 0, /* wait, unless rings form a cycle in which waiting could deadlock: then drop */
	WEIR_FULL_WAIT, /* stop reading upstream until there is room; refused in a cycle of waiting rings */
	WEIR_FULL_DROP, /* drop, counted as "ring_full" */
};

/* Hands the chain over to another worker. */
struct weir_ring {
	char weir_first;
	const char *worker; /* that runs the stages after it */
	const char *name;   /* default "ring" */
	uint32_t capacity;  /* usable vectors, 1 to 65,535; default 16 */
	enum weir_full full;
};

WEIR_API extern const struct weir_stage_type weir_read_type;
WEIR_API extern const struct weir_stage_type weir_write_type;
WEIR_API extern const struct weir_stage_type weir_ring_type;

#define weir_read(...)  WEIR_STAGE(weir_read_type, struct weir_read, __VA_ARGS__)
#define weir_write(...) WEIR_STAGE(weir_write_type, struct weir_write, __VA_ARGS__)
#define weir_ring(...)  WEIR_STAGE(weir_ring_type, struct weir_ring, __VA_ARGS__)

/*
 * Checks a configuration as weir_pipeline_create() does, without making anything: touches no device, keeps no
 * memory. Returns 0 or a negative errno, with every problem in err. Any thread.
 */
WEIR_API int weir_config_check(const struct weir_config *config, struct weir_error *err);

WEIR_END_DECLS

#endif
