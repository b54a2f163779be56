/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include "test.h"

#include "doorbell.h"
#include "error.h"
#include "pool.h"
#include "sanitizer.h"

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

/* Takes everything of a kind off the depot, into marks by index. */
static uint32_t drain(struct weir__pool *pool, bool jumbo, uint8_t *marks)
{
	struct weir__stash stash = { .n = 0 };
	uint32_t n = 0;

	while (weir__stash_refill(&stash, pool, jumbo)) {
		for (uint32_t i = 0; i < stash.n; i++) {
			assert_int_equal(weir__pool_is_jumbo(pool, stash.index[i]), jumbo);
			assert_int_equal(marks[stash.index[i]]++, 0);
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

/* Rooms hold what was asked for, and none reaches into another or out of the mapping. */
static void check_rooms(const struct weir__pool *pool, const struct weir__pool_size *size)
{
	const uint32_t n = size->small + size->jumbo;
	struct weir_buf *bufs = calloc(n, sizeof(*bufs));
	const uint8_t *end = (const uint8_t *)pool->map + pool->map_size;

	assert_non_null(bufs);
	assert_true(pool->headroom >= size->headroom);
	memcpy(bufs, pool->bufs, n * sizeof(*bufs));
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t room = i < size->small ? size->room : WEIR__JUMBO_PACKET;

		assert_true(bufs[i].room_size >= pool->headroom + room + size->tailroom);
		assert_int_equal(bufs[i].room_size / 64 % 2, 1);
		assert_int_equal((uintptr_t)bufs[i].room % 64, 0);
	}
	qsort(bufs, n, sizeof(*bufs), by_room);
	assert_true(bufs[0].room >= (const uint8_t *)(pool->bufs + n));
	for (uint32_t i = 1; i < n; i++)
		assert_true(bufs[i].room >= bufs[i - 1].room + bufs[i - 1].room_size);
	assert_true(bufs[n - 1].room + bufs[n - 1].room_size <= end);
	free(bufs);
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
		for (uint32_t k = 0; k < sizes[i].small + sizes[i].jumbo; k++)
			memset(pool.bufs[k].room, (int)k, pool.bufs[k].room_size);
		expect_complete(&pool);
		weir__pool_destroy(&pool);
	}
}

static void says_how_much_it_wanted(void **state)
{
#ifdef TEST_SANITIZED
	(void)state;
	skip(); /* a sanitizer needs more address space than the limit leaves */
#else
	const struct weir__pool_size size = { .small = 100000, .jumbo = 5000, .room = 65535, .headroom = 0 };
	struct rlimit before, limit;
	struct weir__pool pool;
	struct weir_error err;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	limit = before;
	limit.rlim_cur = 1ul << 30;
	assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
	assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
	if (limit.rlim_cur != 1ul << 30)
		skip(); /* an emulator needs the address space itself, and sets no limit */
	weir__error_clear(&err);
	assert_int_equal(weir__pool_create(&pool, &size, &err), -ENOMEM);
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
	/* 64 bytes of metadata, and 16 of headroom round up to 1025 cache lines. */
	assert_string_equal(err.text,
			    "pool: 100000 small and 5000 jumbo buffers need 6894720000 bytes, more than "
			    "the system gives");
#endif
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

/* Starving workers give back the few that they have, time and again: the depot has room for every buffer in a
 * vector of its own. */
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
			uint8_t *marks = calloc(1, n + 62);

			assert_non_null(marks);
			create(&pool, &size);
			drain(&pool, jumbo, marks);
			for (uint32_t k = 0; k < n + 62; k++) {
				struct weir__stash stash = { .n = 1, .index = { k } };

				if (!marks[k])
					continue;
				weir__stash_empty(&stash, &pool, jumbo);
				assert_int_equal(stash.n, 0);
			}
			expect_complete(&pool);
			weir__pool_destroy(&pool);
			free(marks);
		}
}

#define PLAYERS 2

struct player {
	struct weir__pool *pool;
	struct weir__stash stash;
	uint32_t *held;
	pthread_t thread;
	uint64_t rounds;
	uint64_t wrong;
};

/* Marks what it holds: two holders of one buffer would see each other. */
static void hold(struct player *player, uint32_t from)
{
	for (uint32_t i = from; i < player->stash.n; i++)
		player->wrong +=
			__atomic_exchange_n(&player->held[player->stash.index[i]], 1, __ATOMIC_RELAXED);
}

static void let_go(struct player *player, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		__atomic_store_n(&player->held[player->stash.index[i]], 0, __ATOMIC_RELAXED);
}

static void *play(void *argument)
{
	struct player *player = argument;

	for (uint64_t round = 0; round < player->rounds; round++) {
		const uint32_t before = player->stash.n;

		if (before <= (WEIR__STASH_BATCHES - 1) * WEIR_VECTOR_SIZE &&
		    weir__stash_refill(&player->stash, player->pool, false))
			hold(player, before);
		if (round % 7 == 0) {
			let_go(player, player->stash.n);
			weir__stash_empty(&player->stash, player->pool, false);
		} else if (player->stash.n >= 2 * WEIR_VECTOR_SIZE) {
			let_go(player, WEIR_VECTOR_SIZE);
			weir__stash_shrink(&player->stash, player->pool, false);
		}
		/* Part of a batch, as a pipeline that starves makes them. */
		if (player->stash.n > 3 && round % 11 == 0) {
			struct weir__stash few = { .n = 3 };

			player->stash.n -= 3;
			for (uint32_t i = 0; i < 3; i++) {
				few.index[i] = player->stash.index[player->stash.n + i];
				__atomic_store_n(&player->held[few.index[i]], 0, __ATOMIC_RELAXED);
			}
			weir__stash_empty(&few, player->pool, false);
		}
	}
	let_go(player, player->stash.n);
	weir__stash_empty(&player->stash, player->pool, false);
	return NULL;
}

static void is_shared_by_threads(void **state)
{
	struct weir__pool pool;
	struct player players[PLAYERS] = { 0 };
	uint32_t *held = calloc(usual.small, sizeof(*held));

	(void)state;
	assert_non_null(held);
	create(&pool, &usual);
	for (int i = 0; i < PLAYERS; i++) {
		players[i] = (struct player){ .pool = &pool, .held = held, .rounds = TEST_ROUNDS(20000) };
		assert_int_equal(pthread_create(&players[i].thread, NULL, play, &players[i]), 0);
	}
	for (int i = 0; i < PLAYERS; i++) {
		pthread_join(players[i].thread, NULL);
		assert_int_equal(players[i].wrong, 0);
	}
	expect_complete(&pool);
	weir__pool_destroy(&pool);
	free(held);
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
		cmocka_unit_test(gives_the_coldest_away),
		cmocka_unit_test(exchanges_jumbo_buffers_in_small_batches),
		cmocka_unit_test(takes_any_number_of_small_gifts),
		cmocka_unit_test(is_shared_by_threads),
		cmocka_unit_test(a_starving_worker_is_fed),
		cmocka_unit_test(tells_only_the_first_to_ring),
	};

	weir__barrier_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
