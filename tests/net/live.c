/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>

#include "address.h"
#include "kernel.h"
#include "live.h"
#include "mode.h"
#include "namespace.h"
#include "payload.h"
#include "ping.h"
#include "wait.h"

#define BUFFERS 1500
#define QUEUE   4000 /* packets that the kernel holds for us: more than all flows together have under way */
#define WORKERS 3
#define RINGS   2 /* of a chain, besides one that is needed */

static const char *const workers[WORKERS] = { "one", "two", "three" };

#define MAC(n) "02:00:00:00:01:0" #n

static const char *const macs[LIVE_MACS] = { MAC(0), MAC(1), MAC(2), MAC(3), MAC(4), MAC(5), MAC(6), MAC(7) };

static const char *const back_own[LIVE_MACS][2] = { { MAC(0) }, { MAC(1) }, { MAC(2) }, { MAC(3) },
						    { MAC(4) }, { MAC(5) }, { MAC(6) }, { MAC(7) } };

/* Each lets both next hops of forth/wrap pass. */
static const char *const forth_own[LIVE_MACS][5] = {
	{ MAC(0), MAC(1) },
	{ MAC(1), MAC(0), MAC(7) },
	{ MAC(0), MAC(1), MAC(2), MAC(3) },
	{ MAC(3), MAC(1), MAC(0) },
	{ MAC(1), MAC(5), MAC(6), MAC(0) },
	{ MAC(6), MAC(0), MAC(1) },
	{ MAC(0), MAC(7), MAC(1) },
	{ MAC(1), MAC(0) },
};

unsigned live_throw(struct live_dice *dice, unsigned n)
{
	return (unsigned)(payload_word(dice->seed, dice->n++) % n);
}

struct weir_eth_wrap live_wrap(bool back, unsigned number)
{
	return (struct weir_eth_wrap){
		.name = "wrap",
		.source = macs[(number + 3) % LIVE_MACS],
		.next_hop = macs[back ? number % LIVE_MACS : number % 2],
	};
}

struct weir_mac_filter live_filter(const struct live *live, bool back, unsigned number)
{
	return (struct weir_mac_filter){
		.name = "filter",
		.own = live->tap ? NULL
		       : back    ? back_own[number % LIVE_MACS]
				 : forth_own[number % LIVE_MACS],
		.deny_source = live->tap ? back_own[number % LIVE_MACS] : NULL,
		.all_multicast = number & 1,
		.promiscuous = live->tap,
	};
}

/* --- drawing a shape --------------------------------------------------------------------------------------
 */

struct sketch {
	struct live_shape *shape;
	const struct live *live;
	struct live_dice dice[LIVE_MATTERS];
	unsigned n_workers;
	struct weir_chain *chain;
	unsigned n;      /* rows of the chain */
	unsigned worker; /* that runs the next row */
	unsigned rings;
	unsigned stats;
	bool used[WORKERS];
};

/* 0 in what is simple. */
static unsigned any(struct sketch *sketch, enum live_matter matter, unsigned n)
{
	struct live_dice *dice = &sketch->dice[matter];

	return dice->seed ? live_throw(dice, n) : 0;
}

static bool one_in(struct sketch *sketch, enum live_matter matter, unsigned n)
{
	return any(sketch, matter, n) == n - 1;
}

static void add(struct sketch *sketch, struct weir_stage row)
{
	union live_row *copy = &sketch->shape->rows[sketch->shape->n_rows++];

	memcpy(copy, row.options, row.type->options_size);
	sketch->chain->stages[sketch->n++] = (struct weir_stage){ row.type, copy };
}

#define ADD(sketch, ...) add(sketch, (struct weir_stage)__VA_ARGS__)

static void begin_chain(struct sketch *sketch, const char *name)
{
	sketch->chain = sketch->chain ? sketch->chain + 1 : sketch->shape->config.chains;
	sketch->chain->name = name;
	sketch->n = 0;
	sketch->rings = 0;
	sketch->stats = 0;
}

static unsigned any_worker(struct sketch *sketch)
{
	return any(sketch, LIVE_RINGS, sketch->n_workers);
}

static uint32_t any_capacity(struct sketch *sketch)
{
	static const uint32_t capacities[] = { 16, 16, 16, 16, 1, 4, 64 };

	return capacities[any(sketch, LIVE_RINGS, countof(capacities))];
}

/* A ring may not follow a ring, nor lead to the same worker. */
static void add_ring(struct sketch *sketch, unsigned worker, uint32_t capacity)
{
	static const char *const names[] = { "ring", "second", "third" };

	if (worker == sketch->worker || sketch->chain->stages[sketch->n - 1].type == &weir_ring_type)
		return;
	ADD(sketch, weir_ring(.worker = workers[worker], .name = names[sketch->rings++], .capacity = capacity,
			      .full = WEIR_FULL_WAIT));
	sketch->worker = worker;
	sketch->used[worker] = true;
}

/* What may stand anywhere. Which of the two stages comes first is a matter of luck, so that they also change
 * places. */
static void add_extras(struct sketch *sketch)
{
	static const char *const names[] = { "stats", "watch" };
	const unsigned which = any(sketch, LIVE_STAGES, countof(names));
	const bool stage = one_in(sketch, LIVE_STAGES, 5);
	const bool ring = one_in(sketch, LIVE_RINGS, 4);
	const unsigned worker = any_worker(sketch);
	const uint32_t capacity = any_capacity(sketch);

	if (stage && !(sketch->stats & 1u << which)) {
		ADD(sketch, weir_stats(.name = names[which]));
		sketch->stats |= 1u << which;
	}
	if (ring && sketch->rings < RINGS)
		add_ring(sketch, worker, capacity);
}

static void add_read(struct sketch *sketch, const char *endpoint)
{
	sketch->worker = any_worker(sketch);
	sketch->used[sketch->worker] = true;
	ADD(sketch, weir_read(.endpoint = endpoint, .worker = workers[sketch->worker]));
}

/* The flows that leave forth come to the same worker in the end, because an endpoint has one that writes. */
static void add_side(struct sketch *sketch, unsigned begin, unsigned end)
{
	begin_chain(sketch, "side");
	sketch->worker = begin;
	ADD(sketch, weir_stats());
	add_ring(sketch, end, any_capacity(sketch));
	if (!sketch->live->tap)
		ADD(sketch, weir_af_encap());
	ADD(sketch, weir_write("right0"));
}

static void add_forth(struct sketch *sketch)
{
	const unsigned number = any(sketch, LIVE_STAGES, LIVE_MACS);
	const bool forks = one_in(sketch, LIVE_FORK, 3);
	unsigned forked_on;

	begin_chain(sketch, "forth");
	add_read(sketch, "left0");
	add_extras(sketch);
	if (!sketch->live->tap)
		ADD(sketch, weir_af_decap());
	add_extras(sketch);
	forked_on = sketch->worker;
	if (forks)
		ADD(sketch, fork_odd(.exit = { "side" }));
	add_extras(sketch);
	if (!sketch->live->tap)
		add(sketch, (struct weir_stage){ &weir_eth_wrap_type,
						 &(struct weir_eth_wrap[]){ live_wrap(false, number) } });
	add_extras(sketch);
	add(sketch,
	    (struct weir_stage){ &weir_mac_filter_type,
				 &(struct weir_mac_filter[]){ live_filter(sketch->live, false, number) } });
	add_extras(sketch);
	if (!sketch->live->tap) {
		ADD(sketch, weir_eth_unwrap());
		add_extras(sketch);
		ADD(sketch, weir_af_encap());
	}
	add_extras(sketch);
	ADD(sketch, weir_write("right0"));
	if (forks)
		add_side(sketch, forked_on, sketch->worker);
}

/* Nothing stands between wrap and filter: they are to change as one. */
static void add_back(struct sketch *sketch)
{
	const unsigned number = any(sketch, LIVE_STAGES, LIVE_MACS);

	begin_chain(sketch, "back");
	add_read(sketch, sketch->live->tap ? "right0" : "right1");
	add_extras(sketch);
	if (!sketch->live->tap) {
		ADD(sketch, weir_af_decap());
		add_extras(sketch);
		add(sketch, (struct weir_stage){ &weir_eth_wrap_type,
						 &(struct weir_eth_wrap[]){ live_wrap(true, number) } });
	}
	add(sketch,
	    (struct weir_stage){ &weir_mac_filter_type,
				 &(struct weir_mac_filter[]){ live_filter(sketch->live, true, number) } });
	add_extras(sketch);
	if (!sketch->live->tap) {
		ADD(sketch, weir_eth_unwrap());
		ADD(sketch, weir_af_encap());
	}
	add_extras(sketch);
	ADD(sketch, weir_write("left0"));
}

/* While there are none, what was given waits in their links. */
static void add_pairs(struct sketch *sketch, struct weir_endpoint *endpoints)
{
	struct weir_pair *pair = sketch->shape->pair;

	if (!one_in(sketch, LIVE_PAIRS, 2))
		return;
	pair[0] = (struct weir_pair){ .name = "in", .link = sketch->live->links[0] };
	pair[1] = (struct weir_pair){ .name = "out", .link = sketch->live->links[1], .wait = true };
	for (unsigned i = 0; i < 2; i++)
		endpoints[i] = (struct weir_endpoint){ &weir_pair_type, &pair[i] };
	begin_chain(sketch, "pairs");
	add_read(sketch, "in");
	add_extras(sketch);
	ADD(sketch, weir_write("out"));
}

/* A processor that may be used. */
static unsigned any_cpu(struct sketch *sketch)
{
	cpu_set_t cpus;
	unsigned cpu;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return 0;
	do
		cpu = any(sketch, LIVE_WORKERS, CPU_SETSIZE);
	while (!CPU_ISSET(cpu, &cpus));
	return cpu;
}

/* Those that have something to do. */
static void add_workers(struct sketch *sketch)
{
	struct weir_worker *worker = sketch->shape->config.workers;

	for (unsigned w = 0; w < WORKERS; w++) {
		if (!sketch->used[w])
			continue;
		worker->name = workers[w];
		worker->unpinned = !one_in(sketch, LIVE_WORKERS, 3);
		if (!worker->unpinned)
			worker->cpu = any_cpu(sketch);
		worker->sleep_at_once = one_in(sketch, LIVE_WORKERS, 4);
		worker->give_way = one_in(sketch, LIVE_WORKERS, 4);
		if (!worker->sleep_at_once && one_in(sketch, LIVE_WORKERS, 4))
			worker->spin_us = 20;
		worker++;
	}
}

static const char *const right_address[] = { ADDRESS_IPV4(0, 1) "/24", NULL };
static const char *const left_address[] = { ADDRESS_IPV4(0, 0) "/24", NULL };

static unsigned add_devices(struct sketch *sketch, const struct live_wish *wish)
{
	const struct live *live = sketch->live;
	struct live_shape *shape = sketch->shape;
	const unsigned n = live->tap ? 2 : 3;

	shape->tun[0] = (struct weir_tun){ .name = "left0", .ipv4 = left_address };
	shape->tun[1] = (struct weir_tun){ .name = "right0" };
	shape->tun[2] = (struct weir_tun){ .name = "right1" };
	if (!live->tap)
		shape->tun[1].device = wish->device ? "right0b" : "right0a";
	/* That one sends. */
	shape->tun[n - 1].ipv4 = right_address;
	for (unsigned i = 0; i < n; i++) {
		shape->tun[i].tap = live->tap;
		shape->tun[i].no_ipv6 = true;
		shape->tun[i].queue_length = QUEUE;
		shape->tun[i].no_offload = mode_no_offload();
		shape->tun[i].netns = live->site[i > 0].path;
		shape->config.endpoints[i] = (struct weir_endpoint){ &weir_tun_type, &shape->tun[i] };
	}
	return n;
}

void live_shape(struct live_shape *shape, const struct live *live, const struct live_wish *wish)
{
	struct sketch sketch = {
		.shape = shape,
		.live = live,
	};
	unsigned n;

	memset(shape, 0, sizeof(*shape));
	for (unsigned i = 0; i < LIVE_MATTERS; i++)
		sketch.dice[i].seed = wish->seed[i];
	sketch.n_workers = 1 + any(&sketch, LIVE_RINGS, countof(workers));
	n = add_devices(&sketch, wish);
	add_forth(&sketch);
	add_back(&sketch);
	add_pairs(&sketch, &shape->config.endpoints[n]);
	add_workers(&sketch);
	shape->config.pool.buffers = BUFFERS + LIVE_GROWTH * wish->growth;
	shape->config.pool.overcommit = true;
	/* Only what hangs comes to these. */
	shape->config.drain_ms = WAIT_MS;
	shape->config.change_ms = WAIT_MS;
}

/* --- the pipeline -----------------------------------------------------------------------------------------
 */

/* What comes by right0 is answered by right1, which the kernel's reverse path filter would not like. */
static void allow_detour(const struct site *site)
{
	site_enter(site);
	namespace_write("/proc/sys/net/ipv4/conf/all/rp_filter", "0");
	namespace_write("/proc/sys/net/ipv4/conf/default/rp_filter", "0");
	site_leave();
}

void live_make(struct live *live, bool tap)
{
	struct live_shape *shape = malloc(sizeof(*shape));
	struct weir_error err;

	assert_non_null(shape);
	memset(live, 0, sizeof(*live));
	live->tap = tap;
	events_init(&live->events);
	for (unsigned i = 0; i < countof(live->links); i++)
		assert_int_equal(weir_pair_link_create(&live->links[i], 16, 1500), 0);
	for (unsigned side = 0; side < 2; side++)
		site_make(&live->site[side]);
	allow_detour(&live->site[1]);
	live_shape(shape, live, &(struct live_wish){ 0 });
	shape->config.log = events_log;
	shape->config.log_data = &live->events;
	if (weir_pipeline_create(&live->pipeline, &shape->config, &err) ||
	    weir_pipeline_start(live->pipeline, &err))
		fail_msg("%s", err.text);
	free(shape);
	/* A kernel holds few packets while it asks for a MAC address. */
	if (tap)
		ping(&live->site[0], AF_INET, address_text(AF_INET, 0, 1), 56);
}

/* Takes what has come; returns whether it was in order. */
static bool receive(struct live *live)
{
	uint64_t number;
	int64_t n;

	while ((n = weir_pair_receive(live->links[1], 1, &number, sizeof(number))) > 0)
		if (n != sizeof(number) || number != live->taken++)
			return false;
	return n == -EAGAIN;
}

bool live_exchange(struct live *live)
{
	while (weir_pair_send(live->links[0], 1, &live->given, sizeof(live->given)) == 0)
		live->given++;
	return receive(live);
}

static struct rtnl_link_stats64 stats_of(const struct live *live, unsigned side, const char *device)
{
	struct rtnl_link_stats64 stats;

	site_enter(&live->site[side]);
	stats = kernel_stats(device);
	site_leave();
	return stats;
}

static void *stop(void *data)
{
	const int rc = weir_pipeline_stop(data);

	return (void *)(intptr_t)rc;
}

/* A pair that nobody empties would keep the pipeline from stopping. */
static int stop_and_receive(struct live *live)
{
	pthread_t thread;
	void *rc;

	assert_int_equal(pthread_create(&thread, NULL, stop, live->pipeline), 0);
	do {
		if (!receive(live))
			fail_msg("pairs are out of order");
		wait_a_moment();
	} while (pthread_tryjoin_np(thread, &rc) != 0);
	if (!receive(live))
		fail_msg("pairs are out of order");
	return (int)(intptr_t)rc;
}

void live_stop(struct live *live)
{
	struct rtnl_link_stats64 left, right;
	struct weir_counters *counters;
	int rc;

	rc = stop_and_receive(live);
	counters = weir_counters_read(live->pipeline);
	assert_non_null(counters);
	if (rc < 0)
		weir_counters_print(counters, stderr);
	assert_int_equal(rc, 0);
	left = stats_of(live, 0, "left0");
	right = stats_of(live, 1, live->tap ? "right0" : "right1");
	if (counters->received + counters->injected != counters->sent + counters->consumed ||
	    counters->received_segments != counters->sent_segments || counters->dropped || counters->held ||
	    counters->buffers_free != counters->buffers ||
	    counters->received != left.tx_packets + right.tx_packets + live->taken) {
		weir_counters_print(counters, stderr);
		fail_msg("not every packet is accounted for; the kernel gave %llu, and %llu were paired",
			 (unsigned long long)(left.tx_packets + right.tx_packets),
			 (unsigned long long)live->taken);
	}
	weir_counters_free(counters);
	assert_int_equal(left.tx_dropped + left.rx_dropped + right.tx_dropped + right.rx_dropped, 0);
	assert_int_equal(events_errors(&live->events, NULL), 0);
}

void live_free(struct live *live)
{
	weir_pipeline_destroy(live->pipeline);
	for (unsigned i = 0; i < countof(live->links); i++)
		weir_pair_link_destroy(live->links[i]);
	site_close(&live->site[0]);
	site_close(&live->site[1]);
}
