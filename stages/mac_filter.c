/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include <weir/mac_filter.h>

#include "address.h"
#include "ethernet.h"
#include "mac_set.h"

enum { OWN, MULTICAST, ALLOW, DENY, ALLOW_SOURCE, DENY_SOURCE, LISTS };

struct config {
	bool promiscuous;
	bool all_multicast;
	bool no_broadcast;
	bool any_unicast; /* no own address is given */
	bool any_source;  /* allow_source is not given */
	struct weir__mac_set set[LISTS];
};

enum { RUNT, DESTINATION, DENIED_DESTINATION, SOURCE, DENIED_SOURCE };

static const struct weir_reason reasons[] = {
	[RUNT] = { "runt", "fewer bytes than an Ethernet header has" },
	[DESTINATION] = { "destination", "a destination that is neither ours nor allowed" },
	[DENIED_DESTINATION] = { "denied_destination", "a destination that deny has" },
	[SOURCE] = { "source", "a source that allow_source does not have" },
	[DENIED_SOURCE] = { "denied_source", "a source that deny_source has" },
	{ 0 },
};

/* Reads one entry of a list; NULL, or what is wrong with it: "'02:zz' …". */
typedef const char *parse_entry(const char *text, uint8_t mac[6], unsigned *bits);

static const char *parse_own(const char *text, uint8_t mac[6], unsigned *bits)
{
	*bits = 48;
	if (!weir__mac_parse(text, mac))
		return "is not a MAC address";
	return mac[0] & 1 ? "is a group address" : NULL;
}

static const char *parse_multicast(const char *text, uint8_t mac[6], unsigned *bits)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct weir__ip ip;

	*bits = 48;
	if (weir__mac_parse(text, mac)) {
		if (memcmp(mac, broadcast, 6) == 0)
			return "is the broadcast address, which passes unless no_broadcast is set";
		return mac[0] & 1 ? NULL : "is not a group address";
	}
	if (!weir__ip_parse(text, &ip))
		return "is neither a MAC address nor an IP address";
	if (ip.family == 4 ? ip.bytes[0] >> 4 != 0xe : ip.bytes[0] != 0xff)
		return "is not a group address";
	weir__mac_of_group(&ip, mac);
	return NULL;
}

static const char *parse_prefix(const char *text, uint8_t mac[6], unsigned *bits)
{
	return weir__mac_prefix_parse(text, mac, bits) ? NULL : "is not a MAC address";
}

static size_t count_entries(const char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

/* An option that is a list, and how its entries are read. */
struct list {
	const char *option;
	const char *const *entries;
	parse_entry *parse;
};

static int add_entry(struct weir__mac_set *set, const struct list *list, size_t i, struct weir_error *err)
{
	const char *text = list->entries[i];
	uint8_t mac[6];
	unsigned bits;
	char field[32];
	const char *wrong = list->parse(text, mac, &bits);

	if (!wrong) {
		weir__mac_set_add(set, mac, bits);
		return 0;
	}
	snprintf(field, sizeof(field), "%s[%zu]", list->option, i);
	return weir_invalid(err, field, "'%s' %s", text, wrong);
}

static int build(struct weir__mac_set *set, const struct list *list, struct weir_error *err)
{
	const size_t n = count_entries(list->entries);
	int code = 0;

	if (n > WEIR_MAC_FILTER_ENTRIES_MAX)
		return weir_invalid(err, list->option, "%zu entries; at most %d", n,
				    WEIR_MAC_FILTER_ENTRIES_MAX);
	if (!weir__mac_set_init(set, n))
		return weir_failed(err, -ENOMEM, "%s: no memory for %zu entries", list->option, n);
	for (size_t i = 0; i < n; i++)
		if (add_entry(set, list, i, err) < 0)
			code = -EINVAL;
	return code;
}

static void mac_filter_release(void *memory)
{
	struct config *config = memory;

	for (int i = 0; i < LISTS; i++)
		weir__mac_set_free(&config->set[i]);
}

static int mac_filter_configure(void *memory, const void *memory_options, const struct weir_place *place,
				struct weir_error *err)
{
	const struct weir_mac_filter *options = memory_options;
	struct config *config = memory;
	const struct list lists[LISTS] = {
		[OWN] = { "own", options->own, parse_own },
		[MULTICAST] = { "multicast", options->multicast, parse_multicast },
		[ALLOW] = { "allow", options->allow, parse_prefix },
		[DENY] = { "deny", options->deny, parse_prefix },
		[ALLOW_SOURCE] = { "allow_source", options->allow_source, parse_prefix },
		[DENY_SOURCE] = { "deny_source", options->deny_source, parse_prefix },
	};
	int code = 0;

	(void)place;
	config->promiscuous = options->promiscuous;
	config->all_multicast = options->all_multicast;
	config->no_broadcast = options->no_broadcast;
	config->any_unicast = count_entries(options->own) == 0;
	config->any_source = !options->allow_source;
	for (int i = 0; i < LISTS; i++) {
		int ret = build(&config->set[i], &lists[i], err);

		code = code ? code : ret;
	}
	if (code)
		mac_filter_release(config);
	return code;
}

static inline bool is_ours(const uint8_t *destination, uint64_t mac, const struct config *config)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (WEIR_LIKELY(!(destination[0] & 1)))
		return config->any_unicast || weir__mac_set_has(&config->set[OWN], mac);
	if (memcmp(destination, broadcast, 6) == 0)
		return !config->no_broadcast;
	return config->all_multicast || weir__mac_set_has(&config->set[MULTICAST], mac);
}

static inline weir_verdict mac_filter(struct weir_buf *buf, const struct config *config, void *state)
{
	const uint8_t *frame = buf->data;
	uint64_t destination, source;

	(void)state;
	if (WEIR_UNLIKELY(buf->len < WEIR__ETH_HEADER))
		return WEIR_DROP(RUNT);
	destination = weir__mac_load(frame);
	if (WEIR_UNLIKELY(weir__mac_set_has(&config->set[DENY], destination)))
		return WEIR_DROP(DENIED_DESTINATION);
	if (!config->promiscuous && !is_ours(frame, destination, config) &&
	    !weir__mac_set_has(&config->set[ALLOW], destination))
		return WEIR_DROP(DESTINATION);
	source = weir__mac_load(frame + 6);
	if (WEIR_UNLIKELY(weir__mac_set_has(&config->set[DENY_SOURCE], source)))
		return WEIR_DROP(DENIED_SOURCE);
	if (!config->any_source && !weir__mac_set_has(&config->set[ALLOW_SOURCE], source))
		return WEIR_DROP(SOURCE);
	return WEIR_NEXT;
}

WEIR_PROCESS(mac_filter_vector, mac_filter, struct config, void)

static const struct weir_option options[] = {
	WEIR_OPTION(struct weir_mac_filter, own, LIST,
		    "own addresses; none: every unicast destination is own"),
	WEIR_OPTION(struct weir_mac_filter, multicast, LIST,
		    "groups that were joined, as MAC or IP addresses"),
	WEIR_OPTION(struct weir_mac_filter, allow, LIST,
		    "other destinations that may pass, addresses and prefixes"),
	WEIR_OPTION(struct weir_mac_filter, deny, LIST, "destinations that never pass"),
	WEIR_OPTION(struct weir_mac_filter, allow_source, LIST, "sources that may pass; not given: all"),
	WEIR_OPTION(struct weir_mac_filter, deny_source, LIST, "sources that never pass"),
	WEIR_OPTION(struct weir_mac_filter, promiscuous, BOOL, "every destination may pass"),
	WEIR_OPTION(struct weir_mac_filter, all_multicast, BOOL, "every group may pass"),
	WEIR_OPTION(struct weir_mac_filter, no_broadcast, BOOL, "the broadcast address may not pass"),
	{ 0 },
};

const struct weir_stage_type weir_mac_filter_type = {
	.name = "mac_filter",
	.help = "let Ethernet frames pass by destination and source",
	.takes = WEIR_LAYER_L2,
	.gives = WEIR_LAYER_L2,
	.reasons = reasons,
	.options = options,
	.options_size = sizeof(struct weir_mac_filter),
	.config_size = sizeof(struct config),
	.configure = mac_filter_configure,
	.release = mac_filter_release,
	.process = mac_filter_vector,
};
