/* SPDX-License-Identifier: Apache-2.0 */
#include "udp_accel.h"

#include <errno.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "bytes.h"

#define MS         UINT64_C(1000000)
#define CIPHER_KEY 32

#define TRIAL        (10000 * MS) /* both ways must work for so long before they are used */
#define WINDOW_MS    30000
#define LOST_MS      9000
#define LOST_FAST_MS 2100

/* Where things lie in the packet. */
#define COOKIE 0
#define TICK   4
#define ECHO   12
#define LENGTH 20
#define FLAG   22

#define COMPRESSED 1

static uint64_t get(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static void set(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static uint64_t tick(const struct weir__se_accel *accel, uint64_t now)
{
	/* The receiving end may have taken its time before this one began. */
	return now > accel->start ? (now - accel->start) / MS + 1 : 1;
}

static uint64_t lost_ms(const struct weir__se_accel *accel)
{
	return accel->fast ? LOST_FAST_MS : LOST_MS;
}

/* --- begin and end --- */

static EVP_CIPHER_CTX *new_cipher(const uint8_t *key, bool encrypts)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();

	if (cipher && EVP_CipherInit_ex(cipher, EVP_chacha20_poly1305(), NULL, key, NULL, encrypts) == 1)
		return cipher;
	ERR_clear_error();
	EVP_CIPHER_CTX_free(cipher);
	return NULL;
}

int weir__se_accel_begin(struct weir__se_accel *accel, const struct weir__se_accel_options *options,
			 uint64_t now)
{
	*accel = (struct weir__se_accel){
		.clear = options->clear,
		.fast = options->fast,
		.cookie = options->cookie,
		.peer_cookie = options->peer_cookie,
		.start = now,
		.next_keepalive = now,
		.dice = options->cookie,
	};
	if (options->clear)
		return 0;
	accel->seal = new_cipher(options->key, true);
	accel->open = new_cipher(options->peer_key, false);
	if (accel->seal && accel->open)
		return 0;
	weir__se_accel_end(accel);
	return -ENOTSUP;
}

void weir__se_accel_end(struct weir__se_accel *accel)
{
	EVP_CIPHER_CTX_free(accel->seal);
	EVP_CIPHER_CTX_free(accel->open);
	*accel = (struct weir__se_accel){ 0 };
}

/* --- sending --- */

static void write_header(const struct weir__se_accel *accel, uint64_t now, uint8_t *header, size_t n,
			 bool compressed)
{
	weir__se_store32(header + COOKIE, accel->peer_cookie);
	weir__se_store64(header + TICK, tick(accel, now));
	weir__se_store64(header + ECHO, get(&accel->peer_tick));
	weir__se_store16(header + LENGTH, (uint16_t)n);
	header[FLAG] = compressed ? COMPRESSED : 0;
}

/* The key is this session's and this sender's alone, so a counter never repeats a nonce. */
static bool start_sealing(struct weir__se_accel *accel, uint8_t nonce[WEIR__SE_ACCEL_NONCE])
{
	memset(nonce, 0, WEIR__SE_ACCEL_NONCE);
	weir__se_store64(nonce + WEIR__SE_ACCEL_NONCE - 8, accel->sealed++);
	return EVP_EncryptInit_ex(accel->seal, NULL, NULL, NULL, nonce) == 1;
}

/* In one piece: each further call takes a fifth of the time of a whole packet. */
static bool encrypt(EVP_CIPHER_CTX *cipher, uint8_t *packet, size_t n)
{
	int done;

	return EVP_EncryptUpdate(cipher, packet, &done, packet, (int)n) == 1 && done == (int)n &&
	       EVP_EncryptFinal_ex(cipher, packet + n, &done) == 1 && done == 0 &&
	       EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, WEIR__SE_ACCEL_TAG, packet + n) == 1;
}

size_t weir__se_accel_seal(struct weir__se_accel *accel, uint64_t now, uint8_t *datagram,
			   const uint8_t *frame, size_t n, bool compressed)
{
	uint8_t *packet = accel->clear ? datagram : datagram + WEIR__SE_ACCEL_NONCE;

	write_header(accel, now, packet, n, compressed);
	if (n)
		memcpy(packet + WEIR__SE_ACCEL_HEADER, frame, n);
	if (accel->clear)
		return WEIR__SE_ACCEL_HEADER + n;
	if (start_sealing(accel, datagram) && encrypt(accel->seal, packet, WEIR__SE_ACCEL_HEADER + n))
		return WEIR__SE_ACCEL_COVER + n;
	ERR_clear_error();
	return 0;
}

bool weir__se_accel_ready(const struct weir__se_accel *accel, uint64_t now)
{
	const uint64_t alive = get(&accel->alive);

	/* The receiving end may be a little ahead of this one's now. */
	return alive && now < alive + lost_ms(accel) * MS && now >= get(&accel->since) + TRIAL;
}

/* Pseudo-random, 0 to most: so that the clients of a server do not all send at once. */
static uint32_t throw_dice(struct weir__se_accel *accel, uint32_t most)
{
	accel->dice = accel->dice * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)accel->dice * (most + 1)) >> 32);
}

bool weir__se_accel_keepalive_due(struct weir__se_accel *accel, uint64_t now)
{
	if (now < accel->next_keepalive)
		return false;
	accel->next_keepalive =
		now + (accel->fast ? 500 + throw_dice(accel, 500) : 1000 + throw_dice(accel, 2000)) * MS;
	return true;
}

/* --- receiving --- */

static bool decrypt_with(EVP_CIPHER_CTX *cipher, const uint8_t *nonce, uint8_t *packet, size_t n)
{
	int done;

	return EVP_DecryptInit_ex(cipher, NULL, NULL, NULL, nonce) == 1 &&
	       EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, WEIR__SE_ACCEL_TAG, packet + n) == 1 &&
	       EVP_DecryptUpdate(cipher, packet, &done, packet, (int)n) == 1 &&
	       EVP_DecryptFinal_ex(cipher, packet + n, &done) == 1;
}

static bool decrypt(struct weir__se_accel *accel, uint8_t *datagram, size_t n)
{
	if (decrypt_with(accel->open, datagram, datagram + WEIR__SE_ACCEL_NONCE,
			 n - WEIR__SE_ACCEL_NONCE - WEIR__SE_ACCEL_TAG))
		return true;
	/* What is left in the queue of this thread would be taken for an error of a TLS stream. */
	ERR_clear_error();
	return false;
}

/* What the ticks of an authentic packet say. Returns false: it is too old. */
static bool learn(struct weir__se_accel *accel, uint64_t now, const uint8_t *packet, bool *newest)
{
	const uint64_t theirs = weir__se_load64(packet + TICK), echo = weir__se_load64(packet + ECHO);
	const uint64_t ours = tick(accel, now);

	if (accel->peer_tick > theirs && accel->peer_tick - theirs >= WINDOW_MS)
		return false;
	if (theirs > accel->peer_tick)
		set(&accel->peer_tick, theirs);
	*newest = theirs > accel->followed;
	if (*newest)
		accel->followed = theirs;
	if (echo > accel->echo && echo <= ours)
		accel->echo = echo;
	if (!accel->echo || ours - accel->echo > lost_ms(accel))
		return true;
	if (!accel->alive || now >= accel->alive + lost_ms(accel) * MS)
		set(&accel->since, now);
	set(&accel->alive, now);
	return true;
}

enum weir__se_accel_kind weir__se_accel_open(struct weir__se_accel *accel, uint64_t now, uint8_t *datagram,
					     size_t n, struct weir__se_accel_piece *piece)
{
	const size_t cover = weir__se_accel_cover(accel);
	const uint32_t start = accel->clear ? 0 : WEIR__SE_ACCEL_NONCE;
	const uint8_t *packet = datagram + start;
	uint32_t length;

	if (n < cover || n > UINT16_MAX || (!accel->clear && !decrypt(accel, datagram, n)) ||
	    weir__se_load32(packet + COOKIE) != accel->cookie)
		return WEIR__SE_ACCEL_FORGED;
	length = weir__se_load16(packet + LENGTH);
	if (length > n - cover)
		return WEIR__SE_ACCEL_BROKEN;
	piece->offset = start + WEIR__SE_ACCEL_HEADER;
	piece->n = length;
	piece->compressed = packet[FLAG] & COMPRESSED;
	if (!learn(accel, now, packet, &piece->newest))
		return WEIR__SE_ACCEL_STALE;
	return length ? WEIR__SE_ACCEL_FRAME : WEIR__SE_ACCEL_ALIVE;
}
