/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <weir/path_mtu.h>

/* The internet checksum, not complemented; 0 is 0xffff. */
static uint32_t sum_of(uint32_t sum, const uint8_t *at, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
		sum = (sum >> 16) + (sum & 0xffff);
	}
	return sum ? sum : 0xffff;
}

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

/* At most the MSS has changed, to less, and then the checksum so that the sum is as it was. */
static void require_same(const struct weir_buf *buf, const struct input *packet, bool clamp)
{
	unsigned changed = 0;

	require(buf->len == packet->size);
	for (uint32_t i = 0; i < buf->len; i++)
		changed += buf->data[i] != packet->bytes[i];
	require(changed == 0 || (clamp && changed <= 4));
	if (changed && !(buf->flags & WEIR_BUF_NEEDS_CSUM))
		require(sum_of(0, buf->data, buf->len) == sum_of(0, packet->bytes, packet->size));
}

static void require_message(const struct weir_buf *buf, const struct input *packet, uint32_t mtu)
{
	const uint8_t *message = buf->data;
	const bool six = message[0] >> 4 == 6;
	const uint32_t header = six ? 40 : 20, quoted = buf->len - header - 8;
	uint32_t sum = 0;

	require_ip(buf);
	require(buf->len <= (six ? 1280 : 576));
	require(buf->flags == 0 && buf->gso_type == 0 && buf->gso_size == 0);
	require(packet->size > mtu);
	require(message[header] == (six ? 2 : 3) && get16(message + header + 6) == mtu);
	if (six)
		sum = sum_of(58 + buf->len - 40, message + 8, 32);
	else
		require(sum_of(0, message, 20) == 0xffff);
	require(sum_of(sum, message + header, buf->len - header) == 0xffff);
	/* Of what is quoted, the MSS may have been lowered before. */
	require(quoted <= packet->size && quoted >= 20);
	require(memcmp(message + header + 8, packet->bytes, 20) == 0);
}

static void make_super(struct weir_buf *buf, uint8_t options)
{
	buf->gso_type = options & 16 ? WEIR_GSO_TCPV4 : WEIR_GSO_UDP;
	buf->gso_size = (uint16_t)(1 + buf->len / 3);
	buf->hdr_len = (uint16_t)(buf->len / 2);
	buf->flags = WEIR_BUF_NEEDS_CSUM;
}

/* options, mtu, packet */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = { bytes, size };
	const uint8_t options = input_byte(&input);
	const uint32_t mtu = 68 + (uint32_t)input_number(&input, 2) % 2000;
	const bool clamp = options & 1;
	struct stage stage;
	struct weir_buf *buf;

	open_for(&stage,
		 ROW(weir_path_mtu(.mtu = mtu, .clamp = clamp, .no_errors = options & 2,
				   .exit = { options & 4 ? NULL : "errors" })),
		 WEIR_FRAMING_RAW);
	buf = add_rest(&stage, &input);
	if (options & 8)
		make_super(buf, options);
	else if (options & 32)
		buf->flags = WEIR_BUF_NEEDS_CSUM;
	run(&stage);
	if (stage_verdict(&stage, 0) == WEIR_NEXT) {
		require_same(buf, &input, clamp);
	} else if (stage_verdict(&stage, 0) == WEIR_EXIT(0)) {
		require(!(options & 6));
		require_message(buf, &input, mtu);
	}
	stage_close(&stage);
	return 0;
}
