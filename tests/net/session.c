/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions whose servers are hostile, each in its own way, on one worker with a chain that has nothing to do
 * with them: it goes on, and so does whoever controls the pipeline.
 */
#include "namespace.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include <weir/weir.h>

#include "fake.h"

#define JUNK 0x8000 /* in the length of what is no packet */

/* --- a session: packets in TCP, each behind its length in two bytes --- */

struct tcp {
	WEIR_SESSION_OPTIONS;
	uint32_t port;
	bool greets; /* connect() waits until the server has said something */
};

struct state {
	WEIR_SESSION_STATE;
	uint16_t port;
	bool greets;
	struct weir_stream *stream;
	uint64_t junk; /* messages that were no packet */
};

static int tcp_check(const void *options, struct weir_endpoint_info *info, struct weir_error *err)
{
	(void)options;
	(void)err;
	info->layer = WEIR_LAYER_AF;
	info->max_packet = 1500;
	return 0;
}

static int tcp_open(void *memory, const void *given, struct weir_error *err)
{
	const struct tcp *options = given;
	struct state *state = memory;

	(void)err;
	state->port = (uint16_t)options->port;
	state->greets = options->greets;
	return 0;
}

static int tcp_connect(void *memory, struct weir_error *err)
{
	struct state *state = memory;
	const struct weir_stream_options options = { .host = "127.0.0.1", .port = state->port };
	int rc = weir_stream_connect(&state->stream, state->session, &options, err);

	if (rc == 0 && state->greets)
		rc = weir_stream_fill(state->stream, 1, UINT64_MAX, err);
	return rc == 0 ? weir_stream_attach(state->stream, err) : rc;
}

static int tcp_bytes(void *memory, struct weir_stream *stream, struct weir_reader *reader)
{
	struct state *state = memory;
	const uint8_t *bytes;
	struct weir_buf *buf;
	size_t n, len;

	while ((bytes = weir_stream_peek(stream, &n)) && n >= 2) {
		const bool junk = bytes[0] & JUNK >> 8;

		len = ((size_t)bytes[0] << 8 | bytes[1]) & ~(size_t)JUNK;
		if (len > 1500)
			return -EPROTO;
		buf = junk ? NULL : weir_reader_buf(reader);
		if (n < 2 + len || (!junk && !buf))
			return 0;
		if (buf) {
			memcpy(buf->data, bytes + 2, len);
			weir_reader_commit(reader, (uint32_t)len);
		}
		weir_count(&state->junk, junk);
		weir_stream_consume(stream, 2 + len);
	}
	return 0;
}

static uint32_t tcp_send(void *memory, struct weir_writer *writer, unsigned sender)
{
	const struct state *state = memory;

	(void)sender;
	for (uint32_t i = 0; i < writer->n; i++) {
		const struct weir_buf *buf = weir_writer_buf(writer, i);
		uint8_t *room = weir_stream_reserve(state->stream, 2 + buf->len);

		if (!room)
			return i;
		room[0] = (uint8_t)(buf->len >> 8);
		room[1] = (uint8_t)buf->len;
		memcpy(room + 2, buf->data, buf->len);
		weir_stream_commit(state->stream, 2 + buf->len);
	}
	return writer->n;
}

static const struct weir_session_type tcp_session = {
	.check = tcp_check,
	.open = tcp_open,
	.connect = tcp_connect,
	.bytes = tcp_bytes,
	.send = tcp_send,
};

static const struct weir_reason tcp_reasons[] = { WEIR_SESSION_REASONS, { 0 } };
static const struct weir_counter tcp_counters[] = { WEIR_SESSION_COUNTERS(struct state), { 0 } };
static const struct weir_option tcp_options[] = {
	WEIR_SESSION_OPTION_ROWS(struct tcp),
	WEIR_OPTION(struct tcp, port, U32, "of the server"),
	WEIR_OPTION(struct tcp, greets, BOOL, "wait for its greeting"),
	{ 0 },
};

extern const struct weir_endpoint_type tcp_type;

WEIR_SESSION(tcp_type, tcp_session, .name = "tcp", .help = "the test", .reasons = tcp_reasons,
	     .counters = tcp_counters, .options = tcp_options, .options_size = sizeof(struct tcp),
	     .state_size = sizeof(struct state));

#define tcp(...) WEIR_ENDPOINT(tcp_type, struct tcp, __VA_ARGS__)

/* --- the servers ------------------------------------------------------------------------------------------
 */

enum role {
	SILENT,  /* accepts, and says nothing */
	RESETS,  /* ends each connection at once */
	RUBBISH, /* says what is no message */
	FLOODS,  /* says without end that it is alive */
	DEAF,    /* reads nothing */
	ROLES,
};

struct server {
	enum role role;
	int listener;
	uint16_t port;
	uint32_t ends;
	uint64_t accepted;
	pthread_t thread;
};

static bool is_over(const struct server *server)
{
	return __atomic_load_n(&server->ends, __ATOMIC_RELAXED);
}

static void flood(const struct server *server, int fd)
{
	char junk[1 << 16] = { 0 };
	struct pollfd pollfd = { .fd = fd, .events = POLLOUT };

	/* Messages of 64 bytes: however the kernel parts them, they are. */
	for (size_t i = 0; i < sizeof(junk); i += 64)
		memcpy(junk + i, (const char[]){ (char)(JUNK >> 8), 62 }, 2);
	for (size_t at = 0; !is_over(server);) {
		const ssize_t n = send(fd, junk + at, sizeof(junk) - at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			at = (at + (size_t)n) % sizeof(junk);
		else
			poll(&pollfd, 1, 10);
	}
}

/* A session that goes does not always get so far as to say so: what it has sent is in the way. */
static void await_end(const struct server *server, int fd)
{
	struct pollfd gone = { .fd = fd, .events = POLLRDHUP };

	while (!is_over(server) && poll(&gone, 1, 10) == 0)
		;
}

static void play(const struct server *server, int fd)
{
	const struct linger now = { .l_onoff = 1 };

	switch (server->role) {
	case RESETS:
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		break;
	case RUBBISH:
		send(fd, "\xff\xff", 2, MSG_NOSIGNAL);
		await_end(server, fd);
		break;
	case FLOODS:
		flood(server, fd);
		break;
	case SILENT:
	case DEAF:
	case ROLES:
		await_end(server, fd);
		break;
	}
	close(fd);
}

static void *serve(void *argument)
{
	struct server *server = argument;
	int fd;

	/* shutdown() ends the wait. */
	while ((fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		__atomic_add_fetch(&server->accepted, 1, __ATOMIC_RELAXED);
		play(server, fd);
	}
	return NULL;
}

static void server_begin(struct server *server, enum role role)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);

	*server = (struct server){ .role = role };
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(server->listener >= 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(server->listener, 16), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
	server->port = ntohs(address.sin_port);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_end(struct server *server)
{
	__atomic_store_n(&server->ends, 1, __ATOMIC_RELAXED);
	shutdown(server->listener, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->listener);
}

/* --- the test ---------------------------------------------------------------------------------------------
 */

static struct server servers[ROLES];
static struct fake from, to, source, sink;

static uint64_t count_of(struct weir_pipeline *pipeline, const char *name, size_t offset)
{
	const char *state = weir_pipeline_endpoint(pipeline, name, &tcp_type);

	assert_non_null(state);
	return __atomic_load_n((const uint64_t *)(const void *)(state + offset), __ATOMIC_RELAXED);
}

#define failures_of(pipeline, name) count_of(pipeline, name, offsetof(struct state, weir_failures))

static bool is_up(struct weir_pipeline *pipeline, const char *name)
{
	struct weir_session_status status;

	weir_session_status(weir_pipeline_endpoint(pipeline, name, &tcp_type), &status);
	return status.state == WEIR_SESSION_UP;
}

static uint64_t stalls_of(struct weir_pipeline *pipeline, const char *path)
{
	struct weir_counters *counters = weir_counters_read(pipeline);
	uint64_t n;

	assert_non_null(counters);
	n = weir_counters_stage(counters, path)->stalls;
	weir_counters_free(counters);
	return n;
}

/* Each server has done what it can do, and the others go on. */
static void all_are_at_work(struct weir_pipeline *pipeline)
{
	const uint64_t resets = failures_of(pipeline, "resets") + 10;
	const uint64_t rubbish = failures_of(pipeline, "rubbish") + 10;

	for (unsigned i = 0; i < 50; i++) {
		const uint64_t taken = fake_load(to.taken);
		const uint64_t junk = count_of(pipeline, "floods", offsetof(struct state, junk));

		fake_give(&from, 100);
		wait_for(fake_load(to.taken) == taken + 100);
		wait_for(count_of(pipeline, "floods", offsetof(struct state, junk)) > junk + 1000);
	}
	wait_for(failures_of(pipeline, "resets") >= resets);
	wait_for(failures_of(pipeline, "rubbish") >= rubbish);
	assert_false(is_up(pipeline, "silent"));
	assert_true(is_up(pipeline, "floods"));
	assert_true(is_up(pipeline, "deaf"));
}

static void hostile_servers_stop_nobody(void **state)
{
	struct weir_config config = {
		.endpoints = {
			fake("from", .fake = &from), fake("to", .fake = &to),
			fake("source", .fake = &source), fake("sink", .fake = &sink),
			tcp("silent", .port = servers[SILENT].port, .greets = true),
			tcp("resets", .port = servers[RESETS].port, .retry_ms = 1, .retry_max_ms = 5),
			tcp("rubbish", .port = servers[RUBBISH].port, .retry_ms = 1, .retry_max_ms = 5),
			tcp("floods", .port = servers[FLOODS].port),
			tcp("deaf", .port = servers[DEAF].port),
		},
		.workers = { { "w", .unpinned = true } },
		.chains = {
			{ "innocent", .stages = { weir_read("from", .worker = "w"), weir_write("to") } },
			{ "out", .stages = { weir_read("source", .worker = "w"), weir_write("deaf") } },
			{ "a", .stages = { weir_read("silent", .worker = "w"), weir_write("sink") } },
			{ "b", .stages = { weir_read("resets", .worker = "w"), weir_write("sink") } },
			{ "c", .stages = { weir_read("rubbish", .worker = "w"), weir_write("sink") } },
			{ "d", .stages = { weir_read("floods", .worker = "w"), weir_write("sink") } },
			{ "e", .stages = { weir_read("deaf", .worker = "w"), weir_write("sink") } },
		},
		.drain_ms = 10,
		.change_ms = 60000,
	};
	struct weir_pipeline *pipeline = create(&config);
	struct weir_error err;
	int rc;

	(void)state;
	start(pipeline);
	wait_for(is_up(pipeline, "deaf") && is_up(pipeline, "floods"));
	fake_store(source.bytes, 1400);
	fake_give(&source, 20000); /* 28 MB, more than buffers of TCP hold */
	wait_for(stalls_of(pipeline, "out/write") > 0);
	all_are_at_work(pipeline);
	/* One goes, another one is made anew. */
	config.chains[2] = config.chains[6];
	config.chains[6] = (struct weir_chain){ 0 };
	config.endpoints[4] = (struct weir_endpoint)tcp("more", .port = servers[SILENT].port);
	if (weir_pipeline_apply(pipeline, &config, &err) < 0)
		fail_msg("%s", err.text);
	config.endpoints[4] =
		(struct weir_endpoint)tcp("silent", .port = servers[SILENT].port, .greets = true);
	if (weir_pipeline_apply(pipeline, &config, &err) < 0)
		fail_msg("%s", err.text);
	/* What the deaf one has not taken is left behind, unless the system had just made room for it. */
	rc = weir_pipeline_stop(pipeline);
	assert_true(rc == -ETIMEDOUT || rc == 0);
	start(pipeline);
	all_are_at_work(pipeline);
	weir_pipeline_destroy(pipeline);
	assert_int_equal(sink.taken, 0);
}

static int setup(void **state)
{
	(void)state;
	namespace_set_flag("lo", IFF_UP, true);
	for (int role = 0; role < ROLES; role++)
		server_begin(&servers[role], (enum role)role);
	fake_init(&from);
	fake_init(&to);
	fake_init(&source);
	fake_init(&sink);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int role = 0; role < ROLES; role++)
		server_end(&servers[role]);
	fake_free(&from);
	fake_free(&to);
	fake_free(&source);
	fake_free(&sink);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(hostile_servers_stop_nobody, setup, teardown),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
