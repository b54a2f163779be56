/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "command.h"
#include "links.h"

#define VXLAN_OVERHEAD 50 /* IPv4, UDP, VXLAN and Ethernet headers */

static void make_pair(struct rig *rig, const char *left, const char *right)
{
	rig_make_namespaces(rig);
	command_run(rig, LEFT, "ip link add %s type veth peer name %s netns /proc/%d/fd/%d", left, right,
		    (int)getpid(), rig->netns[RIGHT]);
}

static void set_up_device(const struct rig *rig, enum side side)
{
	command_run(rig, side, "ip link set %s mtu %d up", rig_device(side), RIG_MTU);
	command_run(rig, side, "ip address add %s dev %s", rig_prefix(side), rig_device(side));
}

void links_make_veth(struct rig *rig)
{
	make_pair(rig, rig_device(LEFT), rig_device(RIGHT));
	for (enum side side = LEFT; side < SIDES; side++)
		set_up_device(rig, side);
}

static const char *const addresses[SIDES] = { LINKS_ADDRESS_LEFT, LINKS_ADDRESS_RIGHT };

/* The packets that go through it are as large as on the other rigs. */
static void set_up_underlay(const struct rig *rig, enum side side, bool offloads)
{
	if (!offloads)
		command_run(rig, side, "ethtool -K under " LINKS_NO_OFFLOADS);
	command_run(rig, side, "ip link set under mtu %d up", RIG_MTU + VXLAN_OVERHEAD);
	command_run(rig, side, "ip address add %s/24 dev under", addresses[side]);
}

void links_make_underlay(struct rig *rig, bool offloads)
{
	make_pair(rig, "under", "under");
	for (enum side side = LEFT; side < SIDES; side++)
		set_up_underlay(rig, side, offloads);
}

void links_make_vxlan(struct rig *rig, bool offloads)
{
	links_make_underlay(rig, offloads);
	for (enum side side = LEFT; side < SIDES; side++) {
		command_run(rig, side,
			    "ip link add %s type vxlan id %d local %s remote %s dstport 4789 dev under",
			    rig_device(side), LINKS_VNI, addresses[side], addresses[SIDES - 1 - side]);
		set_up_device(rig, side);
	}
}
