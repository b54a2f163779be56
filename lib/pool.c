/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "pool.h"

#define LINE      64u
#define HUGE_PAGE (2u << 20)
#define INDICES   ((size_t)WEIR__JUMBO_BASE + WEIR__JUMBO_MAX)

/* What there is of every buffer besides its room: one list of INDICES elements behind the other. */
static const size_t lists[] = { sizeof(struct weir_buf), sizeof(struct weir__batch), WEIR__CHECK_SIZE };

#define LISTS (sizeof(lists) / sizeof(lists[0]))
#define LIST_BYTES                                                                               \
	(sizeof(struct weir_buf) + sizeof(struct weir__batch) + WEIR__CHECK_SIZE) /* of a buffer \
										   */
#define LISTS_SIZE (LIST_BYTES * INDICES)

static size_t round_up(size_t n, size_t unit)
{
	return (n + unit - 1) / unit * unit;
}

/* An odd number of cache lines, so that the same offset of every room does not fall into a few sets of the
 * cache. */
static uint32_t stride(size_t room)
{
	size_t lines = round_up(room, LINE) / LINE;

	return (uint32_t)((lines | 1) * LINE);
}

/*
 * An Ethernet header that ends 16 bytes into a line leaves the first 48 bytes of the IP packet in the same
 * line: a stage that reads both touches one line, not two.
 */
static uint32_t aligned_headroom(uint32_t headroom)
{
	return (uint32_t)round_up(headroom, LINE) + 16;
}

/* The pages of elements first to first + n of a list; only those that hold nothing of others, if whole. */
static uint8_t *list_pages(const struct weir__pool *pool, unsigned list, uint32_t first, uint32_t n,
			   bool whole, size_t *size)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t start = 0, end;

	for (unsigned before = 0; before < list; before++)
		start += lists[before] * INDICES;
	start += lists[list] * first;
	end = round_up(start + lists[list] * n, page);
	start = whole ? round_up(start, page) : start / page * page;
	*size = end > start ? end - start : 0;
	return (uint8_t *)pool->bufs + start;
}

/* Makes memory of the lists' address space for these buffers. Returns false if there is none. */
static bool extend_lists(const struct weir__pool *pool, uint32_t first, uint32_t n)
{
	for (unsigned list = 0; list < LISTS; list++) {
		size_t size;
		uint8_t *pages = list_pages(pool, list, first, n, false, &size);

		if (size == 0)
			continue; /* an emulator may not take it for success */
		if (mprotect(pages, size, PROT_READ | PROT_WRITE) < 0)
			return false;
		if (pool->huge_pages)
			madvise(pages, size, MADV_HUGEPAGE);
	}
	return true;
}

/* Gives it back, also where extend_lists() failed half-way. What cannot be given back will be used by the
 * next growth. */
static void cut_lists(const struct weir__pool *pool, uint32_t first, uint32_t n)
{
	for (unsigned list = 0; list < LISTS; list++) {
		size_t size;
		uint8_t *pages = list_pages(pool, list, first, n, true, &size);

		madvise(pages, size, MADV_DONTNEED);
		mprotect(pages, size, PROT_NONE);
	}
}

/* At a huge page boundary. */
static void *map_pages(size_t size, int prot, int flags)
{
	uint8_t *map = mmap(NULL, size + HUGE_PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	uint8_t *start;

	if (map == MAP_FAILED)
		return NULL;
	start = (uint8_t *)round_up((uintptr_t)map, HUGE_PAGE);
	if (start > map)
		munmap(map, (size_t)(start - map));
	if (map + HUGE_PAGE > start)
		munmap(start + size, (size_t)(map + HUGE_PAGE - start));
	return start;
}

/* Rooms for so many buffers, touched now, not when traffic comes. */
static struct weir__growth *map_rooms(const struct weir__pool *pool, uint32_t small, uint32_t jumbo)
{
	const size_t rooms = (size_t)small * pool->stride[0] + (size_t)jumbo * pool->stride[1];
	const size_t size = round_up(LINE + rooms, (size_t)sysconf(_SC_PAGESIZE));
	struct weir__growth *growth = map_pages(size, PROT_READ | PROT_WRITE, 0);

	if (!growth)
		return NULL;
	if (pool->huge_pages && size >= HUGE_PAGE)
		madvise(growth, size, MADV_HUGEPAGE);
	memset(growth, 0, size);
	growth->map_size = size;
	growth->small = small;
	growth->jumbo = jumbo;
	return growth;
}

/* Fills in what the lists say of n new buffers. Returns the end of their rooms. */
static uint8_t *place_rooms(struct weir__pool *pool, uint32_t first, uint32_t n, uint32_t stride,
			    uint8_t *room)
{
	memset(&pool->bufs[first], 0, n * sizeof(pool->bufs[0]));
	memset(&pool->batches[first], 0, n * sizeof(pool->batches[0]));
	for (uint32_t i = first; i < first + n; i++, room += stride) {
		pool->bufs[i].room = room;
		pool->bufs[i].room_size = stride;
		weir__check_unused(pool, i);
	}
	return room;
}

int weir__pool_prepare(struct weir__pool *pool, uint32_t small, uint32_t jumbo, struct weir__growth **growth,
		       struct weir_error *err)
{
	const uint32_t first_jumbo = WEIR__JUMBO_BASE + pool->jumbo;
	uint8_t *room;

	*growth = NULL;
	if (small > WEIR__SMALL_MAX - pool->small || jumbo > WEIR__JUMBO_MAX - pool->jumbo)
		return weir_failed(err, -EINVAL,
				   "pool: %u small and %u jumbo buffers more are too many: it has %u and %u "
				   "of %u and %u",
				   small, jumbo, pool->small, pool->jumbo, WEIR__SMALL_MAX, WEIR__JUMBO_MAX);
	*growth = map_rooms(pool, small, jumbo);
	if (*growth && (!extend_lists(pool, pool->small, small) || !extend_lists(pool, first_jumbo, jumbo))) {
		weir__pool_abandon(pool, *growth);
		*growth = NULL;
	}
	if (!*growth)
		return weir_failed(
			err, -ENOMEM,
			"pool: %u small and %u jumbo buffers need %zu bytes, more than the system gives",
			small, jumbo,
			small * (pool->stride[0] + LIST_BYTES) + jumbo * (pool->stride[1] + LIST_BYTES));
	room = place_rooms(pool, pool->small, small, pool->stride[0], (uint8_t *)*growth + LINE);
	place_rooms(pool, first_jumbo, jumbo, pool->stride[1], room);
	return 0;
}

void weir__pool_abandon(struct weir__pool *pool, struct weir__growth *growth)
{
	cut_lists(pool, pool->small, growth->small);
	cut_lists(pool, WEIR__JUMBO_BASE + pool->jumbo, growth->jumbo);
	munmap(growth, growth->map_size);
}

static uint64_t next_head(uint64_t head, uint32_t top)
{
	return ((head >> 32) + 1) << 32 | top;
}

static void depot_put(struct weir__pool *pool, bool jumbo, const uint32_t *index, uint32_t n)
{
	struct weir__depot *depot = &pool->depot[jumbo];
	struct weir__batch *batch = &pool->batches[index[0]];
	uint64_t head;

	batch->n = n;
	memcpy(batch->others, index + 1, (n - 1) * sizeof(index[0]));
	/* First, because whoever takes them may count before this one would. */
	__atomic_fetch_add(&depot->free, n, __ATOMIC_RELAXED);
	head = __atomic_load_n(&depot->head, __ATOMIC_RELAXED); /* on the cache line that this has fetched */
	do {
		__atomic_store_n(&batch->next, (uint32_t)head, __ATOMIC_RELAXED);
		weir__point("depot put");
	} while (!__atomic_compare_exchange_n(&depot->head, &head, next_head(head, index[0] + 1), true,
					      __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

/* Returns how many it took, 0 if there are none. */
static uint32_t depot_take(struct weir__pool *pool, bool jumbo, uint32_t *index)
{
	struct weir__depot *depot = &pool->depot[jumbo];
	/* Acquire pairs with the release of whoever put the batch on top there, however many have changed the
	 * head since: each of them by a read-modify-write. */
	uint64_t head = __atomic_load_n(&depot->head, __ATOMIC_ACQUIRE);
	const struct weir__batch *batch;
	uint32_t next;

	do {
		if (!(uint32_t)head)
			return 0;
		batch = &pool->batches[(uint32_t)head - 1];
		/* Another one may take it now, and even put it back; this is memory all the same, and the tag
		 * tells. */
		next = __atomic_load_n(&batch->next, __ATOMIC_RELAXED);
		weir__point("depot take");
	} while (!__atomic_compare_exchange_n(&depot->head, &head, next_head(head, next), true,
					      __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE));
	__atomic_fetch_sub(&depot->free, batch->n, __ATOMIC_RELAXED);
	index[0] = (uint32_t)(batch - pool->batches);
	memcpy(index + 1, batch->others, (batch->n - 1) * sizeof(index[0]));
	return batch->n;
}

/* The lowest indices on top. */
static void fill_depot(struct weir__pool *pool, bool jumbo, uint32_t first, uint32_t n)
{
	const uint32_t batch = weir__pool_batch(jumbo);

	while (n) {
		const uint32_t last = n % batch ? n % batch : batch;
		uint32_t index[WEIR_VECTOR_SIZE];
		uint32_t i = 0;

		n -= last;
		do
			index[i] = first + n + i;
		while (++i < last);
		depot_put(pool, jumbo, index, last);
	}
}

void weir__pool_commit(struct weir__pool *pool, struct weir__growth *growth)
{
	const uint32_t small = pool->small, jumbo = pool->jumbo;

	growth->next = pool->growths;
	pool->growths = growth;
	/* First, so that whoever takes one of them finds that it exists. */
	__atomic_store_n(&pool->small, small + growth->small, __ATOMIC_RELAXED);
	__atomic_store_n(&pool->jumbo, jumbo + growth->jumbo, __ATOMIC_RELAXED);
	fill_depot(pool, false, small, growth->small);
	fill_depot(pool, true, WEIR__JUMBO_BASE + jumbo, growth->jumbo);
}

int weir__pool_grow(struct weir__pool *pool, uint32_t small, uint32_t jumbo, struct weir_error *err)
{
	struct weir__growth *growth;
	int rc = weir__pool_prepare(pool, small, jumbo, &growth, err);

	if (growth)
		weir__pool_commit(pool, growth);
	return rc;
}

int weir__pool_create(struct weir__pool *pool, const struct weir__pool_size *size, struct weir_error *err)
{
	int rc;

	memset(pool, 0, sizeof(*pool));
	pool->headroom = aligned_headroom(size->headroom);
	pool->tailroom = size->tailroom;
	pool->room = size->room;
	pool->reserve = size->reserve;
	pool->stride[0] = stride(pool->headroom + size->room + size->tailroom);
	/* One byte more than the largest packet: a reader that fills all the room cannot know whether its
	 * packet was cut. */
	pool->stride[1] = stride(pool->headroom + WEIR__JUMBO_PACKET + 1 + size->tailroom);
	pool->huge_pages = !size->no_huge_pages;
	pool->bufs = map_pages(LISTS_SIZE, PROT_NONE, MAP_NORESERVE);
	if (!pool->bufs)
		return weir_failed(err, -ENOMEM,
				   "pool: the system does not give %zu bytes of address space for its lists",
				   LISTS_SIZE);
	pool->batches = (void *)(pool->bufs + INDICES);
	weir__check_list(pool, pool->batches + INDICES);
	rc = weir__pool_grow(pool, size->small, size->jumbo, err);
	if (rc < 0)
		weir__pool_destroy(pool);
	return rc;
}

void weir__pool_destroy(struct weir__pool *pool)
{
	while (pool->growths) {
		struct weir__growth *growth = pool->growths;

		pool->growths = growth->next;
		munmap(growth, growth->map_size);
	}
	if (pool->bufs)
		munmap(pool->bufs, LISTS_SIZE);
	memset(pool, 0, sizeof(*pool));
}

uint32_t weir__pool_free(const struct weir__pool *pool)
{
	return __atomic_load_n(&pool->depot[0].free, __ATOMIC_RELAXED) +
	       __atomic_load_n(&pool->depot[1].free, __ATOMIC_RELAXED);
}

bool weir__stash_refill(struct weir__stash *stash, struct weir__pool *pool, bool jumbo)
{
	const uint32_t n = depot_take(pool, jumbo, stash->index + stash->n);

	stash->n += n;
	return n > 0;
}

/* Moves the n coldest, which lie at the bottom. */
static void give(struct weir__stash *stash, struct weir__pool *pool, bool jumbo, uint32_t n)
{
	depot_put(pool, jumbo, stash->index, n);
	stash->n -= n;
	memmove(stash->index, stash->index + n, stash->n * sizeof(stash->index[0]));
}

void weir__stash_shrink(struct weir__stash *stash, struct weir__pool *pool, bool jumbo)
{
	give(stash, pool, jumbo, weir__pool_batch(jumbo));
}

void weir__stash_empty(struct weir__stash *stash, struct weir__pool *pool, bool jumbo)
{
	const uint32_t batch = weir__pool_batch(jumbo);

	while (stash->n)
		give(stash, pool, jumbo, stash->n < batch ? stash->n : batch);
}
