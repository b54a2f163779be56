/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "check.h"
#include "pool.h"
#include "tsan.h"

CK_RING_PROTOTYPE(weir__vector, weir__vector)

#define LINE      64u
#define HUGE_PAGE (2u << 20)

static size_t round_up(size_t n, size_t unit)
{
	return (n + unit - 1) / unit * unit;
}

/* An odd number of cache lines, so that the same offset of every room does not fall into a few sets of the
 * cache. */
static size_t stride(size_t room)
{
	size_t lines = round_up(room, LINE) / LINE;

	return (lines | 1) * LINE;
}

/*
 * An Ethernet header that ends 16 bytes into a line leaves the first 48 bytes of the IP packet in the same
 * line: a stage that reads both touches one line, not two.
 */
static uint32_t aligned_headroom(uint32_t headroom)
{
	return (uint32_t)round_up(headroom, LINE) + 16;
}

static void depot_put(struct weir__depot *depot, struct weir__vector *vector)
{
	/* First, because whoever takes them may count before this one would. */
	__atomic_fetch_add(&depot->free, vector->n, __ATOMIC_RELAXED);
	weir__point("depot put");
	weir__tsan_release(&depot->ring);
	weir__tsan_hide();
	ck_ring_enqueue_mpmc_weir__vector(&depot->ring, depot->slots, vector);
	weir__tsan_show();
}

static bool depot_take(struct weir__depot *depot, struct weir__vector *vector)
{
	bool got;

	weir__point("depot take");
	weir__tsan_hide();
	got = ck_ring_dequeue_mpmc_weir__vector(&depot->ring, depot->slots, vector);
	weir__tsan_show();
	if (!got)
		return false;
	weir__tsan_acquire(&depot->ring);
	__atomic_fetch_sub(&depot->free, vector->n, __ATOMIC_RELAXED);
	return true;
}

static int depot_create(struct weir__depot *depot, uint32_t first, uint32_t n, uint32_t batch)
{
	uint32_t size = 64;
	struct weir__vector vector;

	/* Workers that starve give back what they have, however little: then each buffer may lie in a vector
	 * of its own. Concurrency Kit keeps one slot empty. */
	while (size < n + 1)
		size *= 2;
	depot->slots = aligned_alloc(LINE, size * sizeof(*depot->slots));
	if (!depot->slots)
		return -ENOMEM;
	memset(depot->slots, 0, size * sizeof(*depot->slots));
	depot->batch = batch;
	ck_ring_init(&depot->ring, size);
	for (uint32_t i = 0; i < n; i += vector.n) {
		vector.n = n - i < batch ? n - i : batch;
		for (uint32_t k = 0; k < vector.n; k++)
			vector.index[k] = first + i + k;
		depot_put(depot, &vector);
	}
	return 0;
}

/* Maps at a huge page boundary where there are huge pages; the pages are touched now, not when traffic comes.
 */
static void *map_memory(size_t size, bool huge)
{
	size_t extra = huge ? HUGE_PAGE : 0;
	uint8_t *map = mmap(NULL, size + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *start;

	if (map == MAP_FAILED)
		return NULL;
	start = (uint8_t *)round_up((uintptr_t)map, huge ? HUGE_PAGE : 1);
	if (start > map)
		munmap(map, (size_t)(start - map));
	if (map + extra > start)
		munmap(start + size, (size_t)(map + extra - start));
	if (huge)
		madvise(start, size, MADV_HUGEPAGE);
	memset(start, 0, size);
	return start;
}

static void place_rooms(struct weir__pool *pool, size_t bufs_size, size_t small_stride, size_t jumbo_stride)
{
	uint8_t *room = (uint8_t *)pool->map + bufs_size;

	for (uint32_t i = 0; i < pool->small + pool->jumbo; i++) {
		size_t size = i < pool->small ? small_stride : jumbo_stride;

		pool->bufs[i].room = room;
		pool->bufs[i].room_size = (uint32_t)size;
		room += size;
	}
}

int weir__pool_create(struct weir__pool *pool, const struct weir__pool_size *size, struct weir_error *err)
{
	const uint32_t headroom = aligned_headroom(size->headroom);
	const size_t small_stride = stride(headroom + size->room + size->tailroom);
	/* One byte more than the largest packet: a reader that fills all the room cannot know whether its
	 * packet was cut. */
	const size_t jumbo_stride = stride(headroom + WEIR__JUMBO_PACKET + 1 + size->tailroom);
	const size_t bufs_size = ((size_t)size->small + size->jumbo) * sizeof(struct weir_buf);
	const size_t total = bufs_size + size->small * small_stride + size->jumbo * jumbo_stride;

	memset(pool, 0, sizeof(*pool));
	pool->small = size->small;
	pool->jumbo = size->jumbo;
	pool->headroom = headroom;
	pool->tailroom = size->tailroom;
	pool->map_size = round_up(total, 4096);
	pool->map = map_memory(pool->map_size, !size->no_huge_pages && total >= HUGE_PAGE);
	if (!pool->map)
		return weir_failed(
			err, -ENOMEM,
			"pool: %u small and %u jumbo buffers need %zu bytes, more than the system gives",
			size->small, size->jumbo, total);
	pool->bufs = pool->map;
	place_rooms(pool, bufs_size, small_stride, jumbo_stride);
	if (depot_create(&pool->depot[0], 0, pool->small, WEIR_VECTOR_SIZE) < 0 ||
	    depot_create(&pool->depot[1], pool->small, pool->jumbo, WEIR__JUMBO_BATCH) < 0 ||
	    weir__check_create(pool) < 0) {
		weir__pool_destroy(pool);
		return weir_failed(err, -ENOMEM, "pool: no memory for the lists of %u buffers",
				   size->small + size->jumbo);
	}
	return 0;
}

void weir__pool_destroy(struct weir__pool *pool)
{
	weir__check_destroy(pool);
	free(pool->depot[0].slots);
	free(pool->depot[1].slots);
	if (pool->map)
		munmap(pool->map, pool->map_size);
	memset(pool, 0, sizeof(*pool));
}

uint32_t weir__pool_free(const struct weir__pool *pool)
{
	return __atomic_load_n(&pool->depot[0].free, __ATOMIC_RELAXED) +
	       __atomic_load_n(&pool->depot[1].free, __ATOMIC_RELAXED);
}

bool weir__stash_refill(struct weir__stash *stash, struct weir__pool *pool, bool jumbo)
{
	struct weir__vector vector;

	if (!depot_take(&pool->depot[jumbo], &vector))
		return false;
	memcpy(stash->index + stash->n, vector.index, vector.n * sizeof(vector.index[0]));
	stash->n += vector.n;
	return true;
}

/* Moves the n coldest, which lie at the bottom. There is always room for them. */
static void give(struct weir__stash *stash, struct weir__depot *depot, uint32_t n)
{
	struct weir__vector vector = { .n = n };

	memcpy(vector.index, stash->index, n * sizeof(vector.index[0]));
	depot_put(depot, &vector);
	stash->n -= n;
	memmove(stash->index, stash->index + n, stash->n * sizeof(stash->index[0]));
}

void weir__stash_shrink(struct weir__stash *stash, struct weir__pool *pool, bool jumbo)
{
	give(stash, &pool->depot[jumbo], pool->depot[jumbo].batch);
}

void weir__stash_empty(struct weir__stash *stash, struct weir__pool *pool, bool jumbo)
{
	const uint32_t batch = pool->depot[jumbo].batch;

	while (stash->n)
		give(stash, &pool->depot[jumbo], stash->n < batch ? stash->n : batch);
}
