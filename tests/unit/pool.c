/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "test.h"

#include "check.h"
#include "doorbell.h"
#include "error.h"
#include "pool.h"
#include "sanitizer.h"

#ifdef TEST_SANITIZED
static const bool sanitized = true; /* it maps memory of its own, more than any limit leaves */
#else
static const bool sanitized = false;
#endif

static const struct weir__pool_size usual = {
	.small = 310, .jumbo = 16, .room = 1536, .headroom = 18, .tailroom = 26
};

static void create(struct weir__pool *pool, const struct weir__pool_size *size)
{
	struct weir_error err;

	weir__error_clear(&err);
	if (weir__pool_create(pool, size, &err) < 0)
		fail_msg("%s", err.text);
}

static void grow(struct weir__pool *pool, uint32_t small, uint32_t jumbo)
{
	struct weir_error err;

	weir__error_clear(&err);
	if (weir__pool_grow(pool, small, jumbo, &err) < 0)
		fail_msg("%s", err.text);
}

/* Buffers in one row: the small ones, then the jumbo ones. */
static uint32_t index_of(const struct weir__pool *pool, uint32_t nth)
{
	return nth < pool->small ? nth : WEIR__JUMBO_BASE + nth - pool->small;
}

static uint32_t nth_of(const struct weir__pool *pool, uint32_t index)
{
	if (!weir__pool_is_jumbo(index)) {
		assert_in_range(index, 0, pool->small - 1);
		return index;
	}
	assert_in_range(index - WEIR__JUMBO_BASE, 0, pool->jumbo - 1);
	return index - WEIR__JUMBO_BASE + pool->small;
}

/* Takes everything of a kind off the depot, into marks in one row. */
static uint32_t drain(struct weir__pool *pool, bool jumbo, uint8_t *marks)
{
	struct weir__stash stash = { .n = 0 };
	uint32_t n = 0;

	while (weir__stash_refill(&stash, pool, jumbo)) {
		for (uint32_t i = 0; i < stash.n; i++) {
			assert_int_equal(weir__pool_is_jumbo(stash.index[i]), jumbo);
			assert_int_equal(marks[nth_of(pool, stash.index[i])]++, 0);
		}
		n += stash.n;
		stash.n = 0;
	}
	return n;
}

/* All buffers are in the depots, each once. */
static void expect_complete(struct weir__pool *pool)
{
	const uint32_t n = pool->small + pool->jumbo;
	uint8_t *marks = calloc(n, 1);

	assert_non_null(marks);
	assert_int_equal(weir__pool_free(pool), n);
	assert_int_equal(drain(pool, false, marks), pool->small);
	assert_int_equal(drain(pool, true, marks), pool->jumbo);
	assert_int_equal(weir__pool_free(pool), 0);
	free(marks);
}

static void has_every_buffer_once(void **state)
{
	static const uint32_t sizes[][2] = { { 62, 0 },    { 63, 8 },   { 92, 8 },   { 93, 9 },
					     { 94, 1001 }, { 310, 16 }, { 5000, 64 } };

	(void)state;
	for (size_t i = 0; i < countof(sizes); i++) {
		const struct weir__pool_size size = { .small = sizes[i][0],
						      .jumbo = sizes[i][1],
						      .room = 128 };
		struct weir__pool pool;

		create(&pool, &size);
		expect_complete(&pool);
		weir__pool_destroy(&pool);
	}
}

static int by_room(const void *a, const void *b)
{
	const struct weir_buf *x = a, *y = b;

	return x->room < y->room ? -1 : x->room > y->room;
}

/* A room lies in one of the mappings, behind what stands at its beginning. */
static bool is_mapped(const struct weir__pool *pool, const struct weir_buf *buf)
{
	for (const struct weir__growth *growth = pool->growths; growth; growth = growth->next)
		if (buf->room >= (const uint8_t *)(growth + 1) &&
		    buf->room + buf->room_size <= (const uint8_t *)growth + growth->map_size)
			return true;
	return false;
}

/* Rooms hold what was asked for, and none reaches into another or out of its mapping. */
static void check_rooms(const struct weir__pool *pool, const struct weir__pool_size *size)
{
	const uint32_t n = pool->small + pool->jumbo;
	struct weir_buf *bufs = calloc(n, sizeof(*bufs));

	assert_non_null(bufs);
	assert_true(pool->headroom >= size->headroom);
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t room = i < pool->small ? size->room : WEIR__JUMBO_PACKET;

		bufs[i] = pool->bufs[index_of(pool, i)];
		assert_true(bufs[i].room_size >= pool->headroom + room + size->tailroom);
		assert_int_equal(bufs[i].room_size / 64 % 2, 1);
		assert_int_equal((uintptr_t)bufs[i].room % 64, 0);
		assert_true(is_mapped(pool, &bufs[i]));
	}
	qsort(bufs, n, sizeof(*bufs), by_room);
	for (uint32_t i = 1; i < n; i++)
		assert_true(bufs[i].room >= bufs[i - 1].room + bufs[i - 1].room_size);
	free(bufs);
}

/* Writes all over the rooms of the nth buffer on. */
static void fill_rooms(struct weir__pool *pool, uint32_t nth)
{
	for (; nth < pool->small + pool->jumbo; nth++) {
		struct weir_buf *buf = &pool->bufs[index_of(pool, nth)];

		memset(buf->room, (int)nth, buf->room_size);
	}
}

static void has_the_rooms_that_were_asked_for(void **state)
{
	static const struct weir__pool_size sizes[] = {
		{ .small = 62, .room = 128 },
		{ .small = 63, .jumbo = 9, .room = 1536, .headroom = 65, .tailroom = 16 },
		{ .small = 2000, .jumbo = 8, .room = 1536, .headroom = 18, .tailroom = 26 },
		{ .small = 2000, .room = 65535, .headroom = 200, .no_huge_pages = true },
	};

	(void)state;
	for (size_t i = 0; i < countof(sizes); i++) {
		struct weir__pool pool;

		create(&pool, &sizes[i]);
		check_rooms(&pool, &sizes[i]);
		fill_rooms(&pool, 0);
		expect_complete(&pool);
		weir__pool_destroy(&pool);
	}
}

#define GIB (1ul << 30)

/* Address space of the process; 0: no limit. */
static void limit_memory(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
	limit.rlim_cur = bytes ? bytes : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
}

/* Whether the memory of the process is the test's alone. An emulator maps some for itself, and sets no limit.
 */
static bool can_limit_memory(void)
{
	struct rlimit limit;

	if (sanitized)
		return false;
	limit_memory(3 * GIB);
	assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
	limit_memory(0);
	return limit.rlim_cur == 3 * GIB;
}

static void says_how_much_it_wanted(void **state)
{
	const struct weir__pool_size size = { .small = 100000, .jumbo = 5000, .room = 65535, .headroom = 0 };
	struct weir__pool pool;
	struct weir_error err;
	char text[200];

	(void)state;
	if (!can_limit_memory())
		skip();
	limit_memory(3 * GIB);
	weir__error_clear(&err);
	assert_int_equal(weir__pool_create(&pool, &size, &err), -ENOMEM);
	/* 16 of headroom round up to 1025 cache lines; 64 bytes of metadata and 128 for a batch. */
	snprintf(text, sizeof(text),
		 "pool: 100000 small and 5000 jumbo buffers need %zu bytes, more than the system gives",
		 105000 * (65600 + 64 + 128 + WEIR__CHECK_SIZE));
	assert_string_equal(err.text, text);

	limit_memory(GIB);
	weir__error_clear(&err);
	assert_int_equal(weir__pool_create(&pool, &usual, &err), -ENOMEM);
	limit_memory(0);
	snprintf(text, sizeof(text),
		 "pool: the system does not give %zu bytes of address space for its lists",
		 ((1u << 23) + (1u << 16)) * (64 + 128 + WEIR__CHECK_SIZE));
	assert_string_equal(err.text, text);
}

/* Where memory is scarce, a pipeline can be made. */
static void needs_little_address_space(void **state)
{
	struct weir__pool pool;

	(void)state;
	if (!can_limit_memory())
		skip();
	limit_memory(2 * GIB);
	create(&pool, &usual);
	limit_memory(0);
	expect_complete(&pool);
	weir__pool_destroy(&pool);
}

/* Buffers in the hands of workers, with packets in them, stay what they are. */
static void grows_around_those_in_use(void **state)
{
	struct weir__pool pool;
	struct weir__stash stash[2] = { { .n = 0 }, { .n = 0 } };
	const struct weir_buf *bufs;
	struct weir_buf *before;

	(void)state;
	create(&pool, &usual);
	bufs = pool.bufs;
	before = calloc(usual.small + usual.jumbo, sizeof(*before));
	assert_non_null(before);
	fill_rooms(&pool, 0);
	for (uint32_t i = 0; i < usual.small + usual.jumbo; i++)
		before[i] = pool.bufs[index_of(&pool, i)];
	for (int jumbo = 0; jumbo < 2; jumbo++)
		assert_true(weir__stash_refill(&stash[jumbo], &pool, jumbo));

	grow(&pool, 1, 0);
	grow(&pool, 0, 1);
	grow(&pool, 40000, 33);
	assert_int_equal(pool.small, 310 + 1 + 40000);
	assert_int_equal(pool.jumbo, 16 + 1 + 33);
	assert_ptr_equal(pool.bufs, bufs);
	check_rooms(&pool, &usual);
	for (uint32_t i = 310; i < pool.small; i++)
		memset(pool.bufs[i].room, 0, pool.bufs[i].room_size);
	for (uint32_t i = 0; i < usual.small + usual.jumbo; i++) {
		const struct weir_buf *buf = &pool.bufs[i < 310 ? i : WEIR__JUMBO_BASE + i - 310];

		assert_memory_equal(buf, &before[i], sizeof(*buf));
		assert_int_equal(buf->room[0], (uint8_t)i);
		assert_int_equal(buf->room[buf->room_size - 1], (uint8_t)i);
	}
	for (int jumbo = 0; jumbo < 2; jumbo++)
		weir__stash_empty(&stash[jumbo], &pool, jumbo);
	expect_complete(&pool);
	weir__pool_destroy(&pool);
	free(before);
}

static void gets_its_first_jumbo_buffers(void **state)
{
	const struct weir__pool_size size = { .small = 62, .room = 128, .no_huge_pages = true };
	struct weir__stash stash = { .n = 0 };
	struct weir__pool pool;

	(void)state;
	create(&pool, &size);
	assert_false(weir__stash_refill(&stash, &pool, true));
	grow(&pool, 0, 6);
	check_rooms(&pool, &size);
	fill_rooms(&pool, 0);
	assert_true(weir__stash_refill(&stash, &pool, true));
	assert_int_equal(stash.n, WEIR__JUMBO_BATCH);
	assert_true(weir__stash_refill(&stash, &pool, true));
	assert_int_equal(stash.n, 6);
	assert_false(weir__stash_refill(&stash, &pool, true));
	weir__stash_empty(&stash, &pool, true);
	expect_complete(&pool);
	weir__pool_destroy(&pool);
}

/* Pages of the process: all, and those of memory. */
static void read_pages(size_t pages[2])
{
	FILE *file = fopen("/proc/self/statm", "r");

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%zu %zu", &pages[0], &pages[1]), 2);
	fclose(file);
}

/* Nothing of an attempt is left: neither in the pool nor, where nobody else maps, in the process. */
static void expect_untouched(const struct weir__pool *pool, const struct weir__pool *before,
			     const size_t pages_before[2])
{
	size_t pages[2];

	assert_memory_equal(pool, before, sizeof(*pool));
	read_pages(pages);
	if (!can_limit_memory())
		return;
	assert_int_equal(pages[0], pages_before[0]);
	assert_in_range(pages[1], 0, pages_before[1] + 100);
}

static void takes_back_what_was_prepared(void **state)
{
	struct weir__pool pool, before;
	struct weir__growth *growth;
	size_t pages[2];
	struct weir_error err;

	(void)state;
	create(&pool, &usual);
	weir__error_clear(&err);
	read_pages(pages);
	before = pool;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(weir__pool_prepare(&pool, 5000, 100, &growth, &err), 0);
		assert_memory_equal(&pool, &before, sizeof(pool));
		weir__pool_abandon(&pool, growth);
		expect_untouched(&pool, &before, pages);
	}
	assert_int_equal(weir__pool_prepare(&pool, 7, 3, &growth, &err), 0);
	weir__pool_commit(&pool, growth);
	check_rooms(&pool, &usual);
	fill_rooms(&pool, 0);
	expect_complete(&pool);
	weir__pool_destroy(&pool);
}

static unsigned protects_left = UINT_MAX;

int __real_mprotect(void *address, size_t size, int protection);
int __wrap_mprotect(void *address, size_t size, int protection);

int __wrap_mprotect(void *address, size_t size, int protection)
{
	if (protection != PROT_NONE && !protects_left--) {
		protects_left = UINT_MAX;
		errno = ENOMEM;
		return -1;
	}
	return __real_mprotect(address, size, protection);
}

/* No memory for the rooms, or for any of the lists. */
static void is_as_before_when_it_cannot_grow(void **state)
{
	struct weir__pool pool, before;
	struct weir_error err;
	size_t pages[2];

	(void)state;
	create(&pool, &usual);
	weir__error_clear(&err);
	read_pages(pages);
	before = pool;
	for (unsigned k = 0; k < (WEIR__CHECK_SIZE ? 6 : 4); k++) { /* lists of two kinds */
		protects_left = k;
		assert_int_equal(weir__pool_grow(&pool, 5000, 100, &err), -ENOMEM);
		assert_int_equal(protects_left, UINT_MAX);
		expect_untouched(&pool, &before, pages);
	}
	if (can_limit_memory()) {
		limit_memory(3 * GIB);
		assert_int_equal(weir__pool_grow(&pool, 0, 65000, &err), -ENOMEM);
		limit_memory(0);
		expect_untouched(&pool, &before, pages);
	}
	grow(&pool, 5000, 100);
	check_rooms(&pool, &usual);
	fill_rooms(&pool, 0);
	expect_complete(&pool);
	weir__pool_destroy(&pool);
}

static void refuses_more_than_there_are_indices(void **state)
{
	struct weir__pool pool, before;
	struct weir_error err;

	(void)state;
	create(&pool, &usual);
	before = pool;
	weir__error_clear(&err);
	assert_int_equal(weir__pool_grow(&pool, WEIR__SMALL_MAX - 309, 0, &err), -EINVAL);
	assert_string_equal(err.text,
			    "pool: 8388299 small and 0 jumbo buffers more are too many: it has 310 and "
			    "16 of 8388608 and 65536");
	assert_int_equal(weir__pool_grow(&pool, UINT32_MAX, 0, &err), -EINVAL);
	assert_int_equal(weir__pool_grow(&pool, 0, WEIR__JUMBO_MAX - 15, &err), -EINVAL);
	assert_memory_equal(&pool, &before, sizeof(pool));
	expect_complete(&pool);
	weir__pool_destroy(&pool);
}

/* The hottest buffer is the last one freed; what a stash gives away is the coldest. */
static void gives_the_coldest_away(void **state)
{
	struct weir__pool pool;
	struct weir__stash stash = { .n = 0 }, other = { .n = 0 };
	uint32_t before[3 * WEIR_VECTOR_SIZE];
	uint8_t marks[400] = { 0 };

	(void)state;
	create(&pool, &usual);
	for (int i = 0; i < 3; i++)
		assert_true(weir__stash_refill(&stash, &pool, false));
	assert_int_equal(stash.n, 3 * WEIR_VECTOR_SIZE);
	assert_int_equal(weir__pool_free(&pool), 326 - 3 * WEIR_VECTOR_SIZE);
	memcpy(before, stash.index, sizeof(before));
	drain(&pool, false, marks);

	weir__stash_shrink(&stash, &pool, false);
	assert_int_equal(stash.n, 2 * WEIR_VECTOR_SIZE);
	assert_memory_equal(stash.index, before + WEIR_VECTOR_SIZE, 2 * WEIR_VECTOR_SIZE * sizeof(before[0]));
	assert_true(weir__stash_refill(&other, &pool, false));
	assert_int_equal(other.n, WEIR_VECTOR_SIZE);
	assert_memory_equal(other.index, before, WEIR_VECTOR_SIZE * sizeof(before[0]));
	assert_false(weir__stash_refill(&other, &pool, false));
	weir__pool_destroy(&pool);
}

static void exchanges_jumbo_buffers_in_small_batches(void **state)
{
	struct weir__pool pool;
	struct weir__stash stash = { .n = 0 };

	(void)state;
	create(&pool, &usual);
	assert_true(weir__stash_refill(&stash, &pool, true));
	assert_int_equal(stash.n, WEIR__JUMBO_BATCH);
	assert_true(weir__stash_refill(&stash, &pool, true));
	weir__stash_shrink(&stash, &pool, true);
	assert_int_equal(stash.n, WEIR__JUMBO_BATCH);
	weir__stash_empty(&stash, &pool, true);
	assert_int_equal(stash.n, 0);
	expect_complete(&pool);
	weir__pool_destroy(&pool);
}

/* Starving workers give back the few that they have, time and again: each buffer may be a batch of its own.
 */
static void takes_any_number_of_small_gifts(void **state)
{
	static const uint32_t numbers[] = { 62, 63, 64, 310, 3969, 5000 };

	(void)state;
	for (size_t i = 0; i < countof(numbers); i++)
		for (int jumbo = 0; jumbo < 2; jumbo++) {
			const uint32_t n = numbers[i];
			const struct weir__pool_size size = { .small = jumbo ? 62 : n,
							      .jumbo = jumbo ? n / 4 : 0,
							      .room = 128 };
			struct weir__pool pool;
			uint8_t *marks = calloc(n + 62, 1);

			assert_non_null(marks);
			create(&pool, &size);
			drain(&pool, jumbo, marks);
			for (uint32_t k = 0; k < n + 62; k++) {
				struct weir__stash stash = { .n = 1 };

				if (!marks[k])
					continue;
				stash.index[0] = index_of(&pool, k);
				weir__stash_empty(&stash, &pool, jumbo);
				assert_int_equal(stash.n, 0);
			}
			expect_complete(&pool);
			weir__pool_destroy(&pool);
			free(marks);
		}
}

struct player {
	struct weir__pool *pool;
	bool jumbo;
	struct weir__stash stash;
	uint32_t *held;
	pthread_t thread;
	uint64_t rounds; /* at least these */
	uint64_t played; /* read by others */
	const bool *over;
	uint64_t wrong;
};

static uint32_t *mark(const struct player *player, uint32_t index)
{
	return &player->held[player->jumbo ? index - WEIR__JUMBO_BASE : index];
}

/* Marks what it holds: two holders of one buffer would see each other. */
static void hold(struct player *player, uint32_t from)
{
	for (uint32_t i = from; i < player->stash.n; i++)
		player->wrong +=
			__atomic_exchange_n(mark(player, player->stash.index[i]), 1, __ATOMIC_RELAXED);
}

static void let_go(struct player *player, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		__atomic_store_n(mark(player, player->stash.index[i]), 0, __ATOMIC_RELAXED);
}

static void play_round(struct player *player, uint64_t round)
{
	const uint32_t batch = weir__pool_batch(player->jumbo);
	const uint32_t before = player->stash.n;

	if (before <= (WEIR__STASH_BATCHES - 1) * batch &&
	    weir__stash_refill(&player->stash, player->pool, player->jumbo))
		hold(player, before);
	if (round % 7 == 0) {
		let_go(player, player->stash.n);
		weir__stash_empty(&player->stash, player->pool, player->jumbo);
	} else if (player->stash.n >= 2 * batch) {
		let_go(player, batch);
		weir__stash_shrink(&player->stash, player->pool, player->jumbo);
	}
	/* Part of a batch, as a pipeline that starves makes them. */
	if (player->stash.n > 3 && round % 11 == 0) {
		struct weir__stash few = { .n = 3 };

		player->stash.n -= 3;
		for (uint32_t i = 0; i < 3; i++) {
			few.index[i] = player->stash.index[player->stash.n + i];
			__atomic_store_n(mark(player, few.index[i]), 0, __ATOMIC_RELAXED);
		}
		weir__stash_empty(&few, player->pool, player->jumbo);
	}
}

static void *play(void *argument)
{
	struct player *player = argument;

	for (uint64_t round = 0; round < player->rounds || !__atomic_load_n(player->over, __ATOMIC_RELAXED);
	     round++) {
		play_round(player, round);
		__atomic_store_n(&player->played, round + 1, __ATOMIC_RELAXED);
	}
	let_go(player, player->stash.n);
	weir__stash_empty(&player->stash, player->pool, player->jumbo);
	return NULL;
}

static void start_players(struct player *players, int n, struct player like)
{
	for (int i = 0; i < n; i++) {
		players[i] = like;
		assert_int_equal(pthread_create(&players[i].thread, NULL, play, &players[i]), 0);
	}
}

static void end_players(struct player *players, int n)
{
	for (int i = 0; i < n; i++) {
		pthread_join(players[i].thread, NULL);
		assert_int_equal(players[i].wrong, 0);
	}
}

static void is_shared_by_threads(void **state)
{
	static const bool over = true;
	struct weir__pool pool;
	struct player players[2];
	uint32_t *held = calloc(usual.small, sizeof(*held));

	(void)state;
	assert_non_null(held);
	create(&pool, &usual);
	start_players(
		players, 2,
		(struct player){ .pool = &pool, .held = held, .rounds = TEST_ROUNDS(20000), .over = &over });
	end_players(players, 2);
	expect_complete(&pool);
	weir__pool_destroy(&pool);
	free(held);
}

#define STEPS 60

/* Workers of both kinds go on while it grows, and each has done something between two steps. */
static void grows_while_threads_share_it(void **state)
{
	static bool over;
	struct weir__pool pool;
	struct player players[4];
	uint32_t *held[2] = { calloc(usual.small + STEPS * 40, sizeof(uint32_t)),
			      calloc(usual.jumbo + STEPS * 3, sizeof(uint32_t)) };

	(void)state;
	assert_true(held[0] && held[1]);
	create(&pool, &usual);
	for (int jumbo = 0; jumbo < 2; jumbo++)
		start_players(
			players + 2 * jumbo, 2,
			(struct player){ .pool = &pool, .held = held[jumbo], .jumbo = jumbo, .over = &over });
	for (int step = 0; step < STEPS; step++) {
		grow(&pool, 40, 3);
		for (int i = 0; i < 4; i++) {
			uint64_t before = __atomic_load_n(&players[i].played, __ATOMIC_RELAXED);

			while (__atomic_load_n(&players[i].played, __ATOMIC_RELAXED) < before + 20)
				sched_yield();
		}
	}
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	end_players(players, 4);
	assert_int_equal(pool.small, usual.small + STEPS * 40);
	assert_int_equal(pool.jumbo, usual.jumbo + STEPS * 3);
	check_rooms(&pool, &usual);
	expect_complete(&pool);
	weir__pool_destroy(&pool);
	for (int jumbo = 0; jumbo < 2; jumbo++)
		free(held[jumbo]);
}

/*
 * Takes two batches and puts the first back first: the top is again what another thread has seen there, but
 * what lies below is not.
 */
static void *swap_batches(void *argument)
{
	struct player *player = argument;

	for (uint64_t round = 0; round < player->rounds; round++) {
		const bool first = weir__stash_refill(&player->stash, player->pool, player->jumbo);
		const bool second = weir__stash_refill(&player->stash, player->pool, player->jumbo);

		hold(player, 0);
		let_go(player, player->stash.n);
		for (int i = 0; i < first + second; i++)
			weir__stash_shrink(&player->stash, player->pool, player->jumbo);
	}
	return NULL;
}

static void tells_a_batch_that_came_back(void **state)
{
	const struct weir__pool_size size = { .small = 62, .jumbo = 3 * WEIR__JUMBO_BATCH, .room = 128 };
	struct weir__pool pool;
	struct player players[4];
	uint32_t held[3 * WEIR__JUMBO_BATCH] = { 0 };

	(void)state;
	create(&pool, &size);
	for (int i = 0; i < 4; i++) {
		players[i] = (struct player){
			.pool = &pool, .jumbo = true, .held = held, .rounds = TEST_ROUNDS(400000)
		};
		assert_int_equal(pthread_create(&players[i].thread, NULL, swap_batches, &players[i]), 0);
	}
	end_players(players, 4);
	expect_complete(&pool);
	weir__pool_destroy(&pool);
}

struct hunger {
	struct weir__pool pool;
	struct weir__doorbell bell;
	uint64_t rounds;
	uint32_t given; /* by index + 1, from the eater back to the giver; 0: nothing */
};

/* Takes the one buffer that there is, over and over, and sleeps while there is none. */
static void *starve(void *argument)
{
	struct hunger *hunger = argument;
	struct weir__stash stash = { .n = 0 };

	for (uint64_t round = 0; round < hunger->rounds; round++) {
		while (!weir__stash_refill(&stash, &hunger->pool, false)) {
			struct pollfd fd = { .fd = hunger->bell.fd, .events = POLLIN };

			weir__pool_starve(&hunger->pool);
			weir__doorbell_sleep(&hunger->bell);
			weir__barrier_heavy();
			if (weir__stash_refill(&stash, &hunger->pool, false)) {
				weir__doorbell_awake(&hunger->bell, false);
				break;
			}
			poll(&fd, 1, -1);
			weir__doorbell_awake(&hunger->bell, fd.revents);
		}
		__atomic_store_n(&hunger->given, stash.index[--stash.n] + 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* The mark that one starves, and the bell that the giver rings only where it sees the mark. */
static void a_starving_worker_is_fed(void **state)
{
	struct hunger hunger = { .rounds = TEST_ROUNDS(20000) };
	struct weir__stash stash = { .n = 0 };
	uint8_t marks[400] = { 0 };
	pthread_t eater;

	(void)state;
	create(&hunger.pool, &usual);
	drain(&hunger.pool, false, marks);
	assert_int_equal(weir__doorbell_open(&hunger.bell), 0);
	assert_int_equal(pthread_create(&eater, NULL, starve, &hunger), 0);
	stash.index[stash.n++] = 7;
	for (uint64_t round = 0; round < hunger.rounds; round++) {
		uint32_t back;

		weir__stash_empty(&stash, &hunger.pool, false);
		if (weir__pool_fed(&hunger.pool))
			weir__doorbell_ring(&hunger.bell);
		while (!(back = __atomic_exchange_n(&hunger.given, 0, __ATOMIC_ACQUIRE)))
			sched_yield();
		assert_int_equal(back, 8);
		stash.index[stash.n++] = back - 1;
	}
	pthread_join(eater, NULL);
	weir__doorbell_close(&hunger.bell);
	weir__pool_destroy(&hunger.pool);
}

static void tells_only_the_first_to_ring(void **state)
{
	struct weir__pool pool;

	(void)state;
	create(&pool, &usual);
	assert_false(weir__pool_starving(&pool));
	assert_false(weir__pool_fed(&pool));
	assert_true(weir__pool_starve(&pool));
	assert_false(weir__pool_starve(&pool));
	assert_true(weir__pool_starving(&pool));
	assert_int_equal(pool.starved, 2);
	assert_true(weir__pool_fed(&pool));
	assert_false(weir__pool_fed(&pool));
	assert_false(weir__pool_starving(&pool));
	weir__pool_destroy(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_every_buffer_once),
		cmocka_unit_test(has_the_rooms_that_were_asked_for),
		cmocka_unit_test(says_how_much_it_wanted),
		cmocka_unit_test(needs_little_address_space),
		cmocka_unit_test(grows_around_those_in_use),
		cmocka_unit_test(gets_its_first_jumbo_buffers),
		cmocka_unit_test(takes_back_what_was_prepared),
		cmocka_unit_test(is_as_before_when_it_cannot_grow),
		cmocka_unit_test(refuses_more_than_there_are_indices),
		cmocka_unit_test(gives_the_coldest_away),
		cmocka_unit_test(exchanges_jumbo_buffers_in_small_batches),
		cmocka_unit_test(takes_any_number_of_small_gifts),
		cmocka_unit_test(is_shared_by_threads),
		cmocka_unit_test(grows_while_threads_share_it),
		cmocka_unit_test(tells_a_batch_that_came_back),
		cmocka_unit_test(a_starving_worker_is_fed),
		cmocka_unit_test(tells_only_the_first_to_ring),
	};

	weir__barrier_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
