/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "tun.h"
#include "vnet.h"

/* Every check returns 0 or -EINVAL, so results are joined by |=. */

static int check_device(const struct weir_tun *options, struct weir_error *err)
{
	const char *device = options->device ? options->device : options->name;
	const char *pattern;

	if (!device || !device[0])
		return weir_invalid(err, "device", "is empty");
	if (strlen(device) >= IFNAMSIZ)
		return weir_invalid(err, "device", "'%s' is longer than %d bytes", device, IFNAMSIZ - 1);
	if (strcmp(device, ".") == 0 || strcmp(device, "..") == 0 || strpbrk(device, "/: \t\n\v\f\r"))
		return weir_invalid(err, "device", "'%s' is not the name of a device", device);
	pattern = strchr(device, '%');
	if (pattern && (pattern[1] != 'd' || strchr(pattern + 1, '%')))
		return weir_invalid(err, "device", "'%s': a pattern has one %%d and no other %%", device);
	return 0;
}

int weir__tun_check_mtu(uint32_t mtu, bool tap, bool packet_information, struct weir_error *err)
{
	/* With what stands in front of it, a packet is not longer than the buffers for the longest. */
	const unsigned max = WEIR__TUN_MTU_MAX - (tap ? 14 : packet_information ? 4 : 0);

	if (mtu < WEIR__TUN_MTU_MIN || mtu > max)
		return weir_invalid(err, "mtu", "%u is not from %d to %u", mtu, WEIR__TUN_MTU_MIN, max);
	return 0;
}

int weir__tun_parse_mac(const char *text, uint8_t mac[6], struct weir_error *err)
{
	static const uint8_t zero[6];

	if (!text || !weir__mac_parse(text, mac))
		return weir_invalid(err, "mac", "'%s' is not a MAC address", text ? text : "");
	if (mac[0] & 1)
		return weir_invalid(err, "mac", "'%s' is the address of a group", text);
	if (memcmp(mac, zero, sizeof(zero)) == 0)
		return weir_invalid(err, "mac", "'%s' is nobody's address", text);
	return 0;
}

static int bad_address(const char *field, const char *text, uint8_t family, struct weir_error *err)
{
	return weir_invalid(err, field, "'%s' is not an %saddress with prefix (and maybe ',' and peer)", text,
			    family == 4   ? "IPv4 "
			    : family == 6 ? "IPv6 "
					  : "IP ");
}

int weir__tun_parse_address(const char *field, const char *text, uint8_t family,
			    struct weir__address *address, struct weir_error *err)
{
	struct weir__address result = { 0 };
	char local[64];
	size_t n;

	if (!text)
		return bad_address(field, "", family, err);
	n = strcspn(text, ",");
	if (n >= sizeof(local))
		return bad_address(field, text, family, err);
	memcpy(local, text, n);
	local[n] = '\0';
	if (!weir__ip_prefix_parse(local, &result.local, &result.bits) ||
	    (family && result.local.family != family))
		return bad_address(field, text, family, err);
	if (text[n] &&
	    (!weir__ip_parse(text + n + 1, &result.peer) || result.peer.family != result.local.family))
		return bad_address(field, text, family, err);
	*address = result;
	return 0;
}

static bool has_host_bits(const struct weir__ip *ip, unsigned bits)
{
	const unsigned bytes = ip->family == 6 ? 16 : 4;

	for (unsigned i = bits / 8; i < bytes; i++)
		if (ip->bytes[i] & (i == bits / 8 ? 0xff >> bits % 8 : 0xff))
			return true;
	return false;
}

static bool is_default(const struct weir_route *route)
{
	return strcmp(route->to, "default") == 0;
}

int weir__tun_parse_route(const char *field, const struct weir_route *route, struct weir__route *result,
			  struct weir_error *err)
{
	struct weir__route parsed = { .to.family = 4, .metric = route->metric, .table = route->table };
	char name[64];
	int rc = 0;

	snprintf(name, sizeof(name), "%s.to", field);
	if (!route->to)
		return weir_invalid(err, name, "is missing");
	if (!is_default(route) && !weir__ip_prefix_parse(route->to, &parsed.to, &parsed.bits))
		rc = weir_invalid(err, name, "'%s' is not an IP prefix or 'default'", route->to);
	else if (has_host_bits(&parsed.to, parsed.bits))
		rc = weir_invalid(err, name, "'%s' has bits set behind its prefix", route->to);
	snprintf(name, sizeof(name), "%s.via", field);
	if (route->via && !weir__ip_parse(route->via, &parsed.via))
		return weir_invalid(err, name, "'%s' is not an IP address", route->via);
	if (rc == 0 && route->via && parsed.via.family != parsed.to.family)
		return weir_invalid(err, name, "'%s' is not of the family of '%s'", route->via, route->to);
	if (rc == 0)
		*result = parsed;
	return rc;
}

/* Something of IPv6 stands in a field: is it possible? */
static int check_ipv6(const struct weir_tun *options, const char *field, struct weir_error *err)
{
	if (options->no_ipv6)
		return weir_invalid(err, field, "is IPv6, and no_ipv6 is set");
	if (options->mtu && options->mtu < WEIR__TUN_MTU_IPV6)
		return weir_invalid(err, field, "IPv6 needs an mtu of %d, not %u", WEIR__TUN_MTU_IPV6,
				    options->mtu);
	return 0;
}

static int check_addresses(const struct weir_tun *options, const char *list, uint8_t family,
			   struct weir_error *err)
{
	const char *const *addresses = family == 6 ? options->ipv6 : options->ipv4;
	struct weir__address address;
	char field[32];
	int rc = 0;

	for (unsigned i = 0; addresses && addresses[i]; i++) {
		snprintf(field, sizeof(field), "%s[%u]", list, i);
		rc |= weir__tun_parse_address(field, addresses[i], family, &address, err);
		if (family == 6)
			rc |= check_ipv6(options, field, err);
	}
	return rc;
}

static int check_routes(const struct weir_tun *options, struct weir_error *err)
{
	struct weir__route route = { 0 };
	char field[32];
	int rc = 0;

	for (unsigned i = 0; options->route && options->route[i].to; i++) {
		snprintf(field, sizeof(field), "route[%u]", i);
		if (weir__tun_parse_route(field, &options->route[i], &route, err))
			rc = -EINVAL;
		else if (route.to.family == 6 && check_ipv6(options, field, err))
			rc = -EINVAL;
	}
	return rc;
}

static int check_id(const char *field, int64_t id, bool persist, struct weir_error *err)
{
	int rc = 0;

	if (id < 0 || id >= UINT32_MAX)
		rc |= weir_invalid(err, field, "%lld is not from 1 to 4294967294", (long long)id);
	if (id && !persist)
		rc |= weir_invalid(err, field, "needs persist");
	return rc;
}

static int check_owners(const struct weir_tun *options, struct weir_error *err)
{
	int rc = check_id("owner", options->owner, options->persist, err);

	rc |= check_id("group", options->group, options->persist, err);
	/* Some kernels let in who is either, others only who is both. */
	if (options->owner && options->group)
		rc |= weir_invalid(err, "group",
				   "give owner or group: kernels disagree on what both together mean");
	return rc;
}

static int check_kind(const struct weir_tun *options, struct weir_error *err)
{
	uint8_t mac[6];
	int rc = 0;

	if (options->mtu)
		rc |= weir__tun_check_mtu(options->mtu, options->tap, options->packet_information, err);
	if (options->mac && !options->tap)
		rc |= weir_invalid(err, "mac", "needs tap");
	if (options->mac)
		rc |= weir__tun_parse_mac(options->mac, mac, err);
	if (options->packet_information && options->tap)
		rc |= weir_invalid(err, "packet_information", "is not possible with tap");
	if (options->no_offload & ~WEIR_OFFLOAD_ALL)
		rc |= weir_invalid(err, "no_offload", "0x%x has bits that are no offload",
				   options->no_offload);
	if (options->netns && !options->netns[0])
		rc |= weir_invalid(err, "netns", "is empty");
	if (options->device_path && !options->device_path[0])
		rc |= weir_invalid(err, "device_path", "is empty");
	if (options->queues > WEIR__TUN_QUEUES)
		rc |= weir_invalid(err, "queues", "%u is more than %d", options->queues, WEIR__TUN_QUEUES);
	return rc;
}

/* What the device may give, and understands: what its kernel does not take as a whole, it writes in pieces.
 */
static void describe_offload(const struct weir_tun *options, struct weir_endpoint_info *info)
{
	const uint32_t offload = weir__tun_offload(options);

	info->gives = info->takes = offload;
	info->gathers = offload & WEIR_OFFLOAD_TSO && !options->no_gather;
	info->headroom = offload ? WEIR__VNET : 0;
	if (offload & (WEIR_OFFLOAD_TSO | WEIR_OFFLOAD_USO)) {
		info->max_segment = info->max_packet;
		info->max_packet = weir__tun_frame(WEIR__TUN_MTU_MAX, options->tap, false);
	}
}

int weir__tun_check(const void *opts, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct weir_tun *options = opts;
	const uint32_t mtu = options->mtu ? options->mtu : WEIR__TUN_MTU;
	int rc = check_device(options, err);

	rc |= check_kind(options, err);
	rc |= check_addresses(options, "ipv4", 4, err);
	rc |= check_addresses(options, "ipv6", 6, err);
	rc |= check_routes(options, err);
	rc |= check_owners(options, err);
	rc |= weir__uring_check(options->io, err);
	rc |= weir__tun_steering_check(options, err);
	info->layer = options->tap ? WEIR_LAYER_L2 : WEIR_LAYER_AF;
	info->framing = options->packet_information ? WEIR_FRAMING_TUN_PI : WEIR_FRAMING_RAW;
	info->max_packet = weir__tun_frame(mtu, options->tap, options->packet_information);
	describe_offload(options, info);
	return rc;
}
