/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>

#include "clock.h"
#include "host.h"

#define MTU_MIN      576
#define IPV6_MTU_MIN 1280
#define MTU_MAX      65535
#define QUEUE_MAX    64

static int check_mac(struct weir_host *host, const char *mac, struct weir_error *err)
{
	static const uint8_t prefix[2] = { 0xfe, 0x80 };

	if (!mac)
		return weir_invalid(err, "mac", "missing: the MAC address of the host");
	if (!weir__mac_parse(mac, host->mac))
		return weir_invalid(err, "mac", "'%s' is not a MAC address", mac);
	if (host->mac[0] & 1)
		return weir_invalid(err, "mac", "'%s' is a group address", mac);
	if (!weir__mac_is_station(host->mac))
		return weir_invalid(err, "mac", "'%s' is nobody's address", mac);
	/* RFC 4291 appendix A */
	memcpy(host->link_local, prefix, sizeof(prefix));
	memcpy(host->link_local + 8, host->mac, 3);
	memcpy(host->link_local + 11, "\xff\xfe", 2);
	memcpy(host->link_local + 13, host->mac + 3, 3);
	host->link_local[8] ^= 2;
	return 0;
}

static int check_numbers(const struct weir_host_options *options, struct weir_error *err)
{
	const uint32_t mtu_min = options->no_ipv6 ? MTU_MIN : IPV6_MTU_MIN;
	int rc = 0;

	if (options->neighbours_max > WEIR__NEIGHBOURS_MAX ||
	    (options->neighbours_max && options->neighbours_max < 8))
		rc = weir_invalid(err, "neighbours_max", "%u is not 0 or 8 to %d", options->neighbours_max,
				  WEIR__NEIGHBOURS_MAX);
	if (options->queue_max > QUEUE_MAX)
		rc = weir_invalid(err, "queue_max", "%u is more than %d", options->queue_max, QUEUE_MAX);
	if (options->mtu && (options->mtu < mtu_min || options->mtu > MTU_MAX))
		rc = weir_invalid(err, "mtu", "%u is not 0 or %u to %d", options->mtu, mtu_min, MTU_MAX);
	if (options->slaac && options->no_ipv6)
		rc = weir_invalid(err, "slaac", "there is no IPv6 with no_ipv6");
	if (options->device && strlen(options->device) >= sizeof(((struct weir_host *)0)->device_name))
		rc = weir_invalid(err, "device", "'%s' is too long", options->device);
	return rc;
}

static bool is_unicast(const struct weir__ip *ip)
{
	return ip->family == 6 ? ip->bytes[0] != 0xff && ip->bytes[0] | ip->bytes[15]
			       : ip->bytes[0] && ip->bytes[0] < 224;
}

static int check_addresses(struct weir_host *host, const char *const *list, const char *name, uint8_t family,
			   struct weir_error *err)
{
	struct weir__ip ip;
	char field[32];
	unsigned bits;
	int rc = 0;

	for (unsigned i = 0; list && list[i]; i++) {
		snprintf(field, sizeof(field), "%s[%u]", name, i);
		if (!weir__ip_prefix_parse(list[i], &ip, &bits) || ip.family != family)
			rc = weir_invalid(err, field, "'%s' is not an IPv%u address with a prefix", list[i],
					  family);
		else if (!is_unicast(&ip))
			rc = weir_invalid(err, field, "'%s' is no unicast address", list[i]);
		else if (weir__owns_find(&host->owns, &ip))
			rc = weir_invalid(err, field, "'%s' is there twice", list[i]);
		else if (!weir__owns_add(&host->owns, &ip, bits, WEIR_HOST_STATIC, weir__now()))
			return weir_invalid(err, field, "at most %d addresses", WEIR_HOST_ADDRESSES);
	}
	return rc;
}

static int check_route(struct weir_host *host, const struct weir_route *route, unsigned i,
		       struct weir_error *err)
{
	struct weir__host_route *to = &host->fixed[i];
	char field[32];
	int rc = 0;

	*to = (struct weir__host_route){ .source = WEIR_HOST_STATIC, .valid_until = UINT64_MAX };
	snprintf(field, sizeof(field), "route[%u].to", i);
	if (!weir__ip_prefix_parse(strcmp(route->to, "default") == 0 ? "0.0.0.0/0" : route->to, &to->to,
				   &to->bits))
		return weir_invalid(err, field, "'%s' is not a prefix", route->to);
	snprintf(field, sizeof(field), "route[%u].via", i);
	if (route->via && (!weir__ip_parse(route->via, &to->via) || !is_unicast(&to->via)))
		rc = weir_invalid(err, field, "'%s' is not an address of a gateway", route->via);
	else if (route->via && to->via.family != to->to.family)
		rc = weir_invalid(err, field, "'%s' is of another family than '%s'", route->via, route->to);
	return rc;
}

static int check_routes(struct weir_host *host, const struct weir_route *route, struct weir_error *err)
{
	int rc = 0;

	for (; route && route->to; route++, host->n_fixed++) {
		if (host->n_fixed == WEIR_HOST_ROUTES)
			return weir_invalid(err, "route", "at most %d", WEIR_HOST_ROUTES);
		if (check_route(host, route, host->n_fixed, err) < 0)
			rc = -EINVAL;
	}
	return rc;
}

int weir__host_options(struct weir_host *host, const struct weir_host_options *options,
		       struct weir_error *err)
{
	struct weir__ip link_local = { .family = 6 };
	int rc = check_mac(host, options->mac, err);

	if (check_numbers(options, err) < 0 || check_addresses(host, options->ipv4, "ipv4", 4, err) < 0 ||
	    check_addresses(host, options->ipv6, "ipv6", 6, err) < 0 ||
	    check_routes(host, options->route, err) < 0)
		rc = -EINVAL;
	if (options->no_ipv6 && options->ipv6 && options->ipv6[0])
		rc = weir_invalid(err, "ipv6", "there is no IPv6 with no_ipv6");
	if (rc < 0)
		return rc;
	memcpy(link_local.bytes, host->link_local, 16);
	if (!options->no_ipv6 && !weir__owns_find(&host->owns, &link_local) &&
	    !weir__owns_add(&host->owns, &link_local, 64, WEIR_HOST_STATIC, weir__now()))
		return weir_invalid(err, "ipv6", "at most %d addresses, with the link-local one",
				    WEIR_HOST_ADDRESSES);
	host->slaac = options->slaac;
	host->no_ipv6 = options->no_ipv6;
	host->mtu = options->mtu ? options->mtu : 1500;
	host->changed = options->changed;
	host->context = options->context;
	if (options->device)
		snprintf(host->device_name, sizeof(host->device_name), "%s", options->device);
	host->device_renamed = options->device;
	host->netns = options->netns ? strdup(options->netns) : NULL;
	return options->netns && !host->netns ? weir_failed(err, -ENOMEM, "no memory") : 0;
}
