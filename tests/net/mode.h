/* SPDX-License-Identifier: Apache-2.0 */
/* The environment tells how the devices of a test are used: the same test runs in several ways. */
#ifndef WEIR_TEST_MODE_H
#define WEIR_TEST_MODE_H

#include <stdlib.h>
#include <string.h>

#include <weir/io.h>
#include <weir/offload.h>

/* Whether the test was started with NAME=value. */
static inline bool mode_is(const char *name, const char *value)
{
	const char *set = getenv(name);

	return set && strcmp(set, value) == 0;
}

static inline enum weir_io mode_io(void)
{
	return mode_is("WEIR_TEST_IO", "read_write") ? WEIR_IO_READ_WRITE : WEIR_IO_AUTO;
}

static inline uint32_t mode_no_offload(void)
{
	return mode_is("WEIR_TEST_OFFLOAD", "none") ? WEIR_OFFLOAD_ALL : 0;
}

#endif
