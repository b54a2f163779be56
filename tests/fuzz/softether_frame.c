/* SPDX-License-Identifier: Apache-2.0 */
#include "input.h"

#include "softether/frame.h"

struct sum {
	uint64_t blocks, bytes, keepalives;
	enum weir__se_piece_kind end;
	size_t used;
};

/* The same bytes as they come: in pieces of step. */
static void collect(const uint8_t *bytes, size_t size, size_t step, struct sum *sum)
{
	struct weir__se_frames frames = { 0 };
	struct weir__se_piece piece;
	size_t end = 0;

	*sum = (struct sum){ .end = WEIR__SE_NEED_MORE };
	while (end < size && sum->end != WEIR__SE_BROKEN) {
		end = end + step < size ? end + step : size;
		for (;;) {
			sum->end = weir__se_frames_next(&frames, bytes, end, &sum->used, &piece);
			require(sum->used <= end);
			if (sum->end == WEIR__SE_ALIVE) {
				sum->keepalives++;
			} else if (sum->end == WEIR__SE_BLOCK) {
				require(piece.n >= 1 && piece.n <= WEIR__SE_BLOCK_MAX);
				require(piece.bytes + piece.n == bytes + sum->used);
				sum->blocks++;
				sum->bytes += piece.n;
			} else {
				break;
			}
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const size_t step = size ? bytes[0] % 16 + 1 : 1;
	struct sum whole, parts;

	collect(bytes, size, size + 1, &whole);
	collect(bytes, size, step, &parts);
	require(whole.blocks == parts.blocks && whole.bytes == parts.bytes);
	require(whole.keepalives == parts.keepalives);
	require(whole.end == parts.end && whole.used == parts.used);
	return 0;
}
