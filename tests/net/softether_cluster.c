/* SPDX-License-Identifier: Apache-2.0 */
/* Two SoftEther servers as a cluster: the one sends each session to the other. */
#include "namespace.h"

#include "address.h"
#include "load.h"
#include "softether_client.h"
#include "wait.h"

#define OUT 8192

static struct softether controller = { .address = "127.0.0.1", .port = 5555 };
static struct softether member = { .address = "127.0.0.2", .port = 5555 };
static struct site sites[2];
static struct softether_client clients[2];

/* The controller's list of the cluster has that many members beside itself. */
static bool has_members(unsigned n)
{
	unsigned found = 0;
	char out[OUT];

	if (softether_try(&controller, NULL, "ClusterMemberList", out, sizeof(out)))
		return false; /* it begins anew as a controller */
	for (const char *at = out; (at = strstr(at, ",Member,")); at++)
		found++;
	return found == n;
}

static void make_controller(void)
{
	softether_command(&controller, NULL, "HubDelete VPN", NULL, 0);
	softether_command(&controller, NULL, "ServerPasswordSet cluster", NULL, 0);
	controller.password = "cluster";
	softether_command(&controller, NULL, "ClusterSettingController /WEIGHT:100 /ONLY:yes", NULL, 0);
	wait_until(has_members(0));
}

static void make_member(void)
{
	softether_command(&member, NULL, "HubDelete VPN", NULL, 0);
	softether_command(&member, NULL,
			  "ClusterSettingMember 127.0.0.1:5555 /IP:127.0.0.2 /PORTS:5555 /PASSWORD:cluster "
			  "/WEIGHT:100",
			  NULL, 0);
	wait_until(has_members(1));
}

static int start_cluster(void **state)
{
	(void)state;
	site_make(&sites[0]);
	site_make(&sites[1]);
	softether_start(&controller);
	softether_start(&member);
	make_controller();
	make_member();
	softether_command(&controller, NULL, "HubCreateDynamic VPN /PASSWORD:hubpw", NULL, 0);
	softether_command(&controller, "VPN", "UserCreate u1 /GROUP:none /REALNAME:none /NOTE:none", NULL, 0);
	softether_command(&controller, "VPN", "UserPasswordSet u1 /PASSWORD:pw-one", NULL, 0);
	return 0;
}

static int stop_cluster(void **state)
{
	(void)state;
	for (unsigned side = 0; side < 2; side++) {
		softether_client_free(&clients[side]);
		site_close(&sites[side]);
	}
	softether_kill(&member);
	softether_kill(&controller);
	return 0;
}

static void check(struct softether_client *client, uint64_t redirected)
{
	struct weir_session_status status;

	weir_session_status(weir_pipeline_endpoint(client->pipeline, "vpn", &weir_softether_type), &status);
	assert_string_equal(status.remote, "127.0.0.2:5555");
	assert_true(softether_client_count(client, "redirected") >= redirected);
}

static void sends_sessions_to_a_member(void **state)
{
	const struct weir_softether session = softether_options(&controller, "u1", "pw-one");
	struct load *load;

	(void)state;
	for (unsigned side = 0; side < 2; side++) {
		softether_client_start(&clients[side], &sites[side], side, &session);
		softether_client_wait(&clients[side], 1);
		check(&clients[side], 1);
	}
	load = load_tcp(sites, AF_INET, 0);
	load_wait(load);
	softether_kill(&member);
	wait_until(!softether_client_is(&clients[0], WEIR_SESSION_UP) &&
		   !softether_client_is(&clients[1], WEIR_SESSION_UP));
	softether_start(&member);
	for (unsigned side = 0; side < 2; side++) {
		softether_client_wait(&clients[side], 2);
		check(&clients[side], 2);
	}
	load_wait(load);
	load_stop(load);
	softether_client_stop(&clients[0]);
	softether_client_stop(&clients[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sends_sessions_to_a_member, start_cluster, stop_cluster),
	};

	namespace_enter();
	softether_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
