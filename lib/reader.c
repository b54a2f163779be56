/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "reader.h"
#include "row.h"

/* Bytes of a packet that fit in a small buffer. All small buffers are alike. */
static size_t small_size(const struct weir_reader *reader)
{
	return weir_reader_room(reader, &reader->bufs[reader->stash[0]]);
}

void weir__reader_spill(struct weir_reader *reader)
{
	const struct weir__spill *spill = reader->engine;
	const struct weir_buf *jumbo;

	reader->spill = (struct iovec){ 0 };
	if (spill->scratch) {
		reader->spill = (struct iovec){ spill->scratch, WEIR__SCRATCH_SIZE };
	} else if (*spill->jumbo_n && reader->stash_n) {
		jumbo = &reader->bufs[spill->jumbo[*spill->jumbo_n - 1]];
		reader->spill.iov_base = jumbo->room + reader->headroom + small_size(reader);
		reader->spill.iov_len = weir_reader_room(reader, jumbo) - small_size(reader);
	}
}

/* Commits the jumbo buffer in place of the small one, which stays free. */
static struct weir_buf *commit_jumbo(struct weir_reader *reader, uint32_t len)
{
	struct weir__spill *spill = reader->engine;
	uint32_t *small = &reader->stash[reader->stash_n - 1];
	const uint32_t spare = *small, index = spill->jumbo[--*spill->jumbo_n];
	struct weir_buf *jumbo = &reader->bufs[index];

	jumbo->data = jumbo->room + reader->headroom;
	*small = index;
	weir_reader_commit(reader, len);
	reader->stash[reader->stash_n++] = spare;
	weir__reader_spill(reader);
	return jumbo;
}

void weir_reader_commit_spilled(struct weir_reader *reader, uint32_t len)
{
	const struct weir__spill *spill = reader->engine;
	const struct weir_buf *small = &reader->bufs[reader->stash[reader->stash_n - 1]];
	struct weir_buf *jumbo;

	if (spill->scratch) {
		weir_reader_drop(reader, WEIR__REASON_TOO_LONG);
		return;
	}
	jumbo = commit_jumbo(reader, len);
	memcpy(jumbo->data, small->data, small_size(reader));
}

struct weir_buf *weir__reader_commit_large(struct weir_reader *reader, uint32_t len)
{
	const struct weir__spill *spill = reader->engine;
	struct weir_buf *small = &reader->bufs[reader->stash[reader->stash_n - 1]];

	if (len <= weir_reader_room(reader, small)) {
		small->data = small->room + reader->headroom;
		memcpy(small->data, weir__reader_large(reader), len);
		weir_reader_commit(reader, len);
		return small;
	}
	if (!spill->scratch)
		return commit_jumbo(reader, len);
	weir_reader_drop(reader, WEIR__REASON_TOO_LONG);
	return NULL;
}
