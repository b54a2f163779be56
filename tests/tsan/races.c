/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether ThreadSanitizer sees through the rings and the publishing of pointers: what is right is not
 * reported, and what lacks a barrier or has two threads where one may be is. Threads take turns by relaxed
 * accesses, which order nothing else: so each race is there in every run, and none is ever lost or hung on.
 */
#include <pthread.h>
#include <sched.h>

#include "../unit/test.h"

#include "rcu.h"
#include "ring.h"

#define ROUNDS     8
#define ACTORS_MAX 3

static uint32_t turn, reports;
static struct weir__ring ring;
static uint64_t packets[4]; /* as buffers are: who holds the vector that names one may touch it */

/* ThreadSanitizer looks for both, by their names. */
void __tsan_on_report(void *report);
const char *__tsan_default_options(void);

void __tsan_on_report(void *report)
{
	(void)report;
	__atomic_fetch_add(&reports, 1, __ATOMIC_RELAXED);
}

/* Each report counts, also one like another, and it is for this program to say what is wrong. */
const char *__tsan_default_options(void)
{
	return "exitcode=0:suppress_equal_stacks=0:suppress_equal_addresses=0";
}

struct actor {
	void (*act)(void);
	unsigned number, of;
	pthread_t thread;
};

static void *play(void *argument)
{
	const struct actor *actor = argument;

	for (unsigned round = 0; round < ROUNDS; round++) {
		while (__atomic_load_n(&turn, __ATOMIC_RELAXED) != round * actor->of + actor->number)
			sched_yield();
		actor->act();
		__atomic_fetch_add(&turn, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/*
 * How many races are reported when they act one after the other, on a ring in memory of its own, as one race
 * may hide the next in the same place. The last one may be NULL.
 */
static uint32_t races(void (*first)(void), void (*second)(void), void (*third)(void))
{
	struct actor actors[ACTORS_MAX] = { { .act = first }, { .act = second }, { .act = third } };
	const unsigned n = third ? 3 : 2;

	assert_int_equal(weir__ring_init(&ring, 3), 0);
	turn = 0;
	reports = 0;
	for (unsigned i = 0; i < n; i++) {
		actors[i].number = i;
		actors[i].of = n;
		assert_int_equal(pthread_create(&actors[i].thread, NULL, play, &actors[i]), 0);
	}
	for (unsigned i = 0; i < n; i++)
		pthread_join(actors[i].thread, NULL);
	weir__ring_fini(&ring);
	return reports;
}

static void push(void)
{
	const struct weir__vector vector = { .n = 1, .index = { ring.ring.p_tail % countof(packets) } };

	packets[vector.index[0]]++;
	weir__ring_push(&ring, &vector);
}

static void fill(void)
{
	while (!weir__ring_full(&ring))
		push();
}

/* Reads the whole vector: the compiler leaves out what nobody reads. */
static void use(const struct weir__vector *vector)
{
	volatile uint32_t sink = vector->n;

	for (unsigned i = 0; i < WEIR_VECTOR_SIZE; i++)
		sink = vector->index[i];
	(void)sink;
}

static void empty(void)
{
	struct weir__vector vector;

	while (weir__ring_pop(&ring, &vector)) {
		use(&vector);
		packets[vector.index[0]]++;
	}
}

static struct weir__vector *reserve(void)
{
	unsigned used;

	return ck_ring_enqueue_reserve_spsc_size_weir__vector(&ring.ring, ring.slots, &used);
}

static void push_without_fence(void)
{
	reserve()->n = 0;
	ck_pr_store_uint(&ring.ring.p_tail, ring.ring.p_tail + 1);
}

static void push_before_it_is_written(void)
{
	struct weir__vector *slot = reserve();

	ck_ring_enqueue_commit_spsc(&ring.ring);
	slot->n = 0;
}

static void push_and_touch_the_packet(void)
{
	const uint32_t index = ring.ring.p_tail % countof(packets);

	push();
	packets[index]++;
}

static void empty_before_it_is_read(void)
{
	const struct weir__vector *slot = &ring.slots[ring.ring.c_head & ring.ring.mask];

	empty();
	use(slot);
}

static void empty_without_fence(void)
{
	while (ck_ring_size(&ring.ring)) {
		use(&ring.slots[ring.ring.c_head & ring.ring.mask]);
		ck_pr_store_uint(&ring.ring.c_head, ring.ring.c_head + 1);
	}
}

static void sees_what_a_ring_hands_over(void **state)
{
	(void)state;
	assert_int_equal(races(push, empty, NULL), 0);
	assert_int_equal(races(fill, empty, NULL), 0);
}

static void sees_a_ring_that_publishes_wrongly(void **state)
{
	(void)state;
	assert_true(races(push_without_fence, empty, NULL) > 0);
	assert_true(races(push_before_it_is_written, empty, NULL) > 0);
	assert_true(races(push_and_touch_the_packet, empty, NULL) > 0);
}

static void sees_a_slot_that_is_given_back_too_early(void **state)
{
	(void)state;
	assert_true(races(fill, empty_before_it_is_read, NULL) > 0);
	assert_true(races(fill, empty_without_fence, NULL) > 0);
}

static void sees_a_second_thread_at_one_end(void **state)
{
	(void)state;
	assert_true(races(push, push, empty) > 0);
	assert_true(races(push, empty, empty) > 0);
}

/* As programs are: published by one thread, used by another. */
static struct note {
	uint32_t number;
} notes[ROUNDS], *published;

static void publish(void)
{
	struct note *note = &notes[__atomic_load_n(&turn, __ATOMIC_RELAXED) / 2];

	note->number++;
	rcu_assign_pointer(published, note);
}

static void publish_without_fence(void)
{
	struct note *note = &notes[__atomic_load_n(&turn, __ATOMIC_RELAXED) / 2];

	note->number++;
	__atomic_store_n(&published, note, __ATOMIC_RELAXED);
}

static void read_published(void)
{
	volatile uint32_t number = rcu_dereference(published)->number;

	(void)number;
}

static void sees_a_pointer_that_is_published_wrongly(void **state)
{
	(void)state;
	assert_int_equal(races(publish, read_published, NULL), 0);
	assert_true(races(publish_without_fence, read_published, NULL) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sees_what_a_ring_hands_over),
		cmocka_unit_test(sees_a_ring_that_publishes_wrongly),
		cmocka_unit_test(sees_a_slot_that_is_given_back_too_early),
		cmocka_unit_test(sees_a_second_thread_at_one_end),
		cmocka_unit_test(sees_a_pointer_that_is_published_wrongly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
