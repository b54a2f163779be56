/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "stage.h"

#include <weir/weir.h>

#include "address.h"
#include "mac_filter.h"
#include "sanitizer.h"

#define OWN       "02:00:00:00:00:01"
#define OTHER     "02:00:00:00:00:02"
#define PEER      "02:00:00:00:00:99"
#define BROADCAST "ff:ff:ff:ff:ff:ff"
#define ALL_HOSTS "01:00:5e:00:00:01"
#define ALL_NODES "33:33:00:00:00:01"

static void make_frame(uint8_t frame[14], const char *destination, const char *source)
{
	assert_true(weir__mac_parse(destination, frame));
	assert_true(weir__mac_parse(source, frame + 6));
	memcpy(frame + 12, "\x08\x00", 2);
}

/* What becomes of a frame with these addresses: "next" or a reason. One that passes is not changed. */
static void expect(struct stage *stage, const char *destination, const char *source, const char *verdict)
{
	uint8_t frame[14];

	make_frame(frame, destination, source);
	run_one(stage, frame, sizeof(frame));
	if (strcmp(verdict_name(stage, 0), verdict) != 0)
		fail_msg("to %s from %s: %s instead of %s", destination, source, verdict_name(stage, 0),
			 verdict);
	assert_memory_equal(stage_packet(stage, 0)->data, frame, sizeof(frame));
	assert_int_equal(stage_packet(stage, 0)->len, sizeof(frame));
}

static void takes_every_unicast_by_default(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_mac_filter()));
	expect(&stage, OWN, PEER, "next");
	expect(&stage, OTHER, PEER, "next");
	expect(&stage, BROADCAST, PEER, "next");
	expect(&stage, ALL_HOSTS, PEER, "destination");
	expect(&stage, ALL_NODES, PEER, "destination");
	stage_close(&stage);

	configure(&stage, ROW(weir_mac_filter(.own = (const char *const[]){ NULL })));
	expect(&stage, OTHER, PEER, "next");
	stage_close(&stage);
}

static void takes_its_own(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_mac_filter(.own = WEIR_LIST(OWN, "02-AA-bb-cc-dd-ee"))));
	expect(&stage, OWN, PEER, "next");
	expect(&stage, "02:aa:bb:cc:dd:ee", PEER, "next");
	expect(&stage, OTHER, PEER, "destination");
	expect(&stage, "00:00:00:00:00:00", PEER, "destination");
	expect(&stage, BROADCAST, PEER, "next");
	expect(&stage, ALL_HOSTS, PEER, "destination");
	stage_close(&stage);
}

static void knows_broadcast_from_multicast(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_mac_filter(.no_broadcast = true)));
	expect(&stage, BROADCAST, PEER, "destination");
	expect(&stage, OWN, PEER, "next");
	stage_close(&stage);

	configure(&stage, ROW(weir_mac_filter(.no_broadcast = true, .all_multicast = true)));
	expect(&stage, BROADCAST, PEER, "destination");
	expect(&stage, ALL_HOSTS, PEER, "next");
	expect(&stage, "ff:ff:ff:ff:ff:fe", PEER, "next");
	expect(&stage, "fd:ff:ff:ff:ff:ff", PEER, "next");
	stage_close(&stage);
}

static void takes_joined_groups(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_mac_filter(.multicast = WEIR_LIST("01:80:c2:00:00:00", "224.0.0.1",
								     "ff02::1", "239.129.2.3"))));
	expect(&stage, "01:80:c2:00:00:00", PEER, "next");
	expect(&stage, ALL_HOSTS, PEER, "next");
	expect(&stage, ALL_NODES, PEER, "next");
	expect(&stage, "01:00:5e:01:02:03", PEER, "next");
	expect(&stage, "01:00:5e:81:02:03", PEER, "destination");
	expect(&stage, "33:33:00:00:00:02", PEER, "destination");
	stage_close(&stage);
}

static void promiscuous_takes_all_but_the_denied(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_mac_filter(.own = WEIR_LIST(OWN), .promiscuous = true,
					      .no_broadcast = true, .deny = WEIR_LIST(OTHER, "01:80:c2"))));
	expect(&stage, OWN, PEER, "next");
	expect(&stage, PEER, PEER, "next");
	expect(&stage, BROADCAST, PEER, "next");
	expect(&stage, ALL_HOSTS, PEER, "next");
	expect(&stage, OTHER, PEER, "denied_destination");
	expect(&stage, "01:80:c2:00:00:0e", PEER, "denied_destination");
	stage_close(&stage);
}

static void allow_adds_to_its_own(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_mac_filter(.own = WEIR_LIST(OWN), .no_broadcast = true,
					      .allow = WEIR_LIST(OTHER, "00:1b:21", "33:33", BROADCAST))));
	expect(&stage, OWN, PEER, "next");
	expect(&stage, OTHER, PEER, "next");
	expect(&stage, "00:1b:21:12:34:56", PEER, "next");
	expect(&stage, "00:1b:22:12:34:56", PEER, "destination");
	expect(&stage, ALL_NODES, PEER, "next");
	expect(&stage, ALL_HOSTS, PEER, "destination");
	expect(&stage, BROADCAST, PEER, "next");
	expect(&stage, PEER, PEER, "destination");
	stage_close(&stage);
}

static void deny_takes_from_everything(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage,
		  ROW(weir_mac_filter(.own = WEIR_LIST(OWN, OTHER), .allow = WEIR_LIST("00:1b:21"),
				      .multicast = WEIR_LIST(ALL_HOSTS),
				      .deny = WEIR_LIST(OTHER, "00:1b:21:ff", ALL_HOSTS, BROADCAST))));
	expect(&stage, OWN, PEER, "next");
	expect(&stage, OTHER, PEER, "denied_destination");
	expect(&stage, "00:1b:21:00:00:01", PEER, "next");
	expect(&stage, "00:1b:21:ff:00:01", PEER, "denied_destination");
	expect(&stage, ALL_HOSTS, PEER, "denied_destination");
	expect(&stage, BROADCAST, PEER, "denied_destination");
	stage_close(&stage);
}

static void asks_for_the_source(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_mac_filter(.allow_source = WEIR_LIST(PEER, "00:1b:21"),
					      .deny_source = WEIR_LIST("00:1b:21:00:00:00/32"))));
	expect(&stage, OWN, PEER, "next");
	expect(&stage, OWN, "00:1b:21:01:00:00", "next");
	expect(&stage, OWN, "00:1b:21:00:ff:ff", "denied_source");
	expect(&stage, OWN, OTHER, "source");
	expect(&stage, PEER, OWN, "source"); /* the lists of sources say nothing of destinations */
	stage_close(&stage);

	configure(&stage, ROW(weir_mac_filter(.deny_source = WEIR_LIST(PEER))));
	expect(&stage, OWN, PEER, "denied_source");
	expect(&stage, PEER, OWN, "next");
	stage_close(&stage);

	configure(&stage, ROW(weir_mac_filter(.allow_source = (const char *const[]){ NULL })));
	expect(&stage, OWN, PEER, "source");
	stage_close(&stage);
}

static void destination_comes_before_source(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_mac_filter(.own = WEIR_LIST(OWN), .deny = WEIR_LIST(OTHER),
					      .deny_source = WEIR_LIST(PEER))));
	expect(&stage, OTHER, PEER, "denied_destination");
	expect(&stage, PEER, PEER, "destination");
	expect(&stage, OWN, PEER, "denied_source");
	stage_close(&stage);
}

static void drops_runts(void **state)
{
	struct stage stage;
	uint8_t frame[14];

	(void)state;
	make_frame(frame, OWN, PEER);
	configure(&stage, ROW(weir_mac_filter(.promiscuous = true)));
	for (uint32_t len = 0; len <= 14; len++)
		stage_add(&stage, frame, len);
	run(&stage);
	for (uint32_t len = 0; len < 14; len++)
		expect_drop(&stage, len, "runt");
	expect_next(&stage, 14, frame, 14);
	stage_close(&stage);
}

static uint64_t random_bits(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 16;
}

static void mac_text(char text[24], uint64_t mac, unsigned bits)
{
	snprintf(text, 24, "%02x:%02x:%02x:%02x:%02x:%02x/%u", (unsigned)(mac >> 40 & 0xff),
		 (unsigned)(mac >> 32 & 0xff), (unsigned)(mac >> 24 & 0xff), (unsigned)(mac >> 16 & 0xff),
		 (unsigned)(mac >> 8 & 0xff), (unsigned)(mac & 0xff), bits);
	if (bits == 48)
		text[17] = '\0';
}

static uint64_t mask(unsigned bits)
{
	return bits ? ~UINT64_C(0) << (48 - bits) & 0xffffffffffff : 0;
}

/* Each length alone: the last bit of the prefix decides, the bit behind it does not. */
static void prefixes_end_at_their_bit(void **state)
{
	const uint64_t address = 0x5a96c33c69a5;
	char prefix[24], text[24];

	(void)state;
	for (unsigned bits = 1; bits <= 48; bits++) {
		struct stage stage;

		mac_text(prefix, address & mask(bits), bits);
		configure(&stage, ROW(weir_mac_filter(.promiscuous = true, .deny = WEIR_LIST(prefix))));
		mac_text(text, address, 48);
		expect(&stage, text, PEER, "denied_destination");
		mac_text(text, address ^ UINT64_C(1) << (48 - bits), 48);
		expect(&stage, text, PEER, "next");
		mac_text(text, address ^ UINT64_C(1) << (48 - bits) >> 1, 48);
		expect(&stage, text, PEER, "denied_destination");
		stage_close(&stage);
	}
}

/* Many lengths at once, against a search through all of them. */
static void prefixes_of_many_lengths(void **state)
{
	char texts[46][24];
	const char *list[47] = { NULL };
	uint64_t prefix[49], seed = 1;
	struct stage stage;
	unsigned denied = 0;

	(void)state;
	for (unsigned bits = 3; bits <= 48; bits++) {
		/* The length in the first 6 bits, so that no prefix lies within another. */
		prefix[bits] = ((uint64_t)bits << 42 | (random_bits(&seed) & 0x03ffffffffff)) & mask(bits);
		if (bits < 6)
			prefix[bits] = UINT64_C(0xfc0000000000) & mask(bits);
		mac_text(texts[bits - 3], prefix[bits], bits);
		list[bits - 3] = texts[bits - 3];
	}
	configure(&stage, ROW(weir_mac_filter(.promiscuous = true, .deny = list)));
	for (unsigned i = 0; i < 20000; i++) {
		unsigned like = (unsigned)(random_bits(&seed) % 46) + 3;
		uint64_t mac = prefix[like] | (random_bits(&seed) & ~mask(like) & 0xffffffffffff);
		char text[24];
		bool in = false;

		mac ^= i % 2 ? UINT64_C(1) << random_bits(&seed) % 48 : 0;
		for (unsigned bits = 3; bits <= 48; bits++)
			in |= ((mac ^ prefix[bits]) & mask(bits)) == 0;
		denied += in;
		mac_text(text, mac, 48);
		expect(&stage, text, PEER, in ? "denied_destination" : "next");
	}
	assert_in_range(denied, 10000, 18000);
	stage_close(&stage);
}

static void prefixes_of_one_beginning_differ_by_length(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage,
		  ROW(weir_mac_filter(.own = WEIR_LIST(OWN), .allow = WEIR_LIST("00:1b:21:00", "aa:bb:cc"))));
	expect(&stage, "00:1b:21:00:00:01", PEER, "next");
	expect(&stage, "00:1b:21:01:00:00", PEER, "destination");
	stage_close(&stage);

	configure(&stage,
		  ROW(weir_mac_filter(.own = WEIR_LIST(OWN), .allow = WEIR_LIST("00:00:00:00:00:00/0"))));
	expect(&stage, OTHER, PEER, "next");
	expect(&stage, ALL_HOSTS, PEER, "next");
	stage_close(&stage);
}

/* Counts up in the last bytes, in the first, and jumps: the patterns that lists of addresses have. */
static uint64_t nth_mac(unsigned i)
{
	switch (i % 3) {
	case 0:
		return 0x020000000000 + i;
	case 1:
		return (uint64_t)(i / 3) << 26 | 0x000000000007;
	default:
		return (i * UINT64_C(0x9e3779b97f4a7c15) >> 16 & 0xfcffffffffff) | 0x000000800000;
	}
}

static char (*make_texts(unsigned n, const char **list))[24]
{
	char(*texts)[24] = malloc(n * sizeof(*texts));

	assert_non_null(texts);
	for (unsigned i = 0; i < n; i++) {
		mac_text(texts[i], nth_mac(i), 48);
		list[i] = texts[i];
	}
	list[n] = NULL;
	return texts;
}

static void takes_as_many_entries_as_it_says(void **state)
{
	static const char *list[WEIR_MAC_FILTER_ENTRIES_MAX + 2];
	const unsigned n = WEIR_MAC_FILTER_ENTRIES_MAX;
	char(*texts)[24];
	struct stage stage;

	(void)state;
	texts = make_texts(n, list);
	configure(&stage, ROW(weir_mac_filter(.allow_source = list)));
	for (unsigned i = 0; i < n; i++)
		expect(&stage, OWN, list[i], "next");
	for (unsigned i = 0; i < n; i++) {
		char text[24];

		/* Neighbours: bit 23 of the address is 0 in the first two patterns and 1 in the third. */
		mac_text(text, nth_mac(i) ^ 0x000000800000, 48);
		expect(&stage, OWN, text, "source");
	}
	stage_close(&stage);
	free(texts);
}

static void refuses_one_entry_more(void **state)
{
	static const char *list[WEIR_MAC_FILTER_ENTRIES_MAX + 2];
	char(*texts)[24];

	(void)state;
	texts = make_texts(WEIR_MAC_FILTER_ENTRIES_MAX + 1, list);
	expect_refused(ROW(weir_mac_filter(.deny = list)), "deny: 65537 entries; at most 65536");
	free(texts);
}

static void takes_duplicates(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage,
		  ROW(weir_mac_filter(.own = WEIR_LIST(OWN, OWN, OWN, "02-00-00-00-00-01"),
				      .allow = WEIR_LIST("00:1b:21", "00:1b:21", "00:1b:21:00:00:00/24"))));
	expect(&stage, OWN, PEER, "next");
	expect(&stage, "00:1b:21:00:00:01", PEER, "next");
	expect(&stage, OTHER, PEER, "destination");
	stage_close(&stage);
}

static void says_everything_that_is_wrong(void **state)
{
	(void)state;
	expect_refused(ROW(weir_mac_filter(.allow = WEIR_LIST(OWN, OTHER, "02:zz"))),
		       "allow[2]: '02:zz' is not a MAC address");
	expect_refused(ROW(weir_mac_filter(.own = WEIR_LIST("00:1b:21", ALL_HOSTS, BROADCAST, OWN),
					   .multicast = WEIR_LIST(OWN, BROADCAST, "10.9.0.1", "240.0.0.1",
								  "fe80::1", "all"),
					   .allow = WEIR_LIST("00:1b:21/23", ""),
					   .deny = WEIR_LIST("02:00:00:00:00:01/47"),
					   .allow_source = WEIR_LIST("10.9.0.1"),
					   .deny_source = WEIR_LIST("02:00:00:00:00:01/49"))),
		       "own[0]: '00:1b:21' is not a MAC address\n"
		       "own[1]: '01:00:5e:00:00:01' is a group address\n"
		       "own[2]: 'ff:ff:ff:ff:ff:ff' is a group address\n"
		       "multicast[0]: '02:00:00:00:00:01' is not a group address\n"
		       "multicast[1]: 'ff:ff:ff:ff:ff:ff' is the broadcast address, which passes unless "
		       "no_broadcast is set\n"
		       "multicast[2]: '10.9.0.1' is not a group address\n"
		       "multicast[3]: '240.0.0.1' is not a group address\n"
		       "multicast[4]: 'fe80::1' is not a group address\n"
		       "multicast[5]: 'all' is neither a MAC address nor an IP address\n"
		       "allow[0]: '00:1b:21/23' is not a MAC address\n"
		       "allow[1]: '' is not a MAC address\n"
		       "deny[0]: '02:00:00:00:00:01/47' is not a MAC address\n"
		       "allow_source[0]: '10.9.0.1' is not a MAC address\n"
		       "deny_source[0]: '02:00:00:00:00:01/49' is not a MAC address");
}

static void add(struct stage *stage, enum weir_mac_list list, const char *entry)
{
	if (weir__mac_filter_add(stage->state, list, entry, &stage->err) < 0)
		fail_msg("refused: %s", stage->err.text);
}

static void take_out(struct stage *stage, enum weir_mac_list list, const char *entry)
{
	if (weir__mac_filter_remove(stage->state, list, entry, &stage->err) < 0)
		fail_msg("refused: %s", stage->err.text);
}

static void the_first_own_address_makes_it_strict(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_mac_filter()));
	expect(&stage, OTHER, PEER, "next");
	add(&stage, WEIR_MAC_OWN, OWN);
	expect(&stage, OWN, PEER, "next");
	expect(&stage, OTHER, PEER, "destination");
	expect(&stage, BROADCAST, PEER, "next");
	add(&stage, WEIR_MAC_OWN, OTHER);
	take_out(&stage, WEIR_MAC_OWN, OWN);
	expect(&stage, OWN, PEER, "destination");
	expect(&stage, OTHER, PEER, "next");
	take_out(&stage, WEIR_MAC_OWN, OTHER);
	expect(&stage, OWN, PEER, "next");
	expect(&stage, PEER, PEER, "next");
	stage_close(&stage);
}

static void the_first_allowed_source_makes_it_strict(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_mac_filter()));
	add(&stage, WEIR_MAC_ALLOW_SOURCE, "02:00:00:00:00:80/41");
	expect(&stage, OWN, PEER, "next");
	expect(&stage, OWN, OTHER, "source");
	take_out(&stage, WEIR_MAC_ALLOW_SOURCE, "02:00:00:00:00:80/41");
	expect(&stage, OWN, OTHER, "next");
	stage_close(&stage);

	/* The option is given, though it has no entry: strict before and after. */
	configure(&stage, ROW(weir_mac_filter(.allow_source = (const char *const[]){ NULL })));
	add(&stage, WEIR_MAC_ALLOW_SOURCE, PEER);
	expect(&stage, OWN, PEER, "next");
	take_out(&stage, WEIR_MAC_ALLOW_SOURCE, PEER);
	expect(&stage, OWN, PEER, "source");
	stage_close(&stage);
}

static void takes_groups_that_are_joined_later(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_mac_filter(.multicast = WEIR_LIST(ALL_HOSTS))));
	add(&stage, WEIR_MAC_MULTICAST, "ff02::1");
	add(&stage, WEIR_MAC_MULTICAST, "239.129.2.3");
	expect(&stage, ALL_HOSTS, PEER, "next");
	expect(&stage, ALL_NODES, PEER, "next");
	expect(&stage, "01:00:5e:01:02:03", PEER, "next");
	take_out(&stage, WEIR_MAC_MULTICAST, ALL_NODES);
	expect(&stage, ALL_NODES, PEER, "destination");
	expect(&stage, "01:00:5e:01:02:03", PEER, "next");
	stage_close(&stage);
}

static void allows_and_denies_what_is_added(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_mac_filter(.own = WEIR_LIST(OWN), .deny = WEIR_LIST("00:1b:21:00"))));
	expect(&stage, "00:1b:21:01:00:00", PEER, "destination");
	add(&stage, WEIR_MAC_ALLOW, "00:1b:21");
	expect(&stage, "00:1b:21:01:00:00", PEER, "next");
	expect(&stage, "00:1b:21:00:00:00", PEER, "denied_destination");
	add(&stage, WEIR_MAC_DENY, "00:1b:21:01");
	expect(&stage, "00:1b:21:01:00:00", PEER, "denied_destination");
	expect(&stage, "00:1b:21:02:00:00", PEER, "next");
	add(&stage, WEIR_MAC_DENY_SOURCE, PEER);
	expect(&stage, "00:1b:21:02:00:00", PEER, "denied_source");
	expect(&stage, "00:1b:21:02:00:00", OTHER, "next");
	take_out(&stage, WEIR_MAC_DENY_SOURCE, PEER);
	take_out(&stage, WEIR_MAC_DENY, "00:1b:21:01");
	expect(&stage, "00:1b:21:01:00:00", PEER, "next");
	take_out(&stage, WEIR_MAC_ALLOW, "00:1b:21");
	expect(&stage, "00:1b:21:01:00:00", PEER, "destination");
	stage_close(&stage);
}

static void adding_twice_is_adding_once(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_mac_filter(.deny = WEIR_LIST(OTHER))));
	add(&stage, WEIR_MAC_DENY, OWN);
	add(&stage, WEIR_MAC_DENY, "02-00-00-00-00-01");
	take_out(&stage, WEIR_MAC_DENY, OWN);
	expect(&stage, OWN, PEER, "next");

	/* An entry of the option stays, whether it was added too or not. */
	add(&stage, WEIR_MAC_DENY, OTHER);
	take_out(&stage, WEIR_MAC_DENY, OTHER);
	expect(&stage, OTHER, PEER, "denied_destination");
	stage_close(&stage);
}

/* The state goes on under another configuration. */
static void what_was_added_survives_a_configuration(void **state)
{
	struct stage first, second;
	void *unused;

	(void)state;
	configure(&first, ROW(weir_mac_filter(.deny = WEIR_LIST(OTHER))));
	configure(&second, ROW(weir_mac_filter(.own = WEIR_LIST(OWN, OTHER))));
	add(&first, WEIR_MAC_DENY, OWN);
	unused = second.state;
	second.state = first.state;
	first.state = unused;
	expect(&second, OTHER, PEER, "next");
	expect(&second, OWN, PEER, "denied_destination");
	expect(&first, OWN, PEER, "next");
	stage_close(&first);
	stage_close(&second);
}

static void expect_error(struct stage *stage, int code, int expected, const char *text)
{
	assert_int_equal(code, expected);
	assert_int_equal(stage->err.code, expected);
	assert_string_equal(stage->err.text, text);
	weir__error_clear(&stage->err);
}

static void says_what_is_wrong_with_an_entry(void **state)
{
	struct stage stage;

	(void)state;
	configure(&stage, ROW(weir_mac_filter(.deny = WEIR_LIST(OTHER))));
	expect_error(&stage, weir__mac_filter_add(stage.state, WEIR_MAC_OWN, "02:zz", &stage.err), -EINVAL,
		     "own: '02:zz' is not a MAC address");
	expect_error(&stage, weir__mac_filter_add(stage.state, WEIR_MAC_MULTICAST, "10.9.0.1", &stage.err),
		     -EINVAL, "multicast: '10.9.0.1' is not a group address");
	expect_error(&stage, weir__mac_filter_remove(stage.state, WEIR_MAC_ALLOW, "1/49", &stage.err),
		     -EINVAL, "allow: '1/49' is not a MAC address");
	expect_error(&stage, weir__mac_filter_add(stage.state, (enum weir_mac_list)6, OWN, &stage.err),
		     -EINVAL, "list: 6 is none");
	expect_error(&stage, weir__mac_filter_remove(stage.state, WEIR_MAC_DENY, OTHER, &stage.err), -ENOENT,
		     "deny: '" OTHER "' was not added");
	add(&stage, WEIR_MAC_DENY_SOURCE, "00:1b:21");
	expect_error(&stage,
		     weir__mac_filter_remove(stage.state, WEIR_MAC_DENY_SOURCE, "00:1b:21:00", &stage.err),
		     -ENOENT, "deny_source: '00:1b:21:00' was not added");
	expect(&stage, OTHER, PEER, "denied_destination");
	expect(&stage, OWN, "00:1b:21:00:00:00", "denied_source");
	stage_close(&stage);
}

static void takes_as_many_additions_as_it_says(void **state)
{
	const unsigned n = WEIR_MAC_FILTER_ENTRIES_MAX;
	struct stage stage;
	char text[24];

	(void)state;
	configure(&stage, ROW(weir_mac_filter()));
	for (unsigned i = 0; i < n; i++) {
		mac_text(text, nth_mac(i), 48);
		add(&stage, WEIR_MAC_ALLOW_SOURCE, text);
	}
	for (unsigned i = 0; i < n; i++) {
		mac_text(text, nth_mac(i), 48);
		expect(&stage, OWN, text, "next");
		mac_text(text, nth_mac(i) ^ 0x000000800000, 48);
		expect(&stage, OWN, text, "source");
	}
	expect_error(
		&stage,
		weir__mac_filter_add(stage.state, WEIR_MAC_ALLOW_SOURCE, "f0:00:00:00:00:01", &stage.err),
		-ENOSPC, "allow_source: 'f0:00:00:00:00:01' would be one more than 65536 entries");
	add(&stage, WEIR_MAC_ALLOW_SOURCE, "02:00:00:00:00:00"); /* the first of them again */
	add(&stage, WEIR_MAC_DENY_SOURCE, "f0:00:00:00:00:01");  /* each list has room of its own */
	for (unsigned i = 0; i < n; i++) {
		mac_text(text, nth_mac(i), 48);
		take_out(&stage, WEIR_MAC_ALLOW_SOURCE, text);
	}
	expect(&stage, OWN, PEER, "next");
	stage_close(&stage);
}

/* Prefixes come and go at random, in the option and in what is added; a list of all decides what is right. */
static void is_what_a_list_of_prefixes_would_be(void **state)
{
	enum { PREFIXES = 40, OPTION = 8 };
	char texts[PREFIXES][24], text[24];
	const char *option[OPTION + 1] = { NULL };
	uint64_t prefix[PREFIXES], seed = 1;
	unsigned bits[PREFIXES], denied = 0;
	bool in[PREFIXES] = { false };
	struct stage stage;

	(void)state;
	/* Few different bits, so that prefixes lie within each other. */
	for (unsigned i = 0; i < PREFIXES; i++) {
		bits[i] = 2 + (unsigned)(random_bits(&seed) % 47);
		prefix[i] = (random_bits(&seed) & 0xc00300040001) & mask(bits[i]);
		mac_text(texts[i], prefix[i], bits[i]);
		if (i < OPTION)
			option[i] = texts[i];
	}
	configure(&stage, ROW(weir_mac_filter(.promiscuous = true, .deny = option)));
	for (unsigned round = 0; round < TEST_ROUNDS(400000); round++) {
		const unsigned i = (unsigned)(random_bits(&seed) % PREFIXES);
		const uint64_t mac = (random_bits(&seed) & 0xc00300040001);
		bool expected = false;

		in[i] = random_bits(&seed) % 8 == 0;
		if (in[i])
			add(&stage, WEIR_MAC_DENY, texts[i]);
		else
			weir__mac_filter_remove(stage.state, WEIR_MAC_DENY, texts[i], NULL);
		for (unsigned k = 0; k < PREFIXES; k++) {
			/* The same prefix may be there twice under two numbers: the last change counts. */
			if (prefix[k] == prefix[i] && bits[k] == bits[i])
				in[k] = in[i];
			expected |= (in[k] || k < OPTION) && ((mac ^ prefix[k]) & mask(bits[k])) == 0;
		}
		denied += expected;
		mac_text(text, mac, 48);
		expect(&stage, text, PEER, expected ? "denied_destination" : "next");
	}
	assert_in_range(denied, TEST_ROUNDS(400000) / 10, TEST_ROUNDS(400000) / 10 * 9);
	stage_close(&stage);
}

struct race {
	struct stage stage;
	uint32_t runs;
	uint32_t wrong;
	uint32_t over;
};

/* Frames 0 and 1 are allowed and denied by entries that stay, frame 2 by none that ever comes. */
static void *filter(void *memory)
{
	struct race *race = memory;

	do {
		stage_run(&race->stage);
		race->wrong += strcmp(verdict_name(&race->stage, 0), "next") != 0;
		race->wrong += strcmp(verdict_name(&race->stage, 1), "denied_source") != 0;
		race->wrong += strcmp(verdict_name(&race->stage, 2), "source") != 0;
		__atomic_store_n(&race->runs, race->runs + 1, __ATOMIC_RELEASE);
	} while (!__atomic_load_n(&race->over, __ATOMIC_ACQUIRE));
	return NULL;
}

static void changes_under_a_running_worker(void **state)
{
	static const char *const sources[] = { "f0:00:00:00:00:01", "f0:00:00:00:00:02",
					       "f0:00:00:00:00:03" };
	struct race race = { .runs = 0 };
	pthread_t thread;
	uint8_t frame[14];
	char text[24];

	(void)state;
	configure(&race.stage, ROW(weir_mac_filter()));
	for (size_t i = 0; i < countof(sources); i++) {
		make_frame(frame, OWN, sources[i]);
		stage_add(&race.stage, frame, sizeof(frame));
	}
	add(&race.stage, WEIR_MAC_ALLOW_SOURCE, sources[0]);
	add(&race.stage, WEIR_MAC_DENY_SOURCE, sources[1]);
	assert_int_equal(pthread_create(&thread, NULL, filter, &race), 0);
	while (!__atomic_load_n(&race.runs, __ATOMIC_ACQUIRE))
		;
	for (unsigned i = 1; i < WEIR_MAC_FILTER_ENTRIES_MAX; i++) {
		mac_text(text, nth_mac(i), 48);
		add(&race.stage, WEIR_MAC_ALLOW_SOURCE, text);
		add(&race.stage, WEIR_MAC_OWN, OWN); /* had no memory yet; the frames go there */
	}
	for (unsigned i = 1; i < WEIR_MAC_FILTER_ENTRIES_MAX; i++) {
		mac_text(text, nth_mac(i), 48);
		take_out(&race.stage, WEIR_MAC_ALLOW_SOURCE, text);
	}
	__atomic_store_n(&race.over, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	assert_int_equal(race.wrong, 0);
	stage_close(&race.stage);
}

/* Packets from OWN to PEER through the stage "flow/filter". */
static struct weir_pipeline *create_flow(void)
{
	const struct weir_config config = {
		.endpoints = { weir_generator("in", .count = 1000, .size = 100), weir_null("out") },
		.workers = { { "rx", .unpinned = true } },
		.chains = { { "flow", .stages = { weir_read("in", .worker = "rx"), weir_af_decap(),
						  weir_eth_wrap(.source = OWN, .next_hop = PEER),
						  weir_mac_filter(.name = "filter"), weir_write("out") } } },
	};
	struct weir_pipeline *pipeline;

	assert_int_equal(weir_pipeline_create(&pipeline, &config, NULL), 0);
	return pipeline;
}

/* Runs it to its end and destroys it; so many packets were dropped. */
static void expect_dropped(struct weir_pipeline *pipeline, unsigned dropped)
{
	struct weir_counters *counters;

	assert_int_equal(weir_pipeline_start(pipeline, NULL), 0);
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = weir_counters_read(pipeline);
	assert_non_null(counters);
	assert_int_equal(counters->received, 1000);
	assert_int_equal(counters->dropped, dropped);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

static void is_changed_by_its_path(void **state)
{
	struct weir_pipeline *pipeline = create_flow();
	struct weir_error err;

	(void)state;
	assert_int_equal(weir_mac_filter_add(pipeline, "flow/filter", WEIR_MAC_DENY_SOURCE, OWN, &err), 0);
	assert_int_equal(weir_mac_filter_add(pipeline, "flow/filter", WEIR_MAC_DENY, OTHER, NULL), 0);
	assert_int_equal(weir_mac_filter_remove(pipeline, "flow/filter", WEIR_MAC_DENY, OTHER, NULL), 0);
	assert_int_equal(weir_mac_filter_remove(pipeline, "flow/filter", WEIR_MAC_DENY, OTHER, &err),
			 -ENOENT);
	assert_string_equal(err.text, "flow/filter: deny: '" OTHER "' was not added");
	assert_int_equal(weir_mac_filter_add(pipeline, "flow/filter", WEIR_MAC_ALLOW, "x", &err), -EINVAL);
	assert_string_equal(err.text, "flow/filter: allow: 'x' is not a MAC address");
	assert_int_equal(weir_mac_filter_add(pipeline, "flow/eth_wrap", WEIR_MAC_OWN, OWN, &err), -ENOENT);
	assert_string_equal(err.text, "flow/eth_wrap: no mac_filter has this name");
	assert_int_equal(weir_mac_filter_remove(pipeline, "flow", WEIR_MAC_OWN, OWN, NULL), -ENOENT);
	expect_dropped(pipeline, 1000);
}

/* Another configuration of the stage, then one of the whole pipeline in which it runs on another worker. */
static void keeps_what_was_added_through_changes(void **state)
{
	const struct weir_config config = {
		.endpoints = { weir_generator("in", .count = 1000, .size = 100), weir_null("out") },
		.workers = { { "rx", .unpinned = true }, { "tx", .unpinned = true } },
		.chains = { { "flow", .stages = { weir_read("in", .worker = "rx"), weir_af_decap(),
						  weir_eth_wrap(.source = OWN, .next_hop = PEER),
						  weir_ring(.worker = "tx"),
						  weir_mac_filter(.name = "filter", .all_multicast = true),
						  weir_write("out") } } },
	};
	const struct weir_stage filter = weir_mac_filter(.own = WEIR_LIST(PEER));
	struct weir_pipeline *pipeline = create_flow();
	struct weir_error err;

	(void)state;
	assert_int_equal(weir_mac_filter_add(pipeline, "flow/filter", WEIR_MAC_DENY_SOURCE, OWN, &err), 0);
	if (weir_stage_configure(pipeline, "flow/filter", &filter, &err) < 0 ||
	    weir_pipeline_apply(pipeline, &config, &err) < 0)
		fail_msg("%s", err.text);
	/* It can only be removed because it is still there. */
	assert_int_equal(weir_mac_filter_remove(pipeline, "flow/filter", WEIR_MAC_DENY_SOURCE, OWN, &err), 0);
	assert_int_equal(weir_mac_filter_add(pipeline, "flow/filter", WEIR_MAC_DENY, PEER, &err), 0);
	expect_dropped(pipeline, 1000);
}

struct owner {
	struct weir_pipeline *pipeline;
	unsigned first;
	unsigned failed;
};

static void *add_and_remove(void *memory)
{
	struct owner *owner = memory;
	char text[24];

	for (unsigned i = 0; i < 2000; i++) {
		mac_text(text, nth_mac(owner->first + i % 100), 48);
		owner->failed +=
			(i / 100 % 2 ? weir_mac_filter_remove : weir_mac_filter_add)(
				owner->pipeline, "flow/filter", WEIR_MAC_ALLOW_SOURCE, text, NULL) != 0;
	}
	return NULL;
}

/* Each thread finds its own entries as it left them, whatever the other one does. */
static void any_thread_may_change_it(void **state)
{
	struct owner owners[2] = { { create_flow(), 0, 0 }, { NULL, 1000, 0 } };
	pthread_t threads[2];

	(void)state;
	owners[1].pipeline = owners[0].pipeline;
	for (size_t i = 0; i < countof(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_and_remove, &owners[i]), 0);
	for (size_t i = 0; i < countof(threads); i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(owners[i].failed, 0);
	}
	expect_dropped(owners[0].pipeline, 0); /* none is left, so any source passes */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_every_unicast_by_default),
		cmocka_unit_test(takes_its_own),
		cmocka_unit_test(knows_broadcast_from_multicast),
		cmocka_unit_test(takes_joined_groups),
		cmocka_unit_test(promiscuous_takes_all_but_the_denied),
		cmocka_unit_test(allow_adds_to_its_own),
		cmocka_unit_test(deny_takes_from_everything),
		cmocka_unit_test(asks_for_the_source),
		cmocka_unit_test(destination_comes_before_source),
		cmocka_unit_test(drops_runts),
		cmocka_unit_test(prefixes_end_at_their_bit),
		cmocka_unit_test(prefixes_of_many_lengths),
		cmocka_unit_test(prefixes_of_one_beginning_differ_by_length),
		cmocka_unit_test(takes_as_many_entries_as_it_says),
		cmocka_unit_test(refuses_one_entry_more),
		cmocka_unit_test(takes_duplicates),
		cmocka_unit_test(says_everything_that_is_wrong),
		cmocka_unit_test(the_first_own_address_makes_it_strict),
		cmocka_unit_test(the_first_allowed_source_makes_it_strict),
		cmocka_unit_test(takes_groups_that_are_joined_later),
		cmocka_unit_test(allows_and_denies_what_is_added),
		cmocka_unit_test(adding_twice_is_adding_once),
		cmocka_unit_test(what_was_added_survives_a_configuration),
		cmocka_unit_test(says_what_is_wrong_with_an_entry),
		cmocka_unit_test(takes_as_many_additions_as_it_says),
		cmocka_unit_test(is_what_a_list_of_prefixes_would_be),
		cmocka_unit_test(changes_under_a_running_worker),
		cmocka_unit_test(is_changed_by_its_path),
		cmocka_unit_test(keeps_what_was_added_through_changes),
		cmocka_unit_test(any_thread_may_change_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
