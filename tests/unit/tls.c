/* SPDX-License-Identifier: Apache-2.0 */
/* TLS over memory, with a server made here: whom it believes, what it refuses, and that bytes come through.
 */
#include "test.h"

#include <ctype.h>

#include "error.h"
#include "identity.h"
#include "tls.h"

#define IN_SIZE 65536

static struct identity authority, stranger; /* two roots */
static struct identity signed_, foreign, expired, itself;
static char authority_file[] = "/tmp/weir-tls-XXXXXX";
static char itself_pem[] = "/tmp/weir-tls-XXXXXX";
static char itself_der[] = "/tmp/weir-tls-XXXXXX";

static struct weir__tls tls;
static struct weir__fifo out;
static struct weir_error err;
static SSL_CTX *context;
static SSL *server;

/* --- both ends --- */

static void listen_as(const struct identity *identity)
{
	context = identity_server(identity);
}

static void connect_to(const char *host, const struct weir_tls *options)
{
	weir__error_clear(&err);
	server = SSL_new(context);
	assert_non_null(server);
	SSL_set_bio(server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_accept_state(server);
	if (weir__tls_open(&tls, options, host, IN_SIZE, &err))
		fail_msg("%s", err.text);
	assert_true(weir__fifo_init(&out, weir__tls_room(1u << 20)));
}

static void hang_up(void)
{
	SSL_free(server);
	SSL_CTX_free(context);
	weir__tls_close(&tls);
	free(out.bytes);
}

/* What the client has to say, to the server. */
static void carry_there(void)
{
	const size_t n = weir__fifo_used(&out);

	if (!n)
		return;
	assert_int_equal(BIO_write(SSL_get_rbio(server), weir__fifo_front(&out), (int)n), n);
	weir__fifo_take(&out, n);
}

/* At most so many bytes back. Returns how many. */
static size_t carry_back(size_t most)
{
	uint8_t *room = weir__fifo_room(&tls.in, most);
	int n;

	assert_non_null(room);
	n = BIO_read(SSL_get_wbio(server), room, (int)most);
	if (n <= 0)
		return 0;
	weir__fifo_put(&tls.in, (size_t)n);
	return (size_t)n;
}

static int shake_by(size_t most)
{
	int rc = -EAGAIN;

	while (rc == -EAGAIN) {
		rc = weir__tls_handshake(&tls, &err);
		weir__tls_reply(&tls, &out);
		carry_there();
		SSL_do_handshake(server);
		if (rc == -EAGAIN && !carry_back(most))
			return -EPIPE;
	}
	return rc;
}

static int shake(void)
{
	return shake_by(IN_SIZE);
}

/* One attempt: to a server with that identity. */
static int attempt(const struct identity *identity, const char *host, const struct weir_tls *options)
{
	int rc;

	listen_as(identity);
	connect_to(host, options);
	rc = shake();
	if (rc == 0)
		assert_int_equal(SSL_is_init_finished(server), 1);
	else
		assert_int_equal(SSL_is_init_finished(server), 0);
	hang_up();
	return rc;
}

static void says(const char *text)
{
	if (!strstr(err.text, text))
		fail_msg("'%s' is not in: %s", text, err.text);
}

static void refuses(const struct identity *identity, const char *host, const struct weir_tls *options,
		    const char *why)
{
	char fingerprint[65];

	identity_fingerprint(identity, fingerprint);
	assert_int_equal(attempt(identity, host, options), -EKEYREJECTED);
	says(why);
	says(fingerprint);
}

/* --- whom to believe --- */

static void who_is_signed_is_believed(void **state)
{
	const struct weir_tls options = { .ca_file = authority_file };
	const struct weir_tls named = { .ca_file = authority_file, .name = "vpn.test" };

	(void)state;
	assert_int_equal(attempt(&signed_, "vpn.test", &options), 0);
	assert_int_equal(attempt(&signed_, "VPN.test", &options), 0);
	assert_int_equal(attempt(&signed_, "192.0.2.1", &options), 0);
	assert_int_equal(attempt(&signed_, "2001:db8::1", &options), 0);
	assert_int_equal(attempt(&signed_, "198.51.100.1", &named), 0);
}

static void another_name_is_refused(void **state)
{
	const struct weir_tls options = { .ca_file = authority_file };
	const struct weir_tls named = { .ca_file = authority_file, .name = "other.test" };

	(void)state;
	refuses(&signed_, "test", &options, "hostname mismatch");
	refuses(&signed_, "vpn.test.", &named, "hostname mismatch");
	refuses(&signed_, "vpn.test", &named, "hostname mismatch");
	refuses(&signed_, "192.0.2.2", &options, "IP address mismatch");
	refuses(&signed_, "2001:db8::2", &options, "IP address mismatch");
	says("CN=signed");
}

static void others_are_refused(void **state)
{
	const struct weir_tls options = { .ca_file = authority_file };

	(void)state;
	refuses(&expired, "vpn.test", &options, "expired");
	refuses(&foreign, "vpn.test", &options, "unable to get local issuer certificate");
	refuses(&itself, "vpn.test", &options, "self-signed certificate");
}

static void the_system_knows_none_of_them(void **state)
{
	(void)state;
	refuses(&itself, "vpn.test", &(struct weir_tls){ 0 }, "self-signed certificate");
	refuses(&signed_, "vpn.test", &(struct weir_tls){ 0 }, "unable to get local issuer certificate");
}

static void a_pin_is_enough(void **state)
{
	char text[65], loud[96] = "";
	const char *const fingerprints[] = {
		"0000000000000000000000000000000000000000000000000000000000000000", text, NULL
	};
	const char *const other[] = { fingerprints[0], NULL };
	const char *const colons[] = { loud, NULL };

	(void)state;
	identity_fingerprint(&itself, text);
	for (unsigned i = 0; i < 32; i++)
		snprintf(loud + 3 * i, 4, "%c%c%s", toupper(text[2 * i]), toupper(text[2 * i + 1]),
			 i < 31 ? ":" : "");
	assert_int_equal(attempt(&itself, "any.name", &(struct weir_tls){ .fingerprints = fingerprints }), 0);
	assert_int_equal(attempt(&itself, "any.name", &(struct weir_tls){ .fingerprints = colons }), 0);
	assert_int_equal(attempt(&itself, "any.name", &(struct weir_tls){ .certificate = itself_pem }), 0);
	assert_int_equal(attempt(&itself, "any.name", &(struct weir_tls){ .certificate = itself_der }), 0);
	assert_int_equal(attempt(&itself, "any.name",
				 &(struct weir_tls){ .certificate = itself_der, .fingerprints = other }),
			 0);
	refuses(&itself, "vpn.test", &(struct weir_tls){ .fingerprints = other },
		"none of the certificates that it may show");
	/* Whoever signed it. */
	refuses(&signed_, "vpn.test", &(struct weir_tls){ .certificate = itself_pem },
		"none of the certificates that it may show");
}

static void anybody_is_believed_if_asked_for(void **state)
{
	(void)state;
	assert_int_equal(attempt(&expired, "x", &(struct weir_tls){ .any = true }), 0);
	assert_int_equal(attempt(&itself, "x", &(struct weir_tls){ .any = true }), 0);
}

static void what_the_peer_showed_is_kept(void **state)
{
	unsigned char *der = NULL;
	int n;

	(void)state;
	listen_as(&itself);
	connect_to("x", &(struct weir_tls){ .any = true });
	assert_int_equal(shake(), 0);
	n = i2d_X509(itself.certificate, &der);
	assert_int_equal(tls.certificate_len, n);
	assert_memory_equal(tls.certificate, der, (size_t)n);
	OPENSSL_free(der);
	hang_up();
}

/* --- versions, and what is no TLS --- */

static int attempt_with(int most, const char *minimum)
{
	int rc;

	listen_as(&itself);
	SSL_CTX_set_security_level(context, 0);
	SSL_CTX_set_min_proto_version(context, 0);
	SSL_CTX_set_max_proto_version(context, most);
	connect_to("x", &(struct weir_tls){ .any = true, .minimum = minimum });
	rc = shake();
	hang_up();
	return rc;
}

static void weak_versions_are_refused(void **state)
{
	(void)state;
	assert_int_equal(attempt_with(TLS1_3_VERSION, NULL), 0);
	assert_int_equal(attempt_with(TLS1_2_VERSION, NULL), 0);
	assert_int_equal(attempt_with(TLS1_2_VERSION, "1.2"), 0);
	assert_int_equal(attempt_with(TLS1_3_VERSION, "1.3"), 0);
	assert_int_equal(attempt_with(TLS1_1_VERSION, NULL), -EBADMSG);
	says("version");
	assert_int_equal(attempt_with(TLS1_2_VERSION, "1.3"), -EBADMSG);
	says("version");
}

static void what_is_no_tls_is_refused(void **state)
{
	static const char *const texts[] = { "HTTP/1.0 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n" };

	(void)state;
	for (size_t i = 0; i < countof(texts); i++) {
		listen_as(&itself);
		connect_to("x", &(struct weir_tls){ .any = true });
		assert_int_equal(weir__tls_handshake(&tls, &err), -EAGAIN);
		memcpy(weir__fifo_room(&tls.in, 64), texts[i], strlen(texts[i]));
		weir__fifo_put(&tls.in, strlen(texts[i]));
		assert_int_equal(weir__tls_handshake(&tls, &err), -EBADMSG);
		says("TLS: wrong version number");
		hang_up();
	}
}

/* --- bytes --- */

static uint8_t byte_of(size_t i)
{
	return (uint8_t)(i * 7 + i / 256);
}

static void begin(void)
{
	listen_as(&itself);
	connect_to("x", &(struct weir_tls){ .any = true });
	assert_int_equal(shake(), 0);
}

static void bytes_go_there(void **state)
{
	static uint8_t bytes[100000], there[100000];
	size_t got = 0, n;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = byte_of(i);
	begin();
	assert_int_equal(weir__tls_write(&tls, &out, bytes, 1), 0);
	assert_int_equal(weir__tls_write(&tls, &out, bytes + 1, sizeof(bytes) - 1), 0);
	assert_true(weir__fifo_used(&out) <= weir__tls_room(sizeof(bytes)));
	carry_there();
	while (got < sizeof(there) && SSL_read_ex(server, there + got, sizeof(there) - got, &n))
		got += n;
	assert_int_equal(got, sizeof(bytes));
	assert_memory_equal(bytes, there, sizeof(bytes));
	hang_up();
}

/* However the network cuts them. */
static void bytes_come_back_in_pieces(void **state)
{
	static const size_t cuts[] = { 1, 5, 1000, 16384, IN_SIZE };
	static uint8_t bytes[50000];
	uint8_t record[WEIR__TLS_RECORD];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = byte_of(i);
	for (size_t c = 0; c < countof(cuts); c++) {
		size_t got = 0;

		listen_as(&itself);
		connect_to("x", &(struct weir_tls){ .any = true });
		assert_int_equal(shake_by(cuts[c]), 0);
		assert_int_equal(SSL_write(server, bytes, sizeof(bytes)), sizeof(bytes));
		while (got < sizeof(bytes)) {
			const ssize_t n = weir__tls_read(&tls, record, sizeof(record));

			if (n == -EAGAIN) {
				assert_true(carry_back(cuts[c]) > 0);
				continue;
			}
			assert_true(n > 0);
			assert_memory_equal(record, bytes + got, (size_t)n);
			got += (size_t)n;
		}
		assert_int_equal(weir__tls_read(&tls, record, sizeof(record)), -EAGAIN);
		hang_up();
	}
}

static void goodbye_is_said_and_heard(void **state)
{
	uint8_t record[WEIR__TLS_RECORD];

	(void)state;
	begin();
	weir__tls_goodbye(&tls, &out);
	carry_there();
	assert_int_equal(SSL_read(server, record, sizeof(record)), 0);
	assert_int_equal(SSL_get_error(server, 0), SSL_ERROR_ZERO_RETURN);
	SSL_shutdown(server);
	carry_back(IN_SIZE);
	assert_int_equal(weir__tls_read(&tls, record, sizeof(record)), -ENODATA);
	hang_up();
}

static void forged_records_are_refused(void **state)
{
	uint8_t record[WEIR__TLS_RECORD];

	(void)state;
	begin();
	assert_int_equal(SSL_write(server, "hello", 5), 5);
	assert_true(carry_back(IN_SIZE) > 0);
	tls.in.bytes[tls.in.to - 1] ^= 1;
	assert_int_equal(weir__tls_read(&tls, record, sizeof(record)), -EBADMSG);
	assert_int_equal(weir__tls_read(&tls, record, sizeof(record)), -EBADMSG);
	hang_up();
}

static void renew_keys(void)
{
	assert_int_equal(SSL_key_update(server, SSL_KEY_UPDATE_REQUESTED), 1);
	assert_int_equal(SSL_do_handshake(server), 1);
}

/* An answer goes out in front of what is written next. */
static void new_keys_are_answered(void **state)
{
	uint8_t record[WEIR__TLS_RECORD];

	(void)state;
	begin();
	for (int i = 0; i < 3; i++) {
		renew_keys();
		assert_int_equal(SSL_write(server, "there", 5), 5);
		assert_true(carry_back(IN_SIZE) > 0);
		assert_int_equal(weir__tls_read(&tls, record, sizeof(record)), 5);
		assert_int_equal(weir__tls_read(&tls, record, sizeof(record)), -EAGAIN);
		assert_int_equal(weir__tls_write(&tls, &out, record, 5), 0);
		carry_there();
		assert_int_equal(SSL_read(server, record, sizeof(record)), 5);
	}
	hang_up();
}

/* Who asks for them again and again, and never reads, does not make memory grow. */
static void there_is_an_end_of_answers(void **state)
{
	uint8_t record[WEIR__TLS_RECORD];
	ssize_t n = -EAGAIN;
	unsigned rounds = 0;

	(void)state;
	begin();
	for (; n == -EAGAIN; rounds++) {
		assert_true(rounds < 100000);
		renew_keys();
		assert_true(carry_back(IN_SIZE) > 0);
		n = weir__tls_read(&tls, record, sizeof(record));
	}
	assert_int_equal(n, -EBADMSG);
	assert_true(rounds > 100);
	hang_up();
}

/* --- options --- */

static void is_invalid(const struct weir_tls *options, const char *text)
{
	weir__error_clear(&err);
	assert_int_equal(weir_tls_check(options, "tls", &err), -EINVAL);
	says(text);
}

static void options_are_checked(void **state)
{
	static const char *const good[] = {
		"0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789ABCDEF", NULL
	};
	static const char *const bad[] = {
		"abcd", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef00",
		"x123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", NULL
	};
	static const char *const none[] = { NULL };

	(void)state;
	weir__error_clear(&err);
	assert_int_equal(weir_tls_check(&(struct weir_tls){ 0 }, "", &err), 0);
	assert_int_equal(
		weir_tls_check(&(struct weir_tls){ .fingerprints = good, .minimum = "1.3" }, NULL, &err), 0);
	assert_int_equal(err.problems, 0);
	is_invalid(&(struct weir_tls){ .fingerprints = bad }, "tls.fingerprints[0]: 'abcd'");
	assert_int_equal(err.problems, 3);
	says("tls.fingerprints[2]: 'x");
	is_invalid(&(struct weir_tls){ .fingerprints = none }, "tls.fingerprints: is empty");
	is_invalid(&(struct weir_tls){ .minimum = "1.1" }, "tls.minimum: '1.1' is not 1.2 or 1.3");
	is_invalid(&(struct weir_tls){ .ca_file = "/nowhere" }, "tls.ca_file: '/nowhere'");
	is_invalid(&(struct weir_tls){ .certificate = "/nowhere" }, "tls.certificate: '/nowhere'");
	is_invalid(&(struct weir_tls){ .certificate = "/proc/self/status" }, "tls.certificate: ");
	is_invalid(&(struct weir_tls){ .any = true, .fingerprints = good }, "tls.any: is not possible");
	is_invalid(&(struct weir_tls){ .any = true, .ca_file = authority_file }, "tls.any: ");
	is_invalid(&(struct weir_tls){ .fingerprints = good, .ca_file = authority_file }, "tls.ca_file: ");
	weir__error_clear(&err);
	weir_tls_check(&(struct weir_tls){ .minimum = "2" }, "", &err);
	assert_string_equal(err.text, "minimum: '2' is not 1.2 or 1.3");
}

/* --- */

static void make(void)
{
	static const char names[] = "DNS:vpn.test,IP:192.0.2.1,IP:2001:db8::1";

	authority = identity_make("authority", NULL, NULL, 1);
	stranger = identity_make("stranger", NULL, NULL, 1);
	signed_ = identity_make("signed", names, &authority, 1);
	expired = identity_make("expired", names, &authority, -1);
	foreign = identity_make("foreign", names, &stranger, 1);
	itself = identity_make("itself", names, NULL, 1);
	identity_save(&authority, authority_file, false);
	identity_save(&itself, itself_pem, false);
	identity_save(&itself, itself_der, true);
}

static void discard(void)
{
	struct identity *const all[] = { &authority, &stranger, &signed_, &expired, &foreign, &itself };

	for (size_t i = 0; i < countof(all); i++)
		identity_free(all[i]);
	unlink(authority_file);
	unlink(itself_pem);
	unlink(itself_der);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_signed_is_believed),
		cmocka_unit_test(another_name_is_refused),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(the_system_knows_none_of_them),
		cmocka_unit_test(a_pin_is_enough),
		cmocka_unit_test(anybody_is_believed_if_asked_for),
		cmocka_unit_test(what_the_peer_showed_is_kept),
		cmocka_unit_test(weak_versions_are_refused),
		cmocka_unit_test(what_is_no_tls_is_refused),
		cmocka_unit_test(bytes_go_there),
		cmocka_unit_test(bytes_come_back_in_pieces),
		cmocka_unit_test(goodbye_is_said_and_heard),
		cmocka_unit_test(forged_records_are_refused),
		cmocka_unit_test(new_keys_are_answered),
		cmocka_unit_test(there_is_an_end_of_answers),
		cmocka_unit_test(options_are_checked),
	};
	int failed;

	make();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	discard();
	return failed;
}
