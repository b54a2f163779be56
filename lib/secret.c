/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each secret has pages of its own: one in front that says how many they are, and cannot be written to; those
 * of the secret, which ends where they end; and one behind that cannot be touched.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weir/secret.h>

#define ALIGNMENT 16
#define MAX       (WEIR_SECRET_MAX + 2) /* a newline that does not count, and what makes it too large */

static size_t round_up(size_t n, size_t unit)
{
	return (n + unit - 1) / unit * unit;
}

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* What the system refuses here it refuses: a secret that may be swapped is better than none. */
static void keep(void *pages, size_t size)
{
	mlock(pages, size);
	madvise(pages, size, MADV_DONTDUMP);
	madvise(pages, size, MADV_WIPEONFORK);
}

static void *alloc(size_t size)
{
	const size_t page = page_size();
	const size_t used = round_up(size ? size : 1, ALIGNMENT);
	const size_t inner = round_up(used, page);
	uint8_t *map =
		mmap(NULL, inner + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return NULL;
	memcpy(map, &inner, sizeof(inner));
	if (mprotect(map, page, PROT_READ) || mprotect(map + page + inner, page, PROT_NONE)) {
		munmap(map, inner + 2 * page);
		return NULL;
	}
	keep(map + page, inner);
	return map + page + inner - used;
}

void *weir_secret_alloc(size_t size)
{
	return size <= WEIR_SECRET_MAX ? alloc(size) : NULL;
}

void weir_secret_free(void *secret)
{
	const size_t page = page_size();
	uint8_t *pages;
	size_t inner;

	if (!secret)
		return;
	pages = (uint8_t *)secret - (uintptr_t)secret % page;
	memcpy(&inner, pages - page, sizeof(inner));
	explicit_bzero(pages, inner);
	munmap(pages - page, inner + 2 * page);
}

bool weir_secret_same(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

/* --- where it comes from ---
 *
 * Each function returns how many bytes it has put in the buffer of MAX bytes, or a negative errno in words.
 */

static int too_large(const char *field, const char *what, struct weir_error *err)
{
	return weir_failed(err, -EMSGSIZE, "%s%s: more than %d bytes", field, what, WEIR_SECRET_MAX);
}

/* Waits for what comes in a pipe that is not to be waited for. */
static ssize_t read_some(int fd, char *buffer, size_t room)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };
	ssize_t n;

	while ((n = read(fd, buffer, room)) < 0 && (errno == EINTR || errno == EAGAIN))
		if (errno == EAGAIN)
			poll(&polled, 1, -1);
	return n;
}

/* Up to MAX bytes. Returns a negative errno that is not yet in words. */
static int read_all(int fd, char *buffer)
{
	size_t len = 0;
	ssize_t n;

	while (len < MAX && (n = read_some(fd, buffer + len, MAX - len)) != 0) {
		if (n < 0)
			return -errno;
		len += (size_t)n;
	}
	return (int)len;
}

static int check_file(int fd, const char *path, const char *field, struct weir_error *err)
{
	struct stat stat;

	if (fstat(fd, &stat))
		return weir_failed(err, -errno, "%s_file: '%s': %s", field, path, strerror(errno));
	if (stat.st_mode & (S_IRGRP | S_IROTH))
		return weir_failed(
			err, -EPERM,
			"%s_file: '%s': others than its owner may read it (mode %03o): chmod go= it", field,
			path, stat.st_mode & 0777);
	return 0;
}

static int from_file(const char *path, const char *field, char *buffer, struct weir_error *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int rc;

	if (fd < 0)
		return weir_failed(err, -errno, "%s_file: '%s': %s", field, path, strerror(errno));
	rc = check_file(fd, path, field, err);
	if (rc == 0) {
		rc = read_all(fd, buffer);
		if (rc < 0)
			weir_failed(err, rc, "%s_file: '%s': %s", field, path, strerror(-rc));
	}
	close(fd);
	if (rc > 0 && buffer[rc - 1] == '\n')
		rc--;
	return rc > WEIR_SECRET_MAX ? too_large(field, "_file", err) : rc;
}

static int from_fd(int fd, const char *field, char *buffer, struct weir_error *err)
{
	const int rc = read_all(fd, buffer);

	if (rc < 0)
		return weir_failed(err, rc, "%s_fd: %d: %s", field, fd, strerror(-rc));
	return rc > WEIR_SECRET_MAX ? too_large(field, "_fd", err) : rc;
}

static int from_function(const struct weir_secret_source *source, const char *field, char *buffer,
			 struct weir_error *err)
{
	const int rc = source->ask(source->context, buffer, WEIR_SECRET_MAX);

	if (rc < 0)
		return weir_failed(err, rc, "%s_ask: %s", field, strerror(-rc));
	return rc > WEIR_SECRET_MAX ? too_large(field, "_ask", err) : rc;
}

static int obtain(const struct weir_secret_source *source, const char *field, char *buffer,
		  struct weir_error *err)
{
	int rc = -ENOENT;

	if (source->file)
		rc = from_file(source->file, field, buffer, err);
	else if (source->fd)
		rc = from_fd(source->fd, field, buffer, err);
	else if (source->ask)
		rc = from_function(source, field, buffer, err);
	else
		weir_failed(err, rc, "%s: there is none: set %s_file, %s_fd or %s_ask", field, field, field,
			    field);
	return rc == 0 ? weir_failed(err, -ENODATA, "%s: it is empty", field) : rc;
}

int weir_secret_read(const struct weir_secret_source *source, const char *field, char **secret, size_t *len,
		     struct weir_error *err)
{
	char *buffer = alloc(MAX);
	char *copy = NULL;
	int rc;

	if (!buffer)
		return weir_failed(err, -ENOMEM, "%s: no memory", field);
	rc = obtain(source, field, buffer, err);
	if (rc > 0) {
		copy = alloc((size_t)rc + 1);
		if (!copy)
			rc = weir_failed(err, -ENOMEM, "%s: no memory", field);
	}
	if (copy) {
		memcpy(copy, buffer, (size_t)rc);
		*secret = copy;
		*len = (size_t)rc;
		rc = 0;
	}
	weir_secret_free(buffer);
	return rc;
}
