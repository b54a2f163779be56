/* SPDX-License-Identifier: Apache-2.0 */
/* A program that the test runs as a user does, and ends as a user does. */
#ifndef WEIR_TEST_PROGRAM_H
#define WEIR_TEST_PROGRAM_H

#include <signal.h>
#include <sys/wait.h>

#include "namespace.h"

#define PROGRAM_LINE 512
#define PROGRAM_OUT  65536

struct program {
	const char *name;
	pid_t pid;
	FILE *out;
	char said[PROGRAM_OUT]; /* once it has ended: all after the line that it was waited for */
};

/* Starts it in a network namespace. Ends with the thread that has started it. */
static inline void program_start(struct program *program, int netns, const char *const argv[])
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	program->name = argv[0];
	program->pid = fork();
	assert_true(program->pid >= 0);
	if (program->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		namespace_keep_capabilities();
		if (setns(netns, CLONE_NEWNET) == 0 && dup2(fds[1], STDOUT_FILENO) >= 0)
			execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(fds[1]);
	program->out = fdopen(fds[0], "r");
	assert_non_null(program->out);
}

static inline bool program_is_line(const char *line, const char *begin, const char *end)
{
	const size_t n = strlen(line), k = strlen(end);

	return n >= k && strcmp(line + n - k, end) == 0 && strncmp(line, begin, strlen(begin)) == 0;
}

/* Waits for a line that begins and ends so. */
static inline void program_wait(struct program *program, const char *begin, const char *end,
				char line[PROGRAM_LINE])
{
	do {
		if (!fgets(line, PROGRAM_LINE, program->out))
			fail_msg("%s ended without a line '%s…%s'", program->name, begin, end);
	} while (!program_is_line(line, begin, end));
}

/* What it prints of its counters must add up. Returns the packets that it sent. */
static inline unsigned long long program_check_law(const struct program *program)
{
	unsigned long long received, injected, sent, dropped, consumed, held;
	const char *law = strstr(program->said, "\nreceived ");

	assert_non_null(law);
	assert_int_equal(sscanf(law,
				" received %llu + injected %llu == sent %llu + dropped %llu + consumed %llu "
				"+ held %llu",
				&received, &injected, &sent, &dropped, &consumed, &held),
			 6);
	assert_int_equal(held, 0);
	assert_int_equal(received + injected, sent + dropped + consumed);
	return sent;
}

/* Ends it; its counters must add up. Returns the packets that it sent. */
static inline unsigned long long program_finish(struct program *program)
{
	int status;

	assert_int_equal(kill(program->pid, SIGINT), 0);
	program->said[fread(program->said, 1, PROGRAM_OUT - 1, program->out)] = '\0';
	fclose(program->out);
	assert_int_equal(waitpid(program->pid, &status, 0), program->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	return program_check_law(program);
}

#endif
