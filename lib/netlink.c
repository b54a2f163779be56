/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>

#include "clock.h"
#include "netlink.h"

/* Room for one answer; a link with all its attributes takes about 2 KiB. */
#define ANSWER_SIZE 16384

#define LOCAL_LOOK_US 200
#define LOCAL_WAIT_NS 1000000000u

union request {
	struct nlmsghdr header;
	uint8_t bytes[512];
};

struct answer {
	int error;               /* 0 or a negative errno */
	char why[128];           /* the kernel's words on it, maybe none */
	struct weir__link *link; /* where a link goes that is read */
	bool local;              /* a route was read, and it ends here */
};

static const char *ip_text(const struct weir__ip *ip, char text[INET6_ADDRSTRLEN])
{
	return inet_ntop(ip->family == 6 ? AF_INET6 : AF_INET, ip->bytes, text, INET6_ADDRSTRLEN);
}

const char *weir__address_text(const struct weir__address *address, char text[WEIR__ADDRESS_TEXT])
{
	char local[INET6_ADDRSTRLEN], peer[INET6_ADDRSTRLEN];

	ip_text(&address->local, local);
	if (address->peer.family)
		snprintf(text, WEIR__ADDRESS_TEXT, "%s/%u,%s", local, address->bits,
			 ip_text(&address->peer, peer));
	else
		snprintf(text, WEIR__ADDRESS_TEXT, "%s/%u", local, address->bits);
	return text;
}

const char *weir__route_text(const struct weir__route *route, char text[WEIR__ROUTE_TEXT])
{
	char to[INET6_ADDRSTRLEN], via[INET6_ADDRSTRLEN];
	int n = snprintf(text, WEIR__ROUTE_TEXT, "%s/%u", ip_text(&route->to, to), route->bits);

	if (route->via.family)
		n += snprintf(text + n, WEIR__ROUTE_TEXT - n, " via %s", ip_text(&route->via, via));
	if (route->metric)
		n += snprintf(text + n, WEIR__ROUTE_TEXT - n, " metric %u", route->metric);
	if (route->table)
		snprintf(text + n, WEIR__ROUTE_TEXT - n, " table %u", route->table);
	return text;
}

int weir__netlink_open(struct weir__netlink *netlink, struct weir_error *err)
{
	const int on = 1;

	netlink->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!netlink->socket)
		return weir_failed(err, -errno, "netlink socket: %s", strerror(errno));
	if (mnl_socket_bind(netlink->socket, 0, MNL_SOCKET_AUTOPID)) {
		int error = errno;

		weir__netlink_close(netlink);
		return weir_failed(err, -error, "netlink socket: %s", strerror(error));
	}
	/* The kernel's words on an error, without our request in front. Before Linux 4.12 there are none. */
	mnl_socket_setsockopt(netlink->socket, NETLINK_CAP_ACK, (void *)(uintptr_t)&on, sizeof(on));
	mnl_socket_setsockopt(netlink->socket, NETLINK_EXT_ACK, (void *)(uintptr_t)&on, sizeof(on));
	return 0;
}

void weir__netlink_close(struct weir__netlink *netlink)
{
	if (netlink->socket)
		mnl_socket_close(netlink->socket);
	netlink->socket = NULL;
}

static void *begin(union request *request, uint16_t type, uint16_t flags, size_t size)
{
	mnl_nlmsg_put_header(request);
	request->header.nlmsg_type = type;
	request->header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	return mnl_nlmsg_put_extra_header(&request->header, size);
}

static int take_error_attribute(const struct nlattr *attribute, void *data)
{
	struct answer *answer = data;

	if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG &&
	    mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) == 0)
		snprintf(answer->why, sizeof(answer->why), "%s", mnl_attr_get_str(attribute));
	return MNL_CB_OK;
}

static void take_error(const struct nlmsghdr *message, struct answer *answer)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

	answer->error = error->error;
	if (message->nlmsg_flags & NLM_F_ACK_TLVS && message->nlmsg_flags & NLM_F_CAPPED)
		mnl_attr_parse(message, sizeof(*error), take_error_attribute, answer);
}

static int take_tun_attribute(const struct nlattr *attribute, void *data)
{
	struct weir__link *link = data;

	if (mnl_attr_get_type(attribute) == IFLA_TUN_PI)
		link->packet_information = mnl_attr_get_u8(attribute);
	if (mnl_attr_get_type(attribute) == IFLA_TUN_NUM_QUEUES)
		link->queues = mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

static int take_kind_attribute(const struct nlattr *attribute, void *data)
{
	if (mnl_attr_get_type(attribute) == IFLA_INFO_DATA)
		mnl_attr_parse_nested(attribute, take_tun_attribute, data);
	return MNL_CB_OK;
}

static int take_link_attribute(const struct nlattr *attribute, void *data)
{
	const uint16_t length = mnl_attr_get_payload_len(attribute);
	const void *payload = mnl_attr_get_payload(attribute);
	struct rtnl_link_stats64 stats = { 0 };
	struct weir__link *link = data;

	switch (mnl_attr_get_type(attribute)) {
	case IFLA_IFNAME:
		snprintf(link->name, sizeof(link->name), "%.*s", (int)length, (const char *)payload);
		break;
	case IFLA_MTU:
		link->mtu = mnl_attr_get_u32(attribute);
		break;
	case IFLA_TXQLEN:
		link->queue_length = mnl_attr_get_u32(attribute);
		break;
	case IFLA_ADDRESS:
		if (length == sizeof(link->mac))
			memcpy(link->mac, payload, sizeof(link->mac));
		break;
	case IFLA_LINKINFO:
		mnl_attr_parse_nested(attribute, take_kind_attribute, link);
		break;
	case IFLA_STATS64:
		memcpy(&stats, payload, length < sizeof(stats) ? length : sizeof(stats));
		link->tx_dropped = stats.tx_dropped;
		break;
	}
	return MNL_CB_OK;
}

static void take_link(const struct nlmsghdr *message, struct weir__link *link)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);

	link->index = (uint32_t)info->ifi_index;
	link->flags = info->ifi_flags;
	mnl_attr_parse(message, sizeof(*info), take_link_attribute, link);
}

/* Takes what came; returns whether the acknowledgement was in it. */
static bool take(const struct nlmsghdr *message, int n, uint32_t sequence, struct answer *answer)
{
	for (; mnl_nlmsg_ok(message, n); message = mnl_nlmsg_next(message, &n)) {
		if (message->nlmsg_seq != sequence)
			continue;
		if (message->nlmsg_type == NLMSG_ERROR) {
			take_error(message, answer);
			return true;
		}
		if (message->nlmsg_type == RTM_NEWLINK && answer->link)
			take_link(message, answer->link);
		if (message->nlmsg_type == RTM_NEWROUTE)
			answer->local =
				((const struct rtmsg *)mnl_nlmsg_get_payload(message))->rtm_type == RTN_LOCAL;
	}
	return false;
}

static int talk(struct weir__netlink *netlink, union request *request, struct answer *answer)
{
	uint8_t bytes[ANSWER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t n;

	request->header.nlmsg_seq = ++netlink->sequence;
	do {
		n = mnl_socket_sendto(netlink->socket, request, request->header.nlmsg_len);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return answer->error = -errno;
	do {
		n = mnl_socket_recvfrom(netlink->socket, bytes, sizeof(bytes));
		if (n < 0 && errno != EINTR)
			return answer->error = -errno;
	} while (n < 0 || !take((const struct nlmsghdr *)bytes, (int)n, request->header.nlmsg_seq, answer));
	return answer->error;
}

/* Sends the request. The format says what is being done with which value. */
static int ask(struct weir__netlink *netlink, union request *request, struct weir__link *link, int expected,
	       struct weir_error *err, const char *format, ...) WEIR_PRINTF(6, 7);

static int ask(struct weir__netlink *netlink, union request *request, struct weir__link *link, int expected,
	       struct weir_error *err, const char *format, ...)
{
	struct answer answer = { .link = link };
	char what[WEIR__ROUTE_TEXT + 32];
	va_list args;
	int rc = talk(netlink, request, &answer);

	if (rc == 0 || rc == expected)
		return rc;
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return weir_failed(err, rc, "%s: %s%s%s%s%s", what, strerror(-rc), answer.why[0] ? " (" : "",
			   answer.why, answer.why[0] ? ")" : "",
			   rc == -EPERM ? ": this needs root or CAP_NET_ADMIN" : "");
}

static struct ifinfomsg *begin_link(union request *request, uint16_t type, uint32_t index)
{
	struct ifinfomsg *info = begin(request, type, 0, sizeof(*info));

	info->ifi_family = AF_UNSPEC;
	info->ifi_index = (int)index;
	return info;
}

int weir__link_find(struct weir__netlink *netlink, const char *name, struct weir__link *link,
		    struct weir_error *err)
{
	union request request;

	memset(link, 0, sizeof(*link));
	begin_link(&request, RTM_GETLINK, 0);
	mnl_attr_put_strz(&request.header, IFLA_IFNAME, name);
	return ask(netlink, &request, link, 0, err, "device %s", name);
}

int weir__link_read(struct weir__netlink *netlink, uint32_t index, struct weir__link *link,
		    struct weir_error *err)
{
	union request request;

	memset(link, 0, sizeof(*link));
	begin_link(&request, RTM_GETLINK, index);
	return ask(netlink, &request, link, 0, err, "device %u", index);
}

int weir__link_set_up(struct weir__netlink *netlink, uint32_t index, bool up, struct weir_error *err)
{
	union request request;
	struct ifinfomsg *info = begin_link(&request, RTM_NEWLINK, index);

	info->ifi_change = IFF_UP;
	info->ifi_flags = up ? IFF_UP : 0;
	return ask(netlink, &request, NULL, 0, err, "%s", up ? "up" : "down");
}

int weir__link_set_mtu(struct weir__netlink *netlink, uint32_t index, uint32_t mtu, struct weir_error *err)
{
	union request request;

	begin_link(&request, RTM_NEWLINK, index);
	mnl_attr_put_u32(&request.header, IFLA_MTU, mtu);
	return ask(netlink, &request, NULL, 0, err, "mtu %u", mtu);
}

int weir__link_set_mac(struct weir__netlink *netlink, uint32_t index, const uint8_t mac[6],
		       struct weir_error *err)
{
	union request request;

	begin_link(&request, RTM_NEWLINK, index);
	mnl_attr_put(&request.header, IFLA_ADDRESS, 6, mac);
	return ask(netlink, &request, NULL, 0, err, "mac %02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
		   mac[2], mac[3], mac[4], mac[5]);
}

int weir__link_set_queue_length(struct weir__netlink *netlink, uint32_t index, uint32_t packets, int expected,
				struct weir_error *err)
{
	union request request;

	begin_link(&request, RTM_NEWLINK, index);
	mnl_attr_put_u32(&request.header, IFLA_TXQLEN, packets);
	return ask(netlink, &request, NULL, expected, err, "queue_length %u", packets);
}

int weir__link_promote_secondaries(struct weir__netlink *netlink, uint32_t index, struct weir_error *err)
{
	struct nlattr *families, *family, *settings;
	union request request;

	begin_link(&request, RTM_SETLINK, index);
	families = mnl_attr_nest_start(&request.header, IFLA_AF_SPEC);
	family = mnl_attr_nest_start(&request.header, AF_INET);
	settings = mnl_attr_nest_start(&request.header, IFLA_INET_CONF);
	mnl_attr_put_u32(&request.header, IPV4_DEVCONF_PROMOTE_SECONDARIES, 1);
	mnl_attr_nest_end(&request.header, settings);
	mnl_attr_nest_end(&request.header, family);
	mnl_attr_nest_end(&request.header, families);
	return ask(netlink, &request, NULL, 0, err, "promote_secondaries 1");
}

static uint8_t family_of(const struct weir__ip *ip)
{
	return ip->family == 6 ? AF_INET6 : AF_INET;
}

static void put_ip(union request *request, uint16_t type, const struct weir__ip *ip)
{
	mnl_attr_put(&request->header, type, ip->family == 6 ? 16 : 4, ip->bytes);
}

static int change_address(struct weir__netlink *netlink, uint32_t index, const struct weir__address *address,
			  const struct ifa_cacheinfo *times, uint16_t type, uint16_t flags, int expected,
			  struct weir_error *err)
{
	char text[WEIR__ADDRESS_TEXT];
	union request request;
	struct ifaddrmsg *message = begin(&request, type, flags, sizeof(*message));

	message->ifa_family = family_of(&address->local);
	message->ifa_prefixlen = (uint8_t)address->bits;
	message->ifa_flags = address->local.family == 6 ? IFA_F_NODAD : 0;
	message->ifa_scope = RT_SCOPE_UNIVERSE;
	message->ifa_index = index;
	put_ip(&request, IFA_LOCAL, &address->local);
	put_ip(&request, IFA_ADDRESS, address->peer.family ? &address->peer : &address->local);
	if (times)
		mnl_attr_put(&request.header, IFA_CACHEINFO, sizeof(*times), times);
	return ask(netlink, &request, NULL, expected, err, "address %s", weir__address_text(address, text));
}

int weir__address_add(struct weir__netlink *netlink, uint32_t index, const struct weir__address *address,
		      int expected, struct weir_error *err)
{
	return change_address(netlink, index, address, NULL, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, expected,
			      err);
}

int weir__address_remove(struct weir__netlink *netlink, uint32_t index, const struct weir__address *address,
			 int expected, struct weir_error *err)
{
	return change_address(netlink, index, address, NULL, RTM_DELADDR, 0, expected, err);
}

int weir__address_deprecate(struct weir__netlink *netlink, uint32_t index,
			    const struct weir__address *address, bool deprecated, struct weir_error *err)
{
	const struct ifa_cacheinfo times = { .ifa_prefered = deprecated ? 0 : UINT32_MAX,
					     .ifa_valid = UINT32_MAX };

	return change_address(netlink, index, address, &times, RTM_NEWADDR, NLM_F_REPLACE, 0, err);
}

static bool is_local(struct weir__netlink *netlink, uint32_t index, const struct weir__ip *ip)
{
	struct answer answer = { .local = false };
	union request request;
	struct rtmsg *message = begin(&request, RTM_GETROUTE, 0, sizeof(*message));

	message->rtm_family = family_of(ip);
	message->rtm_dst_len = ip->family == 6 ? 128 : 32;
	put_ip(&request, RTA_DST, ip);
	mnl_attr_put_u32(&request.header, RTA_OIF, index);
	return talk(netlink, &request, &answer) == 0 && answer.local;
}

void weir__address_wait(struct weir__netlink *netlink, uint32_t index, const struct weir__address *address)
{
	const struct timespec pause = { .tv_nsec = LOCAL_LOOK_US * 1000L };
	const uint64_t deadline = weir__now() + LOCAL_WAIT_NS;
	struct weir__link link;

	if (address->local.family != 6)
		return;
	while (!is_local(netlink, index, &address->local) && weir__now() < deadline) {
		if (weir__link_read(netlink, index, &link, NULL) || !(link.flags & IFF_UP))
			return;
		nanosleep(&pause, NULL);
	}
}

static int change_route(struct weir__netlink *netlink, uint32_t index, const struct weir__route *route,
			uint16_t type, uint16_t flags, int expected, struct weir_error *err)
{
	const bool adds = type == RTM_NEWROUTE; /* else what is not given matches everything */
	const bool on_link = route->to.family == 4 && !route->via.family;
	char text[WEIR__ROUTE_TEXT];
	union request request;
	struct rtmsg *message = begin(&request, type, flags, sizeof(*message));

	message->rtm_family = family_of(&route->to);
	message->rtm_dst_len = (uint8_t)route->bits;
	message->rtm_table = RT_TABLE_UNSPEC; /* RTA_TABLE has more room */
	message->rtm_protocol = adds ? RTPROT_STATIC : RTPROT_UNSPEC;
	message->rtm_scope = !adds ? RT_SCOPE_NOWHERE : on_link ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	message->rtm_type = RTN_UNICAST;
	put_ip(&request, RTA_DST, &route->to);
	mnl_attr_put_u32(&request.header, RTA_OIF, index);
	mnl_attr_put_u32(&request.header, RTA_TABLE, route->table ? route->table : RT_TABLE_MAIN);
	if (route->via.family)
		put_ip(&request, RTA_GATEWAY, &route->via);
	if (route->metric)
		mnl_attr_put_u32(&request.header, RTA_PRIORITY, route->metric);
	return ask(netlink, &request, NULL, expected, err, "route %s", weir__route_text(route, text));
}

/* Exclusively: to replace would take the place of a route through another link. */
int weir__route_add(struct weir__netlink *netlink, uint32_t index, const struct weir__route *route,
		    int expected, struct weir_error *err)
{
	return change_route(netlink, index, route, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, expected, err);
}

int weir__route_remove(struct weir__netlink *netlink, uint32_t index, const struct weir__route *route,
		       int expected, struct weir_error *err)
{
	return change_route(netlink, index, route, RTM_DELROUTE, 0, expected, err);
}
