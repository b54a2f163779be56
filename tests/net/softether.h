/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An unmodified SoftEther VPN server for a test. It runs in a mount namespace where its directories are its
 * own, as a child that ends with the test, and all that it writes lies in memory that vanishes with the test:
 * several run at a time, and none touches the machine.
 *
 * It has a hub "VPN" (administrator's password: hubpw) with the users of softether/setup.txt, and SecureNAT
 * as 192.168.30.1, which gives addresses by DHCP and answers ARP and ping, but has no way out.
 */
#ifndef WEIR_TEST_SOFTETHER_H
#define WEIR_TEST_SOFTETHER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "site.h"

struct softether {
	const char *address; /* IPv4, where it listens */
	uint16_t port;
	const struct site *site; /* NULL: where the process is */
	const char *password;    /* of its administrator; NULL: none */
	pid_t pid;
	char home[48]; /* its files: lib/vpn_server.config, log/, out */
};

/* In main() after namespace_enter(). Ends the test as skipped where there is no server to be run. */
void softether_enter(void);

/* All of these fail the test when they fail. What starts again goes on with what it had saved. */
void softether_start(struct softether *server);
void softether_stop(struct softether *server); /* as its owner does: it saves everything */
void softether_kill(struct softether *server); /* as a crash does */

/*
 * Runs a command of vpncmd, "SessionList", on the server, or on a hub unless that is NULL; what it prints, as
 * CSV, goes to out. Files may be named as in the server's home. softether_try() returns 0 or the number that
 * SoftEther has for the error.
 */
void softether_command(const struct softether *server, const char *hub, const char *command, char *out,
		       size_t size);
int softether_try(const struct softether *server, const char *hub, const char *command, char *out,
		  size_t size);

#endif
