/* SPDX-License-Identifier: Apache-2.0 */
#include "talk.h"

#include <errno.h>
#include <stdio.h>

#include "http.h"
#include "refusal.h"

/* The server waits for 15 seconds at the least; an answer that takes longer comes too late for the next step.
 */
#define STEP (12 * UINT64_C(1000000000))

/* The ten bytes that tell a server that this is a VPN client; the other way is an image that is not ours. */
static const char signature[] = "VPNCONNECT";

static uint64_t deadline(void)
{
	return weir_session_now() + STEP;
}

static void drop_reply(struct weir__se_talk *talk)
{
	if (talk->unread)
		weir_stream_consume(talk->stream, talk->unread);
	talk->unread = 0;
}

static int send_request(struct weir__se_talk *talk, const char *path, const char *type, const void *body,
			size_t n, struct weir_error *err)
{
	char head[1024];
	const int head_n = weir__se_http_request(head, sizeof(head), path, talk->settings->server, type, n);
	int code;

	if (head_n < 0)
		return weir_failed(err, head_n, "the request does not fit");
	code = weir_stream_write(talk->stream, head, (size_t)head_n, deadline(), err);
	return code < 0 ? code : weir_stream_write(talk->stream, body, n, deadline(), err);
}

/* Leaves the stream at the body. */
static int read_head(struct weir__se_talk *talk, struct weir__se_http_reply *reply, struct weir_error *err)
{
	const uint64_t until = deadline();
	const uint8_t *bytes;
	size_t n = 0;
	int code, head;

	do {
		code = weir_stream_fill(talk->stream, n + 1, until, err);
		if (code < 0)
			return code;
		bytes = weir_stream_peek(talk->stream, &n);
		head = weir__se_http_reply(bytes, n, reply);
		if (head < 0)
			return weir_failed(err, head,
					   "what answers is no VPN server: its reply is not what HTTP says");
	} while (head == 0);
	weir_stream_consume(talk->stream, (size_t)head);
	if (reply->status != 200)
		return weir_failed(err, -EPROTO, "what answers is no VPN server: HTTP status %u",
				   reply->status);
	return 0;
}

static int read_reply(struct weir__se_talk *talk, struct weir__se_pack *pack, struct weir_error *err)
{
	struct weir__se_http_reply reply = { 0 };
	const uint8_t *bytes;
	size_t n;
	int code = read_head(talk, &reply, err);

	if (code < 0)
		return code;
	if (reply.body) {
		code = weir_stream_fill(talk->stream, reply.body, deadline(), err);
		if (code < 0)
			return code;
	}
	bytes = weir_stream_peek(talk->stream, &n);
	talk->unread = reply.body;
	code = weir__se_pack_parse(pack, bytes, reply.body);
	return code < 0 ? weir_failed(err, code, "what answers is no VPN server: its reply is no PACK") : 0;
}

int weir__se_talk_exchange(struct weir__se_talk *talk, const uint8_t *message, size_t n,
			   struct weir__se_pack *reply, struct weir_error *err)
{
	int code;

	drop_reply(talk);
	code = send_request(talk, "/vpnsvc/vpn.cgi", "application/octet-stream", message, n, err);
	return code < 0 ? code : read_reply(talk, reply, err);
}

static int connect_stream(struct weir__se_talk *talk, const struct weir__se_target *target,
			  struct weir_error *err)
{
	const struct weir__se_settings *settings = talk->settings;
	const char *pins[WEIR__SE_PINS + 1];
	struct weir_tls tls = weir__se_settings_tls(settings, pins);
	struct weir_stream_options options = {
		.host = target->host,
		.port = target->port,
		.tls = &tls,
		.timeout_ms = settings->connect_timeout_ms,
		.bind_device = *settings->bind_device ? settings->bind_device : NULL,
		.netns = *settings->netns ? settings->netns : NULL,
		.mark = settings->mark,
		.dscp = settings->dscp,
		.receive_buffer = settings->receive_buffer,
		.send_buffer = settings->send_buffer,
		.pace = settings->pace,
	};

	if (target->pinned) {
		pins[0] = target->pin;
		pins[1] = NULL;
		tls = (struct weir_tls){ .fingerprints = pins, .minimum = tls.minimum };
	}
	return weir_stream_connect(&talk->stream, talk->session, &options, err);
}

static int greet(struct weir__se_talk *talk, struct weir_error *err)
{
	struct weir__se_pack hello;
	uint32_t refused;
	int code = send_request(talk, "/vpnsvc/connect.cgi", "application/octet-stream", signature,
				sizeof(signature) - 1, err);

	if (code == 0)
		code = read_reply(talk, &hello, err);
	if (code < 0)
		return code;
	refused = weir__se_refused(&hello);
	if (refused)
		return weir_failed(err, weir__se_refusal(refused)->error, "the server refuses us: %s (%u)",
				   weir__se_refusal(refused)->text, refused);
	return weir__se_hello_read(&hello, talk->random, err);
}

int weir__se_talk_open(struct weir__se_talk *talk, const struct weir__se_target *target,
		       struct weir_error *err)
{
	int code = connect_stream(talk, target, err);

	return code < 0 ? code : greet(talk, err);
}

void weir__se_talk_close(struct weir__se_talk *talk)
{
	weir_stream_close(talk->stream);
	talk->stream = NULL;
	talk->unread = 0;
}

struct weir_stream *weir__se_talk_end(struct weir__se_talk *talk)
{
	struct weir_stream *stream = talk->stream;

	drop_reply(talk);
	talk->stream = NULL;
	return stream;
}
