/* SPDX-License-Identifier: Apache-2.0 */
/* Names of hosts. */
#ifndef WEIR__RESOLVE_H
#define WEIR__RESOLVE_H

#include <weir/socket.h>

#define WEIR__RESOLVE_MAX 16 /* addresses of a host that are tried */

struct weir__resolved {
	unsigned n; /* at least 1 */
	union weir_socket_address address[WEIR__RESOLVE_MAX];
};

/*
 * The addresses of a name, in the order in which they are to be tried, as the namespace (-1: the caller's)
 * sees them. An address in text takes no time. Waits as weir_session_wait() does; errors of that are not in
 * words. Else -ENOENT: there is no such name; or another one.
 */
int weir__resolve(struct weir_session *session, const char *host, uint16_t port, int netns, uint64_t until,
		  struct weir__resolved *resolved, struct weir_error *err);

#endif
