/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "netns.h"

struct call {
	int netns;
	int (*function)(void *data);
	void *data;
	int result;
	bool entered;
};

int weir__netns_open(const char *path, struct weir_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return weir_failed(err, -errno, "network namespace '%s': %s", path, strerror(errno));
	return fd;
}

static void *run(void *argument)
{
	struct call *call = argument;

	if (setns(call->netns, CLONE_NEWNET)) {
		call->result = -errno;
		return NULL;
	}
	call->entered = true;
	call->result = call->function(call->data);
	return NULL;
}

/* With all signals blocked, so that no handler of the application ever runs in the wrong namespace. */
static int create(pthread_t *thread, struct call *call)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(thread, NULL, run, call);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -rc;
}

int weir__netns_run(int netns, int (*function)(void *data), void *data, struct weir_error *err)
{
	struct call call = { .netns = netns, .function = function, .data = data };
	pthread_t thread;
	int rc;

	if (netns < 0)
		return function(data);
	rc = create(&thread, &call);
	if (rc)
		return weir_failed(err, rc, "network namespace: no thread to enter it: %s", strerror(-rc));
	pthread_join(thread, NULL);
	if (!call.entered)
		weir_failed(err, call.result, "network namespace: cannot be entered: %s%s",
			    strerror(-call.result),
			    call.result == -EPERM ? ": this needs root or CAP_SYS_ADMIN" : "");
	return call.result;
}
