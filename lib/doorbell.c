/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "doorbell.h"

int weir__doorbell_open(struct weir__doorbell *bell)
{
	bell->sleeping = 0;
	bell->wakes = 0;
	bell->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return bell->fd < 0 ? -errno : 0;
}

void weir__doorbell_close(struct weir__doorbell *bell)
{
	close(bell->fd);
	bell->fd = -1;
}

void weir__doorbell_wake(struct weir__doorbell *bell)
{
	const uint64_t one = 1;

	weir__point("bell wake");
	/* Of several ringers, the one that takes the mark away wakes the sleeper. */
	if (!__atomic_exchange_n(&bell->sleeping, 0, __ATOMIC_ACQ_REL))
		return;
	__atomic_fetch_add(&bell->wakes, 1, __ATOMIC_RELAXED);
	/* Cannot fail: the counter of an eventfd that its worker empties never reaches its limit. */
	(void)!write(bell->fd, &one, sizeof(one));
}

void weir__doorbell_awake(struct weir__doorbell *bell, bool rung)
{
	uint64_t count;
	bool marked;

	weir__point("bell awake");
	marked = __atomic_exchange_n(&bell->sleeping, 0, __ATOMIC_ACQ_REL);
	/* If a ringer took the mark away, its write is there or comes: it is read now, or ends the next
	 * poll() at once. */
	if (rung || !marked)
		(void)!read(bell->fd, &count, sizeof(count));
}
