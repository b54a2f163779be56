/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/membarrier.h>
#include <sys/syscall.h>
#endif

#include "barrier.h"

bool weir__barrier_by_kernel;

#ifdef __linux__

static bool membarrier(int command)
{
	return syscall(SYS_membarrier, command, 0, 0) == 0;
}

static void ask(void)
{
	weir__barrier_by_kernel = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

void weir__barrier_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, ask);
}

void weir__barrier_heavy(void)
{
	if (!weir__barrier_by_kernel)
		ck_pr_fence_memory();
	else if (!membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) &&
		 !(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) &&
		   membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)))
		abort(); /* it was there, and is denied now: going on could lose a wake-up */
}

#else

void weir__barrier_init(void)
{
}

void weir__barrier_heavy(void)
{
	ck_pr_fence_memory();
}

#endif
