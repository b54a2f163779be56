/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>

#include "test.h"

#include "ring.h"
#include "sanitizer.h"

/* What a producer does before it sleeps: returns whether it must. */
static bool wait_for_room(struct weir__ring *ring)
{
	weir__ring_wait(ring);
	weir__barrier_heavy();
	return weir__ring_full(ring);
}

static const uint32_t capacities[] = { 1, 2, 3, 16, 31, 65535 };

static struct weir__vector numbered(uint32_t number)
{
	struct weir__vector vector = { .n = (uint16_t)(1 + number % WEIR_VECTOR_SIZE) };

	for (uint32_t i = 0; i < vector.n; i++)
		vector.index[i] = number * 31 + i;
	return vector;
}

static bool is_numbered(const struct weir__vector *vector, uint32_t number)
{
	const struct weir__vector expected = numbered(number);

	return vector->n == expected.n &&
	       memcmp(vector->index, expected.index, vector->n * sizeof(vector->index[0])) == 0;
}

/* Fills it and empties it several times, so that its indices wrap. */
static void holds_exactly_what_was_asked_for(void **state)
{
	struct weir__vector vector;

	(void)state;
	for (size_t i = 0; i < countof(capacities); i++) {
		struct weir__ring ring;
		uint32_t in = 0, out = 0;

		assert_int_equal(weir__ring_init(&ring, capacities[i]), 0);
		for (int round = 0; round < 3; round++) {
			assert_false(weir__ring_pop(&ring, &vector));
			for (uint32_t n = 0; n < capacities[i]; n++) {
				assert_int_equal(weir__ring_size(&ring), n);
				vector = numbered(in++);
				assert_true(weir__ring_push(&ring, &vector));
			}
			assert_int_equal(weir__ring_size(&ring), capacities[i]);
			vector = numbered(in);
			assert_false(weir__ring_push(&ring, &vector));
			assert_true(weir__ring_pop(&ring, &vector));
			assert_true(is_numbered(&vector, out++));
			vector = numbered(in++);
			assert_true(weir__ring_push(&ring, &vector));
			assert_false(weir__ring_push(&ring, &vector));
			while (weir__ring_pop(&ring, &vector))
				assert_true(is_numbered(&vector, out++));
		}
		assert_int_equal(out, 3 * (capacities[i] + 1));
		weir__ring_fini(&ring);
	}
}

/* The mark that the producer waits, and the bell that rings only where it is set. */
static void rings_a_producer_that_waits(void **state)
{
	const struct weir__vector vector = { .n = 1 };
	struct weir__doorbell producer, consumer;
	struct weir__vector out;
	struct weir__ring ring;

	(void)state;
	assert_int_equal(weir__doorbell_open(&producer), 0);
	assert_int_equal(weir__doorbell_open(&consumer), 0);
	assert_int_equal(weir__ring_init(&ring, 2), 0);

	/* There is room: no reason to wait. */
	assert_true(weir__ring_push(&ring, &vector));
	assert_false(wait_for_room(&ring));
	assert_true(weir__ring_pop(&ring, &out));
	weir__ring_made_room(&ring, &producer);
	assert_int_equal(producer.wakes, 0);

	/* It is full, and the producer sleeps: room wakes it, once. */
	assert_true(weir__ring_push(&ring, &vector));
	assert_true(weir__ring_push(&ring, &vector));
	weir__doorbell_sleep(&producer);
	weir__doorbell_sleep(&consumer);
	assert_true(wait_for_room(&ring));
	assert_true(weir__ring_pop(&ring, &out));
	weir__ring_made_room(&ring, &producer);
	assert_int_equal(producer.wakes, 1);
	weir__doorbell_awake(&producer, true);
	weir__doorbell_sleep(&producer);
	assert_true(weir__ring_pop(&ring, &out));
	weir__ring_made_room(&ring, &producer);
	assert_int_equal(producer.wakes, 1);
	/* The consumer is not the ring's to wake. */
	assert_int_equal(consumer.wakes, 0);
	weir__ring_fini(&ring);
	weir__doorbell_close(&producer);
	weir__doorbell_close(&consumer);
}

struct hop {
	struct weir__ring ring;
	struct weir__doorbell producer, consumer;
	uint32_t vectors;
};

static void sleep_on(struct weir__doorbell *bell)
{
	struct pollfd fd = { .fd = bell->fd, .events = POLLIN };

	assert_true(poll(&fd, 1, -1) >= 0);
	weir__doorbell_awake(bell, fd.revents);
}

static void *produce(void *argument)
{
	struct hop *hop = argument;

	for (uint32_t i = 0; i < hop->vectors; i++) {
		const struct weir__vector vector = numbered(i);

		while (!weir__ring_push(&hop->ring, &vector)) {
			weir__doorbell_sleep(&hop->producer);
			if (wait_for_room(&hop->ring))
				sleep_on(&hop->producer);
			else
				weir__doorbell_awake(&hop->producer, false);
		}
		weir__doorbell_ring(&hop->consumer);
	}
	return NULL;
}

/* Both sides sleep whenever they can: neither is ever forgotten, and nothing is lost or changes its place. */
static void hop(uint32_t capacity, uint32_t vectors)
{
	struct hop hop = { .vectors = vectors };
	struct weir__vector vector;
	pthread_t producer;

	assert_int_equal(weir__doorbell_open(&hop.producer), 0);
	assert_int_equal(weir__doorbell_open(&hop.consumer), 0);
	assert_int_equal(weir__ring_init(&hop.ring, capacity), 0);
	assert_int_equal(pthread_create(&producer, NULL, produce, &hop), 0);
	for (uint32_t i = 0; i < vectors; i++) {
		while (!weir__ring_pop(&hop.ring, &vector)) {
			weir__doorbell_sleep(&hop.consumer);
			weir__barrier_heavy();
			if (weir__ring_size(&hop.ring))
				weir__doorbell_awake(&hop.consumer, false);
			else
				sleep_on(&hop.consumer);
		}
		if (!is_numbered(&vector, i))
			fail_msg("vector %u is not the one that was sent", i);
		weir__ring_made_room(&hop.ring, &hop.producer);
	}
	pthread_join(producer, NULL);
	assert_false(weir__ring_pop(&hop.ring, &vector));
	weir__ring_fini(&hop.ring);
	weir__doorbell_close(&hop.producer);
	weir__doorbell_close(&hop.consumer);
}

static void keeps_order_and_loses_nothing(void **state)
{
	(void)state;
	hop(65535, TEST_ROUNDS(1000000));
	hop(16, TEST_ROUNDS(1000000));
}

/* With one slot nearly every vector makes one side wait for the other. */
static void wakes_both_sides(void **state)
{
	(void)state;
	hop(1, TEST_ROUNDS(20000));
	hop(3, TEST_ROUNDS(20000));
}

/* The same where the kernel has no membarrier(). */
static void wakes_both_sides_without_the_kernel(void **state)
{
	const bool before = weir__barrier_by_kernel;

	weir__barrier_by_kernel = false;
	wakes_both_sides(state);
	weir__barrier_by_kernel = before;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_exactly_what_was_asked_for),
		cmocka_unit_test(rings_a_producer_that_waits),
		cmocka_unit_test(keeps_order_and_loses_nothing),
		cmocka_unit_test(wakes_both_sides),
		cmocka_unit_test(wakes_both_sides_without_the_kernel),
	};

	weir__barrier_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
