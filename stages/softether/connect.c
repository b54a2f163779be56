/* SPDX-License-Identifier: Apache-2.0 */
#include "connect.h"

#include <errno.h>
#include <stdio.h>

#include "refusal.h"
#include "talk.h"

#define MS UINT64_C(1000000)

/* --- another connection of a session that is known to the server --- */

/* The server's number of what it has against it is in refused; 0: that was not it. */
static int add_connection(struct weir__se_state *state, struct weir__se_talk *talk, uint32_t *refused,
			  struct weir_error *err)
{
	uint8_t message[1024];
	const int n = weir__se_additional_write(message, sizeof(message), state->welcome.key);
	enum weir__se_direction direction;
	struct weir__se_pack reply;
	struct weir_stream *stream;
	int code = weir__se_talk_open(talk, &state->target, err);

	if (code == 0)
		code = weir__se_talk_exchange(talk, message, (size_t)n, &reply, err);
	explicit_bzero(message, sizeof(message));
	if (code < 0)
		return code;
	*refused = weir__se_refused(&reply);
	if (*refused)
		return weir_failed(err, weir__se_refusal(*refused)->error,
				   "the server refuses a connection: %s (%u)",
				   weir__se_refusal(*refused)->text, *refused);
	code = weir__se_additional_read(&reply, &direction, err);
	if (code < 0)
		return code;
	stream = weir__se_talk_end(talk);
	if (!state->welcome.encrypt)
		weir_stream_leave_tls(stream);
	return weir__se_link_add(state, stream, direction, err);
}

static int extend(struct weir__se_state *state, uint32_t *refused, struct weir_error *err)
{
	struct weir__se_talk talk = { .session = state->session, .settings = &state->settings };
	const int code = add_connection(state, &talk, refused, err);

	weir__se_talk_close(&talk);
	return code;
}

/* Those of the options that need no login, such as whom to believe. */
static void refresh(struct weir__se_state *state)
{
	weir_session_lock(state->session);
	if (!weir__se_settings_relogin(&state->settings, &state->options))
		state->settings = state->options;
	weir_session_unlock(state->session);
}

int weir__se_extend(struct weir__se_state *state, struct weir_error *err)
{
	uint32_t refused = 0;

	refresh(state);
	return extend(state, &refused, err);
}

/* --- a login --- */

/* What workers look at, before there is a connection that makes them. */
static int prepare(struct weir__se_state *state, const struct weir__se_welcome *welcome,
		   struct weir_error *err)
{
	weir_session_lock(state->session);
	state->welcome = *welcome;
	state->announced = 0;
	state->keepalive_ms = state->settings.keepalive_ms;
	weir_session_unlock(state->session);
	if (welcome->compress &&
	    (weir__se_deflater_open(&state->deflater) < 0 || weir__se_inflater_open(&state->inflater) < 0))
		return weir_failed(err, -ENOMEM, "no memory for zlib");
	return 0;
}

/* Frames go by TCP where this fails. */
static void enter_udp(struct weir__se_state *state, const struct weir__se_talk *talk,
		      const struct weir__se_pack *pack, bool clear)
{
	char server[WEIR_SESSION_TEXT], local[WEIR_SESSION_TEXT];
	struct weir_error words = { 0 };

	if (!state->settings.udp_acceleration)
		return;
	weir_stream_addresses(talk->stream, server, local);
	if (!state->udp.socket || weir__se_accel_port_begin(&state->udp, pack, server, clear, &words) < 0) {
		weir__se_accel_port_end(&state->udp);
		weir_count(&state->udp.unusable, 1);
	}
}

static int enter(struct weir__se_state *state, struct weir__se_talk *talk, const struct weir__se_pack *pack,
		 struct weir_error *err)
{
	struct weir__se_welcome welcome;
	struct weir_stream *stream;
	int code = weir__se_welcome_read(pack, &welcome, err);

	if (code == 0)
		code = weir__se_welcome_check(&welcome, &state->settings, err);
	if (code == 0)
		code = prepare(state, &welcome, err);
	if (code < 0)
		return code;
	enter_udp(state, talk, pack, !welcome.encrypt);
	stream = weir__se_talk_end(talk);
	if (!welcome.encrypt)
		weir_stream_leave_tls(stream);
	return weir__se_link_add(state, stream, welcome.half_duplex ? WEIR__SE_UP : WEIR__SE_BOTH, err);
}

static int refuse(struct weir__se_state *state, uint32_t number, struct weir_error *err)
{
	const struct weir__se_refusal *refusal = weir__se_refusal(number);

	weir_failed(err, refusal->error, "the server refuses the login: %s (%u)", refusal->text, number);
	if (refusal->fatal)
		weir_session_fatal(state->session, refusal->error, "the server refuses the login: %s (%u)",
				   refusal->text, number);
	return refusal->error;
}

/* The server that the user is known to has let him in and sent him here: whatever this one lacks, such as a
 * hub that it has not been told of since it started, will pass. */
static int refuse_as_member(uint32_t number, struct weir_error *err)
{
	const struct weir__se_refusal *refusal = weir__se_refusal(number);

	return weir_failed(err, refusal->error, "the cluster's member refuses the login: %s (%u)",
			   refusal->text, number);
}

static struct weir_socket_options socket_options(const struct weir__se_settings *settings)
{
	return (struct weir_socket_options){
		.receive_buffer = settings->receive_buffer,
		.send_buffer = settings->send_buffer,
		.dscp = settings->dscp,
		.mark = settings->mark,
		.bind_device = *settings->bind_device ? settings->bind_device : NULL,
		.netns = *settings->netns ? settings->netns : NULL,
	};
}

static void open_udp(struct weir__se_state *state)
{
	const struct weir_socket_options options = socket_options(&state->settings);
	struct weir_error words = { 0 };

	if (!state->settings.udp_acceleration)
		weir__se_accel_port_end(&state->udp);
	else
		(void)weir__se_accel_port_open(&state->udp, state->session, &options, &words);
}

/* What the server still has of it. */
static void resume_udp(struct weir__se_state *state)
{
	const struct weir_socket_options options = socket_options(&state->settings);
	struct weir_error words = { 0 };

	if (weir__se_accel_port_resume(&state->udp, &options, &words) < 0)
		weir_count(&state->udp.unusable, 1);
}

/* Sends the login; the reply is what the server says to it, and no refusal. */
static int ask(struct weir__se_state *state, struct weir__se_talk *talk, const uint8_t *ticket,
	       struct weir__se_pack *reply, struct weir_error *err)
{
	uint8_t *message = weir_secret_alloc(WEIR__SE_MESSAGE); /* with a password, maybe */
	uint32_t refused;
	int n, code;

	if (!message)
		return weir_failed(err, -ENOMEM, "no memory for the login");
	n = weir__se_login_write(message, WEIR__SE_MESSAGE, &state->settings, &state->vault, talk->random,
				 ticket, state->settings.udp_acceleration ? &state->udp : NULL, err);
	code = n < 0 ? n : weir__se_talk_exchange(talk, message, (size_t)n, reply, err);
	weir_secret_free(message);
	if (code < 0)
		return code;
	refused = weir__se_refused(reply);
	if (!refused)
		return 0;
	return ticket ? refuse_as_member(refused, err) : refuse(state, refused, err);
}

static int redirected(struct weir__se_state *state, struct weir__se_talk *talk,
		      const struct weir__se_pack *pack, uint8_t ticket[WEIR__SE_KEY], struct weir_error *err)
{
	const int code = weir__se_redirect_read(pack, &state->target, ticket, err);

	weir__se_talk_close(talk);
	weir_count(&state->redirected, 1);
	return code;
}

static int login(struct weir__se_state *state, struct weir__se_talk *talk, struct weir_error *err)
{
	uint8_t ticket[WEIR__SE_KEY];
	struct weir__se_pack reply;
	int code = weir__se_talk_open(talk, &state->target, err);

	if (code == 0)
		code = ask(state, talk, NULL, &reply, err);
	if (code == 0 && weir__se_is_redirect(&reply)) {
		code = redirected(state, talk, &reply, ticket, err);
		if (code == 0)
			code = weir__se_talk_open(talk, &state->target, err);
		if (code == 0)
			code = ask(state, talk, ticket, &reply, err);
	}
	return code < 0 ? code : enter(state, talk, &reply, err);
}

static int log_in(struct weir__se_state *state, struct weir_error *err)
{
	struct weir__se_talk talk = { .session = state->session, .settings = &state->settings };
	int code;

	state->target = (struct weir__se_target){ .port = state->settings.port };
	snprintf(state->target.host, sizeof(state->target.host), "%s", state->settings.server);
	open_udp(state);
	code = login(state, &talk, err);
	weir__se_talk_close(&talk);
	return code;
}

/* --- a session that lost its connections --- */

/* A server that has mixed up its connections loses each that is added to them: then there must be a login. */
static bool may_resume(const struct weir__se_state *state)
{
	const uint64_t timeout = state->welcome.timeout_ms * MS;

	return state->lost_at && weir_session_now() < state->lost_at + timeout &&
	       (!state->resumed_at || state->lost_at > state->resumed_at + timeout);
}

/* Returns false if that is not possible any more: then there must be a login. */
static bool resume(struct weir__se_state *state, int *code, struct weir_error *err)
{
	struct weir_error words = { 0 };
	uint32_t refused = 0;

	*code = extend(state, &refused, &words);
	if (*code == 0) {
		weir_count(&state->reattached, 1);
		state->announced = 0;
		state->resumed_at = weir_session_now();
		resume_udp(state);
	} else if (refused || *code == -ENODATA || *code == -ECONNRESET) {
		return false;
	} else {
		weir_failed(err, *code, "%s", words.text);
	}
	return true;
}

/* --- what the application is told --- */

static void assign(struct weir__se_state *state)
{
	struct weir_session_status status = {
		.mtu = state->max_frame < 1514 ? state->max_frame - 14 : 1500,
		.keys_since = state->welcome.encrypt ? weir_session_now() : 0,
	};
	char local[WEIR_SESSION_TEXT];

	for (unsigned i = 0; i < WEIR__SE_LINKS; i++)
		if (state->link[i].stream)
			weir_stream_addresses(state->link[i].stream, status.remote, local);
	snprintf(status.label, sizeof(status.label), "%s", state->welcome.name);
	weir_session_assign(state->session, &status);
}

int weir__se_connect(struct weir__se_state *state, struct weir_error *err)
{
	int code;

	if (!may_resume(state) || !resume(state, &code, err)) {
		code = log_in(state, err);
		state->login_at = weir_session_now();
		state->resumed_at = 0;
	}
	if (code < 0)
		return code;
	state->lost_at = 0;
	assign(state);
	return 0;
}
