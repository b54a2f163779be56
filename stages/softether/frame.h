/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How frames lie in the byte stream: a group is a count and that many blocks, a block a size and that many
 * bytes. In place of a count, all ones is a keepalive: a size, and bytes that mean nothing. Within a group
 * there can be none, for its mark would be read as the size of a block.
 */
#ifndef WEIR_SE_FRAME_H
#define WEIR_SE_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#include "bytes.h"

#define WEIR__SE_FRAME_MIN     14   /* shorter ones vanish in the server */
#define WEIR__SE_FRAME_MAX     1600 /* and so do longer ones */
#define WEIR__SE_BLOCK_MAX     3200 /* a longer block ends the connection */
#define WEIR__SE_KEEPALIVE     UINT32_MAX
#define WEIR__SE_KEEPALIVE_MAX 512 /* bytes of its content */

/* What one direction of a connection has come to. Zeros: its beginning. */
struct weir__se_frames {
	uint32_t blocks; /* of the open group, still to come */
};

enum weir__se_piece_kind {
	WEIR__SE_NEED_MORE,
	WEIR__SE_BLOCK,
	WEIR__SE_ALIVE,
	WEIR__SE_BROKEN, /* a size that cannot be */
};

struct weir__se_piece {
	const uint8_t *bytes;
	uint32_t n;
};

/* A size and as many bytes. */
static inline enum weir__se_piece_kind weir__se_sized(const uint8_t *bytes, size_t n, uint32_t most,
						      struct weir__se_piece *piece)
{
	if (n < 4)
		return WEIR__SE_NEED_MORE;
	piece->n = weir__se_load32(bytes);
	piece->bytes = bytes + 4;
	if (piece->n > most)
		return WEIR__SE_BROKEN;
	return n - 4 < piece->n ? WEIR__SE_NEED_MORE : WEIR__SE_BLOCK;
}

/*
 * Finds the next block or keepalive in bytes[*at .. n[, and moves *at behind it. *at also moves over what is
 * nothing by itself: the count of a group, an empty block.
 */
static inline enum weir__se_piece_kind weir__se_frames_next(struct weir__se_frames *frames,
							    const uint8_t *bytes, size_t n, size_t *at,
							    struct weir__se_piece *piece)
{
	enum weir__se_piece_kind kind;

	for (;;) {
		if (!frames->blocks) {
			if (n - *at < 4)
				return WEIR__SE_NEED_MORE;
			if (weir__se_load32(bytes + *at) == WEIR__SE_KEEPALIVE)
				break;
			frames->blocks = weir__se_load32(bytes + *at);
			*at += 4;
			continue;
		}
		kind = weir__se_sized(bytes + *at, n - *at, WEIR__SE_BLOCK_MAX, piece);
		if (kind != WEIR__SE_BLOCK)
			return kind;
		*at += 4 + piece->n;
		frames->blocks--;
		if (piece->n)
			return kind;
	}
	kind = weir__se_sized(bytes + *at + 4, n - *at - 4, WEIR__SE_KEEPALIVE_MAX, piece);
	if (kind != WEIR__SE_BLOCK)
		return kind;
	*at += 8 + piece->n;
	return WEIR__SE_ALIVE;
}

/* A group that is being written; the caller has room for it. */
struct weir__se_group {
	uint8_t *bytes;
	size_t n;
	uint32_t blocks;
};

static inline void weir__se_group_begin(struct weir__se_group *group, uint8_t *bytes)
{
	group->bytes = bytes;
	group->n = 4;
	group->blocks = 0;
}

/* Where the bytes of the next block go. */
static inline uint8_t *weir__se_group_next(const struct weir__se_group *group)
{
	return group->bytes + group->n + 4;
}

/* n bytes were written there. */
static inline void weir__se_group_add(struct weir__se_group *group, uint32_t n)
{
	weir__se_store32(group->bytes + group->n, n);
	group->n += 4 + n;
	group->blocks++;
}

/* Returns the bytes of the group; none for one without blocks. */
static inline size_t weir__se_group_end(struct weir__se_group *group)
{
	weir__se_store32(group->bytes, group->blocks);
	return group->blocks ? group->n : 0;
}

#endif
