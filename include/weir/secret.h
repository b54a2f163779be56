/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secret: a password or a key. It comes from a file, a descriptor or a function, never from a string in a
 * configuration or a command line; lies in memory that is locked, not in core dumps and not in children
 * (mlock, MADV_DONTDUMP, MADV_WIPEONFORK, as far as the system allows); and is overwritten before that memory
 * is given back.
 */
#ifndef WEIR_SECRET_H
#define WEIR_SECRET_H

#include <weir/error.h>
#include <weir/option.h>

WEIR_BEGIN_DECLS

#define WEIR_SECRET_MAX 65536 /* bytes */

/*
 * The members of options that say where a secret comes from: WEIR_SECRET_OPTIONS(password) makes
 * password_file (its path; its last newline does not count), password_fd (a descriptor that is read to its
 * end; 0: none) and password_ask (a function that writes at most size bytes to secret and returns how many,
 * or a negative errno), called with password_context on the thread that needs the secret.
 */
#define WEIR_SECRET_OPTIONS(name_)                                    \
	const char *name_##_file;                                     \
	int name_##_fd;                                               \
	int (*name_##_ask)(void *context, char *secret, size_t size); \
	void *name_##_context

/* Their rows in the table of options. */
#define WEIR_SECRET_OPTION_ROWS(struct_, name_, what_)                                          \
	WEIR_OPTION(struct_, name_##_file, STRING, what_ ": path of a file"),                   \
		WEIR_OPTION(struct_, name_##_fd, INT, what_ ": a descriptor to read it from"),  \
		WEIR_OPTION(struct_, name_##_ask, OBJECT, what_ ": a function that writes it"), \
		WEIR_OPTION(struct_, name_##_context, OBJECT, what_ ": the first argument of that function")

/* Where a secret comes from: a copy of the members above. */
struct weir_secret_source {
	const char *file;
	int fd;
	int (*ask)(void *context, char *secret, size_t size);
	void *context;
};

#define WEIR_SECRET_SOURCE(options_, name_)                                             \
	((struct weir_secret_source){ (options_)->name_##_file, (options_)->name_##_fd, \
				      (options_)->name_##_ask, (options_)->name_##_context })

/* How many of them are given; more than one is an error of the options. */
static inline unsigned weir_secret_sources(const struct weir_secret_source *source)
{
	return !!source->file + !!source->fd + !!source->ask;
}

/* size bytes of zeros in memory as described above; at most WEIR_SECRET_MAX. NULL: no memory. Any thread. */
WEIR_API void *weir_secret_alloc(size_t size);
/* Overwrites and frees it. NULL is allowed. */
WEIR_API void weir_secret_free(void *secret);

/*
 * Reads a secret: *secret, to be freed by weir_secret_free(), has *len bytes and a NUL behind them. Errors
 * name the field: -ENOENT, -EACCES, -EMSGSIZE (more than WEIR_SECRET_MAX), -ENODATA (it is empty), and what
 * the function returned. A file that others than its owner may read is refused (-EPERM). Never in any text:
 * the secret.
 */
WEIR_API int weir_secret_read(const struct weir_secret_source *source, const char *field, char **secret,
			      size_t *len, struct weir_error *err);

/* Whether two of them are the same, in a time that depends on len alone. */
WEIR_API bool weir_secret_same(const void *a, const void *b, size_t len);

WEIR_END_DECLS

#endif
