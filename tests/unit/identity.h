/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and certificates, made by the test that uses them. */
#ifndef WEIR_TEST_IDENTITY_H
#define WEIR_TEST_IDENTITY_H

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "test.h"

#define IDENTITY_DAY (24 * 60 * 60L)

struct identity {
	EVP_PKEY *key;
	X509 *certificate;
};

static inline void identity_extend(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(extension);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

/* Of that key. names: "DNS:vpn.test,IP:192.0.2.1", or NULL: it is an authority. issuer NULL: signed by
 * itself. It is valid for a day up to the end of that day from now. */
static inline struct identity identity_make_of(EVP_PKEY *key, const char *subject, const char *names,
					       const struct identity *issuer, long last_day)
{
	static long serial;
	struct identity identity = { key, X509_new() };
	X509 *certificate = identity.certificate;
	X509_NAME *name;

	assert_non_null(identity.key);
	assert_non_null(certificate);
	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(certificate), (last_day - 1) * IDENTITY_DAY);
	X509_gmtime_adj(X509_getm_notAfter(certificate), last_day * IDENTITY_DAY);
	X509_set_pubkey(certificate, identity.key);
	name = X509_get_subject_name(certificate);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)subject, -1, -1, 0);
	X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer->certificate) : name);
	identity_extend(certificate, NID_basic_constraints, names ? "CA:FALSE" : "critical,CA:TRUE");
	if (names)
		identity_extend(certificate, NID_subject_alt_name, names);
	assert_true(X509_sign(certificate, issuer ? issuer->key : identity.key, EVP_sha256()) > 0);
	return identity;
}

/* The same with a key of the usual kind. */
static inline struct identity identity_make(const char *subject, const char *names,
					    const struct identity *issuer, long last_day)
{
	return identity_make_of(EVP_EC_gen("P-256"), subject, names, issuer, last_day);
}

static inline void identity_free(struct identity *identity)
{
	EVP_PKEY_free(identity->key);
	X509_free(identity->certificate);
}

/* SHA-256, as 64 digits. */
static inline void identity_fingerprint(const struct identity *identity, char text[65])
{
	uint8_t bytes[32];

	assert_int_equal(X509_digest(identity->certificate, EVP_sha256(), bytes, NULL), 1);
	for (unsigned i = 0; i < 32; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

/* Writes the certificate to a file, which the path, "….XXXXXX", names then. */
static inline void identity_save(const struct identity *identity, char *path, bool der)
{
	const int fd = mkostemp(path, O_CLOEXEC);
	BIO *file = BIO_new_fd(fd, BIO_CLOSE);

	assert_true(fd >= 0);
	assert_non_null(file);
	assert_int_equal(der ? i2d_X509_bio(file, identity->certificate)
			     : PEM_write_bio_X509(file, identity->certificate),
			 1);
	BIO_free(file);
}

/* The same of its key, for nobody else to read. */
static inline void identity_save_key(const struct identity *identity, char *path)
{
	const int fd = mkostemp(path, O_CLOEXEC);
	BIO *file = BIO_new_fd(fd, BIO_CLOSE);

	assert_true(fd >= 0);
	assert_non_null(file);
	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(file, identity->key, NULL, NULL, 0, NULL, NULL), 1);
	BIO_free(file);
}

/* A server that shows it. */
static inline SSL_CTX *identity_server(const struct identity *identity)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	assert_non_null(context);
	assert_int_equal(SSL_CTX_use_certificate(context, identity->certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(context, identity->key), 1);
	return context;
}

#endif
