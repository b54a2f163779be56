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

#define LINKS_ADDRESS_LEFT  "10.78.0.1"
#define LINKS_ADDRESS_RIGHT "10.78.0.2"
#define LINKS_VNI           77

/* Such a pair below what somebody else makes of it, with these addresses, with or without what spares it to
 * cut packets and to compute checksums. It takes packets as large as those of other rigs in VXLAN. */
void links_make_underlay(struct rig *rig, bool offloads);

/* By the kernel's VXLAN over that. */
void links_make_vxlan(struct rig *rig, bool offloads);

#endif
