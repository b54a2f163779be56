/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <weir/eth_unwrap.h>
#include <weir/eth_wrap.h>

#define TCI 0xa123

/* A packet that was one comes back as it was, without what followed it, and with its tag; nothing else comes
 * back. */
static void require_way_back(const struct weir_buf *frame, const struct input *packet, bool tagged)
{
	struct stage stage;
	struct weir_buf *buf;

	open_for(&stage, ROW(weir_eth_unwrap(.vlan = WEIR_VLAN_KEEP)), WEIR_FRAMING_RAW);
	buf = stage_add(&stage, frame->data, frame->len);
	run(&stage);
	if (stage_verdict(&stage, 0) == WEIR_NEXT) {
		require_ip(buf);
		require(buf->family == frame->family);
		require(buf->len <= packet->size);
		require(memcmp(buf->data, packet->bytes, buf->len) == 0);
		require(buf->flags == (tagged ? WEIR_BUF_VLAN : 0));
		require(!tagged || buf->vlan == TCI);
	} else {
		require(!is_ip(packet->bytes, packet->size));
	}
	stage_close(&stage);
}

static void require_padding(const struct weir_buf *frame, uint32_t end)
{
	require(frame->len == (end < 60 ? 60 : end));
	for (uint32_t i = end; i < frame->len; i++)
		require(frame->data[i] == 0);
}

/* options, packet */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = { bytes, size };
	const uint8_t options = input_byte(&input);
	const bool pad = options & 1;
	const bool tagged = (options & 6) == 6;
	struct stage stage;
	struct weir_buf *buf;

	open_for(&stage,
		 ROW(weir_eth_wrap(.source = "02:00:00:00:00:01", .pad = pad, .vlan = options & 2,
				   .subnet = WEIR_LIST("10.9.0.0/24", "192.0.2.0/30"))),
		 WEIR_FRAMING_RAW);
	buf = add_rest(&stage, &input);
	buf->flags = options & 4 ? WEIR_BUF_VLAN : 0;
	buf->vlan = TCI;
	run(&stage);
	if (stage_verdict(&stage, 0) == WEIR_NEXT) {
		const uint32_t end = (uint32_t)input.size + (tagged ? 18 : 14);

		if (pad)
			require_padding(buf, end);
		/* Whatever the padding did: to a stage that checks, a packet that claims it is still too
		 * long. */
		if (!pad || is_ip(input.bytes, input.size))
			require_way_back(buf, &input, tagged);
	} else {
		require(!is_ip(input.bytes, input.size));
	}
	stage_close(&stage);
	return 0;
}
