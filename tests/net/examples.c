/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The examples of docs/examples, run as a user runs them, with traffic of the kernel from one network
 * namespace to another through them: examples COMPOSE SESSION QUEUES UDP VXLAN
 */
#include "namespace.h"

#include <net/if_arp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "kernel.h"
#include "netlink.h"
#include "program.h"

#define WAIT_S 30 /* for what comes at once; so long only that a busy machine fails no test */
#define CHUNK  16384
#define CHUNKS 64

enum side { HERE, THERE, SIDES };

static int netns[SIDES];
static const char *programs[5]; /* compose, session, queues, udp, vxlan */
static char key[32];            /* path of a file that vanishes with the last who has it open */

static void enter(enum side side)
{
	assert_int_equal(setns(netns[side], CLONE_NEWNET), 0);
}

/* Left open by exec: a program may name its namespace by the descriptor. */
static void make_sides(void)
{
	for (int side = HERE; side < SIDES; side++) {
		if (side != HERE && unshare(CLONE_NEWNET))
			namespace_skip("network namespace");
		netns[side] = open("/proc/self/ns/net", O_RDONLY);
		assert_true(netns[side] >= 0);
		namespace_set_flag("lo", IFF_UP, true);
	}
	enter(HERE);
}

/* --- programs --- */

/* Starts it and waits for a line that ends so. */
static void start(struct program *program, enum side side, const char *const argv[], const char *line_end)
{
	char line[PROGRAM_LINE];

	program_start(program, netns[side], argv);
	program_wait(program, "", line_end, line);
}

/* The packets that a row of the printed counters has. */
static unsigned long long packets_of(const struct program *program, const char *path)
{
	const char *row = strstr(program->said, path);
	unsigned long long packets;

	assert_non_null(row);
	assert_int_equal(sscanf(row + strlen(path), " %*s %*s %llu", &packets), 1);
	return packets;
}

/* --- traffic --- */

static void fill(uint8_t *bytes, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(seed >> 24);
	}
}

static int open_socket(enum side side, int type, const char *address)
{
	const struct timeval limit = { .tv_sec = WAIT_S };
	struct sockaddr_in local = { .sin_family = AF_INET };
	int fd;

	enter(side);
	fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	enter(HERE);
	assert_true(fd >= 0);
	assert_int_equal(inet_pton(AF_INET, address, &local.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&local, sizeof(local)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)), 0);
	return fd;
}

static void connect_to(int fd, int other)
{
	struct sockaddr_in address;
	socklen_t size = sizeof(address);

	assert_int_equal(getsockname(other, (struct sockaddr *)&address, &size), 0);
	if (connect(fd, (struct sockaddr *)&address, size))
		fail_msg("connect: %s", strerror(errno));
}

/* Sends bytes that nobody could guess; what comes out at the other end must be the same. */
static void pass(int from, int to, size_t n, uint32_t seed, int how)
{
	static uint8_t sent[CHUNK], received[CHUNK];

	fill(sent, n, seed);
	memset(received, 0, n);
	assert_int_equal(send(from, sent, n, MSG_NOSIGNAL), n);
	assert_int_equal(recv(to, received, n, how), n);
	assert_memory_equal(sent, received, n);
}

static void pass_datagrams(const char *here, const char *there)
{
	static const size_t sizes[] = { 1, 2, 63, 512, 1372, 1373, 4000 }; /* the last two are fragmented */
	int fds[SIDES] = { open_socket(HERE, SOCK_DGRAM, here), open_socket(THERE, SOCK_DGRAM, there) };

	connect_to(fds[HERE], fds[THERE]);
	connect_to(fds[THERE], fds[HERE]);
	for (uint32_t i = 0; i < countof(sizes); i++) {
		pass(fds[HERE], fds[THERE], sizes[i], i, MSG_TRUNC);
		pass(fds[THERE], fds[HERE], sizes[i], ~i, MSG_TRUNC);
	}
	close(fds[HERE]);
	close(fds[THERE]);
}

static void pass_stream(const char *here, const char *there)
{
	int listener = open_socket(THERE, SOCK_STREAM, there);
	int from = open_socket(HERE, SOCK_STREAM, here);
	int to;

	assert_int_equal(listen(listener, 1), 0);
	connect_to(from, listener);
	to = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(to >= 0);
	for (uint32_t i = 0; i < CHUNKS; i++) {
		pass(from, to, CHUNK, i, MSG_WAITALL);
		pass(to, from, CHUNK, ~i, MSG_WAITALL);
	}
	close(from);
	close(to);
	close(listener);
}

/* --- compose --- */

/* As "ip neighbour add": a TAP asks for addresses by ARP, which nobody answers. */
static void add_neighbour(const char *device, const char *address, const uint8_t mac[6])
{
	struct arpreq request = { .arp_flags = ATF_COM | ATF_PERM };
	struct sockaddr_in in = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(inet_pton(AF_INET, address, &in.sin_addr), 1);
	memcpy(&request.arp_pa, &in, sizeof(in));
	request.arp_ha.sa_family = ARPHRD_ETHER;
	memcpy(request.arp_ha.sa_data, mac, 6);
	snprintf(request.arp_dev, sizeof(request.arp_dev), "%s", device);
	assert_int_equal(ioctl(fd, SIOCSARP, &request), 0);
	close(fd);
}

/* Workers are pinned to the processors 0 and 1. */
static bool may_pin(void)
{
	cpu_set_t cpus;

	return sched_getaffinity(0, sizeof(cpus), &cpus) == 0 && CPU_ISSET(0, &cpus) && CPU_ISSET(1, &cpus);
}

static void need_processors(void)
{
	if (may_pin())
		return;
	print_message("skipped: the example may not use the processors 0 and 1\n");
	skip();
}

static void composes(void **state)
{
	static const uint8_t own[6] = { 0x02, 0, 0, 0, 0, 1 };
	char path[32];
	const char *const argv[] = { programs[0], "0", path, NULL };
	struct program program;

	(void)state;
	need_processors();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", netns[THERE]);
	start(&program, HERE, argv, "running\n");
	enter(THERE);
	add_neighbour("tap0", "10.9.0.2", own);
	enter(HERE);
	pass_datagrams("10.9.0.2", "10.9.0.1");
	pass_stream("10.9.0.2", "10.9.0.1");
	assert_true(program_finish(&program) > 0);
	assert_true(packets_of(&program, "outbound/stats") >= CHUNKS);
	assert_true(packets_of(&program, "outbound/ring") >= CHUNKS);
	assert_true(packets_of(&program, "inbound/stats") >= CHUNKS);
}

/* --- queues --- */

/* Each at ports of the kernel's choice, so that they come by different queues. */
#define FLOWS 40

static void spreads_flows(void **state)
{
	char path[32];
	const char *const argv[] = { programs[2], "0", path, NULL };
	struct program program;

	(void)state;
	need_processors();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", netns[THERE]);
	start(&program, HERE, argv, "running\n");
	for (unsigned i = 0; i < FLOWS; i++)
		pass_datagrams("10.9.0.2", "10.9.0.1");
	pass_stream("10.9.0.2", "10.9.0.1");
	assert_true(program_finish(&program) > 0);
	assert_true(packets_of(&program, "outbound0/stats") > 0);
	assert_true(packets_of(&program, "outbound1/stats") > 0);
	assert_true(packets_of(&program, "inbound0/stats") > 0);
	assert_true(packets_of(&program, "inbound1/stats") > 0);
}

/* --- session --- */

static void add_address(const char *device, const char *text)
{
	struct weir__netlink netlink;
	struct weir__address address = { 0 };
	struct weir_error err;

	namespace_set_flag(device, IFF_UP, true);
	assert_true(weir__ip_prefix_parse(text, &address.local, &address.bits));
	if (weir__netlink_open(&netlink, &err) ||
	    weir__address_add(&netlink, if_nametoindex(device), &address, 0, &err))
		fail_msg("%s", err.text);
	weir__netlink_close(&netlink);
}

/* Left open by exec. */
static void make_key(void)
{
	const int fd = memfd_create("key", 0);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(write(fd, "0123456789abcdef", 16), 16);
	snprintf(key, sizeof(key), "/proc/self/fd/%d", fd);
}

/* The wire between the two sides. */
static int make_wire(void **state)
{
	const int rc = kernel_make_veth("wire0", netns[THERE], "wire1");

	(void)state;
	make_key();
	if (rc == -EOPNOTSUPP)
		return 0; /* no module: the tests see that there is none */
	assert_int_equal(rc, 0);
	add_address("wire0", "192.0.2.1/30");
	add_address("wire0", "fd00:5::1/64");
	enter(THERE);
	add_address("wire1", "192.0.2.2/30");
	add_address("wire1", "fd00:5::2/64");
	enter(HERE);
	return 0;
}

static void need_wire(void)
{
	if (kernel_exists("wire0"))
		return;
	print_message("session is skipped: there are no veth devices\n");
	skip();
}

/* Datagrams that came to a port of the other side where nobody was. */
static unsigned long refused_datagrams(void)
{
	char line[512];
	unsigned long n = 0;
	FILE *file;

	enter(THERE);
	file = fopen("/proc/self/net/snmp", "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		sscanf(line, "Udp: %*u %lu", &n);
	fclose(file);
	enter(HERE);
	return n;
}

/* A session whose peer is not there yet hears so from the network. */
static void is_refused(void)
{
	static const struct sockaddr_in nobody = { .sin_family = AF_INET, .sin_port = 0x0900 };
	struct sockaddr_in address = nobody;
	const unsigned long before = refused_datagrams();
	int fd = open_socket(HERE, SOCK_DGRAM, "10.9.0.1");

	assert_int_equal(inet_pton(AF_INET, "10.9.0.2", &address.sin_addr), 1);
	assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&address, sizeof(address)), 1);
	close(fd);
	for (int ms = 0; refused_datagrams() == before; ms++) {
		assert_true(ms < WAIT_S * 1000);
		poll(NULL, 0, 1);
	}
}

/* A tunnel by this program between these two; key: that both are given, or NULL. */
static void carries(const char *path, const char *here, const char *there, const char *key_file,
		    bool alone_at_first)
{
	const char *const argv_here[] = { path, here, there, "10.9.0.1/24", key_file, NULL };
	const char *const argv_there[] = { path, there, here, "10.9.0.2/24", key_file, NULL };
	struct program program_here, program_there;

	need_wire();
	start(&program_here, HERE, argv_here, "weir0 is up\n");
	if (alone_at_first)
		is_refused();
	start(&program_there, THERE, argv_there, "weir0 is up\n");
	pass_datagrams("10.9.0.1", "10.9.0.2");
	pass_stream("10.9.0.1", "10.9.0.2");
	assert_true(program_finish(&program_here) > 0);
	assert_true(program_finish(&program_there) > 0);
	assert_true(packets_of(&program_here, "outbound/write") >= CHUNKS);
	assert_true(packets_of(&program_here, "inbound/write") >= CHUNKS);
}

static void a_session_carries_packets(void **state)
{
	(void)state;
	carries(programs[1], "192.0.2.1", "192.0.2.2", key, true);
}

static void a_session_carries_packets_over_ipv6(void **state)
{
	(void)state;
	carries(programs[1], "fd00:5::1", "fd00:5::2", key, false);
}

static void udp_carries_packets(void **state)
{
	(void)state;
	carries(programs[3], "192.0.2.1:4789", "192.0.2.2:4789", NULL, true);
}

static void udp_carries_packets_over_ipv6(void **state)
{
	(void)state;
	carries(programs[3], "[fd00:5::1]:4789", "[fd00:5::2]:4789", NULL, false);
}

static void vxlan_carries_packets(void **state)
{
	(void)state;
	carries(programs[4], "192.0.2.1", "192.0.2.2", NULL, false);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(composes),
		cmocka_unit_test(spreads_flows),
		cmocka_unit_test(a_session_carries_packets),
		cmocka_unit_test(a_session_carries_packets_over_ipv6),
		cmocka_unit_test(udp_carries_packets),
		cmocka_unit_test(udp_carries_packets_over_ipv6),
		cmocka_unit_test(vxlan_carries_packets),
	};

	if (argc != 1 + countof(programs))
		return 2;
	for (unsigned i = 0; i < countof(programs); i++)
		programs[i] = argv[1 + i];
	namespace_enter();
	make_sides();
	return cmocka_run_group_tests(tests, make_wire, NULL);
}
