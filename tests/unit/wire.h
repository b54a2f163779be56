/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints of which one gives a flow of TCP or UDP as packets and super-packets, as the test says, and the
 * other checks each packet to the last byte, and that none is lost, doubled or overtaken: every byte of
 * payload follows from its place in the flow.
 */
#ifndef WEIR_TEST_WIRE_H
#define WEIR_TEST_WIRE_H

#include "../plain.h"
#include "fake.h"

#define WIRE_SEQUENCE 0xfffff000u /* comes to its end in every test */
#define WIRE_FOREIGN  7

/* One packet that is to be given. */
struct wire_packet {
	uint32_t payload;
	uint16_t size;  /* bytes of payload of each segment; 0: it is no super-packet */
	bool partial;   /* its checksum is still to be completed; that of a super-packet always is */
	bool foreign;   /* malformed, and not of the flow: a super-packet whose offsets are wrong, or a packet
			   with   a wrong checksum and WIRE_FOREIGN in mark */
	uint32_t ahead; /* of the flow is its sequence number */
};

/* Packet i of a test. */
typedef struct wire_packet wire_plan(uint64_t i);

/* The test's side. Members that both sides use are accessed by fake_load() and fake_store(). */
struct wire {
	uint8_t family;   /* 4 or 6 */
	uint8_t protocol; /* IPPROTO_TCP or IPPROTO_UDP */
	uint8_t prefix[18];
	uint32_t prefix_len;

	/* Reader. */
	wire_plan *plan;
	uint64_t allowed;
	uint64_t given;
	uint64_t offset; /* of the flow: payload given so far */
	uint64_t ends;
	int read_fd;

	/* Writer. */
	uint64_t room; /* packets that it may take in all */
	uint64_t taken;
	uint64_t supers;   /* super-packets among them */
	uint64_t expected; /* the offset that must come next */
	uint64_t skipped;  /* bytes of the flow that did not come, where the test allows that */
	bool lossy;
	const char *wrong; /* the first thing that was not right */
	int write_fd;
};

static inline void wire_init(struct wire *wire, uint8_t family, uint8_t protocol, wire_plan *plan)
{
	*wire = (struct wire){ .family = family, .protocol = protocol, .plan = plan, .room = UINT64_MAX };
	wire->read_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	wire->write_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(wire->read_fd >= 0 && wire->write_fd >= 0);
}

static inline void wire_free(struct wire *wire)
{
	close(wire->read_fd);
	close(wire->write_fd);
}

/* What stands in front of each IP header. */
static inline void wire_prefix(struct wire *wire, const void *prefix, uint32_t n)
{
	memcpy(wire->prefix, prefix, n);
	wire->prefix_len = n;
}

static inline void wire_give(struct wire *wire, uint64_t n)
{
	__atomic_add_fetch(&wire->allowed, n, __ATOMIC_RELEASE);
	fake_ring(wire->read_fd);
}

static inline void wire_give_last(struct wire *wire, uint64_t n)
{
	fake_store(wire->ends, 1);
	wire_give(wire, n);
}

static inline void wire_take(struct wire *wire, uint64_t n)
{
	__atomic_add_fetch(&wire->room, n, __ATOMIC_RELEASE);
	fake_ring(wire->write_fd);
}

/* The byte of the flow at that offset: neighbours tell each other apart for 2^32 bytes. */
static inline uint8_t wire_byte(uint64_t offset)
{
	return (uint8_t)((offset / 4 * 0x9e3779b1u) >> (offset % 4 * 8));
}

/* --- giving --- */

static inline struct segment wire_segment(const struct wire *wire, const struct wire_packet *packet)
{
	return (struct segment){ .family = wire->family,
				 .protocol = wire->protocol,
				 .flow = 3,
				 .ttl = 64,
				 .id = (uint16_t)(0xfff0 + wire->given),
				 .fragment = 0x4000,
				 .label = 0x12345,
				 .sequence = (uint32_t)(WIRE_SEQUENCE + wire->offset + packet->ahead),
				 .acknowledged = 77,
				 .flags = 0x10,
				 .window = 500,
				 .options = wire->protocol == IPPROTO_TCP ? 12 : 0,
				 .option = 1,
				 .payload = packet->payload };
}

static inline uint32_t wire_write_packet(const struct wire *wire, const struct wire_packet *packet,
					 uint8_t *bytes)
{
	const struct segment segment = wire_segment(wire, packet);
	uint8_t *ip = bytes + wire->prefix_len;
	uint32_t len, header;

	memcpy(bytes, wire->prefix, wire->prefix_len);
	len = segment_write(&segment, ip);
	header = len - packet->payload;
	for (uint32_t i = 0; i < packet->payload; i++)
		ip[header + i] = wire_byte(wire->offset + i);
	plain_finish(ip, len);
	return wire->prefix_len + len;
}

static inline void wire_set_metadata(const struct wire *wire, const struct wire_packet *packet,
				     struct weir_buf *buf)
{
	if (packet->size || packet->partial)
		segment_make_partial(buf, wire->prefix_len);
	if (!packet->size && packet->foreign) {
		buf->data[buf->len - 1] ^= 1;
		buf->mark = WIRE_FOREIGN;
	}
	if (!packet->size)
		return;
	buf->gso_type = wire->protocol == IPPROTO_UDP ? WEIR_GSO_UDP
			: wire->family == 4           ? WEIR_GSO_TCPV4
						      : WEIR_GSO_TCPV6;
	buf->gso_size = packet->size;
	buf->hdr_len = (uint16_t)(buf->len - packet->payload);
	buf->family = wire->family;
	if (packet->foreign)
		buf->csum_offset ^= 2;
}

static inline bool wire_give_one(struct wire *wire, struct weir_reader *reader)
{
	static _Thread_local uint8_t bytes[FAKE_PACKET_MAX + 64];
	const struct wire_packet packet = wire->plan(wire->given);
	const uint32_t len = wire_write_packet(wire, &packet, bytes);

	if (!weir__reader_copy(reader, bytes, len))
		return false;
	wire_set_metadata(wire, &packet, &reader->bufs[reader->index[reader->n - 1]]);
	if (!packet.foreign)
		fake_store(wire->offset, wire->offset + packet.payload);
	fake_store(wire->given, wire->given + 1);
	return true;
}

static inline int wire_read(void *state, struct weir_reader *reader)
{
	struct wire *wire = *(struct wire **)state;

	if (fake_load(wire->given) == fake_load(wire->allowed))
		fake_heard(wire->read_fd);
	while (wire->given < fake_load(wire->allowed))
		if (!wire_give_one(wire, reader))
			break;
	return fake_load(wire->ends) && wire->given == fake_load(wire->allowed) ? -ENODATA : 0;
}

/* --- taking --- */

#define wire_require(condition)                       \
	do {                                          \
		if (!(condition))                     \
			return "not so: " #condition; \
	} while (0)

static inline const char *wire_check_payload(struct wire *wire, const uint8_t *payload, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		wire_require(payload[i] == wire_byte(wire->expected + i));
	wire->expected += n;
	return NULL;
}

/* The checksum of the transport header: complete, or as it is to be completed. */
static inline const char *wire_check_checksum(const struct wire *wire, const struct weir_buf *buf,
					      const uint8_t *ip, uint32_t len)
{
	const uint32_t header = plain_ip_header(ip);
	const uint16_t pseudo = plain_pseudo(ip, len - header);

	if (buf->flags & WEIR_BUF_NEEDS_CSUM) {
		wire_require(buf->csum_start == wire->prefix_len + header);
		wire_require(buf->csum_offset == (wire->protocol == IPPROTO_TCP ? 16 : 6));
		wire_require(plain_load(ip + header + buf->csum_offset) == pseudo);
	} else {
		wire_require(plain_sum(pseudo, ip + header, len - header) == 0xffff);
	}
	return NULL;
}

static inline const char *wire_check_network(const struct wire *wire, const uint8_t *ip, uint32_t len)
{
	wire_require(ip[0] == (wire->family == 4 ? 0x45 : 0x60));
	wire_require(plain_protocol(ip) == wire->protocol);
	if (wire->family == 6) {
		wire_require(plain_load(ip + 4) == len - 40);
		return NULL;
	}
	wire_require(plain_load(ip + 2) == len);
	wire_require(plain_sum(0, ip, 20) == 0xffff);
	return NULL;
}

/* Returns what is wrong, or NULL; *header is the length of IP and transport header. */
static inline const char *wire_check_transport(struct wire *wire, const uint8_t *ip, uint32_t len,
					       uint32_t *header)
{
	const uint8_t *transport = ip + plain_ip_header(ip);
	uint32_t sequence;

	if (wire->protocol == IPPROTO_UDP) {
		*header = plain_ip_header(ip) + 8;
		wire_require(plain_load(transport + 4) == len - plain_ip_header(ip));
		return NULL;
	}
	*header = plain_ip_header(ip) + transport[12] / 16 * 4u;
	wire_require(transport[13] == 0x10);
	sequence = plain_load32(transport + 4);
	if (wire->lossy) {
		const uint32_t skipped = sequence - (uint32_t)(WIRE_SEQUENCE + wire->expected);

		wire_require(skipped < 1u << 30);
		wire->expected += skipped;
		wire->skipped += skipped;
	}
	wire_require(sequence == (uint32_t)(WIRE_SEQUENCE + wire->expected));
	return NULL;
}

static inline const char *wire_check(struct wire *wire, const struct weir_buf *buf)
{
	const uint8_t *ip = buf->data + wire->prefix_len;
	const uint32_t len = buf->len - wire->prefix_len;
	uint32_t header = 0;
	const char *fault;

	wire_require(buf->len > wire->prefix_len + 28);
	wire_require(memcmp(buf->data, wire->prefix, wire->prefix_len) == 0);
	fault = wire_check_network(wire, ip, len);
	fault = fault ? fault : wire_check_checksum(wire, buf, ip, len);
	fault = fault ? fault : wire_check_transport(wire, ip, len, &header);
	if (fault)
		return fault;
	if (buf->gso_type) {
		wire_require(buf->gso_size && buf->hdr_len == wire->prefix_len + header);
		wire_require(buf->flags & WEIR_BUF_NEEDS_CSUM);
		wire->supers++;
	}
	return wire_check_payload(wire, ip + header, len - header);
}

static inline uint32_t wire_write(void *state, struct weir_writer *writer)
{
	struct wire *wire = *(struct wire **)state;

	for (uint32_t i = 0; i < writer->n; i++) {
		if (wire->taken == fake_load(wire->room))
			fake_heard(wire->write_fd);
		if (wire->taken == fake_load(wire->room))
			return i;
		if (!wire->wrong)
			wire->wrong = wire_check(wire, weir_writer_buf(writer, i));
		fake_store(wire->taken, wire->taken + 1);
	}
	return writer->n;
}

/* --- the type --- */

struct wire_options {
	WEIR_ENDPOINT_OPTIONS;
	struct wire *wire;
	enum weir_layer layer; /* 0: IP packets */
	enum weir_framing framing;
	uint32_t gives;
	uint32_t takes;
	bool gathers;
	uint32_t max_packet;  /* 0: 65,535 */
	uint32_t max_segment; /* 0: 1500 */
};

static inline int wire_check_options(const void *memory, struct weir_endpoint_info *info,
				     struct weir_error *err)
{
	const struct wire_options *options = memory;

	(void)err;
	info->layer = options->layer ? options->layer : WEIR_LAYER_L3;
	info->framing = options->framing;
	info->max_packet = options->max_packet ? options->max_packet : FAKE_PACKET_MAX;
	info->max_segment = options->max_segment ? options->max_segment : 1500;
	info->gives = options->gives;
	info->takes = options->takes;
	info->gathers = options->gathers;
	return 0;
}

static inline int wire_open(void *state, const void *memory, struct weir_endpoint_info *info,
			    struct weir_error *err)
{
	struct wire *wire = ((const struct wire_options *)memory)->wire;

	(void)err;
	*(struct wire **)state = wire;
	info->read_fd = wire->read_fd;
	info->write_fd = wire->write_fd;
	info->write_events = POLLIN;
	return 0;
}

static inline void wire_close(void *state)
{
	(void)state;
}

static const struct weir_option wire_table[] = {
	WEIR_OPTION(struct wire_options, wire, OBJECT, "what the test sees"),
	WEIR_ENUM_OPTION(struct wire_options, layer, weir__layer_values, "of all packets"),
	WEIR_ENUM_OPTION(struct wire_options, framing, weir__framing_values, "with af"),
	WEIR_OPTION(struct wire_options, gives, U32, "offloads"),
	WEIR_OPTION(struct wire_options, takes, U32, "offloads"),
	WEIR_OPTION(struct wire_options, gathers, BOOL, "what comes in segments"),
	WEIR_OPTION(struct wire_options, max_packet, U32, "bytes"),
	WEIR_OPTION(struct wire_options, max_segment, U32, "bytes"),
	{ 0 },
};

static const struct weir_endpoint_type wire_type = {
	.name = "wire",
	.help = "the test",
	.options = wire_table,
	.options_size = sizeof(struct wire_options),
	.state_size = sizeof(struct wire *),
	.check = wire_check_options,
	.open = wire_open,
	.close = wire_close,
	.read = wire_read,
	.write = wire_write,
};

#define wire(...) WEIR_ENDPOINT(wire_type, struct wire_options, __VA_ARGS__)

/* A stage that understands super-packets, with the test's verdicts as those of judge(). */
static const struct weir_stage_type sight_type = {
	.name = "sight",
	.help = "the verdicts of the test, also of super-packets",
	.offload = WEIR_OFFLOAD_ALL,
	.exits = JUDGE_EXITS,
	.reasons = fake_reasons,
	.options = judge_table,
	.options_size = sizeof(struct judge),
	.config_size = sizeof(struct judge_config),
	.configure = judge_configure,
	.process = judge_vector,
};

#define sight(...) WEIR_STAGE(sight_type, struct judge, __VA_ARGS__)

/* At rest, segments obey a law of their own. */
static inline struct weir_counters *read_segments(struct weir_pipeline *pipeline)
{
	struct weir_counters *counters = read_counters(pipeline);

	if (!counters->held)
		assert_int_equal(counters->received_segments,
				 counters->sent_segments + counters->dropped_segments);
	else
		assert_true(counters->received_segments >=
			    counters->sent_segments + counters->dropped_segments);
	return counters;
}

#endif
