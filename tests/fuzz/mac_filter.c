/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <weir/mac_filter.h>

#include "address.h"

#define ENTRIES 8
#define LISTS   6

/* The lists as they stand in the options: own, multicast, allow, deny, allow_source, deny_source. */
enum { OWN, MULTICAST, ALLOW, DENY, ALLOW_SOURCE, DENY_SOURCE };

struct lists {
	char text[LISTS][ENTRIES][24];
	const char *entry[LISTS][ENTRIES + 1];
};

/* Entries that can be read as addresses of six bytes; their number and lengths are the input's. */
static void make_list(struct lists *lists, int list, struct input *input)
{
	const unsigned n = input_byte(input) % (ENTRIES + 1);

	for (unsigned i = 0; i < n; i++) {
		unsigned bits = list < ALLOW ? 48 : input_byte(input) % 49;
		uint64_t mac = input_number(input, 6);

		mac &= bits ? ~UINT64_C(0) << (48 - bits) : 0;
		if (list == OWN)
			mac &= 0xfeffffffffff;
		if (list == MULTICAST)
			mac = (mac | 0x010000000000) & 0xfdffffffffff; /* group, but not broadcast */
		snprintf(lists->text[list][i], sizeof(lists->text[list][i]),
			 "%02x:%02x:%02x:%02x:%02x:%02x/%u", (unsigned)(mac >> 40 & 0xff),
			 (unsigned)(mac >> 32 & 0xff), (unsigned)(mac >> 24 & 0xff),
			 (unsigned)(mac >> 16 & 0xff), (unsigned)(mac >> 8 & 0xff), (unsigned)(mac & 0xff),
			 bits);
		if (list < ALLOW)
			lists->text[list][i][17] = '\0';
		lists->entry[list][i] = lists->text[list][i];
	}
	lists->entry[list][n] = NULL;
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
static bool passes(const struct weir_mac_filter *options, const uint8_t *frame)
{
	static const uint8_t everyone[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const bool broadcast = memcmp(frame, everyone, 6) == 0;
	const bool group = frame[0] & 1 && !broadcast;
	bool ours = options->promiscuous || has(options->allow, frame);

	ours |= !broadcast && !group && (!options->own[0] || has(options->own, frame));
	ours |= broadcast && !options->no_broadcast;
	ours |= group && (options->all_multicast || has(options->multicast, frame));
	return ours && !has(options->deny, frame) && !has(options->deny_source, frame + 6) &&
	       (!options->allow_source || has(options->allow_source, frame + 6));
}

/* options, six lists, frame */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = { bytes, size };
	const uint8_t flags = input_byte(&input);
	struct weir_mac_filter options = { .promiscuous = flags & 1,
					   .all_multicast = flags & 2,
					   .no_broadcast = flags & 4 };
	struct lists lists;
	struct stage stage;

	for (int list = 0; list < LISTS; list++)
		make_list(&lists, list, &input);
	options.own = lists.entry[OWN];
	options.multicast = lists.entry[MULTICAST];
	options.allow = lists.entry[ALLOW];
	options.deny = lists.entry[DENY];
	options.allow_source = flags & 8 ? lists.entry[ALLOW_SOURCE] : NULL;
	options.deny_source = lists.entry[DENY_SOURCE];
	open_for(&stage, (struct weir_stage){ &weir_mac_filter_type, &options }, WEIR_FRAMING_RAW);
	add_rest(&stage, &input);
	run(&stage);
	require((stage_verdict(&stage, 0) == WEIR_NEXT) ==
		(input.size >= 14 && passes(&options, input.bytes)));
	stage_close(&stage);
	return 0;
}
