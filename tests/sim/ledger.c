/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ledger.h"
#include "scheduler.h"

#define PACKETS_MAX 65536

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

static uint32_t id_of(const uint8_t *bytes)
{
	struct sim_label label;

	memcpy(&label, bytes + SIM_HEADER, sizeof(label));
	return label.id;
}

void sim_packet_given(const uint8_t *bytes)
{
	states[id_of(bytes)] = GIVEN;
	sim_totals.given++;
}

struct sim_label *sim_packet_label(const struct weir_buf *buf, const char *who)
{
	struct sim_label *label = (struct sim_label *)(void *)(buf->data + SIM_HEADER);
	static const char *const names[] = { "was never given", "is on its way", "was sent", "was dropped" };

	if (buf->len < SIM_SMALLEST || buf->len != label->len || label->id >= made)
		sim_fail("%s: what should be a packet has %u bytes and the number %u", who, buf->len,
			 label->id);
	if (states[label->id] != GIVEN)
		sim_fail("%s: packet %u of flow %u of p%u comes, which %s before", who, label->sequence,
			 label->flow, label->port, names[states[label->id]]);
	for (uint32_t i = SIM_SMALLEST; i < buf->len; i++)
		if (buf->data[i] != (uint8_t)(label->id + i))
			sim_fail("%s: byte %u of packet %u of flow %u of p%u has changed", who, i,
				 label->sequence, label->flow, label->port);
	return label;
}

void sim_packet_sent(const struct weir_buf *buf, unsigned port)
{
	const struct sim_label *label = sim_packet_label(buf, "a writer");
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

void sim_packet_dropped(const struct weir_buf *buf, const char *who)
{
	states[sim_packet_label(buf, who)->id] = DROPPED;
	sim_totals.dropped++;
}
