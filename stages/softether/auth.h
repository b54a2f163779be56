/* SPDX-License-Identifier: Apache-2.0 */
/* What proves to the server that this is the user. Secrets are read when they are needed, and wiped then. */
#ifndef WEIR_SE_AUTH_H
#define WEIR_SE_AUTH_H

#include "pack.h"
#include "settings.h"
#include "sha0.h"

#define WEIR__SE_RANDOM 20 /* bytes that the server's hello brings */

/* A descriptor can be read once: what came from it is kept as long as the session is. */
struct weir__se_vault {
	char *password, *key; /* of weir_secret_read() */
	size_t password_n, key_n;
};

int weir__se_vault_open(struct weir__se_vault *vault, const struct weir__se_settings *settings,
			struct weir_error *err);
void weir__se_vault_close(struct weir__se_vault *vault);

/* What the server keeps of a password: without salt, so it is as good as the password itself. */
void weir__se_password_hash(const char *password, size_t n, const char *user,
			    uint8_t hash[WEIR__SE_SHA0_SIZE]);

/* Adds authtype and what goes with it. -EINVAL and the like: the words name the option. */
int weir__se_auth_put(struct weir__se_pack_writer *writer, const struct weir__se_settings *settings,
		      const struct weir__se_vault *vault, const uint8_t random[WEIR__SE_RANDOM],
		      struct weir_error *err);

#endif
