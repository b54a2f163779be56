/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy of the options. Everything lies in it, with limits that check() has looked at, so that to take over
 * other options cannot fail.
 */
#ifndef WEIR_SE_SETTINGS_H
#define WEIR_SE_SETTINGS_H

#include <weir/softether.h>
#include <weir/stream.h>

#define WEIR__SE_NAME  256 /* bytes of a text: host, hub, user */
#define WEIR__SE_PATH  4096
#define WEIR__SE_PINS  16
#define WEIR__SE_PIN   96 /* bytes of a fingerprint as text */
#define WEIR__SE_LINKS 32 /* connections at the most, as the protocol has it */

struct weir__se_source {
	char file[WEIR__SE_PATH]; /* "": none */
	int fd;
	int (*ask)(void *context, char *secret, size_t size);
	void *context;
};

struct weir__se_settings {
	char server[WEIR__SE_NAME];
	char hub[WEIR__SE_NAME];
	char user[WEIR__SE_NAME];
	char user_certificate[WEIR__SE_PATH];
	struct weir__se_source password, key;

	char ca_file[WEIR__SE_PATH];
	char certificate[WEIR__SE_PATH];
	char tls_name[WEIR__SE_NAME];
	char tls_minimum[8];
	char pins[WEIR__SE_PINS][WEIR__SE_PIN];
	unsigned n_pins;
	bool any_server;

	enum weir_softether_auth auth;
	bool compress, half_duplex, bridge, clear_data, udp_acceleration;
	uint16_t port;
	uint32_t connections, max_frame, keepalive_ms, connect_timeout_ms, pace;

	char bind_device[WEIR__SE_NAME];
	char netns[WEIR__SE_PATH];
	uint32_t mark, dscp, receive_buffer, send_buffer;
};

/* Reports every problem of the options. */
int weir__se_settings_check(const struct weir_softether *options, struct weir_error *err);
/* Of options that were checked. */
void weir__se_settings_copy(struct weir__se_settings *settings, const struct weir_softether *options);
/* Whether a session that has logged in with one must log in anew for the other. */
bool weir__se_settings_relogin(const struct weir__se_settings *a, const struct weir__se_settings *b);

/* Whom to believe, in the words of stream.h: pins has room for WEIR__SE_PINS + 1, and all points into
 * settings. */
struct weir_tls weir__se_settings_tls(const struct weir__se_settings *settings, const char **pins);
struct weir_secret_source weir__se_secret_source(const struct weir__se_source *source);

#endif
