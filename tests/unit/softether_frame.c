/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "softether/frame.h"

/* Two groups with a keepalive between them, an empty group and an empty block. */
static const uint8_t stream[] = {
	0,    0,    0,    2,    0, 0, 0, 3, 'a', 'b', 'c', 0, 0, 0, 1, 'd', /* a group of two */
	0xff, 0xff, 0xff, 0xff, 0, 0, 0, 2, 'x', 'y',                       /* a keepalive */
	0,    0,    0,    0,                                                /* no blocks */
	0,    0,    0,    3,    0, 0, 0, 1, 'e', 0,   0,   0, 0, 0, 0, 0,
	2,    'f',  'g',                    /* the second is empty */
	0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, /* an empty keepalive */
};

/* What is found is written as text: blocks as they are, keepalives as '!'. Bytes come in pieces of step. */
static void collect(size_t step, char *text)
{
	struct weir__se_frames frames = { 0 };
	struct weir__se_piece piece;
	size_t begin = 0, end = 0;

	while (end < sizeof(stream)) {
		const size_t n = end + step < sizeof(stream) ? end + step - begin : sizeof(stream) - begin;
		/* Of just that size, so that a sanitizer sees a byte too many. */
		uint8_t *bytes = malloc(n);
		enum weir__se_piece_kind kind;
		size_t at = 0;

		assert_non_null(bytes);
		memcpy(bytes, stream + begin, n);
		while ((kind = weir__se_frames_next(&frames, bytes, n, &at, &piece)) != WEIR__SE_NEED_MORE) {
			assert_int_not_equal(kind, WEIR__SE_BROKEN);
			if (kind == WEIR__SE_ALIVE) {
				*text++ = '!';
				continue;
			}
			memcpy(text, piece.bytes, piece.n);
			text += piece.n;
			*text++ = ' ';
		}
		end = begin + n;
		begin += at;
		free(bytes);
	}
	*text = '\0';
	assert_int_equal(begin, sizeof(stream));
	assert_int_equal(frames.blocks, 0);
}

static void finds_blocks_however_they_come(void **unused)
{
	char text[64];

	(void)unused;
	for (size_t step = 1; step <= sizeof(stream); step++) {
		collect(step, text);
		assert_string_equal(text, "abc d !e fg !");
	}
}

/* Within a group, the mark of a keepalive is the size of a block. */
static void a_keepalive_in_a_group_is_none(void **unused)
{
	static const uint8_t bytes[] = { 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0 };
	struct weir__se_frames frames = { 0 };
	struct weir__se_piece piece;
	size_t at = 0;

	(void)unused;
	assert_int_equal(weir__se_frames_next(&frames, bytes, sizeof(bytes), &at, &piece), WEIR__SE_BROKEN);
	assert_int_equal(piece.n, UINT32_MAX);
}

static enum weir__se_piece_kind kind_of(uint32_t first, uint32_t size, size_t n)
{
	static uint8_t bytes[8 + WEIR__SE_BLOCK_MAX];
	struct weir__se_frames frames = { 0 };
	struct weir__se_piece piece;
	size_t at = 0;

	weir__se_store32(bytes, first);
	weir__se_store32(bytes + 4, size);
	return weir__se_frames_next(&frames, bytes, n, &at, &piece);
}

static void sizes_have_limits(void **unused)
{
	(void)unused;
	assert_int_equal(kind_of(1, WEIR__SE_BLOCK_MAX, 8 + WEIR__SE_BLOCK_MAX), WEIR__SE_BLOCK);
	assert_int_equal(kind_of(1, WEIR__SE_BLOCK_MAX, 7 + WEIR__SE_BLOCK_MAX), WEIR__SE_NEED_MORE);
	assert_int_equal(kind_of(1, WEIR__SE_BLOCK_MAX + 1, 8), WEIR__SE_BROKEN);
	assert_int_equal(kind_of(WEIR__SE_KEEPALIVE, WEIR__SE_KEEPALIVE_MAX, 8 + WEIR__SE_KEEPALIVE_MAX),
			 WEIR__SE_ALIVE);
	assert_int_equal(kind_of(WEIR__SE_KEEPALIVE, WEIR__SE_KEEPALIVE_MAX, 7 + WEIR__SE_KEEPALIVE_MAX),
			 WEIR__SE_NEED_MORE);
	assert_int_equal(kind_of(WEIR__SE_KEEPALIVE, WEIR__SE_KEEPALIVE_MAX + 1, 8), WEIR__SE_BROKEN);
	/* As many blocks as a number says are no reason to stop. */
	assert_int_equal(kind_of(WEIR__SE_KEEPALIVE - 1, 1, 9), WEIR__SE_BLOCK);
}

static void writes_groups(void **unused)
{
	uint8_t bytes[64];
	struct weir__se_group group;

	(void)unused;
	weir__se_group_begin(&group, bytes);
	memcpy(weir__se_group_next(&group), "abc", 3);
	weir__se_group_add(&group, 3);
	memcpy(weir__se_group_next(&group), "d", 1);
	weir__se_group_add(&group, 1);
	assert_int_equal(weir__se_group_end(&group), 16);
	assert_memory_equal(bytes, stream, 16);
	weir__se_group_begin(&group, bytes);
	assert_int_equal(weir__se_group_end(&group), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_blocks_however_they_come),
		cmocka_unit_test(a_keepalive_in_a_group_is_none),
		cmocka_unit_test(sizes_have_limits),
		cmocka_unit_test(writes_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
