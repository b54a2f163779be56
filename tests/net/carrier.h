/* SPDX-License-Identifier: Apache-2.0 */
/* A session that carries packets in datagrams, behind a front of its own, to and from a socket of the test.
 */
#ifndef WEIR_TEST_CARRIER_H
#define WEIR_TEST_CARRIER_H

#include <arpa/inet.h>
#include <netinet/udp.h>

#include <weir/socket.h>

#include "fake.h"
#include "session.h"

#define CARRIER_FRONT   8 /* bytes in front of each packet */
#define CARRIER_PACKETS 500

/* What the test wants, and what the session says. */
struct carrier_script {
	struct weir_socket_options options;
	union weir_socket_address local, remote, to;
	struct weir_socket *socket;
	bool early;        /* opened by open(), and stays */
	unsigned ports;    /* that send() takes in turn */
	uint64_t sent_one; /* 1 + what weir_socket_send_one() returned, negated */
	uint32_t mtu;
};

struct carrier {
	WEIR_SESSION_STATE;
	struct carrier_script *script;
	uint64_t sent;
};

struct carrier_options {
	WEIR_SESSION_OPTIONS;
	struct carrier_script *script;
};

static inline int carrier_check(const void *options, struct weir_endpoint_info *info, struct weir_error *err)
{
	(void)options, (void)err;
	info->layer = WEIR_LAYER_L2;
	info->max_packet = 1518;
	info->headroom = CARRIER_FRONT;
	return 0;
}

static inline int carrier_open_socket(struct carrier *carrier, struct weir_error *err)
{
	struct carrier_script *script = carrier->script;
	int rc;

	/* A datagram may come at once. */
	weir_session_lock(carrier->session);
	rc = weir_socket_open(&script->socket, carrier->session, &script->options, err);
	if (rc == 0)
		weir_socket_set_user(script->socket, script);
	weir_session_unlock(carrier->session);
	if (rc)
		return rc;
	weir_socket_local(script->socket, &script->local);
	weir_socket_adapt(script->socket, &script->to);
	rc = weir_socket_mtu(script->socket, &script->to, &script->mtu, err);
	script->sent_one = 1 - (uint64_t)weir_socket_send_one(script->socket, "hello", 5,
							      script->options.remote ? NULL : &script->to);
	return rc;
}

static inline int carrier_open(void *state, const void *options, struct weir_error *err)
{
	struct carrier *carrier = state;

	carrier->script = ((const struct carrier_options *)options)->script;
	return carrier->script->early ? carrier_open_socket(carrier, err) : 0;
}

static inline int carrier_connect(void *state, struct weir_error *err)
{
	struct carrier *carrier = state;

	return carrier->script->early ? 0 : carrier_open_socket(carrier, err);
}

static inline int carrier_datagrams(void *state, struct weir_socket *socket, struct weir_reader *reader)
{
	const struct carrier *carrier = state;
	struct weir_datagram datagram;
	int rc;

	if (weir_socket_user(socket) != carrier->script)
		return -EPROTO;
	while ((rc = weir_socket_next(socket, reader, &datagram)) > 0) {
		struct weir_buf *buf;

		if (datagram.len <= CARRIER_FRONT)
			weir_socket_skip(socket, &datagram);
		else if (!weir_socket_take(socket, reader, &datagram, CARRIER_FRONT,
					   datagram.len - CARRIER_FRONT, &buf))
			return 0;
	}
	return rc;
}

static inline uint32_t carrier_send(void *state, struct weir_writer *writer, unsigned sender)
{
	const union weir_socket_address *to[WEIR_VECTOR_SIZE];
	struct carrier *carrier = state;
	struct carrier_script *script = carrier->script;
	uint8_t source[WEIR_VECTOR_SIZE];
	uint32_t n;

	(void)sender;
	for (uint32_t i = 0; i < writer->n; i++) {
		memset(weir_buf_push(weir_writer_buf(writer, i), CARRIER_FRONT), 0xab, CARRIER_FRONT);
		to[i] = &script->to;
		source[i] = (uint8_t)(script->ports ? (carrier->sent + i) % script->ports : 0);
	}
	n = weir_socket_send(script->socket, writer, script->options.remote ? NULL : to,
			     script->ports ? source : NULL);
	carrier->sent += n;
	for (uint32_t i = n; i < writer->n; i++)
		weir_buf_pull(weir_writer_buf(writer, i), CARRIER_FRONT);
	return n;
}

static const struct weir_session_type carrier_session = {
	.check = carrier_check,
	.open = carrier_open,
	.connect = carrier_connect,
	.datagrams = carrier_datagrams,
	.send = carrier_send,
};

static const struct weir_reason carrier_reasons[] = { WEIR_SESSION_REASONS, { 0 } };
static const struct weir_counter carrier_counters[] = { WEIR_SESSION_COUNTERS(struct carrier), { 0 } };
static const struct weir_option carrier_table[] = {
	WEIR_SESSION_OPTION_ROWS(struct carrier_options),
	WEIR_OPTION(struct carrier_options, script, OBJECT, "what the test wants"),
	{ 0 },
};

WEIR_SESSION(carrier_type, carrier_session, .name = "carrier", .help = "the test", .reasons = carrier_reasons,
	     .counters = carrier_counters, .options = carrier_table,
	     .options_size = sizeof(struct carrier_options), .state_size = sizeof(struct carrier));

/* --- the other side --- */

static int carrier_peer;
static union weir_socket_address carrier_peer_address;

static inline void carrier_listen_at(const char *text)
{
	const struct timeval patience = { .tv_sec = 60 };
	const int large = 4 << 20;
	socklen_t size = sizeof(carrier_peer_address);

	assert_true(weir_socket_address_parse(text, 0, &carrier_peer_address));
	carrier_peer = socket(carrier_peer_address.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(carrier_peer >= 0);
	setsockopt(carrier_peer, SOL_SOCKET, SO_RCVBUF, &large, sizeof(large));
	setsockopt(carrier_peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(bind(carrier_peer, &carrier_peer_address.any, size), 0);
	assert_int_equal(getsockname(carrier_peer, &carrier_peer_address.any, &size), 0);
}

/* The next datagram. Returns the port that it came from. */
static inline uint16_t carrier_hear(uint8_t *bytes, size_t size, ssize_t *n)
{
	union weir_socket_address from = { 0 };
	socklen_t length = sizeof(from);

	*n = recvfrom(carrier_peer, bytes, size, 0, &from.any, &length);
	if (*n < 0)
		fail_msg("no datagram: %s", strerror(errno));
	return ntohs(from.ipv4.sin_port);
}

static inline void carrier_hear_hello(void)
{
	uint8_t bytes[16];
	ssize_t n;

	carrier_hear(bytes, sizeof(bytes), &n);
	assert_int_equal(n, 5);
	assert_memory_equal(bytes, "hello", 5);
}

struct carrier_rig {
	struct fake source, sink;
	struct weir_pipeline *pipeline;
};

static inline bool carrier_is_up(struct weir_pipeline *pipeline)
{
	struct weir_session_status status;

	weir_session_status(weir_pipeline_endpoint(pipeline, "carrier", &carrier_type), &status);
	return status.state == WEIR_SESSION_UP;
}

static inline void carrier_rig_begin(struct carrier_rig *rig, struct carrier_script *script)
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
	wait_for(carrier_is_up(rig->pipeline));
	assert_int_equal(script->sent_one, 1);
}

static inline void carrier_rig_end(struct carrier_rig *rig)
{
	weir_pipeline_destroy(rig->pipeline);
	fake_free(&rig->source);
	fake_free(&rig->sink);
}

/* Packets there, from so many ports. */
static inline void carrier_go_there(struct carrier_rig *rig, unsigned ports)
{
	static uint8_t bytes[2048], expected[2048];
	uint16_t seen[8] = { 0 };
	unsigned n_seen = 0;
	ssize_t n;

	carrier_hear_hello();
	for (uint64_t i = 0; i < CARRIER_PACKETS; i += 10) {
		/* Never more than the peer has room for. */
		fake_give(&rig->source, 10);
		for (unsigned k = 0; k < 10; k++) {
			const uint16_t port = carrier_hear(bytes, sizeof(bytes), &n);
			uint64_t number;
			unsigned p = 0;

			assert_int_equal(n, CARRIER_FRONT + 64);
			assert_int_equal(bytes[CARRIER_FRONT - 1], 0xab);
			memcpy(&number, bytes + CARRIER_FRONT, sizeof(number));
			fake_fill(expected, 64, number);
			assert_memory_equal(bytes + CARRIER_FRONT, expected, 64);
			while (p < n_seen && seen[p] != port)
				p++;
			assert_true(p < countof(seen));
			seen[p] = port;
			n_seen += p == n_seen;
		}
	}
	assert_int_equal(n_seen, ports);
}

static inline void carrier_come_back(struct carrier_rig *rig, const struct carrier_script *script)
{
	union weir_socket_address to = script->local;
	uint8_t bytes[2048];

	to.any.sa_family = carrier_peer_address.any.sa_family;
	if (to.any.sa_family == AF_INET) {
		memset(&to, 0, sizeof(to));
		to.ipv4 = carrier_peer_address.ipv4;
		to.ipv4.sin_port = script->local.ipv4.sin_port;
	} else {
		to.ipv6.sin6_addr = carrier_peer_address.ipv6.sin6_addr;
	}
	for (uint64_t i = 0; i < CARRIER_PACKETS; i++) {
		fake_fill(bytes + CARRIER_FRONT, 64 + i, i);
		assert_int_equal(sendto(carrier_peer, bytes, CARRIER_FRONT + 64 + i, 0, &to.any, sizeof(to)),
				 CARRIER_FRONT + 64 + i);
		/* None is lost for want of room. */
		wait_for(fake_load(rig->sink.taken) + 20 > i);
	}
	wait_for(fake_load(rig->sink.taken) == CARRIER_PACKETS);
	assert_int_equal(fake_load(rig->sink.wrong), 0);
	for (uint64_t i = 0; i < CARRIER_PACKETS; i++)
		assert_int_equal(rig->sink.numbers[i], i);
}

/* Packets both ways, between a session that does as the script says and a peer that listens already. */
static inline void carrier_run(struct carrier_script *script, unsigned ports)
{
	struct carrier_rig rig = { 0 };

	script->to = script->remote = carrier_peer_address;
	carrier_rig_begin(&rig, script);
	fake_record(&rig.sink, CARRIER_PACKETS);
	carrier_go_there(&rig, ports);
	carrier_come_back(&rig, script);
	carrier_rig_end(&rig);
	close(carrier_peer);
}

#endif
