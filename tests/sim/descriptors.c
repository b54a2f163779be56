/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "descriptors.h"
#include "faults.h"
#include "real.h"
#include "scheduler.h"
#include "sim_clock.h"

#define FIRST 100000 /* none of the operating system has such a number */
#define MAX   256

struct descriptor {
	bool open;
	sim_events *events; /* NULL: an eventfd */
	void *device;
	uint64_t count;
	uint64_t opening; /* which of all; a number may come again */
};

static struct descriptor descriptors[MAX];
static uint64_t openings;

void sim_descriptors_init(void)
{
	memset(descriptors, 0, sizeof(descriptors));
}

void sim_descriptors_check(const char *where)
{
	for (int i = 0; i < MAX; i++)
		if (descriptors[i].open)
			sim_fail("%s: the descriptor %d, %s, is still open", where, FIRST + i,
				 descriptors[i].events ? "of a device" : "an eventfd");
}

static bool is_ours(int fd)
{
	return sim_self && fd >= FIRST;
}

static struct descriptor *find(int fd, const char *what)
{
	if (fd >= FIRST + MAX || !descriptors[fd - FIRST].open)
		sim_fail("%s of the descriptor %d, which is not open", what, fd);
	return &descriptors[fd - FIRST];
}

int sim_descriptor_open(sim_events *events, void *device)
{
	int i = 0;

	if (sim_refused("no descriptor"))
		return -EMFILE;
	while (i < MAX && descriptors[i].open)
		i++;
	if (i == MAX)
		sim_fail("more than %d descriptors", MAX);
	descriptors[i] = (struct descriptor){
		.open = true, .events = events, .device = device, .opening = ++openings
	};
	return FIRST + i;
}

void sim_descriptor_close(int fd)
{
	find(fd, "close()")->open = false;
}

int __wrap_eventfd(unsigned count, int flags)
{
	int fd;

	if (!sim_self)
		return __real_eventfd(count, flags);
	if (!(flags & EFD_NONBLOCK))
		sim_fail("an eventfd that blocks");
	fd = sim_descriptor_open(NULL, NULL);
	if (fd < 0) {
		errno = -fd;
		return -1;
	}
	find(fd, "eventfd()")->count = count;
	return fd;
}

ssize_t __wrap_read(int fd, void *bytes, size_t n)
{
	struct descriptor *event;

	if (!is_ours(fd))
		return __real_read(fd, bytes, n);
	weir__point("read");
	event = find(fd, "read()");
	if (event->events || n != sizeof(event->count))
		sim_fail("read() of %zu bytes of the descriptor %d", n, fd);
	if (!event->count) {
		errno = EAGAIN;
		return -1;
	}
	memcpy(bytes, &event->count, sizeof(event->count));
	event->count = 0;
	return sizeof(event->count);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t n)
{
	struct descriptor *event;
	uint64_t count;

	if (!is_ours(fd))
		return __real_write(fd, bytes, n);
	weir__point("write");
	event = find(fd, "write()");
	if (event->events || n != sizeof(count))
		sim_fail("write() of %zu bytes to the descriptor %d", n, fd);
	memcpy(&count, bytes, sizeof(count));
	event->count += count;
	return sizeof(count);
}

int __wrap_close(int fd)
{
	if (!is_ours(fd))
		return __real_close(fd);
	weir__point("close");
	sim_descriptor_close(fd);
	return 0;
}

/* --- poll() --- */

#define SET_MAX 160

struct set {
	struct pollfd *fds;
	nfds_t n;
	uint64_t opening[SET_MAX]; /* what each was when poll() began; 0: not open */
};

static void look_up(struct set *set)
{
	for (nfds_t i = 0; i < set->n; i++) {
		const int fd = set->fds[i].fd;

		if (fd >= 0 && (fd < FIRST || fd >= FIRST + MAX))
			sim_fail("poll() of the descriptor %d", fd);
		set->opening[i] =
			fd >= 0 && descriptors[fd - FIRST].open ? descriptors[fd - FIRST].opening : 0;
	}
}

/* One that is closed meanwhile stays where it is, says the kernel, and says nothing any more. */
static short events_of(const struct set *set, nfds_t i)
{
	const struct pollfd *fd = &set->fds[i];
	const struct descriptor *descriptor;
	short events;

	if (fd->fd < 0)
		return 0;
	if (!set->opening[i])
		return POLLNVAL;
	descriptor = &descriptors[fd->fd - FIRST];
	if (!descriptor->open || descriptor->opening != set->opening[i])
		return 0;
	events = descriptor->events ? descriptor->events(descriptor->device)
				    : (short)(POLLOUT | (descriptor->count ? POLLIN : 0));
	return (short)(events & (fd->events | POLLERR | POLLHUP));
}

static bool any_event(void *argument)
{
	const struct set *set = argument;

	for (nfds_t i = 0; i < set->n; i++)
		if (events_of(set, i))
			return true;
	return false;
}

static int poll_until(struct pollfd *fds, nfds_t n, uint64_t deadline)
{
	struct set set = { .fds = fds, .n = n };
	int ready = 0;

	if (n > SET_MAX)
		sim_fail("poll() of %lu descriptors", (unsigned long)n);
	if (sim_interrupted()) {
		weir__point("poll interrupted");
		errno = EINTR;
		return -1;
	}
	weir__point("poll begins");
	look_up(&set);
	sim_wait("poll", any_event, &set, deadline);
	for (nfds_t i = 0; i < n; i++) {
		fds[i].revents = events_of(&set, i);
		ready += fds[i].revents != 0;
	}
	return ready;
}

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	if (!sim_self)
		return __real_poll(fds, n, timeout_ms);
	return poll_until(fds, n, timeout_ms < 0 ? SIM_NEVER : sim_now() + (uint64_t)timeout_ms * 1000000);
}

int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	if (!sim_self)
		return __real_ppoll(fds, n, timeout, mask);
	return poll_until(fds, n, timeout ? sim_now() + sim_time_of(timeout) : SIM_NEVER);
}
