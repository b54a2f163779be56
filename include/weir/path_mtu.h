/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path_mtu: keeps packets within what the way takes. A packet that is too long and must not be fragmented
 * becomes the ICMP message that tells its sender so (RFC 792 and 1191: fragmentation needed; RFC 4443: packet
 * too big), and leaves by exit 0, which leads back to where it came from:
 *
 *	outbound: read tun → af_decap → path_mtu(.mtu = 1400, .exit = { "errors" }) → …
 *	errors:   af_encap → write tun
 *
 * And it lowers the maximum segment size in TCP's SYN, so that most never come (RFC 4459 has the reasons).
 */
#ifndef WEIR_PATH_MTU_H
#define WEIR_PATH_MTU_H

#include <weir/stage.h>

WEIR_BEGIN_DECLS

struct weir_path_mtu {
	WEIR_STAGE_OPTIONS
	uint32_t mtu;     /* bytes of the largest IP packet; 0: 1500. 68 to 65,535 */
	bool clamp;       /* lower the MSS of TCP to what fits; both directions of a flow need it */
	bool no_errors;   /* do not answer: packets that are too long are dropped */
	const char *ipv4; /* sender of the messages; NULL: the address that the packet was for */
	const char *ipv6;
	uint32_t rate; /* messages a second at the most, RFC 4443 2.4 (f); 0: 100 */
};

WEIR_API extern const struct weir_stage_type weir_path_mtu_type;

#define weir_path_mtu(...) WEIR_STAGE(weir_path_mtu_type, struct weir_path_mtu, __VA_ARGS__)

WEIR_END_DECLS

#endif
