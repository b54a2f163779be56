/* SPDX-License-Identifier: Apache-2.0 */
/* Work in another network namespace of Linux, without ever leaving the caller's thread in it. */
#ifndef WEIR__NETNS_H
#define WEIR__NETNS_H

#include <weir/error.h>

/* Opens the namespace at path ("/run/netns/red", "/proc/42/ns/net"). Returns a descriptor or a negative
 * errno. */
int weir__netns_open(const char *path, struct weir_error *err);

/*
 * Calls function in the namespace behind the descriptor, or right here if it is -1; what the function opens
 * there stays usable everywhere. Returns what it returned, or a negative errno if it could not be called.
 */
int weir__netns_run(int netns, int (*function)(void *data), void *data, struct weir_error *err);

#endif
