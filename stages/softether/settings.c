/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <errno.h>
#include <string.h>

#include "frame.h"

/* What is too long here is told by check_texts(). */
static void copy(char *to, size_t size, const char *from)
{
	const size_t n = from ? strnlen(from, size - 1) : 0;

	if (n)
		memcpy(to, from, n);
	memset(to + n, 0, size - n);
}

static int check_text(const char *field, const char *text, size_t size, bool required, struct weir_error *err)
{
	if (!text || !*text)
		return required ? weir_invalid(err, field, "missing") : 0;
	if (strnlen(text, size) == size)
		return weir_invalid(err, field, "longer than %zu bytes", size - 1);
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ')
			return weir_invalid(err, field, "has a control character");
	return 0;
}

static int check_texts(const struct weir_softether *options, struct weir_error *err)
{
	const struct {
		const char *field, *text;
		size_t size;
		bool required;
	} texts[] = {
		{ "server", options->server, WEIR__SE_NAME, true },
		{ "hub", options->hub, WEIR__SE_NAME, true },
		{ "user", options->user, WEIR__SE_NAME, true },
		{ "user_certificate", options->user_certificate, WEIR__SE_PATH, false },
		{ "password_file", options->password_file, WEIR__SE_PATH, false },
		{ "key_file", options->key_file, WEIR__SE_PATH, false },
		{ "ca_file", options->ca_file, WEIR__SE_PATH, false },
		{ "certificate", options->certificate, WEIR__SE_PATH, false },
		{ "tls_name", options->tls_name, WEIR__SE_NAME, false },
		{ "bind_device", options->bind_device, WEIR__SE_NAME, false },
		{ "netns", options->netns, WEIR__SE_PATH, false },
	};
	int code = 0;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (check_text(texts[i].field, texts[i].text, texts[i].size, texts[i].required, err) < 0)
			code = -EINVAL;
	return code;
}

static int check_range(const char *field, uint32_t value, uint32_t least, uint32_t most,
		       struct weir_error *err)
{
	if (!value || (value >= least && value <= most))
		return 0;
	return weir_invalid(err, field, "%u is not between %u and %u", value, least, most);
}

static int check_numbers(const struct weir_softether *options, struct weir_error *err)
{
	int code = 0;

	if (check_range("connections", options->connections, 1, WEIR__SE_LINKS, err) < 0)
		code = -EINVAL;
	if (check_range("max_frame", options->max_frame, 64, WEIR__SE_FRAME_MAX, err) < 0)
		code = -EINVAL;
	if (check_range("keepalive_ms", options->keepalive_ms, 100, 60000, err) < 0)
		code = -EINVAL;
	/* The server waits for 15 seconds at each step of the login. */
	if (check_range("connect_timeout_ms", options->connect_timeout_ms, 100, 120000, err) < 0)
		code = -EINVAL;
	if (check_range("pace", options->pace, 10000, UINT32_MAX, err) < 0)
		code = -EINVAL;
	if (options->dscp > 63)
		code = weir_invalid(err, "dscp", "%u is not between 0 and 63", options->dscp);
	if (options->half_duplex && options->connections == 1)
		code = weir_invalid(err, "half_duplex", "takes 2 connections at least");
	return code;
}

static int check_tls(const struct weir_softether *options, struct weir_error *err)
{
	struct weir_tls tls = {
		.ca_file = options->ca_file,
		.name = options->tls_name,
		.certificate = options->certificate,
		.fingerprints = options->fingerprints,
		.any = options->any_server,
		.minimum = options->tls_minimum,
	};
	unsigned n = 0;
	int code = 0;

	for (; options->fingerprints && options->fingerprints[n]; n++)
		if (strnlen(options->fingerprints[n], WEIR__SE_PIN) == WEIR__SE_PIN)
			code = weir_invalid(err, "fingerprints", "[%u] is no SHA-256 fingerprint", n);
	if (n > WEIR__SE_PINS)
		code = weir_invalid(err, "fingerprints", "%u entries; at most %d", n, WEIR__SE_PINS);
	return code < 0 ? code : weir_tls_check(&tls, "", err);
}

static enum weir_softether_auth auth_of(const struct weir_softether *options)
{
	const struct weir_secret_source password = WEIR_SECRET_SOURCE(options, password);

	if (options->auth != WEIR_SOFTETHER_AUTO)
		return options->auth;
	if (options->user_certificate)
		return WEIR_SOFTETHER_CERTIFICATE;
	return weir_secret_sources(&password) ? WEIR_SOFTETHER_PASSWORD : WEIR_SOFTETHER_ANONYMOUS;
}

static int check_auth(const struct weir_softether *options, struct weir_error *err)
{
	const struct weir_secret_source password = WEIR_SECRET_SOURCE(options, password);
	const struct weir_secret_source key = WEIR_SECRET_SOURCE(options, key);
	const enum weir_softether_auth auth = auth_of(options);
	const bool by_password = auth == WEIR_SOFTETHER_PASSWORD || auth == WEIR_SOFTETHER_PLAIN;
	const bool by_key = auth == WEIR_SOFTETHER_CERTIFICATE;
	int code = 0;

	if (auth < WEIR_SOFTETHER_AUTO || auth > WEIR_SOFTETHER_CERTIFICATE)
		return weir_invalid(err, "auth", "%d is no way to authenticate", (int)auth);
	if (weir_secret_sources(&password) != by_password)
		code = weir_invalid(err, "password",
				    by_password ? "one of .password_file, _fd and _ask must be given"
						: "given, but this way to authenticate needs none");
	if (weir_secret_sources(&key) != by_key)
		code = weir_invalid(err, "key",
				    by_key ? "one of .key_file, _fd and _ask must be given"
					   : "given, but this way to authenticate needs none");
	if (!!options->user_certificate != by_key)
		code = weir_invalid(err, "user_certificate",
				    by_key ? "missing" : "given, but this way to authenticate needs none");
	return code;
}

int weir__se_settings_check(const struct weir_softether *options, struct weir_error *err)
{
	const int codes[] = { check_texts(options, err), check_numbers(options, err), check_tls(options, err),
			      check_auth(options, err) };

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i] < 0)
			return codes[i];
	return 0;
}

static void copy_source(struct weir__se_source *to, const struct weir_secret_source *from)
{
	copy(to->file, sizeof(to->file), from->file);
	to->fd = from->fd;
	to->ask = from->ask;
	to->context = from->context;
}

static void copy_texts(struct weir__se_settings *settings, const struct weir_softether *options)
{
	const struct weir_secret_source password = WEIR_SECRET_SOURCE(options, password);
	const struct weir_secret_source key = WEIR_SECRET_SOURCE(options, key);

	copy(settings->server, sizeof(settings->server), options->server);
	copy(settings->hub, sizeof(settings->hub), options->hub);
	copy(settings->user, sizeof(settings->user), options->user);
	copy(settings->user_certificate, sizeof(settings->user_certificate), options->user_certificate);
	copy_source(&settings->password, &password);
	copy_source(&settings->key, &key);
	copy(settings->ca_file, sizeof(settings->ca_file), options->ca_file);
	copy(settings->certificate, sizeof(settings->certificate), options->certificate);
	copy(settings->tls_name, sizeof(settings->tls_name), options->tls_name);
	copy(settings->tls_minimum, sizeof(settings->tls_minimum), options->tls_minimum);
	copy(settings->bind_device, sizeof(settings->bind_device), options->bind_device);
	copy(settings->netns, sizeof(settings->netns), options->netns);
	for (const char *const *pin = options->fingerprints; pin && *pin; pin++)
		copy(settings->pins[settings->n_pins++], WEIR__SE_PIN, *pin);
}

void weir__se_settings_copy(struct weir__se_settings *settings, const struct weir_softether *options)
{
	const uint32_t connections = options->connections ? options->connections : 1;

	memset(settings, 0, sizeof(*settings));
	copy_texts(settings, options);
	settings->any_server = options->any_server;
	settings->auth = auth_of(options);
	settings->compress = options->compress;
	settings->half_duplex = options->half_duplex;
	settings->bridge = options->bridge;
	settings->clear_data = options->clear_data;
	settings->udp_acceleration = options->udp_acceleration;
	settings->port = options->port ? options->port : 443;
	settings->connections = options->half_duplex && connections < 2 ? 2 : connections;
	settings->max_frame = options->max_frame ? options->max_frame : 1518;
	settings->keepalive_ms = options->keepalive_ms;
	settings->connect_timeout_ms = options->connect_timeout_ms;
	settings->pace = options->pace;
	settings->mark = options->mark;
	settings->dscp = options->dscp;
	settings->receive_buffer = options->receive_buffer;
	settings->send_buffer = options->send_buffer;
}

bool weir__se_settings_relogin(const struct weir__se_settings *a, const struct weir__se_settings *b)
{
	return strcmp(a->server, b->server) != 0 || a->port != b->port || strcmp(a->hub, b->hub) != 0 ||
	       strcmp(a->user, b->user) != 0 || a->auth != b->auth || a->connections != b->connections ||
	       a->half_duplex != b->half_duplex || a->compress != b->compress || a->bridge != b->bridge ||
	       a->udp_acceleration != b->udp_acceleration || a->clear_data != b->clear_data ||
	       strcmp(a->bind_device, b->bind_device) != 0 || strcmp(a->netns, b->netns) != 0 ||
	       a->mark != b->mark || a->dscp != b->dscp || a->pace != b->pace ||
	       a->receive_buffer != b->receive_buffer || a->send_buffer != b->send_buffer;
}

static const char *text_or_null(const char *text)
{
	return *text ? text : NULL;
}

struct weir_tls weir__se_settings_tls(const struct weir__se_settings *settings, const char **pins)
{
	for (unsigned i = 0; i < settings->n_pins; i++)
		pins[i] = settings->pins[i];
	pins[settings->n_pins] = NULL;
	return (struct weir_tls){
		.ca_file = text_or_null(settings->ca_file),
		.name = text_or_null(settings->tls_name),
		.certificate = text_or_null(settings->certificate),
		.fingerprints = settings->n_pins ? pins : NULL,
		.any = settings->any_server,
		.minimum = text_or_null(settings->tls_minimum),
	};
}

struct weir_secret_source weir__se_secret_source(const struct weir__se_source *source)
{
	return (struct weir_secret_source){ text_or_null(source->file), source->fd, source->ask,
					    source->context };
}
