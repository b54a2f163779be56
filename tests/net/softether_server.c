/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests with a SoftEther server rely on of that server alone. */
#include "namespace.h"

#include "softether.h"
#include "wait.h"

#define OUT 8192

static bool has_user(const struct softether *server, const char *user)
{
	char out[OUT];

	softether_command(server, "VPN", "UserList", out, sizeof(out));
	return strstr(out, user) != NULL;
}

static void keeps_what_it_was_told(void **state)
{
	(void)state;
	struct softether server = { .address = "127.0.0.1", .port = 5555 };

	softether_start(&server);
	softether_command(&server, "VPN", "UserCreate u3 /GROUP:none /REALNAME:none /NOTE:none", NULL, 0);
	softether_stop(&server);
	softether_start(&server);
	assert_true(has_user(&server, "\nu1,"));
	assert_true(has_user(&server, "\nu3,"));
	softether_kill(&server);
	softether_start(&server);
	assert_true(has_user(&server, "\nu3,"));
	softether_stop(&server);
}

static void several_run_at_a_time(void **state)
{
	(void)state;
	struct site site;
	struct softether servers[] = {
		{ .address = "127.0.0.1", .port = 5555 },
		{ .address = "127.0.0.2", .port = 5555 },
		{ .address = "127.0.0.1", .port = 5555, .site = &site },
	};
	char command[64];

	site_make(&site);
	for (unsigned i = 0; i < countof(servers); i++) {
		softether_start(&servers[i]);
		snprintf(command, sizeof(command), "UserCreate s%u /GROUP:none /REALNAME:none /NOTE:none", i);
		softether_command(&servers[i], "VPN", command, NULL, 0);
	}
	for (unsigned i = 0; i < countof(servers); i++)
		for (unsigned k = 0; k < countof(servers); k++) {
			snprintf(command, sizeof(command), "\ns%u,", k);
			assert_int_equal(has_user(&servers[i], command), i == k);
		}
	for (unsigned i = 0; i < countof(servers); i++)
		softether_stop(&servers[i]);
	site_close(&site);
}

static void says_by_a_number_what_is_wrong(void **state)
{
	(void)state;
	struct softether server = { .address = "127.0.0.1", .port = 5555 };
	char out[OUT];

	softether_start(&server);
	assert_int_equal(softether_try(&server, "VPN", "UserDelete nobody", out, sizeof(out)), 29);
	softether_stop(&server);
	assert_int_equal(softether_try(&server, "VPN", "UserList", out, sizeof(out)), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_what_it_was_told),
		cmocka_unit_test(several_run_at_a_time),
		cmocka_unit_test(says_by_a_number_what_is_wrong),
	};

	namespace_enter();
	softether_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
