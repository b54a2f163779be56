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

#include <weir/pipeline.h>

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

enum weir_mac_list {
	WEIR_MAC_OWN = 0,
	WEIR_MAC_MULTICAST,
	WEIR_MAC_ALLOW,
	WEIR_MAC_DENY,
	WEIR_MAC_ALLOW_SOURCE,
	WEIR_MAC_DENY_SOURCE,
};

/*
 * Adds one entry to a list of the stage "chain/stage" while traffic flows, at a cost that does not depend on
 * how many there are; the worker filters by it from its next vector on:
 *
 *	weir_mac_filter_add(pipeline, "outbound/filter", WEIR_MAC_ALLOW_SOURCE, "02:00:00:00:00:07", &err);
 *
 * The entry counts as one of the option's: with the first one of own or allow_source, a filter that had none
 * becomes strict. It is state, not configuration: it stays when the stage is configured anew, or kept by
 * weir_pipeline_apply(), and is removed by weir_mac_filter_remove() alone. An entry is in its list once;
 * adding it again changes nothing. So IP groups with one MAC address are one entry.
 *
 * Returns 0. Errors: -ENOENT (no such stage), -EINVAL (no such list, or not an entry of it), -ENOMEM, -ENOSPC
 * (more than WEIR_MAC_FILTER_ENTRIES_MAX of a list were added). Any thread that is no worker.
 */
WEIR_API int weir_mac_filter_add(struct weir_pipeline *pipeline, const char *path, enum weir_mac_list list,
				 const char *entry, struct weir_error *err);

/*
 * Removes an entry that was added. With the last one of own or allow_source, a filter whose option has none
 * lets any pass again. Entries of the options are not touched: they stand until the stage is configured anew.
 * Returns 0. Errors: -ENOENT (no such stage, or it was not added) and -EINVAL. Any thread that is no worker.
 */
WEIR_API int weir_mac_filter_remove(struct weir_pipeline *pipeline, const char *path, enum weir_mac_list list,
				    const char *entry, struct weir_error *err);

WEIR_API extern const struct weir_stage_type weir_mac_filter_type;

#define weir_mac_filter(...) WEIR_STAGE(weir_mac_filter_type, struct weir_mac_filter, __VA_ARGS__)

WEIR_END_DECLS

#endif
