/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of a pipeline while traffic flows. No packet is lost, doubled or, within a flow, reordered by them;
 * docs/live-change.md says how. Each call is all or nothing: refused or failed, it leaves the pipeline as it
 * was.
 *
 * The calls return when every worker works by the new, or with -ETIMEDOUT at their deadline
 * (config.change_ms) when a worker is stuck in a stage or a writer takes nothing; err names it. Any thread
 * that is no worker; they wait for each other.
 */
#ifndef WEIR_CHANGE_H
#define WEIR_CHANGE_H

#include <stdio.h>

#include <weir/pipeline.h>

WEIR_BEGIN_DECLS

/*
 * Gives the stage "chain/stage" another configuration; its state and counters stay:
 *
 *	struct weir_stage filter = weir_mac_filter(.allow = WEIR_LIST("02:00:00:00:00:07"));
 *	weir_stage_configure(pipeline, "outbound/filter", &filter, &err);
 *
 * Errors: -ENOENT (no such stage), -ENOTSUP (it is a gso_split or a gro_coalesce), -EINVAL (another type,
 * other exits, or what the type finds in the options), -ENOMEM, -ETIMEDOUT.
 */
WEIR_API int weir_stage_configure(struct weir_pipeline *pipeline, const char *path,
				  const struct weir_stage *stage, struct weir_error *err);

/*
 * Gives an endpoint other options while it stays open and packets flow:
 *
 *	struct weir_endpoint session = weir_my_session("vpn", .server = "192.0.2.1", .rate = 7);
 *	weir_endpoint_configure(pipeline, "vpn", &session, &err);
 *
 * Errors: -ENOENT (no such endpoint), -ENOTSUP (its type, or this difference, takes opening it anew, which
 * weir_pipeline_apply() does), -EINVAL (another type or name, or what the type finds in the options),
 *-ENOMEM.
 */
WEIR_API int weir_endpoint_configure(struct weir_pipeline *pipeline, const char *name,
				     const struct weir_endpoint *endpoint, struct weir_error *err);

/*
 * Several stages as one: a vector meets on each worker either all old or all new configurations. What waits
 * in front of a gso_split has left the stages before it and meets those behind it later, as behind a ring.
 * One thread at a time uses a change; it holds nothing of the pipeline until it is committed, and must not
 * outlive it.
 */
struct weir_change;

/* Returns 0 or -ENOMEM. */
WEIR_API int weir_change_begin(struct weir_change **change, struct weir_pipeline *pipeline,
			       struct weir_error *err);

/* Checks the options now; of two for the same stage the later one counts. Errors as weir_stage_configure(),
 * after which the change is as before. */
WEIR_API int weir_change_stage(struct weir_change *change, const char *path, const struct weir_stage *stage,
			       struct weir_error *err);

/* Makes the change, and frees it in each case. -ENOENT: a stage has been removed meanwhile. */
WEIR_API int weir_change_commit(struct weir_change *change, struct weir_error *err);

/* Frees it; nothing has changed. NULL is allowed. */
WEIR_API void weir_change_abandon(struct weir_change *change);

enum weir_fate {
	WEIR_KEPT = 0, /* not touched */
	WEIR_CREATED,
	WEIR_CHANGED, /* options, processor, wait policy, size */
	WEIR_MOVED,   /* to another worker */
	WEIR_REMOVED,
};

struct weir_report_item {
	const char *kind; /* "worker", "endpoint", "reader", "stage", "ring", "writer", "pool" */
	const char *name; /* of a row its path, "outbound/filter" */
	enum weir_fate fate;
};

/* What a change did, or would do. Times in microseconds. */
struct weir_report {
	const struct weir_report_item *items; /* the whole new configuration, then what was removed */
	unsigned n_items;
	unsigned held;       /* readers and rings from which nothing was taken while the change went on */
	unsigned drained;    /* rings that had to be empty first */
	uint64_t prepare_us; /* building beside, opening devices, starting threads: traffic flows */
	uint64_t drain_us;   /* from holding to the last drained ring */
	uint64_t publish_us; /* storing the new programs */
	uint64_t grace_us;   /* waiting for workers to take programs up, all in all */
	uint64_t held_us;    /* from holding to the new programs; 0 if nothing was held */
	uint64_t total_us;
};

struct weir_apply {
	char weir_first;      /* so that an empty list of options is still valid C; leave it */
	bool dry_run;         /* only check and report; touches no device */
	unsigned deadline_ms; /* for this change; 0: that of the configuration */
	/* NULL: none. Also of a change that failed, once it was compared; free it with weir_report_free(). */
	struct weir_report **report;
};

/*
 * Makes the pipeline what config says, by doing only the difference. Parts are told by their names: a stage
 * of the same path and type keeps its state and counters, an endpoint of the same name and type stays open if
 * its options are the same or its type takes over others, a worker of the same name goes on. A pipeline that
 *does not run is changed too. The log stays the one that it was created with.
 *
 *	weir_pipeline_apply(pipeline, &config, &err);
 *	weir_pipeline_apply(pipeline, &config, &err, .dry_run = true, .report = &report);
 *
 * Errors: those of weir_pipeline_create() and _start(), and -ETIMEDOUT: a writer took nothing, or a worker
 * was stuck, until the deadline. -EINPROGRESS is none: the change is made, but a worker that got stuck at the
 * last moment has not taken it up yet; err names it.
 */
#define weir_pipeline_apply(pipeline, config, ...) \
	weir__pipeline_apply(pipeline, config, __VA_ARGS__, .weir_first = 0)
#define weir__pipeline_apply(pipeline, config, err, ...) \
	weir_pipeline_apply_with(pipeline, config, err, &(const struct weir_apply){ __VA_ARGS__ })

WEIR_API int weir_pipeline_apply_with(struct weir_pipeline *pipeline, const struct weir_config *config,
				      struct weir_error *err, const struct weir_apply *options);

WEIR_API void weir_report_print(const struct weir_report *report, FILE *file);
WEIR_API void weir_report_free(struct weir_report *report);

WEIR_END_DECLS

#endif
