/* SPDX-License-Identifier: Apache-2.0 */
#include "input.h"

#include "../merge.h"

#define FLOWS 4

/* family and protocol, payload (2), options, flags */
static struct segment read_flow(struct input *input, uint8_t flow)
{
	const uint8_t kind = input_byte(input);

	return (struct segment){
		.family = kind & 1 ? 6 : 4,
		.protocol = kind & 2 ? IPPROTO_UDP : IPPROTO_TCP,
		.flow = flow,
		.ttl = 64,
		.fragment = (uint16_t)(kind << 8 & 0xc000),
		.payload = (uint32_t)input_number(input, 2) % 3000,
		.options = (uint8_t)(input_byte(input) % 11 * 4),
		.flags = 0x10 | input_byte(input),
	};
}

/* payload, sequence, ID, flags, TOS, each as what is added */
static void change(struct input *input, struct segment *segment)
{
	segment->payload = (segment->payload + input_byte(input)) % 3000;
	segment->sequence += (uint32_t)(int8_t)input_byte(input);
	segment->id = (uint16_t)(segment->id + (int8_t)input_byte(input));
	segment->flags ^= input_byte(input);
	segment->tos ^= input_byte(input);
}

/* what; where and by what */
static void damage(struct input *input, struct weir_buf *buf)
{
	const uint8_t what = input_byte(input);
	const uint16_t where = (uint16_t)input_number(input, 2);
	const uint8_t by = input_byte(input);

	buf->gso_type = what & 1 ? WEIR_GSO_TCPV4 : 0;
	buf->mark = what >> 1 & 1;
	buf->vlan = what >> 2 & 1;
	buf->flags |= what & 8 ? WEIR_BUF_VLAN : 0;
	buf->csum_start = (uint16_t)(buf->csum_start + (what >> 4 & 1));
	if (what & 0x20)
		buf->len = where % (buf->len + 1);
	else if (buf->len)
		buf->data[where % buf->len] ^= by;
}

static uint32_t put_prefix(const struct merge *merge, const struct segment *segment, uint8_t *to)
{
	const uint32_t n = merge->result.layer == WEIR_LAYER_L2        ? 14
			   : merge->result.framing == WEIR_FRAMING_RAW ? 0
								       : 4;

	memset(to, 0, n);
	if (n == 14)
		plain_store(to + 12, segment->family == 4 ? 0x0800 : 0x86dd);
	return n;
}

/* flow and what is done to the packet */
static void add_segment(struct merge *merge, struct input *input, struct segment flow[FLOWS])
{
	static uint8_t bytes[4096];
	const uint8_t how = input_byte(input);
	struct segment *segment = &flow[how % FLOWS];
	struct weir_buf *buf;
	uint32_t network;

	if (how & 4)
		change(input, segment);
	network = put_prefix(merge, segment, bytes);
	buf = merge_add(merge, bytes, network + segment_write(segment, bytes + network));
	if (how & 8)
		segment_make_partial(buf, network);
	if (how & 0x10)
		damage(input, buf);
	segment->flags &= (uint16_t)~0x08;
	segment->sequence += segment->payload;
	segment->id++;
}

/* size, bytes */
static void add_raw(struct merge *merge, struct input *input)
{
	const size_t size = input_byte(input), n = size < input->size ? size : input->size;

	merge_add(merge, input->bytes, (uint32_t)n);
	input->bytes += n;
	input->size -= n;
}

/* layer and framing, what may be made, jumbo buffers, flows, packets */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const enum weir_layer layers[] = { WEIR_LAYER_AF, WEIR_LAYER_L3, WEIR_LAYER_L2 };
	struct input input = { bytes, size };
	const uint8_t kind = input_byte(&input), offload = input_byte(&input);
	struct merge *merge =
		merge_make(layers[kind % 3], (enum weir_framing)(kind / 3 % 3), WEIR_OFFLOAD_ALL & ~offload,
			   input_byte(&input) % (WEIR_VECTOR_SIZE + 1));
	struct segment flow[FLOWS];
	const char *fault;

	for (uint8_t i = 0; i < FLOWS; i++)
		flow[i] = read_flow(&input, i);
	while (input.size && merge->n < WEIR_VECTOR_SIZE) {
		if (input.bytes[0] == 0xff) {
			input_byte(&input);
			add_raw(merge, &input);
		} else {
			add_segment(merge, &input, flow);
		}
	}
	fault = merge_run(merge);
	if (fault)
		fprintf(stderr, "%s\n", fault);
	require(!fault);
	merge_free(merge);
	return 0;
}
