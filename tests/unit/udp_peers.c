/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <pthread.h>

#include "udp_peers.h"

#define AGE 1000 /* nanoseconds, as the test has its own time */

static struct weir__udp_peers peers;

static const union weir_socket_address *address(uint32_t host, uint16_t port)
{
	static union weir_socket_address result;

	memset(&result, 0, sizeof(result));
	result.ipv4.sin_family = AF_INET;
	result.ipv4.sin_port = htons(port);
	result.ipv4.sin_addr.s_addr = htonl(host);
	return &result;
}

static void open_peers(uint32_t configured, uint32_t learned)
{
	assert_int_equal(weir__udp_peers_open(&peers, configured, learned, AGE, NULL), 0);
	for (uint32_t i = 0; i < configured; i++)
		weir__udp_peers_add(&peers, address(i, 1));
}

static bool number_is(uint32_t number, uint32_t host, uint16_t port)
{
	union weir_socket_address there;

	return weir__udp_peers_address(&peers, number, &there) &&
	       weir_socket_same(&there, address(host, port));
}

static void configured_peers_are_numbered(void **state)
{
	union weir_socket_address there;

	(void)state;
	open_peers(100, 0);
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(weir__udp_peers_seen(&peers, address(i, 1), 0), i + 1);
		assert_int_equal(weir__udp_peers_find(&peers, address(i, 1)), i + 1);
		assert_true(number_is(i + 1, i, 1));
	}
	assert_int_equal(weir__udp_peers_seen(&peers, address(5, 2), 0), 0);
	assert_int_equal(weir__udp_peers_find(&peers, address(5, 2)), 0);
	assert_int_equal(weir__udp_peers_learn(&peers, address(5, 2), 0), 0);
	assert_false(weir__udp_peers_address(&peers, 0, &there));
	assert_false(weir__udp_peers_address(&peers, 101, &there));
	assert_false(weir__udp_peers_address(&peers, 0x10000, &there));
	assert_false(weir__udp_peers_address(&peers, 0x10001, &there));
	assert_false(weir__udp_peers_address(&peers, UINT32_MAX, &there));
	weir__udp_peers_close(&peers);
}

static void learned_peers_are_found_again(void **state)
{
	uint32_t numbers[50];

	(void)state;
	open_peers(2, 50);
	for (uint32_t i = 0; i < 50; i++) {
		numbers[i] = weir__udp_peers_learn(&peers, address(i, 9), i);
		assert_true(numbers[i] > 2);
	}
	for (uint32_t i = 0; i < 50; i++) {
		assert_int_equal(weir__udp_peers_seen(&peers, address(i, 9), 50 + i), numbers[i]);
		assert_true(number_is(numbers[i], i, 9));
	}
	assert_int_equal(peers.learned, 50);
	weir__udp_peers_close(&peers);
}

/* Whoever makes up addresses gets no further than the places go, and moves nobody who sends. */
static void a_flood_moves_nobody(void **state)
{
	uint32_t friend;
	uint64_t now = 0;

	(void)state;
	open_peers(3, 16);
	friend = weir__udp_peers_learn(&peers, address(77, 77), 0);
	for (uint32_t i = 0; i < 100000; i++) {
		now += AGE / 100;
		weir__udp_peers_forget(&peers, now);
		if (!weir__udp_peers_seen(&peers, address(i, 1000), now))
			weir__udp_peers_learn(&peers, address(i, 1000), now);
		if (i % 10 == 0)
			assert_int_equal(weir__udp_peers_seen(&peers, address(77, 77), now), friend);
		assert_true(peers.learned - peers.forgotten <= 16);
	}
	for (uint32_t i = 0; i < 3; i++)
		assert_true(number_is(i + 1, i, 1));
	assert_true(number_is(friend, 77, 77));
	assert_true(peers.forgotten > 1000);
	weir__udp_peers_close(&peers);
}

static void the_silent_are_forgotten(void **state)
{
	uint32_t first, second, third;

	(void)state;
	open_peers(1, 2);
	first = weir__udp_peers_learn(&peers, address(1, 7), 0);
	second = weir__udp_peers_learn(&peers, address(2, 7), 10);
	assert_int_equal(weir__udp_peers_learn(&peers, address(3, 7), 20), 0);
	assert_int_equal(weir__udp_peers_seen(&peers, address(1, 7), 30), first);
	weir__udp_peers_forget(&peers, 10 + AGE - 1);
	assert_int_equal(peers.forgotten, 0);
	weir__udp_peers_forget(&peers, 10 + AGE);
	assert_int_equal(peers.forgotten, 1);
	assert_false(number_is(second, 2, 7));
	assert_int_equal(weir__udp_peers_seen(&peers, address(2, 7), 10 + AGE), 0);
	/* In the same place, but not under the same number. */
	third = weir__udp_peers_learn(&peers, address(3, 7), 10 + AGE);
	assert_int_equal(third & 0xffff, second & 0xffff);
	assert_int_not_equal(third, second);
	assert_false(number_is(second, 2, 7));
	assert_true(number_is(third, 3, 7));
	/* However long they are silent, configured ones stay. */
	weir__udp_peers_forget(&peers, 100ull * AGE);
	assert_int_equal(peers.forgotten, 3);
	assert_true(number_is(1, 0, 1));
	weir__udp_peers_close(&peers);
}

/* 65,535 others come before a number comes again. */
static void numbers_come_again_late(void **state)
{
	uint32_t first, number;
	uint64_t now = 0;

	(void)state;
	open_peers(0, 1);
	first = weir__udp_peers_learn(&peers, address(1, 1), now);
	for (uint32_t i = 0; i < 65535; i++) {
		now += AGE;
		weir__udp_peers_forget(&peers, now);
		number = weir__udp_peers_learn(&peers, address(i, 2), now);
		assert_int_not_equal(number, 0);
		assert_int_not_equal(number, first);
	}
	weir__udp_peers_close(&peers);
}

static void both_families_are_peers(void **state)
{
	union weir_socket_address here = { .ipv6 = { .sin6_family = AF_INET6, .sin6_port = htons(5) } },
				  there;

	(void)state;
	assert_int_equal(weir__udp_peers_open(&peers, 0, 300, AGE, NULL), 0);
	for (unsigned i = 0; i < 256; i++) {
		uint32_t number;

		here.ipv6.sin6_addr.s6_addr[i % 16] = (uint8_t)(i + 1);
		number = weir__udp_peers_learn(&peers, &here, 0);
		assert_int_equal(weir__udp_peers_seen(&peers, &here, 0), number);
		assert_true(weir__udp_peers_address(&peers, number, &there));
		assert_true(weir_socket_same(&here, &there));
	}
	weir__udp_peers_close(&peers);
}

/* A sender looks up numbers while they change hands: it finds the address of just that number, or none. */
struct hands {
	uint32_t number; /* the latest one */
	bool stop;
	unsigned found;
};

static void *look_up(void *data)
{
	struct hands *hands = data;

	while (!__atomic_load_n(&hands->stop, __ATOMIC_RELAXED)) {
		const uint32_t number = __atomic_load_n(&hands->number, __ATOMIC_ACQUIRE);
		union weir_socket_address there;

		if (!weir__udp_peers_address(&peers, number, &there))
			continue;
		assert_int_equal(there.words[1], number);
		assert_int_equal(there.words[6], ~number);
		__atomic_add_fetch(&hands->found, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void a_number_never_has_another_address(void **state)
{
	struct hands hands = { 0 };
	uint64_t now = 0;
	pthread_t thread;
	uint32_t last;

	(void)state;
	assert_int_equal(weir__udp_peers_open(&peers, 0, 1, AGE, NULL), 0);
	/* The first one tells the numbers of those who follow in its place. */
	last = weir__udp_peers_learn(&peers, address(0, 0), now);
	assert_int_equal(pthread_create(&thread, NULL, look_up, &hands), 0);
	while (__atomic_load_n(&hands.found, __ATOMIC_RELAXED) < 1000) {
		const uint32_t next = last + 0x10000;
		union weir_socket_address there = { .words = { [1] = next, [6] = ~next } };

		now += AGE;
		weir__udp_peers_forget(&peers, now);
		assert_int_equal(weir__udp_peers_learn(&peers, &there, now), next);
		__atomic_store_n(&hands.number, next, __ATOMIC_RELEASE);
		last = next;
	}
	__atomic_store_n(&hands.stop, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	weir__udp_peers_close(&peers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(configured_peers_are_numbered),
		cmocka_unit_test(learned_peers_are_found_again),
		cmocka_unit_test(a_flood_moves_nobody),
		cmocka_unit_test(the_silent_are_forgotten),
		cmocka_unit_test(numbers_come_again_late),
		cmocka_unit_test(both_families_are_peers),
		cmocka_unit_test(a_number_never_has_another_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
