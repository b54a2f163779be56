/* SPDX-License-Identifier: Apache-2.0 */
/* What a server's offer or acknowledgement promises, as far as it makes sense. */
#ifndef WEIR__DHCP_LEASE_H
#define WEIR__DHCP_LEASE_H

#include "dhcp.h"
#include "dhcp_message.h"

/* Shorter leases are refused: to ask so often, and to change the host's addresses so often, helps nobody. */
#define WEIR__DHCP_LEASE_MIN 10 /* seconds */

/* Seconds from when it was asked for. */
struct weir__dhcp_times {
	uint32_t lease, renew, rebind; /* UINT32_MAX: for ever */
};

/*
 * Reads both. Returns false if this is no lease to live with: without a server, an address or a time, or with
 * one that no host can have. Of what else makes no sense, each is left out.
 */
bool weir__dhcp_read_lease(const struct weir__dhcp_reply *reply, struct weir__dhcp_lease *lease,
			   struct weir__dhcp_times *times);

/* An address that one host can have. */
bool weir__dhcp_is_host(const uint8_t address[4]);

#endif
