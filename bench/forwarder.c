/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "forwarder.h"

#define PATIENCE_MS \
	120000 /* for a forwarder to start, and to stop: a debug build on a busy machine is slow */

/* Reads all of it within the time. */
static bool read_answer(int fd, void *answer, size_t size)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };
	size_t done = 0;

	while (done < size && poll(&polled, 1, PATIENCE_MS) == 1) {
		ssize_t n = read(fd, (char *)answer + done, size - done);

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return done == size;
}

/* The child's part. Its first thread sleeps all the time between start and stop. */
static void run(const struct mode *mode, const struct rig *rig, const struct placement *placement,
		int control, int answers)
{
	struct forwarder_report report = { 0 };
	const char ready = 1;
	char none;

	mode->start(rig, placement);
	if (write(answers, &ready, 1) != 1)
		give_up(BENCH_FAILED, "%s: cannot answer: %s", mode->name, strerror(errno));
	while (read(control, &none, 1) < 0 && errno == EINTR)
		continue;
	if (mode->stop)
		mode->stop(&report);
	if (write(answers, &report, sizeof(report)) != sizeof(report))
		give_up(BENCH_FAILED, "%s: cannot answer: %s", mode->name, strerror(errno));
}

/* Ends it for good. */
static void end(struct forwarder *forwarder)
{
	kill(forwarder->pid, SIGKILL);
	waitpid(forwarder->pid, NULL, 0);
	close(forwarder->answers);
}

void forwarder_start(struct forwarder *forwarder, const struct mode *mode, const struct rig *rig,
		     const struct placement *placement)
{
	int control[2], answers[2];
	pid_t parent = getpid(), pid = -1;
	char ready;

	fflush(stdout);
	if (pipe2(control, O_CLOEXEC) == 0 && pipe2(answers, O_CLOEXEC) == 0)
		pid = fork();
	if (pid < 0)
		give_up(BENCH_FAILED, "cannot start a process: %s", strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(BENCH_FAILED);
		close(control[1]);
		close(answers[0]);
		run(mode, rig, placement, control[0], answers[1]);
		_exit(0);
	}
	close(control[0]);
	close(answers[1]);
	*forwarder =
		(struct forwarder){ .mode = mode, .pid = pid, .control = control[1], .answers = answers[0] };
	if (!read_answer(forwarder->answers, &ready, 1) || clock_getcpuclockid(pid, &forwarder->clock) != 0) {
		end(forwarder);
		give_up(BENCH_FAILED, "the forwarder of mode %s did not start", mode->name);
	}
}

uint64_t forwarder_cpu_ns(const struct forwarder *forwarder)
{
	const struct mode *mode = forwarder->mode;

	return mode->cpu_ns ? mode->cpu_ns(mode->rig) : clock_ns(forwarder->clock);
}

void forwarder_stop(struct forwarder *forwarder, struct forwarder_report *report)
{
	const char stop = 1;
	bool told;

	/* To close it is not enough: forwarders that were started later have it open, too. */
	told = write(forwarder->control, &stop, 1) == 1;
	close(forwarder->control);
	told &= read_answer(forwarder->answers, report, sizeof(*report));
	end(forwarder);
	if (!told)
		give_up(BENCH_FAILED, "the forwarder of mode %s died or does not stop",
			forwarder->mode->name);
}
