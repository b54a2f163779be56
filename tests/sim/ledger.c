/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "../plain.h"
#include "ledger.h"
#include "scheduler.h"

#define PACKETS_MAX 262144

enum state { MADE, GIVEN, SENT, DROPPED };

static uint8_t states[PACKETS_MAX];
static uint32_t made;
/* Of each flow at each port that it leaves by: 1 + the last sequence. */
static uint32_t last[SIM_PORTS_MAX][SIM_PORTS_MAX][SIM_FLOWS_MAX];

struct sim_totals sim_totals;

void sim_ledger_init(void)
{
	made = 0;
	memset(last, 0, sizeof(last));
	sim_totals = (struct sim_totals){ 0 };
}

void sim_packet_make(uint8_t *bytes, uint32_t len, unsigned port, unsigned flow, uint32_t sequence)
{
	const struct sim_label label = {
		.id = made,
		.sequence = sequence,
		.len = (uint16_t)len,
		.port = (uint8_t)port,
		.flow = (uint8_t)flow,
	};
	const uint8_t header[SIM_HEADER] = { 2,    0,   0, 0, 1, (uint8_t)flow, 2, 0, 0, 0, 2, (uint8_t)port,
					     0x88, 0xb5 };

	if (made == PACKETS_MAX)
		sim_fail("more than %d packets", PACKETS_MAX);
	memcpy(bytes, header, sizeof(header));
	memcpy(bytes + SIM_HEADER, &label, sizeof(label));
	for (uint32_t i = SIM_SMALLEST; i < len; i++)
		bytes[i] = (uint8_t)(made + i);
	states[made++] = MADE;
}

uint32_t sim_super_make(uint8_t *bytes, uint32_t n, uint32_t size, unsigned port, unsigned flow,
			uint32_t sequence)
{
	const struct segment segment = {
		.family = 4, .protocol = IPPROTO_TCP, .ttl = 64, .flags = 0x10, .payload = n * size
	};
	uint8_t packet[SIM_SUPER_HEADER + SIM_SEGMENT_MAX] = { 0 };
	uint8_t *payload = bytes + SIM_SUPER_HEADER;

	segment_write(&segment, bytes + 14);
	for (uint32_t k = 0; k < n; k++) {
		struct sim_label label = {
			.id = made,
			.sequence = sequence + k,
			.len = (uint16_t)(SIM_SUPER_HEADER + size),
			.port = (uint8_t)port,
			.flow = (uint8_t)flow,
		};

		sim_packet_make(packet, SIM_SMALLEST, port, flow, sequence + k);
		memset(payload, 0, SIM_SEGMENT_PAD);
		memcpy(payload + SIM_SEGMENT_PAD, &label, sizeof(label));
		for (uint32_t i = SIM_SEGMENT_PAD + sizeof(label); i < size; i++)
			payload[i] = (uint8_t)(label.id + SIM_SUPER_HEADER + i);
		payload += size;
	}
	memcpy(bytes, packet, 12);
	plain_store(bytes + 12, 0x0800);
	plain_finish(bytes + 14, SIM_SUPER_HEADER - 14 + n * size);
	return SIM_SUPER_HEADER + n * size;
}

void sim_super_describe(struct weir_buf *buf, uint32_t size)
{
	segment_make_partial(buf, 14);
	buf->gso_type = WEIR_GSO_TCPV4;
	buf->gso_size = (uint16_t)size;
	buf->hdr_len = SIM_SUPER_HEADER;
}

/* Where the label of a packet is that begins there. */
static uint32_t label_at(const uint8_t *bytes)
{
	return plain_load(bytes + 12) == 0x0800 ? SIM_SUPER_HEADER + SIM_SEGMENT_PAD : SIM_HEADER;
}

static struct sim_label *find_label(const struct weir_buf *buf, uint32_t k)
{
	return (struct sim_label *)(void *)(buf->data + label_at(buf->data) +
					    (buf->gso_type ? k * buf->gso_size : 0));
}

void sim_packet_given(const struct weir_buf *buf)
{
	for (uint32_t k = 0; k < weir_buf_segments(buf); k++) {
		states[find_label(buf, k)->id] = GIVEN;
		sim_totals.given++;
	}
}

/* Bytes of segment k as a packet of its own. */
static uint32_t segment_len(const struct weir_buf *buf)
{
	return buf->gso_type ? SIM_SUPER_HEADER + (uint32_t)buf->gso_size : buf->len;
}

struct sim_label *sim_segment_label(const struct weir_buf *buf, uint32_t k, const char *who)
{
	static const char *const names[] = { "was never given", "is on its way", "was sent", "was dropped" };
	const uint32_t first = label_at(buf->data) + (uint32_t)sizeof(struct sim_label),
		       len = segment_len(buf);
	const uint8_t *bytes = buf->data + (buf->gso_type ? k * buf->gso_size : 0);
	struct sim_label *label;

	if (buf->len < first)
		sim_fail("%s: what should be a packet has %u bytes", who, buf->len);
	label = (struct sim_label *)(void *)(buf->data + (bytes - buf->data) + first - sizeof(*label));
	if (len != label->len || label->id >= made)
		sim_fail("%s: what should be a packet has %u bytes and the number %u", who, len, label->id);
	if (states[label->id] != GIVEN)
		sim_fail("%s: packet %u of flow %u of p%u comes, which %s before", who, label->sequence,
			 label->flow, label->port, names[states[label->id]]);
	for (uint32_t i = first; i < len; i++)
		if (bytes[i] != (uint8_t)(label->id + i))
			sim_fail("%s: byte %u of packet %u of flow %u of p%u has changed", who, i,
				 label->sequence, label->flow, label->port);
	return label;
}

struct sim_label *sim_packet_label(const struct weir_buf *buf, const char *who)
{
	if (buf->gso_type)
		sim_fail("%s: gets a super-packet, which it does not understand", who);
	return sim_segment_label(buf, 0, who);
}

static void segment_sent(const struct sim_label *label, unsigned port)
{
	uint32_t *before = &last[port][label->port][label->flow];

	if (label->entered)
		sim_fail("packet %u of flow %u of p%u is sent by p%u, but has not left what it entered",
			 label->sequence, label->flow, label->port, port);
	if (label->sequence < *before)
		sim_fail("packet %u of flow %u of p%u is sent by p%u after packet %u", label->sequence,
			 label->flow, label->port, port, *before - 1);
	*before = label->sequence + 1;
	states[label->id] = SENT;
	sim_totals.sent++;
}

void sim_packet_sent(const struct weir_buf *buf, unsigned port)
{
	for (uint32_t k = 0; k < weir_buf_segments(buf); k++)
		segment_sent(sim_segment_label(buf, k, "a writer"), port);
}

void sim_packet_dropped(const struct weir_buf *buf, const char *who)
{
	for (uint32_t k = 0; k < weir_buf_segments(buf); k++) {
		states[sim_segment_label(buf, k, who)->id] = DROPPED;
		sim_totals.dropped++;
	}
}
