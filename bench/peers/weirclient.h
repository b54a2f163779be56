/* SPDX-License-Identifier: Apache-2.0 */
/* Weir as a client of a SoftEther VPN server. */
#ifndef WEIR_BENCH_WEIRCLIENT_H
#define WEIR_BENCH_WEIRCLIENT_H

#include "engine.h"
#include "softether.h"

/* Between a TAP and the session, frames as they are, as the other client has it; or between a TUN and the
 * session, with what that needs between them. In this process, and in the namespace where it is. */
void weirclient_start(const struct softether_client *client, bool tun, const struct placement *placement);

#endif
