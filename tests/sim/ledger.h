/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every packet of a run: its number is in its bytes, so that what becomes of it can be held against what the
 * counters say. Packets are Ethernet frames, so that the library's own stages can handle them: the
 * destination names the flow. A super-packet is as many packets as it has segments, each with a label in its
 * payload, so that the pieces are packets as the others are.
 */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include <weir/offload.h>

#define SIM_PORTS_MAX 6
#define SIM_FLOWS_MAX 5 /* of a port */

#define SIM_HEADER   16 /* of Ethernet, and padding, so that the label is aligned */
#define SIM_SMALLEST (SIM_HEADER + sizeof(struct sim_label))

#define SIM_SUPER_HEADER (14 + 20 + 20) /* of Ethernet, IPv4 and TCP */
#define SIM_SEGMENT_PAD  2              /* in front of each label of a super-packet, so that it is aligned */
#define SIM_SEGMENT_MIN  (SIM_SEGMENT_PAD + 2 + sizeof(struct sim_label)) /* bytes, a multiple of 4 */
#define SIM_SEGMENT_MAX  (SIM_SEGMENT_MIN + 20)
#define SIM_SEGMENTS_MAX 40

struct sim_label {
	uint32_t id;
	uint32_t sequence; /* within its flow */
	uint16_t len;
	uint8_t port; /* that gave it */
	uint8_t flow;
	uint8_t laps; /* exits that it has taken */
	uint8_t unused;
	uint16_t entered; /* pairs whose first stage it has passed and whose second not, by bit */
	uint32_t age;     /* of the mark that it passed last; see stages.h */
};

void sim_ledger_init(void);

/* A new packet; writes its bytes. */
void sim_packet_make(uint8_t *bytes, uint32_t len, unsigned port, unsigned flow, uint32_t sequence);

/* A super-packet of n segments of size bytes, of consecutive sequences; returns its length. */
uint32_t sim_super_make(uint8_t *bytes, uint32_t n, uint32_t size, unsigned port, unsigned flow,
			uint32_t sequence);

/* It has come to the engine in buf: says there that it is a super-packet. */
void sim_super_describe(struct weir_buf *buf, uint32_t size);

/* It is the engine's now; one that was made and not given is forgotten. */
void sim_packet_given(const struct weir_buf *buf);

/* The label of a segment of a packet that somebody holds, after a look whether it is whole and still on its
 * way. */
struct sim_label *sim_segment_label(const struct weir_buf *buf, uint32_t k, const char *who);

/* Of a packet that is no super-packet. */
struct sim_label *sim_packet_label(const struct weir_buf *buf, const char *who);

void sim_packet_sent(const struct weir_buf *buf, unsigned port);
void sim_packet_dropped(const struct weir_buf *buf, const char *who);

/* Segments. */
struct sim_totals {
	uint64_t given;
	uint64_t sent;
	uint64_t dropped; /* by stages and writers of the simulation */
};

extern struct sim_totals sim_totals;

#endif
