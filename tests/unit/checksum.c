/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <sys/mman.h>

#include "test.h"

#include "checksum.h"

#define BYTES      70000
#define SMALL      2048 /* all sizes up to this one are tried */
#define ALIGNMENTS 64
#define ROOM       65536 /* whole pages on every processor */
#define CANARY     0xa5

static uint8_t bytes[BYTES], copied[BYTES];
static uint16_t expected[ALIGNMENTS][SMALL + 1]; /* of that many bytes from that offset on */

static const struct weir__checksum_code *codes;
static unsigned n_codes;

static uint16_t naive_byte(uint32_t sum, size_t i, uint8_t byte)
{
	sum += i % 2 ? byte : (uint32_t)byte << 8;
	return (uint16_t)((sum >> 16) + (sum & 0xffff));
}

/* RFC 1071 §4.1 word for word: big-endian words, one byte at a time. Not complemented, in host order. */
static uint16_t naive(uint16_t sum, const uint8_t *at, size_t size)
{
	for (size_t i = 0; i < size; i++)
		sum = naive_byte(sum, i, at[i]);
	return sum;
}

static uint16_t host(uint64_t sum)
{
	return ntohs(weir__checksum_fold(sum));
}

static uint16_t fast(const uint8_t *at, size_t size)
{
	return host(weir__checksum_add(0, at, size));
}

static uint32_t random_number(void)
{
	static uint32_t x = 1;

	x = x * 1664525 + 1013904223;
	return x >> 8;
}

static int fill(void **state)
{
	(void)state;
	for (size_t i = 0; i < BYTES; i++)
		bytes[i] = (uint8_t)(random_number() >> 8);
	for (size_t offset = 0; offset < ALIGNMENTS; offset++)
		for (size_t size = 0; size < SMALL; size++)
			expected[offset][size + 1] =
				naive_byte(expected[offset][size], size, bytes[offset + size]);
	codes = weir__checksum_codes(&n_codes);
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

/* The portable code is the last; the processor has the others for a reason. */
static void names_every_code(void **state)
{
	(void)state;
	assert_in_range(n_codes, 1, 8);
	assert_string_equal(codes[n_codes - 1].name, "portable");
	for (unsigned i = 0; i < n_codes; i++)
		print_message("%s\n", codes[i].name);
}

static void sums_every_size_at_every_alignment(void **state)
{
	(void)state;
	for (size_t offset = 0; offset < ALIGNMENTS; offset++)
		for (size_t size = 0; size <= SMALL; size++) {
			for (unsigned i = 0; i < n_codes; i++)
				assert_int_equal(host(codes[i].add(bytes + offset, size)),
						 expected[offset][size]);
			assert_int_equal(fast(bytes + offset, size), expected[offset][size]);
		}
}

/* Copies into the midst of canaries, and takes the copy away again. */
static void expect_copy(const struct weir__checksum_code *code, size_t to, size_t from, size_t size)
{
	uint8_t *begin = copied + ALIGNMENTS + to;
	const uint16_t sum = host(code ? code->copy(begin, bytes + from, size)
				       : weir__checksum_copy(begin, bytes + from, size));

	assert_int_equal(sum, size > SMALL ? naive(0, bytes + from, size) : expected[from][size]);
	assert_int_equal(memcmp(begin, bytes + from, size), 0);
	for (size_t i = 1; i <= ALIGNMENTS; i++)
		assert_true(begin[-(ptrdiff_t)i] == CANARY && begin[size + i - 1] == CANARY);
	memset(begin, CANARY, size);
}

static void copies_every_size_at_every_alignment(void **state)
{
	(void)state;
	memset(copied, CANARY, sizeof(copied));
	for (size_t to = 0; to < ALIGNMENTS; to++)
		for (size_t size = 0; size <= SMALL; size++)
			/* From each alignment too, not by each size. */
			expect_copy(&codes[size % n_codes], to, (size / n_codes + to * 5) % ALIGNMENTS, size);
	for (unsigned i = 0; i < n_codes; i++)
		for (size_t size = 0; size < SMALL; size++)
			expect_copy(&codes[i], random_number() % ALIGNMENTS, random_number() % ALIGNMENTS,
				    size);
	for (size_t size = 0; size < SMALL; size++)
		expect_copy(NULL, size % 7, size % 3, size);
}

static void takes_large_sizes(void **state)
{
	(void)state;
	memset(copied, CANARY, sizeof(copied));
	for (unsigned round = 0; round < 60; round++) {
		const size_t size = round < 4 ? 65533 + round : SMALL + random_number() % 60000;
		const size_t from = random_number() % ALIGNMENTS, to = random_number() % ALIGNMENTS;
		const uint16_t sum = naive(0, bytes + from, size);

		assert_int_equal(fast(bytes + from, size), sum);
		for (unsigned i = 0; i < n_codes; i++) {
			assert_int_equal(host(codes[i].add(bytes + from, size)), sum);
			expect_copy(&codes[i], to, from, size);
		}
	}
}

/* Some room between pages that nobody may touch. */
static uint8_t *fence_room(void)
{
	uint8_t *fence = mmap(NULL, (size_t)3 * ROOM, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(fence != MAP_FAILED);
	assert_int_equal(mprotect(fence + ROOM, ROOM, PROT_READ | PROT_WRITE), 0);
	return fence + ROOM;
}

static void touches_nothing_outside(void **state)
{
	uint8_t *from = fence_room(), *to = fence_room();

	(void)state;
	memcpy(from, bytes, ROOM);
	for (unsigned i = 0; i < n_codes; i++)
		for (size_t size = 0; size <= SMALL; size++) {
			const size_t last = ROOM - size;
			const uint16_t sum = host(codes[i].add(from + last, size));

			assert_int_equal(host(codes[i].add(from, size)), expected[0][size]);
			assert_int_equal(host(codes[i].copy(to, from, size)), expected[0][size]);
			assert_int_equal(host(codes[i].copy(to + last, from, size)), expected[0][size]);
			assert_int_equal(host(codes[i].copy(to, from + last, size)), sum);
		}
	munmap(from - ROOM, (size_t)3 * ROOM);
	munmap(to - ROOM, (size_t)3 * ROOM);
}

static void carries_through_ones(void **state)
{
	static uint8_t ones[BYTES];

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	assert_int_equal(fast(ones, 65534), 0xffff);
	assert_int_equal(fast(ones, 65535), naive(0, ones, 65535));
	assert_int_equal(weir__checksum_fold(UINT64_MAX), 0xffff);
	assert_int_equal(weir__checksum_fold(weir__checksum_add(UINT64_MAX, ones, 65534)), 0xffff);
	for (unsigned i = 0; i < n_codes; i++) {
		for (size_t size = 0; size <= SMALL; size++)
			assert_int_equal(host(codes[i].add(ones + size % 64, size)), naive(0, ones, size));
		assert_int_equal(host(codes[i].add(ones, BYTES)), 0xffff);
		assert_int_equal(host(codes[i].copy(copied, ones, BYTES)), 0xffff);
		assert_memory_equal(copied, ones, BYTES);
	}
}

/* A sum that is 0 says that there was nothing but zeros: 0xffff, the other zero, is not made of them. */
static void keeps_the_zeros_apart(void **state)
{
	static const uint8_t zeros[BYTES];

	(void)state;
	assert_int_equal(weir__checksum_fold(0), 0);
	for (unsigned i = 0; i < n_codes; i++) {
		assert_int_equal(codes[i].add(zeros, BYTES), 0);
		assert_int_equal(codes[i].copy(copied, zeros, BYTES), 0);
	}
	for (unsigned i = 0; i < 100000; i++) {
		const uint64_t sum = ((uint64_t)random_number() << 40 ^ (uint64_t)random_number() << 20 ^
				      random_number()) >>
				     i % 64;

		assert_int_equal(weir__checksum_fold(sum) % 65535, sum % 65535);
		assert_int_equal(weir__checksum_fold(sum) == 0, sum == 0);
		assert_int_equal(weir__checksum_fold(sum - sum % 65535) == 0, sum < 65535);
	}
}

static void can_be_continued(void **state)
{
	(void)state;
	for (size_t split = 0; split <= 1000; split += 2) {
		uint64_t sum = weir__checksum_add(0, bytes, split);

		assert_int_equal(host(weir__checksum_add(sum, bytes + split, 1001 - split)),
				 expected[0][1001]);
		sum += weir__checksum_copy(copied, bytes + split, 1001 - split);
		assert_int_equal(host(sum), expected[0][1001]);
	}
	for (unsigned round = 0; round < 1000; round++) {
		const size_t end = random_number() % BYTES;
		uint64_t sum = round % 2 ? UINT64_MAX : 0;
		size_t at = 0;

		for (size_t next; end - at >= 2; at = next) {
			next = at + (1 + random_number() % ((end - at) / 2)) * 2;
			sum = weir__checksum_add(sum, bytes + at, next - at);
		}
		sum = weir__checksum_add(sum, bytes + at, end - at);
		assert_int_equal(host(sum), naive(round % 2 ? 0xffff : 0, bytes, end));
	}
}

static void sums_pseudo_headers(void **state)
{
	uint8_t header4[12], header6[40];

	(void)state;
	memcpy(header4, bytes, 8);
	memcpy(header4 + 8, (const uint8_t[]){ 0, 17, 0xab, 0xcd }, 4);
	assert_int_equal(host(weir__checksum_pseudo4(bytes, 17, 0xabcd)), naive(0, header4, 12));

	memcpy(header6, bytes, 32);
	memcpy(header6 + 32, (const uint8_t[]){ 0, 1, 0x23, 0x45, 0, 0, 0, 6 }, 8);
	assert_int_equal(host(weir__checksum_pseudo6(bytes, 6, 0x12345)), naive(0, header6, 40));
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
		cmocka_unit_test(is_the_sum_of_the_rfc),
		cmocka_unit_test(names_every_code),
		cmocka_unit_test(sums_every_size_at_every_alignment),
		cmocka_unit_test(copies_every_size_at_every_alignment),
		cmocka_unit_test(takes_large_sizes),
		cmocka_unit_test(touches_nothing_outside),
		cmocka_unit_test(carries_through_ones),
		cmocka_unit_test(keeps_the_zeros_apart),
		cmocka_unit_test(can_be_continued),
		cmocka_unit_test(sums_pseudo_headers),
		cmocka_unit_test(never_stores_zero_for_udp),
	};

	return cmocka_run_group_tests(tests, fill, NULL);
}
