/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <pthread.h>

#include "host/hops.h"

static struct weir__ip ip(const char *text)
{
	struct weir__ip ip;

	assert_true(weir__ip_parse(text, &ip));
	return ip;
}

static struct weir__key key(const char *text)
{
	const struct weir__ip of = ip(text);

	return weir__key(&of);
}

static struct weir__prefix prefix(const char *text, const char *via)
{
	const struct weir__ip gateway = via ? ip(via) : (struct weir__ip){ 0 };
	struct weir__ip to;
	unsigned bits;

	assert_true(weir__ip_prefix_parse(text, &to, &bits));
	return weir__prefix(&to, bits, via ? &gateway : NULL);
}

static void expect_next(const struct weir__hops *hops, const char *to, const char *next)
{
	struct weir__key found;

	assert_int_equal(weir__hops_next(hops, key(to), &found), next != NULL);
	if (next)
		assert_true(weir__key_equal(found, key(next)));
}

static void finds_the_longest_prefix(void **state)
{
	const struct weir__prefix table[] = {
		prefix("10.0.0.128/25", "10.0.0.2"), prefix("10.0.0.0/24", NULL),
		prefix("10.0.0.0/8", "10.0.0.1"),    prefix("fd00::1:0/112", "fe80::1"),
		prefix("fd00::/64", NULL),           prefix("::/0", "fe80::2"),
	};
	struct weir__hops hops;

	(void)state;
	assert_int_equal(weir__hops_init(&hops, 8), 0);
	expect_next(&hops, "10.0.0.7", NULL);
	weir__hops_set_prefixes(&hops, table, countof(table), 3);
	expect_next(&hops, "10.0.0.7", "10.0.0.7");
	expect_next(&hops, "10.0.0.129", "10.0.0.2");
	expect_next(&hops, "10.1.0.1", "10.0.0.1");
	/* What leads everywhere of the other family does not lead there. */
	expect_next(&hops, "11.0.0.1", NULL);
	expect_next(&hops, "fd00::7", "fd00::7");
	expect_next(&hops, "fd00::1:7", "fe80::1");
	expect_next(&hops, "2001:db8::1", "fe80::2");
	expect_next(&hops, "::1", "fe80::2");
	weir__hops_set_prefixes(&hops, table, 1, 1);
	expect_next(&hops, "10.0.0.7", NULL);
	expect_next(&hops, "10.0.0.129", "10.0.0.2");
	expect_next(&hops, "fd00::7", NULL);
	weir__hops_fini(&hops);
}

static void keeps_what_it_is_given(void **state)
{
	enum { N = 500 };
	const struct weir__prefix all = prefix("0.0.0.0/0", NULL);
	uint8_t mac[6] = { 2 }, found[6];
	struct weir__hops hops, other;
	uint64_t generation;
	char text[32];

	(void)state;
	assert_int_equal(weir__hops_init(&hops, N), 0);
	assert_int_equal(weir__hops_init(&other, N), 0);
	assert_true(hops.generation != other.generation);
	weir__hops_set_prefixes(&hops, &all, 1, 1);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < N; i++) {
			snprintf(text, sizeof(text), "10.%u.%u.1", i % 7, i / 7);
			mac[5] = (uint8_t)i;
			weir__hops_set(&hops, key(text), mac, (uint16_t)i);
			weir__hops_unuse(&hops, (uint16_t)i);
		}
		/* Every third goes; the others are still found. */
		for (unsigned i = round; i < N; i += 3) {
			snprintf(text, sizeof(text), "10.%u.%u.1", i % 7, i / 7);
			weir__hops_remove(&hops, key(text));
			weir__hops_remove(&hops, key(text));
		}
		for (unsigned i = 0; i < N; i++) {
			const bool there = i < round || (i - round) % 3 != 0;

			snprintf(text, sizeof(text), "10.%u.%u.1", i % 7, i / 7);
			assert_false(weir__hops_is_used(&hops, (uint16_t)i));
			assert_int_equal(weir__hops_find(&hops, key(text), found, &generation),
					 there ? WEIR__HOPS_MAC : WEIR__HOPS_UNKNOWN);
			assert_true(!there || found[5] == (uint8_t)i);
			assert_int_equal(weir__hops_is_used(&hops, (uint16_t)i), there);
			assert_int_equal(generation, hops.generation);
		}
	}
	weir__hops_fini(&hops);
	weir__hops_fini(&other);
}

/* --- one changes, others look --- */

struct race {
	struct weir__hops hops;
	unsigned stop;
	unsigned looks;
};

#define KEYS 64

static struct weir__key numbered(uint32_t i)
{
	return weir__key4((const uint8_t[]){ 10, 0, 0, (uint8_t)i });
}

/* Each MAC address that there ever is for a key is of one byte, six times, and odd where the key is. */
static void *look(void *data)
{
	struct race *race = data;
	uint64_t generation, last = 0;
	uint8_t mac[6];

	for (uint32_t i = 0; !__atomic_load_n(&race->stop, __ATOMIC_ACQUIRE); i++) {
		const uint32_t k = i % KEYS;

		switch (weir__hops_find(&race->hops, numbered(k), mac, &generation)) {
		case WEIR__HOPS_MAC:
			for (unsigned b = 1; b < 6; b++)
				assert_int_equal(mac[b], mac[0]);
			assert_int_equal(mac[0] & 1, k & 1);
			break;
		case WEIR__HOPS_UNKNOWN:
			/* Only these ever go. */
			assert_true(k >= KEYS / 2);
			break;
		case WEIR__HOPS_NO_ROUTE:
			fail();
		}
		assert_true(generation >= last);
		last = generation;
		__atomic_fetch_add(&race->looks, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void change(struct race *race, uint32_t i)
{
	const uint32_t k = i * 7 % KEYS;
	const uint8_t byte = (uint8_t)(0x40 | (i >> 3 & 0xbe) | (k & 1));
	const uint8_t mac[6] = { byte, byte, byte, byte, byte, byte };
	const struct weir__prefix prefixes[] = { prefix("10.0.0.0/24", NULL), prefix("10.0.0.0/8", NULL) };

	weir__hops_set(&race->hops, numbered(k), mac, (uint16_t)k);
	if (i % 3 == 0)
		weir__hops_remove(&race->hops, numbered(KEYS / 2 + i % (KEYS / 2)));
	if (i % 16 == 0)
		weir__hops_set_prefixes(&race->hops, prefixes, 1 + i / 16 % 2, 1 + i / 16 % 2);
	if (i % 5 == 0)
		weir__hops_unuse(&race->hops, (uint16_t)k);
}

static void is_whole_while_it_changes(void **state)
{
	struct race race = { 0 };
	pthread_t thread[2];

	(void)state;
	assert_int_equal(weir__hops_init(&race.hops, KEYS), 0);
	weir__hops_set_prefixes(&race.hops, (struct weir__prefix[]){ prefix("10.0.0.0/24", NULL) }, 1, 1);
	for (uint32_t k = 0; k < KEYS; k++)
		change(&race, k);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, look, &race), 0);
	for (uint32_t i = KEYS; i < 100000 || __atomic_load_n(&race.looks, __ATOMIC_RELAXED) < 100000; i++)
		change(&race, i);
	__atomic_store_n(&race.stop, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	weir__hops_fini(&race.hops);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_longest_prefix),
		cmocka_unit_test(keeps_what_it_is_given),
		cmocka_unit_test(is_whole_while_it_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
