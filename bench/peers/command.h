/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of the shell in a namespace of a rig: what a person would type to set such a device up. */
#ifndef WEIR_BENCH_PEERS_COMMAND_H
#define WEIR_BENCH_PEERS_COMMAND_H

#include "rig.h"

/* Gives up if it fails, as on a kernel without such a device. */
__attribute__((format(printf, 3, 4))) void command_run(const struct rig *rig, enum side side,
						       const char *format, ...);

#endif
