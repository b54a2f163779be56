/* SPDX-License-Identifier: Apache-2.0 */
/* The options of a VXLAN session and what they become; tests/net/vxlan.c has its packets. */
#include "test.h"

#include <weir/vxlan.h>

#include "vxlan/flow.h"
#include "vxlan/peers.h"
#include "vxlan/table.h"
#include "error.h"

static struct weir_endpoint_info info;
static struct weir_error err;

static int check(struct weir_endpoint row)
{
	weir__error_clear(&err);
	memset(&info, 0, sizeof(info));
	return weir_vxlan_type.check(row.options, &info, &err);
}

#define refuses(text_, ...)                                                                  \
	do {                                                                                 \
		assert_true(check((struct weir_endpoint)weir_vxlan("vx", __VA_ARGS__)) < 0); \
		assert_string_equal(err.text, text_);                                        \
	} while (0)

#define accepts(...)                                                            \
	do {                                                                    \
		if (check((struct weir_endpoint)weir_vxlan("vx", __VA_ARGS__))) \
			fail_msg("%s", err.text);                               \
	} while (0)

#define ONE .vni = 42, .remote = WEIR_LIST("192.0.2.2")

static void tells_layer_size_and_headroom(void **state)
{
	(void)state;
	accepts(ONE);
	assert_int_equal(info.layer, WEIR_LAYER_L2);
	assert_int_equal(info.max_packet, 1518);
	assert_int_equal(info.headroom, 8);
	assert_int_equal(info.tailroom, 0);
	accepts(ONE, .max_packet = 9018);
	assert_int_equal(info.max_packet, 9018);
	refuses("max_packet: 65536 is more than 65535", ONE, .max_packet = 65536);
}

static void checks_numbers(void **state)
{
	(void)state;
	accepts(.vni = 0xffffff, .remote = WEIR_LIST("192.0.2.2"));
	refuses("vni: 0 is not from 1 to 16777215", .remote = WEIR_LIST("192.0.2.2"));
	refuses("vni: 16777216 is not from 1 to 16777215", .vni = 0x1000000,
		.remote = WEIR_LIST("192.0.2.2"));
	refuses("sources: 65 is more than 64", ONE, .sources = 65);
	refuses("sources: is not possible with one_source", ONE, .sources = 2, .one_source = true);
	refuses("senders: 8 is more than 7", ONE, .senders = 8);
	refuses("dscp: 64 is more than 63", ONE, .dscp = 64);
	refuses("ttl: 256 is more than 255", ONE, .ttl = 256);
	refuses("learn_max: 65536 is more than 65535", ONE, .learn_max = 65536);
	refuses("learn_max: is not possible with no_learn", ONE, .no_learn = true, .learn_max = 1);
	refuses("learn_seconds: is not possible with no_learn", ONE, .no_learn = true, .learn_seconds = 1);
	refuses("learn_seconds: 31536001 is more than 31536000", ONE, .learn_seconds = 31536001);
	refuses("bind_device: 'sixteen_letters_' is not the name of a device", ONE,
		.bind_device = "sixteen_letters_");
	refuses("netns: '' is not the path of a network namespace", ONE, .netns = "");
	refuses("retry_max_ms: 1 is less than retry_ms, which is 2", ONE, .retry_ms = 2, .retry_max_ms = 1);
}

static void checks_the_own_address(void **state)
{
	(void)state;
	accepts(ONE, .local = "192.0.2.1");
	accepts(ONE, .local = "192.0.2.1:8472");
	accepts(ONE, .local = "0.0.0.0");
	accepts(ONE, .local = "::");
	refuses("local: 'home' is not an address, nor one with a port", ONE, .local = "home");
	refuses("local: '239.1.1.1' is the address of a group or of all", ONE, .local = "239.1.1.1");
	refuses("remote[0]: '192.0.2.2' is not of the family of local", ONE, .local = "fd00::1");
	refuses("remote[0]: '192.0.2.2' is local", ONE, .local = "192.0.2.2");
}

static void checks_remotes(void **state)
{
	const char *many[WEIR_VXLAN_REMOTES_MAX + 2] = { 0 };
	char texts[WEIR_VXLAN_REMOTES_MAX + 1][32];

	(void)state;
	accepts(.vni = 1, .remote = WEIR_LIST("192.0.2.2", "192.0.2.3:8472"));
	accepts(.vni = 1, .remote = WEIR_LIST("fd00::2", "[fd00::3]:8472"));
	accepts(.vni = 1, .local = "::", .remote = WEIR_LIST("fd00::2", "192.0.2.2"));
	accepts(.vni = 1, .learn_remotes = true);
	refuses("remote: is needed, or entry, or learn_remotes: there is nobody to talk to", .vni = 1);
	refuses("remote: is needed, or entry, or learn_remotes: there is nobody to talk to", .vni = 1,
		.remote = WEIR_LIST(NULL));
	refuses("remote[1]: 'fd00::2' is not of the family of the first remote", .vni = 1,
		.remote = WEIR_LIST("192.0.2.2", "fd00::2"));
	refuses("remote[0]: 'example.org' is not an address, nor one with a port\n"
		"remote[1]: '0.0.0.0' is nobody's address\n"
		"remote[2]: '239.1.1.1' is the address of a group or of all: name each host\n"
		"remote[3]: '255.255.255.255' is the address of a group or of all: name each host",
		.vni = 1, .remote = WEIR_LIST("example.org", "0.0.0.0", "239.1.1.1", "255.255.255.255"));
	refuses("remote[1]: '192.0.2.2:8472': this host is there already: it can be told by its address "
		"alone",
		.vni = 1, .remote = WEIR_LIST("192.0.2.2", "192.0.2.2:8472"));
	refuses("remote[0]: 'fe80::1' is link-local: set bind_device", .vni = 1,
		.remote = WEIR_LIST("fe80::1"));
	accepts(.vni = 1, .remote = WEIR_LIST("fe80::1"), .bind_device = "eth0");
	for (unsigned i = 0; i <= WEIR_VXLAN_REMOTES_MAX; i++) {
		snprintf(texts[i], sizeof(texts[i]), "10.0.%u.%u", i / 250, i % 250 + 1);
		many[i] = texts[i];
	}
	refuses("remote: has more than 256", .vni = 1, .remote = many);
	many[WEIR_VXLAN_REMOTES_MAX] = NULL;
	accepts(.vni = 1, .remote = many);
}

static void checks_entries(void **state)
{
	(void)state;
	accepts(ONE, .entry = WEIR_LIST("02:00:00:00:00:07=192.0.2.7", "02-00-00-00-00-08=192.0.2.7:1"));
	accepts(.vni = 1, .entry = WEIR_LIST("02:00:00:00:00:07=fd00::7"));
	refuses("entry[0]: '02:00:00:00:00:07' is not MAC=ADDRESS", ONE,
		.entry = WEIR_LIST("02:00:00:00:00:07"));
	refuses("entry[0]: '02:00:00:00:00=192.0.2.7' is not MAC=ADDRESS", ONE,
		.entry = WEIR_LIST("02:00:00:00:00=192.0.2.7"));
	refuses("entry[0]: '02:00:00:00:00:0g=192.0.2.7' is not MAC=ADDRESS", ONE,
		.entry = WEIR_LIST("02:00:00:00:00:0g=192.0.2.7"));
	refuses("entry[0]: 'here' is not an address, nor one with a port", ONE,
		.entry = WEIR_LIST("02:00:00:00:00:07=here"));
	refuses("entry[0]: '01:00:5e:00:00:01=192.0.2.7' is for a group: frames to these go to all remotes",
		ONE, .entry = WEIR_LIST("01:00:5e:00:00:01=192.0.2.7"));
	refuses("entry[1]: '02:00:00:00:00:07=192.0.2.8': this station has an entry already", ONE,
		.entry = WEIR_LIST("02:00:00:00:00:07=192.0.2.7", "02:00:00:00:00:07=192.0.2.8"));
}

static const struct weir__vxlan_peers *peers_of(struct weir_endpoint row)
{
	static struct weir__vxlan_peers peers;
	union weir_socket_address local;

	assert_int_equal(weir__vxlan_local(row.options, &local, NULL), 0);
	assert_int_equal(weir__vxlan_peers_read(&peers, row.options, &local, NULL, NULL), 0);
	return &peers;
}

static uint64_t mac_of(const char *text)
{
	uint64_t mac;

	assert_true(weir__vxlan_mac_parse(text, strlen(text), &mac));
	return mac;
}

#define is(text_, address_)                                                          \
	do {                                                                         \
		char is_[WEIR_SESSION_TEXT];                                         \
		assert_string_equal(weir_socket_address_text(address_, is_), text_); \
	} while (0)

static void finds_hosts_and_entries(void **state)
{
	const struct weir__vxlan_peers *peers = peers_of((struct weir_endpoint)weir_vxlan(
		"vx", .vni = 1, .port = 8472, .remote = WEIR_LIST("192.0.2.9", "192.0.2.2:4789", "10.0.0.1"),
		.entry = WEIR_LIST("02:00:00:00:00:09=192.0.2.2", "02:00:00:00:00:07=192.0.2.7",
				   "02:00:00:00:00:08=192.0.2.7:99")));
	union weir_socket_address address;

	(void)state;
	/* All is sent to them in the order of the list. */
	assert_int_equal(peers->n_remotes, 3);
	is("192.0.2.9:8472", &peers->remotes[0]);
	is("192.0.2.2:4789", &peers->remotes[1]);
	is("10.0.0.1:8472", &peers->remotes[2]);
	is("192.0.2.2:4789", weir__vxlan_entry(peers, mac_of("02:00:00:00:00:09")));
	is("192.0.2.7:8472", weir__vxlan_entry(peers, mac_of("02:00:00:00:00:07")));
	is("192.0.2.7:99", weir__vxlan_entry(peers, mac_of("02:00:00:00:00:08")));
	assert_null(weir__vxlan_entry(peers, mac_of("02:00:00:00:00:06")));
	assert_int_equal(peers->n_hosts, 4);
	assert_true(weir_socket_address_parse("192.0.2.2", 0, &address));
	is("192.0.2.2:4789", weir__vxlan_host(peers, &address));
	assert_true(weir_socket_address_parse("192.0.2.3", 0, &address));
	assert_null(weir__vxlan_host(peers, &address));
}

/* --- flows --- */

static uint32_t flow_of(uint16_t type, const uint8_t *ip, uint32_t len)
{
	uint8_t frame[128] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, (uint8_t)(type >> 8), (uint8_t)type };

	memcpy(frame + 14, ip, len);
	return weir__vxlan_flow(frame, 14 + len);
}

static void a_flow_is_what_has_its_addresses_and_ports(void **state)
{
	uint8_t ip[40] = { 0x45, 0, 0, 40, [8] = 64, 6, [12] = 10, 0, 0, 1, 10, 0, 0, 2, 1, 2, 3, 4 };
	const uint32_t flow = flow_of(0x0800, ip, sizeof(ip));
	uint32_t fragment;

	(void)state;
	ip[4]++, ip[8]--, ip[24]++; /* number, TTL, sequence */
	assert_int_equal(flow_of(0x0800, ip, sizeof(ip)), flow);
	ip[20]++;
	assert_int_not_equal(flow_of(0x0800, ip, sizeof(ip)), flow);
	ip[20]--, ip[15]++;
	assert_int_not_equal(flow_of(0x0800, ip, sizeof(ip)), flow);
	ip[15]--;
	ip[6] = 0x20; /* the first fragment has the ports, which the others do not have */
	fragment = flow_of(0x0800, ip, sizeof(ip));
	ip[6] = 0, ip[7] = 1, ip[20] = 77;
	assert_int_equal(flow_of(0x0800, ip, sizeof(ip)), fragment);
}

static void ipv6_and_others_have_flows_too(void **state)
{
	uint8_t ip[60] = { 0x60, [6] = 17, 64, [8] = 0xfd, [24] = 0xfd, [39] = 2, [40] = 1, 2, 3, 4 };
	const uint32_t flow = flow_of(0x86dd, ip, sizeof(ip));

	(void)state;
	ip[43]++;
	assert_int_not_equal(flow_of(0x86dd, ip, sizeof(ip)), flow);
	ip[43]--, ip[39]++;
	assert_int_not_equal(flow_of(0x86dd, ip, sizeof(ip)), flow);
	assert_int_not_equal(flow_of(0x0806, ip, 28), flow_of(0x88cc, ip, 28));
	for (uint32_t len = 0; len < sizeof(ip); len++) { /* cut anywhere */
		flow_of(0x86dd, ip, len);
		flow_of(0x8100, ip, len);
	}
}

/* Of many flows, each port gets some. */
static void flows_spread(void **state)
{
	uint8_t ip[40] = { 0x45, 0, 0, 40, [8] = 64, 6, [12] = 10, 0, 0, 1, 10, 0, 0, 2, 1, 2, 3, 4 };
	unsigned n[16] = { 0 };

	(void)state;
	for (unsigned i = 0; i < 1600; i++) {
		ip[20] = (uint8_t)(i >> 8), ip[21] = (uint8_t)i;
		n[flow_of(0x0800, ip, sizeof(ip)) % 16]++;
	}
	for (unsigned i = 0; i < 16; i++)
		assert_in_range(n[i], 50, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_layer_size_and_headroom),
		cmocka_unit_test(checks_numbers),
		cmocka_unit_test(checks_the_own_address),
		cmocka_unit_test(checks_remotes),
		cmocka_unit_test(checks_entries),
		cmocka_unit_test(finds_hosts_and_entries),
		cmocka_unit_test(a_flow_is_what_has_its_addresses_and_ports),
		cmocka_unit_test(ipv6_and_others_have_flows_too),
		cmocka_unit_test(flows_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
