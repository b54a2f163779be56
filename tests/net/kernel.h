/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of a device, asked in other ways than the engine does it; and what others do to a
 * device. */
#ifndef WEIR_TEST_KERNEL_H
#define WEIR_TEST_KERNEL_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>

#include "test.h"

/* One ioctl about a device; returns 0 or a negative errno. */
static inline int kernel_ioctl(const char *device, unsigned long what, struct ifreq *request)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc;

	snprintf(request->ifr_name, sizeof(request->ifr_name), "%s", device);
	rc = ioctl(fd, what, request) ? -errno : 0;
	close(fd);
	return rc;
}

static inline bool kernel_exists(const char *device)
{
	return if_nametoindex(device) != 0;
}

static inline bool kernel_is_up(const char *device)
{
	struct ifreq request = { 0 };

	assert_int_equal(kernel_ioctl(device, SIOCGIFFLAGS, &request), 0);
	return request.ifr_flags & IFF_UP;
}

static inline int kernel_mtu(const char *device)
{
	struct ifreq request = { 0 };

	assert_int_equal(kernel_ioctl(device, SIOCGIFMTU, &request), 0);
	return request.ifr_mtu;
}

static inline void kernel_set_mtu(const char *device, int mtu)
{
	struct ifreq request = { .ifr_mtu = mtu };

	assert_int_equal(kernel_ioctl(device, SIOCSIFMTU, &request), 0);
}

static inline int kernel_queue_length(const char *device)
{
	struct ifreq request = { 0 };

	assert_int_equal(kernel_ioctl(device, SIOCGIFTXQLEN, &request), 0);
	return request.ifr_qlen;
}

static inline void kernel_mac(const char *device, uint8_t mac[6])
{
	struct ifreq request = { 0 };

	assert_int_equal(kernel_ioctl(device, SIOCGIFHWADDR, &request), 0);
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
}

/* The MAC address that the kernel has learned by ARP for an address beyond the device. */
static inline void kernel_neighbour(const char *device, const char *address, uint8_t mac[6])
{
	struct arpreq request = { .arp_pa.sa_family = AF_INET };
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(inet_pton(AF_INET, address, &to.sin_addr), 1);
	memcpy(&request.arp_pa, &to, sizeof(to));
	snprintf(request.arp_dev, sizeof(request.arp_dev), "%s", device);
	assert_int_equal(ioctl(fd, SIOCGARP, &request), 0);
	memcpy(mac, request.arp_ha.sa_data, 6);
	close(fd);
}

static inline bool kernel_ipv6_disabled(const char *device)
{
	char path[96], now = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", device);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, &now, 1), 1);
	close(fd);
	return now == '1';
}

/* Dumps all links, addresses or routes. */
static inline void kernel_dump(uint16_t type, size_t size, mnl_cb_t take, void *data)
{
	uint8_t bytes[32768] __attribute__((aligned(8))) = { 0 };
	struct nlmsghdr *request = mnl_nlmsg_put_header(bytes);
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	ssize_t n;
	int rc = MNL_CB_OK;

	assert_non_null(nl);
	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request->nlmsg_seq = 1;
	mnl_nlmsg_put_extra_header(request, size);
	assert_true(mnl_socket_sendto(nl, request, request->nlmsg_len) > 0);
	while (rc == MNL_CB_OK) {
		n = mnl_socket_recvfrom(nl, bytes, sizeof(bytes));
		assert_true(n > 0);
		rc = mnl_cb_run(bytes, (size_t)n, 1, 0, take, data);
		assert_true(rc >= 0);
	}
	mnl_socket_close(nl);
}

static inline int kernel_take_attribute(const struct nlattr *attribute, void *data)
{
	const struct nlattr **table = data;

	if (mnl_attr_get_type(attribute) < 64)
		table[mnl_attr_get_type(attribute)] = attribute;
	return MNL_CB_OK;
}

struct kernel_search {
	uint32_t index;
	const char *text; /* NULL: anything */
	uint32_t tentative, deprecated;
	uint32_t n; /* found */
};

static inline const char *kernel_ip(uint8_t family, const struct nlattr *attribute, char text[64])
{
	static const uint8_t none[16];

	return inet_ntop(family, attribute ? mnl_attr_get_payload(attribute) : none, text, 64);
}

static inline int kernel_take_address(const struct nlmsghdr *message, void *data)
{
	const struct ifaddrmsg *address = mnl_nlmsg_get_payload(message);
	const struct nlattr *table[64] = { 0 };
	struct kernel_search *search = data;
	char local[64], peer[64], text[160];

	mnl_attr_parse(message, sizeof(*address), kernel_take_attribute, table);
	kernel_ip(address->ifa_family, table[IFA_ADDRESS], peer);
	kernel_ip(address->ifa_family, table[table[IFA_LOCAL] ? IFA_LOCAL : IFA_ADDRESS], local);
	snprintf(text, sizeof(text), "%s/%u%s%s", local, address->ifa_prefixlen,
		 strcmp(local, peer) ? "," : "", strcmp(local, peer) ? peer : "");
	if (address->ifa_index == search->index && (!search->text || strcmp(text, search->text) == 0)) {
		search->n++;
		search->tentative += (address->ifa_flags & IFA_F_TENTATIVE) != 0;
		search->deprecated += (address->ifa_flags & IFA_F_DEPRECATED) != 0;
	}
	return MNL_CB_OK;
}

/* How many addresses of the device read so: "10.9.0.2/24", "10.9.0.2/32,10.9.0.1"; NULL: any at all. */
static inline struct kernel_search kernel_addresses(const char *device, const char *text)
{
	struct kernel_search search = { .index = if_nametoindex(device), .text = text };

	kernel_dump(RTM_GETADDR, sizeof(struct ifaddrmsg), kernel_take_address, &search);
	return search;
}

static inline unsigned kernel_u32(const struct nlattr *attribute)
{
	return attribute ? mnl_attr_get_u32(attribute) : 0;
}

static inline int kernel_take_route(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);
	const struct nlattr *table[64] = { 0 };
	struct kernel_search *search = data;
	char to[64], via[64], text[256];

	mnl_attr_parse(message, sizeof(*route), kernel_take_attribute, table);
	snprintf(text, sizeof(text), "%s/%u via %s metric %u table %u",
		 kernel_ip(route->rtm_family, table[RTA_DST], to), route->rtm_dst_len,
		 table[RTA_GATEWAY] ? kernel_ip(route->rtm_family, table[RTA_GATEWAY], via) : "-",
		 kernel_u32(table[RTA_PRIORITY]), kernel_u32(table[RTA_TABLE]));
	if (kernel_u32(table[RTA_OIF]) == search->index && strcmp(text, search->text) == 0)
		search->n++;
	return MNL_CB_OK;
}

/* How many routes through the device read so: "10.0.0.0/8 via - metric 0 table 254". */
static inline unsigned kernel_routes(const char *device, const char *text)
{
	struct kernel_search search = { .index = if_nametoindex(device), .text = text };

	kernel_dump(RTM_GETROUTE, sizeof(struct rtmsg), kernel_take_route, &search);
	return search.n;
}

struct kernel_tun {
	uint32_t index;
	bool found;
	bool tap, packet_information, persist;
	bool has_owner, has_group;
	uint32_t owner, group;
};

static inline bool kernel_flag(const struct nlattr *attribute)
{
	return attribute && mnl_attr_get_u8(attribute);
}

static inline int kernel_take_tun(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *table[64] = { 0 }, *kind[64] = { 0 }, *tun[64] = { 0 };
	struct kernel_tun *result = data;

	mnl_attr_parse(message, sizeof(*info), kernel_take_attribute, table);
	if ((uint32_t)info->ifi_index != result->index || !table[IFLA_LINKINFO])
		return MNL_CB_OK;
	mnl_attr_parse_nested(table[IFLA_LINKINFO], kernel_take_attribute, kind);
	if (!kind[IFLA_INFO_DATA])
		return MNL_CB_OK;
	mnl_attr_parse_nested(kind[IFLA_INFO_DATA], kernel_take_attribute, tun);
	result->found = true;
	result->tap = tun[IFLA_TUN_TYPE] && mnl_attr_get_u8(tun[IFLA_TUN_TYPE]) == 2;
	result->packet_information = kernel_flag(tun[IFLA_TUN_PI]);
	result->persist = kernel_flag(tun[IFLA_TUN_PERSIST]);
	result->has_owner = tun[IFLA_TUN_OWNER];
	result->has_group = tun[IFLA_TUN_GROUP];
	result->owner = kernel_u32(tun[IFLA_TUN_OWNER]);
	result->group = kernel_u32(tun[IFLA_TUN_GROUP]);
	return MNL_CB_OK;
}

/* What the driver says. sysfs says the same, but of the namespace in which it was mounted. */
static inline struct kernel_tun kernel_tun(const char *device)
{
	struct kernel_tun result = { .index = if_nametoindex(device) };

	kernel_dump(RTM_GETLINK, sizeof(struct ifinfomsg), kernel_take_tun, &result);
	assert_true(result.found);
	return result;
}

struct kernel_search_stats {
	int index;
	bool found;
	struct rtnl_link_stats64 stats;
};

static inline int kernel_take_stats(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	const struct nlattr *table[64] = { 0 };
	struct kernel_search_stats *search = data;
	size_t size;

	mnl_attr_parse(message, sizeof(*info), kernel_take_attribute, table);
	if (info->ifi_index != search->index || !table[IFLA_STATS64])
		return MNL_CB_OK;
	size = mnl_attr_get_payload_len(table[IFLA_STATS64]);
	if (size > sizeof(search->stats)) /* a kernel newer than its headers here */
		size = sizeof(search->stats);
	memcpy(&search->stats, mnl_attr_get_payload(table[IFLA_STATS64]), size);
	search->found = true;
	return MNL_CB_OK;
}

/* What the device has counted. */
static inline struct rtnl_link_stats64 kernel_stats(const char *device)
{
	struct kernel_search_stats search = { .index = (int)if_nametoindex(device) };

	kernel_dump(RTM_GETLINK, sizeof(struct ifinfomsg), kernel_take_stats, &search);
	assert_true(search.found);
	return search.stats;
}

/* Sends a change and waits for the answer. Returns 0 or a negative errno. */
static inline int kernel_change(struct nlmsghdr *request)
{
	uint8_t bytes[8192];
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	ssize_t n;
	int rc;

	assert_non_null(nl);
	request->nlmsg_seq = 1;
	assert_true(mnl_socket_sendto(nl, request, request->nlmsg_len) > 0);
	n = mnl_socket_recvfrom(nl, bytes, sizeof(bytes));
	assert_true(n > 0);
	rc = mnl_cb_run(bytes, (size_t)n, 1, 0, NULL, NULL) < 0 ? -errno : 0;
	mnl_socket_close(nl);
	return rc;
}

/* Deletes the device, whoever uses it. Returns 0 or a negative errno. */
static inline int kernel_delete(const char *device)
{
	uint8_t bytes[256] __attribute__((aligned(8))) = { 0 };
	struct nlmsghdr *request = mnl_nlmsg_put_header(bytes);
	struct ifinfomsg *info;

	request->nlmsg_type = RTM_DELLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
	info->ifi_index = (int)if_nametoindex(device);
	return kernel_change(request);
}

/* Joins this network namespace with the one behind the descriptor by two devices. Returns 0 or a negative
 * errno. */
static inline int kernel_make_veth(const char *here, int netns, const char *there)
{
	uint8_t bytes[512] __attribute__((aligned(8))) = { 0 };
	struct nlmsghdr *request = mnl_nlmsg_put_header(bytes);
	struct nlattr *link, *data, *peer;

	request->nlmsg_type = RTM_NEWLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request, IFLA_IFNAME, here);
	link = mnl_attr_nest_start(request, IFLA_LINKINFO);
	mnl_attr_put_strz(request, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(request, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request, IFLA_IFNAME, there);
	mnl_attr_put_u32(request, IFLA_NET_NS_FD, (uint32_t)netns);
	mnl_attr_nest_end(request, peer);
	mnl_attr_nest_end(request, data);
	mnl_attr_nest_end(request, link);
	return kernel_change(request);
}

/* Has the kernel complete the checksums of what it sends by this device, instead of leaving that to whatever
 * the packets come to. */
static inline void kernel_complete_checksums(const char *device)
{
	struct ethtool_value value = { .cmd = ETHTOOL_STXCSUM };
	struct ifreq request = { .ifr_data = (void *)&value };

	assert_int_equal(kernel_ioctl(device, SIOCETHTOOL, &request), 0);
}

/* An address of either family as an attribute. */
static inline void kernel_put_ip(struct nlmsghdr *request, uint16_t ipv4, uint16_t ipv6, const char *text)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		mnl_attr_put(request, ipv4, 4, bytes);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		mnl_attr_put(request, ipv6, 16, bytes);
	else
		fail_msg("'%s' is no address", text);
}

/* A device of the kernel's VXLAN. It takes IPv6 datagrams without checksum too. Returns 0 or a negative
 * errno.
 */
static inline int kernel_make_vxlan(const char *device, uint32_t vni, const char *local, const char *remote)
{
	uint8_t bytes[512] __attribute__((aligned(8))) = { 0 };
	struct nlmsghdr *request = mnl_nlmsg_put_header(bytes);
	struct nlattr *link, *data;

	request->nlmsg_type = RTM_NEWLINK;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(request, IFLA_IFNAME, device);
	link = mnl_attr_nest_start(request, IFLA_LINKINFO);
	mnl_attr_put_strz(request, IFLA_INFO_KIND, "vxlan");
	data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
	mnl_attr_put_u32(request, IFLA_VXLAN_ID, vni);
	kernel_put_ip(request, IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6, local);
	kernel_put_ip(request, IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6, remote);
	mnl_attr_put_u16(request, IFLA_VXLAN_PORT, htons(4789));
	mnl_attr_put_u8(request, IFLA_VXLAN_UDP_ZERO_CSUM6_RX, 1);
	mnl_attr_nest_end(request, data);
	mnl_attr_nest_end(request, link);
	return kernel_change(request);
}

#endif
