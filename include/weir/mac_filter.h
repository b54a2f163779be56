/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mac_filter: which Ethernet frames may pass, by destination, source or both.
 *
 * By destination, a frame passes if promiscuous is set, or if it goes to one of the own addresses, to the
 * broadcast address (unless no_broadcast), to one of the joined multicast groups (or to any with
 * all_multicast), or to an address of allow. By source, it passes if allow_source is not given or has it. An
 * address of deny or deny_source never passes. With no own address, every unicast destination is own.
 *
 * An entry is an address, "02:00:00:00:00:01", or a prefix of whole bytes or bits: "00:1b:21" (an OUI),
 * "70:b3:d5:12:30:00/36". Up to 65,536 entries a list; the cost of a packet does not depend on their number,
 * only on how many different lengths the prefixes of a list have.
 */
#ifndef WEIR_MAC_FILTER_H
#define WEIR_MAC_FILTER_H

#include <weir/stage.h>

WEIR_BEGIN_DECLS

#define WEIR_MAC_FILTER_ENTRIES_MAX 65536

struct weir_mac_filter {
	WEIR_STAGE_OPTIONS
	const char *const *own;       /* addresses; all lists are a WEIR_LIST or NULL */
	const char *const *multicast; /* groups; an IPv4 or IPv6 group address stands for its MAC address */
	const char *const *allow;     /* destinations, addresses and prefixes */
	const char *const *deny;
	const char *const *allow_source;
	const char *const *deny_source;
	bool promiscuous;
	bool all_multicast;
	bool no_broadcast;
};

WEIR_API extern const struct weir_stage_type weir_mac_filter_type;

#define weir_mac_filter(...) WEIR_STAGE(weir_mac_filter_type, struct weir_mac_filter, __VA_ARGS__)

WEIR_END_DECLS

#endif
