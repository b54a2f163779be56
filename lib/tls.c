/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>

#include "address.h"
#include "error.h"
#include "tls.h"

/* Header, IV, MAC and padding of a record; a reply is at most one record of some hundred bytes. */
#define RECORD_EXTRA 512
/* Who makes us answer more than this without ever reading it does not mean well. The first flight of a client
 * with a long list of everything is below 2 KiB. */
#define REPLIES      16384
#define FIELD        64 /* bytes of the name of an option */

/* --- memory instead of a socket --- */

static int memory_write(BIO *bio, const char *bytes, size_t n, size_t *written)
{
	struct weir__tls *tls = BIO_get_data(bio);
	uint8_t *room = weir__fifo_room(tls->out, n);

	BIO_clear_retry_flags(bio);
	if (!room)
		return 0; /* an error */
	memcpy(room, bytes, n);
	weir__fifo_put(tls->out, n);
	*written = n;
	return 1;
}

static int memory_read(BIO *bio, char *bytes, size_t room, size_t *n)
{
	struct weir__tls *tls = BIO_get_data(bio);
	const size_t used = weir__fifo_used(&tls->in);

	BIO_clear_retry_flags(bio);
	if (!used) {
		BIO_set_retry_read(bio);
		return 0;
	}
	*n = used < room ? used : room;
	memcpy(bytes, weir__fifo_front(&tls->in), *n);
	weir__fifo_take(&tls->in, *n);
	return 1;
}

static long memory_control(BIO *bio, int command, long number, void *pointer)
{
	(void)bio, (void)number, (void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;

static void make_method(void)
{
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir");
	if (!method)
		return;
	BIO_meth_set_write_ex(method, memory_write);
	BIO_meth_set_read_ex(method, memory_read);
	BIO_meth_set_ctrl(method, memory_control);
}

/* One for both directions, which then belongs to tls->ssl. */
static bool join_memory(struct weir__tls *tls)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	BIO *bio;

	pthread_once(&once, make_method);
	bio = method ? BIO_new(method) : NULL;
	if (!bio)
		return false;
	BIO_set_data(bio, tls);
	BIO_set_init(bio, 1);
	SSL_set_bio(tls->ssl, bio, bio);
	return true;
}

/* --- whom to believe --- */

static const char *last_reason(void)
{
	const unsigned long code = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(code);

	if (ERR_SYSTEM_ERROR(code))
		return strerror(ERR_GET_REASON(code));
	return reason ? reason : "no reason is given";
}

static bool is_listed(const struct weir__tls *tls, const uint8_t fingerprint[WEIR_FINGERPRINT_SIZE])
{
	for (unsigned i = 0; i < tls->n_pins; i++)
		if (memcmp(tls->pins[i], fingerprint, WEIR_FINGERPRINT_SIZE) == 0)
			return true;
	return false;
}

/* Writes why, and what the peer has shown instead. */
static void refuse(struct weir__tls *tls, X509 *certificate, const char *why)
{
	uint8_t fingerprint[WEIR_FINGERPRINT_SIZE] = { 0 };
	char hex[2 * WEIR_FINGERPRINT_SIZE + 1];
	char subject[48] = "";
	BIO *text = BIO_new(BIO_s_mem());
	int n;

	if (text && X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0) {
		n = BIO_read(text, subject, sizeof(subject) - 1);
		subject[n > 0 ? n : 0] = '\0';
	}
	BIO_free(text);
	X509_digest(certificate, EVP_sha256(), fingerprint, NULL);
	for (unsigned i = 0; i < WEIR_FINGERPRINT_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", fingerprint[i]);
	snprintf(tls->refusal, sizeof(tls->refusal), "%.60s: it showed '%s', SHA-256 %s", why, subject, hex);
}

/* The certificate is kept, whatever becomes of it. */
static void keep(struct weir__tls *tls, X509 *certificate)
{
	const int len = i2d_X509(certificate, &tls->certificate);

	tls->certificate_len = len > 0 ? (size_t)len : 0;
}

/* In place of the usual check of the chain. */
static int judge(X509_STORE_CTX *store, void *argument)
{
	struct weir__tls *tls = argument;
	X509 *certificate = X509_STORE_CTX_get0_cert(store);
	uint8_t fingerprint[WEIR_FINGERPRINT_SIZE];

	OPENSSL_free(tls->certificate);
	tls->certificate = NULL;
	keep(tls, certificate);
	if (tls->any)
		return 1;
	if (tls->n_pins) {
		if (X509_digest(certificate, EVP_sha256(), fingerprint, NULL) && is_listed(tls, fingerprint))
			return 1;
		X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
		refuse(tls, certificate, "none of the certificates that it may show");
		return 0;
	}
	if (X509_verify_cert(store) > 0)
		return 1;
	refuse(tls, certificate, X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
	return 0;
}

/* --- options --- */

/* Where they stand, for errors. */
struct place {
	const char *prefix; /* or NULL */
	struct weir_error *err;
};

static const char *full_name(const struct place *place, const char *field, char text[FIELD])
{
	const bool prefixed = place->prefix && place->prefix[0];

	snprintf(text, FIELD, "%s%s%s", prefixed ? place->prefix : "", prefixed ? "." : "", field);
	return text;
}

#define invalid(place, field, ...) \
	weir_invalid((place)->err, full_name(place, field, (char[FIELD]){ 0 }), __VA_ARGS__)

static bool parse_fingerprint(const char *text, uint8_t fingerprint[WEIR_FINGERPRINT_SIZE])
{
	size_t n = 0;

	return OPENSSL_hexstr2buf_ex(fingerprint, WEIR_FINGERPRINT_SIZE, &n, text, ':') &&
	       n == WEIR_FINGERPRINT_SIZE;
}

static X509 *read_certificate(const char *path)
{
	BIO *file = BIO_new_file(path, "rb");
	X509 *certificate = NULL;

	if (!file)
		return NULL;
	certificate = PEM_read_bio_X509(file, NULL, NULL, NULL);
	if (!certificate && BIO_reset(file) == 0)
		certificate = d2i_X509_bio(file, NULL);
	BIO_free(file);
	return certificate;
}

static int pin_certificate(struct weir__tls *tls, const char *path, const struct place *place)
{
	X509 *certificate = read_certificate(path);

	if (!certificate)
		return invalid(place, "certificate", "'%s': no certificate can be read: %s", path,
			       last_reason());
	X509_digest(certificate, EVP_sha256(), tls->pins[tls->n_pins++], NULL);
	X509_free(certificate);
	return 0;
}

static int set_pins(struct weir__tls *tls, const struct weir_tls *options, const struct place *place)
{
	const char *const *list = options->fingerprints;
	unsigned n = 0;
	int rc = 0;

	while (list && list[n])
		n++;
	tls->pins = calloc(n + 1, sizeof(*tls->pins));
	if (!tls->pins)
		return weir_failed(place->err, -ENOMEM, "no memory for fingerprints");
	if (list && !n)
		rc = invalid(place, "fingerprints", "is empty: nobody would be believed");
	for (unsigned i = 0; i < n; i++) {
		char field[32];

		snprintf(field, sizeof(field), "fingerprints[%u]", i);
		if (parse_fingerprint(list[i], tls->pins[tls->n_pins]))
			tls->n_pins++;
		else
			rc = invalid(place, field, "'%s' is not the 64 hexadecimal digits of SHA-256",
				     list[i]);
	}
	return options->certificate ? pin_certificate(tls, options->certificate, place) | rc : rc;
}

static int set_roots(SSL_CTX *context, const struct weir_tls *options, const struct place *place)
{
	if (!options->ca_file)
		return SSL_CTX_set_default_verify_paths(context)
			       ? 0
			       : invalid(place, "ca_file", "the system's roots: %s", last_reason());
	if (SSL_CTX_load_verify_file(context, options->ca_file))
		return 0;
	return invalid(place, "ca_file", "'%s': no roots can be read: %s", options->ca_file, last_reason());
}

static int set_minimum(SSL_CTX *context, const char *minimum, const struct place *place)
{
	int version = TLS1_2_VERSION;

	if (minimum && strcmp(minimum, "1.3") == 0)
		version = TLS1_3_VERSION;
	else if (minimum && strcmp(minimum, "1.2") != 0)
		return invalid(place, "minimum", "'%s' is not 1.2 or 1.3", minimum);
	SSL_CTX_set_min_proto_version(context, version);
	return 0;
}

/* Who says whom to believe in one way does not mean another one too. */
static int check_choice(const struct weir_tls *options, const struct place *place)
{
	const bool pins = options->certificate || options->fingerprints;
	int rc = 0;

	if (options->any && pins)
		rc = invalid(place, "any", "is not possible with certificate or fingerprints");
	if (options->any && options->ca_file)
		rc |= invalid(place, "any", "is not possible with ca_file");
	if (pins && options->ca_file)
		rc |= invalid(place, "ca_file", "is not possible with certificate or fingerprints");
	return rc;
}

static int configure(struct weir__tls *tls, SSL_CTX *context, const struct weir_tls *options,
		     const struct place *place)
{
	int rc = check_choice(options, place) | set_minimum(context, options->minimum, place);

	tls->any = options->any;
	if (options->certificate || options->fingerprints)
		rc |= set_pins(tls, options, place);
	else if (!options->any)
		rc |= set_roots(context, options, place);
	/* A session is never resumed, so nothing is kept of it. */
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_cert_verify_callback(context, judge, tls);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	return rc ? -EINVAL : 0;
}

int weir_tls_check(const struct weir_tls *options, const char *prefix, struct weir_error *err)
{
	const struct place place = { prefix, err };
	struct weir__tls tls = { 0 };
	SSL_CTX *context;
	int rc;

	ERR_clear_error();
	context = SSL_CTX_new(TLS_client_method());
	rc = context ? configure(&tls, context, options, &place)
		     : weir_failed(err, -ENOMEM, "TLS: %s", last_reason());
	SSL_CTX_free(context);
	free(tls.pins);
	ERR_clear_error();
	return rc;
}

/* --- opening --- */

/* Whom the certificate must be for, and what the peer is told of that. */
static bool set_name(SSL *ssl, const char *name)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	struct weir__ip ip;

	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (weir__ip_parse(name, &ip))
		return X509_VERIFY_PARAM_set1_ip(param, ip.bytes, ip.family == 6 ? 16 : 4);
	/* What SSL_set_tlsext_host_name() is, but that it casts const away. */
	return X509_VERIFY_PARAM_set1_host(param, name, 0) &&
	       SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
			(void *)(uintptr_t)name);
}

static int set_up(struct weir__tls *tls, SSL_CTX *context, const struct weir_tls *options, const char *host,
		  size_t in_size, struct weir_error *err)
{
	const struct place place = { NULL, err };
	const int rc = configure(tls, context, options, &place);

	if (rc < 0)
		return rc;
	tls->ssl = SSL_new(context);
	if (!tls->ssl || !join_memory(tls) || !weir__fifo_init(&tls->in, in_size) ||
	    !weir__fifo_init(&tls->replies, REPLIES))
		return weir_failed(err, -ENOMEM, "TLS: no memory");
	if (!set_name(tls->ssl, options->name ? options->name : host))
		return weir_failed(err, -EINVAL, "TLS: '%s' is no name that a certificate can be for",
				   options->name ? options->name : host);
	SSL_set_connect_state(tls->ssl);
	return 0;
}

int weir__tls_open(struct weir__tls *tls, const struct weir_tls *options, const char *host, size_t in_size,
		   struct weir_error *err)
{
	SSL_CTX *context;
	int rc;

	*tls = (struct weir__tls){ .out = &tls->replies };
	ERR_clear_error();
	context = SSL_CTX_new(TLS_client_method());
	if (!context)
		return weir_failed(err, -ENOMEM, "TLS: %s", last_reason());
	rc = set_up(tls, context, options, host, in_size, err);
	SSL_CTX_free(context);
	if (rc < 0)
		weir__tls_close(tls);
	return rc;
}

void weir__tls_close(struct weir__tls *tls)
{
	SSL_free(tls->ssl);
	OPENSSL_free(tls->certificate);
	free(tls->pins);
	free(tls->in.bytes);
	free(tls->replies.bytes);
	*tls = (struct weir__tls){ 0 };
}

/* --- talking --- */

static int handshake_failed(const struct weir__tls *tls, struct weir_error *err)
{
	if (tls->refusal[0])
		return weir_failed(err, -EKEYREJECTED, "TLS: the certificate is refused: %s", tls->refusal);
	return weir_failed(err, -EBADMSG, "TLS: %s", last_reason());
}

int weir__tls_handshake(struct weir__tls *tls, struct weir_error *err)
{
	int rc;

	ERR_clear_error();
	rc = SSL_do_handshake(tls->ssl);
	if (rc == 1)
		return 0;
	if (SSL_get_error(tls->ssl, rc) == SSL_ERROR_WANT_READ)
		return -EAGAIN;
	return handshake_failed(tls, err);
}

ssize_t weir__tls_read(struct weir__tls *tls, uint8_t *bytes, size_t room)
{
	size_t n;

	ERR_clear_error();
	if (SSL_read_ex(tls->ssl, bytes, room, &n))
		return (ssize_t)n;
	switch (SSL_get_error(tls->ssl, 0)) {
	case SSL_ERROR_WANT_READ:
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return -ENODATA;
	default:
		return -EBADMSG;
	}
}

void weir__tls_reply(struct weir__tls *tls, struct weir__fifo *out)
{
	const size_t n = weir__fifo_used(&tls->replies);
	uint8_t *room = weir__fifo_room(out, n);

	if (n && room) {
		memcpy(room, weir__fifo_front(&tls->replies), n);
		weir__fifo_put(out, n);
		weir__fifo_take(&tls->replies, n);
	}
}

int weir__tls_write(struct weir__tls *tls, struct weir__fifo *out, const uint8_t *bytes, size_t n)
{
	size_t written;
	int rc;

	ERR_clear_error();
	/* Records go in the order in which they were made. */
	weir__tls_reply(tls, out);
	tls->out = out;
	rc = SSL_write_ex(tls->ssl, bytes, n, &written);
	tls->out = &tls->replies;
	return rc ? 0 : -EBADMSG;
}

void weir__tls_goodbye(struct weir__tls *tls, struct weir__fifo *out)
{
	ERR_clear_error();
	weir__tls_reply(tls, out);
	tls->out = out;
	if (SSL_is_init_finished(tls->ssl))
		SSL_shutdown(tls->ssl);
	tls->out = &tls->replies;
	ERR_clear_error();
}

size_t weir__tls_room(size_t n)
{
	return n + (n / WEIR__TLS_RECORD + 2) * RECORD_EXTRA + REPLIES;
}
