/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session that calls a server by one stream, whose server is the test. Packets are messages in the stream:
 * a length of four bytes and the bytes.
 */
#ifndef WEIR_TEST_CALLER_H
#define WEIR_TEST_CALLER_H

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <weir/stream.h>

#include "fake.h"

#define CALLER_HEADER 4
#define CALLER_PACKET 60000

struct caller;

/* What the test wants, and what it sees. */
struct call {
	struct weir_stream_options options;
	/* What it says on the session's thread when it is connected; returns 0 or an error in words. */
	int (*talk)(struct caller *caller, struct weir_error *err);
	bool only_talks; /* and is not attached then */
	bool greedy;     /* bytes() takes nothing */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned downs, ups;
	struct weir_session_status down; /* the last one */
};

struct caller {
	WEIR_SESSION_STATE;
	struct call *call;
	struct weir_stream *stream;
	uint64_t refused; /* times that reserve() had no room */
};

struct caller_options {
	WEIR_SESSION_OPTIONS;
	struct call *call;
};

static inline int caller_check(const void *options, struct weir_endpoint_info *info, struct weir_error *err)
{
	(void)options, (void)err;
	info->layer = WEIR_LAYER_L2;
	info->max_packet = CALLER_PACKET;
	return 0;
}

static inline int caller_open(void *state, const void *options, struct weir_error *err)
{
	(void)err;
	((struct caller *)state)->call = ((const struct caller_options *)options)->call;
	return 0;
}

static inline int caller_connect(void *state, struct weir_error *err)
{
	struct caller *caller = state;
	int rc = weir_stream_connect(&caller->stream, caller->session, &caller->call->options, err);

	if (rc == 0 && caller->call->talk)
		rc = caller->call->talk(caller, err);
	if (rc == 0 && !caller->call->only_talks)
		rc = weir_stream_attach(caller->stream, err);
	return rc;
}

static inline int caller_bytes(void *state, struct weir_stream *stream, struct weir_reader *reader)
{
	const struct caller *caller = state;

	while (!caller->call->greedy) {
		size_t n;
		const uint8_t *bytes = weir_stream_peek(stream, &n);
		uint32_t len;

		if (n < CALLER_HEADER)
			return 0;
		memcpy(&len, bytes, sizeof(len));
		len = ntohl(len);
		if (len > CALLER_PACKET)
			return -EPROTO;
		if (n < CALLER_HEADER + len || !weir__reader_copy(reader, bytes + CALLER_HEADER, len))
			return 0;
		weir_stream_consume(stream, CALLER_HEADER + len);
	}
	return 0;
}

static inline uint32_t caller_send(void *state, struct weir_writer *writer, unsigned sender)
{
	struct caller *caller = state;

	(void)sender;
	for (uint32_t i = 0; i < writer->n; i++) {
		const struct weir_buf *buf = weir_writer_buf(writer, i);
		uint8_t *room = weir_stream_reserve(caller->stream, CALLER_HEADER + buf->len);
		const uint32_t len = htonl(buf->len);

		if (!room) {
			fake_store(caller->refused, caller->refused + 1);
			return i;
		}
		memcpy(room, &len, sizeof(len));
		memcpy(room + CALLER_HEADER, buf->data, buf->len);
		weir_stream_commit(caller->stream, CALLER_HEADER + buf->len);
	}
	return writer->n;
}

static const struct weir_session_type caller_session = {
	.check = caller_check,
	.open = caller_open,
	.connect = caller_connect,
	.bytes = caller_bytes,
	.send = caller_send,
};

static const struct weir_reason caller_reasons[] = { WEIR_SESSION_REASONS, { 0 } };

static const struct weir_counter caller_counters[] = { WEIR_SESSION_COUNTERS(struct caller), { 0 } };

static const struct weir_option caller_table[] = {
	WEIR_SESSION_OPTION_ROWS(struct caller_options),
	WEIR_OPTION(struct caller_options, call, OBJECT, "what the test wants"),
	{ 0 },
};

WEIR_SESSION(caller_type, caller_session, .name = "caller", .help = "the test", .reasons = caller_reasons,
	     .counters = caller_counters, .options = caller_table,
	     .options_size = sizeof(struct caller_options), .state_size = sizeof(struct caller));

static inline void caller_told(void *context, const struct weir_session_status *status)
{
	struct call *call = context;

	pthread_mutex_lock(&call->lock);
	call->ups += status->state == WEIR_SESSION_UP;
	if (status->state == WEIR_SESSION_DOWN) {
		call->downs++;
		call->down = *status;
	}
	pthread_cond_broadcast(&call->changed);
	pthread_mutex_unlock(&call->lock);
}

/* It does not call again by itself in the time that a test takes. */
#define caller(call_)                                                                                        \
	WEIR_ENDPOINT(caller_type, struct caller_options, "caller", .call = (call_), .changed = caller_told, \
		      .context = (call_), .retry_ms = 3600000, .retry_max_ms = 3600000)

static inline void call_init(struct call *call)
{
	*call = (struct call){ 0 };
	pthread_mutex_init(&call->lock, NULL);
	pthread_cond_init(&call->changed, NULL);
}

static inline void call_free(struct call *call)
{
	pthread_cond_destroy(&call->changed);
	pthread_mutex_destroy(&call->lock);
}

static inline void call_await(struct call *call, const unsigned *times)
{
	pthread_mutex_lock(&call->lock);
	while (!*times)
		pthread_cond_wait(&call->changed, &call->lock);
	pthread_mutex_unlock(&call->lock);
}

#endif
