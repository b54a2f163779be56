/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A super-packet and its pieces are made by the same plain code: each piece must be, to the last bit, what a
 * sender without offloads would have sent.
 */
#include "packet.h"

#include "segment.h"

/* Piece k of the super-packet as its sender would have made it. */
static struct packet piece_of(const struct packet *super, uint32_t k, uint32_t n, uint16_t size)
{
	struct packet piece = *super;

	piece.partial = false;
	piece.offset += (size_t)k * size;
	piece.size = k + 1 < n ? size : super->size - (size_t)k * size;
	piece.id = (uint16_t)(piece.id + k);
	piece.sequence += k * size;
	if (k > 0)
		piece.flags &= (uint8_t)~TCP_CWR;
	if (k + 1 < n)
		piece.flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	return piece;
}

static void expect_piece(const struct weir__segments *segments, uint32_t k, const struct packet *piece)
{
	uint8_t *expected = packet_make(piece), *got = malloc(packet_length(piece));

	assert_int_equal(weir__segments_len(segments, k), packet_length(piece));
	memset(got, 0xa5, packet_length(piece));
	weir__segments_write(segments, k, got);
	assert_memory_equal(got, expected, packet_length(piece));
	free(expected);
	free(got);
}

static void expect_pieces_of(const struct packet *super, struct weir_buf *buf, uint16_t size)
{
	const uint32_t n = super->size ? (uint32_t)((super->size + size - 1) / size) : 1;
	struct weir__segments segments;

	assert_true(weir__segments_begin(&segments, buf, super->network));
	assert_int_equal(segments.n, n);
	assert_int_equal(segments.network, super->network);
	assert_int_equal(segments.transport, super->network + packet_ip_header(super));
	assert_int_equal(segments.header, packet_headers(super));
	assert_int_equal(segments.size, size);
	assert_int_equal(segments.protocol, super->protocol);
	assert_int_equal(segments.family, super->family);
	for (uint32_t k = 0; k < n; k++) {
		const struct packet piece = piece_of(super, k, n, size);

		expect_piece(&segments, k, &piece);
	}
}

static void expect_pieces(const struct packet *super, uint16_t size)
{
	uint8_t *bytes = packet_make(super);
	struct weir_buf buf = packet_describe(super, bytes, size);

	expect_pieces_of(super, &buf, size);
	free(bytes);
}

static const struct packet kinds[] = {
	{ .family = 4, .protocol = IPPROTO_TCP },
	{ .family = 6, .protocol = IPPROTO_TCP },
	{ .family = 4, .protocol = IPPROTO_UDP },
	{ .family = 6, .protocol = IPPROTO_UDP },
};

/* One of each kind, as most are. */
static struct packet usual(unsigned kind)
{
	struct packet packet = kinds[kind];

	packet.partial = true;
	packet.sequence = 0xfffff000; /* wraps around */
	packet.id = 0xfffe;
	packet.flags = packet.protocol == IPPROTO_TCP ? TCP_ACK | TCP_PSH : 0;
	packet.size = 10000;
	return packet;
}

static void cuts_each_kind_at_each_layer(void **state)
{
	static const unsigned networks[] = { 0, 4, 14, 18 };

	(void)state;
	for (unsigned kind = 0; kind < countof(kinds); kind++)
		for (unsigned i = 0; i < countof(networks); i++) {
			struct packet super = usual(kind);

			super.network = networks[i];
			expect_pieces(&super, 1448);
			super.size = 65535 - packet_headers(&super) + super.network;
			expect_pieces(&super, 1400);
		}
}

static void cuts_at_each_size(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < countof(kinds); kind++) {
		struct packet super = usual(kind);

		super.size = 2900;
		for (uint16_t size = 1; size < 3000; size = (uint16_t)(size + 1 + size / 20))
			expect_pieces(&super, size);
		for (super.size = 2880; super.size < 2910; super.size++)
			expect_pieces(&super, 1448);
		expect_pieces(&super, 65535);
	}
}

static void leaves_what_is_one_piece_whole(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < countof(kinds); kind++) {
		struct packet super = usual(kind);

		super.flags |= TCP_FIN | TCP_CWR;
		for (super.size = 0; super.size <= 100; super.size++)
			expect_pieces(&super, 100);
	}
}

static void keeps_options_and_extension_headers(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < countof(kinds); kind++) {
		struct packet super = usual(kind);
		const unsigned step = super.family == 4 ? 4 : 8, most = super.family == 4 ? 40 : 96;

		super.size = 300;
		for (super.ip_options = 0; super.ip_options <= most; super.ip_options += step) {
			super.tcp_options = 0;
			expect_pieces(&super, 99);
			for (; super.protocol == IPPROTO_TCP && super.tcp_options <= 40;
			     super.tcp_options += 4)
				expect_pieces(&super, 99);
		}
	}
}

/* All of their halves carry, in whatever order they lie. */
static void counts_every_sequence_on(void **state)
{
	static const uint32_t sequences[] = { 0,          0xffffffff, 0xffffff9b, 0x50ffffff, 0xffff50ff,
					      0xff50ffff, 0xffffff50, 0x0000ffff, 0xffff0000, 0x7fffffff };

	(void)state;
	for (unsigned kind = 0; kind < 2; kind++)
		for (unsigned i = 0; i < countof(sequences); i++)
			for (unsigned id = 0; id < 65536; id += 0x1111) {
				struct packet super = usual(kind);

				super.size = 500;
				super.sequence = sequences[i];
				super.id = (uint16_t)id;
				expect_pieces(&super, 100);
			}
}

/* Of the flags, the first and the last piece have what is no other's. */
static void puts_each_flag_where_it_belongs(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 2; kind++)
		for (unsigned flags = 0; flags < 256; flags++) {
			struct packet super = usual(kind);
			struct weir_buf buf;
			uint8_t *bytes;

			super.size = 500;
			super.flags = (uint8_t)flags;
			bytes = packet_make(&super);
			buf = packet_describe(&super, bytes, 100);
			if (flags & TCP_CWR)
				buf.gso_type |= WEIR_GSO_ECN;
			expect_pieces_of(&super, &buf, 100);
			free(bytes);
		}
}

/* Behind a routing header only whoever made the packet knows whom the checksum names. */
static void takes_the_pseudo_header_from_its_field(void **state)
{
	(void)state;
	for (unsigned kind = 1; kind < countof(kinds); kind += 2) {
		struct packet super = usual(kind);

		super.ip_options = 24; /* 8 bytes of hop-by-hop options, and a routing header */
		super.routing = 0x77;
		expect_pieces(&super, 1448);
	}
}

/* Without the flag the field says nothing. */
static void makes_the_pseudo_header_if_it_is_not_there(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < countof(kinds); kind++) {
		struct packet super = usual(kind);

		super.partial = false;
		expect_pieces(&super, 1448);
	}
}

static void ignores_what_is_behind_the_packet(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < countof(kinds); kind++) {
		const struct packet super = usual(kind);
		uint8_t *bytes = packet_make(&super);
		struct weir_buf buf = packet_describe(&super, bytes, 1448);

		buf.data = malloc(buf.len + 10);
		memcpy(buf.data, bytes, buf.len);
		memset(buf.data + buf.len, 0xff, 10);
		buf.len += 10;
		expect_pieces_of(&super, &buf, 1448);
		free(buf.data);
		free(bytes);
	}
}

/* A payload of which the checksum of the only piece, or of the first, is 0. */
static void never_writes_no_checksum_for_udp(void **state)
{
	(void)state;
	for (unsigned kind = 2; kind < countof(kinds); kind++) {
		struct packet super = usual(kind), piece;
		uint8_t *bytes, *udp;

		memset(packet_payload, 0, 2);
		piece = piece_of(&super, 0, 2, 1000);
		bytes = packet_make(&piece);
		memcpy(packet_payload, bytes + packet_headers(&super) - 2,
		       2); /* its complement, which fills it up */
		free(bytes);
		bytes = packet_make(&piece);
		udp = bytes + packet_ip_header(&piece);
		assert_memory_equal(udp + 6, "\xff\xff", 2);
		free(bytes);
		expect_pieces(&super, 1000);
	}
}

static bool begins(const struct weir_buf *buf, uint32_t network)
{
	struct weir__segments segments;

	return weir__segments_begin(&segments, buf, network);
}

static void refuses_each_truncation(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < countof(kinds); kind++) {
		struct packet super = usual(kind);
		uint8_t *bytes;

		super.network = 14;
		super.ip_options = 24;
		super.size = 100;
		bytes = packet_make(&super);
		for (size_t len = 0; len < packet_length(&super); len++) {
			uint8_t *part = malloc(len ? len : 1);
			struct weir_buf buf = packet_describe(&super, part, 50);

			memcpy(part, bytes, len);
			buf.len = (uint32_t)len;
			assert_false(begins(&buf, 14));
			free(part);
		}
		free(bytes);
	}
}

/* A packet that says itself that it is shorter than its headers. */
static void refuses_lengths_below_the_headers(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < countof(kinds); kind++) {
		const struct packet super = usual(kind);
		uint8_t *bytes = packet_make(&super);
		const struct weir_buf buf = packet_describe(&super, bytes, 100);
		const unsigned skip = super.family == 4 ? 0 : 40;

		for (unsigned len = skip; len < packet_headers(&super); len++) {
			packet_put16(bytes + (super.family == 4 ? 2 : 4), len - skip);
			assert_false(begins(&buf, 0));
		}
		free(bytes);
	}
}

static void refuses_metadata_that_does_not_agree(void **state)
{
	static const uint8_t types[] = { 0, 1, 2, 3, 4, 5, 6, 0x7f, 0x80, 0x81, 0x84, 0x85, 0xff };

	(void)state;
	for (unsigned kind = 0; kind < countof(kinds); kind++) {
		const struct packet super = usual(kind);
		uint8_t *bytes = packet_make(&super);
		const struct weir_buf right = packet_describe(&super, bytes, 100);
		struct weir_buf buf = right;

		for (unsigned i = 0; i < countof(types); i++) {
			const bool ecn = super.protocol == IPPROTO_TCP && types[i] == (right.gso_type | 0x80);

			buf.gso_type = types[i];
			assert_int_equal(begins(&buf, 0), types[i] == right.gso_type || ecn);
		}
		buf = right, buf.gso_size = 0;
		assert_false(begins(&buf, 0));
		buf = right, buf.csum_start++;
		assert_false(begins(&buf, 0));
		buf = right, buf.csum_start = 65535;
		assert_false(begins(&buf, 0));
		buf = right, buf.csum_offset += 2;
		assert_false(begins(&buf, 0));
		buf = right;
		assert_false(begins(&buf, 1));
		assert_false(begins(&buf, buf.len));
		assert_false(begins(&buf, buf.len + 1));
		assert_false(begins(&buf, UINT32_MAX));
		assert_true(begins(&buf, 0));
		free(bytes);
	}
}

static void refuses_headers_that_are_wrong(void **state)
{
	static const struct {
		unsigned kind, at;
		uint8_t value;
	} changes[] = {
		{ 0, 0, 0x55 },
		{ 0, 0, 0x44 },
		{ 0, 6, 0x20 }, /* more fragments */
		{ 0, 7, 1 },    /* a fragment that is not the first */
		{ 0, 9, IPPROTO_UDP },
		{ 0, 9, IPPROTO_ICMP },
		{ 0, 32, 0x40 }, /* data offset */
		{ 1, 6, IPPROTO_UDP },
		{ 1, 6, IPPROTO_FRAGMENT },
		{ 1, 6, IPPROTO_HOPOPTS }, /* as which the ports lead to no transport */
		{ 1, 52, 0x40 },
		{ 2, 9, IPPROTO_TCP },
		{ 2, 25, 0 }, /* the UDP length */
		{ 3, 6, IPPROTO_TCP },
		{ 3, 6, IPPROTO_NONE },
		{ 3, 45, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < countof(changes); i++) {
		struct packet super = usual(changes[i].kind);
		struct weir_buf buf;
		uint8_t *bytes;

		super.size = 300;
		bytes = packet_make(&super);
		buf = packet_describe(&super, bytes, 100);
		buf.flags = 0; /* what the metadata says of the checksum shall not be why */
		assert_true(begins(&buf, 0));
		bytes[changes[i].at] = changes[i].value;
		if (begins(&buf, 0))
			fail_msg("change %u is not refused", i);
		free(bytes);
	}
}

static void completes_a_checksum(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < countof(kinds); kind++)
		for (unsigned size = 0; size < 300; size++) {
			struct packet packet = usual(kind);
			struct weir_buf buf;
			uint8_t *bytes, *expected;

			packet.network = 14;
			packet.size = size;
			bytes = packet_make(&packet);
			buf = packet_describe(&packet, bytes, 0);
			buf.gso_type = WEIR_GSO_NONE;
			buf.flags |= WEIR_BUF_VLAN;
			packet.partial = false;
			expected = packet_make(&packet);
			assert_true(weir__segment_complete(&buf));
			assert_memory_equal(bytes, expected, packet_length(&packet));
			assert_int_equal(buf.flags, WEIR_BUF_VLAN);
			assert_int_equal(buf.len, packet_length(&packet));
			free(bytes);
			free(expected);
		}
}

static void completes_to_ones_instead_of_zero(void **state)
{
	uint8_t bytes[8] = { 0xff, 0xff };
	struct weir_buf buf = { .data = bytes, .len = 8, .csum_offset = 6, .flags = WEIR_BUF_NEEDS_CSUM };

	(void)state;
	assert_true(weir__segment_complete(&buf));
	assert_memory_equal(bytes + 6, "\xff\xff", 2);
}

static void refuses_to_complete_outside(void **state)
{
	static const struct {
		uint32_t len;
		uint16_t start, offset;
		bool inside;
	} cases[] = {
		{ 40, 20, 16, true },    { 38, 20, 16, true },        { 37, 20, 16, false },
		{ 36, 20, 16, false },   { 0, 0, 0, false },          { 1, 0, 0, false },
		{ 2, 0, 0, true },       { 40, 38, 0, true },         { 40, 39, 0, false },
		{ 40, 41, 0, false },    { 40, 0, 65535, false },     { 40, 65535, 0, false },
		{ 40, 65535, 6, false }, { 40, 65535, 65535, false },
	};

	(void)state;
	for (unsigned i = 0; i < countof(cases); i++) {
		uint8_t *bytes = calloc(1, cases[i].len + 1), *before = calloc(1, cases[i].len + 1);
		struct weir_buf buf = {
			.data = bytes,
			.len = cases[i].len,
			.csum_start = cases[i].start,
			.csum_offset = cases[i].offset,
			.flags = WEIR_BUF_NEEDS_CSUM,
		};

		assert_int_equal(weir__segment_complete(&buf), cases[i].inside);
		assert_int_equal(buf.flags, cases[i].inside ? 0 : WEIR_BUF_NEEDS_CSUM);
		if (!cases[i].inside)
			assert_memory_equal(bytes, before, cases[i].len + 1);
		free(bytes);
		free(before);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_each_kind_at_each_layer),
		cmocka_unit_test(cuts_at_each_size),
		cmocka_unit_test(leaves_what_is_one_piece_whole),
		cmocka_unit_test(keeps_options_and_extension_headers),
		cmocka_unit_test(counts_every_sequence_on),
		cmocka_unit_test(puts_each_flag_where_it_belongs),
		cmocka_unit_test(takes_the_pseudo_header_from_its_field),
		cmocka_unit_test(makes_the_pseudo_header_if_it_is_not_there),
		cmocka_unit_test(ignores_what_is_behind_the_packet),
		cmocka_unit_test(never_writes_no_checksum_for_udp),
		cmocka_unit_test(refuses_each_truncation),
		cmocka_unit_test(refuses_lengths_below_the_headers),
		cmocka_unit_test(refuses_metadata_that_does_not_agree),
		cmocka_unit_test(refuses_headers_that_are_wrong),
		cmocka_unit_test(completes_a_checksum),
		cmocka_unit_test(completes_to_ones_instead_of_zero),
		cmocka_unit_test(refuses_to_complete_outside),
	};

	return cmocka_run_group_tests(tests, packet_fill_payload, NULL);
}
