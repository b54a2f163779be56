/* SPDX-License-Identifier: Apache-2.0 */
#include "input.h"

#include <netinet/in.h>

#include "checksum.h"
#include "ip.h"
#include "segment.h"

/* In a block of its own, so that a sanitizer sees what is touched outside. */
static uint8_t *block(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	require(copy);
	if (bytes && size)
		memcpy(copy, bytes, size);
	return copy;
}

static uint64_t pseudo(const uint8_t *ip, uint8_t family, uint8_t protocol, uint32_t length)
{
	return family == 4 ? weir__checksum_pseudo4(ip + 12, protocol, (uint16_t)length)
			   : weir__checksum_pseudo6(ip + 8, protocol, length);
}

/* Writes what a sender leaves in the field of a checksum that is to be completed. */
static void put_pseudo(const struct weir__segments *segments, const struct weir_buf *buf)
{
	const uint16_t sum =
		weir__checksum_fold(pseudo(buf->data + segments->network, segments->family,
					   segments->protocol, segments->len - segments->transport));

	memcpy(buf->data + buf->csum_start + buf->csum_offset, &sum, sizeof(sum));
}

static void require_piece(const struct weir__segments *segments, const uint8_t *piece, uint32_t len)
{
	const uint8_t *ip = piece + segments->network;
	const struct weir__ip_check check = weir__ip_check(ip, len - segments->network);
	const uint32_t transport = segments->transport, length = len - transport;
	const uint64_t sum = pseudo(ip, segments->family, segments->protocol, length);

	require(check.verdict == WEIR_NEXT);
	require(check.length == len - segments->network && check.family == segments->family);
	if (check.family == 4)
		require(weir__checksum_finish(weir__checksum_add(0, ip, transport - segments->network)) == 0);
	require(weir__checksum_finish(weir__checksum_add(sum, piece + transport, length)) == 0);
	if (segments->protocol == IPPROTO_UDP) {
		require(weir__load_be16(piece + transport + 4) == length);
		require(weir__load_be16(piece + transport + 6) != 0);
	}
}

/* The pieces are packets, and their payloads, one behind the other, are that of the super-packet. */
static void require_pieces(const struct weir__segments *segments)
{
	const uint8_t *payload = segments->packet + segments->header;

	for (uint32_t k = 0; k < segments->n; k++) {
		const uint32_t len = weir__segments_len(segments, k), size = len - segments->header;
		uint8_t *piece = block(NULL, len);

		require(k + 1 == segments->n ? size <= segments->size : size == segments->size);
		weir__segments_write(segments, k, piece);
		require(memcmp(piece, segments->packet, segments->network) == 0);
		require(memcmp(piece + segments->header, payload, size) == 0);
		require_piece(segments, piece, len);
		payload += size;
		free(piece);
	}
	require(payload == segments->packet + segments->len);
}

static void cut(const struct weir_buf *buf, uint32_t network)
{
	struct weir__segments segments;

	if (!weir__segments_begin(&segments, buf, network))
		return;
	require(segments.header <= segments.len && segments.len <= buf->len);
	if (buf->flags & WEIR_BUF_NEEDS_CSUM) {
		put_pseudo(&segments, buf);
		require(weir__segments_begin(&segments, buf, network));
	}
	require_pieces(&segments);
}

/* Nothing but the field is written, and only if it lies inside. */
static void complete(struct weir_buf *buf, const uint8_t *before)
{
	const size_t field = (size_t)buf->csum_start + buf->csum_offset;

	if (weir__segment_complete(buf)) {
		require(field + 2 <= buf->len);
		require(memcmp(buf->data, before, field) == 0);
		require(memcmp(buf->data + field + 2, before + field + 2, buf->len - field - 2) == 0);
	} else {
		require(field + 2 > buf->len);
		require(memcmp(buf->data, before, buf->len) == 0);
	}
}

/* gso_type, network, flags, gso_size (2), csum_start (2), csum_offset (2), packet */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = { bytes, size };
	struct weir_buf buf = { .gso_type = input_byte(&input) };
	const uint32_t network = input_byte(&input);

	buf.flags = input_byte(&input);
	buf.gso_size = (uint16_t)input_number(&input, 2);
	buf.csum_start = (uint16_t)input_number(&input, 2);
	buf.csum_offset = (uint16_t)input_number(&input, 2);
	buf.len = (uint32_t)input.size;
	buf.data = block(input.bytes, input.size);
	cut(&buf, network);
	free(buf.data);
	buf.data = block(input.bytes, input.size);
	complete(&buf, input.bytes);
	free(buf.data);
	return 0;
}
