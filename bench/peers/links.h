/* SPDX-License-Identifier: Apache-2.0 */
/* Rigs without a forwarder: the kernel itself joins the two sides. */
#ifndef WEIR_BENCH_PEERS_LINKS_H
#define WEIR_BENCH_PEERS_LINKS_H

#include "rig.h"

/* By a pair of virtual Ethernet devices. */
void links_make_veth(struct rig *rig);

/* By VXLAN over such a pair, with or without what spares it to cut packets and to compute checksums. */
void links_make_vxlan(struct rig *rig, bool offloads);

#endif
