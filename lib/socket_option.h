/* SPDX-License-Identifier: Apache-2.0 */
/* How sockets are opened, and the options that all kinds of them have. Errors have the names of the options.
 */
#ifndef WEIR__SOCKET_OPTION_H
#define WEIR__SOCKET_OPTION_H

#include <weir/error.h>

/*
 * A socket in the namespace (-1: the caller's), whose packets leave through that device (NULL or empty: any)
 * and have that mark (0: none). type: SOCK_DGRAM or SOCK_STREAM; it never blocks. Returns it or a negative
 * errno.
 */
int weir__socket_open(int netns, int family, int type, const char *device, uint32_t mark,
		      struct weir_error *err);

int weir__socket_set(int fd, int level, int option, int value, const char *name, struct weir_error *err);

/* The option of IPv6 and that of IPv4: a socket of IPv6 gets both, as it may send IPv4 too. */
int weir__socket_set_both(int fd, int family, int ipv6, int ipv4, int value, const char *name,
			  struct weir_error *err);

/* The class of service, 0 to 63. */
int weir__socket_set_dscp(int fd, int family, uint32_t dscp, struct weir_error *err);

/* SO_RCVBUF or SO_SNDBUF: what is wanted, or, if that is 0, as much of bytes as the system allows. */
int weir__socket_set_buffer(int fd, int option, uint32_t wanted, uint32_t bytes, struct weir_error *err);

#endif
