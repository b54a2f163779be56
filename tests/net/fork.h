/* SPDX-License-Identifier: Apache-2.0 */
/* fork: a stage that sends the IPv4 flows to odd ports to its exit, each flow as a whole. */
#ifndef WEIR_TEST_FORK_H
#define WEIR_TEST_FORK_H

#include <weir/stage.h>

struct fork {
	WEIR_STAGE_OPTIONS
};

extern const struct weir_stage_type fork_type;

#define fork_odd(...) WEIR_STAGE(fork_type, struct fork, __VA_ARGS__)

#endif
