/* SPDX-License-Identifier: Apache-2.0 */
/* Who may log in to a SoftEther server, and which server is believed. */
#include "namespace.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_password, free_client),
		cmocka_unit_test_teardown(no_password_at_all, free_client),
		cmocka_unit_test_teardown(a_wrong_password, free_client),
		cmocka_unit_test_teardown(a_hub_that_is_not_there, free_client),
	};

	namespace_enter();
	softether_enter();
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
