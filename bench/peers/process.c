/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"

#define STACK_SIZE 65536

struct call {
	void (*run)(const void *argument);
	const void *argument;
};

static void hide_directories(void)
{
	static const char *const hidden[] = { "/var/lib", "/var/log", "/run" };

	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		give_up(BENCH_REFUSED, "cannot make mounts private: %s", strerror(errno));
	for (unsigned i = 0; i < countof(hidden); i++)
		if (mount("none", hidden[i], "tmpfs", 0, "mode=755") != 0)
			give_up(BENCH_REFUSED, "cannot hide %s: %s", hidden[i], strerror(errno));
}

/* The first process of a namespace of processes: none of those outlives it. */
static int begin(void *call_)
{
	const struct call *call = call_;
	const int silence = open("/dev/null", O_RDWR | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	hide_directories();
	dup2(silence, STDIN_FILENO);
	dup2(silence, STDOUT_FILENO);
	call->run(call->argument);
	give_up(BENCH_REFUSED, "cannot run a program: %s", strerror(errno));
}

void process_start(struct process *process, void (*run)(const void *argument), const void *argument)
{
	static _Alignas(16) char stack[STACK_SIZE]; /* the child has a copy, as it has of everything */
	struct call call = { run, argument };

	fflush(stdout);
	process->pid = clone(begin, stack + sizeof(stack), CLONE_NEWNS | CLONE_NEWPID | SIGCHLD, &call);
	if (process->pid < 0 || clock_getcpuclockid(process->pid, &process->clock) != 0)
		give_up(BENCH_REFUSED, "cannot start a process: %s", strerror(errno));
}

void process_kill(struct process *process)
{
	kill(process->pid, SIGKILL);
	waitpid(process->pid, NULL, 0);
}
