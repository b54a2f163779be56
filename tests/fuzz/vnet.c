/* SPDX-License-Identifier: Apache-2.0 */
/* What a device gives, header and packet: what the check lets pass is cut, and nothing outside of it is
 * touched. */
#include "input.h"

#include "device/vnet.h"
#include "segment.h"

#define LARGEST 65553

/* flags, type; size of the headers as hinted, segments, start and offset of the checksum */
static struct virtio_net_hdr read_header(struct input *input)
{
	struct virtio_net_hdr header = { .flags = input_byte(input), .gso_type = input_byte(input) };

	header.hdr_len = (uint16_t)input_number(input, 2);
	header.gso_size = (uint16_t)input_number(input, 2);
	header.csum_start = (uint16_t)input_number(input, 2);
	header.csum_offset = (uint16_t)input_number(input, 2);
	return header;
}

static uint8_t *allocate(size_t size)
{
	uint8_t *bytes = malloc(size ? size : 1);

	require(bytes);
	return bytes;
}

static void cut(const struct weir_buf *buf, enum weir_layer layer)
{
	struct weir__segments segments;

	if (!weir__segments_begin(&segments, buf, weir__segments_network(buf, layer, WEIR_FRAMING_RAW)))
		return;
	require(segments.n && segments.header <= buf->len);
	for (uint32_t k = 0; k < segments.n; k++) {
		const uint32_t len = weir__segments_len(&segments, k);
		uint8_t *piece = allocate(len);

		require(len <= buf->len);
		weir__segments_write(&segments, k, piece);
		free(piece);
	}
}

static void look_at(const struct virtio_net_hdr *given, const uint8_t *bytes, uint32_t len,
		    enum weir_layer layer)
{
	struct virtio_net_hdr header = *given, again;
	uint8_t *packet = allocate(len);
	struct weir_buf buf = { .data = packet, .len = len };

	if (len)
		memcpy(packet, bytes, len);
	if (weir__vnet_check(&header, packet, len)) {
		weir__vnet_decode(&header, &buf);
		weir__vnet_encode(&again, &buf);
		require(again.gso_type == header.gso_type);
		require(!again.gso_type || buf.hdr_len < len);
		require(weir_buf_segments(&buf) >= 1 && weir_buf_segments(&buf) <= LARGEST);
		if (buf.gso_type)
			cut(&buf, layer);
		else if (buf.flags & WEIR_BUF_NEEDS_CSUM)
			require(weir__segment_complete(&buf));
	}
	free(packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = { bytes, size };
	const uint8_t how = input_byte(&input);
	const struct virtio_net_hdr header = read_header(&input);

	if (input.size > LARGEST)
		return 0;
	look_at(&header, input.bytes, (uint32_t)input.size, how & 1 ? WEIR_LAYER_L2 : WEIR_LAYER_L3);
	return 0;
}
