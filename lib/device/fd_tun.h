/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR__FD_TUN_H
#define WEIR__FD_TUN_H

#include <weir/fd.h>

/*
 * If the descriptor is that of a Linux TUN or TAP device: asks it whether it is what the options say, as far
 * as it tells, and switches its offloads off. Returns 1, 0 for another one, or a negative errno.
 */
int weir__fd_prepare_tun(int fd, const struct weir_fd *options, struct weir_error *err);

#endif
