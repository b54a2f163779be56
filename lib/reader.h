/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the part of a packet goes that does not fit in the small buffer it is read into: straight to its
 * place in the jumbo buffer that would hold the whole packet. A small packet never touches it; a large one
 * costs one copy of its first bytes. Without jumbo buffers it goes to scratch memory, and the packet is
 * dropped.
 */
#ifndef WEIR__READER_H
#define WEIR__READER_H

#include <weir/endpoint.h>

#define WEIR__SCRATCH_HEADROOM 64
#define WEIR__SCRATCH_SIZE     (WEIR__SCRATCH_HEADROOM + 65535 + 512)

struct weir__spill {
	uint32_t *jumbo; /* free jumbo buffers; the one in use is the last */
	uint32_t *jumbo_n;
	uint8_t *scratch; /* WEIR__SCRATCH_SIZE bytes while the pool has no jumbo buffers, else NULL */
};

/* Sets reader->spill for the next packet: empty when no jumbo buffer is at hand though the pool has some. */
void weir__reader_spill(struct weir_reader *reader);

/*
 * A place for a packet of any length, which a device cuts silently: WEIR__JUMBO_PACKET + 1 bytes, and the
 * headroom in front. For who does not know the length before: one read into it, and a copy if it was a small
 * packet, costs less than a readv() into two places. NULL: no jumbo buffer is at hand.
 */
static inline uint8_t *weir__reader_large(const struct weir_reader *reader)
{
	const struct weir__spill *spill = reader->engine;

	if (spill->scratch)
		return spill->scratch + WEIR__SCRATCH_HEADROOM;
	if (!*spill->jumbo_n || !reader->stash_n)
		return NULL;
	return reader->bufs[spill->jumbo[*spill->jumbo_n - 1]].room + reader->headroom;
}

/* That place now holds a packet of len bytes, at most WEIR__JUMBO_PACKET. NULL: it was dropped, as the pool
 * has no place for it. */
struct weir_buf *weir__reader_commit_large(struct weir_reader *reader, uint32_t len);

/*
 * Copies a packet into a buffer, for endpoints that have it in memory already. Returns false if there is no
 * buffer for it now: it is to be tried again with the next read().
 */
static inline bool weir__reader_copy(struct weir_reader *reader, const void *bytes, uint32_t len)
{
	struct weir_buf *buf = weir_reader_buf(reader);
	size_t first;

	if (!buf)
		return false;
	first = weir_reader_room(reader, buf);
	if (WEIR_LIKELY(len <= first)) {
		memcpy(buf->data, bytes, len);
		weir_reader_commit(reader, len);
		return true;
	}
	if (reader->spill.iov_len < len - first)
		return false;
	memcpy(buf->data, bytes, first);
	memcpy(reader->spill.iov_base, (const uint8_t *)bytes + first, len - first);
	weir_reader_commit_spilled(reader, len);
	return true;
}

#endif
