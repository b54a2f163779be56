/* SPDX-License-Identifier: Apache-2.0 */
#include "login.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

/* The stock client whose protocol this is: hubs may ask for a build that is not older than some. */
#define CLIENT        "Weir" /* "server" or "bridge" in it would make this side a bridge */
#define CLIENT_VER    501
#define CLIENT_BUILD  9674
#define AUTH_TICKET   99
#define PADDING_MAX   256
#define TIMEOUT_LEAST 5000 /* milliseconds; the bounds are the server's own */
#define TIMEOUT_MOST  60000

int weir__se_hello_read(const struct weir__se_pack *pack, uint8_t random[WEIR__SE_RANDOM],
			struct weir_error *err)
{
	if (!weir__se_pack_data_n(pack, "random", random, WEIR__SE_RANDOM))
		return weir_failed(err, -EPROTO, "the server's hello has no random bytes");
	return 0;
}

uint32_t weir__se_refused(const struct weir__se_pack *pack)
{
	return weir__se_pack_int(pack, "error", 0);
}

/* So that the length of a message, which TLS does not hide, does not tell that of a password. */
static void put_padding(struct weir__se_pack_writer *writer)
{
	uint8_t padding[1 + PADDING_MAX];

	if (RAND_bytes(padding, sizeof(padding)) == 1)
		weir__se_pack_put_data(writer, "pencore", padding + 1, padding[0]);
}

static void put_client(struct weir__se_pack_writer *writer)
{
	weir__se_pack_put_str(writer, "hello", CLIENT);
	weir__se_pack_put_int(writer, "version", CLIENT_VER);
	weir__se_pack_put_int(writer, "build", CLIENT_BUILD);
	weir__se_pack_put_str(writer, "client_str", CLIENT);
	weir__se_pack_put_int(writer, "client_ver", CLIENT_VER);
	weir__se_pack_put_int(writer, "client_build", CLIENT_BUILD);
}

static void put_wishes(struct weir__se_pack_writer *writer, const struct weir__se_settings *settings)
{
	/* Without it, frames flow outside of TLS. */
	weir__se_pack_put_int(writer, "use_encrypt", !settings->clear_data);
	weir__se_pack_put_int(writer, "use_compress", settings->compress);
	weir__se_pack_put_int(writer, "max_connection", settings->connections);
	weir__se_pack_put_int(writer, "half_connection", settings->half_duplex);
	weir__se_pack_put_int(writer, "require_bridge_routing_mode", settings->bridge);
}

int weir__se_login_write(uint8_t *bytes, size_t size, const struct weir__se_settings *settings,
			 const struct weir__se_vault *vault, const uint8_t random[WEIR__SE_RANDOM],
			 const uint8_t *ticket, const struct weir__se_accel_port *udp, struct weir_error *err)
{
	struct weir__se_pack_writer writer;
	int code = 0;

	weir__se_pack_begin(&writer, bytes, size);
	weir__se_pack_put_str(&writer, "method", "login");
	weir__se_pack_put_str(&writer, "hubname", settings->hub);
	weir__se_pack_put_str(&writer, "username", settings->user);
	if (ticket) {
		weir__se_pack_put_int(&writer, "authtype", AUTH_TICKET);
		weir__se_pack_put_data(&writer, "ticket", ticket, WEIR__SE_KEY);
	} else {
		code = weir__se_auth_put(&writer, settings, vault, random, err);
	}
	if (code < 0)
		return code;
	put_client(&writer);
	put_wishes(&writer, settings);
	if (udp)
		weir__se_accel_port_put(udp, &writer);
	put_padding(&writer);
	code = weir__se_pack_end(&writer);
	return code < 0 ? weir_failed(err, code, "the login does not fit in a message") : code;
}

int weir__se_additional_write(uint8_t *bytes, size_t size, const uint8_t key[WEIR__SE_KEY])
{
	struct weir__se_pack_writer writer;

	weir__se_pack_begin(&writer, bytes, size);
	weir__se_pack_put_str(&writer, "method", "additional_connect");
	weir__se_pack_put_data(&writer, "session_key", key, WEIR__SE_KEY);
	put_client(&writer);
	return weir__se_pack_end(&writer);
}

bool weir__se_is_redirect(const struct weir__se_pack *pack)
{
	return weir__se_pack_int(pack, "Redirect", 0) != 0;
}

static bool pin(const uint8_t *certificate, size_t n, char text[WEIR__SE_PIN_HEX])
{
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (EVP_Digest(certificate, n, digest, NULL, EVP_sha256(), NULL) != 1)
		return false;
	for (unsigned i = 0; i < WEIR_FINGERPRINT_SIZE; i++)
		snprintf(text + 2 * (size_t)i, 3, "%02x", digest[i]);
	return true;
}

/* The port that was used if the other server has it too, else its first. */
static uint16_t redirect_port(const struct weir__se_pack *pack, uint16_t used)
{
	uint32_t port, first = 0;

	weir__se_pack_int_at(pack, "Port", 0, &first);
	for (uint32_t i = 0; weir__se_pack_int_at(pack, "Port", i, &port); i++)
		if (port == used)
			return used;
	return first > UINT16_MAX ? 0 : (uint16_t)first;
}

int weir__se_redirect_read(const struct weir__se_pack *pack, struct weir__se_target *target,
			   uint8_t ticket[WEIR__SE_KEY], struct weir_error *err)
{
	const uint32_t ip = weir__se_pack_int(pack, "Ip", 0); /* its octets are in reverse */
	const uint16_t port = redirect_port(pack, target->port);
	const uint8_t *certificate;
	size_t n;

	certificate = weir__se_pack_data(pack, "Cert", &n);
	if (!ip || !port || !certificate || !pin(certificate, n, target->pin) ||
	    !weir__se_pack_data_n(pack, "Ticket", ticket, WEIR__SE_KEY))
		return weir_failed(err, -EPROTO,
				   "the server sends us to another one, but not where, by which port, with "
				   "which certificate and with what ticket");
	target->pinned = true;
	target->port = port;
	snprintf(target->host, sizeof(target->host), "%u.%u.%u.%u", ip & 0xff, ip >> 8 & 0xff,
		 ip >> 16 & 0xff, ip >> 24);
	return 0;
}

static uint32_t clamp(uint32_t value, uint32_t least, uint32_t most)
{
	if (value < least)
		return least;
	return value > most ? most : value;
}

int weir__se_welcome_read(const struct weir__se_pack *pack, struct weir__se_welcome *welcome,
			  struct weir_error *err)
{
	memset(welcome, 0, sizeof(*welcome));
	if (!weir__se_pack_str(pack, "session_name", welcome->name, sizeof(welcome->name)) ||
	    !weir__se_pack_data_n(pack, "session_key", welcome->key, sizeof(welcome->key)))
		return weir_failed(err, -EPROTO, "the server's welcome has no session name or no key");
	welcome->connections = clamp(weir__se_pack_int(pack, "max_connection", 1), 1, WEIR__SE_LINKS);
	welcome->timeout_ms = clamp(weir__se_pack_int(pack, "timeout", 20000), TIMEOUT_LEAST, TIMEOUT_MOST);
	welcome->disconnect_s = weir__se_pack_int(pack, "policy:AutoDisconnect", 0);
	welcome->encrypt = weir__se_pack_int(pack, "use_encrypt", 0) != 0;
	welcome->compress = weir__se_pack_int(pack, "use_compress", 0) != 0;
	welcome->half_duplex = weir__se_pack_int(pack, "half_connection", 0) != 0;
	return 0;
}

int weir__se_welcome_check(const struct weir__se_welcome *welcome, const struct weir__se_settings *settings,
			   struct weir_error *err)
{
	if (!welcome->encrypt && !settings->clear_data)
		return weir_failed(
			err, -EPROTO,
			"the server wants frames outside of TLS, which .clear_data does not allow");
	if (welcome->half_duplex && welcome->connections < 2)
		return weir_failed(err, -EPROTO,
				   "the server wants one direction for each connection, but allows only one");
	return 0;
}

int weir__se_additional_read(const struct weir__se_pack *pack, enum weir__se_direction *direction,
			     struct weir_error *err)
{
	const uint32_t value = weir__se_pack_int(pack, "direction", 0);

	if (value > WEIR__SE_UP)
		return weir_failed(err, -EPROTO, "the server says direction %u of a connection", value);
	*direction = (enum weir__se_direction)value;
	return 0;
}
