/* SPDX-License-Identifier: Apache-2.0 */
/* Rigs without a forwarder: the kernel itself joins the two sides. */
#ifndef WEIR_BENCH_PEERS_LINKS_H
#define WEIR_BENCH_PEERS_LINKS_H

#include "rig.h"

/* For "ethtool -K DEVICE", after which packets leave the device as they would leave a machine without a
 * network card that cuts packets and computes checksums. */
#define LINKS_NO_OFFLOADS "tso off gso off gro off tx off >/dev/null"

/* By a pair of virtual Ethernet devices. */
void links_make_veth(struct rig *rig);

/* By VXLAN over such a pair, with or without what spares it to cut packets and to compute checksums. */
void links_make_vxlan(struct rig *rig, bool offloads);

#endif
