/* SPDX-License-Identifier: Apache-2.0 */
#include <weir/softether.h>

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "softether/connect.h"

#define S            UINT64_C(1000000000)
#define EXTEND_AGAIN (10 * S) /* after a further connection could not be made */

static int softether_check(const void *memory, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct weir_softether *options = memory;

	info->layer = WEIR_LAYER_L2;
	info->max_packet = options->max_frame ? options->max_frame : 1518;
	return weir__se_settings_check(options, err);
}

static int softether_open(void *memory, const void *options, struct weir_error *err)
{
	struct weir__se_state *state = memory;

	weir__se_settings_copy(&state->options, options);
	state->max_frame = state->options.max_frame;
	state->extend_at = UINT64_MAX;
	state->udp.first_reason = WEIR__SE_UDP;
	return weir__se_vault_open(&state->vault, &state->options, err);
}

static void softether_close(void *memory)
{
	struct weir__se_state *state = memory;

	weir__se_accel_port_end(&state->udp);
	weir__se_vault_close(&state->vault);
	weir__se_deflater_close(&state->deflater);
	weir__se_inflater_close(&state->inflater);
	explicit_bzero(&state->welcome, sizeof(state->welcome));
}

/* What came from a descriptor is gone from it, so another one makes another session. */
static bool is_other(const struct weir__se_settings *a, const struct weir__se_settings *b)
{
	return a->max_frame != b->max_frame || a->password.fd != b->password.fd || a->key.fd != b->key.fd;
}

static int softether_change(void *memory, const void *options, bool try_only, struct weir_error *err)
{
	struct weir__se_state *state = memory;
	struct weir__se_settings settings;
	bool relogin;

	(void)err;
	weir__se_settings_copy(&settings, options);
	if (is_other(&state->options, &settings))
		return -ENOTSUP;
	if (try_only)
		return 0;
	relogin = weir__se_settings_relogin(&state->options, &settings);
	state->options = settings;
	if (relogin) {
		weir_session_retry(state);
		return 0;
	}
	state->keepalive_ms = settings.keepalive_ms;
	for (unsigned i = 0; i < WEIR__SE_LINKS; i++)
		state->link[i].keepalive_at = 0;
	weir_session_wake(state->session, weir_session_now());
	return 0;
}

static int softether_connect(void *memory, struct weir_error *err)
{
	struct weir__se_state *state = memory;
	int code;

	weir_session_lock(state->session);
	if (weir__se_settings_relogin(&state->settings, &state->options))
		state->lost_at = 0;
	state->settings = state->options;
	weir_session_unlock(state->session);
	code = weir__se_connect(state, err);
	if (code < 0)
		return code;
	state->extend_at = state->welcome.connections > 1 ? 0 : UINT64_MAX;
	return 0;
}

static void softether_disconnect(void *memory)
{
	struct weir__se_state *state = memory;

	/* The session stays at the server for a while; whether it can be found again connect() decides. */
	if (state->n_links)
		state->lost_at = weir_session_now();
	weir__se_links_close(state, false);
	weir__se_accel_port_pause(&state->udp);
}

/* Those that are missing. It works with fewer, too. */
static int extend(struct weir__se_state *state)
{
	struct weir_error words = { 0 };

	while (state->n_links < state->welcome.connections) {
		const int code = weir__se_extend(state, &words);

		if (code == -ECANCELED)
			return code;
		if (code == 0)
			continue;
		weir_count(&state->links_failed, 1);
		state->extend_at = weir_session_now() + EXTEND_AGAIN;
		weir_session_wake(state->session, state->extend_at);
		return 0;
	}
	return 0;
}

static int softether_tend(void *memory, struct weir_error *err)
{
	struct weir__se_state *state = memory;
	const uint32_t seconds = state->welcome.disconnect_s;

	weir__se_accel_port_tend(&state->udp);
	weir__se_links_close(state, true);
	if (seconds && weir_session_now() >= state->login_at + seconds * S) {
		weir__se_links_close(state, false);
		return weir_session_fatal(state->session, -ETIME,
					  "the hub wants a session to end after %u seconds", seconds);
	}
	if (!state->n_links) {
		state->lost_at = weir_session_now();
		return weir_failed(err, -ETIMEDOUT, "nothing came from the server for %u ms",
				   state->welcome.timeout_ms);
	}
	return extend(state);
}

static int softether_lost(void *memory, struct weir_stream *stream, struct weir_error *err)
{
	struct weir__se_state *state = memory;
	const bool abrupt = err->code != -ENODATA;

	weir__se_link_forget(state, stream);
	weir_count(&state->links_lost, 1);
	if (state->n_links) {
		state->extend_at = 0;
		weir_session_wake(state->session, weir_session_now());
		return 0;
	}
	/* A server that met an error in the TLS of one connection takes it for one of the next, too. */
	state->lost_at = abrupt && state->welcome.encrypt ? 0 : weir_session_now();
	return err->code;
}

static const struct weir_session_type softether_session = {
	.check = softether_check,
	.open = softether_open,
	.close = softether_close,
	.change = softether_change,
	.connect = softether_connect,
	.disconnect = softether_disconnect,
	.tend = softether_tend,
	.timer = weir__se_timer,
	.lost = softether_lost,
	.bytes = weir__se_bytes,
	.datagrams = weir__se_datagrams,
	.send = weir__se_send,
};

static const struct weir_reason reasons[] = {
	WEIR_SESSION_REASONS,
	[WEIR__SE_TOO_SHORT] = { "too_short", "shorter than an Ethernet header" },
	[WEIR__SE_BAD_BLOCK] = { "bad_block", "no zlib stream of a frame, though the session is compressed" },
	WEIR__SE_ACCEL_REASONS(WEIR__SE_UDP),
	{ 0 },
};

static const struct weir_counter counters[] = {
	WEIR_SESSION_COUNTERS(struct weir__se_state),
	{ "keepalives", "sent to the server by TCP", offsetof(struct weir__se_state, keepalives) },
	{ "keepalives_got", "received from the server by TCP",
	  offsetof(struct weir__se_state, keepalives_got) },
	{ "reattached", "times that a session was found again without a login",
	  offsetof(struct weir__se_state, reattached) },
	{ "redirected", "logins that another server of the cluster took",
	  offsetof(struct weir__se_state, redirected) },
	{ "links_lost", "TCP connections that broke or were ended by the server",
	  offsetof(struct weir__se_state, links_lost) },
	{ "links_failed", "further TCP connections that could not be made",
	  offsetof(struct weir__se_state, links_failed) },
	WEIR__SE_ACCEL_COUNTERS(struct weir__se_state, udp),
	{ 0 },
};

static const struct weir_option_value auths[] = {
	{ "anonymous", WEIR_SOFTETHER_ANONYMOUS },
	{ "password", WEIR_SOFTETHER_PASSWORD },
	{ "plain", WEIR_SOFTETHER_PLAIN },
	{ "certificate", WEIR_SOFTETHER_CERTIFICATE },
	{ 0 },
};

#define OPTION(member_, kind_, help_) WEIR_OPTION(struct weir_softether, member_, kind_, help_)

static const struct weir_option option_rows[] = {
	WEIR_SESSION_OPTION_ROWS(struct weir_softether),
	OPTION(server, STRING, "name or address of the server; required"),
	OPTION(port, U16, "its port; default 443"),
	OPTION(hub, STRING, "virtual hub; required"),
	OPTION(user, STRING, "required"),
	WEIR_ENUM_OPTION(struct weir_softether, auth, auths,
			 "how to authenticate; default: by what is given, else anonymous"),
	WEIR_SECRET_OPTION_ROWS(struct weir_softether, password, "password"),
	OPTION(user_certificate, STRING, "file with the certificate of the user"),
	WEIR_SECRET_OPTION_ROWS(struct weir_softether, key, "its private key"),
	OPTION(ca_file, STRING, "roots to believe instead of the system's"),
	OPTION(certificate, STRING, "file with exactly the certificate of the server"),
	OPTION(fingerprints, LIST, "SHA-256 of the certificate of the server, one of these"),
	OPTION(tls_name, STRING, "that the certificate of the server is for; default: .server"),
	OPTION(tls_minimum, STRING, "1.2 or 1.3; default 1.2"),
	OPTION(any_server, BOOL, "do not check who the server is"),
	OPTION(connections, U32, "TCP connections at the most; default 1"),
	OPTION(half_duplex, BOOL, "each connection carries frames in one direction"),
	OPTION(compress, BOOL, "compress frames with zlib"),
	OPTION(bridge, BOOL, "frames come from many MAC addresses"),
	OPTION(udp_acceleration, BOOL, "frames by UDP where that works"),
	OPTION(clear_data, BOOL, "leave TLS after the login"),
	OPTION(max_frame, U32, "bytes of the longest frame; default 1518"),
	OPTION(pace, U32, "bytes a second that each connection sends at the most; default: no limit"),
	OPTION(keepalive_ms, U32, "milliseconds between keepalives; default: at random"),
	OPTION(connect_timeout_ms, U32, "to connect within; default 15000"),
	OPTION(receive_buffer, U32, "bytes of the receive buffer of each connection"),
	OPTION(send_buffer, U32, "bytes of the send buffer of each connection"),
	OPTION(bind_device, STRING, "only through this network device"),
	OPTION(mark, U32, "of packets to the server, for the system's routing rules"),
	OPTION(dscp, U32, "class of service of packets to the server"),
	OPTION(netns, STRING, "network namespace of the connections"),
	{ 0 },
};

WEIR_SESSION(weir_softether_type, softether_session, .name = "softether",
	     .help = "a session with a SoftEther VPN server", .reasons = reasons, .counters = counters,
	     .options = option_rows, .options_size = sizeof(struct weir_softether),
	     .state_size = sizeof(struct weir__se_state));
