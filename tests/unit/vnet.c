/* SPDX-License-Identifier: Apache-2.0 */
/* The header of virtio_net: what it may say of a packet, and that it says the same after the way through the
 * metadata. */
#include "test.h"

#include "device/vnet.h"

#define ECN        VIRTIO_NET_HDR_GSO_ECN
#define TCPV4      VIRTIO_NET_HDR_GSO_TCPV4
#define TCPV6      VIRTIO_NET_HDR_GSO_TCPV6
#define UDP        5 /* VIRTIO_NET_HDR_GSO_UDP_L4 of newer headers */
#define NEEDS_CSUM VIRTIO_NET_HDR_F_NEEDS_CSUM

#define LEN 1000 /* bytes of the packet */

/* On the heap, so that a sanitizer sees a byte read behind its end. */
static bool check_of(struct virtio_net_hdr *header, uint32_t len, uint8_t data_offset)
{
	uint8_t *packet = calloc(1, len ? len : 1);
	bool right;

	assert_non_null(packet);
	if (header->csum_start + 12u < len)
		packet[header->csum_start + 12] = (uint8_t)(data_offset << 4);
	right = weir__vnet_check(header, packet, len);
	free(packet);
	return right;
}

static bool check(struct virtio_net_hdr header)
{
	return check_of(&header, LEN, 8);
}

static struct virtio_net_hdr super(uint8_t type, uint16_t start, uint16_t offset, uint16_t size)
{
	return (struct virtio_net_hdr){ .flags = NEEDS_CSUM,
					.gso_type = type,
					.hdr_len = 1,
					.gso_size = size,
					.csum_start = start,
					.csum_offset = offset };
}

static void takes_ordinary_packets(void **state)
{
	(void)state;
	assert_true(check((struct virtio_net_hdr){ 0 }));
	assert_true(check((struct virtio_net_hdr){ .flags = VIRTIO_NET_HDR_F_DATA_VALID }));
	/* What else is in it means nothing. */
	assert_true(check((struct virtio_net_hdr){ .hdr_len = 65535, .gso_size = 1, .csum_start = 65535 }));
}

static void takes_open_checksums_inside(void **state)
{
	(void)state;
	for (unsigned start = 0; start <= LEN; start++)
		for (unsigned offset = 0; offset <= 40; offset++)
			assert_int_equal(check((struct virtio_net_hdr){ .flags = NEEDS_CSUM,
									.csum_start = (uint16_t)start,
									.csum_offset = (uint16_t)offset }),
					 start + offset + 2 <= LEN);
	assert_false(check(
		(struct virtio_net_hdr){ .flags = NEEDS_CSUM, .csum_start = 65535, .csum_offset = 65535 }));
	assert_false(check((struct virtio_net_hdr){ .flags = NEEDS_CSUM, .csum_start = 65535 }));
	assert_false(check((struct virtio_net_hdr){ .flags = NEEDS_CSUM, .csum_offset = 65535 }));
}

static void takes_super_packets(void **state)
{
	static const uint8_t types[] = { TCPV4, TCPV4 | ECN, TCPV6, TCPV6 | ECN };

	(void)state;
	for (unsigned i = 0; i < countof(types); i++)
		for (unsigned data_offset = 0; data_offset < 16; data_offset++) {
			struct virtio_net_hdr header = super(types[i], 34, 16, 100);

			assert_int_equal(check_of(&header, LEN, (uint8_t)data_offset), data_offset >= 5);
			assert_int_equal(header.hdr_len, data_offset >= 5 ? 34 + 4 * data_offset : 1);
		}
	for (unsigned start = 0; start < 50; start++) {
		struct virtio_net_hdr header = super(UDP, (uint16_t)start, 6, 1);

		assert_true(check_of(&header, LEN, 0));
		assert_int_equal(header.hdr_len, start + 8);
	}
}

static void refuses_other_super_packets(void **state)
{
	static const uint8_t types[] = { TCPV4, TCPV6, UDP };

	(void)state;
	for (unsigned type = 1; type < 256; type++) {
		const bool known =
			type == TCPV4 || type == (TCPV4 | ECN) || type == TCPV6 || type == (TCPV6 | ECN);

		assert_int_equal(check(super((uint8_t)type, 20, 16, 100)), known);
		assert_int_equal(check(super((uint8_t)type, 20, 6, 100)), type == UDP);
		/* Without an open checksum none is. */
		assert_false(check((struct virtio_net_hdr){ .gso_type = (uint8_t)type, .gso_size = 100 }));
	}
	for (unsigned i = 0; i < countof(types); i++) {
		const uint16_t offset = types[i] == UDP ? 6 : 16;

		assert_true(check(super(types[i], 20, offset, 1)));
		assert_false(check(super(types[i], 20, offset, 0)));
		for (unsigned other = 0; other < 40; other++)
			assert_int_equal(check(super(types[i], 20, (uint16_t)other, 1)), other == offset);
	}
}

/* There must be a byte of payload behind the headers, which must be there themselves. */
static void refuses_super_packets_that_end_early(void **state)
{
	(void)state;
	for (uint32_t len = 0; len < 100; len++) {
		struct virtio_net_hdr tcp = super(TCPV4, 20, 16, 100), udp = super(UDP, 40, 6, 100);

		assert_int_equal(check_of(&tcp, len, 8), len > 20 + 32);
		assert_int_equal(check_of(&udp, len, 0), len > 40 + 8);
	}
}

/* Headers whose length has no room in the metadata. */
static void refuses_headers_that_are_too_long(void **state)
{
	struct virtio_net_hdr header = super(TCPV4, 65510, 16, 1);

	(void)state;
	assert_true(check_of(&header, 65553, 5));
	assert_int_equal(header.hdr_len, 65530);
	header = super(TCPV4, 65520, 16, 1);
	assert_false(check_of(&header, 65553, 5));
	header = super(UDP, 65528, 6, 1);
	assert_false(check_of(&header, 65553, 0));
}

static void is_the_same_after_the_metadata(void **state)
{
	const struct virtio_net_hdr headers[] = {
		{ 0 },
		{ .flags = NEEDS_CSUM, .csum_start = 34, .csum_offset = 6 },
		{ .flags = NEEDS_CSUM,
		  .gso_type = TCPV4 | ECN,
		  .hdr_len = 52,
		  .gso_size = 1448,
		  .csum_start = 20,
		  .csum_offset = 16 },
		{ .flags = NEEDS_CSUM,
		  .gso_type = UDP,
		  .hdr_len = 48,
		  .gso_size = 1,
		  .csum_start = 40,
		  .csum_offset = 6 },
	};

	(void)state;
	for (unsigned i = 0; i < countof(headers); i++) {
		struct virtio_net_hdr header;
		struct weir_buf buf = { .flags = WEIR_BUF_VLAN };

		weir__vnet_decode(&headers[i], &buf);
		assert_int_equal(buf.flags & WEIR_BUF_VLAN, WEIR_BUF_VLAN);
		assert_int_equal(buf.gso_type, headers[i].gso_type);
		memset(&header, 0xff, sizeof(header));
		weir__vnet_encode(&header, &buf);
		assert_memory_equal(&header, &headers[i], sizeof(header));
	}
}

/* What is left in the metadata from a packet before says nothing of one without an open checksum. */
static void says_nothing_of_an_ordinary_packet(void **state)
{
	const struct weir_buf buf = { .csum_start = 3, .csum_offset = 4, .gso_size = 5, .hdr_len = 6 };
	const struct virtio_net_hdr none = { 0 };
	struct virtio_net_hdr header;

	(void)state;
	weir__vnet_encode(&header, &buf);
	assert_memory_equal(&header, &none, sizeof(header));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_ordinary_packets),
		cmocka_unit_test(takes_open_checksums_inside),
		cmocka_unit_test(takes_super_packets),
		cmocka_unit_test(refuses_other_super_packets),
		cmocka_unit_test(refuses_super_packets_that_end_early),
		cmocka_unit_test(refuses_headers_that_are_too_long),
		cmocka_unit_test(is_the_same_after_the_metadata),
		cmocka_unit_test(says_nothing_of_an_ordinary_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
