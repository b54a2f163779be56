/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path_mtu: keeps packets within what the way takes. One that is too long becomes the ICMP message that tells
 * its sender so (RFC 792 and 1191: fragmentation needed; RFC 4443: packet too big), and leaves by exit 0,
 * which leads back to where it came from:
 *
 *	outbound: read tun → af_decap → path_mtu(.mtu = 1400, .exit = { "errors" }) → …
 *	errors:   af_encap → write tun
 *
 * And it lowers the maximum segment size in TCP's SYN, so that most never come (RFC 4459 has the reasons).
 *
 * A super-packet is as long as its segments. An IPv4 packet that may be fragmented gets the message too: this
 * stage cannot cut it, and its sender learns from it to do so, where silence would lose all that it sends.
 *
 * Dropped as too_long is what no message may answer: ICMP errors, fragments but the first, what is sent to a
 * group or to everybody, or by nobody in particular (RFC 1122 3.2.2, RFC 4443 2.4 (e)); and all of it with
 * no_errors or without exit 0. As limited, what comes when .rate messages have been sent. As short, version,
 * header_length, total_length or jumbogram, what is no IP packet.
 */
#ifndef WEIR_PATH_MTU_H
#define WEIR_PATH_MTU_H

#include <weir/stage.h>

WEIR_BEGIN_DECLS

struct weir_path_mtu {
	WEIR_STAGE_OPTIONS
	uint32_t mtu;     /* bytes of the largest IP packet; 0: 1500. 68 to 65,535; IPv6 needs 1280 */
	bool clamp;       /* lower the MSS of TCP to what fits; both directions of a flow need it */
	bool no_errors;   /* do not answer: packets that are too long are dropped */
	const char *ipv4; /* sender of the messages; NULL: the address that the packet was for */
	const char *ipv6;
	uint32_t rate; /* messages a second at the most, a tenth of them at once (RFC 4443 2.4 (f)); 0: 100 */
};

WEIR_API extern const struct weir_stage_type weir_path_mtu_type;

#define weir_path_mtu(...) WEIR_STAGE(weir_path_mtu_type, struct weir_path_mtu, __VA_ARGS__)

WEIR_END_DECLS

#endif
