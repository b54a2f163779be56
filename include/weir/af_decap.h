/* SPDX-License-Identifier: Apache-2.0 */
/*
 * af_decap: from the framing of a layer-3 device to a checked IP packet.
 *
 * Takes off the prefix (none, struct tun_pi or a 4-byte address family), takes the family from the version
 * nibble, and counts a prefix that says something else ("prefix_mismatch"). Checks version, header length and
 * total length against the bytes that came (RFC 791 §3.1, RFC 8200 §3) and trims what follows the packet.
 */
#ifndef WEIR_AF_DECAP_H
#define WEIR_AF_DECAP_H

#include <weir/stage.h>

WEIR_BEGIN_DECLS

struct weir_af_decap {
	WEIR_STAGE_OPTIONS
};

WEIR_API extern const struct weir_stage_type weir_af_decap_type;

#define weir_af_decap(...) WEIR_STAGE(weir_af_decap_type, struct weir_af_decap, __VA_ARGS__)

WEIR_END_DECLS

#endif
