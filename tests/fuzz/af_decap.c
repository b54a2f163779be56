/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <weir/af_decap.h>

/* framing, csum_start (2), packet */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = { bytes, size };
	const uint8_t framing = input_byte(&input) % 3;
	const uint16_t csum_start = (uint16_t)input_number(&input, 2);
	const uint32_t prefix = framing == WEIR_FRAMING_RAW ? 0 : 4;
	struct stage stage;
	struct weir_buf *buf;

	open_for(&stage, ROW(weir_af_decap()), WEIR_FRAMING_RAW);
	buf = add_rest(&stage, &input);
	buf->framing = framing;
	buf->flags = WEIR_BUF_NEEDS_CSUM;
	buf->csum_start = csum_start;
	run(&stage);
	if (stage_verdict(&stage, 0) == WEIR_NEXT) {
		require_ip(buf);
		require(memcmp(buf->data, input.bytes + prefix, buf->len) == 0);
		require(buf->csum_start == (uint16_t)(csum_start - prefix));
	} else if (framing == WEIR_FRAMING_RAW) {
		require(!is_ip(input.bytes, input.size));
	}
	stage_close(&stage);
	return 0;
}
