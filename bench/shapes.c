/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "shapes.h"

#define LEFT_MAC  "02:00:00:00:00:01"
#define RIGHT_MAC "02:00:00:00:00:02"
#define OTHER_MAC "02:00:00:00:00:03"

/* The namespaces of the devices, once there are any. */
static char namespaces[SIDES][32];

/* --- endpoints --------------------------------------------------------------------------------------------
 */

/* A generator takes nothing: there, what is written to a side has another name. */
#define OUTSIDE ".out"

/* Like the raw loops that they are compared with. */
#define OFFLOAD(side) .netns = namespaces[side], .io = WEIR_IO_READ_WRITE
#define PLAIN(side)   OFFLOAD(side), .no_offload = WEIR_OFFLOAD_ALL

#define URING_OFFLOAD(side) .netns = namespaces[side], .io = WEIR_IO_URING
#define URING(side)         URING_OFFLOAD(side), .no_offload = WEIR_OFFLOAD_ALL

static const struct weir_endpoint both_sides[ENDS][5] = {
	[ENDS_PLAIN] = { weir_tun("left", PLAIN(LEFT)), weir_tun("right", PLAIN(RIGHT)) },
	[ENDS_OFFLOAD] = { weir_tun("left", OFFLOAD(LEFT)), weir_tun("right", OFFLOAD(RIGHT)) },
	[ENDS_COALESCE] = { weir_tun("left", PLAIN(LEFT)), weir_tun("right", OFFLOAD(RIGHT)) },
	[ENDS_URING] = { weir_tun("left", URING(LEFT)), weir_tun("right", URING(RIGHT)) },
	[ENDS_URING_OFFLOAD] = { weir_tun("left", URING_OFFLOAD(LEFT)),
				 weir_tun("right", URING_OFFLOAD(RIGHT)) },
	[ENDS_NEW] = { weir_tun("left", .netns = namespaces[LEFT], .ipv4 = WEIR_LIST("10.77.0.1/24"),
				.mtu = 1400),
		       weir_tun("right", .netns = namespaces[RIGHT], .ipv4 = WEIR_LIST("10.77.0.2/24"),
				.mtu = 1400) },
	[ENDS_GENERATORS] = { weir_generator("left"), weir_generator("right"), weir_null("left" OUTSIDE),
			      weir_null("right" OUTSIDE) },
};

static const struct weir_endpoint besides[SHAPES][3] = {
	[SHAPE_GENERATING] = { weir_generator("generator", .count = SHAPES_GENERATED, .imix = true),
			       weir_null("nothing") },
	[SHAPE_ADDED] = { weir_generator("generator", .rate = 1000), weir_null("nothing") },
};

static void add_endpoints(struct weir_config *config, const struct weir_endpoint *endpoints)
{
	unsigned n = 0;

	while (config->endpoints[n].type)
		n++;
	while (endpoints->type)
		config->endpoints[n++] = *endpoints++;
}

/* --- chains -----------------------------------------------------------------------------------------------
 */

/* The rows of a way up to where a ring may stand, and after it. */
#define WRAP(from, on, source_, destination_)                               \
	weir_read(from, .worker = on), weir_af_decap(),                     \
		weir_eth_wrap(.source = source_, .next_hop = destination_), \
		weir_mac_filter(.own = WEIR_LIST(destination_)), weir_stats()
#define UNWRAP(to) weir_eth_unwrap(), weir_af_encap(), weir_write(to)

#define FORTH(on) WRAP("left", on, LEFT_MAC, RIGHT_MAC)
#define BACK(on)  WRAP("right", on, RIGHT_MAC, LEFT_MAC)
#define MADE(on)  WRAP("generator", on, LEFT_MAC, RIGHT_MAC)
#define RING(to)  weir_ring(.worker = to)
#define MORE      weir_stats(.name = "more")
#define CHAIN(name_, ...)                        \
	{                                        \
		name_, .stages = { __VA_ARGS__ } \
	}

#define ONE_WORKER                 \
	{                          \
		{ .name = "all" }, \
	}
#define TWO_WORKERS                                 \
	{                                           \
		{ .name = "rx" }, { .name = "tx" }, \
	}
#define SPLIT_FORTH(out) CHAIN("forth", FORTH("rx"), RING("tx"), UNWRAP("right" out))
#define SPLIT_BACK(out)  CHAIN("back", BACK("tx"), RING("rx"), UNWRAP("left" out))

#define ALL_SHAPES(out)                                                                                      \
	{                                                                                                    \
		[SHAPE_FUSED] = { .workers = ONE_WORKER,                                                     \
				  .chains = { CHAIN("forth", FORTH("all"), UNWRAP("right" out)),             \
					      CHAIN("back", BACK("all"), UNWRAP("left" out)) } },            \
		[SHAPE_GENERATING] = { .workers = ONE_WORKER,                                                \
				       .chains = { CHAIN("forth", FORTH("all"), UNWRAP("right" out)),        \
						   CHAIN("back", BACK("all"), UNWRAP("left" out)),           \
						   CHAIN("made", MADE("all"), UNWRAP("nothing")) } },        \
		[SHAPE_SPLIT] = { .workers = TWO_WORKERS, .chains = { SPLIT_FORTH(out), SPLIT_BACK(out) } }, \
		[SHAPE_LONGER] = { .workers = TWO_WORKERS,                                                   \
				   .chains = { CHAIN("forth", FORTH("rx"), MORE, RING("tx"),                 \
						     UNWRAP("right" out)),                                   \
					       CHAIN("back", BACK("tx"), MORE, RING("rx"),                   \
						     UNWRAP("left" out)) } },                                \
		[SHAPE_JOINED] = { .workers = TWO_WORKERS,                                                   \
				   .chains = { CHAIN("forth", FORTH("rx"), UNWRAP("right" out)),             \
					       CHAIN("back", BACK("tx"), UNWRAP("left" out)) } },            \
		[SHAPE_MOVED] = { .workers = TWO_WORKERS,                                                    \
				  .chains = { CHAIN("forth", FORTH("tx"), RING("rx"), UNWRAP("right" out)),  \
					      SPLIT_BACK(out) } },                                           \
		[SHAPE_ADDED] = { .workers = TWO_WORKERS,                                                    \
				  .chains = { SPLIT_FORTH(out), SPLIT_BACK(out),                             \
					      CHAIN("made", MADE("rx"), UNWRAP("nothing")) } },              \
	}

static struct weir_config configs[ENDS][SHAPES] = {
	[ENDS_PLAIN] = ALL_SHAPES(""),           [ENDS_OFFLOAD] = ALL_SHAPES(""),
	[ENDS_COALESCE] = ALL_SHAPES(""),        [ENDS_URING] = ALL_SHAPES(""),
	[ENDS_URING_OFFLOAD] = ALL_SHAPES(""),   [ENDS_NEW] = ALL_SHAPES(""),
	[ENDS_GENERATORS] = ALL_SHAPES(OUTSIDE),
};

/* --- what is known only now -------------------------------------------------------------------------------
 */

/* "rx" reads the left; each worker is where the side is that it writes to when it is split. */
static void place_worker(struct weir_worker *worker, const struct placement *placement)
{
	const int cpu = strcmp(worker->name, "all") == 0  ? placement->one
			: strcmp(worker->name, "rx") == 0 ? placement->two[LEFT]
							  : placement->two[RIGHT];

	worker->cpu = cpu < 0 ? 0 : (unsigned)cpu;
	worker->unpinned = cpu < 0;
}

void shapes_add_ends(struct weir_config *config, enum shape_ends ends, const struct rig *rig)
{
	for (enum side side = LEFT; rig && side < SIDES; side++)
		snprintf(namespaces[side], sizeof(namespaces[side]), "/proc/self/fd/%d", rig->netns[side]);
	if (!config->endpoints[0].type)
		add_endpoints(config, both_sides[ends]);
}

const struct weir_config *shapes_config(enum shape shape, enum shape_ends ends, const struct rig *rig,
					const struct placement *placement)
{
	struct weir_config *config = &configs[ends][shape];

	const bool first = !config->endpoints[0].type;

	shapes_add_ends(config, ends, rig);
	if (first)
		add_endpoints(config, besides[shape]);
	for (unsigned w = 0; config->workers[w].name; w++)
		place_worker(&config->workers[w], placement);
	return config;
}

/* Of the ways forth and back; out here, because options in a function end with it. */
static const struct weir_stage filters[2][2] = {
	{ weir_mac_filter(.own = WEIR_LIST(RIGHT_MAC)),
	  weir_mac_filter(.own = WEIR_LIST(RIGHT_MAC, OTHER_MAC)) },
	{ weir_mac_filter(.own = WEIR_LIST(LEFT_MAC)),
	  weir_mac_filter(.own = WEIR_LIST(LEFT_MAC, OTHER_MAC)) },
};

struct weir_stage shapes_filter(bool back, unsigned number)
{
	return filters[back][number % 2];
}
