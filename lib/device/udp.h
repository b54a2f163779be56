/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR__DEVICE_UDP_H
#define WEIR__DEVICE_UDP_H

#include <weir/udp.h>

#include "udp_peers.h"

#define WEIR__UDP_LEARN_MAX     1024
#define WEIR__UDP_LEARN_SECONDS 300

/* Places for learned peers. */
static inline uint32_t weir__udp_learned(const struct weir_udp *options)
{
	if (!options->learn)
		return 0;
	return options->learn_max ? options->learn_max : WEIR__UDP_LEARN_MAX;
}

/* Checks all options but layer and max_packet, and makes of them what the socket is opened with. */
int weir__udp_check(const struct weir_udp *options, struct weir__udp_options *socket, struct weir_error *err);

/* The address of a peer. Returns 0 or -EINVAL. */
int weir__udp_check_peer(const char *field, const char *text, union weir_socket_address *address,
			 struct weir_error *err);

#endif
