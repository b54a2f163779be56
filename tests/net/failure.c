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

static void begin(struct scene *scene, bool threaded)
{
	const struct tunnel_options options = { .threaded = threaded, .two_pairs = true };

	scene->tunnel = tunnel_make(&options);
	tunnel_start(scene->tunnel);
	scene->tcp = load_tcp(scene->tunnel->site, AF_INET, 0);
	scene->udp = load_udp(scene->tunnel->site, AF_INET, 0);
	scene->other = load_udp(scene->tunnel->site, AF_INET, 1);
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

	assert_true(error == -EBADFD || error == -EFAULT || error == -EIO);
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

static void deleted(bool threaded)
{
	struct scene scene;

	begin(&scene, threaded);
	all_flows(&scene);
	lose_device(&scene, "left0");
	lose_device(&scene, "right0");
	lose_device(&scene, "left0");
	end(&scene);
}

static void deleted_fused(void **state)
{
	(void)state;
	deleted(false);
}

static void deleted_threaded(void **state)
{
	(void)state;
	deleted(true);
}

/* What is not recovered stays away, and its packets are counted. */
static void deleted_for_good(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene, true);
	all_flows(&scene);
	tunnel_delete(scene.tunnel, "right0");
	wait_until(tunnel_drops(scene.tunnel, "forth0/write", "endpoint_down") > 0);
	load_wait(scene.other);
	assert_true(tunnel_error(scene.tunnel, "right0") < 0);
	assert_int_equal(tunnel_error(scene.tunnel, "left0"), 0);
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

static void down(bool threaded)
{
	struct scene scene;

	begin(&scene, threaded);
	down_and_up(&scene, "left0", "back0/write", tunnel_set_up);
	down_and_up(&scene, "right0", "forth0/write", tunnel_set_up);
	down_and_up(&scene, "left0", "back0/write", tunnel_set_up_by_kernel);
	down_and_up(&scene, "right0", "forth0/write", tunnel_set_up_by_kernel);
	end(&scene);
}

static void down_fused(void **state)
{
	(void)state;
	down(false);
}

static void down_threaded(void **state)
{
	(void)state;
	down(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deleted_fused),    cmocka_unit_test(deleted_threaded),
		cmocka_unit_test(deleted_for_good), cmocka_unit_test(down_fused),
		cmocka_unit_test(down_threaded),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
