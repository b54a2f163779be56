/* SPDX-License-Identifier: Apache-2.0 */
/* SoftEther's own client. */
#ifndef WEIR_BENCH_VPNCLIENT_H
#define WEIR_BENCH_VPNCLIENT_H

#include "softether.h"

void vpnclient_start(struct process *process, const struct rig *rig, const struct softether_client *client);
/* Makes of the device that it has made the rig's. */
void vpnclient_set_up(const struct rig *rig, enum side side);

#endif
