/* SPDX-License-Identifier: Apache-2.0 */
/* Devices in other network namespaces, and for those who may not make any. */
#include "namespace.h"

#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "device.h"
#include "netns.h"

/* A process with a network namespace of its own; it ends when the test does, however that ends. */
struct other {
	pid_t pid;
	int pipe; /* whose closing ends it */
	char path[64];
};

static void other_start(struct other *other)
{
	int ready[2], life[2];
	char byte = 0;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(life), 0);
	other->pid = fork();
	assert_true(other->pid >= 0);
	if (other->pid == 0) {
		close(life[1]);
		if (unshare(CLONE_NEWNET) || write(ready[1], &byte, 1) != 1)
			_exit(1);
		_exit(read(life[0], &byte, 1) == 0 ? 0 : 1);
	}
	close(life[0]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	other->pipe = life[1];
	snprintf(other->path, sizeof(other->path), "/proc/%d/ns/net", other->pid);
}

static void other_stop(struct other *other)
{
	int status;

	close(other->pipe);
	assert_int_equal(waitpid(other->pid, &status, 0), other->pid);
	assert_int_equal(status, 0);
}

/* What there is over there; asserts are of no use on another thread. */
struct seen {
	bool exists, up, no_ipv6;
	int mtu;
	unsigned addresses, routes;
};

static int look(void *data)
{
	struct seen *seen = data;

	*seen = (struct seen){ .exists = kernel_exists("weir0") };
	if (!seen->exists)
		return 0;
	seen->up = kernel_is_up("weir0");
	seen->mtu = kernel_mtu("weir0");
	seen->no_ipv6 = kernel_ipv6_disabled("weir0");
	seen->addresses = kernel_addresses("weir0", NULL).n;
	seen->routes = kernel_routes("weir0", "10.20.0.0/16 via - metric 0 table 254");
	return 0;
}

static int delete_it(void *data)
{
	(void)data;
	return kernel_delete("weir0");
}

static struct seen look_at(int netns)
{
	struct seen seen;

	assert_int_equal(weir__netns_run(netns, look, &seen, NULL), 0);
	return seen;
}

static void assert_complete(struct seen seen, unsigned addresses)
{
	assert_true(seen.exists);
	assert_true(seen.up);
	assert_true(seen.no_ipv6);
	assert_int_equal(seen.mtu, 1380);
	assert_int_equal(seen.addresses, addresses);
	assert_int_equal(seen.routes, 1);
}

static void lives_in_another_namespace(void **state)
{
	const struct weir_route routes[] = { { .to = "10.20.0.0/16" }, { .to = NULL } };
	char before[64] = "", after[64] = "";
	struct other other;
	struct device device;
	uint64_t drops;
	int netns;

	(void)state;
	other_start(&other);
	netns = weir__netns_open(other.path, NULL);
	assert_true(readlink("/proc/thread-self/ns/net", before, sizeof(before) - 1) > 0);
	device_must_open(&device, "weir0", .netns = other.path, .ipv4 = WEIR_LIST("10.9.0.2/24"),
			 .route = routes, .no_ipv6 = true);
	assert_int_equal(weir_tun_add_address(device.state, "10.9.1.2/24", &device.err), 0);
	assert_int_equal(weir_tun_set_mtu(device.state, 1000, &device.err), 0);
	assert_int_equal(weir_tun_set_mtu(device.state, 1380, &device.err), 0);
	assert_int_equal(weir_tun_set_up(device.state, false, &device.err), 0);
	assert_int_equal(weir_tun_set_up(device.state, true, &device.err), 0);
	assert_int_equal(weir_tun_kernel_drops(device.state, &drops, &device.err), 0);
	assert_complete(look_at(netns), 2);
	assert_int_equal(weir__netns_run(netns, delete_it, NULL, NULL), 0);
	assert_int_equal(weir_tun_type.recover(device.state, &device.err), 0);
	assert_complete(look_at(netns), 2);
	assert_false(kernel_exists("weir0"));
	assert_true(readlink("/proc/thread-self/ns/net", after, sizeof(after) - 1) > 0);
	assert_string_equal(before, after);
	device_close(&device);
	assert_false(look_at(netns).exists);
	close(netns);
	other_stop(&other);
}

static void says_which_namespace_is_missing(void **state)
{
	struct device device;

	(void)state;
	assert_int_equal(device_open(&device, device_row("weir0", .netns = "/nowhere")), -ENOENT);
	assert_string_equal(device.err.text,
			    "weir0: network namespace '/nowhere': No such file or directory");
	assert_int_equal(device_open(&device, device_row("weir0", .netns = "/dev/null")), -EINVAL);
	assert_string_equal(device.err.text, "weir0: network namespace: cannot be entered: Invalid argument");
}

static void says_which_path_is_missing(void **state)
{
	struct device device;

	(void)state;
	assert_int_equal(device_open(&device, device_row("weir0", .device_path = "/nowhere/tun")), -ENOENT);
	assert_non_null(
		strstr(device.err.text, "weir0: /nowhere/tun: No such file or directory: load the module"));
	assert_non_null(strstr(device.err.text, "modprobe tun"));
	/* A device, but not this one. */
	assert_int_equal(device_open(&device, device_row("weir0", .device_path = "/dev/null")), -ENOTTY);
	assert_non_null(strstr(device.err.text, "weir0: TUN device weir0: Inappropriate ioctl for device"));
}

static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	if (syscall(SYS_capset, &header, none))
		_exit(99);
}

/* Runs the function in a process of its own; returns what it returned. */
static int in_child(int (*function)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(function());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int open_without_rights(void)
{
	struct device device;

	drop_capabilities();
	if (device_open(&device, device_row("weir0", )) != -EPERM)
		return 1;
	return strcmp(device.err.text, "weir0: TUN device weir0: Operation not permitted: this needs root, "
				       "CAP_NET_ADMIN, or to be the owner of a persistent device") != 0;
}

static char forbidden_path[] = "/tmp/weir-test-XXXXXX";

static int open_forbidden_path(void)
{
	struct device device;

	drop_capabilities();
	if (device_open(&device, device_row("weir0", .device_path = forbidden_path)) != -EACCES)
		return 1;
	return !strstr(device.err.text, forbidden_path) ||
	       !strstr(device.err.text, "Permission denied: this needs root");
}

static void says_what_is_not_allowed(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(in_child(open_without_rights), 0);
	fd = mkstemp(forbidden_path);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0), 0);
	close(fd);
	assert_int_equal(in_child(open_forbidden_path), 0);
	unlink(forbidden_path);
}

#define OWNER 1234

/* As who owns it, and may open /dev/net/tun; without any capability. */
static int attach_as_owner(void)
{
	struct device device;

	if (geteuid() == 0) {
		if (seteuid(OWNER))
			return 1;
		setfsuid(0);
	}
	drop_capabilities();
	if (device_open(&device, device_row("weir0", ))) {
		fprintf(stderr, "%s\n", device.err.text);
		return 2;
	}
	if (weir_tun_set_mtu(device.state, 1400, &device.err) != -EPERM)
		return 3;
	if (strcmp(device.err.text,
		   "weir0: mtu 1400: Operation not permitted: this needs root or CAP_NET_ADMIN") != 0)
		return 4;
	device_close(&device);
	return 0;
}

/* Its length of queue stays what it was, because nobody asked for another. */
static void lets_its_owner_in(void **state)
{
	struct device device;

	(void)state;
	device_must_open(&device, "weir0", .persist = true, .owner = geteuid() ? geteuid() : OWNER,
			 .queue_length = 77);
	device_close(&device);
	assert_int_equal(in_child(attach_as_owner), 0);
	assert_int_equal(kernel_queue_length("weir0"), 77);
	assert_true(kernel_is_up("weir0"));
	assert_int_equal(kernel_delete("weir0"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		device_test(lives_in_another_namespace), device_test(says_which_namespace_is_missing),
		device_test(says_which_path_is_missing), device_test(says_what_is_not_allowed),
		device_test(lets_its_owner_in),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
