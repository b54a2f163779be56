/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eBPF programs that choose the queue by which a device gives a packet: STEERING [OBJECT], where OBJECT is
 * steering.bpf.c as clang has translated it.
 *
 * To load a program takes CAP_BPF outside of all user namespaces. Where that is missing, all of it is
 * skipped.
 */
#include "namespace.h"

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <sys/syscall.h>

#include <weir/weir.h>

#include "kernel.h"
#include "wait.h"

#define QUEUES 3
#define HEADER 22 /* where the UDP port stands in a packet over IPv4 */

static const char *object; /* NULL: not there */

/* --- programs --- */

/* Returns a descriptor or a negative errno. */
static int load(const struct bpf_insn *program, uint32_t n, uint32_t type)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = type;
	attr.insns = (uintptr_t)program;
	attr.insn_cnt = n;
	attr.license = (uintptr_t) "Apache-2.0";
	fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	return fd < 0 ? -errno : fd;
}

static int load_by_port(void)
{
	static const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_6, .src_reg = BPF_REG_1 },
		{ .code = BPF_LD | BPF_ABS | BPF_H, .imm = HEADER },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return load(program, countof(program), BPF_PROG_TYPE_SOCKET_FILTER);
}

/* Of a type that is for something else. */
static int load_of_other_type(void)
{
	static const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return load(program, countof(program), BPF_PROG_TYPE_XDP);
}

static void need_programs(void)
{
	const int fd = load_by_port();

	if (fd < 0) {
		errno = -fd;
		namespace_skip("to load an eBPF program");
	}
	close(fd);
}

static void need_object(void)
{
	if (!object) {
		print_message("skipped: there is no clang to translate steering.bpf.c, or no libbpf\n");
		skip();
	}
}

/* --- a device with queues --- */

static const char *const chains[QUEUES] = { "zero", "one", "two" };

/* The device is configured by the caller. */
static int open_device(struct weir_pipeline **pipeline, const struct weir_tun *options,
		       struct weir_error *err)
{
	struct weir_config config = {
		.endpoints = { { &weir_tun_type, options },
			       weir_tun_queue("queue1", .of = options->name),
			       weir_tun_queue("queue2", .of = options->name),
			       weir_null("nowhere") },
		.workers = { { "one", .unpinned = true } },
		.chains = { { chains[0], .stages = { weir_read(options->name, .worker = "one"),
						     weir_write("nowhere") } },
			    { chains[1],
			      .stages = { weir_read("queue1", .worker = "one"), weir_write("nowhere") } },
			    { chains[2],
			      .stages = { weir_read("queue2", .worker = "one"), weir_write("nowhere") } } },
	};

	return weir_pipeline_create(pipeline, &config, err);
}

#define OPTIONS(...)                                                 \
	(&(const struct weir_tun){ .name = "weir0",                  \
				   .queues = QUEUES,                 \
				   .no_ipv6 = true,                  \
				   .ipv4 = WEIR_LIST("10.9.0.2/24"), \
				   __VA_ARGS__ })

static struct weir_pipeline *start(const struct weir_tun *options)
{
	struct weir_pipeline *pipeline;
	struct weir_error err;

	if (open_device(&pipeline, options, &err) || weir_pipeline_start(pipeline, &err))
		fail_msg("%s", err.text);
	return pipeline;
}

static void refuses(const struct weir_tun *options, int code, const char *text)
{
	struct weir_pipeline *pipeline;
	struct weir_error err;

	assert_int_equal(open_device(&pipeline, options, &err), code);
	assert_string_equal(err.text, text);
	assert_false(kernel_exists("weir0"));
}

static uint64_t read_from(struct weir_pipeline *pipeline, unsigned queue)
{
	struct weir_counters *counters = weir_counters_read(pipeline);
	char path[16];
	uint64_t n;

	assert_non_null(counters);
	snprintf(path, sizeof(path), "%s/read", chains[queue]);
	n = weir_counters_stage(counters, path)->packets;
	weir_counters_free(counters);
	return n;
}

/* Sends one datagram into the device, to that port. Returns the queue that it comes by. */
static unsigned queue_of(struct weir_pipeline *pipeline, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t before[QUEUES];
	unsigned queue = QUEUES;

	for (unsigned k = 0; k < QUEUES; k++)
		before[k] = read_from(pipeline, k);
	assert_int_equal(inet_pton(AF_INET, "10.9.0.1", &to.sin_addr), 1);
	assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
	close(fd);
	while (queue == QUEUES) {
		wait_a_moment();
		for (unsigned k = 0; k < QUEUES; k++)
			if (read_from(pipeline, k) > before[k])
				queue = k;
	}
	return queue;
}

static void steers_by_port(struct weir_pipeline *pipeline)
{
	for (uint16_t port = 5000; port < 5030; port++)
		assert_int_equal(queue_of(pipeline, port), port % QUEUES);
}

/* By its hash, a flow comes by a queue that its port alone does not tell. */
static bool is_steered_by_port(struct weir_pipeline *pipeline)
{
	for (uint16_t port = 5000; port < 5100; port++)
		if (queue_of(pipeline, port) != port % QUEUES)
			return false;
	return true;
}

/* --- the tests --- */

static void recover(struct weir_pipeline *pipeline, const char *endpoint)
{
	struct weir_error err;

	wait_until(weir_pipeline_endpoint_state(pipeline, endpoint, NULL) == WEIR_ENDPOINT_DEAD);
	if (weir_pipeline_endpoint_recover(pipeline, endpoint, &err))
		fail_msg("%s", err.text);
}

/* The caller's own may be closed, and a device that was deleted gets it again. */
static void takes_a_loaded_program(void **state)
{
	const int fd = load_by_port();
	struct weir_pipeline *pipeline = start(OPTIONS(.steering_fd = fd));

	(void)state;
	close(fd);
	steers_by_port(pipeline);
	assert_int_equal(kernel_delete("weir0"), 0);
	recover(pipeline, "weir0");
	recover(pipeline, "queue1");
	recover(pipeline, "queue2");
	steers_by_port(pipeline);
	weir_pipeline_destroy(pipeline);
}

/* It would stay with the device. */
static void leaves_none_to_the_next(void **state)
{
	const int fd = load_by_port();
	struct weir_pipeline *pipeline = start(OPTIONS(.steering_fd = fd, .persist = true));

	(void)state;
	close(fd);
	steers_by_port(pipeline);
	weir_pipeline_destroy(pipeline);
	pipeline = start(OPTIONS(.persist = true));
	assert_false(is_steered_by_port(pipeline));
	weir_pipeline_destroy(pipeline);
}

static void refuses_what_is_no_program(void **state)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	char text[64];

	(void)state;
	refuses(OPTIONS(.steering_fd = fd), -EINVAL,
		"endpoint weir0: device weir0: its steering program: Invalid argument: it is no eBPF program "
		"of "
		"the type socket filter");
	close(fd);
	snprintf(text, sizeof(text), "endpoint weir0: steering_fd: %d: Bad file descriptor", fd);
	refuses(OPTIONS(.steering_fd = fd), -EINVAL, text);
	fd = load_of_other_type();
	assert_true(fd >= 0);
	refuses(OPTIONS(.steering_fd = fd), -EINVAL,
		"endpoint weir0: device weir0: its steering program: Invalid argument: it is no eBPF program "
		"of "
		"the type socket filter");
	close(fd);
}

static void loads_a_program_from_a_file(void **state)
{
	struct weir_pipeline *pipeline;

	(void)state;
	need_object();
	pipeline = start(OPTIONS(.steering = object, .steering_program = "by_port"));
	steers_by_port(pipeline);
	weir_pipeline_destroy(pipeline);
	pipeline = start(OPTIONS(.steering = object, .steering_program = "always_one"));
	for (uint16_t port = 5000; port < 5030; port++)
		assert_int_equal(queue_of(pipeline, port), 1);
	weir_pipeline_destroy(pipeline);
}

static void says_what_is_wrong_with_a_file(void **state)
{
	struct weir_pipeline *pipeline;
	struct weir_error err;
	char text[512];

	(void)state;
	need_object();
	snprintf(text, sizeof(text), "endpoint weir0: steering_program: 'nobody' is not in '%s'", object);
	refuses(OPTIONS(.steering = object, .steering_program = "nobody"), -EINVAL, text);
	snprintf(text, sizeof(text), "endpoint weir0: steering_program: '%s' has 3 programs: name one",
		 object);
	refuses(OPTIONS(.steering = object), -EINVAL, text);
	/* In the words of libbpf and of the verifier, which differ from one to the next. */
	assert_true(open_device(&pipeline, OPTIONS(.steering = "nowhere.bpf.o"), &err) < 0);
	assert_non_null(strstr(err.text, "endpoint weir0: steering: 'nowhere.bpf.o': "));
	assert_non_null(strstr(err.text, "No such file"));
	assert_true(open_device(&pipeline, OPTIONS(.steering = "/proc/version"), &err) < 0);
	assert_non_null(strstr(err.text, "endpoint weir0: steering: '/proc/version': "));
	assert_true(open_device(&pipeline, OPTIONS(.steering = object, .steering_program = "beyond_the_end"),
				&err) < 0);
	assert_non_null(strstr(err.text, "beyond_the_end"));
	assert_non_null(strstr(err.text, "off=4096"));
}

/* A test that failed leaves its device behind. */
static int remove_device(void **state)
{
	(void)state;
	if (kernel_exists("weir0"))
		kernel_delete("weir0");
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(takes_a_loaded_program, remove_device),
		cmocka_unit_test_teardown(leaves_none_to_the_next, remove_device),
		cmocka_unit_test_teardown(refuses_what_is_no_program, remove_device),
		cmocka_unit_test_teardown(loads_a_program_from_a_file, remove_device),
		cmocka_unit_test_teardown(says_what_is_wrong_with_a_file, remove_device),
	};

	object = argc > 1 ? argv[1] : NULL;
	namespace_enter();
	need_programs();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
