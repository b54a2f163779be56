/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sched.h>

#include "test.h"

#include "sanitizer.h"
#include "table.h"

static uint64_t random_bits(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 24;
}

static struct weir__table make(uint32_t capacity)
{
	struct weir__table table;

	assert_int_equal(weir__table_init(&table, capacity), 0);
	return table;
}

/* The entries are where a look finds them, each once, and nothing else is there. */
static void expect_sound(const struct weir__table *table)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i <= table->last; i++) {
		if (!table->slots[i])
			continue;
		n++;
		for (uint32_t k = weir__table_home(table, table->slots[i]); k != i;
		     k = (k + 1) & table->last) {
			assert_int_not_equal(table->slots[k], 0);
			assert_int_not_equal(table->slots[k], table->slots[i]);
		}
	}
	assert_int_equal(n, table->n);
}

static void holds_as_many_as_it_was_made_for(void **state)
{
	static const uint32_t capacities[] = { 1, 2, 3, 31, 32, 33, 65536 };

	(void)state;
	for (size_t c = 0; c < countof(capacities); c++) {
		struct weir__table table = make(capacities[c]);

		for (uint32_t i = 1; i <= capacities[c]; i++) {
			assert_false(weir__table_has(&table, i));
			assert_int_equal(weir__table_add(&table, i), 1);
			assert_true(weir__table_has(&table, i));
		}
		assert_int_equal(weir__table_add(&table, UINT64_MAX), -ENOSPC);
		assert_int_equal(weir__table_add(&table, 1), 0);
		assert_true(weir__table_remove(&table, 1));
		assert_int_equal(weir__table_add(&table, UINT64_MAX), 1);
		assert_true(weir__table_has(&table, UINT64_MAX));
		expect_sound(&table);
		weir__table_fini(&table);
	}
}

static void a_table_for_none_takes_none(void **state)
{
	struct weir__table table = make(0);

	(void)state;
	assert_int_equal(weir__table_add(&table, 1), -ENOSPC);
	assert_false(weir__table_remove(&table, 1));
	weir__table_fini(&table);
}

/* Against a list of what must be in it: few keys in a small table, so that the ways of all cross and wrap. */
static void is_what_a_list_would_be(void **state)
{
	enum { CAPACITY = 24, KEYS = 40 };
	struct weir__table table = make(CAPACITY);
	uint64_t keys[KEYS], seed = 1;
	bool in[KEYS] = { false };
	uint32_t n = 0;

	(void)state;
	for (unsigned i = 0; i < KEYS; i++)
		keys[i] = random_bits(&seed) | 1;
	for (unsigned round = 0; round < TEST_ROUNDS(400000); round++) {
		const unsigned k = (unsigned)(random_bits(&seed) % KEYS);

		if (random_bits(&seed) & 1) {
			const int expected = in[k] ? 0 : n == CAPACITY ? -ENOSPC : 1;

			assert_int_equal(weir__table_add(&table, keys[k]), expected);
			in[k] |= expected == 1;
			n += expected == 1;
		} else {
			assert_int_equal(weir__table_remove(&table, keys[k]), in[k]);
			n -= in[k];
			in[k] = false;
		}
		assert_int_equal(table.n, n);
		for (unsigned i = 0; i < KEYS; i++)
			assert_int_equal(weir__table_has(&table, keys[i]), in[i]);
		if (round % 16 == 0)
			expect_sound(&table);
	}
	assert_int_not_equal(table.moves, 0);
	weir__table_fini(&table);
}

/* Removing leaves nothing behind: after many times its size came and went, ways are as short as at first. */
static void does_not_age(void **state)
{
	enum { CAPACITY = 4096 };
	struct weir__table table = make(CAPACITY);
	uint64_t keys[CAPACITY], seed = 1;
	uint32_t run = 0, longest = 0;

	(void)state;
	for (unsigned i = 0; i < CAPACITY; i++)
		assert_int_equal(weir__table_add(&table, keys[i] = random_bits(&seed)), 1);
	for (unsigned round = 0; round < 100 * CAPACITY; round++) {
		uint64_t *key = &keys[random_bits(&seed) % CAPACITY];

		assert_true(weir__table_remove(&table, *key));
		assert_int_equal(weir__table_add(&table, *key = random_bits(&seed)), 1);
	}
	expect_sound(&table);
	for (uint32_t i = 0; i <= table.last; i++) {
		run = table.slots[i] ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	/* Of 4096 random keys in 8192 slots about 25; with 1000 a look would be a search. */
	assert_in_range(longest, 2, 100);
	weir__table_fini(&table);
}

#define KEYS 96

struct race {
	struct weir__table table;
	uint64_t keys[KEYS];
	uint32_t epoch[KEYS]; /* even: the key is in the table until this changes */
	uint32_t over;
};

struct reader {
	struct race *race;
	uint32_t found;
	uint32_t lost;   /* a key that was there from before the look to after it was not found */
	uint32_t ghosts; /* one that never was there was found */
};

static void look_for(struct reader *reader, unsigned i)
{
	const struct race *race = reader->race;
	const uint32_t epoch = __atomic_load_n(&race->epoch[i], __ATOMIC_ACQUIRE);
	const bool found = weir__table_has(&race->table, race->keys[i]);
	const bool stayed = epoch % 2 == 0 && epoch == __atomic_load_n(&race->epoch[i], __ATOMIC_RELAXED);

	reader->lost += stayed && !found;
	reader->ghosts += weir__table_has(&race->table, race->keys[i] + 1);
	__atomic_store_n(&reader->found, reader->found + found, __ATOMIC_RELEASE);
}

static void *look(void *memory)
{
	struct reader *reader = memory;

	while (!__atomic_load_n(&reader->race->over, __ATOMIC_ACQUIRE))
		for (unsigned i = 0; i < KEYS; i++)
			look_for(reader, i);
	return NULL;
}

/* Takes a key out, so that others move up, or puts it in again, behind them. */
static void toggle(struct race *race, unsigned i)
{
	const uint32_t epoch = race->epoch[i];

	if (epoch % 2)
		assert_int_equal(weir__table_add(&race->table, race->keys[i]), 1);
	__atomic_store_n(&race->epoch[i], epoch + 1, __ATOMIC_RELEASE);
	if (epoch % 2 == 0)
		assert_true(weir__table_remove(&race->table, race->keys[i]));
}

static void readers_find_what_is_there(void **state)
{
	struct race race = { .table = make(KEYS) };
	struct reader readers[2] = { { &race }, { &race } };
	pthread_t threads[2];
	uint64_t seed = 1;

	(void)state;
	for (unsigned i = 0; i < KEYS; i++) {
		race.keys[i] = random_bits(&seed) | 1; /* so none is another one plus 1 */
		assert_int_equal(weir__table_add(&race.table, race.keys[i]), 1);
	}
	for (size_t i = 0; i < countof(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, look, &readers[i]), 0);
	for (size_t i = 0; i < countof(threads); i++)
		while (!__atomic_load_n(&readers[i].found, __ATOMIC_ACQUIRE))
			sched_yield();
	for (unsigned round = 0; round < TEST_ROUNDS(20000000); round++)
		toggle(&race, (unsigned)(random_bits(&seed) % KEYS));
	__atomic_store_n(&race.over, 1, __ATOMIC_RELEASE);
	for (size_t i = 0; i < countof(threads); i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(readers[i].lost, 0);
		assert_int_equal(readers[i].ghosts, 0);
	}
	assert_int_not_equal(race.table.moves, 0);
	expect_sound(&race.table);
	weir__table_fini(&race.table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_as_many_as_it_was_made_for),
		cmocka_unit_test(a_table_for_none_takes_none),
		cmocka_unit_test(is_what_a_list_would_be),
		cmocka_unit_test(does_not_age),
		cmocka_unit_test(readers_find_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
