/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of a tunnel: a network namespace that exists as long as the process holds it. namespace_enter()
 * comes first.
 */
#ifndef WEIR_TEST_SITE_H
#define WEIR_TEST_SITE_H

struct site {
	int fd;
	char path[32]; /* by which this process finds the namespace */
};

/* All of these fail the test when they fail. */
void site_make(struct site *site);
void site_close(struct site *site);

/* The calling thread is in the site, until it leaves it. */
void site_enter(const struct site *site);
void site_leave(void);

/* A socket that belongs to the site, for any thread. */
int site_socket(const struct site *site, int family, int type, int protocol);

/* A UDP socket of the site that is connected to an address. */
int site_connect_udp(const struct site *site, int family, const char *to);

#endif
