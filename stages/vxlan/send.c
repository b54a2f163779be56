/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending. Each packet gets its header in place and becomes as many copies as there are remotes to have it,
 * mostly one: a copy is the same buffer once more, to another address. Copies of packets one behind the other
 * are handed to the socket together. Where it takes no more in the middle of a packet's copies, that packet
 * stays with the engine, and which remotes have it is remembered until it comes again.
 */
#include "vxlan.h"

/* Where a frame goes. */
struct way {
	const union weir_socket_address *to; /* the first of n */
	uint16_t n;                          /* 0: it is dropped */
	bool flooded;
};

/* What is known of the packets of a writer. */
struct packets {
	struct way way[WEIR_VECTOR_SIZE];
	uint8_t source[WEIR_VECTOR_SIZE];
	bool sent[WEIR_VECTOR_SIZE];            /* one copy at least */
	uint16_t failed[WEIR_VECTOR_SIZE];      /* copies */
	weir_verdict verdict[WEIR_VECTOR_SIZE]; /* on the last of these */
	union weir_socket_address found[WEIR_VECTOR_SIZE];
};

/* The latest frame that has a way: most go where the one before goes. */
struct latest {
	uint64_t now;
	uint64_t mac;
	struct way way;
};

/* Copies that are handed to the socket together. */
struct batch {
	struct weir_writer writer;
	uint32_t index[WEIR_VECTOR_SIZE];
	const union weir_socket_address *to[WEIR_VECTOR_SIZE];
	uint8_t source[WEIR_VECTOR_SIZE];
	uint32_t packet[WEIR_VECTOR_SIZE]; /* of the writer that was given */
	uint32_t copy[WEIR_VECTOR_SIZE];
};

/* --- where to --- */

/* The socket drops what is for nobody. */
static struct way flood(const struct weir__vxlan *vxlan)
{
	const uint32_t n = vxlan->peers.n_remotes;

	return (struct way){ n ? vxlan->peers.remotes : NULL, (uint16_t)(n ? n : 1), true };
}

/* Where the station is; NULL: that is not known. */
static const union weir_socket_address *find(const struct weir__vxlan *vxlan, uint64_t mac,
					     const struct latest *latest, union weir_socket_address *found)
{
	const union weir_socket_address *entry =
		vxlan->peers.n_entries ? weir__vxlan_entry(&vxlan->peers, mac) : NULL;

	if (entry)
		return entry;
	if (!weir__vxlan_table_find(&vxlan->table, mac, latest->now, found))
		return NULL;
	/* To the socket, the same address is the same pointer. */
	return latest->way.to && weir_socket_same(found, latest->way.to) ? latest->way.to : found;
}

/* Returns the reason to drop it, or -1. */
static int route(const struct weir__vxlan *vxlan, uint64_t mac, struct latest *latest,
		 union weir_socket_address *found)
{
	const bool group = weir__vxlan_is_group(mac);
	const union weir_socket_address *to = group ? NULL : find(vxlan, mac, latest, found);

	if (!to && !group && vxlan->drop_unknown)
		return WEIR__VXLAN_UNKNOWN;
	latest->mac = mac;
	latest->way = to ? (struct way){ to, 1, false } : flood(vxlan);
	return -1;
}

static int look_at(const struct weir__vxlan *vxlan, const struct weir_buf *buf, struct latest *latest,
		   union weir_socket_address *found)
{
	uint64_t mac;

	if (buf->len < WEIR__VXLAN_FRAME_MIN)
		return WEIR__VXLAN_SHORT;
	if (!vxlan->vlan && weir__vxlan_is_tagged(buf->data))
		return WEIR__VXLAN_VLAN;
	mac = weir__vxlan_mac(buf->data);
	return latest->way.n && mac == latest->mac ? -1 : route(vxlan, mac, latest, found);
}

/* RFC 7348 5: the flow within chooses the port, so that networks can spread flows without a look inside. */
static uint8_t source_of(const struct weir__vxlan *vxlan, const struct weir_buf *buf)
{
	if (!vxlan->sources)
		return 0;
	return (uint8_t)(1 + weir__vxlan_flow(buf->data, buf->len) % vxlan->sources);
}

static void prepare(const struct weir__vxlan *vxlan, struct weir_writer *writer, struct packets *packets)
{
	struct latest latest = { .now = vxlan->table.stations ? weir_session_now() : 0 };

	memset(packets->sent, 0, sizeof(packets->sent));
	memset(packets->failed, 0, sizeof(packets->failed));
	for (uint32_t i = 0; i < writer->n; i++) {
		struct weir_buf *buf = weir_writer_buf(writer, i);
		const int reason = look_at(vxlan, buf, &latest, &packets->found[i]);

		packets->way[i] = reason < 0 ? latest.way : (struct way){ 0 };
		if (reason >= 0) {
			weir_writer_drop(writer, i, (unsigned)reason);
			continue;
		}
		packets->source[i] = source_of(vxlan, buf);
		memcpy(weir_buf_push(buf, WEIR__VXLAN_HEADER), vxlan->header, WEIR__VXLAN_HEADER);
	}
}

/* --- copies --- */

/* Adds copies from that one on; *packet and *copy are then the next one. */
static void fill(struct batch *batch, const struct weir_writer *writer, const struct packets *packets,
		 uint32_t *packet, uint32_t *copy)
{
	uint32_t n = 0;

	for (; *packet < writer->n && n < WEIR_VECTOR_SIZE; (*packet)++, *copy = 0) {
		for (; *copy < packets->way[*packet].n && n < WEIR_VECTOR_SIZE; (*copy)++, n++) {
			const union weir_socket_address *to = packets->way[*packet].to;

			batch->index[n] = writer->index[*packet];
			batch->to[n] = to ? to + *copy : NULL;
			batch->source[n] = packets->source[*packet];
			batch->packet[n] = *packet;
			batch->copy[n] = *copy;
		}
		if (*copy < packets->way[*packet].n)
			break;
	}
	batch->writer = (struct weir_writer){ .bufs = writer->bufs, .index = batch->index, .n = n };
}

/* The socket is done with the first n copies. */
static void settle(const struct batch *batch, uint32_t n, struct packets *packets,
		   struct weir__vxlan_sent *sent)
{
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t packet = batch->packet[i];

		if (batch->writer.verdict[i] == WEIR_NEXT) {
			packets->sent[packet] = true;
			sent->copies += packets->way[packet].flooded;
		} else {
			packets->verdict[packet] = batch->writer.verdict[i];
			packets->failed[packet]++;
		}
	}
}

/* Where to go on with the first packet, if it is the one that could not be finished. */
static uint32_t resume(const struct weir__vxlan_unfinished *unfinished, struct weir_writer *writer,
		       struct packets *packets)
{
	if (!unfinished->copies || !writer->n || writer->index[0] != unfinished->index ||
	    weir_writer_buf(writer, 0)->arrival != unfinished->arrival ||
	    unfinished->copies >= packets->way[0].n)
		return 0;
	packets->sent[0] = unfinished->sent;
	packets->failed[0] = unfinished->failed;
	return unfinished->copies;
}

/* Sends all copies. Returns how many packets are done with, and remembers the copies of the next one. */
static uint32_t send_copies(struct weir_socket *socket, struct weir_writer *writer, struct packets *packets,
			    struct weir__vxlan_unfinished *unfinished, struct weir__vxlan_sent *sent)
{
	uint32_t packet = 0, copy = resume(unfinished, writer, packets);
	struct batch batch;

	unfinished->copies = 0;
	while (packet < writer->n) {
		uint32_t n;

		fill(&batch, writer, packets, &packet, &copy);
		n = weir_socket_send(socket, &batch.writer, batch.to, batch.source);
		settle(&batch, n, packets, sent);
		if (n == batch.writer.n)
			continue;
		writer->error = batch.writer.error;
		packet = batch.packet[n];
		*unfinished = (struct weir__vxlan_unfinished){
			.index = writer->index[packet],
			.copies = batch.copy[n],
			.arrival = weir_writer_buf(writer, packet)->arrival,
			.sent = packets->sent[packet],
			.failed = packets->failed[packet],
		};
		break;
	}
	return packet;
}

/* A packet is sent if one of its copies is. */
static void finish(struct weir_writer *writer, uint32_t done, const struct packets *packets,
		   struct weir__vxlan_sent *sent)
{
	for (uint32_t i = 0; i < done; i++) {
		if (packets->sent[i]) {
			sent->flooded += packets->way[i].flooded;
			sent->uncopied += packets->failed[i];
		} else if (packets->way[i].n) {
			weir_writer_drop(writer, i, packets->verdict[i] - 1u);
		}
	}
	for (uint32_t i = done; i < writer->n; i++)
		if (packets->way[i].n)
			weir_buf_pull(weir_writer_buf(writer, i), WEIR__VXLAN_HEADER);
}

/* Several senders may count at once. */
static void add(uint64_t *counter, uint64_t n)
{
	if (n)
		__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static uint32_t drop_all(struct weir_writer *writer)
{
	for (uint32_t i = 0; i < writer->n; i++)
		weir_writer_drop(writer, i, WEIR__VXLAN_NO_SENDER);
	return writer->n;
}

uint32_t weir__vxlan_send(void *state, struct weir_writer *writer, unsigned sender)
{
	struct weir__vxlan *vxlan = state;
	struct weir__vxlan_sent sent = { 0 };
	struct packets packets;
	uint32_t done;

	if (!vxlan->socket[sender])
		return drop_all(writer);
	prepare(vxlan, writer, &packets);
	done = send_copies(vxlan->socket[sender], writer, &packets, &vxlan->unfinished[sender], &sent);
	finish(writer, done, &packets, &sent);
	add(&vxlan->sent.flooded, sent.flooded);
	add(&vxlan->sent.copies, sent.copies);
	add(&vxlan->sent.uncopied, sent.uncopied);
	return done;
}
