/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/membarrier.h>
#include <sys/syscall.h>
#endif

#include "barrier.h"

bool weir__barrier_by_kernel;

#ifdef __linux__

static void ask(void)
{
	weir__barrier_by_kernel =
		syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

void weir__barrier_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, ask);
}

void weir__barrier_heavy(void)
{
	/* Cannot fail once the process is registered. */
	if (weir__barrier_by_kernel)
		syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
	else
		ck_pr_fence_memory();
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
