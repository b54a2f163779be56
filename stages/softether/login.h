/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of a login: what is sent, and what is made of the replies, which may be anything. */
#ifndef WEIR_SE_LOGIN_H
#define WEIR_SE_LOGIN_H

#include "auth.h"
#include "udp_accel_port.h"

#define WEIR__SE_KEY     20 /* bytes of a session's key, and of a ticket */
#define WEIR__SE_PIN_HEX (2 * WEIR_FINGERPRINT_SIZE + 1)

/* A server, and who it must be where another server has said so. */
struct weir__se_target {
	char host[WEIR__SE_NAME];
	uint16_t port;
	bool pinned;
	char pin[WEIR__SE_PIN_HEX]; /* SHA-256 of its certificate */
};

struct weir__se_welcome {
	char name[128]; /* of the session */
	uint8_t key[WEIR__SE_KEY];
	uint32_t connections;
	uint32_t timeout_ms;
	uint32_t disconnect_s; /* the hub wants the session to end after that; 0: no */
	bool encrypt, compress, half_duplex;
};

/* The server's first words. */
int weir__se_hello_read(const struct weir__se_pack *pack, uint8_t random[WEIR__SE_RANDOM],
			struct weir_error *err);

/* A login; ticket: of a redirect, instead of what proves the user; udp NULL: without. Returns the length. */
int weir__se_login_write(uint8_t *bytes, size_t size, const struct weir__se_settings *settings,
			 const struct weir__se_vault *vault, const uint8_t random[WEIR__SE_RANDOM],
			 const uint8_t *ticket, const struct weir__se_accel_port *udp,
			 struct weir_error *err);
/* Another connection of a session. Returns the length. */
int weir__se_additional_write(uint8_t *bytes, size_t size, const uint8_t key[WEIR__SE_KEY]);

/* What the server has refused: its number; 0: nothing. */
uint32_t weir__se_refused(const struct weir__se_pack *pack);

/* Whether it sends us to another server, and to which. */
bool weir__se_is_redirect(const struct weir__se_pack *pack);
int weir__se_redirect_read(const struct weir__se_pack *pack, struct weir__se_target *target,
			   uint8_t ticket[WEIR__SE_KEY], struct weir_error *err);

int weir__se_welcome_read(const struct weir__se_pack *pack, struct weir__se_welcome *welcome,
			  struct weir_error *err);
/* Whether a session of these settings can be what the server has made of it. */
int weir__se_welcome_check(const struct weir__se_welcome *welcome, const struct weir__se_settings *settings,
			   struct weir_error *err);

/* In which direction frames go in a connection. */
enum weir__se_direction { WEIR__SE_BOTH = 0, WEIR__SE_DOWN = 1, WEIR__SE_UP = 2 };

int weir__se_additional_read(const struct weir__se_pack *pack, enum weir__se_direction *direction,
			     struct weir_error *err);

#endif
