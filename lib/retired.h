/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was replaced while a worker was stuck: it may still use it, so it is freed after the next grace period
 * that comes.
 */
#ifndef WEIR__RETIRED_H
#define WEIR__RETIRED_H

struct weir_pipeline;

struct weir__retired {
	struct weir__retired *next;
	void *what;
	void (*release)(void *what);
};

/*
 * Keeps what until the next grace period of all workers, then passes it to release. Control thread, with the
 * lock. The note is the caller's memory from malloc(), taken before anything was published: this cannot fail.
 */
void weir__retire(struct weir_pipeline *pipeline, struct weir__retired *note, void *what,
		  void (*release)(void *what));

/* A grace period of all workers has passed. */
void weir__retired_free(struct weir_pipeline *pipeline);

#endif
