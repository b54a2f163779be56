/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "ip.h"

static const struct weir_reason reasons[] = { WEIR__IP_REASONS };

/* The reason by which that many bytes are refused, "" if they are a packet. The bytes end where the heap
 * block does. */
static const char *check(const uint8_t *bytes, uint32_t len, struct weir__ip_check *ip)
{
	uint8_t *block = malloc(len ? len : 1);

	assert_non_null(block);
	memcpy(block, bytes, len);
	*ip = weir__ip_check(block, len);
	free(block);
	return ip->verdict == WEIR_NEXT ? "" : reasons[ip->verdict - 1].name;
}

static void ipv4_lengths(void **state)
{
	static const struct {
		uint8_t first;
		uint16_t total;
		uint32_t len;
		const char *reason;
	} rows[] = {
		{ 0x45, 20, 20, "" },
		{ 0x45, 20, 21, "" },
		{ 0x45, 21, 21, "" },
		{ 0x46, 24, 24, "" },
		{ 0x4f, 60, 60, "" },
		{ 0x4f, 61, 2000, "" },
		{ 0x45, 65535, 65535, "" },
		{ 0x45, 65535, 65600, "" },
		{ 0x45, 20, 0, "short" },
		{ 0x45, 20, 1, "short" },
		{ 0x45, 20, 19, "short" },
		{ 0x40, 20, 20, "header_length" },
		{ 0x44, 20, 20, "header_length" },
		{ 0x46, 24, 23, "header_length" },
		{ 0x4f, 60, 59, "header_length" },
		{ 0x45, 0, 20, "total_length" },
		{ 0x45, 19, 20, "total_length" },
		{ 0x45, 21, 20, "total_length" },
		{ 0x46, 23, 24, "total_length" },
		{ 0x4f, 59, 60, "total_length" },
		{ 0x45, 65535, 65534, "total_length" },
	};
	static uint8_t bytes[65600];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct weir__ip_check ip;

		bytes[0] = rows[i].first;
		bytes[2] = (uint8_t)(rows[i].total >> 8);
		bytes[3] = (uint8_t)rows[i].total;
		assert_string_equal(check(bytes, rows[i].len, &ip), rows[i].reason);
		if (rows[i].reason[0])
			continue;
		assert_int_equal(ip.family, 4);
		assert_int_equal(ip.length, rows[i].total);
	}
}

static void ipv6_lengths(void **state)
{
	static const struct {
		uint16_t payload;
		uint8_t next_header;
		uint32_t len;
		const char *reason;
	} rows[] = {
		{ 0, 59, 40, "" },
		{ 0, 59, 100, "" },
		{ 0, 17, 40, "" },
		{ 1, 17, 41, "" },
		{ 8, 0, 48, "" },
		{ 1240, 17, 1280, "" },
		{ 65495, 6, 65535, "" },
		{ 65535, 6, 65575, "" },
		{ 0, 59, 39, "short" },
		{ 0, 59, 20, "short" },
		{ 0, 59, 6, "short" },
		{ 0, 0, 40, "jumbogram" },
		{ 0, 0, 65600, "jumbogram" },
		{ 1, 17, 40, "total_length" },
		{ 9, 0, 48, "total_length" },
		{ 65535, 6, 65574, "total_length" },
	};
	static uint8_t bytes[65600];

	(void)state;
	bytes[0] = 0x60;
	for (size_t i = 0; i < countof(rows); i++) {
		struct weir__ip_check ip;

		bytes[4] = (uint8_t)(rows[i].payload >> 8);
		bytes[5] = (uint8_t)rows[i].payload;
		bytes[6] = rows[i].next_header;
		assert_string_equal(check(bytes, rows[i].len, &ip), rows[i].reason);
		if (rows[i].reason[0])
			continue;
		assert_int_equal(ip.family, 6);
		assert_int_equal(ip.length, 40 + rows[i].payload);
	}
}

static void only_versions_4_and_6(void **state)
{
	uint8_t bytes[64] = { [3] = 64, [5] = 24, [6] = 17 };
	struct weir__ip_check ip;

	(void)state;
	for (unsigned version = 0; version < 16; version++) {
		bytes[0] = (uint8_t)(version << 4 | 5);
		assert_string_equal(check(bytes, 64, &ip), version == 4 || version == 6 ? "" : "version");
	}
}

/* The traffic class and flow label of IPv6 lie where IPv4 has its lengths. */
static void ipv6_has_no_header_length(void **state)
{
	uint8_t bytes[41] = { 0x60, [5] = 1, [6] = 17 };
	struct weir__ip_check ip;

	(void)state;
	for (unsigned low = 0; low < 16; low++) {
		bytes[0] = (uint8_t)(0x60 | low);
		bytes[2] = (uint8_t)(low * 16);
		assert_string_equal(check(bytes, 41, &ip), "");
		assert_int_equal(ip.length, 41);
	}
}

static void accept_trims_and_counts(void **state)
{
	const struct weir__ip_check ip = { .family = 6, .length = 50 };
	struct weir_buf buf = { .len = 50 };
	uint64_t trimmed = 0;

	(void)state;
	weir__ip_accept(&buf, &ip, &trimmed);
	assert_int_equal(buf.family, 6);
	assert_int_equal(buf.len, 50);
	assert_int_equal(trimmed, 0);
	buf.len = 51;
	weir__ip_accept(&buf, &ip, &trimmed);
	assert_int_equal(buf.len, 50);
	assert_int_equal(trimmed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_lengths),
		cmocka_unit_test(ipv6_lengths),
		cmocka_unit_test(only_versions_4_and_6),
		cmocka_unit_test(ipv6_has_no_header_length),
		cmocka_unit_test(accept_trims_and_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
