/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <pthread.h>

#include "vxlan/table.h"

#define AGE UINT64_C(1000) /* nanoseconds, as the test has its own time */

static struct weir__vxlan_table table;

static union weir_socket_address address(uint32_t host)
{
	union weir_socket_address result = { 0 };

	result.ipv6.sin6_family = AF_INET6;
	result.ipv6.sin6_port = htons(4789);
	for (unsigned i = 0; i < 4; i++) /* a torn one is seen */
		memcpy(&result.ipv6.sin6_addr.s6_addr[4 * i], &host, sizeof(host));
	return result;
}

static uint64_t station(uint32_t number)
{
	return (UINT64_C(0x020000000000) | number) << 16;
}

static void seen(uint32_t number, uint32_t host, uint64_t now)
{
	const union weir_socket_address from = address(host);

	weir__vxlan_table_seen(&table, station(number), &from, now);
}

/* The host behind which the station is; 0: unknown. */
static uint32_t where(uint32_t number, uint64_t now)
{
	union weir_socket_address to, whole;
	uint32_t host;

	if (!weir__vxlan_table_find(&table, station(number), now, &to))
		return 0;
	memcpy(&host, to.ipv6.sin6_addr.s6_addr, sizeof(host));
	whole = address(host);
	assert_true(weir_socket_same(&to, &whole));
	return host;
}

static void open_table(uint32_t capacity)
{
	assert_int_equal(weir__vxlan_table_open(&table, capacity, AGE, NULL), 0);
}

static void stations_are_found_where_they_were_seen(void **state)
{
	(void)state;
	open_table(100);
	for (uint32_t i = 0; i < 100; i++)
		seen(i, i + 1, i);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(where(i, 100), i + 1);
	assert_int_equal(where(100, 100), 0);
	assert_int_equal(table.learned, 100);
	assert_int_equal(table.moved, 0);
	weir__vxlan_table_close(&table);
}

static void a_station_that_moves_is_followed(void **state)
{
	(void)state;
	open_table(4);
	for (uint32_t i = 0; i < 200000; i++) { /* more often than its turns have numbers */
		seen(1, 1 + i % 3, i);
		assert_int_equal(where(1, i), 1 + i % 3);
	}
	assert_int_equal(table.learned, 1);
	assert_int_equal(table.moved, 199999);
	weir__vxlan_table_close(&table);
}

static void groups_are_no_stations(void **state)
{
	const union weir_socket_address from = address(1);
	union weir_socket_address to;

	(void)state;
	open_table(4);
	weir__vxlan_table_seen(&table, UINT64_C(0x01005e000001) << 16, &from, 0);
	weir__vxlan_table_seen(&table, UINT64_C(0xffffffffffff) << 16, &from, 0);
	assert_false(weir__vxlan_table_find(&table, UINT64_C(0x01005e000001) << 16, 0, &to));
	assert_int_equal(table.learned, 0);
	assert_int_equal(table.refused, 0);
	weir__vxlan_table_close(&table);
}

static bool is_host(const void *context, const union weir_socket_address *at)
{
	const union weir_socket_address kept = address(*(const uint32_t *)context);

	return weir_socket_same(at, &kept);
}

static void nothing_is_learned_without_a_table(void **state)
{
	(void)state;
	memset(&table, 0, sizeof(table));
	seen(1, 1, 0);
	assert_int_equal(where(1, 0), 0);
	weir__vxlan_table_forget(&table, 1);
	weir__vxlan_table_sift(&table, is_host, NULL);
	weir__vxlan_table_close(&table);
}

static void the_silent_are_not_found_and_make_room(void **state)
{
	(void)state;
	open_table(2);
	seen(1, 1, 0);
	seen(2, 2, 10);
	assert_int_equal(where(1, AGE - 1), 1);
	assert_int_equal(where(1, AGE), 0); /* though nobody has received anything since */
	seen(3, 3, AGE);
	assert_int_equal(table.refused, 1);
	seen(2, 2, AGE);
	weir__vxlan_table_forget(&table, AGE);
	assert_int_equal(table.forgotten, 1);
	seen(3, 3, AGE);
	assert_int_equal(where(1, AGE), 0);
	assert_int_equal(where(2, AGE), 2);
	assert_int_equal(where(3, AGE), 3);
	/* A sender may have looked at its clock before the frame came. */
	assert_int_equal(where(3, AGE - 5), 3);
	weir__vxlan_table_close(&table);
}

/* Whoever makes up addresses gets no further than the places go, and moves nobody who sends. */
static void a_flood_moves_nobody(void **state)
{
	uint64_t now = 0;

	(void)state;
	open_table(16);
	seen(1000000, 77, 0);
	for (uint32_t i = 0; i < 100000; i++) {
		now += AGE / 100;
		weir__vxlan_table_forget(&table, now);
		seen(i, 1, now);
		if (i % 10 == 0)
			seen(1000000, 77, now);
		assert_int_equal(where(1000000, now), 77);
		assert_true(table.learned - table.forgotten <= 16);
	}
	assert_true(table.refused > 1000);
	assert_true(table.forgotten > 1000);
	assert_int_equal(table.moved, 0);
	weir__vxlan_table_close(&table);
}

static void some_are_sifted_out(void **state)
{
	const uint32_t kept = 2;

	(void)state;
	open_table(9);
	for (uint32_t i = 0; i < 9; i++)
		seen(i, i % 3, 1);
	weir__vxlan_table_sift(&table, is_host, &kept);
	for (uint32_t i = 0; i < 9; i++)
		assert_int_equal(where(i, 1), i % 3 == 2 ? 2 : 0);
	assert_int_equal(table.forgotten, 6);
	for (uint32_t i = 10; i < 16; i++)
		seen(i, i, 1);
	assert_int_equal(table.refused, 0);
	weir__vxlan_table_close(&table);
}

/* --- senders look while stations come, move and go --- */

#define STAYS   1 /* a station that only moves, between two hosts */
#define LOOKERS 2
#define TURNS   200000

static bool stop;

static void *look(void *unused)
{
	uint64_t found = 0;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		union weir_socket_address to, one = address(1), two = address(2);

		if (!weir__vxlan_table_find(&table, station(STAYS), 0, &to) ||
		    (!weir_socket_same(&to, &one) && !weir_socket_same(&to, &two)))
			return unused;
		/* Of the others, whatever is found is whole. */
		where(2 + (uint32_t)(found % 64), 0);
		found++;
	}
	return &stop;
}

static void who_looks_meanwhile_finds_who_stays(void **state)
{
	pthread_t threads[LOOKERS];

	(void)state;
	open_table(16);
	stop = false;
	seen(STAYS, 1, 0);
	for (unsigned i = 0; i < LOOKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, look, NULL), 0);
	for (uint32_t i = 0; i < TURNS; i++) {
		const uint64_t now = i * (AGE / 8);

		seen(STAYS, 1 + i % 2, now);
		weir__vxlan_table_forget(&table, now);
		seen(2 + i % 64, 3 + i % 5, now);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < LOOKERS; i++) {
		void *result;

		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_non_null(result);
	}
	assert_true(table.forgotten > TURNS / 2);
	weir__vxlan_table_close(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stations_are_found_where_they_were_seen),
		cmocka_unit_test(a_station_that_moves_is_followed),
		cmocka_unit_test(groups_are_no_stations),
		cmocka_unit_test(nothing_is_learned_without_a_table),
		cmocka_unit_test(the_silent_are_not_found_and_make_room),
		cmocka_unit_test(a_flood_moves_nobody),
		cmocka_unit_test(some_are_sifted_out),
		cmocka_unit_test(who_looks_meanwhile_finds_who_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
