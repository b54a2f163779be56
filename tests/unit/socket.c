/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of a session: packets over them, several ports to send from, and what their addresses say. */
#include "test.h"

#include <arpa/inet.h>

#include <weir/socket.h>

#include "fake.h"
#include "session.h"

#define FRONT   8 /* bytes in front of each packet */
#define PACKETS 500

/* What the test wants, and what the session says. */
struct script {
	struct weir_socket_options options;
	union weir_socket_address local, remote, to;
	struct weir_socket *socket;
	bool early;     /* opened by open(), and stays */
	unsigned ports; /* that send() takes in turn */
	uint64_t up;
	uint64_t sent_one; /* 1 + what weir_socket_send_one() returned, negated */
	uint32_t mtu;
};

struct carrier {
	WEIR_SESSION_STATE;
	struct script *script;
	uint64_t sent;
};

struct carrier_options {
	WEIR_SESSION_OPTIONS;
	struct script *script;
};

static int carrier_check(const void *options, struct weir_endpoint_info *info, struct weir_error *err)
{
	(void)options, (void)err;
	info->layer = WEIR_LAYER_L2;
	info->max_packet = 1518;
	info->headroom = FRONT;
	return 0;
}

static int open_socket(struct carrier *carrier, struct weir_error *err)
{
	struct script *script = carrier->script;
	int rc = weir_socket_open(&script->socket, carrier->session, &script->options, err);

	if (rc)
		return rc;
	weir_socket_local(script->socket, &script->local);
	weir_socket_adapt(script->socket, &script->to);
	weir_socket_set_user(script->socket, script);
	rc = weir_socket_mtu(script->socket, &script->to, &script->mtu, err);
	script->sent_one = 1 - (uint64_t)weir_socket_send_one(script->socket, "hello", 5,
							      script->options.remote ? NULL : &script->to);
	return rc;
}

static int carrier_open(void *state, const void *options, struct weir_error *err)
{
	struct carrier *carrier = state;

	carrier->script = ((const struct carrier_options *)options)->script;
	return carrier->script->early ? open_socket(carrier, err) : 0;
}

static int carrier_connect(void *state, struct weir_error *err)
{
	struct carrier *carrier = state;
	const int rc = carrier->script->early ? 0 : open_socket(carrier, err);

	if (rc == 0)
		fake_store(carrier->script->up, 1);
	return rc;
}

static int carrier_datagrams(void *state, struct weir_socket *socket, struct weir_reader *reader)
{
	const struct carrier *carrier = state;
	struct weir_datagram datagram;
	int rc;

	if (weir_socket_user(socket) != carrier->script)
		return -EPROTO;
	while ((rc = weir_socket_next(socket, reader, &datagram)) > 0) {
		struct weir_buf *buf;

		if (datagram.len <= FRONT)
			weir_socket_skip(socket, &datagram);
		else if (!weir_socket_take(socket, reader, &datagram, FRONT, datagram.len - FRONT, &buf))
			return 0;
	}
	return rc;
}

static uint32_t carrier_send(void *state, struct weir_writer *writer, unsigned sender)
{
	const union weir_socket_address *to[WEIR_VECTOR_SIZE];
	struct carrier *carrier = state;
	struct script *script = carrier->script;
	uint8_t source[WEIR_VECTOR_SIZE];
	uint32_t n;

	(void)sender;
	for (uint32_t i = 0; i < writer->n; i++) {
		memset(weir_buf_push(weir_writer_buf(writer, i), FRONT), 0xab, FRONT);
		to[i] = &script->to;
		source[i] = (uint8_t)(script->ports ? (carrier->sent + i) % script->ports : 0);
	}
	n = weir_socket_send(script->socket, writer, script->options.remote ? NULL : to,
			     script->ports ? source : NULL);
	carrier->sent += n;
	for (uint32_t i = n; i < writer->n; i++)
		weir_buf_pull(weir_writer_buf(writer, i), FRONT);
	return n;
}

static const struct weir_session_type session = {
	.check = carrier_check,
	.open = carrier_open,
	.connect = carrier_connect,
	.datagrams = carrier_datagrams,
	.send = carrier_send,
};

static const struct weir_reason reasons[] = { WEIR_SESSION_REASONS, { 0 } };
static const struct weir_counter counters[] = { WEIR_SESSION_COUNTERS(struct carrier), { 0 } };
static const struct weir_option table[] = {
	WEIR_SESSION_OPTION_ROWS(struct carrier_options),
	WEIR_OPTION(struct carrier_options, script, OBJECT, "what the test wants"),
	{ 0 },
};

WEIR_SESSION(carrier_type, session, .name = "carrier", .help = "the test", .reasons = reasons,
	     .counters = counters, .options = table, .options_size = sizeof(struct carrier_options),
	     .state_size = sizeof(struct carrier));

/* --- the other side --- */

static int peer;
static union weir_socket_address peer_address;

static void listen_at(const char *text)
{
	const struct timeval patience = { .tv_sec = 60 };
	const int large = 4 << 20;
	socklen_t size = sizeof(peer_address);

	assert_true(weir_socket_address_parse(text, 0, &peer_address));
	peer = socket(peer_address.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(peer >= 0);
	setsockopt(peer, SOL_SOCKET, SO_RCVBUF, &large, sizeof(large));
	setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(bind(peer, &peer_address.any, size), 0);
	assert_int_equal(getsockname(peer, &peer_address.any, &size), 0);
}

/* The next datagram. Returns the port that it came from. */
static uint16_t hear(uint8_t *bytes, size_t size, ssize_t *n)
{
	union weir_socket_address from = { 0 };
	socklen_t length = sizeof(from);

	*n = recvfrom(peer, bytes, size, 0, &from.any, &length);
	assert_true(*n >= 0);
	return ntohs(from.ipv4.sin_port);
}

static void hear_hello(void)
{
	uint8_t bytes[16];
	ssize_t n;

	hear(bytes, sizeof(bytes), &n);
	assert_int_equal(n, 5);
	assert_memory_equal(bytes, "hello", 5);
}

struct rig {
	struct fake source, sink;
	struct weir_pipeline *pipeline;
};

static void rig_begin(struct rig *rig, struct script *script)
{
	const struct carrier_options options = { .name = "carrier", .script = script };
	const struct weir_config config = {
		.endpoints = { fake("source", .fake = &rig->source, .layer = WEIR_LAYER_L2),
			       fake("sink", .fake = &rig->sink, .layer = WEIR_LAYER_L2),
			       { &carrier_type, &options } },
		.workers = { { "w", .unpinned = true } },
		.chains = { { "out",
			      .stages = { weir_read("source", .worker = "w"), weir_write("carrier") } },
			    { "in", .stages = { weir_read("carrier", .worker = "w"), weir_write("sink") } } },
	};

	fake_init(&rig->source);
	fake_init(&rig->sink);
	rig->pipeline = create(&config);
	start(rig->pipeline);
	wait_for(fake_load(script->up));
	assert_int_equal(script->sent_one, 1);
}

static void rig_end(struct rig *rig)
{
	weir_pipeline_destroy(rig->pipeline);
	fake_free(&rig->source);
	fake_free(&rig->sink);
}

/* --- */

/* Packets there, from so many ports. */
static void carry_there(struct rig *rig, unsigned ports)
{
	static uint8_t bytes[2048], expected[2048];
	uint16_t seen[8] = { 0 };
	unsigned n_seen = 0;
	ssize_t n;

	hear_hello();
	for (uint64_t i = 0; i < PACKETS; i += 10) {
		/* Never more than the peer has room for. */
		fake_give(&rig->source, 10);
		for (unsigned k = 0; k < 10; k++) {
			const uint16_t port = hear(bytes, sizeof(bytes), &n);
			uint64_t number;
			unsigned p = 0;

			assert_int_equal(n, FRONT + 64);
			assert_int_equal(bytes[FRONT - 1], 0xab);
			memcpy(&number, bytes + FRONT, sizeof(number));
			fake_fill(expected, 64, number);
			assert_memory_equal(bytes + FRONT, expected, 64);
			while (p < n_seen && seen[p] != port)
				p++;
			assert_true(p < countof(seen));
			seen[p] = port;
			n_seen += p == n_seen;
		}
	}
	assert_int_equal(n_seen, ports);
}

static void carry_back(struct rig *rig, const struct script *script)
{
	union weir_socket_address to = script->local;
	uint8_t bytes[2048];

	to.any.sa_family = peer_address.any.sa_family;
	if (to.any.sa_family == AF_INET) {
		memset(&to, 0, sizeof(to));
		to.ipv4 = peer_address.ipv4;
		to.ipv4.sin_port = script->local.ipv4.sin_port;
	} else {
		to.ipv6.sin6_addr = peer_address.ipv6.sin6_addr;
	}
	for (uint64_t i = 0; i < PACKETS; i++) {
		fake_fill(bytes + FRONT, 64 + i, i);
		assert_int_equal(sendto(peer, bytes, FRONT + 64 + i, 0, &to.any, sizeof(to)), FRONT + 64 + i);
		/* None is lost for want of room. */
		wait_for(fake_load(rig->sink.taken) + 20 > i);
	}
	wait_for(fake_load(rig->sink.taken) == PACKETS);
	assert_int_equal(fake_load(rig->sink.wrong), 0);
	for (uint64_t i = 0; i < PACKETS; i++)
		assert_int_equal(rig->sink.numbers[i], i);
}

static void carry(struct script *script, const char *at, unsigned ports)
{
	struct rig rig = { 0 };

	listen_at(at);
	script->to = script->remote = peer_address;
	rig_begin(&rig, script);
	fake_record(&rig.sink, PACKETS);
	carry_there(&rig, ports);
	carry_back(&rig, script);
	rig_end(&rig);
	close(peer);
}

static void a_socket_carries_packets(void **state)
{
	struct script script = { 0 };

	(void)state;
	carry(&script, "127.0.0.1", 1);
	assert_true(script.mtu > 60000);
	script = (struct script){ .early = true };
	carry(&script, "127.0.0.1", 1);
	script = (struct script){ .options = { .remote = &script.remote } };
	carry(&script, "127.0.0.1", 1);
}

static void it_sends_from_several_ports(void **state)
{
	struct script script = { .options = { .sources = 3 }, .ports = 4 };

	(void)state;
	carry(&script, "127.0.0.1", 4);
	script = (struct script){ .options = { .sources = 3, .remote = &script.remote }, .ports = 4 };
	carry(&script, "127.0.0.1", 4);
	/* A number beyond them is one of them. */
	script = (struct script){ .options = { .sources = 1 }, .ports = 4 };
	carry(&script, "127.0.0.1", 2);
}

static void checksums_may_be_left_out(void **state)
{
	struct script script = { .options = { .no_checksum = true, .sources = 1 }, .ports = 2 };

	(void)state;
	carry(&script, "127.0.0.1", 2);
}

static void options_are_refused(void **state)
{
	struct script script = { .options = { .sources = WEIR_SOCKET_SOURCES + 1 }, .early = true };
	const struct carrier_options options = { .name = "carrier", .script = &script };
	const struct weir_config config = {
		.endpoints = { { &carrier_type, &options }, { NULL } },
		.workers = { { "w", .unpinned = true } },
		.chains = { { "in",
			      .stages = { weir_read("carrier", .worker = "w"), weir_write("carrier") } } },
	};
	struct weir_pipeline *pipeline;
	struct weir_error err;

	(void)state;
	assert_int_equal(weir_pipeline_create(&pipeline, &config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "sources: 65 is more than 64"));
	script.options = (struct weir_socket_options){ .bind_device = "nowhere0" };
	assert_true(weir_pipeline_create(&pipeline, &config, &err) < 0);
	assert_non_null(strstr(err.text, "bind_device: 'nowhere0'"));
}

static void addresses_are_parsed(void **state)
{
	static const struct {
		const char *text, *result;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1:99" },
		{ "192.0.2.1:4789", "192.0.2.1:4789" },
		{ "fd00::1", "[fd00::1]:99" },
		{ "[fd00::1]:4789", "[fd00::1]:4789" },
		{ "::ffff:192.0.2.1", "192.0.2.1:99" },
		{ "192.0.2", NULL },
		{ "192.0.2.1:", NULL },
		{ "192.0.2.1:65536", NULL },
		{ "[192.0.2.1]:1", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		union weir_socket_address address, same;
		char text[WEIR_SESSION_TEXT];

		memset(&address, 0xee, sizeof(address));
		assert_int_equal(weir_socket_address_parse(cases[i].text, 99, &address), !!cases[i].result);
		if (!cases[i].result)
			continue;
		assert_string_equal(weir_socket_address_text(&address, text), cases[i].result);
		assert_true(weir_socket_address_parse(cases[i].text, 99, &same));
		assert_true(weir_socket_same(&address, &same));
		same.ipv4.sin_port ^= 1;
		assert_false(weir_socket_same(&address, &same));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket_carries_packets),  cmocka_unit_test(it_sends_from_several_ports),
		cmocka_unit_test(checksums_may_be_left_out), cmocka_unit_test(options_are_refused),
		cmocka_unit_test(addresses_are_parsed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
