/* SPDX-License-Identifier: Apache-2.0 */
/* The options of a UDP endpoint; tests/net/udp.c has its packets. */
#include "test.h"

#include <weir/udp.h>

#include "error.h"

static struct weir_endpoint_info info;
static struct weir_error err;

static int check(struct weir_endpoint row)
{
	weir__error_clear(&err);
	memset(&info, 0, sizeof(info));
	return weir_udp_type.check(row.options, &info, &err);
}

#define refuses(text_, ...)                                                                 \
	do {                                                                                \
		assert_true(check((struct weir_endpoint)weir_udp("udp", __VA_ARGS__)) < 0); \
		assert_string_equal(err.text, text_);                                       \
	} while (0)

#define accepts(...)                                                           \
	do {                                                                   \
		if (check((struct weir_endpoint)weir_udp("udp", __VA_ARGS__))) \
			fail_msg("%s", err.text);                              \
	} while (0)

static void tells_layer_and_size(void **state)
{
	(void)state;
	accepts(.remote = "192.0.2.1:4789");
	assert_int_equal(info.layer, WEIR_LAYER_L3);
	assert_int_equal(info.max_packet, 1500);
	assert_int_equal(info.headroom, 0);
	assert_int_equal(info.tailroom, 0);
	accepts(.remote = "192.0.2.1:4789", .layer = WEIR_LAYER_L2);
	assert_int_equal(info.layer, WEIR_LAYER_L2);
	assert_int_equal(info.max_packet, 1518);
	accepts(.remote = "192.0.2.1:4789", .max_packet = 65507);
	assert_int_equal(info.max_packet, 65507);
	refuses("layer: 1 is not WEIR_LAYER_L3 or WEIR_LAYER_L2", .remote = "192.0.2.1:4789",
		.layer = WEIR_LAYER_AF);
	refuses("max_packet: 65536 is more than 65535", .remote = "192.0.2.1:4789", .max_packet = 65536);
}

static void checks_addresses(void **state)
{
	(void)state;
	accepts(.remote = "192.0.2.1:4789", .local = "0.0.0.0:0");
	accepts(.remote = "[fd00::1]:4789", .local = "[fd00::2]:4789");
	accepts(.remote = "192.0.2.1:4789", .local = "[::]:4789");
	refuses("local: '0.0.0.0' is not IPV4:PORT or [IPV6]:PORT", .remote = "192.0.2.1:4789",
		.local = "0.0.0.0");
	refuses("local: '' is not IPV4:PORT or [IPV6]:PORT", .remote = "192.0.2.1:4789", .local = "");
	refuses("local: '224.0.0.1:1' is the address of a group or of all", .remote = "192.0.2.1:4789",
		.local = "224.0.0.1:1");
	refuses("remote: 'example.org:4789' is not IPV4:PORT or [IPV6]:PORT", .remote = "example.org:4789");
	refuses("remote: '192.0.2.1:65536' is not IPV4:PORT or [IPV6]:PORT", .remote = "192.0.2.1:65536");
	refuses("remote: '192.0.2.1:0' has no port", .remote = "192.0.2.1:0");
	refuses("remote: '[fd00::1]:0' has no port", .remote = "[fd00::1]:0");
	refuses("remote: '0.0.0.0:1' is nobody's address", .remote = "0.0.0.0:1");
	refuses("remote: '[::]:1' is nobody's address", .remote = "[::]:1");
	refuses("remote: '255.255.255.255:1' is the address of a group or of all",
		.remote = "255.255.255.255:1");
	refuses("remote: '[ff02::1]:1' is the address of a group or of all", .remote = "[ff02::1]:1");
	refuses("remote: '[::ffff:192.0.2.1]:1' is an IPv4 address: write it as one",
		.remote = "[::ffff:192.0.2.1]:1");
	refuses("remote: '[fd00::1]:4789' is not of the family of local, '192.0.2.1:4789'",
		.remote = "[fd00::1]:4789", .local = "192.0.2.1:4789");
	refuses("remote: '[fe80::1]:4789' is link-local: set bind_device", .remote = "[fe80::1]:4789");
	accepts(.remote = "[fe80::1]:4789", .local = "[fe80::2]:4789", .bind_device = "eth0");
	refuses("local: '[fe80::1]:4789' is link-local: set bind_device", .remote = "[fd00::1]:4789",
		.local = "[fe80::1]:4789");
}

static void checks_peers(void **state)
{
	(void)state;
	accepts(.local = "0.0.0.0:4789", .learn = true);
	accepts(.local = "0.0.0.0:4789", .peers = WEIR_LIST("192.0.2.1:4789", "192.0.2.1:4790"));
	accepts(.local = "[::]:4789", .peers = WEIR_LIST("192.0.2.1:4789", "[fd00::1]:4789"));
	refuses("local: is needed without remote", .learn = true);
	refuses("remote: is needed, or peers, or learn: there is nobody to talk to", .local = "0.0.0.0:4789");
	refuses("remote: is needed, or peers, or learn: there is nobody to talk to", .local = "0.0.0.0:4789",
		.peers = WEIR_LIST(NULL));
	refuses("peers: is not possible with remote", .remote = "192.0.2.1:1",
		.peers = WEIR_LIST("192.0.2.1:4789"));
	refuses("learn: is not possible with remote", .remote = "192.0.2.1:1", .learn = true);
	refuses("peers[1]: '192.0.2.1' is not IPV4:PORT or [IPV6]:PORT", .local = "0.0.0.0:4789",
		.peers = WEIR_LIST("192.0.2.1:4789", "192.0.2.1"));
	refuses("peers[2]: '192.0.2.1:4789' is there twice", .local = "0.0.0.0:4789",
		.peers = WEIR_LIST("192.0.2.1:4789", "192.0.2.2:4789", "192.0.2.1:4789"));
	refuses("peers[0]: '[fd00::1]:4789' is not of the family of local, '0.0.0.0:4789'",
		.local = "0.0.0.0:4789", .peers = WEIR_LIST("[fd00::1]:4789"));
	refuses("peers[0]: '[fe80::1]:4789' is link-local: set bind_device", .local = "[::]:4789",
		.peers = WEIR_LIST("[fe80::1]:4789"));
	refuses("learn_max: needs learn", .remote = "192.0.2.1:1", .learn_max = 1);
	refuses("learn_seconds: needs learn", .remote = "192.0.2.1:1", .learn_seconds = 1);
	refuses("learn_max: 65535 and 1 peers are more than 65535", .local = "0.0.0.0:4789", .learn = true,
		.learn_max = 65535, .peers = WEIR_LIST("192.0.2.1:4789"));
	accepts(.local = "0.0.0.0:4789", .learn = true, .learn_max = 65534,
		.peers = WEIR_LIST("192.0.2.1:4789"));
	refuses("learn_seconds: 31536001 is more than 31536000", .local = "0.0.0.0:4789", .learn = true,
		.learn_seconds = 31536001);
}

static void checks_the_way(void **state)
{
	(void)state;
	accepts(.remote = "192.0.2.1:1", .dscp = 63, .ttl = 255, .df = true, .mark = UINT32_MAX,
		.receive_buffer = 1 << 30, .send_buffer = 1 << 30, .bind_device = "eth0",
		.netns = "/run/netns/red");
	refuses("dscp: 64 is more than 63", .remote = "192.0.2.1:1", .dscp = 64);
	refuses("ttl: 256 is more than 255", .remote = "192.0.2.1:1", .ttl = 256);
	refuses("receive_buffer: 1073741825 is more than 1073741824", .remote = "192.0.2.1:1",
		.receive_buffer = (1 << 30) + 1);
	refuses("send_buffer: 1073741825 is more than 1073741824", .remote = "192.0.2.1:1",
		.send_buffer = (1 << 30) + 1);
	refuses("bind_device: '' is not the name of a device", .remote = "192.0.2.1:1", .bind_device = "");
	refuses("bind_device: 'sixteen_bytes_xx' is not the name of a device", .remote = "192.0.2.1:1",
		.bind_device = "sixteen_bytes_xx");
	refuses("netns: is empty", .remote = "192.0.2.1:1", .netns = "");
}

/* All that is wrong is said at once. */
static void problems_come_together(void **state)
{
	(void)state;
	refuses("local: 'x' is not IPV4:PORT or [IPV6]:PORT\n"
		"remote: 'y' is not IPV4:PORT or [IPV6]:PORT\n"
		"dscp: 99 is more than 63",
		.local = "x", .remote = "y", .dscp = 99);
	assert_int_equal(err.problems, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_layer_and_size),   cmocka_unit_test(checks_addresses),
		cmocka_unit_test(checks_peers),           cmocka_unit_test(checks_the_way),
		cmocka_unit_test(problems_come_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
