/* SPDX-License-Identifier: Apache-2.0 */
/* The two prefixes of layer-3 devices, both of 4 bytes. */
#ifndef WEIR__FRAMING_H
#define WEIR__FRAMING_H

#include <weir/base.h>

#define WEIR__PREFIX 4

/* AF_INET is the same everywhere, AF_INET6 is not. */
enum {
	WEIR__AF_INET = 2,
	WEIR__AF_INET6_LINUX = 10,
	WEIR__AF_INET6_NETBSD = 24, /* and OpenBSD */
	WEIR__AF_INET6_FREEBSD = 28,
	WEIR__AF_INET6_DARWIN = 30,
};

static inline bool weir__is_af_inet6(unsigned af)
{
	return af == WEIR__AF_INET6_DARWIN || af == WEIR__AF_INET6_FREEBSD || af == WEIR__AF_INET6_NETBSD ||
	       af == WEIR__AF_INET6_LINUX;
}

#endif
