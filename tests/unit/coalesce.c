/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which packets are put together, one rule after the other; and random mixes of flows, of which every packet
 * must come out once, in the order of its flow, to the last byte.
 */
#include "test.h"

#include "../mix.h"

static struct merge *merge;
static struct segment next; /* the packet that comes next */
static uint8_t bytes[MERGE_PACKET + 64];

static const uint8_t ethernet[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };

static void begin_as(enum weir_layer layer, enum weir_framing framing, uint32_t offload, uint32_t jumbos)
{
	merge = merge_make(layer, framing, offload, jumbos);
	next = (struct segment){ .family = 4,
				 .protocol = IPPROTO_TCP,
				 .ttl = 64,
				 .id = 0xfffe, /* comes to its end in every test */
				 .fragment = 0x4000,
				 .label = 0x12345,
				 .sequence = 0xffffff00,
				 .acknowledged = 77,
				 .flags = 0x10,
				 .window = 500,
				 .options = 12,
				 .option = 1,
				 .payload = 1000 };
}

static void begin(void)
{
	begin_as(WEIR_LAYER_L3, WEIR_FRAMING_RAW, WEIR_OFFLOAD_ALL, 4);
}

static void begin_kind(uint8_t family, uint8_t protocol)
{
	begin();
	next.family = family;
	next.protocol = protocol;
}

/* The next packet of the flow comes, behind a prefix. */
static struct weir_buf *come_behind(const void *prefix, uint32_t n)
{
	uint32_t len;

	if (n)
		memcpy(bytes, prefix, n);
	len = segment_write(&next, bytes + n);
	next.id++;
	next.sequence += next.payload;
	next.fill++;
	return merge_add(merge, bytes, n + len);
}

static struct weir_buf *come(void)
{
	return come_behind(NULL, 0);
}

static struct weir_buf *come_in_frame(uint16_t tci, uint16_t ethertype)
{
	uint8_t frame[18];

	memcpy(frame, ethernet, 12);
	plain_store(frame + 12, tci ? 0x8100 : ethertype);
	plain_store(frame + 14, tci);
	plain_store(frame + 16, ethertype);
	return come_behind(frame, tci ? 18 : 14);
}

/* Sets right what a test has changed in the last packet, whose IP header is there. */
static void amend(struct weir_buf *buf, uint32_t network)
{
	plain_finish(buf->data + network, buf->len - network);
}

/* What goes on: so many packets, of which so many are made of others. */
static void expect(uint32_t n, uint32_t made)
{
	const char *fault = merge_run(merge);

	if (fault)
		fail_msg("%s", fault);
	assert_int_equal(merge->result.n, n);
	assert_int_equal(merge->result.made, made);
	merge_free(merge);
}

/* Two packets that would be one, had not this been done to the second. */
#define EXPECT_APART(...)     \
	do {                  \
		begin();      \
		come();       \
		__VA_ARGS__;  \
		come();       \
		expect(2, 0); \
	} while (0)

static void puts_packets_of_each_kind_together(void **state)
{
	static const uint8_t families[] = { 4, 6 }, protocols[] = { IPPROTO_TCP, IPPROTO_UDP };

	(void)state;
	for (unsigned f = 0; f < 2; f++)
		for (unsigned p = 0; p < 2; p++)
			for (unsigned n = 2; n <= WEIR_VECTOR_SIZE; n++) {
				begin_kind(families[f], protocols[p]);
				for (unsigned i = 0; i < n; i++)
					come();
				expect(1, 1);
			}
}

static struct weir_buf *tag(struct weir_buf *buf, uint16_t vlan, uint64_t mark)
{
	buf->flags |= WEIR_BUF_VLAN;
	buf->vlan = vlan;
	buf->mark = mark;
	return buf;
}

static void says_what_it_has_made(void **state)
{
	const struct weir_buf *made;

	(void)state;
	begin();
	tag(come(), 5, 9)->peer = 7;
	next.flags = 0x18;
	tag(come(), 5, 9)->peer = 7;
	assert_null(merge_run(merge));
	assert_int_equal(merge->result.n, 1);
	made = &merge->bufs[merge->result.index[0]];
	assert_int_equal(made->len, 52 + 2000);
	assert_int_equal(made->gso_type, WEIR_GSO_TCPV4);
	assert_int_equal(made->gso_size, 1000);
	assert_int_equal(made->hdr_len, 52);
	assert_int_equal(made->csum_start, 20);
	assert_int_equal(made->csum_offset, 16);
	assert_int_equal(made->flags, WEIR_BUF_VLAN | WEIR_BUF_NEEDS_CSUM);
	assert_int_equal(made->vlan, 5);
	assert_int_equal(made->mark, 9);
	assert_int_equal(made->peer, 7);
	assert_int_equal(made->arrival, 1001);
	assert_int_equal(made->data[33], 0x18); /* PSH of the last one */
	merge_free(merge);
}

static void leaves_single_packets_alone(void **state)
{
	(void)state;
	begin();
	expect(0, 0);
	begin();
	come();
	expect(1, 0);
	begin();
	for (unsigned i = 0; i < WEIR_VECTOR_SIZE; i++) {
		next.flow = (uint8_t)(i * 5);
		come();
	}
	expect(WEIR_VECTOR_SIZE, 0);
}

static void keeps_apart_what_differs_in_a_header(void **state)
{
	(void)state;
	EXPECT_APART(next.acknowledged++);
	EXPECT_APART(next.window++);
	EXPECT_APART(next.urgent++);
	EXPECT_APART(next.tos++); /* ECN */
	EXPECT_APART(next.tos += 32);
	EXPECT_APART(next.ttl--);
	EXPECT_APART(next.fragment = 0);
	EXPECT_APART(next.fragment = 0xc000);
	EXPECT_APART(next.option++); /* of the same length */
	EXPECT_APART(next.options = 16);
	EXPECT_APART(next.options = 0);
	EXPECT_APART(next.flow++);
	EXPECT_APART(next.protocol = IPPROTO_UDP);
}

static void keeps_apart_what_differs_in_an_ipv6_header(void **state)
{
	(void)state;
	EXPECT_APART(next.family = 6);
	for (unsigned i = 0; i < 4; i++) {
		begin_kind(6, IPPROTO_TCP);
		come();
		next.label ^= i == 0;
		next.tos ^= i == 1;
		next.ttl ^= i == 2;
		next.flow ^= i == 3;
		come();
		expect(2, 0);
	}
}

static void takes_consecutive_numbers_only(void **state)
{
	(void)state;
	EXPECT_APART(next.sequence++);
	EXPECT_APART(next.sequence--);
	EXPECT_APART(next.sequence -= 1000); /* again */
	EXPECT_APART(next.id++);
	EXPECT_APART(next.id--); /* the same again: right only for packets that may not be fragmented */
	begin_kind(6, IPPROTO_TCP);
	come();
	next.id += 7; /* there is none */
	come();
	expect(1, 1);
}

static void takes_plain_acknowledged_data_only(void **state)
{
	static const uint16_t others[] = { 0x00, 0x11, 0x12, 0x14, 0x30, 0x50, 0x90, 0x110, 0x810, 0x08 };

	(void)state;
	for (unsigned i = 0; i < countof(others); i++) {
		begin();
		next.flags = others[i];
		come();
		come();
		expect(2, 0);
	}
}

static void ends_behind_a_push(void **state)
{
	(void)state;
	begin();
	for (unsigned i = 0; i < 6; i++) {
		next.flags = i == 2 || i == 3 ? 0x18 : 0x10;
		come();
	}
	expect(3, 2); /* of 3, 1, 2 */
}

static void ends_behind_a_shorter_packet(void **state)
{
	(void)state;
	for (unsigned udp = 0; udp < 2; udp++) {
		begin_kind(4, udp ? IPPROTO_UDP : IPPROTO_TCP);
		for (unsigned i = 0; i < 5; i++) {
			next.payload = i == 2 ? 1 : 1000;
			come();
		}
		expect(2, 2);
	}
}

static void takes_no_longer_packet(void **state)
{
	(void)state;
	EXPECT_APART(next.payload++);
}

static void takes_no_empty_packet(void **state)
{
	(void)state;
	for (unsigned udp = 0; udp < 2; udp++) {
		begin_kind(4, udp ? IPPROTO_UDP : IPPROTO_TCP);
		come();
		next.payload = 0;
		come();
		next.payload = 1000;
		come();
		expect(3, 0);
	}
}

static void fills_65535_bytes_and_no_more(void **state)
{
	/* 52 bytes of headers and 30 * 2182 of payload are 65512. */
	static const uint16_t last[] = { 23, 24 };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		begin();
		next.payload = 2182;
		for (unsigned k = 0; k < 30; k++)
			come();
		next.payload = last[i];
		come();
		expect(1 + i, 1);
	}
}

static void never_lets_a_packet_overtake_its_flow(void **state)
{
	(void)state;
	begin();
	come();
	next.flags = 0x11;
	come();
	next.flags = 0x10;
	next.sequence -= 1000; /* so that it would follow the first one */
	next.id--;
	come();
	expect(3, 0);

	begin(); /* another number is acknowledged in between */
	come();
	next.acknowledged++;
	next.sequence += 5000;
	come();
	next.acknowledged--;
	next.sequence -= 6000;
	next.id--;
	come();
	expect(3, 0);
}

static void puts_flows_together_that_are_mixed(void **state)
{
	(void)state;
	begin_as(WEIR_LAYER_L3, WEIR_FRAMING_RAW, WEIR_OFFLOAD_ALL, WEIR_VECTOR_SIZE);
	for (unsigned i = 0; i < 30; i++) {
		const struct segment before = next;

		next.flow = (uint8_t)(i % 10);
		come();
		if (i % 10 != 9)
			next = before;
	}
	expect(10, 10);
}

/* Makes the packet one whose flow cannot be told, or that has none, with right checksums otherwise. */
static void disguise(struct weir_buf *buf, unsigned how)
{
	switch (how) {
	case 0: /* options */
		buf->data[0] = 0x46;
		break;
	case 1: /* the first fragment */
		buf->data[6] |= 0x20;
		break;
	case 2: /* another one */
		buf->data[7] = 1;
		break;
	default: /* ESP, or the fragment header of IPv6 */
		buf->data[plain_is_ipv6(buf->data) ? 6 : 9] = plain_is_ipv6(buf->data) ? 44 : 50;
	}
	amend(buf, 0);
}

static void stops_at_what_may_belong_to_any_flow(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		begin_kind(i == 4 ? 6 : 4, IPPROTO_TCP);
		come();
		disguise(come(), i);
		next.sequence -= 1000; /* so that it would follow the first one */
		next.id--;
		come();
		expect(3, 0);
	}
}

static void takes_nothing_whose_flow_is_not_known(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		begin_kind(i / 2 == 4 ? 6 : 4, i % 2 ? IPPROTO_UDP : IPPROTO_TCP);
		disguise(come(), i / 2);
		disguise(come(), i / 2);
		expect(2, 0);
	}
}

static void takes_no_wrong_checksum(void **state)
{
	static const uint16_t transport[2][2] = { { 36, 56 }, { 26, 46 } }; /* by protocol and family */

	(void)state;
	for (unsigned wrong = 0; wrong < 3; wrong++)
		for (unsigned i = 0; i < 4; i++) {
			begin_kind(i % 2 ? 6 : 4, i / 2 ? IPPROTO_UDP : IPPROTO_TCP);
			for (unsigned k = 0; k < 3; k++) {
				struct weir_buf *buf = come();

				buf->data[transport[i / 2][i % 2]] ^= k == wrong;
			}
			/* Two that follow each other are left, unless it was the one between. */
			expect(wrong == 1 ? 3 : 2, wrong != 1);
		}
}

static void takes_no_wrong_header_checksum(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		const unsigned wrong = i % 3;

		begin();
		for (unsigned k = 0; k < 3; k++) {
			struct weir_buf *buf = come();

			if (i / 3)
				segment_make_partial(buf, 0);
			buf->data[11] ^= k == wrong;
		}
		expect(wrong == 1 ? 3 : 2, wrong != 1);
	}
}

static void takes_no_wrong_payload(void **state)
{
	(void)state;
	begin();
	come();
	come()->data[900]++;
	come();
	come();
	expect(3, 1);
}

/* Changes the payload's first two bytes so that the checksum of the last packet becomes 0. */
static void make_checksum_0(struct weir_buf *buf)
{
	const bool tcp = plain_protocol(buf->data) == IPPROTO_TCP;
	const uint32_t header = plain_ip_header(buf->data) + (tcp ? 32 : 8);
	uint16_t sum;

	plain_store(buf->data + header, 0);
	amend(buf, 0);
	sum = plain_load(plain_checksum(buf->data)); /* what is missing to 0xffff */
	plain_store(buf->data + header, sum);
	amend(buf, 0);
	assert_int_equal(plain_load(plain_checksum(buf->data)), tcp ? 0 : 0xffff);
}

static void tells_0_from_the_other_0(void **state)
{
	(void)state;
	for (unsigned udp = 0; udp < 2; udp++)
		for (unsigned other = 0; other < 2; other++) {
			struct weir_buf *buf;

			begin_kind(4, udp ? IPPROTO_UDP : IPPROTO_TCP);
			come();
			buf = come();
			make_checksum_0(buf);
			if (other)
				plain_store(plain_checksum(buf->data), udp ? 0 : 0xffff);
			expect(1 + other, 1 - other);
		}
}

static void tells_0_from_the_other_0_in_a_header(void **state)
{
	(void)state;
	for (unsigned other = 0; other < 2; other++) {
		struct weir_buf *buf[2];

		begin();
		for (unsigned i = 0; i < 2; i++) {
			next.ttl = 0;
			next.id = (uint16_t)i;
			buf[i] = come();
		}
		/* What the checksum lacks to 0 goes into the address, of both because it is the same. */
		for (unsigned i = 0; i < 2; i++) {
			const uint16_t lacks = plain_load(buf[1]->data + 10);

			plain_store(buf[i]->data + 16, plain_sum(lacks, buf[i]->data + 16, 2));
			if (i == 0)
				amend(buf[0], 0);
		}
		amend(buf[1], 0);
		assert_int_equal(plain_load(buf[1]->data + 10), 0);
		plain_store(buf[1]->data + 10, other ? 0xffff : 0);
		expect(1 + other, 1 - other);
	}
}

static void never_takes_a_datagram_without_checksum(void **state)
{
	(void)state;
	for (unsigned family = 4; family <= 6; family += 2) {
		begin_kind((uint8_t)family, IPPROTO_UDP);
		for (unsigned i = 0; i < 2; i++)
			plain_store(plain_checksum(come()->data), 0);
		expect(2, 0);
	}
}

static void trusts_partial_checksums(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		begin_kind(i % 2 ? 6 : 4, i / 2 % 2 ? IPPROTO_UDP : IPPROTO_TCP);
		for (unsigned k = 0; k < 2; k++) {
			struct weir_buf *buf = come();

			if (i >> (2 + k) & 1) /* others are complete */
				segment_make_partial(buf, 0);
		}
		expect(1, 1);
	}
}

static void takes_no_wrong_partial_checksum(void **state)
{
	(void)state;
	for (unsigned wrong = 0; wrong < 3; wrong++) {
		struct weir_buf *buf;

		begin();
		come();
		buf = come();
		segment_make_partial(buf, 0);
		buf->csum_start = (uint16_t)(buf->csum_start + (wrong == 0));
		buf->csum_offset = (uint16_t)(buf->csum_offset - (wrong == 1));
		buf->data[37] ^= wrong == 2;
		expect(2, 0);
	}
}

static void lets_super_packets_pass(void **state)
{
	struct weir_buf *super;

	(void)state;
	begin();
	come();
	super = come();
	super->gso_type = WEIR_GSO_TCPV4;
	super->gso_size = 500;
	super->hdr_len = 52;
	segment_make_partial(super, 0);
	come();
	come();
	expect(3, 1);
}

static void believes_only_lengths_that_agree(void **state)
{
	struct weir_buf *buf;

	(void)state;
	for (unsigned family = 4; family <= 6; family += 2) {
		begin_kind((uint8_t)family, IPPROTO_UDP);
		come();
		buf = come();
		buf->data[family == 4 ? 3 : 5]--; /* IP */
		expect(2, 0);
		begin_kind((uint8_t)family, IPPROTO_UDP);
		come();
		buf = come();
		segment_make_partial(buf, 0);       /* it does not matter then */
		buf->data[family == 4 ? 25 : 45]--; /* UDP */
		expect(2, 0);
	}
	for (unsigned words = 0; words < 16; words++) {
		begin();
		for (unsigned i = 0; i < 2; i++) {
			next.payload = 4;
			buf = come();
			buf->data[32] = (uint8_t)(words << 4 | (buf->data[32] & 15));
			amend(buf, 0);
		}
		expect(words == 8 ? 1 : 2, words == 8);
	}
}

static void makes_only_what_may_be_made(void **state)
{
	static const uint32_t bits[] = { WEIR_OFFLOAD_TSO4, WEIR_OFFLOAD_USO4, WEIR_OFFLOAD_TSO6,
					 WEIR_OFFLOAD_USO6 };

	(void)state;
	for (unsigned b = 0; b < countof(bits); b++)
		for (unsigned i = 0; i < countof(bits); i++) {
			begin_kind(i / 2 ? 6 : 4, i % 2 ? IPPROTO_UDP : IPPROTO_TCP);
			merge->result.offload = bits[b];
			come();
			come();
			expect(b == i ? 1 : 2, b == i);
		}
}

static void does_without_jumbo_buffers(void **state)
{
	(void)state;
	for (uint32_t jumbos = 0; jumbos < 4; jumbos++) {
		begin_as(WEIR_LAYER_L3, WEIR_FRAMING_RAW, WEIR_OFFLOAD_ALL, jumbos);
		for (unsigned flow = 0; flow < 3; flow++)
			for (unsigned i = 0; i < 5; i++) {
				next.flow = (uint8_t)flow;
				come();
			}
		expect(15 - 4 * jumbos, jumbos);
	}
}

static void keeps_apart_what_stages_have_noted(void **state)
{
	struct weir_buf *buf;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		begin();
		tag(come(), 1, 1);
		buf = come();
		tag(buf, i == 1 ? 2 : 1, i == 2 ? 2 : 1);
		buf->flags = i == 3 ? 0 : buf->flags;
		expect(i ? 2 : 1, i ? 0 : 1);
	}
}

static void takes_frames(void **state)
{
	(void)state;
	for (unsigned tci = 0; tci < 2; tci++)
		for (unsigned family = 4; family <= 6; family += 2) {
			begin_as(WEIR_LAYER_L2, WEIR_FRAMING_RAW, WEIR_OFFLOAD_ALL, 4);
			next.family = (uint8_t)family;
			for (unsigned i = 0; i < 3; i++)
				come_in_frame((uint16_t)tci, family == 4 ? 0x0800 : 0x86dd);
			expect(1, 1);
		}
}

static void keeps_apart_frames_that_differ(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct weir_buf *buf;

		begin_as(WEIR_LAYER_L2, WEIR_FRAMING_RAW, WEIR_OFFLOAD_ALL, 4);
		come_in_frame(1, 0x0800);
		buf = come_in_frame((uint16_t)(i == 0 ? 0 : i == 1 ? 2 : 1), i == 2 ? 0x86dd : 0x0800);
		buf->data[5] ^= i == 3;  /* to */
		buf->data[11] ^= i == 4; /* from */
		buf->data[12] = i == 5 ? 0x88 : buf->data[12];
		expect(2, 0);
	}
}

static void takes_no_padded_frame(void **state)
{
	(void)state;
	begin_as(WEIR_LAYER_L2, WEIR_FRAMING_RAW, WEIR_OFFLOAD_ALL, 4);
	next.payload = 4;
	come_in_frame(0, 0x0800);
	come_in_frame(0, 0x0800);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t padded[72] = { 0 };
		struct weir_buf *buf = come_in_frame(0, 0x0800);

		memcpy(padded, buf->data, buf->len);
		free(buf->room);
		merge->n--;
		merge_add(merge, padded, sizeof(padded));
	}
	expect(3, 1);
}

static void takes_frames_apart_that_are_cut(void **state)
{
	(void)state;
	for (uint32_t len = 0; len < 70; len++) {
		begin_as(WEIR_LAYER_L2, WEIR_FRAMING_RAW, WEIR_OFFLOAD_ALL, 4);
		for (unsigned i = 0; i < 2; i++) {
			struct weir_buf *buf = come_in_frame(1, 0x86dd);

			memcpy(bytes, buf->data, len);
			free(buf->room);
			merge->n--;
			merge_add(merge, bytes, len);
		}
		expect(2, 0);
	}
}

static void takes_what_devices_put_in_front(void **state)
{
	static const uint8_t prefix[2][4] = { { 0, 0, 0x08, 0 }, { 0, 0, 0, 2 } };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		begin_as(WEIR_LAYER_AF, i ? WEIR_FRAMING_UTUN : WEIR_FRAMING_TUN_PI, WEIR_OFFLOAD_ALL, 4);
		come_behind(prefix[i], 4);
		come_behind(prefix[i], 4);
		come_behind(prefix[!i], 4);
		expect(2, 1);
	}
	begin_as(WEIR_LAYER_AF, WEIR_FRAMING_RAW, WEIR_OFFLOAD_ALL, 4);
	come();
	come();
	expect(1, 1);
}

static void never_loses_doubles_changes_or_reorders_a_packet(void **state)
{
	static const enum weir_layer layers[] = { WEIR_LAYER_AF, WEIR_LAYER_L2, WEIR_LAYER_L3 };
	static struct mix mix = { .ethernet = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 } };
	uint64_t packets = 0, gone_on = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 4000; seed++) {
		const char *fault;

		mix.dice = seed;
		begin_as(layers[toss(&mix, 3)], one_in(&mix, 2) ? WEIR_FRAMING_RAW : WEIR_FRAMING_UTUN,
			 one_in(&mix, 8) ? toss(&mix, WEIR_OFFLOAD_ALL + 1) : WEIR_OFFLOAD_ALL,
			 one_in(&mix, 4) ? toss(&mix, 4) : WEIR_VECTOR_SIZE);
		mix.merge = merge;
		mix_fill(&mix);
		fault = merge_run(merge);
		if (fault)
			fail_msg("seed %llu: %s", (unsigned long long)seed, fault);
		packets += merge->n;
		gone_on += merge->result.n;
		merge_free(merge);
	}
	assert_in_range(gone_on, packets / 4, packets / 4 * 3); /* else the mix tells little */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(puts_packets_of_each_kind_together),
		cmocka_unit_test(says_what_it_has_made),
		cmocka_unit_test(leaves_single_packets_alone),
		cmocka_unit_test(keeps_apart_what_differs_in_a_header),
		cmocka_unit_test(keeps_apart_what_differs_in_an_ipv6_header),
		cmocka_unit_test(takes_consecutive_numbers_only),
		cmocka_unit_test(takes_plain_acknowledged_data_only),
		cmocka_unit_test(ends_behind_a_push),
		cmocka_unit_test(ends_behind_a_shorter_packet),
		cmocka_unit_test(takes_no_longer_packet),
		cmocka_unit_test(takes_no_empty_packet),
		cmocka_unit_test(fills_65535_bytes_and_no_more),
		cmocka_unit_test(never_lets_a_packet_overtake_its_flow),
		cmocka_unit_test(puts_flows_together_that_are_mixed),
		cmocka_unit_test(stops_at_what_may_belong_to_any_flow),
		cmocka_unit_test(takes_nothing_whose_flow_is_not_known),
		cmocka_unit_test(takes_no_wrong_checksum),
		cmocka_unit_test(takes_no_wrong_header_checksum),
		cmocka_unit_test(takes_no_wrong_payload),
		cmocka_unit_test(tells_0_from_the_other_0),
		cmocka_unit_test(tells_0_from_the_other_0_in_a_header),
		cmocka_unit_test(never_takes_a_datagram_without_checksum),
		cmocka_unit_test(trusts_partial_checksums),
		cmocka_unit_test(takes_no_wrong_partial_checksum),
		cmocka_unit_test(lets_super_packets_pass),
		cmocka_unit_test(believes_only_lengths_that_agree),
		cmocka_unit_test(makes_only_what_may_be_made),
		cmocka_unit_test(does_without_jumbo_buffers),
		cmocka_unit_test(keeps_apart_what_stages_have_noted),
		cmocka_unit_test(takes_frames),
		cmocka_unit_test(keeps_apart_frames_that_differ),
		cmocka_unit_test(takes_no_padded_frame),
		cmocka_unit_test(takes_frames_apart_that_are_cut),
		cmocka_unit_test(takes_what_devices_put_in_front),
		cmocka_unit_test(never_loses_doubles_changes_or_reorders_a_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
