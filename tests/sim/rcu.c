/* SPDX-License-Identifier: Apache-2.0 */
/* liburcu, QSBR flavour: a grace period ends when each thread that is online has passed a quiescent state. */
#include <linux/membarrier.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "real.h"
#include "scheduler.h"

static uint64_t period = 1;

static void seen(const char *what)
{
	sim_self->rcu_seen = period;
	weir__point(what);
}

void __wrap_urcu_qsbr_register_thread(void)
{
	sim_self->rcu_online = true;
	seen("rcu register");
}

void __wrap_urcu_qsbr_unregister_thread(void)
{
	sim_self->rcu_online = false;
	weir__point("rcu unregister");
}

void __wrap_urcu_qsbr_quiescent_state(void)
{
	seen("rcu quiescent");
}

void __wrap_urcu_qsbr_thread_online(void)
{
	sim_self->rcu_online = true;
	seen("rcu online");
}

void __wrap_urcu_qsbr_thread_offline(void)
{
	sim_self->rcu_online = false;
	weir__point("rcu offline");
}

static bool is_over(void *end)
{
	for (struct sim_thread *t = sim_next_thread(NULL); t; t = sim_next_thread(t))
		if (t->rcu_online && t->rcu_seen < *(uint64_t *)end)
			return false;
	return true;
}

void __wrap_urcu_qsbr_synchronize_rcu(void)
{
	const bool online = sim_self->rcu_online;
	uint64_t end;

	sim_self->rcu_online = false;
	weir__point("rcu synchronize");
	end = ++period;
	sim_wait("a grace period", is_over, &end, SIM_NEVER);
	sim_self->rcu_online = online;
	sim_self->rcu_seen = period;
}

void *__wrap_rcu_dereference_sym(void *pointer)
{
	weir__point("rcu dereference");
	return pointer;
}

void *__wrap_rcu_set_pointer_sym(void **pointer, void *value)
{
	weir__point("rcu publish");
	*pointer = value;
	return value;
}

/* membarrier(2): the threads of the simulation see each other's stores at once, but may go on here. */
long __wrap_syscall(long number, ...)
{
	long a[6];
	va_list args;

	va_start(args, number);
	for (unsigned i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (!sim_self || number != SYS_membarrier)
		return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	/* No other thread may go on inside of a pthread_once(), where the command is registered. */
	if (a[0] == MEMBARRIER_CMD_PRIVATE_EXPEDITED)
		weir__point("membarrier");
	return 0;
}
