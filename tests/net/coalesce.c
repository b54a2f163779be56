/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel as the judge of super-packets: what comes out of a device without offload is the same, to the
 * last byte and in the order of each flow, whether it gets the packets one by one or put together. With TUN
 * devices it routes them, with TAP devices it passes them through a bridge.
 */
#include "namespace.h"

#include <poll.h>

#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <linux/virtio_net.h>
#include <sys/uio.h>

#include "error.h"
#include "kernel.h"
#include "netlink.h"
#include "wait.h"

#include "../mix.h"

#define SEEDS 1000
#define SPACE 4096 /* more than a packet of the mix has */

/* Devices, by their descriptors. */
struct judge {
	enum weir_layer layer;
	int single; /* takes packets */
	int super;  /* and super-packets */
	int out;
};

/* What came out, of one vector. */
struct heap {
	uint32_t n;
	uint32_t len[2 * WEIR_VECTOR_SIZE];
	uint8_t packet[2 * WEIR_VECTOR_SIZE][SPACE];
};

static struct heap heaps[2];
static struct mix mix = { .wire = true, .ethernet = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 } };
static uint8_t marker[SPACE];
static uint32_t marker_len;

static int attach(const char *name, int flags)
{
	struct ifreq request = { .ifr_flags = (short)(IFF_NO_PI | flags) };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	assert_int_equal(ioctl(fd, TUNSETOFFLOAD, 0ul), 0);
	kernel_set_mtu(name, SPACE);
	namespace_set_flag(name, IFF_UP, true);
	return fd;
}

static void attach_all(struct judge *judge, int kind)
{
	judge->single = attach("single", kind);
	judge->super = attach("super", kind | IFF_VNET_HDR);
	judge->out = attach("out", kind);
}

static void detach_all(const struct judge *judge)
{
	close(judge->single);
	close(judge->super);
	close(judge->out);
}

static void add_address(const char *device, const char *text, unsigned bits)
{
	struct weir__address address = { .bits = bits };
	struct weir__netlink netlink;
	struct weir_error err;

	weir__error_clear(&err);
	assert_true(weir__ip_parse(text, &address.local));
	assert_int_equal(weir__netlink_open(&netlink, &err), 0);
	assert_int_equal(weir__address_add(&netlink, if_nametoindex(device), &address, 0, &err), 0);
	weir__address_wait(&netlink, if_nametoindex(device), &address);
	weir__netlink_close(&netlink);
}

/* What comes from the first two devices is for hosts behind the third one. */
static void make_router(struct judge *judge)
{
	judge->layer = WEIR_LAYER_L3;
	attach_all(judge, IFF_TUN);
	namespace_write("/proc/sys/net/ipv4/ip_forward", "1");
	namespace_write("/proc/sys/net/ipv6/conf/all/forwarding", "1");
	namespace_write("/proc/sys/net/ipv4/conf/all/rp_filter", "0");
	namespace_write("/proc/sys/net/ipv4/conf/single/rp_filter", "0");
	namespace_write("/proc/sys/net/ipv4/conf/super/rp_filter", "0");
	add_address("out", "10.0.0.100", 24);
	add_address("out", "fd00::100", 64);
}

static void make_bridge(struct judge *judge)
{
	static const char *const ports[] = { "single", "super", "out" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	judge->layer = WEIR_LAYER_L2;
	attach_all(judge, IFF_TAP);
	if (ioctl(fd, SIOCBRADDBR, "bridge"))
		namespace_skip("bridge");
	close(fd);
	for (unsigned i = 0; i < countof(ports); i++) {
		struct ifreq request = { .ifr_ifindex = (int)if_nametoindex(ports[i]) };

		assert_int_equal(kernel_ioctl("bridge", SIOCBRADDIF, &request), 0);
	}
	namespace_set_flag("bridge", IFF_UP, true);
}

static void remove_bridge(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	namespace_set_flag("bridge", IFF_UP, false);
	assert_int_equal(ioctl(fd, SIOCBRDELBR, "bridge"), 0);
	close(fd);
}

static uint32_t network_of(const struct judge *judge)
{
	return judge->layer == WEIR_LAYER_L2 ? 14 : 0;
}

static void give_single(const struct judge *judge, const uint8_t *bytes, uint32_t len)
{
	assert_int_equal(write(judge->single, bytes, len), len);
}

static void give_super(const struct judge *judge, const struct weir_buf *buf)
{
	struct virtio_net_hdr header = {
		.flags = buf->flags & WEIR_BUF_NEEDS_CSUM ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0,
		.gso_type = buf->gso_type,
		.hdr_len = buf->hdr_len,
		.gso_size = buf->gso_size,
		.csum_start = buf->csum_start,
		.csum_offset = buf->csum_offset,
	};
	const struct iovec iov[] = { { &header, sizeof(header) }, { buf->data, buf->len } };

	assert_int_equal(writev(judge->super, iov, 2), sizeof(header) + buf->len);
}

/* It follows what was given before by the same way. */
static void make_marker(const struct judge *judge)
{
	const struct segment segment = {
		.family = 4, .protocol = IPPROTO_UDP, .flow = 255, .ttl = 64, .payload = 8
	};
	const uint32_t network = network_of(judge);

	memcpy(marker, mix.ethernet, 12);
	plain_store(marker + 12, 0x0800);
	marker_len = network + segment_write(&segment, marker + network);
}

/* Routers change the TTL and with it the checksum. */
static bool is_marker(const struct judge *judge, const uint8_t *bytes, uint32_t len)
{
	const uint32_t addresses = network_of(judge) + 12;

	return len == marker_len && memcmp(bytes + addresses, marker + addresses, len - addresses) == 0;
}

/* Waits for the next packet of what was given, or the marker; the kernel sends others by itself. */
static uint32_t take_packet(const struct judge *judge, uint8_t packet[SPACE])
{
	struct pollfd pollfd = { .fd = judge->out, .events = POLLIN };
	ssize_t n;

	do {
		if (poll(&pollfd, 1, WAIT_MS) != 1)
			fail_msg("nothing came out for %d s", WAIT_S);
		n = read(judge->out, packet, SPACE);
		assert_in_range(n, 1, SPACE - 1);
	} while (!plain_has_flow(mix.merge, packet, (uint32_t)n,
				 plain_network(mix.merge, packet, (uint32_t)n)));
	return (uint32_t)n;
}

static void take_all(const struct judge *judge, struct heap *heap)
{
	uint32_t len;

	for (heap->n = 0;; heap->n++) {
		assert_in_range(heap->n, 0, 2 * WEIR_VECTOR_SIZE - 1);
		len = take_packet(judge, heap->packet[heap->n]);
		if (is_marker(judge, heap->packet[heap->n], len))
			return;
		heap->len[heap->n] = len;
	}
}

/* Waits until a way is open: a bridge's ports, for example, take their time. */
static void wait_for_way(const struct judge *judge, bool super)
{
	const struct weir_buf buf = { .data = marker, .len = marker_len };
	struct pollfd pollfd = { .fd = judge->out, .events = POLLIN };
	uint8_t packet[SPACE];
	bool open = false;

	for (const uint64_t end = wait_now_ms() + WAIT_MS; !open;) {
		if (wait_now_ms() > end)
			fail_msg("no way through for %d s", WAIT_S);
		if (super)
			give_super(judge, &buf);
		else
			give_single(judge, marker, marker_len);
		while (poll(&pollfd, 1, open ? 0 : 10) == 1) {
			const ssize_t n = read(judge->out, packet, SPACE);

			open |= n > 0 && is_marker(judge, packet, (uint32_t)n);
		}
	}
}

static struct nature nature_of(const struct heap *heap, uint32_t i)
{
	struct weir_buf buf = { .data = (uint8_t *)(uintptr_t)heap->packet[i], .len = heap->len[i] };

	return plain_nature(mix.merge, &buf);
}

/* Whether both have the same packets, each flow in the same order. */
static void compare(const struct heap *one, const struct heap *other)
{
	bool seen[2 * WEIR_VECTOR_SIZE] = { false };

	assert_int_equal(one->n, other->n);
	for (uint32_t i = 0; i < one->n; i++) {
		const struct nature nature = nature_of(one, i);
		uint32_t k = 0;

		while (k < other->n &&
		       (seen[k] || memcmp(nature_of(other, k).flow, nature.flow, sizeof(nature.flow)) != 0))
			k++;
		assert_in_range(k, 0, other->n - 1);
		seen[k] = true;
		assert_int_equal(one->len[i], other->len[k]);
		assert_memory_equal(one->packet[i], other->packet[k], one->len[i]);
	}
}

/* One vector by both ways; returns how many super-packets it had. */
static uint32_t try_vector(const struct judge *judge, uint64_t seed)
{
	const struct weir_buf last = { .data = marker, .len = marker_len };
	const char *fault;
	uint32_t made;

	mix.dice = seed;
	mix.merge = merge_make(judge->layer, WEIR_FRAMING_RAW, WEIR_OFFLOAD_ALL, WEIR_VECTOR_SIZE);
	mix_fill(&mix);
	fault = merge_run(mix.merge);
	if (fault)
		fail_msg("seed %llu: %s", (unsigned long long)seed, fault);
	for (uint32_t i = 0; i < mix.merge->n; i++)
		give_single(judge, mix.merge->whole[i], mix.merge->before[i].len);
	give_single(judge, marker, marker_len);
	take_all(judge, &heaps[0]);
	for (uint32_t i = 0; i < mix.merge->result.n; i++)
		give_super(judge, &mix.merge->bufs[mix.merge->result.index[i]]);
	give_super(judge, &last);
	take_all(judge, &heaps[1]);
	compare(&heaps[0], &heaps[1]);
	made = mix.merge->result.made;
	merge_free(mix.merge);
	return made;
}

static void try_vectors(const struct judge *judge)
{
	uint64_t made = 0, came_out = 0;

	make_marker(judge);
	wait_for_way(judge, false);
	wait_for_way(judge, true);
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		made += try_vector(judge, seed);
		came_out += heaps[0].n;
	}
	assert_true(made > SEEDS);
	assert_true(came_out > 10 * SEEDS);
}

static void comes_out_of_a_router_as_it_was(void **state)
{
	struct judge judge;

	(void)state;
	make_router(&judge);
	try_vectors(&judge);
	detach_all(&judge);
}

static void comes_out_of_a_bridge_as_it_was(void **state)
{
	struct judge judge;

	(void)state;
	make_bridge(&judge);
	try_vectors(&judge);
	detach_all(&judge);
	remove_bridge();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_out_of_a_router_as_it_was),
		cmocka_unit_test(comes_out_of_a_bridge_as_it_was),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
