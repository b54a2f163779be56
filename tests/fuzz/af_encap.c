/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <weir/af_decap.h>
#include <weir/af_encap.h>

/* What goes out comes back in as it was, and nothing was wrong with its prefix. */
static void require_way_back(const struct weir_buf *out, uint8_t framing, const uint8_t *packet)
{
	struct stage stage;
	struct weir_buf *in;

	open_for(&stage, ROW(weir_af_decap()), WEIR_FRAMING_RAW);
	in = stage_add(&stage, out->data, out->len);
	in->framing = framing;
	run(&stage);
	require(stage_verdict(&stage, 0) == WEIR_NEXT);
	require_ip(in);
	require(in->family == out->family);
	require(in->len == out->len - (framing == WEIR_FRAMING_RAW ? 0 : 4));
	require(memcmp(in->data, packet, in->len) == 0);
	require(stage_counter(&stage, "prefix_mismatch") == 0);
	require(stage_counter(&stage, "trimmed") == 0);
	stage_close(&stage);
}

/* framing, system, packet */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const unsigned systems[] = { 0, 30, 28, 24, 10 };
	struct input input = { bytes, size };
	const uint8_t framing = input_byte(&input) % 3;
	const unsigned af_inet6 = systems[input_byte(&input) % 5];
	struct stage stage;
	struct weir_buf *buf;

	open_for(&stage, ROW(weir_af_encap(.af_inet6 = af_inet6)), (enum weir_framing)framing);
	buf = add_rest(&stage, &input);
	run(&stage);
	require((stage_verdict(&stage, 0) == WEIR_NEXT) == is_ip(input.bytes, input.size));
	if (stage_verdict(&stage, 0) == WEIR_NEXT)
		require_way_back(buf, framing, input.bytes);
	stage_close(&stage);
	return 0;
}
