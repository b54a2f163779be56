/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vxlan: Ethernet frames in UDP datagrams, RFC 7348, as one VNI between this host and others (its remotes).
 * The other side may be anything that speaks VXLAN, the kernel of Linux for one.
 *
 *	weir_vxlan("vx", .vni = 42, .local = "192.0.2.1", .remote = WEIR_LIST("192.0.2.2", "192.0.2.3"))
 *
 * A frame goes to the remote behind which its destination is: that of an entry of .entry, or from which a
 * frame of that source came last. To a group, and to a destination that is not known, it goes to each of
 * .remote, one copy after the other.
 *
 * What this is worth against an attacker: nothing. VXLAN neither encrypts nor authenticates. Who can send
 * with the address of a remote can put any frame into the network, and draw the frames of any station to
 * himself but of those with an entry; who is on the way reads all. Use it where the way is trusted, or inside
 * of something that protects it.
 */
#ifndef WEIR_VXLAN_H
#define WEIR_VXLAN_H

#include <weir/session.h>

WEIR_BEGIN_DECLS

#define WEIR_VXLAN_PORT        4789
#define WEIR_VXLAN_REMOTES_MAX 256
#define WEIR_VXLAN_ENTRIES_MAX 1024
#define WEIR_VXLAN_LEARN_MAX   65535
#define WEIR_VXLAN_SENDERS_MAX 7

struct weir_vxlan {
	WEIR_SESSION_OPTIONS;
	uint32_t vni;      /* 1 to 16,777,215 */
	const char *local; /* own address, "192.0.2.1" or "[fd00::1]:4789"; "::" takes IPv4 too. NULL: any, of
			      the family of the first remote */
	uint16_t port;     /* of the remotes that say none, and the own one if local says none; 0: 4789 */

	const char *const *remote; /* "192.0.2.2", "192.0.2.3:8472", "fd00::2" */
	const char *const *entry;  /* stations that stay where they are: "02:00:00:00:00:07=192.0.2.7" */
	bool learn_remotes;        /* take frames from any host, not only from those above */
	bool no_learn;             /* do not learn behind which remote a station is */
	uint32_t learn_max;        /* stations learned at once; 0: 4096 */
	uint32_t learn_seconds;    /* of silence, after which one is forgotten; 0: 300 */
	bool drop_unknown;         /* drop frames to a station that is not known, instead of sending them to
				      all remotes */
	bool vlan; /* let frames with a VLAN tag pass, both ways; RFC 7348 wants them dropped unless told */

	uint32_t max_packet; /* bytes of the largest frame; 0: 1518. Larger ones are received too */
	uint32_t sources;    /* ports to send from, by the flow within, so that the network can spread flows;
				0: 16, at most 64 */
	bool one_source;     /* send from the own port alone */
	uint32_t senders;    /* weir_vxlan_sender of this session, at most WEIR_VXLAN_SENDERS_MAX */
	/* Send without UDP checksum, which RFC 7348 suggests for IPv4, and take IPv6 datagrams without (RFC
	 * 6935). Linux cuts large messages into datagrams only with checksums: so this is slower. */
	bool no_checksum;
	bool fragment; /* let datagrams be fragmented, against RFC 7348; else what is longer than the path's
			  MTU is dropped as "too_long" */
	uint32_t dscp, ttl, mark; /* as of struct weir_udp, like the rest */
	uint32_t receive_buffer, send_buffer;
	bool no_gso, no_gro;
	const char *bind_device, *netns;
};

WEIR_API extern const struct weir_endpoint_type weir_vxlan_type;

#define weir_vxlan(...) WEIR_ENDPOINT(weir_vxlan_type, struct weir_vxlan, __VA_ARGS__)

/* For a further worker that sends, as one of .senders: weir_vxlan_sender("vx.1", .of = "vx"). */
WEIR_API extern const struct weir_endpoint_type weir_vxlan_sender_type;

#define weir_vxlan_sender(...) WEIR_ENDPOINT(weir_vxlan_sender_type, struct weir_session_sender, __VA_ARGS__)

/*
 * Behind which remote a station is, by entry or learned: its address and port. vxlan is what
 * weir_pipeline_endpoint() gives for weir_vxlan_type. Returns 0, -ENOENT (not known) or -EINVAL (not an
 * address). Control threads, while traffic flows.
 */
WEIR_API int weir_vxlan_find(const void *vxlan, const char *mac, char remote[WEIR_SESSION_TEXT]);

WEIR_END_DECLS

#endif
