/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <openssl/evp.h>

#include "softether/bytes.h"
#include "softether/udp_accel.h"

#define MS    UINT64_C(1000000)
#define S     (1000 * MS)
#define START (12345 * S)

#define MINE   0x11223344
#define THEIRS 0x55667788
#define ROOM   2048

static uint8_t key[WEIR__SE_ACCEL_KEY], peer_key[WEIR__SE_ACCEL_KEY];
static const uint8_t frame[] = { 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46,
				 0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d };

static int fill_keys(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WEIR__SE_ACCEL_KEY; i++) {
		peer_key[i] = (uint8_t)i;
		key[i] = (uint8_t)(i + WEIR__SE_ACCEL_KEY);
	}
	return 0;
}

static void begin(struct weir__se_accel *accel, bool clear, bool fast)
{
	const struct weir__se_accel_options options = {
		.clear = clear,
		.fast = fast,
		.cookie = MINE,
		.peer_cookie = THEIRS,
		.key = key,
		.peer_key = peer_key,
	};

	assert_int_equal(weir__se_accel_begin(accel, &options, START), 0);
}

/* --- a peer that is written anew from the description --- */

struct packet {
	uint32_t cookie;
	uint64_t tick, echo;
	uint16_t length;
	uint8_t flag;
	size_t n; /* bytes that follow the header */
};

static size_t write_packet(uint8_t *bytes, const struct packet *packet)
{
	weir__se_store32(bytes, packet->cookie);
	weir__se_store64(bytes + 4, packet->tick);
	weir__se_store64(bytes + 12, packet->echo);
	weir__se_store16(bytes + 20, packet->length);
	bytes[22] = packet->flag;
	memset(bytes + 23, 0, packet->n);
	memcpy(bytes + 23, frame, packet->n < sizeof(frame) ? packet->n : sizeof(frame));
	return 23 + packet->n;
}

static size_t seal_packet(uint8_t *datagram, const struct packet *packet)
{
	static uint8_t nonce;
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	uint8_t clear[ROOM];
	const int n = (int)write_packet(clear, packet);
	int done, rest;

	memset(datagram, nonce++, 12);
	assert_int_equal(EVP_EncryptInit_ex(cipher, EVP_chacha20_poly1305(), NULL, peer_key, datagram), 1);
	assert_int_equal(EVP_EncryptUpdate(cipher, datagram + 12, &done, clear, n), 1);
	assert_int_equal(EVP_EncryptFinal_ex(cipher, datagram + 12 + done, &rest), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, 16, datagram + 12 + n), 1);
	EVP_CIPHER_CTX_free(cipher);
	return 12 + n + 16;
}

static enum weir__se_accel_kind take(struct weir__se_accel *accel, uint64_t now, const struct packet *packet,
				     struct weir__se_accel_piece *piece)
{
	uint8_t datagram[ROOM];
	const size_t n = accel->clear ? write_packet(datagram, packet) : seal_packet(datagram, packet);

	return weir__se_accel_open(accel, now, datagram, n, piece);
}

/* A keepalive that comes after ms, with an echo of what was sent lag_ms before; 0: with none. */
static void keepalive(struct weir__se_accel *accel, uint64_t ms, uint64_t lag_ms)
{
	const struct packet packet = {
		.cookie = MINE,
		.tick = 500000 + ms,
		.echo = lag_ms ? ms + 1 - lag_ms : 0,
	};
	struct weir__se_accel_piece piece;

	assert_int_equal(take(accel, START + ms * MS, &packet, &piece), WEIR__SE_ACCEL_ALIVE);
}

static bool ready(const struct weir__se_accel *accel, uint64_t ms)
{
	return weir__se_accel_ready(accel, START + ms * MS);
}

/* --- datagrams --- */

static unsigned digit(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static size_t from_hex(uint8_t *bytes, const char *text)
{
	size_t n = 0;

	for (; *text; text += 2)
		bytes[n++] = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
	return n;
}

/* Both vectors are from an implementation of RFC 8439 that shares nothing with OpenSSL, itself checked with
 * the example of its section 2.8.2. */
static void opens_what_another_implementation_sealed(void **state)
{
	(void)state;
	struct weir__se_accel accel;
	struct weir__se_accel_piece piece;
	uint8_t datagram[ROOM];
	const size_t n = from_hex(
		datagram, "a0a1a2a3a4a5a6a7a8a9aaab1d894b1b4de6c2aca20cf711fcfafdfb9d5ed3b8436460e3f59a98f5"
			  "3424844425ca5dc6e3c9ff8ac6ccccc81be4a99ec4316747d53f7f2ff80e");

	begin(&accel, false, true);
	assert_int_equal(weir__se_accel_open(&accel, START + 6 * MS, datagram, n, &piece),
			 WEIR__SE_ACCEL_FRAME);
	assert_int_equal(piece.n, sizeof(frame));
	assert_memory_equal(datagram + piece.offset, frame, sizeof(frame));
	assert_false(piece.compressed);
	assert_true(piece.newest);
	assert_int_equal(accel.peer_tick, 0x0102030405);
	assert_int_equal(accel.echo, 7);
	weir__se_accel_end(&accel);
}

static void seals_as_another_implementation_does(void **state)
{
	(void)state;
	struct weir__se_accel accel;
	uint8_t datagram[ROOM], expected[ROOM];
	const size_t n = from_hex(
		expected, "0000000000000000000000007f3a6d253e5aeecbcd312616a4ddad2a76c86ab9c374c028e67011e2"
			  "565e4cc35dc1102e93c73ae1cd7508a14a8fe21450d0ef6f41");

	begin(&accel, false, true);
	assert_int_equal(weir__se_accel_seal(&accel, START + S, datagram, frame, sizeof(frame), true), n);
	assert_int_equal(n, sizeof(frame) + weir__se_accel_cover(&accel));
	assert_memory_equal(datagram, expected, n);
	weir__se_accel_end(&accel);
}

static void never_uses_a_nonce_again(void **state)
{
	(void)state;
	struct weir__se_accel accel;
	uint8_t nonces[600][12], datagram[ROOM];

	begin(&accel, false, true);
	for (unsigned i = 0; i < countof(nonces); i++) {
		assert_true(weir__se_accel_seal(&accel, START, datagram, frame, i % 2, false) > 0);
		memcpy(nonces[i], datagram, 12);
		for (unsigned k = 0; k < i; k++)
			assert_memory_not_equal(nonces[i], nonces[k], 12);
	}
	weir__se_accel_end(&accel);
}

static void speaks_in_the_clear_only_where_told(void **state)
{
	(void)state;
	const struct packet packet = { .cookie = MINE, .tick = 5, .length = 14, .flag = 1, .n = 14 };
	struct weir__se_accel accel;
	struct weir__se_accel_piece piece;
	uint8_t datagram[ROOM];

	begin(&accel, true, false);
	assert_int_equal(take(&accel, START, &packet, &piece), WEIR__SE_ACCEL_FRAME);
	assert_int_equal(piece.offset, 23);
	assert_true(piece.compressed);
	assert_int_equal(weir__se_accel_seal(&accel, START, datagram, frame, sizeof(frame), false),
			 23 + sizeof(frame));
	assert_int_equal(weir__se_load32(datagram), THEIRS);
	assert_int_equal(weir__se_load64(datagram + 12), 5);
	assert_memory_equal(datagram + 23, frame, sizeof(frame));
	weir__se_accel_end(&accel);

	begin(&accel, false, false);
	assert_int_equal(
		weir__se_accel_open(&accel, START, datagram, write_packet(datagram, &packet), &piece),
		WEIR__SE_ACCEL_FORGED);
	weir__se_accel_end(&accel);
}

static void refuses_each_changed_bit_and_each_cut(void **state)
{
	(void)state;
	const struct packet packet = { .cookie = MINE, .tick = 5, .length = 14, .n = 20 };
	struct weir__se_accel accel;
	struct weir__se_accel_piece piece;
	uint8_t datagram[ROOM], changed[ROOM];
	const size_t n = seal_packet(datagram, &packet);

	begin(&accel, false, false);
	for (size_t bit = 0; bit < 8 * n; bit++) {
		memcpy(changed, datagram, n);
		changed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(weir__se_accel_open(&accel, START, changed, n, &piece),
				 WEIR__SE_ACCEL_FORGED);
	}
	for (size_t cut = 0; cut < n; cut++) {
		memcpy(changed, datagram, n);
		assert_int_equal(weir__se_accel_open(&accel, START, changed, cut, &piece),
				 WEIR__SE_ACCEL_FORGED);
	}
	assert_int_equal(accel.peer_tick, 0);
	assert_int_equal(weir__se_accel_open(&accel, START, datagram, n, &piece), WEIR__SE_ACCEL_FRAME);
	weir__se_accel_end(&accel);
}

static void refuses_a_foreign_cookie_and_a_wrong_length(void **state)
{
	(void)state;
	struct weir__se_accel accel;
	struct weir__se_accel_piece piece;

	for (unsigned clear = 0; clear < 2; clear++) {
		begin(&accel, clear, false);
		assert_int_equal(take(&accel, START, &(struct packet){ THEIRS, 1, 0, 14, 0, 14 }, &piece),
				 WEIR__SE_ACCEL_FORGED);
		assert_int_equal(take(&accel, START, &(struct packet){ MINE, 1, 0, 15, 0, 14 }, &piece),
				 WEIR__SE_ACCEL_BROKEN);
		assert_int_equal(take(&accel, START, &(struct packet){ MINE, 1, 0, 14, 0, 14 }, &piece),
				 WEIR__SE_ACCEL_FRAME);
		weir__se_accel_end(&accel);
	}
}

static void takes_what_is_late_but_not_what_is_stale(void **state)
{
	(void)state;
	struct weir__se_accel accel;
	struct weir__se_accel_piece piece;

	begin(&accel, false, false);
	assert_int_equal(take(&accel, START, &(struct packet){ MINE, 40000, 0, 0, 0, 0 }, &piece),
			 WEIR__SE_ACCEL_ALIVE);
	assert_true(piece.newest);
	assert_int_equal(take(&accel, START, &(struct packet){ MINE, 10001, 0, 14, 0, 14 }, &piece),
			 WEIR__SE_ACCEL_FRAME);
	assert_false(piece.newest);
	assert_int_equal(take(&accel, START, &(struct packet){ MINE, 10000, 0, 14, 0, 14 }, &piece),
			 WEIR__SE_ACCEL_STALE);
	/* The same again, from elsewhere perhaps: nobody follows it. */
	assert_int_equal(take(&accel, START, &(struct packet){ MINE, 40000, 0, 0, 0, 0 }, &piece),
			 WEIR__SE_ACCEL_ALIVE);
	assert_false(piece.newest);
	assert_int_equal(accel.peer_tick, 40000);
	weir__se_accel_end(&accel);
}

/* --- when it may be used --- */

static void is_ready_when_both_ways_have_worked_for_ten_seconds(void **state)
{
	(void)state;
	struct weir__se_accel accel;

	begin(&accel, false, true);
	assert_false(ready(&accel, 0));
	for (uint64_t ms = 1000; ms < 11000; ms += 500) {
		keepalive(&accel, ms, 20);
		assert_false(ready(&accel, ms));
	}
	keepalive(&accel, 11000, 20);
	assert_true(ready(&accel, 11000));
	weir__se_accel_end(&accel);
}

static void one_way_alone_is_not_enough(void **state)
{
	(void)state;
	struct weir__se_accel accel;

	begin(&accel, false, true);
	for (uint64_t ms = 3000; ms < 30000; ms += 500) {
		keepalive(&accel, ms, ms < 15000 ? 0 : 2200); /* no echo, then of what was long ago */
		assert_false(ready(&accel, ms));
	}
	weir__se_accel_end(&accel);
}

static void does_not_believe_an_echo_of_what_is_not_sent_yet(void **state)
{
	(void)state;
	struct weir__se_accel accel;
	struct weir__se_accel_piece piece;

	begin(&accel, false, true);
	for (uint64_t ms = 1000; ms < 30000; ms += 500) {
		const struct packet packet = { MINE, ms, UINT64_MAX, 0, 0, 0 };

		assert_int_equal(take(&accel, START + ms * MS, &packet, &piece), WEIR__SE_ACCEL_ALIVE);
		assert_false(ready(&accel, ms));
	}
	weir__se_accel_end(&accel);
}

static void silence_ends_it_and_the_trial_begins_anew(void **state)
{
	(void)state;
	static const uint64_t patience[] = { 9000, 2100 };
	struct weir__se_accel accel;
	uint64_t ms;

	for (unsigned fast = 0; fast < 2; fast++) {
		begin(&accel, false, fast);
		for (ms = 500; ms <= 20000; ms += 500)
			keepalive(&accel, ms, 100);
		assert_true(ready(&accel, 20000 + patience[fast] - 1));
		assert_false(ready(&accel, 20000 + patience[fast]));
		for (ms = 40000; ms < 50000; ms += 500) {
			keepalive(&accel, ms, 100);
			assert_false(ready(&accel, ms));
		}
		keepalive(&accel, 50000, 100);
		assert_true(ready(&accel, 50000));
		weir__se_accel_end(&accel);
	}
}

static void shows_the_peer_that_it_is_heard(void **state)
{
	(void)state;
	struct weir__se_accel accel;
	uint8_t datagram[ROOM];

	begin(&accel, true, true);
	keepalive(&accel, 1500, 0);
	assert_int_equal(weir__se_accel_seal(&accel, START + 1600 * MS, datagram, NULL, 0, false), 23);
	assert_int_equal(weir__se_load64(datagram + 4), 1601);
	assert_int_equal(weir__se_load64(datagram + 12), 501500);
	assert_int_equal(weir__se_load16(datagram + 20), 0);
	weir__se_accel_end(&accel);
}

/* The receiving end may have looked at the clock before the sending end began. */
static void stands_a_clock_of_before_its_beginning(void **state)
{
	(void)state;
	const struct packet packet = { .cookie = MINE, .tick = 1, .echo = 2 };
	struct weir__se_accel accel;
	struct weir__se_accel_piece piece;

	begin(&accel, true, true);
	assert_int_equal(take(&accel, START - S, &packet, &piece), WEIR__SE_ACCEL_ALIVE);
	assert_int_equal(accel.echo, 0);
	weir__se_accel_end(&accel);
}

static void sends_keepalives_as_often_as_the_peer_expects(void **state)
{
	(void)state;
	static const uint64_t least[] = { 1000, 500 }, most[] = { 3000, 1000 };
	struct weir__se_accel accel;
	uint64_t at;

	for (unsigned fast = 0; fast < 2; fast++) {
		begin(&accel, false, fast);
		at = START;
		for (unsigned i = 0; i < 1000; i++) {
			assert_true(weir__se_accel_keepalive_due(&accel, at));
			assert_false(weir__se_accel_keepalive_due(&accel, at));
			assert_in_range(accel.next_keepalive - at, least[fast] * MS, most[fast] * MS);
			at = accel.next_keepalive;
			assert_false(weir__se_accel_keepalive_due(&accel, at - 1));
		}
		weir__se_accel_end(&accel);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_what_another_implementation_sealed),
		cmocka_unit_test(seals_as_another_implementation_does),
		cmocka_unit_test(never_uses_a_nonce_again),
		cmocka_unit_test(speaks_in_the_clear_only_where_told),
		cmocka_unit_test(refuses_each_changed_bit_and_each_cut),
		cmocka_unit_test(refuses_a_foreign_cookie_and_a_wrong_length),
		cmocka_unit_test(takes_what_is_late_but_not_what_is_stale),
		cmocka_unit_test(is_ready_when_both_ways_have_worked_for_ten_seconds),
		cmocka_unit_test(one_way_alone_is_not_enough),
		cmocka_unit_test(does_not_believe_an_echo_of_what_is_not_sent_yet),
		cmocka_unit_test(silence_ends_it_and_the_trial_begins_anew),
		cmocka_unit_test(shows_the_peer_that_it_is_heard),
		cmocka_unit_test(stands_a_clock_of_before_its_beginning),
		cmocka_unit_test(sends_keepalives_as_often_as_the_peer_expects),
	};

	return cmocka_run_group_tests(tests, fill_keys, NULL);
}
