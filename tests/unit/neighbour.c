/* SPDX-License-Identifier: Apache-2.0 */
/* The table of neighbours by a clock of the test's. */
#include "test.h"

#include "host/neighbour.h"

#define SECOND UINT64_C(1000000000)
#define MS     UINT64_C(1000000)
#define MAX    64
#define QUEUE  3

static const uint8_t mac_a[6] = { 2, 0, 0, 0, 0, 0xa }, mac_b[6] = { 2, 0, 0, 0, 0, 0xb };

struct fixture {
	struct weir__hops hops;
	struct weir__frame_store store;
	struct weir__neighbours table;
	uint64_t now;
	/* What was called. */
	unsigned asked_all, asked_one, sent, changed;
	uint8_t asked_mac[6], sent_mac[6];
	uint8_t sent_bytes[64]; /* the last one of each frame sent */
};

static void solicit(void *context, const struct weir__neighbour *neighbour, bool all)
{
	struct fixture *f = context;

	f->asked_all += all;
	f->asked_one += !all;
	memcpy(f->asked_mac, neighbour->mac, 6);
}

static void transmit(void *context, struct weir__frame *frame)
{
	struct fixture *f = context;

	f->sent_bytes[f->sent++ % sizeof(f->sent_bytes)] = frame->bytes[6];
	memcpy(f->sent_mac, frame->bytes, 6);
	weir__frame_put(&f->store.free, frame);
}

static void changed(void *context, const struct weir__neighbour *neighbour)
{
	(void)neighbour;
	((struct fixture *)context)->changed++;
}

static int open_fixture(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const struct weir__neighbours_user user = { solicit, transmit, changed, f };
	const uint32_t frames = weir__neighbours_waiting(MAX, QUEUE) + 1;

	assert_non_null(f);
	assert_int_equal(weir__hops_init(&f->hops, MAX), 0);
	assert_int_equal(weir__frame_store_init(&f->store, frames, 64), 0);
	assert_int_equal(weir__neighbours_init(&f->table, MAX, QUEUE, 1, &f->hops, &user), 0);
	f->table.store = &f->store;
	f->now = 1000 * SECOND;
	weir__hops_set_prefixes(
		&f->hops,
		(struct weir__prefix[]){ weir__prefix(&(struct weir__ip){ .family = 4 }, 0, NULL),
					 weir__prefix(&(struct weir__ip){ .family = 6 }, 0, NULL) },
		2, 1);
	*state = f;
	return 0;
}

/* Whatever happened: each frame is back in the store or in a queue, and the shares are kept. */
static void check(const struct fixture *f)
{
	uint32_t n = 0, unresolved = 0, asked = 0, frames = f->store.free.n;

	for (uint32_t i = 1; i <= f->table.max; i++) {
		const struct weir__neighbour *e = &f->table.entry[i];
		const bool waits = e->state == WEIR_NEIGHBOUR_INCOMPLETE;

		n += e->state != WEIR_NEIGHBOUR_NONE;
		unresolved += waits || e->state == WEIR_NEIGHBOUR_FAILED;
		asked += e->asked;
		frames += e->queue.n;
		assert_true(waits || e->queue.n == 0);
		assert_true(e->queue.n <= QUEUE);
	}
	assert_int_equal(n, f->table.n);
	assert_int_equal(unresolved, f->table.n_unresolved);
	assert_int_equal(asked, f->table.n_asked);
	assert_int_equal(frames, weir__neighbours_waiting(MAX, QUEUE) + 1);
	assert_true(asked <= f->table.asked_max);
}

static int close_fixture(void **state)
{
	struct fixture *f = *state;

	check(f);
	weir__neighbours_fini(&f->table);
	weir__frame_store_fini(&f->store);
	weir__hops_fini(&f->hops);
	free(f);
	return 0;
}

static struct weir__ip ip(const char *text)
{
	struct weir__ip ip;

	assert_true(weir__ip_parse(text, &ip));
	return ip;
}

static struct weir__ip numbered(uint32_t i)
{
	return (struct weir__ip){ 4, { 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i } };
}

static void send_to(struct fixture *f, const struct weir__ip *to, uint8_t byte)
{
	struct weir__frame *frame = weir__frame_take(&f->store.free);

	assert_non_null(frame);
	frame->len = 60;
	frame->bytes[6] = byte;
	weir__neighbours_send(&f->table, to, false, frame, f->now);
}

/* Lets time go by, as the host's thread would. */
static void pass(struct fixture *f, uint64_t ns)
{
	const uint64_t end = f->now + ns;

	for (;;) {
		const uint64_t due = weir__neighbours_timer(&f->table, f->now);

		assert_true(due > f->now);
		if (due > end)
			break;
		f->now = due;
	}
	f->now = end;
}

static enum weir_neighbour_state state_of(struct fixture *f, const struct weir__ip *of)
{
	const struct weir__neighbour *e = weir__neighbours_find(&f->table, of);

	return e ? e->state : WEIR_NEIGHBOUR_NONE;
}

static void told(struct fixture *f, const struct weir__ip *of, const uint8_t *mac, enum weir__told how)
{
	weir__neighbours_told(&f->table, of, mac, how, f->now);
}

/* What a worker finds; NULL: nothing. Which is a use. */
static const uint8_t *look(struct fixture *f, const struct weir__ip *of)
{
	static uint8_t mac[6];
	uint64_t generation;

	return weir__hops_find(&f->hops, weir__key(of), mac, &generation) == WEIR__HOPS_MAC ? mac : NULL;
}

/* Sends to it, and answers. */
static void make_reachable(struct fixture *f, const struct weir__ip *of, const uint8_t *mac)
{
	send_to(f, of, 0);
	told(f, of, mac, WEIR__TOLD_ANSWER);
	assert_int_equal(state_of(f, of), WEIR_NEIGHBOUR_REACHABLE);
}

static void asks_keeps_and_sends(void **state)
{
	struct fixture *f = *state;
	const struct weir__ip a = ip("10.0.0.1");

	for (uint8_t i = 1; i <= 5; i++)
		send_to(f, &a, i);
	assert_int_equal(state_of(f, &a), WEIR_NEIGHBOUR_INCOMPLETE);
	assert_null(look(f, &a));
	assert_int_equal(f->asked_all, 1);
	assert_int_equal(f->sent, 0);
	assert_int_equal(f->table.queued, 5);
	assert_int_equal(f->table.queue_drops, 2);
	told(f, &a, mac_a, WEIR__TOLD_ANSWER);
	/* The oldest were dropped, the others keep their order. */
	assert_int_equal(f->sent, 3);
	assert_memory_equal(f->sent_bytes, "\3\4\5", 3);
	assert_memory_equal(f->sent_mac, mac_a, 6);
	assert_memory_equal(look(f, &a), mac_a, 6);
	send_to(f, &a, 6);
	assert_int_equal(f->sent, 4);
	assert_int_equal(f->asked_all, 1);
}

static void gives_up_after_three_questions(void **state)
{
	struct fixture *f = *state;
	const struct weir__ip a = ip("fd00::1");

	send_to(f, &a, 1);
	pass(f, 1100 * MS);
	assert_int_equal(f->asked_all, 2);
	pass(f, SECOND);
	assert_int_equal(f->asked_all, 3);
	assert_int_equal(state_of(f, &a), WEIR_NEIGHBOUR_INCOMPLETE);
	pass(f, SECOND);
	assert_int_equal(f->asked_all, 3);
	assert_int_equal(state_of(f, &a), WEIR_NEIGHBOUR_FAILED);
	assert_int_equal(f->table.queue_drops, 1);
	/* Too late. */
	told(f, &a, mac_a, WEIR__TOLD_ANSWER);
	assert_int_equal(state_of(f, &a), WEIR_NEIGHBOUR_FAILED);
	/* Not again at once, but then anew. */
	send_to(f, &a, 2);
	assert_int_equal(f->table.queue_drops, 2);
	assert_int_equal(f->asked_all, 3);
	pass(f, SECOND);
	send_to(f, &a, 3);
	assert_int_equal(f->asked_all, 4);
	pass(f, 30 * SECOND);
	assert_int_equal(state_of(f, &a), WEIR_NEIGHBOUR_NONE);
	assert_int_equal(f->table.n, 0);
}

static void probes_what_is_used(void **state)
{
	struct fixture *f = *state;
	const struct weir__ip a = ip("10.0.0.1");
	uint64_t began;

	make_reachable(f, &a, mac_a);
	pass(f, 14 * SECOND);
	assert_int_equal(state_of(f, &a), WEIR_NEIGHBOUR_REACHABLE);
	while (state_of(f, &a) == WEIR_NEIGHBOUR_REACHABLE)
		pass(f, 100 * MS);
	assert_int_equal(state_of(f, &a), WEIR_NEIGHBOUR_STALE);
	assert_memory_equal(look(f, &a), mac_a, 6);
	pass(f, 1100 * MS);
	assert_int_equal(state_of(f, &a), WEIR_NEIGHBOUR_DELAY);
	pass(f, 5100 * MS);
	assert_int_equal(state_of(f, &a), WEIR_NEIGHBOUR_PROBE);
	assert_int_equal(f->asked_one, 1);
	assert_memory_equal(f->asked_mac, mac_a, 6);
	told(f, &a, mac_a, WEIR__TOLD_UNASKED);
	told(f, &a, mac_a, WEIR__TOLD_REQUEST);
	assert_int_equal(state_of(f, &a), WEIR_NEIGHBOUR_PROBE);
	told(f, &a, mac_a, WEIR__TOLD_ANSWER);
	assert_int_equal(state_of(f, &a), WEIR_NEIGHBOUR_REACHABLE);
	/* Silent from now on: it is found out, and all are asked. */
	began = f->now;
	while (state_of(f, &a) != WEIR_NEIGHBOUR_INCOMPLETE) {
		look(f, &a);
		pass(f, 100 * MS);
	}
	assert_true(f->now - began < 60 * SECOND);
	assert_int_equal(f->asked_one, 4);
	assert_int_equal(f->asked_all, 2);
	assert_null(look(f, &a));
}

static void forgets_what_nobody_uses(void **state)
{
	struct fixture *f = *state;
	const struct weir__ip a = ip("10.0.0.1"), b = ip("10.0.0.2");

	make_reachable(f, &a, mac_a);
	make_reachable(f, &b, mac_b);
	pass(f, 200 * SECOND);
	assert_int_equal(state_of(f, &a), WEIR_NEIGHBOUR_NONE);
	assert_int_equal(f->asked_one, 0);
	assert_int_equal(f->table.n, 0);
	assert_null(look(f, &a));
}

static void learns_nothing_unasked(void **state)
{
	struct fixture *f = *state;
	const struct weir__ip a = ip("10.0.0.1");

	told(f, &a, mac_a, WEIR__TOLD_UNASKED);
	told(f, &a, mac_a, WEIR__TOLD_ANSWER);
	assert_int_equal(f->table.n, 0);
	send_to(f, &a, 1);
	told(f, &a, mac_a, WEIR__TOLD_UNASKED);
	told(f, &a, mac_a, WEIR__TOLD_REQUEST);
	told(f, &a, NULL, WEIR__TOLD_ANSWER);
	told(f, &a, (const uint8_t[6]){ 1, 0, 0x5e, 0, 0, 1 }, WEIR__TOLD_ANSWER);
	told(f, &a, (const uint8_t[6]){ 0 }, WEIR__TOLD_ANSWER);
	assert_int_equal(state_of(f, &a), WEIR_NEIGHBOUR_INCOMPLETE);
	assert_int_equal(f->sent, 0);
}

static void asks_the_old_one_when_contradicted(void **state)
{
	struct fixture *f = *state;
	const struct weir__ip a = ip("10.0.0.1");

	make_reachable(f, &a, mac_a);
	told(f, &a, mac_b, WEIR__TOLD_ANSWER);
	assert_int_equal(state_of(f, &a), WEIR_NEIGHBOUR_PROBE);
	assert_int_equal(f->table.contradictions, 1);
	assert_int_equal(f->asked_one, 1);
	assert_memory_equal(f->asked_mac, mac_a, 6);
	assert_memory_equal(look(f, &a), mac_a, 6);
	/* An answer of the other one's is none. */
	told(f, &a, mac_b, WEIR__TOLD_ANSWER);
	assert_memory_equal(look(f, &a), mac_a, 6);
	told(f, &a, mac_a, WEIR__TOLD_ANSWER);
	assert_int_equal(state_of(f, &a), WEIR_NEIGHBOUR_REACHABLE);
	/* However often it is said, and by whatever kind of message, it is asked once in five seconds. */
	for (unsigned i = 0; i < 65536; i++) {
		const uint8_t mac[6] = { 2, 1, 1, 1, (uint8_t)(i >> 8), (uint8_t)i };

		told(f, &a, mac, (enum weir__told)(i % 3));
	}
	assert_int_equal(f->asked_one, 1);
	assert_int_equal(f->table.contradictions, 1);
	assert_int_equal(state_of(f, &a), WEIR_NEIGHBOUR_REACHABLE);
	assert_memory_equal(look(f, &a), mac_a, 6);
	pass(f, 6 * SECOND);
	told(f, &a, mac_b, WEIR__TOLD_UNASKED);
	assert_int_equal(f->table.contradictions, 2);
}

static void replaces_the_old_one_when_it_is_silent(void **state)
{
	struct fixture *f = *state;
	const struct weir__ip a = ip("10.0.0.1");

	make_reachable(f, &a, mac_a);
	told(f, &a, mac_b, WEIR__TOLD_UNASKED);
	pass(f, 700 * MS);
	assert_int_equal(f->asked_one, 3);
	assert_memory_equal(look(f, &a), mac_a, 6);
	pass(f, 400 * MS);
	assert_int_equal(state_of(f, &a), WEIR_NEIGHBOUR_INCOMPLETE);
	assert_int_equal(f->asked_all, 2);
	told(f, &a, mac_b, WEIR__TOLD_ANSWER);
	assert_memory_equal(look(f, &a), mac_b, 6);
}

static void keeps_static_ones(void **state)
{
	struct fixture *f = *state;
	const struct weir__ip a = ip("10.0.0.1");

	assert_int_equal(weir__neighbours_set_static(&f->table, &a, mac_a, f->now), 0);
	told(f, &a, mac_b, WEIR__TOLD_ANSWER);
	told(f, &a, mac_b, WEIR__TOLD_UNASKED);
	pass(f, 3600 * SECOND);
	weir__neighbours_doubt(&f->table, f->now);
	assert_int_equal(state_of(f, &a), WEIR_NEIGHBOUR_STATIC);
	assert_memory_equal(look(f, &a), mac_a, 6);
	for (uint32_t i = 1; i < MAX / 2; i++)
		assert_int_equal(weir__neighbours_set_static(&f->table,
							     &(struct weir__ip[]){ numbered(i + 100) }[0],
							     mac_b, f->now),
				 0);
	assert_int_equal(weir__neighbours_set_static(&f->table, &(struct weir__ip[]){ numbered(99) }[0],
						     mac_b, f->now),
			 -ENOSPC);
	assert_int_equal(weir__neighbours_set_static(&f->table, &a, mac_b, f->now), 0);
	assert_memory_equal(look(f, &a), mac_b, 6);
	assert_int_equal(weir__neighbours_set_static(&f->table, &a, NULL, f->now), 0);
	assert_null(look(f, &a));
	assert_int_equal(state_of(f, &a), WEIR_NEIGHBOUR_NONE);
}

static void makes_few_entries_for_who_asks(void **state)
{
	struct fixture *f = *state;
	const struct weir__ip a = ip("192.168.0.1");

	told(f, &a, mac_a, WEIR__TOLD_REQUEST);
	assert_int_equal(state_of(f, &a), WEIR_NEIGHBOUR_STALE);
	assert_memory_equal(look(f, &a), mac_a, 6);
	for (uint32_t i = 0; i < 65536; i++) {
		const struct weir__ip other = numbered(i);

		told(f, &other, mac_b, WEIR__TOLD_REQUEST);
		f->now += 15 * MS / 1000;
	}
	check(f);
	assert_int_equal(f->table.n, MAX / 8);
	/* It is in use. */
	assert_memory_equal(look(f, &a), mac_a, 6);
	pass(f, 1100 * MS);
	assert_int_equal(state_of(f, &a), WEIR_NEIGHBOUR_DELAY);
}

/* 65,536 addresses that nobody has: those that are known stay, new ones are still found, and the questions
 * asked are bounded. */
static void stands_made_up_destinations(void **state)
{
	struct fixture *f = *state;
	const struct weir__ip known = ip("192.168.0.1"), fresh = ip("192.168.0.2");
	uint64_t generation;
	unsigned found = 0;

	make_reachable(f, &known, mac_a);
	look(f, &known);
	generation = f->hops.generation;
	for (uint32_t i = 0; i < 65536; i++) {
		const struct weir__ip other = numbered(i);

		send_to(f, &other, 1);
		f->now += SECOND / 65536;
		if (i % 64 == 0)
			pass(f, 0);
	}
	check(f);
	assert_true(f->asked_all <= 1 + 256 + 1000 + 1000);
	assert_true(f->table.n_unresolved <= MAX / 4);
	assert_int_equal(state_of(f, &known), WEIR_NEIGHBOUR_REACHABLE);
	assert_memory_equal(look(f, &known), mac_a, 6);
	/* Workers need not even look anew. */
	assert_int_equal(f->hops.generation, generation);
	for (unsigned i = 0; i < 10 && !found; i++) {
		pass(f, 100 * MS);
		send_to(f, &fresh, 2);
		told(f, &fresh, mac_b, WEIR__TOLD_ANSWER);
		found += state_of(f, &fresh) == WEIR_NEIGHBOUR_REACHABLE;
	}
	assert_int_equal(found, 1);
}

/* And if somebody answers for all of them. */
static void stands_made_up_neighbours(void **state)
{
	struct fixture *f = *state;
	const struct weir__ip known = ip("192.168.0.1");

	make_reachable(f, &known, mac_a);
	for (uint32_t i = 0; i < 65536; i++) {
		const struct weir__ip other = numbered(i);

		look(f, &known);
		send_to(f, &other, 1);
		told(f, &other, mac_b, WEIR__TOLD_ANSWER);
		f->now += SECOND / 65536;
		if (i % 64 == 0)
			pass(f, 0);
	}
	check(f);
	assert_int_equal(f->table.n, MAX);
	assert_memory_equal(look(f, &known), mac_a, 6);
}

static void protects_gateways(void **state)
{
	struct fixture *f = *state;
	const struct weir__ip gateway = ip("192.168.0.1");

	weir__neighbours_watch(&f->table, &gateway, f->now);
	assert_int_equal(f->asked_all, 1);
	for (uint32_t i = 0; i < 1000; i++)
		send_to(f, &(struct weir__ip[]){ numbered(i) }[0], 1);
	assert_int_equal(state_of(f, &gateway), WEIR_NEIGHBOUR_INCOMPLETE);
	pass(f, 3100 * MS);
	assert_int_equal(state_of(f, &gateway), WEIR_NEIGHBOUR_FAILED);
	f->asked_all = 0;
	pass(f, 20 * SECOND);
	assert_int_equal(f->asked_all, 1);
	f->changed = 0;
	told(f, &gateway, mac_a, WEIR__TOLD_ANSWER);
	assert_int_equal(f->changed, 1);
	pass(f, 3600 * SECOND);
	assert_int_equal(state_of(f, &gateway), WEIR_NEIGHBOUR_STALE);
	weir__neighbours_unwatch(&f->table);
	pass(f, 100 * SECOND);
	assert_int_equal(state_of(f, &gateway), WEIR_NEIGHBOUR_NONE);
}

static void doubts_all_after_a_change_of_carrier(void **state)
{
	struct fixture *f = *state;
	const struct weir__ip a = ip("10.0.0.1"), b = ip("10.0.0.2");

	make_reachable(f, &a, mac_a);
	send_to(f, &b, 1);
	weir__neighbours_doubt(&f->table, f->now);
	assert_int_equal(state_of(f, &a), WEIR_NEIGHBOUR_STALE);
	assert_int_equal(state_of(f, &b), WEIR_NEIGHBOUR_NONE);
	assert_memory_equal(look(f, &a), mac_a, 6);
	pass(f, 1100 * MS);
	assert_int_equal(state_of(f, &a), WEIR_NEIGHBOUR_DELAY);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(asks_keeps_and_sends),
		TEST(gives_up_after_three_questions),
		TEST(probes_what_is_used),
		TEST(forgets_what_nobody_uses),
		TEST(learns_nothing_unasked),
		TEST(asks_the_old_one_when_contradicted),
		TEST(replaces_the_old_one_when_it_is_silent),
		TEST(keeps_static_ones),
		TEST(makes_few_entries_for_who_asks),
		TEST(stands_made_up_destinations),
		TEST(stands_made_up_neighbours),
		TEST(protects_gateways),
		TEST(doubts_all_after_a_change_of_carrier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
