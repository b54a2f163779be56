/* SPDX-License-Identifier: Apache-2.0 */
/* How an endpoint hands packets to the kernel: the option .io of tun and fd. */
#ifndef WEIR_IO_H
#define WEIR_IO_H

#include <weir/base.h>

WEIR_BEGIN_DECLS

enum weir_io {
	WEIR_IO_AUTO = 0, /* what is faster here: io_uring where the system has and allows it; the endpoint's
			     counter "no_uring" tells where it does not */
	WEIR_IO_READ_WRITE, /* a system call for each packet */
	WEIR_IO_URING, /* the packets of a vector are written by one system call of io_uring; an error where
			  that is not possible */
};

WEIR_END_DECLS

#endif
