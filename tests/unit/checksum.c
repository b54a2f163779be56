/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>

#include "test.h"

#include "checksum.h"

#define BYTES 70000

static uint8_t bytes[BYTES];

/* RFC 1071 §4.1 word for word: big-endian words, one at a time. Not complemented, in host order. */
static uint16_t naive(uint32_t sum, const uint8_t *at, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
		sum = (sum >> 16) + (sum & 0xffff);
	}
	return (uint16_t)sum;
}

static uint16_t fast(const uint8_t *at, size_t size)
{
	return ntohs(weir__checksum_fold(weir__checksum_add(0, at, size)));
}

static int fill(void **state)
{
	uint32_t x = 1;

	(void)state;
	for (size_t i = 0; i < BYTES; i++) {
		x = x * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(x >> 24);
	}
	return 0;
}

static void is_the_sum_of_the_rfc(void **state)
{
	/* RFC 1071 §3. */
	static const uint8_t example[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	(void)state;
	assert_int_equal(fast(example, sizeof(example)), 0xddf2);
	assert_int_equal(ntohs(weir__checksum_finish(weir__checksum_add(0, example, sizeof(example)))),
			 0x220d);
}

static void agrees_with_the_naive_sum(void **state)
{
	static const size_t large[] = { 1499, 1500, 65534, 65535 };

	(void)state;
	for (size_t offset = 0; offset < 16; offset++) {
		for (size_t size = 0; size < 300; size++)
			assert_int_equal(fast(bytes + offset, size), naive(0, bytes + offset, size));
		for (size_t i = 0; i < countof(large); i++)
			assert_int_equal(fast(bytes + offset, large[i]), naive(0, bytes + offset, large[i]));
	}
}

static void carries_through_ones(void **state)
{
	static uint8_t ones[65535];

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	assert_int_equal(fast(ones, 65534), 0xffff);
	assert_int_equal(fast(ones, 65535), naive(0, ones, 65535));
	assert_int_equal(weir__checksum_fold(UINT64_MAX), 0xffff);
	assert_int_equal(weir__checksum_fold(weir__checksum_add(UINT64_MAX, ones, 65534)), 0xffff);
	assert_int_equal(weir__checksum_fold(0), 0);
}

static void can_be_continued(void **state)
{
	(void)state;
	for (size_t split = 0; split <= 1000; split += 2) {
		uint64_t sum = weir__checksum_add(0, bytes, split);

		sum = weir__checksum_add(sum, bytes + split, 1001 - split);
		assert_int_equal(ntohs(weir__checksum_fold(sum)), naive(0, bytes, 1001));
	}
}

static void sums_pseudo_headers(void **state)
{
	uint8_t header4[12], header6[40];

	(void)state;
	memcpy(header4, bytes, 8);
	memcpy(header4 + 8, (const uint8_t[]){ 0, 17, 0xab, 0xcd }, 4);
	assert_int_equal(ntohs(weir__checksum_fold(weir__checksum_pseudo4(bytes, 17, 0xabcd))),
			 naive(0, header4, 12));

	memcpy(header6, bytes, 32);
	memcpy(header6 + 32, (const uint8_t[]){ 0, 1, 0x23, 0x45, 0, 0, 0, 6 }, 8);
	assert_int_equal(ntohs(weir__checksum_fold(weir__checksum_pseudo6(bytes, 6, 0x12345))),
			 naive(0, header6, 40));
}

static void never_stores_zero_for_udp(void **state)
{
	static const uint8_t ones[] = { 0xff, 0xff };

	(void)state;
	assert_int_equal(weir__checksum_finish(weir__checksum_add(0, ones, 2)), 0);
	assert_int_equal(weir__checksum_finish_udp(weir__checksum_add(0, ones, 2)), 0xffff);
	assert_int_equal(ntohs(weir__checksum_finish_udp(weir__checksum_add(0, bytes, 100))),
			 (uint16_t)~naive(0, bytes, 100));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_the_sum_of_the_rfc), cmocka_unit_test(agrees_with_the_naive_sum),
		cmocka_unit_test(carries_through_ones),  cmocka_unit_test(can_be_continued),
		cmocka_unit_test(sums_pseudo_headers),   cmocka_unit_test(never_stores_zero_for_udp),
	};

	return cmocka_run_group_tests(tests, fill, NULL);
}
