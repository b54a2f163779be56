/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "alarm.h"

static void arm(int fd, uint64_t at)
{
	const struct itimerspec when = {
		.it_value = { .tv_sec = (time_t)(at / 1000000000u), .tv_nsec = (long)(at % 1000000000u) },
	};

	/* Also takes back an expiry that nobody has read. Cannot fail: the descriptor is a timer and the time
	 * is in range. */
	timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL);
}

int weir__alarm_open(struct weir__alarm *alarm)
{
	alarm->at = 0;
	alarm->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (alarm->fd < 0)
		return -errno;
	/* 0 would switch it off. */
	arm(alarm->fd, 1);
	return 0;
}

void weir__alarm_close(struct weir__alarm *alarm)
{
	if (alarm->fd >= 0)
		close(alarm->fd);
	alarm->fd = -1;
}

void weir__alarm_set(struct weir__alarm *alarm, uint64_t at)
{
	if (at == alarm->at)
		return;
	alarm->at = at;
	arm(alarm->fd, at);
}
