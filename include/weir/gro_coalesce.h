/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gro_coalesce: puts packets of TCP and UDP that follow each other in their flow together to super-packets,
 * where cutting those would give the same packets again. The engine puts it in front of an endpoint that
 * gains by it, when the packets come from one that gives no super-packets. Takes IP packets, Ethernet frames
 * and packets of devices.
 *
 * Only packets of one vector are put together, so that none waits for the next. Checksums are checked before;
 * a packet with a wrong one goes on alone. Without a free jumbo buffer packets go on as they are.
 */
#ifndef WEIR_GRO_COALESCE_H
#define WEIR_GRO_COALESCE_H

#include <weir/stage.h>

WEIR_BEGIN_DECLS

struct weir_gro_coalesce {
	WEIR_STAGE_OPTIONS
	uint32_t make; /* WEIR_OFFLOAD_TSO4, …: the kinds that are made; default 0, all of them */
};

WEIR_API extern const struct weir_stage_type weir_gro_coalesce_type;

#define weir_gro_coalesce(...) WEIR_STAGE(weir_gro_coalesce_type, struct weir_gro_coalesce, __VA_ARGS__)

WEIR_END_DECLS

#endif
