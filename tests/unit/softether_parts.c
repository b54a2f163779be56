/* SPDX-License-Identifier: Apache-2.0 */
/* The small parts of the session: hash, compression, flows, addresses, refusals. */
#include "test.h"

#include "softether/auth.h"
#include "softether/compress.h"
#include "softether/flow.h"
#include "softether/frame.h"
#include "softether/macs.h"
#include "softether/refusal.h"
#include "softether/sha0.h"

static void assert_hex(const uint8_t *bytes, size_t n, const char *hex)
{
	char text[2 * 64 + 1];

	assert_true(n <= 64);
	for (size_t i = 0; i < n; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	assert_string_equal(text, hex);
}

static void hashes_as_sha0(void **unused)
{
	uint8_t digest[WEIR__SE_SHA0_SIZE], again[WEIR__SE_SHA0_SIZE];
	uint8_t bytes[130];

	(void)unused;
	weir__se_sha0(NULL, 0, NULL, 0, digest);
	assert_hex(digest, sizeof(digest), "f96cea198ad1dd5617ac084a3d92c6107708c0ef");
	weir__se_sha0("ab", 2, "c", 1, digest);
	assert_hex(digest, sizeof(digest), "0164b8a914cd2a5e74c4f7ff082c4d97f1edf880");
	weir__se_sha0("abcdbcdecdefdefgefghfghighijhijk", 32, "ijkljklmklmnlmnomnopnopq", 24, digest);
	assert_hex(digest, sizeof(digest), "d2516ee1acfa5baf33dfc1c471e438449ef134c8");
	/* Wherever it is parted, also around the end of a block. */
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	weir__se_sha0(bytes, sizeof(bytes), NULL, 0, digest);
	for (size_t i = 0; i <= sizeof(bytes); i++) {
		weir__se_sha0(bytes, i, bytes + i, sizeof(bytes) - i, again);
		assert_memory_equal(digest, again, sizeof(digest));
	}
}

static void hashes_a_password(void **unused)
{
	uint8_t hash[WEIR__SE_SHA0_SIZE], proof[WEIR__SE_SHA0_SIZE], random[WEIR__SE_RANDOM];

	(void)unused;
	for (size_t i = 0; i < sizeof(random); i++)
		random[i] = (uint8_t)i;
	weir__se_password_hash("pw-one", 6, "u1", hash);
	assert_hex(hash, sizeof(hash), "eb4bb1a52e4790b083347cd4e0a8c87b38f69183");
	weir__se_sha0(hash, sizeof(hash), random, sizeof(random), proof);
	assert_hex(proof, sizeof(proof), "66554f2c0d61c32ab9a1b11a8b6e51fce2bf88d3");
}

static void compresses_and_back(void **unused)
{
	struct weir__se_deflater deflater = { 0 };
	struct weir__se_inflater inflater = { 0 };
	uint8_t frame[WEIR__SE_FRAME_MAX], block[2 * WEIR__SE_FRAME_MAX], again[WEIR__SE_FRAME_MAX];
	uint32_t seed = 1;

	(void)unused;
	assert_int_equal(weir__se_deflater_open(&deflater), 0);
	assert_int_equal(weir__se_inflater_open(&inflater), 0);
	for (size_t n = 1; n <= sizeof(frame); n += 13) {
		const size_t bound = weir__se_deflated_bound(&deflater, n);
		size_t block_n;

		/* What cannot become shorter is what needs all of the bound. */
		for (size_t i = 0; i < n; i++)
			frame[i] = (uint8_t)((seed = seed * 1103515245 + 12345) >> 24);
		assert_true(bound <= sizeof(block));
		block_n = weir__se_deflate(&deflater, block, bound, frame, n);
		assert_true(block_n > 0);
		assert_int_equal(weir__se_inflate(&inflater, again, sizeof(again), block, block_n), n);
		assert_memory_equal(frame, again, n);
		/* Not whole, or longer than there is room. */
		assert_int_equal(weir__se_inflate(&inflater, again, sizeof(again), block, block_n - 1),
				 -EBADMSG);
		assert_int_equal(weir__se_inflate(&inflater, again, n - 1, block, block_n), -EBADMSG);
	}
	assert_int_equal(weir__se_inflate(&inflater, again, sizeof(again), frame, 100), -EBADMSG);
	weir__se_deflater_close(&deflater);
	weir__se_inflater_close(&inflater);
}

static uint32_t hash(const uint8_t *frame, uint32_t n)
{
	uint8_t *exact = malloc(n); /* so that a sanitizer sees a byte too many */
	uint32_t value;

	assert_non_null(exact);
	memcpy(exact, frame, n);
	value = weir__se_flow_hash(exact, n);
	free(exact);
	return value;
}

static void flows_are_told_apart(void **unused)
{
	uint8_t frame[64] = { [12] = 0x08, [14] = 0x45, [23] = 17, [26] = 10, [30] = 10 };
	const uint32_t first = hash(frame, sizeof(frame));

	(void)unused;
	frame[50] = 1; /* payload */
	assert_int_equal(hash(frame, sizeof(frame)), first);
	frame[35] = 1; /* source port */
	assert_int_not_equal(hash(frame, sizeof(frame)), first);
	frame[20] = 0x20; /* more fragments: the first goes where the others do */
	assert_int_not_equal(hash(frame, sizeof(frame)), first);
	frame[35] = 0;
	frame[33] = 7; /* destination */
	assert_int_not_equal(hash(frame, sizeof(frame)), first);
	frame[12] = 0x86;
	frame[13] = 0xdd;
	assert_int_not_equal(hash(frame, sizeof(frame)), first);
	for (uint32_t n = WEIR__SE_FRAME_MIN; n < sizeof(frame); n++)
		hash(frame, n);
	frame[12] = 0x08;
	frame[13] = 0x00;
	frame[14] = 0x4f; /* a header that is longer than the frame */
	for (uint32_t n = WEIR__SE_FRAME_MIN; n < sizeof(frame); n++)
		hash(frame, n);
}

static void see(struct weir__se_macs *macs, uint8_t first, uint8_t last)
{
	const uint8_t frame[14] = { [6] = first, [11] = last };

	weir__se_macs_see(macs, frame);
}

static void remembers_the_newest_sources(void **unused)
{
	struct weir__se_macs macs = { 0 };

	(void)unused;
	see(&macs, 0, 0);
	see(&macs, 0x01, 1); /* a group */
	assert_int_equal(macs.n, 0);
	for (uint8_t i = 1; i <= WEIR__SE_MACS + 3; i++)
		see(&macs, 0x02, i);
	assert_int_equal(macs.n, WEIR__SE_MACS);
	see(&macs, 0x02, 10);
	see(&macs, 0x02, 10);
	assert_int_equal(macs.n, WEIR__SE_MACS);
	assert_int_equal(macs.mac[0], UINT64_C(0x02000000000a));
	assert_int_equal(macs.mac[1], UINT64_C(0x020000000000) + WEIR__SE_MACS + 3);
	for (unsigned i = 0; i < macs.n; i++)
		for (unsigned j = 0; j < i; j++)
			assert_int_not_equal(macs.mac[i], macs.mac[j]);
}

static void announces_an_address(void **unused)
{
	uint8_t frame[WEIR__SE_ANNOUNCE];

	(void)unused;
	weir__se_announcement(UINT64_C(0x5e0000aa0001), frame);
	assert_hex(frame, 42,
		   "ffffffffffff5e0000aa0001803500010800060400035e0000aa0001000000005e0000aa000100000000");
}

static void knows_what_is_final(void **unused)
{
	static const uint32_t final[] = { 7, 8, 9, 12, 51, 87, 107, 109 };
	static const uint32_t passing[] = { 1, 3, 10, 11, 13, 16, 20, 4711 };

	(void)unused;
	for (size_t i = 0; i < countof(final); i++)
		assert_true(weir__se_refusal(final[i])->fatal);
	for (size_t i = 0; i < countof(passing); i++) {
		assert_false(weir__se_refusal(passing[i])->fatal);
		assert_true(weir__se_refusal(passing[i])->error < 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_as_sha0),
		cmocka_unit_test(hashes_a_password),
		cmocka_unit_test(compresses_and_back),
		cmocka_unit_test(flows_are_told_apart),
		cmocka_unit_test(remembers_the_newest_sources),
		cmocka_unit_test(announces_an_address),
		cmocka_unit_test(knows_what_is_final),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
