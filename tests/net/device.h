/* SPDX-License-Identifier: Apache-2.0 */
/* An endpoint of the type tun, opened and closed as the engine does it. */
#ifndef WEIR_TEST_DEVICE_H
#define WEIR_TEST_DEVICE_H

#include <poll.h>

#include <weir/tun.h>

#include "error.h"
#include "kernel.h"
#include "test.h"

#define DEVICE_WAIT_MS 30000 /* for what comes at once; so long only that a busy machine fails no test */

struct device {
	void *state; /* NULL: not open */
	struct weir_endpoint_info info;
	struct weir_error err;
};

/* Returns what check or open returned. */
static inline int device_open(struct device *device, struct weir_endpoint row)
{
	const struct weir_endpoint_type *type = row.type;
	int rc;

	memset(device, 0, sizeof(*device));
	weir__error_at(&device->err, "%s", ((const struct weir_tun *)row.options)->name);
	rc = type->check(row.options, &device->info, &device->err);
	if (rc)
		return rc;
	device->state = calloc(1, type->state_size);
	assert_non_null(device->state);
	rc = type->open(device->state, row.options, &device->info, &device->err);
	if (rc) {
		free(device->state);
		device->state = NULL;
		assert_int_equal(rc, device->err.code);
	}
	return rc;
}

static inline void device_close(struct device *device)
{
	weir_tun_type.close(device->state);
	free(device->state);
	device->state = NULL;
}

#define device_row(...) ((struct weir_endpoint)weir_tun(__VA_ARGS__))

/* Opens it; fails the test with the words of the error if that fails. */
#define device_must_open(device, ...)                             \
	do {                                                      \
		if (device_open(device, device_row(__VA_ARGS__))) \
			fail_msg("%s", (device)->err.text);       \
	} while (0)

/* A test that failed leaves its devices behind; the next one finds none. */
static inline int device_remove_leftovers(void **state)
{
	static const char *const names[] = { "weir0", "weir1" };

	(void)state;
	for (unsigned i = 0; i < countof(names); i++)
		if (kernel_exists(names[i]))
			kernel_delete(names[i]);
	return 0;
}

#define device_test(function) cmocka_unit_test_teardown(function, device_remove_leftovers)

/* Waits until the descriptor has one of the events; fails the test if it never does. */
static inline void device_wait(int fd, short events)
{
	struct pollfd pollfd = { .fd = fd, .events = events };

	assert_int_equal(poll(&pollfd, 1, DEVICE_WAIT_MS), 1);
}

#endif
