/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stage looks at or changes packets and gives each a verdict. Its author writes what happens to one packet;
 *the engine owns the vector, the splitting, the freeing, the counting and the time.
 *
 *	static inline weir_verdict clamp(struct weir_buf *buf, const struct clamp *config, void *state) { … }
 *	WEIR_PROCESS(clamp_vector, clamp, struct clamp, void)
 *	const struct weir_stage_type clamp_type = { .name = "clamp", …, .process = clamp_vector };
 *
 * A packet function runs on a worker thread: it may not allocate, lock, log or make a system call.
 */
#ifndef WEIR_STAGE_H
#define WEIR_STAGE_H

#include <weir/error.h>
#include <weir/offload.h>
#include <weir/option.h>

WEIR_BEGIN_DECLS

typedef uint8_t weir_verdict;

#define WEIR_EXITS_MAX   8
#define WEIR_REASONS_MAX 24

#define WEIR_NEXT         ((weir_verdict)0)
#define WEIR_DROP(reason) ((weir_verdict)(1 + (reason))) /* an index into the type's reasons */
#define WEIR_EXIT(k) \
	((weir_verdict)(0x80 | (k))) /* to the chain that the option .exit[k] names; k < WEIR_EXITS_MAX */

/* Why a packet is dropped: a name for counters and a sentence for people. */
struct weir_reason {
	const char *name;
	const char *sentence;
};

/* Something else worth counting: a uint64_t at this offset of the stage's or endpoint's state. */
struct weir_counter {
	const char *name;
	const char *sentence;
	size_t offset;
};

/* Adds to such a counter. One thread writes, any thread reads: a relaxed store is enough, and costs what a
 * plain one does. */
static inline void weir_count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* One vector on its way through a stage. */
struct weir_work {
	struct weir_buf *bufs; /* the pool's metadata; a packet is bufs[index[i]] */
	const uint32_t *index;
	uint32_t n;
	const void *config;
	void *state;
	uint64_t bytes;                         /* out: bytes of all n packets after the stage */
	weir_verdict verdict[WEIR_VECTOR_SIZE]; /* out: one a packet */
};

/* Handles the n packets of a vector; returns the bitwise or of all verdicts. Made by WEIR_PROCESS. */
typedef unsigned weir_process(struct weir_work *work);

#define WEIR_PROCESS(function, packet, config_type, state_type)                \
	static unsigned function(struct weir_work *work)                       \
	{                                                                      \
		config_type const *config = (config_type const *)work->config; \
		state_type *state = (state_type *)work->state;                 \
		struct weir_buf *bufs = work->bufs;                            \
		const uint32_t *index = work->index;                           \
		unsigned any = 0;                                              \
		uint64_t bytes = 0;                                            \
		for (uint32_t i = 0, n = work->n; i < n; i++) {                \
			struct weir_buf *buf = &bufs[index[i]];                \
			weir_verdict verdict = packet(buf, config, state);     \
			work->verdict[i] = verdict;                            \
			any |= verdict;                                        \
			bytes += buf->len;                                     \
		}                                                              \
		work->bytes = bytes;                                           \
		return any;                                                    \
	}

/* What a stage may know of its chain while it is configured. */
struct weir_place {
	enum weir_framing writer_framing; /* of the endpoint that the chain ends in */
};

/*
 * A kind of stage. Everything is constant and must outlive the pipelines that use it.
 *
 * Options are what the author of a pipeline writes; the struct begins with WEIR_STAGE_OPTIONS. The config is
 * what the packet function reads: made from the options by configure(), immutable from then on, shared with
 * nobody. The state is what it writes: zeroed memory that belongs to the worker which runs the stage, and
 * outlives a config.
 */
struct weir_stage_type {
	const char *name; /* also the name of a stage for which none is given */
	const char *help; /* one line */

	enum weir_layer takes;
	enum weir_layer gives; /* WEIR_LAYER_ANY: the layer that came */
	uint16_t headroom;     /* bytes that it prepends at the most */
	uint16_t tailroom;     /* bytes that it appends at the most */
	uint32_t offload; /* WEIR_OFFLOAD_…: super-packets and incomplete checksums that it understands;
			     others are cut and completed in front of it */
	uint8_t exits; /* how many exits it has; each must be wired in the options, or its packets are dropped
			  as "exit" */
	enum weir_layer exits_give; /* L3 or L2: of what leaves by them; WEIR_LAYER_ANY: the layer that came
				     */

	const struct weir_reason
		*reasons; /* ends with a NULL name; at most WEIR_REASONS_MAX; NULL: never drops */
	const struct weir_counter *counters; /* ends with a NULL name; NULL: none */

	/* All members of the options but those of WEIR_STAGE_OPTIONS; ends with a NULL name. NULL: the engine
	 * does not know them, and takes them for changed whenever a configuration is applied. */
	const struct weir_option *options;

	size_t options_size;
	size_t config_size;
	size_t state_size;

	/*
	 * Checks the options and writes the config, which is zeroed memory of config_size bytes. Reports
	 * every problem with weir_invalid() and returns 0 or a negative errno; after an error nothing may be
	 * left allocated. Called by a control thread, before anything of the pipeline exists. The options and
	 * all they point to are the caller's and may be gone after the call. NULL: config_size bytes of the
	 * options are the config.
	 */
	int (*configure)(void *config, const void *options, const struct weir_place *place,
			 struct weir_error *err);
	/* Frees what configure() allocated; called when no worker can see the config any more. NULL: nothing
	 * to free. */
	void (*release)(void *config);
	/* Frees what the state holds, which may be as it was made: zeros. NULL: nothing to free. */
	void (*destroy)(void *state);

	weir_process *process;
};

/* The first members of each options struct. */
#define WEIR_STAGE_OPTIONS                                                                               \
	char weir_first;  /* so that an empty list of options is still valid C; leave it */              \
	const char *name; /* names the stage in errors, statistics and changes; NULL: the type's name */ \
	const char *exit[WEIR_EXITS_MAX]; /* the chains that its exits feed */

/* A row of a chain. The macro of each stage makes one: weir_mac_filter(.allow = …). */
struct weir_stage {
	const struct weir_stage_type *type; /* NULL ends the chain */
	const void *options;                /* a struct of the type's options_size */
};

/* For the row macro of a stage: #define my_stage(...) WEIR_STAGE(my_stage_type, struct my_stage, __VA_ARGS__)
 */
#define WEIR_STAGE(type_, options_, ...)                       \
	{                                                      \
		.type = &(type_), .options = &(const options_) \
		{                                              \
			.weir_first = 0, __VA_ARGS__           \
		}                                              \
	}

/*
 * Makes a type known by its name, for configurations in text. Not needed to use it in C. Returns 0, -EEXIST
 * if another type has that name, -EINVAL if the type breaks a rule above, -ENOMEM. Any thread.
 */
WEIR_API int weir_stage_register(const struct weir_stage_type *type);

/* The type of that name, built in or registered; NULL if there is none. Any thread. */
WEIR_API const struct weir_stage_type *weir_stage_find(const char *name);

WEIR_END_DECLS

#endif
