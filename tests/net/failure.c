/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that are deleted and set down while traffic flows: what they carry stops, everything else goes on,
 * and they come back. */
#include "namespace.h"

#include "load.h"
#include "tunnel.h"
#include "wait.h"

/* TCP and UDP through the first pair of devices, which the test harms, and UDP through the second one. */
struct scene {
	struct tunnel *tunnel;
	struct load *tcp;
	struct load *udp;
	struct load *other;
};

/* A tunnel of which kind, with IPv4 or IPv6. */
struct kind {
	bool threaded;
	bool tap;
	int family;
};

static void begin(struct scene *scene, const struct kind *kind)
{
	const struct tunnel_options options = {
		.threaded = kind->threaded,
		.tap = kind->tap,
		.ipv6 = kind->family == AF_INET6,
		.two_pairs = true,
	};

	scene->tunnel = tunnel_make(&options);
	tunnel_start(scene->tunnel);
	scene->tcp = load_tcp(scene->tunnel->site, kind->family, 0);
	scene->udp = load_udp(scene->tunnel->site, kind->family, 0);
	scene->other = load_udp(scene->tunnel->site, kind->family, 1);
}

static void all_flows(struct scene *scene)
{
	load_wait(scene->tcp);
	load_wait(scene->udp);
	load_wait(scene->other);
}

static void end(struct scene *scene)
{
	load_stop(scene->tcp);
	load_stop(scene->udp);
	load_stop(scene->other);
	tunnel_stop(scene->tunnel);
	tunnel_free(scene->tunnel);
}

static void expect_one_event(struct tunnel *tunnel, const char *device, unsigned errors_before)
{
	char line[256], expected[256];
	int error = tunnel_error(tunnel, device);

	if (error != -EBADFD && error != -EFAULT && error != -EIO)
		fail_msg("%s died of %s", device, strerror(-error));
	/* The state changes first, and then the log says so. */
	wait_until(events_errors(&tunnel->events, line) > errors_before);
	assert_int_equal(events_errors(&tunnel->events, line), errors_before + 1);
	snprintf(expected, sizeof(expected), "endpoint %s died: %s", device, strerror(-error));
	assert_string_equal(line, expected);
}

static void lose_device(struct scene *scene, const char *device)
{
	struct tunnel *tunnel = scene->tunnel;
	const unsigned errors = events_errors(&tunnel->events, NULL);

	tunnel_delete(tunnel, device);
	wait_until(tunnel_error(tunnel, device) != 0);
	load_wait(scene->other);
	expect_one_event(tunnel, device, errors);
	tunnel_recover(tunnel, device);
	assert_int_equal(tunnel_error(tunnel, device), 0);
	all_flows(scene); /* among them the connection that was there before */
	assert_int_equal(events_errors(&tunnel->events, NULL), errors + 1);
}

static void deleted(void **state)
{
	struct scene scene;

	begin(&scene, *state);
	all_flows(&scene);
	lose_device(&scene, "left0");
	lose_device(&scene, "right0");
	lose_device(&scene, "left0");
	end(&scene);
}

/* What is not recovered stays away, and its packets are counted. */
static void deleted_for_good(void **state)
{
	struct scene scene;

	begin(&scene, *state);
	all_flows(&scene);
	tunnel_delete(scene.tunnel, "right0");
	wait_until(tunnel_drops(scene.tunnel, "forth0/write", "endpoint_down") > 0);
	load_wait(scene.other);
	assert_true(tunnel_error(scene.tunnel, "right0") < 0);
	assert_int_equal(tunnel_error(scene.tunnel, "left0"), 0);
	end(&scene);
}

/* That shows when it starts. */
static void deleted_while_stopped(void **state)
{
	struct scene scene;

	begin(&scene, *state);
	all_flows(&scene);
	tunnel_stop(scene.tunnel);
	tunnel_delete(scene.tunnel, "left0");
	assert_int_equal(weir_pipeline_endpoint_recover(scene.tunnel->pipeline, "left0", NULL), -EALREADY);
	tunnel_start(scene.tunnel);
	wait_until(tunnel_error(scene.tunnel, "left0") != 0);
	expect_one_event(scene.tunnel, "left0", 0);
	tunnel_stop(scene.tunnel);
	tunnel_recover(scene.tunnel, "left0");
	tunnel_start(scene.tunnel);
	all_flows(&scene);
	end(&scene);
}

typedef void set_up(struct tunnel *tunnel, const char *device, bool up);

/* Somebody sets a device down: that kills nobody, and what is written to it is counted. */
static void down_and_up(struct scene *scene, const char *device, const char *writer, set_up *set)
{
	const uint64_t before = tunnel_drops(scene->tunnel, writer, "down");

	set(scene->tunnel, device, false);
	wait_until(tunnel_drops(scene->tunnel, writer, "down") > before);
	load_wait(scene->other);
	set(scene->tunnel, device, true);
	all_flows(scene);
	assert_int_equal(tunnel_error(scene->tunnel, device), 0);
	assert_int_equal(events_errors(&scene->tunnel->events, NULL), 0);
}

static void down_by_us(void **state)
{
	struct scene scene;

	begin(&scene, *state);
	down_and_up(&scene, "left0", "back0/write", tunnel_set_up);
	down_and_up(&scene, "right0", "forth0/write", tunnel_set_up);
	end(&scene);
}

static void down_by_others(void **state)
{
	struct scene scene;

	begin(&scene, *state);
	down_and_up(&scene, "left0", "back0/write", tunnel_set_up_by_kernel);
	down_and_up(&scene, "right0", "forth0/write", tunnel_set_up_by_kernel);
	end(&scene);
}

#define TEST(test_, name_, ...)                                      \
	{                                                            \
#test_ ", " name_, test_, NULL, NULL, &(struct kind) \
		{                                                    \
			__VA_ARGS__                                  \
		}                                                    \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(deleted, "TUN, fused", false, false, AF_INET),
		TEST(deleted, "TUN, threaded, IPv6", true, false, AF_INET6),
		TEST(deleted, "TAP, threaded", true, true, AF_INET),
		TEST(deleted_for_good, "TUN, threaded", true, false, AF_INET),
		TEST(deleted_while_stopped, "TUN, threaded", true, false, AF_INET),
		TEST(down_by_us, "TUN, fused, IPv6", false, false, AF_INET6),
		TEST(down_by_us, "TUN, threaded", true, false, AF_INET),
		TEST(down_by_us, "TAP, fused", false, true, AF_INET),
		TEST(down_by_others, "TUN, fused", false, false, AF_INET),
		TEST(down_by_others, "TUN, threaded", true, false, AF_INET),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
