/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "stats.h"

#define NS_PER_SECOND UINT64_C(1000000000)

/* More than the ten whole seconds of a rate and the one that runs, so that a reader may be some seconds late.
 */
#define BUCKETS 16

/*
 * What arrived in one second. The stage gives a bucket to a new second 16 seconds later, which a reader can
 * meet if it asks for a time long ago or was held up that long. So second works like the sequence number of a
 * seqlock: it is NONE while the counts are set to 0, and a reader takes counts only if it finds the second it
 * wants before and after them.
 */
struct bucket {
	uint64_t second; /* plus 1; NONE: no second */
	uint64_t packets;
	uint64_t bytes;
};

enum { NONE = 0 };

struct state {
	uint64_t packets;
	uint64_t segments;
	uint64_t bytes;
	uint64_t ipv4;
	uint64_t ipv6;
	uint64_t other;
	uint64_t first;
	uint64_t last;
	uint64_t size[WEIR_STATS_BINS];
	uint64_t interval[WEIR_STATS_BINS];
	struct bucket bucket[BUCKETS];
};

static const struct weir_counter counters[] = {
	{ "ipv4", "IPv4 packets", offsetof(struct state, ipv4) },
	{ "ipv6", "IPv6 packets", offsetof(struct state, ipv6) },
	{ "other", "packets whose family is not known here", offsetof(struct state, other) },
	{ 0 },
};

static inline unsigned bin_of(uint64_t value)
{
	const unsigned bin = 63 - (unsigned)__builtin_clzll(value | 1);

	return bin < WEIR_STATS_BINS ? bin : WEIR_STATS_BINS - 1;
}

static void count_rate(struct state *state, uint64_t arrival, uint64_t packets, uint64_t bytes)
{
	const uint64_t second = arrival / NS_PER_SECOND + 1;
	struct bucket *bucket = &state->bucket[second % BUCKETS];

	if (WEIR_UNLIKELY(bucket->second != second)) {
		if (bucket->second > second)
			return; /* came so late that its second is no longer kept */
		/* Each release pairs with the acquire load of the same member in read_bucket(). */
		__atomic_store_n(&bucket->second, NONE, __ATOMIC_RELAXED);
		__atomic_store_n(&bucket->packets, 0, __ATOMIC_RELEASE);
		__atomic_store_n(&bucket->bytes, 0, __ATOMIC_RELEASE);
		__atomic_store_n(&bucket->second, second, __ATOMIC_RELEASE);
	}
	weir_count(&bucket->packets, packets);
	weir_count(&bucket->bytes, bytes);
}

/* The packets of a vector arrive together, so all but the first come 0 ns after the one before. */
static void count_interval(struct state *state, uint64_t arrival, uint64_t packets)
{
	const bool started = state->packets;

	/* Where chains of several readers meet, a vector may be older than the one before. */
	const uint64_t last = arrival > state->last ? arrival : state->last;

	if (WEIR_LIKELY(started))
		weir_count(&state->interval[bin_of(last - state->last)], 1);
	else
		__atomic_store_n(&state->first, arrival, __ATOMIC_RELAXED);
	weir_count(&state->interval[0], packets - 1);
	__atomic_store_n(&state->last, last, __ATOMIC_RELAXED);
}

static uint64_t count_segments(const struct weir_work *work)
{
	uint64_t segments = 0;

	for (uint32_t i = 0; i < work->n; i++)
		segments += weir_buf_segments(&work->bufs[work->index[i]]);
	return segments;
}

static unsigned stats_vector(struct weir_work *work)
{
	struct state *state = work->state;
	const uint32_t n = work->n;
	uint64_t arrival = work->bufs[work->index[0]].arrival;
	uint64_t bytes = 0, ipv4 = 0, ipv6 = 0;
	unsigned gso = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct weir_buf *buf = &work->bufs[work->index[i]];

		weir_count(&state->size[bin_of(buf->len)], 1);
		bytes += buf->len;
		ipv4 += buf->family == 4;
		ipv6 += buf->family == 6;
		gso |= buf->gso_type;
	}
	count_interval(state, arrival, n);
	count_rate(state, arrival, n, bytes);
	weir_count(&state->packets, n);
	weir_count(&state->segments, WEIR_UNLIKELY(gso) ? count_segments(work) : n);
	weir_count(&state->bytes, bytes);
	weir_count(&state->ipv4, ipv4);
	weir_count(&state->ipv6, ipv6);
	weir_count(&state->other, n - ipv4 - ipv6);
	work->bytes = bytes;
	memset(work->verdict, WEIR_NEXT, sizeof(work->verdict));
	return WEIR_NEXT;
}

static const struct weir_option options[] = {
	{ 0 },
};

const struct weir_stage_type weir_stats_type = {
	.name = "stats",
	.help = "count what passes: packets, bytes, families, sizes, intervals and rates",
	.offload = WEIR_OFFLOAD_ALL,
	.takes = WEIR_LAYER_ANY,
	.gives = WEIR_LAYER_ANY,
	.counters = counters,
	.options = options,
	.options_size = sizeof(struct weir_stats),
	.state_size = sizeof(struct state),
	.process = stats_vector,
};

static uint64_t load(const uint64_t *value)
{
	return __atomic_load_n(value, __ATOMIC_RELAXED);
}

/* The counts of a second; none if its bucket has another. */
static struct bucket read_bucket(const struct state *state, uint64_t second)
{
	const struct bucket *bucket = &state->bucket[second % BUCKETS];
	struct bucket counts = { .second = second };

	if (__atomic_load_n(&bucket->second, __ATOMIC_ACQUIRE) != second)
		return counts;
	/* A count of a newer second is seen together with the NONE, or what followed it, that was stored
	 * before. */
	counts.packets = __atomic_load_n(&bucket->packets, __ATOMIC_ACQUIRE);
	counts.bytes = __atomic_load_n(&bucket->bytes, __ATOMIC_ACQUIRE);
	return load(&bucket->second) == second ? counts : (struct bucket){ .second = second };
}

/* Over the whole seconds before the one that runs at now. */
static struct weir_rate rate(const struct state *state, uint64_t now, unsigned seconds)
{
	const uint64_t running = now / NS_PER_SECOND + 1;
	struct weir_rate sum = { 0 };

	for (unsigned i = 1; i <= seconds && i < running; i++) {
		const struct bucket counts = read_bucket(state, running - i);

		sum.packets += (double)counts.packets;
		sum.bits += 8 * (double)counts.bytes;
	}
	sum.packets /= seconds;
	sum.bits /= seconds;
	return sum;
}

void weir__stats_snapshot(const void *memory, uint64_t now, struct weir_stats_snapshot *snapshot)
{
	const struct state *state = memory;

	snapshot->packets = load(&state->packets);
	snapshot->segments = load(&state->segments);
	snapshot->bytes = load(&state->bytes);
	snapshot->ipv4 = load(&state->ipv4);
	snapshot->ipv6 = load(&state->ipv6);
	snapshot->other = load(&state->other);
	for (unsigned i = 0; i < WEIR_STATS_BINS; i++) {
		snapshot->size[i] = load(&state->size[i]);
		snapshot->interval[i] = load(&state->interval[i]);
	}
	snapshot->first = load(&state->first);
	snapshot->last = load(&state->last);
	snapshot->rate_1s = rate(state, now, 1);
	snapshot->rate_10s = rate(state, now, 10);
}
