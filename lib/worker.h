/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread that runs one program, pass by pass: retry what was stuck, take a vector from every input that
 * has one, run it through its rows. When a pass finds nothing, the worker spins as long as that pays, then
 * sleeps.
 */
#ifndef WEIR__WORKER_H
#define WEIR__WORKER_H

#include <pthread.h>

#include "coalesce.h"
#include "doorbell.h"
#include "pool.h"
#include "program.h"
#include "reader.h"

struct weir_pipeline;
struct weir_worker;

enum weir__phase {
	WEIR__PHASE_RUN = 0,
	WEIR__PHASE_DRAIN, /* nothing more is read from endpoints */
	WEIR__PHASE_STOP,  /* the thread ends */
};

struct weir__worker {
	/* Written by control threads. */
	const struct weir__program *program; /* RCU */
	uint64_t asked; /* the number of the last grace period that was asked for (grace.h) */
	uint32_t phase; /* enum weir__phase; each change is followed by a ring of the bell */
	struct weir__doorbell bell;

	/* The thread's own, read by others where it says so. */
	_Alignas(
		64) uint64_t ready; /* inputs that may have packets, by bit: the rest would only say EAGAIN */
	uint64_t version;           /* of the program that it runs */
	uint64_t shape;             /* version of the shape of that program */
	uint64_t answered;          /* the last grace period that it has granted; read by others */
	uint32_t offline;           /* it holds nothing, and looks at asked before it does; read by others */
	uint64_t hung_up;           /* inputs whose descriptor hung up, by bit */
	uint64_t blocked;           /* sinks with a backlog, by bit; read by others */
	bool starved;               /* an input found no buffer in this pass */
	uint64_t worked_at;         /* when a pass last found something, while spinning; else 0 */
	uint64_t spin_ns;           /* how long to spin now */
	uint64_t spin_min_ns;       /* its bounds, of the program */
	uint64_t spin_max_ns;
	bool give_way;   /* of the program, too */
	uint64_t passes; /* counters, read by others */
	uint64_t sleeps;
	uint64_t stashed;            /* buffers in the stashes after the last pass */
	int32_t cpu_clock;           /* of the thread; 0: it does not run; read by others */
	struct weir__stash stash[2]; /* small, jumbo */
	struct weir__spill spill;
	const struct weir__row *at; /* the row that it came to last; NULL: none yet; read by others */
	struct weir_work work;
	struct weir_reader reader;
	struct weir_writer writer;
	struct weir__coalesce coalesce;

	/* The watchdog's, read by others with the lock of the parts. */
	uint64_t seen_passes;
	uint64_t seen_at;  /* when it last went on */
	bool seen_online;  /* at the last look */
	uint64_t stuck;    /* how often it was found stuck */
	uint64_t stuck_ms; /* how long it has been now; 0: it is not */
	char stuck_in[64]; /* the row in which it is or was */

	/* Fixed at creation. */
	uint8_t *scratch;    /* of spill, in a pool that was made without jumbo buffers; else NULL */
	uint32_t read_limit; /* packets of one read, at most WEIR_VECTOR_SIZE */
	struct weir_pipeline *pipeline;
	struct weir__pool *pool;
	char name[16];
	pthread_t thread;
	bool running; /* there is a thread to join */
	bool ended;   /* it has nothing more to do; read by others */
};

/* One without a thread and without a program. Returns 0 or a negative errno. */
int weir__worker_create(struct weir__worker **result, struct weir_pipeline *pipeline, const char *name);

/* Gives its buffers back and frees it; its thread has ended. NULL is allowed. */
void weir__worker_destroy(struct weir__worker *worker);

/* Starts the thread, pinned and named. Returns 0 or a negative errno, in words in err. */
int weir__worker_start(struct weir__worker *worker, const struct weir_worker *given, enum weir__phase phase,
		       struct weir_error *err);

/* Pins the thread anew. Returns 0 or a negative errno, in words in err. */
int weir__worker_pin(struct weir__worker *worker, const struct weir_worker *given, struct weir_error *err);

/* Ends the thread; what it holds stays in the worker. Returns false if it is stuck until the deadline. */
bool weir__worker_stop(struct weir__worker *worker, uint64_t deadline);

/* Replaces its program; it takes the new one up with its next pass. */
void weir__worker_publish(struct weir__worker *worker, const struct weir__program *program);

/* Rings all workers of the pipeline. The worker's thread. */
void weir__worker_ring_all(struct weir__worker *worker);

static inline enum weir__phase weir__worker_phase(const struct weir__worker *worker)
{
	return (enum weir__phase)__atomic_load_n(&worker->phase, __ATOMIC_ACQUIRE);
}

/* Changes the phase and makes the worker notice. Control thread. */
void weir__worker_set_phase(struct weir__worker *worker, enum weir__phase phase);

/* Says where the worker is, for those who find it stuck. */
static inline void weir__worker_at(struct weir__worker *worker, const struct weir__row *row)
{
	__atomic_store_n(&worker->at, row, __ATOMIC_RELAXED);
}

/* The path of that row, for a worker that is stuck there. */
const char *weir__worker_where(const struct weir__worker *worker);

/* One turn of the loop: returns whether it found anything to do. The worker's thread, online. */
bool weir__worker_pass(struct weir__worker *worker);

/* Blocks until there may be something to do. The worker's thread, online. */
void weir__worker_sleep(struct weir__worker *worker);

/* Tells the endpoints that its inputs read that nobody sleeps any more. */
void weir__worker_disarm(const struct weir__program *program);

/* Everything in the stashes goes back to the pool; the caller rings who waits for it. The worker's thread, or
 * any while it does not run. */
void weir__worker_give_back(struct weir__worker *worker);

#define WEIR__NO_BUFFER UINT32_MAX

/* A free buffer, or WEIR__NO_BUFFER. The worker's thread. */
uint32_t weir__worker_take(struct weir__worker *worker, bool jumbo);

/* There was no small buffer: makes others give back what they do not need, and tries again. */
uint32_t weir__worker_starve(struct weir__worker *worker);

/* Frees buffers into the stash. The worker's thread, or any while it does not run. */
void weir__worker_free(struct weir__worker *worker, const uint32_t *index, uint32_t n, const char *path);

#endif
