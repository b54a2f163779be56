/* SPDX-License-Identifier: Apache-2.0 */
#include "auth.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#define SIGNATURE_MAX 512 /* bytes: RSA of 4096 bits */

/* The server's numbers of the ways. */
enum { ANONYMOUS = 0, HASHED = 1, PLAIN = 2, CERTIFICATE = 3 };

static int read_descriptor(const struct weir__se_source *from, const char *field, char **secret, size_t *n,
			   struct weir_error *err)
{
	const struct weir_secret_source source = weir__se_secret_source(from);

	return source.fd ? weir_secret_read(&source, field, secret, n, err) : 0;
}

int weir__se_vault_open(struct weir__se_vault *vault, const struct weir__se_settings *settings,
			struct weir_error *err)
{
	int code =
		read_descriptor(&settings->password, "password", &vault->password, &vault->password_n, err);

	if (code == 0)
		code = read_descriptor(&settings->key, "key", &vault->key, &vault->key_n, err);
	if (code < 0)
		weir__se_vault_close(vault);
	return code;
}

void weir__se_vault_close(struct weir__se_vault *vault)
{
	weir_secret_free(vault->password);
	weir_secret_free(vault->key);
	memset(vault, 0, sizeof(*vault));
}

/* A secret that was kept or is read now, and is then to be freed by *read. */
static int obtain(const struct weir__se_source *from, const char *field, const char *kept, size_t kept_n,
		  const char **secret, size_t *n, char **read, struct weir_error *err)
{
	const struct weir_secret_source source = weir__se_secret_source(from);
	int code;

	*read = NULL;
	if (from->fd) {
		*secret = kept;
		*n = kept_n;
		return 0;
	}
	code = weir_secret_read(&source, field, read, n, err);
	*secret = *read;
	return code;
}

void weir__se_password_hash(const char *password, size_t n, const char *user,
			    uint8_t hash[WEIR__SE_SHA0_SIZE])
{
	uint8_t upper[WEIR__SE_NAME];
	size_t i;

	/* Not by the locale: the server does so for ASCII alone. */
	for (i = 0; i < sizeof(upper) && user[i]; i++) {
		const uint8_t letter = (uint8_t)user[i];

		upper[i] = letter >= 'a' && letter <= 'z' ? letter & 0xdf : letter;
	}
	weir__se_sha0(password, n, upper, i, hash);
}

static int put_hashed(struct weir__se_pack_writer *writer, const struct weir__se_settings *settings,
		      const char *password, size_t n, const uint8_t random[WEIR__SE_RANDOM],
		      struct weir_error *err)
{
	uint8_t *hashes = weir_secret_alloc(2 * WEIR__SE_SHA0_SIZE);

	if (!hashes)
		return weir_failed(err, -ENOMEM, "no memory for a secret");
	weir__se_password_hash(password, n, settings->user, hashes);
	weir__se_sha0(hashes, WEIR__SE_SHA0_SIZE, random, WEIR__SE_RANDOM, hashes + WEIR__SE_SHA0_SIZE);
	weir__se_pack_put_int(writer, "authtype", HASHED);
	weir__se_pack_put_data(writer, "secure_password", hashes + WEIR__SE_SHA0_SIZE, WEIR__SE_SHA0_SIZE);
	weir_secret_free(hashes);
	return 0;
}

static int put_password(struct weir__se_pack_writer *writer, const struct weir__se_settings *settings,
			const struct weir__se_vault *vault, const uint8_t random[WEIR__SE_RANDOM],
			struct weir_error *err)
{
	const char *password;
	char *read;
	size_t n;
	int code = obtain(&settings->password, "password", vault->password, vault->password_n, &password, &n,
			  &read, err);

	if (code == 0 && settings->auth == WEIR_SOFTETHER_PASSWORD) {
		code = put_hashed(writer, settings, password, n, random, err);
	} else if (code == 0) {
		weir__se_pack_put_int(writer, "authtype", PLAIN);
		weir__se_pack_put_str(writer, "plain_password", password);
	}
	weir_secret_free(read);
	return code;
}

static int complain(struct weir_error *err, const char *field, const char *what)
{
	char text[128];

	ERR_error_string_n(ERR_get_error(), text, sizeof(text));
	ERR_clear_error();
	return weir_invalid(err, field, "%s: %s", what, text);
}

static X509 *read_certificate(const char *path)
{
	BIO *bio = BIO_new_file(path, "rb");
	X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	if (bio && !certificate && BIO_reset(bio) == 0) {
		ERR_clear_error();
		certificate = d2i_X509_bio(bio, NULL);
	}
	BIO_free(bio);
	return certificate;
}

/* Never ask a terminal for a passphrase. */
static int no_passphrase(char *text, int size, int writing, void *context)
{
	(void)text;
	(void)size;
	(void)writing;
	(void)context;
	return -1;
}

static EVP_PKEY *read_key(const struct weir__se_settings *settings, const struct weir__se_vault *vault,
			  struct weir_error *err)
{
	EVP_PKEY *key = NULL;
	const char *pem;
	char *read;
	size_t n;
	BIO *bio;

	if (obtain(&settings->key, "key", vault->key, vault->key_n, &pem, &n, &read, err) < 0)
		return NULL;
	bio = BIO_new_mem_buf(pem, (int)n);
	if (bio)
		key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	if (!key)
		complain(err, "key", "not a private key in PEM");
	BIO_free(bio);
	weir_secret_free(read);
	return key;
}

/* Signs the server's random bytes: RSASSA-PKCS1-v1_5 with SHA-1. Returns the length, or 0. */
static size_t sign(EVP_PKEY *key, const uint8_t random[WEIR__SE_RANDOM], uint8_t signature[SIGNATURE_MAX])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t n = SIGNATURE_MAX;

	if (!context || EVP_DigestSignInit(context, NULL, EVP_sha1(), NULL, key) != 1 ||
	    EVP_DigestSign(context, signature, &n, random, WEIR__SE_RANDOM) != 1)
		n = 0;
	EVP_MD_CTX_free(context);
	return n;
}

static int put_signed(struct weir__se_pack_writer *writer, X509 *certificate, EVP_PKEY *key,
		      const uint8_t random[WEIR__SE_RANDOM], struct weir_error *err)
{
	uint8_t signature[SIGNATURE_MAX], *der = NULL;
	size_t signature_n = 0;
	int n;

	if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_get_bits(key) > 8 * SIGNATURE_MAX)
		return weir_invalid(err, "key", "not an RSA key of at most %d bits", 8 * SIGNATURE_MAX);
	if (X509_check_private_key(certificate, key) != 1)
		return complain(err, "key", "not that of the certificate");
	signature_n = sign(key, random, signature);
	if (!signature_n)
		return complain(err, "key", "cannot sign");
	n = i2d_X509(certificate, &der);
	if (n < 0)
		return complain(err, "user_certificate", "cannot be encoded");
	weir__se_pack_put_int(writer, "authtype", CERTIFICATE);
	weir__se_pack_put_data(writer, "cert", der, (size_t)n);
	weir__se_pack_put_data(writer, "sign", signature, signature_n);
	OPENSSL_free(der);
	return 0;
}

static int put_certificate(struct weir__se_pack_writer *writer, const struct weir__se_settings *settings,
			   const struct weir__se_vault *vault, const uint8_t random[WEIR__SE_RANDOM],
			   struct weir_error *err)
{
	X509 *certificate = read_certificate(settings->user_certificate);
	EVP_PKEY *key;
	int code = -EINVAL;

	if (!certificate)
		return complain(err, "user_certificate", "cannot be read");
	key = read_key(settings, vault, err);
	if (key)
		code = put_signed(writer, certificate, key, random, err);
	EVP_PKEY_free(key);
	X509_free(certificate);
	return code;
}

int weir__se_auth_put(struct weir__se_pack_writer *writer, const struct weir__se_settings *settings,
		      const struct weir__se_vault *vault, const uint8_t random[WEIR__SE_RANDOM],
		      struct weir_error *err)
{
	switch (settings->auth) {
	case WEIR_SOFTETHER_PASSWORD:
	case WEIR_SOFTETHER_PLAIN:
		return put_password(writer, settings, vault, random, err);
	case WEIR_SOFTETHER_CERTIFICATE:
		return put_certificate(writer, settings, vault, random, err);
	case WEIR_SOFTETHER_AUTO: /* settings say which */
	case WEIR_SOFTETHER_ANONYMOUS:
	default:
		weir__se_pack_put_int(writer, "authtype", ANONYMOUS);
		return 0;
	}
}
