/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "address.h"
#include "ethernet.h"
#include "mac_filter.h"
#include "mac_set.h"

#define LISTS 6

struct config {
	bool promiscuous;
	bool all_multicast;
	bool no_broadcast;
	bool any_unicast; /* no own address is given */
	bool any_source;  /* allow_source is not given */
	struct weir__mac_set set[LISTS];
};

/* What was added one by one. A list has no memory before its first entry. */
struct state {
	uint32_t used; /* something was */
	struct weir__mac_set added[LISTS];
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

/* The lists by their number: the name of the option, and how its entries are read. */
static const struct list {
	const char *name;
	parse_entry *parse;
} lists[LISTS] = {
	[WEIR_MAC_OWN] = { "own", parse_own },
	[WEIR_MAC_MULTICAST] = { "multicast", parse_multicast },
	[WEIR_MAC_ALLOW] = { "allow", parse_prefix },
	[WEIR_MAC_DENY] = { "deny", parse_prefix },
	[WEIR_MAC_ALLOW_SOURCE] = { "allow_source", parse_prefix },
	[WEIR_MAC_DENY_SOURCE] = { "deny_source", parse_prefix },
};

static size_t count_entries(const char *const *entries)
{
	size_t n = 0;

	while (entries && entries[n])
		n++;
	return n;
}

static int add_entry(struct weir__mac_set *set, const struct list *list, const char *const *entries, size_t i,
		     struct weir_error *err)
{
	uint8_t mac[6];
	unsigned bits;
	char field[32];
	const char *wrong = list->parse(entries[i], mac, &bits);

	if (!wrong)
		return weir__mac_set_add(set, mac, bits);
	snprintf(field, sizeof(field), "%s[%zu]", list->name, i);
	return weir_invalid(err, field, "'%s' %s", entries[i], wrong);
}

static int build(struct weir__mac_set *set, const struct list *list, const char *const *entries,
		 struct weir_error *err)
{
	const size_t n = count_entries(entries);
	int code = 0;

	if (n > WEIR_MAC_FILTER_ENTRIES_MAX)
		return weir_invalid(err, list->name, "%zu entries; at most %d", n,
				    WEIR_MAC_FILTER_ENTRIES_MAX);
	if (weir__mac_set_init(set, (uint32_t)n) < 0)
		return weir_failed(err, -ENOMEM, "%s: no memory for %zu entries", list->name, n);
	for (size_t i = 0; i < n; i++)
		if (add_entry(set, list, entries, i, err) < 0)
			code = -EINVAL;
	return code;
}

static void mac_filter_release(void *memory)
{
	struct config *config = memory;

	for (int i = 0; i < LISTS; i++)
		weir__mac_set_fini(&config->set[i]);
}

static int mac_filter_configure(void *memory, const void *memory_options, const struct weir_place *place,
				struct weir_error *err)
{
	const struct weir_mac_filter *options = memory_options;
	struct config *config = memory;
	const char *const *const entries[LISTS] = {
		[WEIR_MAC_OWN] = options->own,
		[WEIR_MAC_MULTICAST] = options->multicast,
		[WEIR_MAC_ALLOW] = options->allow,
		[WEIR_MAC_DENY] = options->deny,
		[WEIR_MAC_ALLOW_SOURCE] = options->allow_source,
		[WEIR_MAC_DENY_SOURCE] = options->deny_source,
	};
	int code = 0;

	(void)place;
	config->promiscuous = options->promiscuous;
	config->all_multicast = options->all_multicast;
	config->no_broadcast = options->no_broadcast;
	config->any_unicast = count_entries(options->own) == 0;
	config->any_source = !options->allow_source;
	for (int i = 0; i < LISTS; i++) {
		int ret = build(&config->set[i], &lists[i], entries[i], err);

		code = code ? code : ret;
	}
	if (code)
		mac_filter_release(config);
	return code;
}

/* Frees the tables of what was added. */
static void mac_filter_destroy(void *memory)
{
	struct state *state = memory;

	for (int i = 0; i < LISTS; i++)
		weir__mac_set_fini(&state->added[i]);
}

/* Reads an entry that is to be added or removed. Returns 0 or -EINVAL. */
static int read_entry(enum weir_mac_list list, const char *entry, uint8_t mac[6], unsigned *bits,
		      struct weir_error *err)
{
	const char *wrong;

	if ((unsigned)list >= LISTS)
		return weir_invalid(err, "list", "%d is none", (int)list);
	wrong = lists[list].parse(entry, mac, bits);
	return wrong ? weir_invalid(err, lists[list].name, "'%s' %s", entry, wrong) : 0;
}

int weir__mac_filter_add(void *memory, enum weir_mac_list list, const char *entry, struct weir_error *err)
{
	struct state *state = memory;
	struct weir__mac_set *set;
	uint8_t mac[6];
	unsigned bits = 0;
	int code = read_entry(list, entry, mac, &bits, err);

	if (code < 0)
		return code;
	set = &state->added[list];
	if (!set->table.slots)
		code = weir__mac_set_init(set, WEIR_MAC_FILTER_ENTRIES_MAX);
	if (code < 0)
		return weir_failed(err, code, "%s: no memory for entries", lists[list].name);
	code = weir__mac_set_add(set, mac, bits);
	if (code < 0)
		return weir_failed(err, code, "%s: '%s' would be one more than %d entries", lists[list].name,
				   entry, WEIR_MAC_FILTER_ENTRIES_MAX);
	__atomic_store_n(&state->used, 1, __ATOMIC_RELAXED);
	return 0;
}

int weir__mac_filter_remove(void *memory, enum weir_mac_list list, const char *entry, struct weir_error *err)
{
	uint8_t mac[6];
	unsigned bits = 0;
	int code = read_entry(list, entry, mac, &bits, err);

	if (code < 0)
		return code;
	if (!weir__mac_set_remove(&((struct state *)memory)->added[list], mac, bits))
		return weir_failed(err, -ENOENT, "%s: '%s' was not added", lists[list].name, entry);
	return 0;
}

static inline bool has(const struct config *config, const struct state *state, enum weir_mac_list list,
		       uint64_t mac)
{
	return weir__mac_set_has_fixed(&config->set[list], mac) ||
	       (state && weir__mac_set_has(&state->added[list], mac));
}

static inline bool none_added(const struct state *state, enum weir_mac_list list)
{
	return !state || weir__mac_set_empty(&state->added[list]);
}

static inline bool is_ours(const uint8_t *destination, uint64_t mac, const struct config *config,
			   const struct state *state)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (WEIR_LIKELY(!(destination[0] & 1)))
		return (config->any_unicast && none_added(state, WEIR_MAC_OWN)) ||
		       has(config, state, WEIR_MAC_OWN, mac);
	if (memcmp(destination, broadcast, 6) == 0)
		return !config->no_broadcast;
	return config->all_multicast || has(config, state, WEIR_MAC_MULTICAST, mac);
}

/* state: NULL if nothing was added. */
static inline __attribute__((always_inline)) weir_verdict judge(struct weir_buf *buf,
								const struct config *config,
								const struct state *state)
{
	const uint8_t *frame = buf->data;
	uint64_t destination, source;

	if (WEIR_UNLIKELY(buf->len < WEIR__ETH_HEADER))
		return WEIR_DROP(RUNT);
	destination = weir__mac_load(frame);
	if (WEIR_UNLIKELY(has(config, state, WEIR_MAC_DENY, destination)))
		return WEIR_DROP(DENIED_DESTINATION);
	if (!config->promiscuous && !is_ours(frame, destination, config, state) &&
	    !has(config, state, WEIR_MAC_ALLOW, destination))
		return WEIR_DROP(DESTINATION);
	source = weir__mac_load(frame + 6);
	if (WEIR_UNLIKELY(has(config, state, WEIR_MAC_DENY_SOURCE, source)))
		return WEIR_DROP(DENIED_SOURCE);
	if (!(config->any_source && none_added(state, WEIR_MAC_ALLOW_SOURCE)) &&
	    !has(config, state, WEIR_MAC_ALLOW_SOURCE, source))
		return WEIR_DROP(SOURCE);
	return WEIR_NEXT;
}

static inline weir_verdict judge_by_config(struct weir_buf *buf, const struct config *config,
					   const void *unused)
{
	(void)unused;
	return judge(buf, config, NULL);
}

WEIR_PROCESS(by_config, judge_by_config, struct config, const void)
WEIR_PROCESS(by_config_and_state, judge, struct config, const struct state)

/* The compiler makes two loops: a filter to which nothing was added does not pay for what it does not have.
 */
static unsigned mac_filter_vector(struct weir_work *work)
{
	const struct state *state = work->state;

	return WEIR_LIKELY(!__atomic_load_n(&state->used, __ATOMIC_RELAXED)) ? by_config(work)
									     : by_config_and_state(work);
}

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
	.offload = WEIR_OFFLOAD_ALL,
	.takes = WEIR_LAYER_L2,
	.gives = WEIR_LAYER_L2,
	.reasons = reasons,
	.options = options,
	.options_size = sizeof(struct weir_mac_filter),
	.config_size = sizeof(struct config),
	.state_size = sizeof(struct state),
	.configure = mac_filter_configure,
	.release = mac_filter_release,
	.destroy = mac_filter_destroy,
	.process = mac_filter_vector,
};
