/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a session: every way from one state to another, and every way out. */
#include "test.h"

#include <weir/weir.h>

#include "fake_session.h"

#define MS 1000000ull

/* One session, and nothing else to do for its worker. */
struct rig {
	struct script script;
	struct fake source, sink;
	struct weir_pipeline *pipeline;
	const void *session;
};

/* A macro, as rows live as long as the block in which they are written. */
#define RIG_CONFIG(rig, options)                                                                          \
	{                                                                                                 \
		.endpoints = { fake("source", .fake = &(rig)->source, .layer = WEIR_LAYER_L2),            \
			       fake("sink", .fake = &(rig)->sink, .layer = WEIR_LAYER_L2),                \
			       { &fake_session_type, options } },                                         \
		.workers = { { "w", .unpinned = true } },                                                 \
		.chains = { { "out", .stages = { weir_read("source", .worker = "w"), weir_write("s") } }, \
			    { "in", .stages = { weir_read("s", .worker = "w"), weir_write("sink") } } },  \
	}

static struct fake_session_options options_of(struct rig *rig)
{
	return (struct fake_session_options){
		.name = "s",
		.changed = script_tell,
		.context = &rig->script,
		.script = &rig->script,
		/* A test that waits for another attempt asks for it. */
		.retry_ms = 3600 * 1000,
		.retry_max_ms = 3600 * 1000,
	};
}

static void rig_init(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	script_init(&rig->script);
	fake_init(&rig->source);
	fake_init(&rig->sink);
}

static void rig_create(struct rig *rig, const struct fake_session_options *options)
{
	const struct weir_config config = RIG_CONFIG(rig, options);

	rig->pipeline = create(&config);
	rig->session = weir_pipeline_endpoint(rig->pipeline, "s", &fake_session_type);
	assert_non_null(rig->session);
	start(rig->pipeline);
}

static void rig_begin(struct rig *rig)
{
	const struct fake_session_options options = options_of(rig);

	rig_create(rig, &options);
}

static void rig_end(struct rig *rig)
{
	weir_pipeline_destroy(rig->pipeline);
	assert_int_equal(rig->script.odd, 0);
	script_free(&rig->script);
	fake_free(&rig->source);
	fake_free(&rig->sink);
}

static struct weir_session_status status_of(const struct rig *rig)
{
	struct weir_session_status status;

	weir_session_status(rig->session, &status);
	return status;
}

static uint64_t counter_of(const struct rig *rig, size_t offset)
{
	return __atomic_load_n((const uint64_t *)(const void *)((const char *)rig->session + offset),
			       __ATOMIC_RELAXED);
}

static struct weir_session *engine_of(const struct rig *rig)
{
	return ((const struct fake_session *)rig->session)->session;
}

#define failures_of(rig) counter_of(rig, offsetof(struct fake_session, weir_failures))
#define connects_of(rig) counter_of(rig, offsetof(struct fake_session, weir_connects))

static void pauses_a_sixteenth_of_the_outage(void **state)
{
	(void)state;
	/* The shortest, a sixteenth, the longest: each a quarter less or more. */
	assert_int_equal(weir__session_pause(0, 100, 30000, 0), 75 * MS);
	assert_int_equal(weir__session_pause(0, 100, 30000, 50 * MS), 125 * MS);
	assert_int_equal(weir__session_pause(16000 * MS, 100, 30000, 0), 750 * MS);
	assert_int_equal(weir__session_pause(16000 * MS, 100, 30000, 500 * MS), 1250 * MS);
	assert_int_equal(weir__session_pause(24 * 3600 * 1000 * MS, 100, 30000, 0), 22500 * MS);
	for (uint64_t random = 1; random; random <<= 1)
		assert_in_range(weir__session_pause(160000 * MS, 100, 30000, random), 7500 * MS, 12500 * MS);
}

static void counts_a_short_life_as_outage(void **state)
{
	(void)state;
	assert_int_equal(weir__session_outage(1000, 2000, 3000), 3000);
	assert_int_equal(weir__session_outage(1000, 2000, 9000), 9000);
	assert_int_equal(weir__session_outage(1000, 2000, 2999), 1000);
	assert_int_equal(weir__session_outage(1000, 1000, 1000), 1000);
}

static void refuses_options(void **state)
{
	struct rig rig;
	struct weir_error err;
	struct fake_session_options options;
	const struct weir_config config = RIG_CONFIG(&rig, &options);

	(void)state;
	rig_init(&rig);
	options = options_of(&rig);
	options.hold = 65537;
	options.retry_ms = 6;
	options.retry_max_ms = 5;
	assert_int_equal(weir_config_check(&config, &err), -EINVAL);
	assert_string_equal(err.text, "endpoint s: hold: 65537 packets are more than 65536\n"
				      "endpoint s: retry_max_ms: 5 is less than retry_ms, which is 6");
	rig_end(&rig);
}

static void comes_up_and_is_closed(void **state)
{
	struct rig rig;
	struct weir_session_status status;

	(void)state;
	rig_init(&rig);
	rig_begin(&rig);
	await_told(&rig.script, "up", 1);
	status = status_of(&rig);
	assert_int_equal(status.state, WEIR_SESSION_UP);
	assert_int_equal(status.error, 0);
	assert_int_equal(status.mtu, 1400);
	assert_string_equal(status.label, "fake");
	assert_int_equal(status.n_addresses, 1);
	assert_string_equal(rig.script.thread, "s");
	assert_int_equal(connects_of(&rig), 1);
	await_calls(&rig.script, TIMER, 1);
	assert_int_equal(failures_of(&rig), 0);
	weir_pipeline_destroy(rig.pipeline);
	rig.pipeline = NULL;
	assert_string_equal(rig.script.told, "connecting up down ");
	assert_int_equal(rig.script.status.error, 0);
	assert_int_equal(rig.script.status.mtu, 0);
	assert_int_equal(rig.script.status.n_addresses, 0);
	assert_int_equal(calls_of(&rig.script, DISCONNECT), 1);
	assert_int_equal(calls_of(&rig.script, CLOSE), 1);
	rig_end(&rig);
}

static void does_nothing_for_a_pipeline_that_fails(void **state)
{
	struct rig rig;
	struct fake_session_options options;
	struct weir_config config = RIG_CONFIG(&rig, &options);
	struct weir_pipeline *pipeline;

	(void)state;
	rig_init(&rig);
	options = options_of(&rig);
	config.endpoints[3] = (struct weir_endpoint)fake("fails", .fail = -EBUSY, .fake = &rig.sink);
	assert_int_equal(weir_pipeline_create(&pipeline, &config, NULL), -EBUSY);
	assert_int_equal(calls_of(&rig.script, OPEN), 1);
	assert_int_equal(calls_of(&rig.script, CONNECT), 0);
	assert_int_equal(calls_of(&rig.script, CLOSE), 1);
	assert_string_equal(rig.script.told, "");
	rig_end(&rig);
}

static void fails_to_open(void **state)
{
	struct rig rig;
	struct fake_session_options options;
	const struct weir_config config = RIG_CONFIG(&rig, &options);
	struct weir_pipeline *pipeline;
	struct weir_error err;

	(void)state;
	rig_init(&rig);
	rig.script.keeps_socket = true;
	script_set(&rig.script, OPEN, FAIL);
	options = options_of(&rig);
	assert_int_equal(weir_pipeline_create(&pipeline, &config, &err), -EPROTO);
	assert_string_equal(err.text, "endpoint s: call 0 failed");
	/* The socket that it had opened is closed. */
	assert_int_equal(recv(rig.script.peer[LINES - 1], &(char){ 0 }, 1, 0), 0);
	rig_end(&rig);
}

/* --- attempts that fail -----------------------------------------------------------------------------------
 */

static void assert_down(const struct rig *rig, int error, const char *reason, bool fatal)
{
	const struct weir_session_status status = status_of(rig);

	assert_int_equal(status.state, WEIR_SESSION_DOWN);
	assert_int_equal(status.error, error);
	assert_string_equal(status.reason, reason);
	assert_int_equal(status.fatal, fatal);
	assert_int_equal(status.retry_at == 0, fatal);
}

static void fails_to_connect(void **state)
{
	static const struct {
		enum deed deed;
		int error;
		const char *reason;
	} cases[] = {
		{ FAIL, -EPROTO, "call 3 failed" },
		{ REPORT, -EPROTO, "call 3 reported" },
		{ DESPAIR, -EACCES, "call 3 despaired" },
	};

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		struct rig rig;

		rig_init(&rig);
		script_set(&rig.script, CONNECT, cases[i].deed);
		rig_begin(&rig);
		await_told(&rig.script, "down", 1);
		assert_down(&rig, cases[i].error, cases[i].reason, cases[i].deed == DESPAIR);
		await_calls(&rig.script, DISCONNECT, 1);
		assert_int_equal(connects_of(&rig), 0);
		assert_int_equal(failures_of(&rig), 1);
		/* It waits for an hour, or for ever, but not for who asks. */
		script_set(&rig.script, CONNECT, SUCCEED);
		weir_session_retry(rig.session);
		await_told(&rig.script, "up", 1);
		assert_int_equal(calls_of(&rig.script, CONNECT), 2);
		assert_int_equal(status_of(&rig).error, 0);
		assert_string_equal(rig.script.told, "connecting down connecting up ");
		rig_end(&rig);
	}
}

static void tries_again_by_itself(void **state)
{
	struct rig rig;
	struct fake_session_options options;

	(void)state;
	rig_init(&rig);
	options = options_of(&rig);
	options.retry_ms = 2;
	options.retry_max_ms = 2;
	script_set(&rig.script, CONNECT, FAIL);
	rig_create(&rig, &options);
	await_calls(&rig.script, CONNECT, 20);
	script_set(&rig.script, CONNECT, SUCCEED);
	await_told(&rig.script, "up", 1);
	assert_int_equal(rig.script.early, 0);
	assert_true(rig.script.pause_min >= 1500000);
	assert_true(rig.script.pause_max <= 2500000);
	assert_true(rig.script.pause_min < rig.script.pause_max);
	rig_end(&rig);
}

/* --- what ends a session that is up ------------------------------------------------------------------------
 */

/* Begins, does what ends it, and sees it come back. */
static void ends_by(struct rig *rig, void (*act)(struct rig *rig), int error, const char *reason, bool fatal)
{
	rig_begin(rig);
	await_told(&rig->script, "up", 1);
	act(rig);
	await_told(&rig->script, "down", 1);
	assert_down(rig, error, reason, fatal);
	await_calls(&rig->script, DISCONNECT, 1);
	assert_int_equal(failures_of(rig), 1);
	memset(rig->script.deed, 0, sizeof(rig->script.deed));
	weir_session_retry(rig->session);
	await_told(&rig->script, "up", 2);
	rig_end(rig);
}

static void ask_to_tend(struct rig *rig)
{
	weir_session_tend(engine_of(rig));
}

static void ask_for_timer(struct rig *rig)
{
	await_calls(&rig->script, TIMER, 1);
	script_set(&rig->script, TIMER, REPORT);
	weir_session_wake(engine_of(rig), 0);
}

static void send_from_peer(struct rig *rig)
{
	assert_int_equal(send(peer_of(&rig->script, 0), "12345678", 8, 0), 8);
}

static void send_to_peer(struct rig *rig)
{
	fake_give(&rig->source, 1);
}

static void end_stream(struct rig *rig)
{
	hang_up(&rig->script, 0);
}

static void ends_by_each_function(void **state)
{
	static const struct {
		enum call call;
		enum deed deed;
		void (*act)(struct rig *rig);
		int error;
		const char *reason;
	} cases[] = {
		{ TEND, FAIL, ask_to_tend, -EPROTO, "call 5 failed" },
		{ TEND, REPORT, ask_to_tend, -EPROTO, "call 5 reported" },
		{ TEND, DESPAIR, ask_to_tend, -EACCES, "call 5 despaired" },
		{ CALLS, SUCCEED, ask_for_timer, -EPROTO, "call 6 reported" },
		{ BYTES, REPORT, send_from_peer, -EPROTO, "bad bytes" },
		{ SEND, REPORT, send_to_peer, -EPROTO, "call 9 reported" },
		{ SEND, FAIL, send_to_peer, -ENETDOWN, "sending: Network is down" },
		{ LOST, FAIL, end_stream, -ENODATA, "the peer ended the connection\ncall 7 failed" },
		{ LOST, REPORT, end_stream, -EPROTO, "call 7 reported" },
	};

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		struct rig rig;

		rig_init(&rig);
		if (cases[i].call != CALLS)
			script_set(&rig.script, cases[i].call, cases[i].deed);
		ends_by(&rig, cases[i].act, cases[i].error, cases[i].reason, cases[i].deed == DESPAIR);
	}
}

/* A socket is not asked about: it ends the session, and one that stays is mended for the next. */
static void ends_by_a_socket(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig.script.as_sockets = true;
	ends_by(&rig, end_stream, -ENODATA, "the peer ended the connection", false);
	rig_init(&rig);
	rig.script.as_sockets = true;
	rig.script.keeps_socket = true;
	rig.script.lines = 0;
	script_set(&rig.script, BYTES, FAIL);
	rig_begin(&rig);
	await_told(&rig.script, "up", 1);
	assert_int_equal(send(peer_of(&rig.script, LINES - 1), "12345678", 8, 0), 8);
	await_told(&rig.script, "down", 1);
	assert_down(&rig, -EPROTO, "the connection broke: Protocol error", false);
	script_set(&rig.script, BYTES, SUCCEED);
	weir_session_retry(rig.session);
	await_told(&rig.script, "up", 2);
	assert_int_equal(send(peer_of(&rig.script, LINES - 1), "12345678", 8, 0), 8);
	await_calls(&rig.script, BYTES, 2);
	rig_end(&rig);
}

static void goes_on_without_a_stream(void **state)
{
	struct pollfd closed = { .events = POLLIN };
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig.script.lines = 3;
	rig_begin(&rig);
	await_told(&rig.script, "up", 1);
	hang_up(&rig.script, 1);
	await_calls(&rig.script, LOST, 1);
	/* What breaks the rules is lost too. */
	script_set(&rig.script, BYTES, FAIL);
	assert_int_equal(send(peer_of(&rig.script, 2), "12345678", 8, 0), 8);
	await_calls(&rig.script, LOST, 2);
	closed.fd = peer_of(&rig.script, 2);
	assert_int_equal(poll(&closed, 1, -1), 1);
	assert_int_equal(recv(closed.fd, &(char){ 0 }, 1, 0), 0);
	script_set(&rig.script, BYTES, SUCCEED);
	assert_int_equal(send(peer_of(&rig.script, 0), "12345678", 8, 0), 8);
	await_calls(&rig.script, BYTES, 2);
	assert_int_equal(status_of(&rig).state, WEIR_SESSION_UP);
	rig_end(&rig);
}

/* --- asked to begin anew -----------------------------------------------------------------------------------
 */

static void begins_anew_when_asked(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	script_set(&rig.script, CONNECT, BLOCK);
	rig_begin(&rig);
	await_waits(&rig.script, 1);
	assert_int_equal(status_of(&rig).state, WEIR_SESSION_CONNECTING);
	weir_session_retry(rig.session);
	await_waits(&rig.script, 2);
	assert_int_equal(script_count(&rig.script, &rig.script.cancelled), 1);
	script_set(&rig.script, CONNECT, SUCCEED);
	fake_ring(rig.script.release_fd);
	await_told(&rig.script, "up", 1);
	weir_session_retry(rig.session);
	await_told(&rig.script, "up", 2);
	assert_string_equal(rig.script.told, "connecting down connecting up down connecting up ");
	assert_int_equal(failures_of(&rig), 0);
	rig_end(&rig);
}

/* --- while something waits ---------------------------------------------------------------------------------
 */

static void runs_timers_while_it_tends(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig.script.timer_every = MS / 10;
	rig.script.lines = 2;
	script_set(&rig.script, TEND, BLOCK);
	rig_begin(&rig);
	await_told(&rig.script, "up", 1);
	ask_to_tend(&rig);
	await_waits(&rig.script, 1);
	await_calls(&rig.script, TIMER, calls_of(&rig.script, TIMER) + 20);
	/* And learns of streams that break. */
	hang_up(&rig.script, 1);
	await_calls(&rig.script, LOST, 1);
	assert_int_equal(script_count(&rig.script, &rig.script.cancelled), 0);
	fake_ring(rig.script.release_fd);
	script_set(&rig.script, TEND, SUCCEED);
	ask_to_tend(&rig);
	await_calls(&rig.script, TEND, 2);
	assert_int_equal(status_of(&rig).state, WEIR_SESSION_UP);
	rig_end(&rig);
}

/* A failure that others find ends a wait too. */
static void is_cancelled_by_a_failure(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	script_set(&rig.script, TEND, BLOCK);
	rig_begin(&rig);
	await_told(&rig.script, "up", 1);
	ask_to_tend(&rig);
	await_waits(&rig.script, 1);
	script_set(&rig.script, BYTES, REPORT);
	send_from_peer(&rig);
	await_told(&rig.script, "down", 1);
	assert_down(&rig, -EPROTO, "bad bytes", false);
	assert_int_equal(rig.script.cancelled, 1);
	rig_end(&rig);
}

static void wakes_who_waits_for_nothing_else(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	script_set(&rig.script, CONNECT, DOZE);
	rig_begin(&rig);
	await_waits(&rig.script, 1);
	weir_session_wake(engine_of(&rig), weir_session_now() + MS);
	await_told(&rig.script, "up", 1);
	assert_int_equal(rig.script.cancelled, 0);
	rig_end(&rig);
}

static void is_destroyed_while_it_waits(void **state)
{
	static const enum call waits_in[] = { CONNECT, TEND, DISCONNECT };

	(void)state;
	for (size_t i = 0; i < countof(waits_in); i++) {
		struct rig rig;

		rig_init(&rig);
		script_set(&rig.script, waits_in[i], BLOCK);
		rig_begin(&rig);
		if (waits_in[i] != CONNECT)
			await_told(&rig.script, "up", 1);
		if (waits_in[i] == TEND)
			ask_to_tend(&rig);
		if (waits_in[i] == DISCONNECT)
			weir_session_retry(rig.session);
		await_waits(&rig.script, 1);
		weir_pipeline_destroy(rig.pipeline);
		rig.pipeline = NULL;
		assert_int_equal(rig.script.cancelled, 1);
		assert_int_equal(rig.script.status.state, WEIR_SESSION_DOWN);
		assert_int_equal(rig.script.status.error, 0);
		assert_int_equal(calls_of(&rig.script, DISCONNECT), 1);
		rig_end(&rig);
	}
}

static void is_destroyed_while_it_pauses(void **state)
{
	static const enum deed deeds[] = { FAIL, DESPAIR };

	(void)state;
	for (size_t i = 0; i < countof(deeds); i++) {
		struct rig rig;

		rig_init(&rig);
		script_set(&rig.script, CONNECT, deeds[i]);
		rig_begin(&rig);
		await_told(&rig.script, "down", 1);
		rig_end(&rig);
	}
}

/* --- what is told ------------------------------------------------------------------------------------------
 */

static void tells_what_is_assigned_later(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig_begin(&rig);
	await_told(&rig.script, "up", 1);
	weir_session_assign(
		engine_of(&rig),
		&(struct weir_session_status){ .mtu = 1300, .n_addresses = 99, .remote = "192.0.2.1:1" });
	await_told(&rig.script, "up", 2);
	assert_int_equal(rig.script.status.mtu, 1300);
	assert_int_equal(rig.script.status.n_addresses, WEIR_SESSION_ADDRESSES);
	assert_string_equal(rig.script.status.remote, "192.0.2.1:1");
	assert_string_equal(rig.script.status.label, "");
	rig_end(&rig);
}

static void stays_when_the_pipeline_stops(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig);
	rig.script.timer_every = MS / 10;
	rig_begin(&rig);
	await_told(&rig.script, "up", 1);
	assert_int_equal(weir_pipeline_stop(rig.pipeline), 0);
	await_calls(&rig.script, TIMER, calls_of(&rig.script, TIMER) + 2);
	start(rig.pipeline);
	send_from_peer(&rig);
	await_calls(&rig.script, BYTES, 1);
	assert_string_equal(rig.script.told, "connecting up ");
	rig_end(&rig);
}

/* --- other options -----------------------------------------------------------------------------------------
 */

static int configure(struct rig *rig, const struct fake_session_options *options, struct weir_error *err)
{
	const struct weir_endpoint row = { &fake_session_type, options };

	return weir_endpoint_configure(rig->pipeline, "s", &row, err);
}

static void takes_over_other_options(void **state)
{
	struct rig rig;
	struct script other;
	struct fake_session_options options;
	struct weir_error err;

	(void)state;
	rig_init(&rig);
	script_init(&other);
	options = options_of(&rig);
	options.hold = 10;
	rig_create(&rig, &options);
	await_told(&rig.script, "up", 1);
	options.number = 5;
	options.hold = 3;
	options.context = &other;
	assert_int_equal(configure(&rig, &options, &err), 0);
	assert_int_equal(script_count(&rig.script, &rig.script.calls[CHANGE]), 1);
	assert_int_equal(rig.script.number, 5);
	assert_int_equal(status_of(&rig).state, WEIR_SESSION_UP);
	/* From now on somebody else is told. */
	weir_session_retry(rig.session);
	await_told(&other, "up", 1);
	assert_string_equal(rig.script.told, "connecting up ");
	options.number = 99;
	assert_int_equal(configure(&rig, &options, &err), -EINVAL);
	assert_string_equal(err.text, "endpoint s: number: 99 is too much");
	options.number = 77;
	assert_int_equal(configure(&rig, &options, &err), -ENOTSUP);
	options.number = 5;
	options.hold = 11;
	assert_int_equal(configure(&rig, &options, &err), -ENOTSUP);
	assert_int_equal(rig.script.number, 5);
	rig_end(&rig);
	script_free(&other);
}

static void tries_again_with_other_options(void **state)
{
	struct rig rig;
	struct fake_session_options options;
	struct weir_error err;

	(void)state;
	rig_init(&rig);
	script_set(&rig.script, CONNECT, DESPAIR);
	options = options_of(&rig);
	rig_create(&rig, &options);
	await_told(&rig.script, "down", 1);
	script_set(&rig.script, CONNECT, SUCCEED);
	options.number = 5;
	assert_int_equal(configure(&rig, &options, &err), 0);
	await_told(&rig.script, "up", 1);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pauses_a_sixteenth_of_the_outage),
		cmocka_unit_test(counts_a_short_life_as_outage),
		cmocka_unit_test(refuses_options),
		cmocka_unit_test(comes_up_and_is_closed),
		cmocka_unit_test(does_nothing_for_a_pipeline_that_fails),
		cmocka_unit_test(fails_to_open),
		cmocka_unit_test(fails_to_connect),
		cmocka_unit_test(tries_again_by_itself),
		cmocka_unit_test(ends_by_each_function),
		cmocka_unit_test(ends_by_a_socket),
		cmocka_unit_test(goes_on_without_a_stream),
		cmocka_unit_test(begins_anew_when_asked),
		cmocka_unit_test(runs_timers_while_it_tends),
		cmocka_unit_test(is_cancelled_by_a_failure),
		cmocka_unit_test(wakes_who_waits_for_nothing_else),
		cmocka_unit_test(is_destroyed_while_it_waits),
		cmocka_unit_test(is_destroyed_while_it_pauses),
		cmocka_unit_test(tells_what_is_assigned_later),
		cmocka_unit_test(stays_when_the_pipeline_stops),
		cmocka_unit_test(takes_over_other_options),
		cmocka_unit_test(tries_again_with_other_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
