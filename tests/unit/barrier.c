/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sched.h>

#include "test.h"

#include "barrier.h"

#define ROUNDS 100000

/* Each thread writes its own word of a round, passes its barrier, and reads the other's. */
struct duel {
	uint32_t wrote[2][ROUNDS];
	uint32_t saw[2][ROUNDS];
	uint32_t at[2]; /* the round that a thread has come to */
};

static struct duel duel;

/* Both enter a round together. Who is first by how much changes from round to round, as the barriers matter
 * in a few nanoseconds only. */
static void fight(unsigned side, void (*barrier)(void))
{
	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint32_t spins = 0;

		__atomic_store_n(&duel.at[side], i + 1, __ATOMIC_RELEASE);
		while (__atomic_load_n(&duel.at[!side], __ATOMIC_ACQUIRE) < i + 1)
			if (++spins % 1000 == 0)
				sched_yield();
		for (uint32_t wait = side ? i % 512 : 256; wait; wait--)
			ck_pr_barrier();
		__atomic_store_n(&duel.wrote[side][i], 1, __ATOMIC_RELAXED);
		barrier();
		duel.saw[side][i] = __atomic_load_n(&duel.wrote[!side][i], __ATOMIC_RELAXED);
	}
}

static void light(void)
{
	weir__barrier_light();
}

static void *fight_lightly(void *argument)
{
	(void)argument;
	fight(0, light);
	return NULL;
}

static void one_sees_the_other(void (*heavy)(void))
{
	pthread_t thread;

	memset(&duel, 0, sizeof(duel));
	assert_int_equal(pthread_create(&thread, NULL, fight_lightly, NULL), 0);
	fight(1, heavy);
	pthread_join(thread, NULL);
	for (uint32_t i = 0; i < ROUNDS; i++)
		if (!duel.saw[0][i] && !duel.saw[1][i])
			fail_msg("round %u: neither saw the other", i);
}

static void the_kernel_makes_one_see_the_other(void **state)
{
	(void)state;
	weir__barrier_init();
	if (!weir__barrier_by_kernel)
		skip(); /* it has no membarrier(), or the emulator does not pass it on */
	one_sees_the_other(weir__barrier_heavy);
}

static void without_the_kernel_too(void **state)
{
	const bool before = weir__barrier_by_kernel;

	(void)state;
	weir__barrier_by_kernel = false;
	one_sees_the_other(weir__barrier_heavy);
	weir__barrier_by_kernel = before;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_makes_one_see_the_other),
		cmocka_unit_test(without_the_kernel_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
