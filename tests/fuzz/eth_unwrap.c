/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <weir/eth_unwrap.h>

static void require_packet(const struct weir_buf *buf, const struct input *frame, bool tagged)
{
	const uint32_t header = tagged ? 18 : 14;

	require_ip(buf);
	require(header + buf->len <= frame->size);
	require(memcmp(buf->data, frame->bytes + header, buf->len) == 0);
}

/* options, frame */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = { bytes, size };
	const uint8_t options = input_byte(&input);
	const enum weir_vlan vlan = (enum weir_vlan)(options % 3);
	const bool tagged = input.size >= 14 && input.bytes[12] == 0x81 && input.bytes[13] == 0;
	struct stage stage;
	struct weir_buf *buf;

	open_for(&stage, ROW(weir_eth_unwrap(.vlan = vlan, .exit = { options & 4 ? "other" : NULL })),
		 WEIR_FRAMING_RAW);
	buf = add_rest(&stage, &input);
	run(&stage);
	if (stage_verdict(&stage, 0) == WEIR_NEXT) {
		require_packet(buf, &input, tagged);
		require(!(tagged && vlan == WEIR_VLAN_REFUSE));
		require(!(buf->flags & WEIR_BUF_VLAN) == !(tagged && vlan == WEIR_VLAN_KEEP));
	} else if (stage_verdict(&stage, 0) == WEIR_EXIT(0)) {
		require(options & 4);
		require(buf->len == input.size && memcmp(buf->data, input.bytes, buf->len) == 0);
		require(buf->flags == 0);
	}
	stage_close(&stage);
	return 0;
}
