/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "address.h"

static const uint8_t untouched[16] = "untouched bytes";

static void mac_is_six_bytes(void **state)
{
	static const uint8_t expected[6] = { 0x02, 0x00, 0xab, 0xCD, 0xef, 0x01 };
	static const char *const good[] = { "02:00:ab:cd:ef:01", "02-00-ab-cd-ef-01", "02:00:AB:CD:EF:01" };
	static const char *const bad[] = {
		"",
		":",
		"02",
		"02:00:ab:cd:ef",
		"02:00:ab:cd:ef:01:",
		"02:00:ab:cd:ef:01:02",
		"02:00:ab:cd:ef:1",
		"2:0:ab:cd:ef:01",
		"02:00-ab:cd:ef:01",
		"02-00-ab-cd-ef:01",
		"02:00:ab:cd:ef:0g",
		"02:00:ab:cd:ef: 1",
		" 02:00:ab:cd:ef:01",
		"02:00:ab:cd:ef:01 ",
		"02:00:ab:cd:ef:01/48",
		"0200abcdef01",
		"02::ab:cd:ef:01",
		"02:00:ab:cd:ef:\x01\x02",
	};
	uint8_t mac[6];

	(void)state;
	for (size_t i = 0; i < countof(good); i++) {
		memset(mac, 0, sizeof(mac));
		assert_true(weir__mac_parse(good[i], mac));
		assert_memory_equal(mac, expected, 6);
	}
	for (size_t i = 0; i < countof(bad); i++) {
		memcpy(mac, untouched, 6);
		if (weir__mac_parse(bad[i], mac))
			fail_msg("'%s' was taken", bad[i]);
		assert_memory_equal(mac, untouched, 6);
	}
}

static void mac_prefix_is_bytes_or_bits(void **state)
{
	static const struct {
		const char *text;
		uint8_t mac[6];
		unsigned bits;
	} good[] = {
		{ "02:00:00:00:00:01", { 2, 0, 0, 0, 0, 1 }, 48 },
		{ "02-00-00-00-00-01", { 2, 0, 0, 0, 0, 1 }, 48 },
		{ "00:1b:21", { 0, 0x1b, 0x21 }, 24 },
		{ "00", { 0 }, 8 },
		{ "00:1b:21:00", { 0, 0x1b, 0x21 }, 32 },
		{ "70:b3:d5:12:30:00/36", { 0x70, 0xb3, 0xd5, 0x12, 0x30 }, 36 },
		{ "70:b3:d5:12:30/36", { 0x70, 0xb3, 0xd5, 0x12, 0x30 }, 36 },
		{ "02:00:00:00:00:01/48", { 2, 0, 0, 0, 0, 1 }, 48 },
		{ "02:00:00:00:00:00/47", { 2 }, 47 },
		{ "02:00:00:00:00:02/47", { 2, 0, 0, 0, 0, 2 }, 47 },
		{ "00:00:00:00:00:00/0", { 0 }, 0 },
		{ "80:00:00:00:00:00/1", { 0x80 }, 1 },
	};
	static const char *const bad[] = {
		"",
		"/24",
		"zz",
		"00:1b:21:",
		"00:1b:21/",
		"00:1b:21/25",
		"00:1b:21/23",
		"00:1b:21/-1",
		"00:1b:21/024",
		"00:1b:21/24 ",
		"00:1b:21/4294967320",
		"02:00:00:00:00:01/47",
		"02:00:00:00:00:01/49",
		"70:b3:d5:12:38:00/36",
		"40:00:00:00:00:00/1",
		"01:00:00:00:00:00/0",
		"02:00:00:00:00:01:02",
		"02:00:00:00:00:01:",
		"02:00:00:00:00:01:/48",
	};
	uint8_t mac[6];
	unsigned bits;

	(void)state;
	for (size_t i = 0; i < countof(good); i++) {
		if (!weir__mac_prefix_parse(good[i].text, mac, &bits))
			fail_msg("'%s' was not taken", good[i].text);
		assert_memory_equal(mac, good[i].mac, 6);
		assert_int_equal(bits, good[i].bits);
	}
	for (size_t i = 0; i < countof(bad); i++) {
		memcpy(mac, untouched, 6);
		bits = 99;
		if (weir__mac_prefix_parse(bad[i], mac, &bits))
			fail_msg("'%s' was taken", bad[i]);
		assert_memory_equal(mac, untouched, 6);
		assert_int_equal(bits, 99);
	}
}

static void ip_is_of_either_family(void **state)
{
	static const uint8_t v4[4] = { 10, 0, 0, 1 };
	static const uint8_t v6[16] = { 0xfd, [15] = 1 };
	static const uint8_t mapped[16] = { [10] = 0xff, 0xff, 10, 0, 0, 1 };
	static const char *const bad[] = { "",           "10.0.0",      "10.0.0.256", "10.0.0.01",
					   "10.0.0.1 ",  "10.0.0.1/24", "fd00::1%lo", "fd00:::1",
					   "fd00::1/64", ":",           "host" };
	struct weir__ip ip;

	(void)state;
	assert_true(weir__ip_parse("10.0.0.1", &ip));
	assert_int_equal(ip.family, 4);
	assert_memory_equal(ip.bytes, v4, 4);
	assert_true(weir__ip_parse("fd00::1", &ip));
	assert_int_equal(ip.family, 6);
	assert_memory_equal(ip.bytes, v6, 16);
	assert_true(weir__ip_parse("::ffff:10.0.0.1", &ip));
	assert_int_equal(ip.family, 6);
	assert_memory_equal(ip.bytes, mapped, 16);
	for (size_t i = 0; i < countof(bad); i++) {
		ip.family = 99;
		if (weir__ip_parse(bad[i], &ip))
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(ip.family, 99);
	}
}

static void ip_prefix_may_have_host_bits(void **state)
{
	static const struct {
		const char *text;
		uint8_t family;
		unsigned bits;
	} good[] = {
		{ "10.0.0.1/24", 4, 24 },
		{ "10.0.0.1", 4, 32 },
		{ "10.0.0.1/32", 4, 32 },
		{ "0.0.0.0/0", 4, 0 },
		{ "fd00::1/64", 6, 64 },
		{ "fd00::1", 6, 128 },
		{ "fd00::1/128", 6, 128 },
		{ "::/0", 6, 0 },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128", 6, 128 },
	};
	static const char *const bad[] = {
		"",
		"/24",
		"10.0.0.1/",
		"10.0.0.1/33",
		"10.0.0.1/-1",
		"10.0.0.1/+8",
		"10.0.0.1/08",
		"10.0.0.1/8/8",
		"10.0.0.1/255.255.255.0",
		"10.0.0.1/4294967304",
		"10.0.0.1/99999999999999999999999999",
		"fd00::1/129",
		"0000:0000:0000:0000:0000:0000:255.255.255.255000000000/128",
	};
	static const uint8_t host[4] = { 10, 0, 0, 1 };
	struct weir__ip ip;
	unsigned bits;

	(void)state;
	for (size_t i = 0; i < countof(good); i++) {
		if (!weir__ip_prefix_parse(good[i].text, &ip, &bits))
			fail_msg("'%s' was not taken", good[i].text);
		assert_int_equal(ip.family, good[i].family);
		assert_int_equal(bits, good[i].bits);
	}
	for (size_t i = 0; i < countof(bad); i++) {
		ip.family = 99;
		bits = 999;
		if (weir__ip_prefix_parse(bad[i], &ip, &bits))
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(ip.family, 99);
		assert_int_equal(bits, 999);
	}
	assert_true(weir__ip_prefix_parse("10.0.0.1/8", &ip, &bits));
	assert_memory_equal(ip.bytes, host, 4);
}

static void ip_port_has_both(void **state)
{
	static const struct {
		const char *text;
		uint8_t family;
		uint16_t port;
	} good[] = {
		{ "10.0.0.1:4789", 4, 4789 },
		{ "10.0.0.1:0", 4, 0 },
		{ "0.0.0.0:65535", 4, 65535 },
		{ "[fd00::1]:4789", 6, 4789 },
		{ "[::]:1", 6, 1 },
		{ "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535", 6, 65535 },
	};
	static const char *const bad[] = {
		"",
		":",
		":1",
		"[",
		"[]",
		"[]:1",
		"10.0.0.1",
		"10.0.0.1:",
		"10.0.0.1:65536",
		"10.0.0.1:-1",
		"10.0.0.1: 1",
		"10.0.0.1:01",
		"10.0.0.1:1 ",
		"10.0.0.1:1:1",
		"10.0.0.1:4294967297",
		"10.0.0.1/24:1",
		"[10.0.0.1]:1",
		"fd00::1:4789",
		"[fd00::1]",
		"[fd00::1]4789",
		"[fd00::1:4789",
		"[fd00::1]:",
		"[fd00::1%lo]:1",
		"[[fd00::1]]:1",
		"[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2550000]:1",
		"localhost:1",
	};
	struct weir__ip ip;
	uint16_t port;

	(void)state;
	for (size_t i = 0; i < countof(good); i++) {
		if (!weir__ip_port_parse(good[i].text, &ip, &port))
			fail_msg("'%s' was not taken", good[i].text);
		assert_int_equal(ip.family, good[i].family);
		assert_int_equal(port, good[i].port);
	}
	for (size_t i = 0; i < countof(bad); i++) {
		ip.family = 99;
		port = 999;
		if (weir__ip_port_parse(bad[i], &ip, &port))
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(ip.family, 99);
		assert_int_equal(port, 999);
	}
}

static void group_has_a_mac(void **state)
{
	static const struct {
		const char *group;
		const char *mac;
	} golden[] = {
		{ "224.0.0.1", "01:00:5e:00:00:01" },       { "224.0.0.251", "01:00:5e:00:00:fb" },
		{ "239.129.2.3", "01:00:5e:01:02:03" },     { "239.255.255.250", "01:00:5e:7f:ff:fa" },
		{ "ff02::1", "33:33:00:00:00:01" },         { "ff02::1:ff28:9c5a", "33:33:ff:28:9c:5a" },
		{ "ff0e::8123:4567", "33:33:81:23:45:67" },
	};

	(void)state;
	for (size_t i = 0; i < countof(golden); i++) {
		uint8_t mac[6], expected[6];
		struct weir__ip ip;

		assert_true(weir__ip_parse(golden[i].group, &ip));
		assert_true(weir__mac_parse(golden[i].mac, expected));
		weir__mac_of_group(&ip, mac);
		assert_memory_equal(mac, expected, 6);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mac_is_six_bytes),       cmocka_unit_test(mac_prefix_is_bytes_or_bits),
		cmocka_unit_test(ip_is_of_either_family), cmocka_unit_test(ip_prefix_may_have_host_bits),
		cmocka_unit_test(ip_port_has_both),       cmocka_unit_test(group_has_a_mac),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
