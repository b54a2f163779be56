/* SPDX-License-Identifier: Apache-2.0 */
/* Who may log in to a SoftEther server, and which server is believed. */
#include "namespace.h"

#include "identity.h"
#include "softether_client.h"
#include "wait.h"

#define OUT 8192

static struct softether server = { .address = "127.0.0.1", .port = 5555 };
static struct site site;
static struct softether_client client;

static int start_server(void **state)
{
	(void)state;
	site_make(&site);
	softether_start(&server);
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	softether_stop(&server);
	site_close(&site);
	return 0;
}

static int free_client(void **state)
{
	(void)state;
	softether_client_free(&client);
	return 0;
}

/* The server has a session of that name. */
static bool has_session(const char *name)
{
	char out[OUT];

	softether_command(&server, "VPN", "SessionList", out, sizeof(out));
	return strstr(out, name) != NULL;
}

/* The login works, and the server calls the session as it does for that user. */
static void comes_up(const struct weir_softether *session, const char *prefix)
{
	char label[128];

	softether_client_start(&client, &site, 0, session);
	softether_client_wait(&client, 1);
	pthread_mutex_lock(&client.lock);
	memcpy(label, client.status.label, sizeof(label));
	pthread_mutex_unlock(&client.lock);
	assert_memory_equal(label, prefix, strlen(prefix));
	assert_true(has_session(label));
	softether_client_stop(&client);
	softether_client_free(&client);
}

/* It does not, and trying again would not help; why must be in words. */
static void is_refused(const struct weir_softether *session, const char *words)
{
	char text[256];

	softether_client_start(&client, &site, 0, session);
	softether_client_wait_fatal(&client, text);
	if (!strstr(text, words))
		fail_msg("not '%s': %s", words, text);
	assert_null(strstr(text, "pw-one"));
	assert_int_equal(softether_client_count(&client, "connects"), 0);
	softether_client_stop(&client);
	softether_client_free(&client);
}

static void a_password(void **state)
{
	struct weir_softether session = softether_options(&server, "u1", "pw-one");

	(void)state;
	comes_up(&session, "SID-U1-");
	session.auth = WEIR_SOFTETHER_PLAIN;
	comes_up(&session, "SID-U1-");
}

static void no_password_at_all(void **state)
{
	struct weir_softether session = softether_options(&server, "anon", NULL);

	(void)state;
	session.password_ask = NULL;
	comes_up(&session, "SID-ANON-");
	session.auth = WEIR_SOFTETHER_ANONYMOUS;
	comes_up(&session, "SID-ANON-");
	session.user = "u1";
	is_refused(&session, "user or password");
}

static void a_wrong_password(void **state)
{
	struct weir_softether session = softether_options(&server, "u1", "pw-One");

	(void)state;
	is_refused(&session, "user or password");
	session.auth = WEIR_SOFTETHER_PLAIN;
	is_refused(&session, "user or password");
	session.user = "nobody";
	is_refused(&session, "user or password");
}

static void a_hub_that_is_not_there(void **state)
{
	struct weir_softether session = softether_options(&server, "u1", "pw-one");

	(void)state;
	session.hub = "NONE";
	is_refused(&session, "no such hub");
}

/* --- certificates --- */

/* Files in the server's home, which vanish with it. */
struct files {
	char certificate[64], key[64];
};

static struct files save(const struct identity *identity, const char *name)
{
	struct files files;

	snprintf(files.certificate, sizeof(files.certificate), "%s/%s.XXXXXX", server.home, name);
	snprintf(files.key, sizeof(files.key), "%s/%s-key.XXXXXX", server.home, name);
	identity_save(identity, files.certificate, false);
	identity_save_key(identity, files.key);
	return files;
}

static void a_certificate(void **state)
{
	struct identity own = identity_make_of(EVP_RSA_gen(2048), "own", "DNS:own", NULL, 1);
	struct identity other = identity_make_of(EVP_RSA_gen(2048), "other", "DNS:other", NULL, 1);
	struct files own_files, other_files;
	struct weir_softether session = softether_options(&server, "cert", NULL);
	char command[256];

	(void)state;
	own_files = save(&own, "own");
	other_files = save(&other, "other");
	softether_command(&server, "VPN", "UserCreate cert /GROUP:none /REALNAME:none /NOTE:none", NULL, 0);
	snprintf(command, sizeof(command), "UserCertSet cert /LOADCERT:%s", own_files.certificate);
	softether_command(&server, "VPN", command, NULL, 0);
	session.password_ask = NULL;
	session.user_certificate = own_files.certificate;
	session.key_file = own_files.key;
	comes_up(&session, "SID-CERT-");
	session.user_certificate = other_files.certificate;
	session.key_file = other_files.key;
	is_refused(&session, "user or password");
	identity_free(&own);
	identity_free(&other);
}

static bool said(const char *words)
{
	bool found;

	pthread_mutex_lock(&client.lock);
	found = client.status.state == WEIR_SESSION_DOWN && strstr(client.status.reason, words);
	pthread_mutex_unlock(&client.lock);
	return found;
}

/* It has not told the server who it is. */
static void is_not_believed(const struct weir_softether *session)
{
	softether_client_start(&client, &site, 0, session);
	wait_until(said("the certificate is refused"));
	assert_int_equal(softether_client_count(&client, "connects"), 0);
	softether_client_stop(&client);
	softether_client_free(&client);
}

/* What the server shows now. */
static struct identity identity_of_server(char path[64])
{
	struct identity identity = { 0 };
	FILE *file;

	snprintf(path, 64, "%s/shown", server.home);
	softether_command(&server, NULL, "ServerCertGet shown", NULL, 0);
	file = fopen(path, "r");
	assert_non_null(file);
	identity.certificate = PEM_read_X509(file, NULL, NULL, NULL);
	assert_non_null(identity.certificate);
	fclose(file);
	return identity;
}

static void a_server_that_is_known(void **state)
{
	struct weir_softether session = softether_options(&server, "u1", "pw-one");
	char path[64], right[65], wrong[65];
	const char *pins[] = { wrong, right, NULL }, *others[] = { wrong, NULL };
	struct identity shown = identity_of_server(path);

	(void)state;
	identity_fingerprint(&shown, right);
	identity_fingerprint(&shown, wrong);
	wrong[10] = wrong[10] == '0' ? '1' : '0';
	session.any_server = false;
	is_not_believed(&session); /* no authority knows it */
	session.fingerprints = pins;
	comes_up(&session, "SID-U1-");
	session.fingerprints = others;
	is_not_believed(&session);
	session.fingerprints = NULL;
	session.certificate = path;
	comes_up(&session, "SID-U1-");
	identity_free(&shown);
}

static void configure(const char *const *pins)
{
	const struct weir_endpoint row = { &weir_softether_type, &client.session };
	struct weir_error err;

	client.session.fingerprints = pins;
	if (weir_endpoint_configure(client.pipeline, "vpn", &row, &err))
		fail_msg("%s", err.text);
}

/* Whom to believe is asked at the next connection: the one that there is stays. */
static void a_pin_that_changes(void **state)
{
	struct weir_softether session = softether_options(&server, "u1", "pw-one");
	char path[64], right[65], wrong[65];
	const char *pins[] = { right, NULL }, *others[] = { wrong, NULL };
	struct identity shown = identity_of_server(path);
	uint64_t keepalives;

	(void)state;
	identity_fingerprint(&shown, right);
	identity_fingerprint(&shown, wrong);
	wrong[10] = wrong[10] == '0' ? '1' : '0';
	session.any_server = false;
	session.keepalive_ms = 100;
	session.fingerprints = pins;
	softether_client_start(&client, &site, 0, &session);
	softether_client_wait(&client, 1);
	configure(others);
	keepalives = softether_client_count(&client, "keepalives");
	wait_until(softether_client_count(&client, "keepalives") > keepalives + 5);
	assert_true(softether_client_is(&client, WEIR_SESSION_UP));
	assert_int_equal(softether_client_count(&client, "failures"), 0);
	weir_session_retry(weir_pipeline_endpoint(client.pipeline, "vpn", &weir_softether_type));
	wait_until(said("the certificate is refused"));
	configure(pins);
	softether_client_wait(&client, 2);
	softether_client_stop(&client);
	identity_free(&shown);
}

static void a_server_of_an_authority(void **state)
{
	struct identity authority = identity_make("authority", NULL, NULL, 1);
	struct identity other = identity_make("other", NULL, NULL, 1);
	struct identity shown = identity_make_of(EVP_RSA_gen(2048), "server", "IP:127.0.0.1", &authority, 1);
	struct files files, authority_files, other_files;
	struct weir_softether session = softether_options(&server, "u1", "pw-one");
	char command[256];

	(void)state;
	files = save(&shown, "server");
	authority_files = save(&authority, "authority");
	other_files = save(&other, "other-authority");
	snprintf(command, sizeof(command), "ServerCertSet /LOADCERT:%s /LOADKEY:%s", files.certificate,
		 files.key);
	softether_command(&server, NULL, command, NULL, 0);
	session.any_server = false;
	session.ca_file = authority_files.certificate;
	comes_up(&session, "SID-U1-");
	session.tls_name = "elsewhere.test";
	is_not_believed(&session);
	session.tls_name = NULL;
	session.ca_file = other_files.certificate;
	is_not_believed(&session);
	identity_free(&shown);
	identity_free(&authority);
	identity_free(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_password, free_client),
		cmocka_unit_test_teardown(no_password_at_all, free_client),
		cmocka_unit_test_teardown(a_wrong_password, free_client),
		cmocka_unit_test_teardown(a_hub_that_is_not_there, free_client),
		cmocka_unit_test_teardown(a_certificate, free_client),
		cmocka_unit_test_teardown(a_server_that_is_known, free_client),
		cmocka_unit_test_teardown(a_pin_that_changes, free_client),
		cmocka_unit_test_teardown(a_server_of_an_authority, free_client),
	};

	namespace_enter();
	softether_enter();
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
