/* SPDX-License-Identifier: Apache-2.0 */
/* Where there is no io_uring, or the library was built without it. */
#include <errno.h>

#include "uring.h"

int weir__uring_new(int fd, void **result)
{
	(void)fd;
	(void)result;
	return -ENOSYS;
}

void weir__uring_close(struct weir__uring *uring)
{
	(void)uring;
}

uint32_t weir__uring_write(struct weir__uring *uring, struct weir_writer *writer, uint32_t first,
			   uint32_t end, uint32_t before, int result[WEIR_VECTOR_SIZE])
{
	(void)uring;
	(void)writer;
	(void)first;
	(void)end;
	(void)before;
	(void)result;
	return 0;
}
