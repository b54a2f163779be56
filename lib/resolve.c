/* SPDX-License-Identifier: Apache-2.0 */
/*
 * getaddrinfo() waits as long as it likes and cannot be interrupted, so a thread calls it that nobody waits
 * for: what it works on belongs to it and to who asked, and is freed by who leaves last.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "resolve.h"

struct request {
	unsigned owners; /* atomic */
	bool done;       /* atomic: what follows the descriptors is the answer */
	int bell;        /* rung then */
	int netns;       /* -1: the caller's */
	int error;       /* as of getaddrinfo() */
	int errnum;      /* with EAI_SYSTEM */
	struct weir__resolved resolved;
	char host[]; /* the question */
};

static void leave(struct request *request)
{
	if (__atomic_sub_fetch(&request->owners, 1, __ATOMIC_ACQ_REL))
		return;
	close(request->bell);
	if (request->netns >= 0)
		close(request->netns);
	free(request);
}

/* Returns what getaddrinfo() does. */
static int look_up(const char *host, int flags, struct weir__resolved *resolved)
{
	const struct addrinfo hints = { .ai_flags = flags, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	const int rc = getaddrinfo(host, NULL, &hints, &list);

	resolved->n = 0;
	for (const struct addrinfo *one = rc ? NULL : list; one && resolved->n < WEIR__RESOLVE_MAX;
	     one = one->ai_next) {
		union weir_socket_address *address = &resolved->address[resolved->n];

		if (one->ai_addrlen > sizeof(*address))
			continue;
		memset(address, 0, sizeof(*address));
		memcpy(address, one->ai_addr, one->ai_addrlen);
		resolved->n++;
	}
	if (list)
		freeaddrinfo(list);
	return rc || resolved->n ? rc : EAI_NONAME;
}

static void *answer(void *argument)
{
	struct request *request = argument;

	if (request->netns >= 0 && setns(request->netns, CLONE_NEWNET))
		request->error = EAI_SYSTEM;
	else
		request->error = look_up(request->host, 0, &request->resolved);
	request->errnum = errno;
	__atomic_store_n(&request->done, true, __ATOMIC_RELEASE);
	eventfd_write(request->bell, 1);
	leave(request);
	return NULL;
}

/* With all signals blocked: they are the application's. */
static int start(struct request *request)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	pthread_t thread;
	int rc;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&thread, &attributes, answer, request);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return -rc;
}

/* Asked for, and on its way; NULL with errno. */
static struct request *ask(const char *host, int netns)
{
	struct request *request = calloc(1, sizeof(*request) + strlen(host) + 1);
	int rc = 0;

	if (!request)
		return NULL;
	memcpy(request->host, host, strlen(host) + 1);
	request->owners = 2;
	request->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	request->netns = netns < 0 ? -1 : fcntl(netns, F_DUPFD_CLOEXEC, 0);
	if (request->bell < 0 || (netns >= 0 && request->netns < 0))
		rc = -errno;
	if (rc == 0)
		rc = start(request);
	if (rc == 0)
		return request;
	if (request->bell >= 0)
		close(request->bell);
	if (request->netns >= 0)
		close(request->netns);
	free(request);
	errno = -rc;
	return NULL;
}

static int failed(const char *host, int error, int errnum, struct weir_error *err)
{
	switch (error) {
	case EAI_SYSTEM:
		return weir_failed(err, -errnum, "host '%s': %s", host, strerror(errnum));
	case EAI_AGAIN:
		return weir_failed(err, -EAGAIN, "host '%s': %s", host, gai_strerror(error));
	case EAI_MEMORY:
		return weir_failed(err, -ENOMEM, "host '%s': %s", host, gai_strerror(error));
	default:
		return weir_failed(err, -ENOENT, "host '%s': %s", host, gai_strerror(error));
	}
}

static int wait_for(struct weir_session *session, const char *host, int netns, uint64_t until,
		    struct weir__resolved *resolved, struct weir_error *err)
{
	struct request *request = ask(host, netns);
	int rc = 0;

	if (!request)
		return weir_failed(err, -errno, "host '%s': %s", host, strerror(errno));
	while (rc == 0 && !__atomic_load_n(&request->done, __ATOMIC_ACQUIRE))
		rc = weir_session_wait(session, request->bell, POLLIN, until);
	if (rc == 0 && request->error)
		rc = failed(host, request->error, request->errnum, err);
	else if (rc == 0)
		*resolved = request->resolved;
	leave(request);
	return rc;
}

int weir__resolve(struct weir_session *session, const char *host, uint16_t port, int netns, uint64_t until,
		  struct weir__resolved *resolved, struct weir_error *err)
{
	int rc = look_up(host, AI_NUMERICHOST, resolved);

	if (rc)
		rc = wait_for(session, host, netns, until, resolved, err);
	/* It has the same place in both families. */
	for (unsigned i = 0; rc == 0 && i < resolved->n; i++)
		resolved->address[i].ipv4.sin_port = htons(port);
	return rc;
}
