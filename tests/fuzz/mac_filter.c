/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <weir/mac_filter.h>

#include "address.h"
#include "mac_filter.h"

#define ENTRIES 8
#define LISTS   6

struct lists {
	char text[LISTS][ENTRIES][24];
	const char *entry[LISTS][ENTRIES + 1];
};

/* Entries that can be read as addresses of six bytes; their number and lengths are the input's. */
static void make_list(struct lists *lists, int list, struct input *input)
{
	const unsigned n = input_byte(input) % (ENTRIES + 1);

	for (unsigned i = 0; i < n; i++) {
		unsigned bits = list < WEIR_MAC_ALLOW ? 48 : input_byte(input) % 49;
		uint64_t mac = input_number(input, 6);

		mac &= bits ? ~UINT64_C(0) << (48 - bits) : 0;
		if (list == WEIR_MAC_OWN)
			mac &= 0xfeffffffffff;
		if (list == WEIR_MAC_MULTICAST)
			mac = (mac | 0x010000000000) & 0xfdffffffffff; /* group, but not broadcast */
		snprintf(lists->text[list][i], sizeof(lists->text[list][i]),
			 "%02x:%02x:%02x:%02x:%02x:%02x/%u", (unsigned)(mac >> 40 & 0xff),
			 (unsigned)(mac >> 32 & 0xff), (unsigned)(mac >> 24 & 0xff),
			 (unsigned)(mac >> 16 & 0xff), (unsigned)(mac >> 8 & 0xff), (unsigned)(mac & 0xff),
			 bits);
		if (list < WEIR_MAC_ALLOW)
			lists->text[list][i][17] = '\0';
		lists->entry[list][i] = lists->text[list][i];
	}
	lists->entry[list][n] = NULL;
}

/* Whether a list has an entry that is written like this. */
static bool contains(const char *const *list, const char *text)
{
	while (*list && strcmp(*list, text) != 0)
		list++;
	return *list;
}

/* Takes all entries that are written like this out of a list. */
static void take_out(const char **list, const char *text)
{
	const char **kept = list;

	for (; *list; list++)
		if (strcmp(*list, text) != 0)
			*kept++ = *list;
	*kept = NULL;
}

/* Adds entries to the running stage, and removes some of them again: what stays is left in the lists. */
static void change(struct stage *stage, struct lists *added, struct input *input)
{
	for (int list = 0; list < LISTS; list++)
		for (const char **entry = added->entry[list]; *entry; entry++)
			require(weir__mac_filter_add(stage->state, (enum weir_mac_list)list, *entry, NULL) ==
				0);
	for (unsigned n = input_byte(input) % (LISTS * ENTRIES); n; n--) {
		const enum weir_mac_list list = input_byte(input) % LISTS;
		const char *text = added->text[list][input_byte(input) % ENTRIES];
		const bool there = contains(added->entry[list], text);

		require((weir__mac_filter_remove(stage->state, list, text, NULL) == 0) == there);
		take_out(added->entry[list], text);
	}
}

/* Whether a list has an address, by going through it. */
static bool has(const char *const *list, const uint8_t *address)
{
	for (; *list; list++) {
		unsigned bits, i;
		uint8_t mac[6];

		require(weir__mac_prefix_parse(*list, mac, &bits));
		for (i = 0; i < bits && !((mac[i / 8] ^ address[i / 8]) & 0x80 >> i % 8); i++)
			;
		if (i == bits)
			return true;
	}
	return false;
}

/* The rules of the header, one by one. */
static bool passes(const struct weir_mac_filter *options, const struct lists *given,
		   const struct lists *added, const uint8_t *frame)
{
	static const uint8_t everyone[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const bool broadcast = memcmp(frame, everyone, 6) == 0;
	const bool group = frame[0] & 1 && !broadcast;
	const bool any_unicast = !given->entry[WEIR_MAC_OWN][0] && !added->entry[WEIR_MAC_OWN][0];
	const bool any_source = !options->allow_source && !added->entry[WEIR_MAC_ALLOW_SOURCE][0];
	bool in[LISTS], ours;

	for (int list = 0; list < LISTS; list++) {
		const uint8_t *address = frame + (list < WEIR_MAC_ALLOW_SOURCE ? 0 : 6);

		in[list] = has(given->entry[list], address) || has(added->entry[list], address);
	}
	ours = options->promiscuous || in[WEIR_MAC_ALLOW];
	ours |= !broadcast && !group && (any_unicast || in[WEIR_MAC_OWN]);
	ours |= broadcast && !options->no_broadcast;
	ours |= group && (options->all_multicast || in[WEIR_MAC_MULTICAST]);
	return ours && !in[WEIR_MAC_DENY] && !in[WEIR_MAC_DENY_SOURCE] &&
	       (any_source || in[WEIR_MAC_ALLOW_SOURCE]);
}

/* options, six lists, what is added and removed, frame */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = { bytes, size };
	const uint8_t flags = input_byte(&input);
	struct weir_mac_filter options = { .promiscuous = flags & 1,
					   .all_multicast = flags & 2,
					   .no_broadcast = flags & 4 };
	struct lists given, added = { 0 };
	struct stage stage;

	for (int list = 0; list < LISTS; list++)
		make_list(&given, list, &input);
	if (!(flags & 8))
		given.entry[WEIR_MAC_ALLOW_SOURCE][0] = NULL;
	options.own = given.entry[WEIR_MAC_OWN];
	options.multicast = given.entry[WEIR_MAC_MULTICAST];
	options.allow = given.entry[WEIR_MAC_ALLOW];
	options.deny = given.entry[WEIR_MAC_DENY];
	options.allow_source = flags & 8 ? given.entry[WEIR_MAC_ALLOW_SOURCE] : NULL;
	options.deny_source = given.entry[WEIR_MAC_DENY_SOURCE];
	open_for(&stage, (struct weir_stage){ &weir_mac_filter_type, &options }, WEIR_FRAMING_RAW);
	if (flags & 16) {
		for (int list = 0; list < LISTS; list++)
			make_list(&added, list, &input);
		change(&stage, &added, &input);
	}
	add_rest(&stage, &input);
	run(&stage);
	require((stage_verdict(&stage, 0) == WEIR_NEXT) ==
		(input.size >= 14 && passes(&options, &given, &added, input.bytes)));
	stage_close(&stage);
	return 0;
}
