/* SPDX-License-Identifier: Apache-2.0 */
/*
 * af_encap: from an IP packet to the framing of the layer-3 device that the chain ends in.
 *
 * Checks that the packet is one (devices say "written" to anything), trims what follows it, and prepends what
 * the device's framing asks for.
 */
#ifndef WEIR_AF_ENCAP_H
#define WEIR_AF_ENCAP_H

#include <weir/stage.h>

WEIR_BEGIN_DECLS

struct weir_af_encap {
	WEIR_STAGE_OPTIONS
	unsigned af_inet6; /* what AF_INET6 is on the other side of a utun framing: 30 Darwin, 28 FreeBSD, 24
			      OpenBSD and NetBSD; 0: this system's own where it has such a device, else 30 */
};

WEIR_API extern const struct weir_stage_type weir_af_encap_type;

#define weir_af_encap(...) WEIR_STAGE(weir_af_encap_type, struct weir_af_encap, __VA_ARGS__)

WEIR_END_DECLS

#endif
