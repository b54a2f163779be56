/* SPDX-License-Identifier: Apache-2.0 */
/* What a session does with packets: those that come, those that go, and those that wait for it. */
#include "test.h"

#include <weir/weir.h>

#include "fake_session.h"

#define MS 1000000ull

/* Two chains of a session and a third that has nothing to do with it, all on one worker. */
struct rig {
	struct script script;
	struct fake source, second, sink, other_source, other_sink;
	struct weir_pipeline *pipeline;
	struct fake_session *session;
};

WEIR_SESSION_SENDER(fake_sender_type, fake_session_type, .name = "fake_sender", .help = "the test",
		    .reasons = session_reasons);

static void rig_init(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	script_init(&rig->script);
	fake_init(&rig->source);
	fake_init(&rig->second);
	fake_init(&rig->sink);
	fake_init(&rig->other_source);
	fake_init(&rig->other_sink);
	fake_record(&rig->sink, 1000);
}

/* retry_ms: 0, only who asks */
static void rig_begin(struct rig *rig, uint32_t hold, uint32_t retry_ms)
{
	const struct weir_config config = {
		.endpoints = { fake("source", .fake = &rig->source, .layer = WEIR_LAYER_L2),
			       fake("second", .fake = &rig->second, .layer = WEIR_LAYER_L2),
			       fake("sink", .fake = &rig->sink, .layer = WEIR_LAYER_L2),
			       fake("from", .fake = &rig->other_source), fake("to", .fake = &rig->other_sink),
			       fake_session("s", .hold = hold, .script = &rig->script, .changed = script_tell,
					    .context = &rig->script,
					    .retry_ms = retry_ms ? retry_ms : 3600000,
					    .retry_max_ms = retry_ms ? retry_ms : 3600000),
			       WEIR_ENDPOINT(fake_sender_type, struct weir_session_sender, "s.1",
					     .of = "s") },
		.workers = { { "w", .unpinned = true }, { "v", .unpinned = true } },
		.chains = { { "out", .stages = { weir_read("source", .worker = "w"), weir_write("s") } },
			    { "more", .stages = { weir_read("second", .worker = "v"), weir_write("s.1") } },
			    { "in", .stages = { weir_read("s", .worker = "w"), weir_write("sink") } },
			    { "other", .stages = { weir_read("from", .worker = "w"), weir_write("to") } } },
	};

	rig->pipeline = create(&config);
	rig->session = weir_pipeline_endpoint(rig->pipeline, "s", &fake_session_type);
	assert_non_null(rig->session);
	start(rig->pipeline);
}

static void rig_end(struct rig *rig)
{
	weir_pipeline_destroy(rig->pipeline);
	script_free(&rig->script);
	fake_free(&rig->source);
	fake_free(&rig->second);
	fake_free(&rig->sink);
	fake_free(&rig->other_source);
	fake_free(&rig->other_sink);
}

static uint64_t count_of(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* Waits for the next packet that comes to the peer, and says its number. */
static uint64_t receive(struct rig *rig, unsigned line)
{
	struct pollfd fd = { .fd = peer_of(&rig->script, line), .events = POLLIN };
	uint8_t bytes[2048];
	uint64_t number;

	assert_int_equal(poll(&fd, 1, -1), 1);
	assert_true(recv(fd.fd, bytes, sizeof(bytes), 0) >= (ssize_t)sizeof(number));
	memcpy(&number, bytes, sizeof(number));
	return number;
}

static void send_number(struct rig *rig, unsigned line, uint64_t number)
{
	struct pollfd fd = { .fd = peer_of(&rig->script, line), .events = POLLOUT };
	uint8_t bytes[64];

	fake_fill(bytes, sizeof(bytes), number);
	while (send(fd.fd, bytes, sizeof(bytes), 0) < 0) {
		assert_int_equal(errno, EAGAIN);
		assert_int_equal(poll(&fd, 1, -1), 1);
	}
}

static void send_junk(struct rig *rig, unsigned line)
{
	assert_int_equal(send(peer_of(&rig->script, line), "", 1, 0), 1);
}

/* The other chain on the worker goes on. */
static void assert_others_go_on(struct rig *rig)
{
	const uint64_t taken = fake_load(rig->other_sink.taken);

	fake_give(&rig->other_source, 100);
	wait_for(fake_load(rig->other_sink.taken) == taken + 100);
}

static uint64_t drops_of(struct rig *rig, const char *path, const char *reason)
{
	struct weir_counters *counters = weir_counters_read(rig->pipeline);
	uint64_t n;

	assert_non_null(counters);
	n = weir_counters_drop(counters, path, reason);
	weir_counters_free(counters);
	return n;
}

static uint64_t wrote(struct rig *rig, const char *path)
{
	struct weir_counters *counters = weir_counters_read(rig->pipeline);
	uint64_t n;

	assert_non_null(counters);
	n = packets_of(counters, path);
	weir_counters_free(counters);
	return n;
}

static uint64_t stalls_of(struct rig *rig, const char *path)
{
	struct weir_counters *counters = weir_counters_read(rig->pipeline);
	uint64_t n;

	assert_non_null(counters);
	n = weir_counters_stage(counters, path)->stalls;
	weir_counters_free(counters);
	return n;
}

/* --- both ways ---------------------------------------------------------------------------------------------
 */

static void carries_both_ways(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig_begin(&rig, 0, 0);
	await_told(&rig.script, "up", 1);
	fake_give(&rig.source, 100);
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(receive(&rig, 0), i);
	for (uint64_t i = 0; i < 100; i++)
		send_number(&rig, 0, i);
	wait_for(fake_load(rig.sink.taken) == 100);
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(rig.sink.numbers[i], i);
	assert_int_equal(rig.sink.wrong, 0);
	rig_end(&rig);
}

/* Of many streams the system is asked which have something. */
static void reads_many_streams(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig.script.lines = LINES;
	rig_begin(&rig, 0, 0);
	await_told(&rig.script, "up", 1);
	for (uint64_t i = 0; i < 400; i++)
		send_number(&rig, (unsigned)(i % LINES), i);
	wait_for(fake_load(rig.sink.taken) == 400);
	hang_up(&rig.script, 3);
	await_calls(&rig.script, LOST, 1);
	send_number(&rig, 7, 400);
	wait_for(fake_load(rig.sink.taken) == 401);
	rig_end(&rig);
}

/* --- a peer that takes nothing -----------------------------------------------------------------------------
 */

static void waits_for_a_peer_that_takes_nothing(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig.script.timer_every = MS / 10;
	rig_begin(&rig, 0, 0);
	await_told(&rig.script, "up", 1);
	fake_give(&rig.source, 5000);
	/* More than fits in a socket. */
	wait_for(stalls_of(&rig, "out/write") > 0);
	assert_others_go_on(&rig);
	await_calls(&rig.script, TIMER, calls_of(&rig.script, TIMER) + 10);
	for (uint64_t i = 0; i < 5000; i++)
		assert_int_equal(receive(&rig, 0), i);
	assert_int_equal(count_of(&rig.session->weir_connects), 1);
	rig_end(&rig);
}

/* The engine waits for room on the way in, too; the session lives on. */
static void waits_for_a_sink_that_takes_nothing(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig.script.timer_every = MS / 10;
	rig.sink.room = 10;
	rig_begin(&rig, 0, 0);
	await_told(&rig.script, "up", 1);
	for (uint64_t i = 0; i < 60; i++)
		send_number(&rig, 0, i);
	wait_for(stalls_of(&rig, "in/write") > 0);
	assert_others_go_on(&rig);
	await_calls(&rig.script, TIMER, calls_of(&rig.script, TIMER) + 10);
	fake_take(&rig.sink, 50);
	wait_for(fake_load(rig.sink.taken) == 60);
	for (uint64_t i = 0; i < 60; i++)
		assert_int_equal(rig.sink.numbers[i], i);
	rig_end(&rig);
}

/* --- what is held ------------------------------------------------------------------------------------------
 */

static void drops_what_it_cannot_hold(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	script_set(&rig.script, CONNECT, BLOCK);
	rig_begin(&rig, 0, 0);
	await_waits(&rig.script, 1);
	fake_give(&rig.source, 40);
	wait_for(drops_of(&rig, "out/write", "down") == 40);
	rig_end(&rig);
}

static void sends_what_it_held_first(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig.script.lines = 2;
	script_set(&rig.script, CONNECT, BLOCK);
	rig_begin(&rig, 50, 0);
	await_waits(&rig.script, 1);
	fake_give(&rig.source, 80);
	wait_for(drops_of(&rig, "out/write", "down") == 30);
	assert_int_equal(wrote(&rig, "out/write"), 50);
	/* Each sender holds its own. */
	fake_give(&rig.second, 20);
	wait_for(wrote(&rig, "more/write") == 20);
	assert_int_equal(count_of(&rig.session->weir_held), 70);
	fake_ring(rig.script.release_fd);
	await_told(&rig.script, "up", 1);
	fake_give(&rig.source, 10);
	for (uint64_t i = 0; i < 60; i++)
		assert_int_equal(receive(&rig, 0), i < 50 ? i : i + 30);
	for (uint64_t i = 0; i < 20; i++)
		assert_int_equal(receive(&rig, 1), i);
	assert_int_equal(count_of(&rig.session->weir_unheld), 0);
	rig_end(&rig);
}

static void counts_what_it_held_in_vain(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig.script.drops = 3;
	script_set(&rig.script, CONNECT, BLOCK);
	rig_begin(&rig, 50, 0);
	await_waits(&rig.script, 1);
	fake_give(&rig.source, 5);
	wait_for(wrote(&rig, "out/write") == 5);
	fake_ring(rig.script.release_fd);
	await_told(&rig.script, "up", 1);
	assert_int_equal(receive(&rig, 0), 3);
	assert_int_equal(receive(&rig, 0), 4);
	assert_int_equal(count_of(&rig.session->weir_unheld), 3);
	rig_end(&rig);
}

/* It goes down again when the peer has taken some of them; others have come meanwhile. */
static void keeps_the_order_of_what_it_holds(void **state)
{
	struct rig rig;
	eventfd_t count;
	uint64_t last;

	(void)state;
	rig_init(&rig);
	script_set(&rig.script, CONNECT, BLOCK);
	rig_begin(&rig, 4000, 0);
	await_waits(&rig.script, 1);
	fake_give(&rig.source, 3900);
	wait_for(wrote(&rig, "out/write") == 3900);
	fake_ring(rig.script.release_fd);
	await_told(&rig.script, "up", 1);
	last = receive(&rig, 0);
	assert_int_equal(last, 0);
	assert_int_equal(eventfd_read(rig.script.release_fd, &count), 0);
	weir_session_retry(rig.session);
	await_waits(&rig.script, 2);
	fake_give(&rig.source, 200);
	wait_for(wrote(&rig, "out/write") + drops_of(&rig, "out/write", "down") == 4100);
	fake_ring(rig.script.release_fd);
	await_told(&rig.script, "up", 2);
	/* What the first socket had taken is lost with it. */
	last = receive(&rig, 0);
	assert_true(last > 0 && last < 3900);
	while (last + 1 < 3900) {
		assert_int_equal(receive(&rig, 0), last + 1);
		last++;
	}
	for (uint64_t i = 0; i < wrote(&rig, "out/write") - 3900; i++)
		assert_int_equal(receive(&rig, 0), 3900 + i);
	assert_true(wrote(&rig, "out/write") > 4000);
	rig_end(&rig);
}

static void holds_copies(void **state)
{
	struct weir_endpoint_info info = { .max_packet = 100, .headroom = 20, .tailroom = 4 };
	struct weir__session_hold hold;
	uint8_t room[300];
	struct weir_buf buf = {
		.room = room, .room_size = sizeof(room), .data = room, .len = 100, .mark = 7
	};
	struct weir_writer writer;

	(void)state;
	assert_int_equal(weir__session_hold_open(&hold, 3, &info), 0);
	for (uint8_t i = 0; i < 4; i++) {
		memset(room, i, sizeof(room));
		assert_int_equal(weir__session_hold_put(&hold, &buf), i < 3);
	}
	weir__session_hold_show(&hold, &writer);
	assert_int_equal(writer.n, 3);
	for (uint8_t i = 0; i < 3; i++) {
		const struct weir_buf *held = weir_writer_buf(&writer, i);

		assert_int_equal(held->data[99], i);
		assert_int_equal(held->mark, 7);
		assert_true(weir_buf_headroom(held) >= 20 && weir_buf_tailroom(held) >= 4);
		assert_int_equal(writer.verdict[i], WEIR_NEXT);
	}
	/* Room for one more, at the end of a memory that is full there. */
	weir__session_hold_gone(&hold, 1);
	memset(room, 9, sizeof(room));
	assert_true(weir__session_hold_put(&hold, &buf));
	assert_false(weir__session_hold_put(&hold, &buf));
	weir__session_hold_show(&hold, &writer);
	assert_int_equal(writer.n, 3);
	assert_int_equal(weir_writer_buf(&writer, 0)->data[0], 1);
	assert_int_equal(weir_writer_buf(&writer, 1)->data[99], 2);
	assert_int_equal(weir_writer_buf(&writer, 2)->data[50], 9);
	weir__session_hold_gone(&hold, 3);
	assert_int_equal(weir__session_hold_count(&hold), 0);
	/* One that is too long for all of it. */
	buf.len = 300;
	assert_true(weir__session_hold_put(&hold, &buf));
	assert_false(weir__session_hold_put(&hold, &buf));
	weir__session_hold_close(&hold);
	assert_int_equal(weir__session_hold_open(&hold, 0, &info), 0);
	assert_false(weir__session_hold_put(&hold, &buf));
	weir__session_hold_close(&hold);
}

/* --- others on the same worker -----------------------------------------------------------------------------
 */

static void blocks_nobody_while_it_connects(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	script_set(&rig.script, CONNECT, BLOCK);
	rig_begin(&rig, 10, 0);
	await_waits(&rig.script, 1);
	fake_give(&rig.source, 100);
	assert_others_go_on(&rig);
	rig_end(&rig);
}

static void blocks_nobody_while_it_fails(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	script_set(&rig.script, BYTES, FAIL);
	script_set(&rig.script, LOST, FAIL);
	rig_begin(&rig, 10, 1);
	for (unsigned i = 1; i <= 50; i++) {
		await_told(&rig.script, "up", i);
		send_junk(&rig, 0);
		assert_others_go_on(&rig);
		await_told(&rig.script, "down", i);
	}
	rig_end(&rig);
}

struct flood {
	struct rig *rig;
	uint32_t stop;
	uint64_t sent;
};

static void *flood(void *argument)
{
	struct flood *flood = argument;
	struct pollfd fd = { .fd = peer_of(&flood->rig->script, 0), .events = POLLOUT };

	while (!__atomic_load_n(&flood->stop, __ATOMIC_RELAXED)) {
		if (send(fd.fd, "", 1, 0) == 1)
			__atomic_add_fetch(&flood->sent, 1, __ATOMIC_RELAXED);
		else
			poll(&fd, 1, 10);
	}
	return NULL;
}

static void blocks_nobody_while_its_peer_floods(void **state)
{
	struct rig rig;
	struct flood it = { .rig = &rig };
	pthread_t thread;

	(void)state;
	rig_init(&rig);
	rig.script.timer_every = MS / 10;
	rig_begin(&rig, 10, 0);
	await_told(&rig.script, "up", 1);
	assert_int_equal(pthread_create(&thread, NULL, flood, &it), 0);
	for (unsigned i = 0; i < 20; i++) {
		const uint64_t sent = __atomic_load_n(&it.sent, __ATOMIC_RELAXED);

		wait_for(__atomic_load_n(&it.sent, __ATOMIC_RELAXED) > sent + 100);
		assert_others_go_on(&rig);
	}
	await_calls(&rig.script, TIMER, calls_of(&rig.script, TIMER) + 10);
	fake_give(&rig.source, 1);
	assert_int_equal(receive(&rig, 0), 0);
	__atomic_store_n(&it.stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	rig_end(&rig);
}

/* --- further senders ---------------------------------------------------------------------------------------
 */

static void sends_by_several_workers(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig.script.lines = 2;
	rig_begin(&rig, 0, 0);
	await_told(&rig.script, "up", 1);
	fake_give(&rig.source, 4000);
	wait_for(stalls_of(&rig, "out/write") > 0);
	/* The first is blocked, the second not. */
	fake_give(&rig.second, 100);
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(receive(&rig, 1), i);
	for (uint64_t i = 0; i < 4000; i++)
		assert_int_equal(receive(&rig, 0), i);
	rig_end(&rig);
}

static void refuses_a_sender_too_many(void **state)
{
	struct script script;
	struct fake in;
	struct weir_config config;
	struct weir_pipeline *pipeline;
	struct weir_error err;

	(void)state;
	script_init(&script);
	fake_init(&in);
	config = (struct weir_config){
		.endpoints = { fake("in", .fake = &in, .layer = WEIR_LAYER_L2),
			       fake_session("s", .script = &script),
			       WEIR_ENDPOINT(fake_sender_type, struct weir_session_sender, "s.1", .of = "s"),
			       WEIR_ENDPOINT(fake_sender_type, struct weir_session_sender, "s.2",
					     .of = "s") },
		.workers = { { "w", .unpinned = true } },
		.chains = { { "out", .stages = { weir_read("in", .worker = "w"), weir_write("s.2") } } },
	};
	assert_int_equal(weir_pipeline_create(&pipeline, &config, &err), -EINVAL);
	assert_string_equal(err.text, "endpoint s.2: of: 's' can have 2 senders, and it is one itself");
	script_free(&script);
	fake_free(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_both_ways),
		cmocka_unit_test(reads_many_streams),
		cmocka_unit_test(waits_for_a_peer_that_takes_nothing),
		cmocka_unit_test(waits_for_a_sink_that_takes_nothing),
		cmocka_unit_test(drops_what_it_cannot_hold),
		cmocka_unit_test(sends_what_it_held_first),
		cmocka_unit_test(counts_what_it_held_in_vain),
		cmocka_unit_test(keeps_the_order_of_what_it_holds),
		cmocka_unit_test(holds_copies),
		cmocka_unit_test(blocks_nobody_while_it_connects),
		cmocka_unit_test(blocks_nobody_while_it_fails),
		cmocka_unit_test(blocks_nobody_while_its_peer_floods),
		cmocka_unit_test(sends_by_several_workers),
		cmocka_unit_test(refuses_a_sender_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
