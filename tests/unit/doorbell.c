/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "test.h"

#include "doorbell.h"
#include "sanitizer.h"

static bool is_readable(const struct weir__doorbell *bell)
{
	struct pollfd fd = { .fd = bell->fd, .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

static void enters_the_kernel_only_for_a_sleeper(void **state)
{
	struct weir__doorbell bell;

	(void)state;
	assert_int_equal(weir__doorbell_open(&bell), 0);
	for (int i = 0; i < 10; i++)
		weir__doorbell_ring(&bell);
	assert_int_equal(bell.wakes, 0);
	assert_false(is_readable(&bell));

	/* Of many rings, one wakes. */
	weir__doorbell_sleep(&bell);
	for (int i = 0; i < 10; i++)
		weir__doorbell_ring(&bell);
	assert_int_equal(bell.wakes, 1);
	assert_true(is_readable(&bell));
	weir__doorbell_awake(&bell, true);
	assert_false(is_readable(&bell));
	weir__doorbell_ring(&bell);
	assert_int_equal(bell.wakes, 1);
	weir__doorbell_close(&bell);
	assert_int_equal(bell.fd, -1);
}

/* It did not sleep after all: the bell may have been rung or not, and says nothing later. */
static void forgets_a_sleep_that_was_none(void **state)
{
	struct weir__doorbell bell;

	(void)state;
	assert_int_equal(weir__doorbell_open(&bell), 0);
	weir__doorbell_sleep(&bell);
	weir__doorbell_awake(&bell, false);
	weir__doorbell_ring(&bell);
	assert_int_equal(bell.wakes, 0);
	weir__doorbell_sleep(&bell);
	weir__doorbell_ring(&bell);
	weir__doorbell_awake(&bell, false);
	assert_false(is_readable(&bell));
	assert_int_equal(bell.wakes, 1);
	weir__doorbell_close(&bell);
}

/* A ringer that was held up between taking the mark away and writing. */
static void a_late_wake_up_ends_the_next_sleep(void **state)
{
	struct weir__doorbell bell;

	(void)state;
	assert_int_equal(weir__doorbell_open(&bell), 0);
	weir__doorbell_sleep(&bell);
	bell.sleeping = 0;
	weir__doorbell_awake(&bell, false);
	assert_int_equal(eventfd_write(bell.fd, 1), 0);
	weir__doorbell_sleep(&bell);
	assert_true(is_readable(&bell));
	weir__doorbell_awake(&bell, true);
	assert_false(is_readable(&bell));
	weir__doorbell_close(&bell);
}

#define RINGERS 2

struct work {
	struct weir__doorbell bell;
	struct weir__doorbell back;
	uint64_t rounds;
	uint64_t posted[RINGERS]; /* work that was published */
	uint64_t done;
};

struct ringer {
	struct work *work;
	unsigned i;
	pthread_t thread;
};

static void sleep_while(struct weir__doorbell *bell, const uint64_t *value, uint64_t old)
{
	struct pollfd fd = { .fd = bell->fd, .events = POLLIN };

	while (__atomic_load_n(value, __ATOMIC_ACQUIRE) == old) {
		bool rung = false;

		weir__doorbell_sleep(bell);
		weir__barrier_heavy();
		if (__atomic_load_n(value, __ATOMIC_ACQUIRE) == old)
			rung = poll(&fd, 1, -1) > 0;
		weir__doorbell_awake(bell, rung);
	}
}

/* Publishes, rings, and waits for the answer: with a lost wake-up both would sleep for ever. */
static void *call(void *argument)
{
	struct work *work = argument;

	for (uint64_t i = 1; i <= work->rounds; i++) {
		__atomic_store_n(&work->posted[0], i, __ATOMIC_RELEASE);
		weir__doorbell_ring(&work->bell);
		sleep_while(&work->back, &work->done, i - 1);
	}
	return NULL;
}

static void no_wake_up_is_lost(void **state)
{
	struct work work = { .rounds = TEST_ROUNDS(200000) };
	pthread_t caller;

	(void)state;
	assert_int_equal(weir__doorbell_open(&work.bell), 0);
	assert_int_equal(weir__doorbell_open(&work.back), 0);
	assert_int_equal(pthread_create(&caller, NULL, call, &work), 0);
	for (uint64_t i = 1; i <= work.rounds; i++) {
		sleep_while(&work.bell, &work.posted[0], i - 1);
		assert_int_equal(work.posted[0], i);
		__atomic_store_n(&work.done, i, __ATOMIC_RELEASE);
		weir__doorbell_ring(&work.back);
	}
	pthread_join(caller, NULL);
	assert_true(work.bell.wakes <= work.rounds);
	weir__doorbell_close(&work.bell);
	weir__doorbell_close(&work.back);
}

static void *post(void *argument)
{
	struct ringer *ringer = argument;
	struct work *work = ringer->work;

	for (uint64_t i = 0; i < work->rounds; i++) {
		__atomic_fetch_add(&work->posted[ringer->i], 1, __ATOMIC_RELEASE);
		weir__doorbell_ring(&work->bell);
	}
	return NULL;
}

/* Several ringers at once, none of which waits: the sleeper finds all that they left. */
static void many_may_ring(void **state)
{
	struct work work = { .rounds = TEST_ROUNDS(200000) };
	struct ringer ringers[RINGERS];
	uint64_t found = 0;

	(void)state;
	assert_int_equal(weir__doorbell_open(&work.bell), 0);
	for (unsigned i = 0; i < RINGERS; i++) {
		ringers[i] = (struct ringer){ .work = &work, .i = i };
		assert_int_equal(pthread_create(&ringers[i].thread, NULL, post, &ringers[i]), 0);
	}
	while (found < RINGERS * work.rounds) {
		struct pollfd fd = { .fd = work.bell.fd, .events = POLLIN };
		uint64_t now = 0;
		bool rung = false;

		weir__doorbell_sleep(&work.bell);
		weir__barrier_heavy();
		for (unsigned i = 0; i < RINGERS; i++)
			now += __atomic_load_n(&work.posted[i], __ATOMIC_ACQUIRE);
		if (now == found)
			rung = poll(&fd, 1, -1) > 0;
		weir__doorbell_awake(&work.bell, rung);
		found = now;
	}
	for (unsigned i = 0; i < RINGERS; i++)
		pthread_join(ringers[i].thread, NULL);
	weir__doorbell_close(&work.bell);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enters_the_kernel_only_for_a_sleeper),
		cmocka_unit_test(forgets_a_sleep_that_was_none),
		cmocka_unit_test(a_late_wake_up_ends_the_next_sleep),
		cmocka_unit_test(no_wake_up_is_lost),
		cmocka_unit_test(many_may_ring),
	};

	weir__barrier_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
