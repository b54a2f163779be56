/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams of anybody: what is found in one lies inside it, and the clock of the peer never makes one that
 * comes later older. Clear ones, because nobody can guess a tag; sealed ones must all be refused. */
#include "input.h"

#include "softether/udp_accel.h"

#define MS 1000000

static void begin(struct weir__se_accel *accel, bool clear)
{
	static const uint8_t key[WEIR__SE_ACCEL_KEY];
	const struct weir__se_accel_options options = { .clear = clear, .key = key, .peer_key = key };

	require(weir__se_accel_begin(accel, &options, MS) == 0);
}

static void take(struct weir__se_accel *accel, uint64_t now, const uint8_t *bytes, size_t n)
{
	uint8_t *datagram = malloc(n ? n : 1);
	const uint64_t before = accel->peer_tick;
	struct weir__se_accel_piece piece = { 0 };
	enum weir__se_accel_kind kind;

	require(datagram);
	if (n)
		memcpy(datagram, bytes, n);
	kind = weir__se_accel_open(accel, now, datagram, n, &piece);
	require(kind == WEIR__SE_ACCEL_FORGED || accel->clear);
	if (kind == WEIR__SE_ACCEL_FRAME || kind == WEIR__SE_ACCEL_ALIVE)
		require(piece.offset <= n && piece.n <= n - piece.offset);
	require(accel->peer_tick >= before);
	require(accel->echo <= now / MS);
	(void)weir__se_accel_ready(accel, now);
	free(datagram);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = { bytes, size };
	struct weir__se_accel accel;
	uint64_t now = MS;

	begin(&accel, input_byte(&input) & 1);
	while (input.size) {
		size_t n = input_byte(&input);

		now += input_number(&input, 2) * MS;
		if (n > input.size)
			n = input.size;
		take(&accel, now, input.bytes, n);
		input.bytes += n;
		input.size -= n;
	}
	weir__se_accel_end(&accel);
	return 0;
}
