/* SPDX-License-Identifier: Apache-2.0 */
#include "address.h"
#include "namespace.h"
#include "site.h"

#define PORT 5000

/* The namespace in which all threads live. */
static int home = -1;

static int open_own(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

void site_make(struct site *site)
{
	if (home < 0)
		home = open_own();
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	namespace_set_flag("lo", IFF_UP, true);
	site->fd = open_own();
	snprintf(site->path, sizeof(site->path), "/proc/self/fd/%d", site->fd);
	site_leave();
}

void site_close(struct site *site)
{
	close(site->fd);
}

void site_enter(const struct site *site)
{
	assert_int_equal(setns(site->fd, CLONE_NEWNET), 0);
}

void site_leave(void)
{
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
}

int site_socket(const struct site *site, int family, int type, int protocol)
{
	int fd;

	site_enter(site);
	fd = socket(family, type | SOCK_CLOEXEC, protocol);
	site_leave();
	assert_true(fd >= 0);
	return fd;
}

int site_connect_udp(const struct site *site, int family, const char *to)
{
	int fd = site_socket(site, family, SOCK_DGRAM, 0);
	union address address;
	const socklen_t size = address_fill(&address, family, to, PORT);

	assert_int_equal(connect(fd, &address.any, size), 0);
	return fd;
}
