/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docs/examples/softether.c as a user runs it: a TUN that is a host of a virtual hub, with an address from
 * the DHCP server there. softether_host PROGRAM
 */

#include <sys/stat.h>

#include "kernel.h"
#include "ping.h"
#include "program.h"
#include "softether.h"
#include "wait.h"

#define SHA256_DIGITS 64

static const char *path;
static struct softether server;
static struct site site;
static struct program program;
static char password_file[64];
static char netns[64];
static int netns_fd;

static int start_server(void **state)
{
	FILE *file;

	(void)state;
	server = (struct softether){ .address = "127.0.0.1", .port = 5555 };
	softether_start(&server);
	site_make(&site);
	/* Left open by exec: the program names it by the descriptor. */
	netns_fd = fcntl(site.fd, F_DUPFD, 0);
	assert_true(netns_fd >= 0);
	snprintf(netns, sizeof(netns), "/proc/self/fd/%d", netns_fd);
	snprintf(password_file, sizeof(password_file), "%s/password", server.home);
	file = fopen(password_file, "w");
	assert_non_null(file);
	assert_int_equal(fchmod(fileno(file), 0600), 0);
	fputs("pw-one\n", file);
	fclose(file);
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	if (program.pid) {
		kill(program.pid, SIGKILL);
		waitpid(program.pid, NULL, 0);
		program.pid = 0;
	}
	if (server.pid)
		softether_stop(&server);
	close(netns_fd);
	site_close(&site);
	return 0;
}

static void start(const char *fingerprint)
{
	const char *argv[] = {
		path, "127.0.0.1", "5555", "VPN", "u1", password_file, fingerprint, netns, NULL
	};
	const int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	program_start(&program, home, argv);
	close(home);
}

static unsigned long long finish(void)
{
	const unsigned long long sent = program_finish(&program);

	program.pid = 0;
	return sent;
}

/* Asks the program as a user would: it does not talk to a server of another certificate, and says which that
 * is. */
static void learn_fingerprint(char fingerprint[SHA256_DIGITS + 1])
{
	char line[PROGRAM_LINE], none[SHA256_DIGITS + 1];
	const char *found;

	memset(none, '0', SHA256_DIGITS);
	none[SHA256_DIGITS] = '\0';
	start(none);
	program_wait(&program, "session: 127.0.0.1", "\n", line);
	found = strstr(line, "SHA-256 ");
	assert_non_null(found);
	assert_int_equal(sscanf(found, "SHA-256 %64[0-9a-f]", fingerprint), 1);
	assert_int_equal(strlen(fingerprint), SHA256_DIGITS);
	assert_int_equal(finish(), 0);
}

static bool has_address(const char *address)
{
	bool has;

	site_enter(&site);
	has = kernel_addresses("vpn0", address).n == 1;
	site_leave();
	return has;
}

static void wait_for_address(void)
{
	char line[PROGRAM_LINE], address[64];

	program_wait(&program, "session: up as SID-U1-", "\n", line);
	program_wait(&program, "host: address 192.168.30.", "/24\n", line);
	assert_int_equal(sscanf(line, "host: address %63[^\n]", address), 1);
	wait_until(has_address(address));
	ping(&site, AF_INET, "192.168.30.1", 56);
}

static void is_a_host_of_the_hub(void **state)
{
	static const unsigned sizes[] = { 0, 1, 1000, 1472 };
	char fingerprint[SHA256_DIGITS + 1];

	(void)state;
	learn_fingerprint(fingerprint);
	start(fingerprint);
	wait_for_address();
	for (unsigned i = 0; i < countof(sizes); i++)
		ping(&site, AF_INET, "192.168.30.1", sizes[i]);
	assert_true(finish() > countof(sizes));
}

static void stays_one_when_the_server_was_away(void **state)
{
	char fingerprint[SHA256_DIGITS + 1], line[PROGRAM_LINE];

	(void)state;
	learn_fingerprint(fingerprint);
	start(fingerprint);
	wait_for_address();
	softether_kill(&server);
	program_wait(&program, "session: down", "\n", line);
	softether_start(&server);
	wait_for_address();
	assert_true(finish() > 1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_a_host_of_the_hub, start_server, stop_server),
		cmocka_unit_test_setup_teardown(stays_one_when_the_server_was_away, start_server,
						stop_server),
	};

	if (argc != 2)
		return 2;
	path = argv[1];
	namespace_enter();
	softether_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
