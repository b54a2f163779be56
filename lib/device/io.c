/* SPDX-License-Identifier: Apache-2.0 */
/* The option .io: what is used when. */
#include <errno.h>

#include "uring.h"

const struct weir_option_value weir__io_values[] = {
	{ "auto", WEIR_IO_AUTO },
	{ "read_write", WEIR_IO_READ_WRITE },
	{ "uring", WEIR_IO_URING },
	{ 0 },
};

int weir__uring_check(enum weir_io io, struct weir_error *err)
{
	return (unsigned)io <= WEIR_IO_URING ? 0 : weir_invalid(err, "io", "%d is not one", (int)io);
}

static int not_here(int error, struct weir_error *err)
{
	const char *advice = "";

	if (error == EPERM)
		advice = ": the sysctl kernel.io_uring_disabled, or the container, forbids it";
	else if (error == ENOSYS)
		advice = ": the kernel, the container or this build is without it";
	return weir_failed(err, -error, "io: io_uring: %s%s", strerror(error), advice);
}

int weir__uring_open(struct weir__uring *uring, int fd, enum weir_io io, struct weir_error *err)
{
	int rc;

	if (io == WEIR_IO_READ_WRITE)
		return 0;
	rc = weir__uring_new(fd, &uring->ring);
	if (rc == 0)
		return 0;
	if (io == WEIR_IO_URING)
		return not_here(-rc, err);
	uring->error = (uint64_t)-rc;
	return 0;
}
