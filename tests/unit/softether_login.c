/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <unistd.h>

#include "softether/login.h"

static const uint8_t random_bytes[WEIR__SE_RANDOM] = { 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,
						       10, 11, 12, 13, 14, 15, 16, 17, 18, 19 };

static int ask(void *context, char *secret, size_t size)
{
	const size_t n = strlen(context);

	assert_true(n < size);
	memcpy(secret, context, n);
	return (int)n;
}

static struct weir_softether options_of(char *password)
{
	return (struct weir_softether){ .server = "vpn.example.org",
					.hub = "VPN",
					.user = "u1",
					.any_server = true,
					.password_ask = password ? ask : NULL,
					.password_context = password };
}

static void write_login(const struct weir_softether *options, const uint8_t *ticket, uint8_t *message,
			size_t size, struct weir__se_pack *pack)
{
	struct weir__se_settings settings;
	struct weir__se_vault vault = { 0 };
	struct weir_error err = { 0 };
	int n;

	assert_int_equal(weir__se_settings_check(options, &err), 0);
	weir__se_settings_copy(&settings, options);
	n = weir__se_login_write(message, size, &settings, &vault, random_bytes, ticket, NULL, &err);
	assert_string_equal(err.text, "");
	assert_true(n > 0);
	assert_int_equal(weir__se_pack_parse(pack, message, (size_t)n), 0);
}

static void a_login_proves_the_password(void **unused)
{
	static const uint8_t proof[] = { 0x66, 0x55, 0x4f, 0x2c, 0x0d, 0x61, 0xc3, 0x2a, 0xb9, 0xa1,
					 0xb1, 0x1a, 0x8b, 0x6e, 0x51, 0xfc, 0xe2, 0xbf, 0x88, 0xd3 };
	char password[] = "pw-one";
	const struct weir_softether options = options_of(password);
	uint8_t message[4096], sent[20];
	struct weir__se_pack pack;
	char text[32];

	(void)unused;
	write_login(&options, NULL, message, sizeof(message), &pack);
	assert_true(weir__se_pack_str(&pack, "method", text, sizeof(text)));
	assert_string_equal(text, "login");
	assert_true(weir__se_pack_str(&pack, "hubname", text, sizeof(text)));
	assert_string_equal(text, "VPN");
	assert_true(weir__se_pack_str(&pack, "username", text, sizeof(text)));
	assert_string_equal(text, "u1");
	assert_int_equal(weir__se_pack_int(&pack, "authtype", 99), 1);
	assert_true(weir__se_pack_data_n(&pack, "secure_password", sent, sizeof(sent)));
	assert_memory_equal(sent, proof, sizeof(proof));
	assert_int_equal(weir__se_pack_int(&pack, "use_encrypt", 0), 1);
	assert_int_equal(weir__se_pack_int(&pack, "max_connection", 0), 1);
	assert_null(memmem(message, sizeof(message), password, strlen(password)));
}

static void a_login_says_what_is_wished(void **unused)
{
	char password[] = "pw-one";
	struct weir_softether options = options_of(password);
	uint8_t message[4096], ticket[WEIR__SE_KEY] = { 42 }, sent[WEIR__SE_KEY];
	struct weir__se_pack pack;
	char text[32];

	(void)unused;
	options.auth = WEIR_SOFTETHER_PLAIN;
	options.compress = options.half_duplex = options.bridge = options.clear_data = true;
	write_login(&options, NULL, message, sizeof(message), &pack);
	assert_int_equal(weir__se_pack_int(&pack, "authtype", 99), 2);
	assert_true(weir__se_pack_str(&pack, "plain_password", text, sizeof(text)));
	assert_string_equal(text, password);
	assert_int_equal(weir__se_pack_int(&pack, "use_encrypt", 1), 0);
	assert_int_equal(weir__se_pack_int(&pack, "use_compress", 0), 1);
	assert_int_equal(weir__se_pack_int(&pack, "half_connection", 0), 1);
	assert_int_equal(weir__se_pack_int(&pack, "max_connection", 0), 2);
	assert_int_equal(weir__se_pack_int(&pack, "require_bridge_routing_mode", 0), 1);
	write_login(&options, ticket, message, sizeof(message), &pack);
	assert_int_equal(weir__se_pack_int(&pack, "authtype", 0), 99);
	assert_true(weir__se_pack_data_n(&pack, "ticket", sent, sizeof(sent)));
	assert_memory_equal(sent, ticket, sizeof(ticket));
	options = options_of(NULL);
	write_login(&options, NULL, message, sizeof(message), &pack);
	assert_int_equal(weir__se_pack_int(&pack, "authtype", 99), 0);
}

/* --- a user with a certificate --- */

static EVP_PKEY *make_files(char key_file[32], char certificate_file[32])
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	X509 *certificate = X509_new();
	FILE *file;

	assert_non_null(key);
	assert_non_null(certificate);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	assert_int_equal(X509_set_pubkey(certificate, key), 1);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	strcpy(key_file, "/tmp/weir_key_XXXXXX");
	file = fdopen(mkstemp(key_file), "w");
	assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(file);
	strcpy(certificate_file, "/tmp/weir_cert_XXXXXX");
	file = fdopen(mkstemp(certificate_file), "w");
	assert_int_equal(PEM_write_X509(file, certificate), 1);
	fclose(file);
	X509_free(certificate);
	return key;
}

static void a_login_is_signed(void **unused)
{
	char key_file[32], certificate_file[32];
	EVP_PKEY *key = make_files(key_file, certificate_file), *shown;
	struct weir_softether options = options_of(NULL);
	uint8_t message[8192];
	struct weir__se_pack pack;
	const uint8_t *signature, *der;
	size_t signature_n, der_n;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	X509 *certificate;

	(void)unused;
	options.user_certificate = certificate_file;
	options.key_file = key_file;
	write_login(&options, NULL, message, sizeof(message), &pack);
	unlink(key_file);
	unlink(certificate_file);
	assert_int_equal(weir__se_pack_int(&pack, "authtype", 99), 3);
	signature = weir__se_pack_data(&pack, "sign", &signature_n);
	der = weir__se_pack_data(&pack, "cert", &der_n);
	assert_non_null(signature);
	assert_non_null(der);
	certificate = d2i_X509(NULL, &der, (long)der_n);
	assert_non_null(certificate);
	shown = X509_get_pubkey(certificate);
	assert_int_equal(EVP_PKEY_eq(shown, key), 1);
	assert_int_equal(EVP_DigestVerifyInit(context, NULL, EVP_sha1(), NULL, shown), 1);
	assert_int_equal(
		EVP_DigestVerify(context, signature, signature_n, random_bytes, sizeof(random_bytes)), 1);
	EVP_MD_CTX_free(context);
	X509_free(certificate);
	EVP_PKEY_free(shown);
	EVP_PKEY_free(key);
}

static void another_key_is_refused(void **unused)
{
	char key_files[2][32], certificate_files[2][32];
	EVP_PKEY *keys[2];
	struct weir_softether options = options_of(NULL);
	struct weir__se_settings settings;
	struct weir__se_vault vault = { 0 };
	struct weir_error err = { 0 };
	uint8_t message[8192];

	(void)unused;
	for (unsigned i = 0; i < 2; i++)
		keys[i] = make_files(key_files[i], certificate_files[i]);
	options.user_certificate = certificate_files[0];
	options.key_file = key_files[1];
	weir__se_settings_copy(&settings, &options);
	assert_int_equal(weir__se_login_write(message, sizeof(message), &settings, &vault, random_bytes, NULL,
					      NULL, &err),
			 -EINVAL);
	assert_non_null(strstr(err.text, "key: not that of the certificate"));
	for (unsigned i = 0; i < 2; i++) {
		unlink(key_files[i]);
		unlink(certificate_files[i]);
		EVP_PKEY_free(keys[i]);
	}
}

/* --- what the server says --- */

/* Writes a PACK and reads it. */
struct reply {
	uint8_t bytes[4096];
	struct weir__se_pack_writer writer;
	struct weir__se_pack pack;
};

static void begin(struct reply *reply)
{
	weir__se_pack_begin(&reply->writer, reply->bytes, sizeof(reply->bytes));
}

static const struct weir__se_pack *end(struct reply *reply)
{
	assert_int_equal(
		weir__se_pack_parse(&reply->pack, reply->bytes, (size_t)weir__se_pack_end(&reply->writer)),
		0);
	return &reply->pack;
}

static void begin_welcome(struct reply *reply)
{
	static const uint8_t key[WEIR__SE_KEY] = { 7 };

	begin(reply);
	weir__se_pack_put_str(&reply->writer, "session_name", "SID-U1-1");
	weir__se_pack_put_data(&reply->writer, "session_key", key, sizeof(key));
}

static void a_welcome_is_obeyed(void **unused)
{
	struct weir__se_welcome welcome;
	struct weir_error err = { 0 };
	struct reply reply;

	(void)unused;
	begin_welcome(&reply);
	weir__se_pack_put_int(&reply.writer, "max_connection", 4);
	weir__se_pack_put_int(&reply.writer, "use_encrypt", 1);
	weir__se_pack_put_int(&reply.writer, "use_compress", 1);
	weir__se_pack_put_int(&reply.writer, "half_connection", 1);
	weir__se_pack_put_int(&reply.writer, "timeout", 30000);
	weir__se_pack_put_int(&reply.writer, "policy:AutoDisconnect", 60);
	assert_int_equal(weir__se_welcome_read(end(&reply), &welcome, &err), 0);
	assert_string_equal(welcome.name, "SID-U1-1");
	assert_int_equal(welcome.key[0], 7);
	assert_int_equal(welcome.connections, 4);
	assert_int_equal(welcome.timeout_ms, 30000);
	assert_int_equal(welcome.disconnect_s, 60);
	assert_true(welcome.encrypt && welcome.compress && welcome.half_duplex);
}

static void a_welcome_has_limits(void **unused)
{
	struct weir__se_welcome welcome;
	struct weir_error err = { 0 };
	struct reply reply;

	(void)unused;
	begin_welcome(&reply);
	weir__se_pack_put_int(&reply.writer, "max_connection", UINT32_MAX);
	weir__se_pack_put_int(&reply.writer, "timeout", UINT32_MAX);
	assert_int_equal(weir__se_welcome_read(end(&reply), &welcome, &err), 0);
	assert_int_equal(welcome.connections, WEIR__SE_LINKS);
	assert_int_equal(welcome.timeout_ms, 60000);
	begin_welcome(&reply);
	weir__se_pack_put_int(&reply.writer, "max_connection", 0);
	weir__se_pack_put_int(&reply.writer, "timeout", 0);
	assert_int_equal(weir__se_welcome_read(end(&reply), &welcome, &err), 0);
	assert_int_equal(welcome.connections, 1);
	assert_int_equal(welcome.timeout_ms, 5000);
	begin(&reply);
	weir__se_pack_put_str(&reply.writer, "session_name", "SID");
	assert_int_equal(weir__se_welcome_read(end(&reply), &welcome, &err), -EPROTO);
}

static void clear_frames_are_taken_only_if_allowed(void **unused)
{
	struct weir_softether options = options_of(NULL);
	struct weir__se_settings settings;
	struct weir__se_welcome welcome;
	struct weir_error err = { 0 };
	struct reply reply;

	(void)unused;
	begin_welcome(&reply); /* says nothing of use_encrypt */
	assert_int_equal(weir__se_welcome_read(end(&reply), &welcome, &err), 0);
	weir__se_settings_copy(&settings, &options);
	assert_int_equal(weir__se_welcome_check(&welcome, &settings, &err), -EPROTO);
	assert_non_null(strstr(err.text, "clear_data"));
	options.clear_data = true;
	weir__se_settings_copy(&settings, &options);
	assert_int_equal(weir__se_welcome_check(&welcome, &settings, NULL), 0);
	welcome.half_duplex = true;
	assert_int_equal(weir__se_welcome_check(&welcome, &settings, NULL), -EPROTO);
}

static void a_redirect_is_followed(void **unused)
{
	static const uint8_t ticket[WEIR__SE_KEY] = { 9 };
	struct weir__se_target target = { .host = "first", .port = 5555 };
	struct weir_error err = { 0 };
	uint8_t got[WEIR__SE_KEY];
	struct reply reply;

	(void)unused;
	begin(&reply);
	weir__se_pack_put_int(&reply.writer, "Redirect", 1);
	weir__se_pack_put_int(&reply.writer, "Ip", 0x0401000a); /* 10.0.1.4 */
	weir__se_pack_put_int(&reply.writer, "Port", 443);
	weir__se_pack_put_data(&reply.writer, "Ticket", ticket, sizeof(ticket));
	assert_int_equal(weir__se_redirect_read(end(&reply), &target, got, &err), -EPROTO);
	assert_string_equal(target.host, "first");
	weir__se_pack_put_data(&reply.writer, "Cert", "abc", 3);
	assert_true(weir__se_is_redirect(end(&reply)));
	assert_int_equal(weir__se_redirect_read(end(&reply), &target, got, &err), 0);
	assert_string_equal(target.host, "10.0.1.4");
	assert_int_equal(target.port, 443);
	assert_true(target.pinned);
	assert_string_equal(target.pin, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_memory_equal(got, ticket, sizeof(ticket));
}

/* --- options --- */

static void expect_invalid(const struct weir_softether *options, const char *words)
{
	struct weir_error err = { 0 };

	assert_int_equal(weir__se_settings_check(options, &err), -EINVAL);
	if (!strstr(err.text, words))
		fail_msg("'%s' is not in: %s", words, err.text);
}

static void options_are_checked(void **unused)
{
	char password[] = "x", long_name[400];
	struct weir_softether options = options_of(password);
	const struct weir_softether good = options;

	(void)unused;
	options.server = NULL;
	options.hub = "";
	options.user = NULL;
	expect_invalid(&options, "server: missing\nhub: missing\nuser: missing");
	options = good;
	memset(long_name, 'n', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	options.hub = long_name;
	expect_invalid(&options, "hub: longer than 255 bytes");
	options = good;
	options.server = "a\r\nX: y";
	expect_invalid(&options, "server: has a control character");
	options = good;
	options.connections = 33;
	options.max_frame = 1601;
	options.keepalive_ms = 1;
	options.pace = 1;
	options.dscp = 64;
	expect_invalid(&options, "connections: 33 is not between 1 and 32");
	expect_invalid(&options, "max_frame: 1601 is not between 64 and 1600");
	expect_invalid(&options, "keepalive_ms: 1 ");
	expect_invalid(&options, "pace: 1 ");
	expect_invalid(&options, "dscp: 64 ");
	options = good;
	options.connections = 1;
	options.half_duplex = true;
	expect_invalid(&options, "half_duplex");
	options = good;
	options.password_file = "/etc/vpn/password";
	expect_invalid(&options, "password: one of");
	options = good;
	options.auth = WEIR_SOFTETHER_CERTIFICATE;
	expect_invalid(&options, "user_certificate: missing");
	expect_invalid(&options, "key: one of");
	expect_invalid(&options, "password: given, but");
	options = options_of(NULL);
	options.auth = WEIR_SOFTETHER_PLAIN;
	expect_invalid(&options, "password: one of");
}

static void only_some_options_ask_for_a_login(void **unused)
{
	char password[] = "x", other[] = "y";
	struct weir_softether options = options_of(password);
	struct weir__se_settings a, b;

	(void)unused;
	weir__se_settings_copy(&a, &options);
	options.keepalive_ms = 500;
	options.password_context = other;
	options.fingerprints = WEIR_LIST("00");
	weir__se_settings_copy(&b, &options);
	assert_false(weir__se_settings_relogin(&a, &b));
	options.hub = "other";
	weir__se_settings_copy(&b, &options);
	assert_true(weir__se_settings_relogin(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_login_proves_the_password),
		cmocka_unit_test(a_login_says_what_is_wished),
		cmocka_unit_test(a_login_is_signed),
		cmocka_unit_test(another_key_is_refused),
		cmocka_unit_test(a_welcome_is_obeyed),
		cmocka_unit_test(a_welcome_has_limits),
		cmocka_unit_test(clear_frames_are_taken_only_if_allowed),
		cmocka_unit_test(a_redirect_is_followed),
		cmocka_unit_test(options_are_checked),
		cmocka_unit_test(only_some_options_ask_for_a_login),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
