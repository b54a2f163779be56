/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel as the judge: a super-packet that is given to one device, and forwarded to another one that
 * takes none, comes out of this in pieces that are ours, to the last bit.
 */
#include "namespace.h"

#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <sys/uio.h>

#include "netlink.h"
#include "packet.h"
#include "segment.h"
#include "wait.h"

static int in = -1, out = -1;
static bool cuts_udp; /* since Linux 6.2 */

static int open_device(struct weir__netlink *netlink, const char *name, short flags, uint32_t *index)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	struct ifreq request = { .ifr_flags = (short)(IFF_TUN | IFF_NO_PI | flags) };

	assert_true(fd >= 0);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	assert_int_equal(ioctl(fd, TUNSETOFFLOAD, 0ul), 0);
	*index = if_nametoindex(name);
	assert_int_equal(weir__link_set_up(netlink, *index, true, NULL), 0);
	return fd;
}

static void add_route(struct weir__netlink *netlink, uint32_t index, const char *to)
{
	struct weir__route route = { 0 };

	assert_true(weir__ip_prefix_parse(to, &route.to, &route.bits));
	assert_int_equal(weir__route_add(netlink, index, &route, 0, NULL), 0);
}

/* What packet_make() makes comes from 192.0.2.1 and from 2027:2e35::/32, and goes to somewhere else. */
static int set_up(void **state)
{
	struct weir__netlink netlink;
	uint32_t from, to;

	namespace_write("/proc/sys/net/ipv4/ip_forward", "1");
	namespace_write("/proc/sys/net/ipv6/conf/all/forwarding", "1");
	assert_int_equal(weir__netlink_open(&netlink, NULL), 0);
	in = open_device(&netlink, "in0", IFF_VNET_HDR, &from);
	out = open_device(&netlink, "out0", 0, &to);
	/* What this device takes is not asked for: that it can be told is the kernel's word for what it
	 * knows. */
	cuts_udp = ioctl(in, TUNSETOFFLOAD, (unsigned long)(WEIR_OFFLOAD_CSUM | WEIR_OFFLOAD_USO)) == 0;
	add_route(&netlink, from, "192.0.2.0/24");
	add_route(&netlink, from, "2027:2e35::/32");
	add_route(&netlink, to, "0.0.0.0/0");
	add_route(&netlink, to, "::/0");
	weir__netlink_close(&netlink);
	return packet_fill_payload(state);
}

/* Returns 0 or a negative errno. */
static int give(const struct weir_buf *buf)
{
	struct virtio_net_hdr header = {
		.flags = buf->flags & WEIR_BUF_NEEDS_CSUM ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0,
		.gso_type = buf->gso_type,
		.hdr_len = buf->hdr_len,
		.gso_size = buf->gso_size,
		.csum_start = buf->csum_start,
		.csum_offset = buf->csum_offset,
	};
	const struct iovec parts[] = { { &header, sizeof(header) }, { buf->data, buf->len } };

	return writev(in, parts, 2) < 0 ? -errno : 0;
}

/* The kernel has things of its own to say on a new device. */
static bool is_ours(const uint8_t *got, size_t n, const uint8_t *super)
{
	const bool six = super[0] >> 4 == 6;
	const size_t addresses = six ? 8 : 12, size = six ? 32 : 8;

	return n >= addresses + size && got[0] >> 4 == super[0] >> 4 &&
	       memcmp(got + addresses, super + addresses, size) == 0;
}

/* The next packet that has come through. */
static size_t take(const uint8_t *super, uint8_t *got, size_t room)
{
	for (;;) {
		struct pollfd pollfd = { .fd = out, .events = POLLIN };
		ssize_t n;

		assert_int_equal(poll(&pollfd, 1, WAIT_MS), 1);
		n = read(out, got, room);
		assert_true(n > 0);
		if (is_ours(got, (size_t)n, super))
			return (size_t)n;
	}
}

/* What forwarding does. */
static void pass_on(uint8_t *ip)
{
	if (ip[0] >> 4 == 6) {
		ip[7]--;
		return;
	}
	ip[8]--;
	packet_put16(ip + 10, 0);
	packet_put16(ip + 10, ~packet_sum(0, ip, (ip[0] & 0x0fu) * 4));
}

static void expect_next(const uint8_t *super, uint8_t *piece, uint32_t len)
{
	uint8_t got[2048];

	pass_on(piece);
	assert_int_equal(take(super, got, sizeof(got)), len);
	assert_memory_equal(got, piece, len);
}

static void judge_as(const struct packet *packet, uint16_t size, uint8_t gso_flags)
{
	uint8_t *bytes = packet_make(packet), piece[2048];
	struct weir_buf buf = packet_describe(packet, bytes, size);
	struct weir__segments segments;

	buf.gso_type |= gso_flags;
	buf.hdr_len = (uint16_t)packet_headers(packet);
	assert_int_equal(give(&buf), 0);
	assert_true(weir__segments_begin(&segments, &buf, 0));
	for (uint32_t k = 0; k < segments.n; k++) {
		weir__segments_write(&segments, k, piece);
		expect_next(bytes, piece, weir__segments_len(&segments, k));
	}
	free(bytes);
}

static void judge(const struct packet *packet, uint16_t size)
{
	judge_as(packet, size, 0);
}

static struct packet usual(unsigned family, unsigned protocol)
{
	return (struct packet){
		.family = family,
		.protocol = protocol,
		.partial = true,
		.sequence = 0xfffff123,
		.id = 0xfff0,
		.flags = protocol == IPPROTO_TCP ? TCP_ACK | TCP_PSH : 0,
		.size = 20000,
	};
}

static void cuts_as_the_kernel(unsigned family, unsigned protocol)
{
	static const uint16_t sizes[] = { 1400, 1399, 1000, 536 };
	struct packet packet = usual(family, protocol);

	if (protocol == IPPROTO_UDP && !cuts_udp)
		skip();
	for (unsigned i = 0; i < countof(sizes); i++)
		judge(&packet, sizes[i]);
	for (packet.size = 2790; packet.size < 2810; packet.size++)
		judge(&packet, 1400);
	packet.size = 65535 - packet_headers(&packet);
	judge(&packet, 1400);
}

static void cuts_tcpv4(void **state)
{
	(void)state;
	cuts_as_the_kernel(4, IPPROTO_TCP);
}

static void cuts_tcpv6(void **state)
{
	(void)state;
	cuts_as_the_kernel(6, IPPROTO_TCP);
}

static void cuts_udpv4(void **state)
{
	(void)state;
	cuts_as_the_kernel(4, IPPROTO_UDP);
}

static void cuts_udpv6(void **state)
{
	(void)state;
	cuts_as_the_kernel(6, IPPROTO_UDP);
}

static void cuts_behind_options(void **state)
{
	(void)state;
	for (unsigned family = 4; family <= 6; family += 2) {
		struct packet packet = usual(family, IPPROTO_TCP);

		packet.size = 5000;
		for (packet.tcp_options = 0; packet.tcp_options <= 40; packet.tcp_options += 4)
			judge(&packet, 1300);
		packet.tcp_options = 12;
		for (packet.ip_options = 8; packet.ip_options <= 40; packet.ip_options += 16)
			judge(&packet, 1300);
		packet.ip_options = 24;
		packet.protocol = IPPROTO_UDP;
		if (cuts_udp)
			judge(&packet, 1300);
	}
}

static void puts_each_flag_where_the_kernel_does(void **state)
{
	static const uint8_t flags[] = { TCP_ACK, TCP_ACK | TCP_FIN, TCP_ACK | TCP_PSH,
					 TCP_ACK | TCP_FIN | TCP_PSH, TCP_ACK | TCP_PSH | TCP_ECE };

	(void)state;
	for (unsigned family = 4; family <= 6; family += 2)
		for (unsigned i = 0; i < countof(flags); i++) {
			struct packet packet = usual(family, IPPROTO_TCP);

			packet.flags = flags[i];
			packet.size = 5000;
			judge(&packet, 1400);
		}
}

static void keeps_congestion_to_the_first(void **state)
{
	(void)state;
	for (unsigned family = 4; family <= 6; family += 2) {
		struct packet packet = usual(family, IPPROTO_TCP);

		packet.flags |= TCP_CWR | TCP_ECE;
		packet.size = 5000;
		judge_as(&packet, 1400, WEIR_GSO_ECN);
		judge(&packet, 1400);
	}
}

/* Which the kernel takes for no super-packet. */
static void leaves_one_piece_whole(void **state)
{
	(void)state;
	for (unsigned family = 4; family <= 6; family += 2) {
		struct packet packet = usual(family, IPPROTO_TCP);

		for (packet.size = 0; packet.size <= 1400; packet.size += 350)
			judge(&packet, 1400);
		packet = usual(family, IPPROTO_UDP);
		for (packet.size = 350; cuts_udp && packet.size <= 1400; packet.size += 350)
			judge(&packet, 1400);
	}
}

static void completes_as_the_kernel(void **state)
{
	(void)state;
	for (unsigned family = 4; family <= 6; family += 2)
		for (unsigned size = 0; size < 1400; size += 27) {
			struct packet packet = usual(family, size % 2 ? IPPROTO_TCP : IPPROTO_UDP);
			struct weir_buf buf;
			uint8_t *bytes;

			packet.size = size;
			bytes = packet_make(&packet);
			buf = packet_describe(&packet, bytes, 0);
			buf.gso_type = WEIR_GSO_NONE;
			assert_int_equal(give(&buf), 0);
			assert_true(weir__segment_complete(&buf));
			expect_next(bytes, bytes, buf.len);
			free(bytes);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_tcpv4),
		cmocka_unit_test(cuts_tcpv6),
		cmocka_unit_test(cuts_udpv4),
		cmocka_unit_test(cuts_udpv6),
		cmocka_unit_test(cuts_behind_options),
		cmocka_unit_test(puts_each_flag_where_the_kernel_does),
		cmocka_unit_test(keeps_congestion_to_the_first),
		cmocka_unit_test(leaves_one_piece_whole),
		cmocka_unit_test(completes_as_the_kernel),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, set_up, NULL);
}
