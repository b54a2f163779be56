/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and routes, from what is configured, leased and advertised. */
#include "host.h"

static const struct weir__ip any6 = { .family = 6 };

static struct weir__ip ip_of(uint8_t family, const uint8_t *bytes)
{
	struct weir__ip ip = { .family = family };

	memcpy(ip.bytes, bytes, family == 4 ? 4 : 16);
	return ip;
}

static struct weir__own *own_of(struct weir_host *host, enum weir_host_source source)
{
	for (unsigned i = 0; i < host->owns.n; i++)
		if (host->owns.own[i].source == source)
			return &host->owns.own[i];
	return NULL;
}

/* The leased address. One that somebody else has is given up before it was used (RFC 2131 §3.1 (5)). */
static void update_lease(struct weir_host *host, uint64_t now)
{
	struct weir__own *own = own_of(host, WEIR_HOST_DHCP);
	const struct weir__ip ip = ip_of(4, host->lease.address);

	if (own && own->state == WEIR_HOST_CONFLICT) {
		weir__owns_remove(&host->owns, own);
		host->has_lease = false;
		weir__dhcp_decline(host->dhcp, now);
		return;
	}
	if (own &&
	    (!host->has_lease || memcmp(&own->ip, &ip, sizeof(ip)) != 0 || own->bits != host->lease.bits)) {
		weir__owns_remove(&host->owns, own);
		own = NULL;
	}
	if (host->has_lease && !own && !weir__owns_find(&host->owns, &ip))
		own = weir__owns_add(&host->owns, &ip, host->lease.bits, WEIR_HOST_DHCP, now);
	if (own)
		weir__owns_set_end(own, host->lease.until, host->lease.until);
}

/* The addresses that are made from what routers advertise; those whose prefix is gone end by themselves. */
static void update_slaac(struct weir_host *host, uint64_t now)
{
	for (unsigned i = 0; i < WEIR__ROUTER_PREFIXES; i++) {
		const struct weir__router_prefix *prefix = &host->routers.prefix[i];
		struct weir__ip ip = any6;
		struct weir__own *own;

		if (!prefix->valid_until)
			continue;
		memcpy(ip.bytes, prefix->prefix, 8);
		memcpy(ip.bytes + 8, host->link_local + 8, 8);
		own = weir__owns_find(&host->owns, &ip);
		if (!own)
			own = weir__owns_add(&host->owns, &ip, 64, WEIR_HOST_ROUTER, now);
		if (own && own->source == WEIR_HOST_ROUTER)
			weir__owns_set_end(own, prefix->valid_until, prefix->preferred_until);
	}
}

static void add(struct weir_host *host, const struct weir__ip *to, unsigned bits, const struct weir__ip *via,
		enum weir_host_source source, uint64_t until)
{
	struct weir__host_route *route = &host->candidate[host->n_candidates];

	if (host->n_candidates == WEIR__HOST_CANDIDATES)
		return;
	host->n_candidates++;
	*route = (struct weir__host_route){ .to = *to, .bits = bits, .source = source, .valid_until = until };
	if (via)
		route->via = *via;
}

/* The prefix of an own address is on the link, but for those of routers: these say so themselves (RFC 5942).
 */
static void add_own(struct weir_host *host)
{
	for (unsigned i = 0; i < host->owns.n; i++) {
		const struct weir__own *own = &host->owns.own[i];

		if (weir__own_is_used(own) && own->source != WEIR_HOST_ROUTER)
			add(host, &own->ip, own->bits, NULL, own->source, own->valid_until);
	}
}

static void add_leased(struct weir_host *host)
{
	const struct weir__own *own = own_of(host, WEIR_HOST_DHCP);
	const struct weir__dhcp_lease *lease = &host->lease;

	for (unsigned i = 0; own && weir__own_is_used(own) && i < lease->n_routes; i++) {
		const struct weir__ip to = ip_of(4, lease->route[i].to), via = ip_of(4, lease->route[i].via);
		const bool on_link = !(via.bytes[0] | via.bytes[1] | via.bytes[2] | via.bytes[3]);

		add(host, &to, lease->route[i].bits, on_link ? NULL : &via, WEIR_HOST_DHCP, lease->until);
	}
}

static void add_advertised(struct weir_host *host)
{
	const struct weir__routers *routers = &host->routers;

	for (unsigned i = 0; i < WEIR__ROUTER_PREFIXES; i++) {
		const struct weir__router_prefix *prefix = &routers->prefix[i];
		const struct weir__ip to = ip_of(6, prefix->prefix);

		if (prefix->on_link_until)
			add(host, &to, prefix->bits, NULL, WEIR_HOST_ROUTER, prefix->on_link_until);
	}
	for (int preference = 1; preference >= -1; preference--)
		for (unsigned i = 0; i < WEIR__ROUTERS; i++) {
			const struct weir__router *router = &routers->router[i];
			const struct weir__ip via = ip_of(6, router->address);

			if (router->until && router->preference == preference)
				add(host, &any6, 0, &via, WEIR_HOST_ROUTER, router->until);
		}
}

/* How little is known of a gateway: one that may be reachable comes before one that nothing is known of, and
 * that before one that has failed (RFC 4861 §6.3.6). */
static unsigned doubt(const struct weir_host *host, const struct weir__host_route *route)
{
	const struct weir__neighbour *e;

	if (!route->via.family)
		return 0;
	e = weir__neighbours_find(&host->neighbours, &route->via);
	if (e && e->state == WEIR_NEIGHBOUR_FAILED)
		return 2;
	return !e || e->state == WEIR_NEIGHBOUR_INCOMPLETE;
}

/* Whether a comes in front of b: by family, length, prefix, and what is known of the gateway. */
static bool is_before(const struct weir_host *host, const struct weir__host_route *a,
		      const struct weir__host_route *b)
{
	int order;

	if (a->to.family != b->to.family)
		return a->to.family < b->to.family;
	if (a->bits != b->bits)
		return a->bits > b->bits;
	order = memcmp(a->to.bytes, b->to.bytes, sizeof(a->to.bytes));
	return order ? order < 0 : doubt(host, a) < doubt(host, b);
}

/* By insertion: few, and those that are equal keep their order, which says what is preferred. */
static void sort(struct weir_host *host)
{
	for (unsigned i = 1; i < host->n_candidates; i++) {
		const struct weir__host_route route = host->candidate[i];
		unsigned k = i;

		for (; k > 0 && is_before(host, &route, &host->candidate[k - 1]); k--)
			host->candidate[k] = host->candidate[k - 1];
		host->candidate[k] = route;
	}
}

static bool same_prefix(const struct weir__host_route *a, const struct weir__host_route *b)
{
	return a->bits == b->bits && memcmp(&a->to, &b->to, sizeof(a->to)) == 0;
}

static bool has_used_address(const struct weir_host *host, uint8_t family)
{
	for (unsigned i = 0; i < host->owns.n; i++)
		if (host->owns.own[i].ip.family == family && weir__own_is_used(&host->owns.own[i]))
			return true;
	return false;
}

static void add_routes(struct weir_host *host)
{
	host->n_candidates = 0;
	for (unsigned i = 0; i < host->n_fixed; i++)
		if (has_used_address(host, host->fixed[i].to.family))
			add(host, &host->fixed[i].to, host->fixed[i].bits,
			    host->fixed[i].via.family ? &host->fixed[i].via : NULL, WEIR_HOST_STATIC,
			    UINT64_MAX);
	add_own(host);
	add_leased(host);
	add_advertised(host);
	/* Host bits would make one prefix look like two. */
	for (unsigned i = 0; i < host->n_candidates; i++) {
		struct weir__host_route *route = &host->candidate[i];

		for (unsigned bit = route->bits; bit < 128; bit++)
			route->to.bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	}
	sort(host);
}

/* What workers see: the best route to each prefix. */
static void publish(struct weir_host *host)
{
	struct weir__prefix prefix[WEIR__HOPS_PREFIXES];
	unsigned n = 0, n4 = 0;

	for (unsigned i = 0; i < host->n_candidates; i++) {
		const struct weir__host_route *route = &host->candidate[i];

		if (i && same_prefix(route, route - 1))
			continue;
		prefix[n++] = weir__prefix(&route->to, route->bits, route->via.family ? &route->via : NULL);
		n4 += route->to.family == 4;
	}
	weir__hops_set_prefixes(&host->hops, prefix, n, n4);
}

/* All gateways are watched, so that another is known when one fails. */
static void watch(struct weir_host *host, uint64_t now)
{
	weir__neighbours_unwatch(&host->neighbours);
	for (unsigned i = 0; host->carrier && i < host->n_candidates; i++)
		if (host->candidate[i].via.family)
			weir__neighbours_watch(&host->neighbours, &host->candidate[i].via, now);
}

/* The last address of a subnet is everybody's (RFC 919), but in one of two or fewer (RFC 3021). */
static bool broadcast_of(const struct weir__own *own, struct weir__ip *ip)
{
	if (own->ip.family != 4 || own->bits > 30 || !weir__own_is_used(own))
		return false;
	*ip = own->ip;
	for (unsigned bit = own->bits; bit < 32; bit++)
		ip->bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return true;
}

static bool still_broadcast(const struct weir_host *host, struct weir__key key)
{
	struct weir__ip ip;

	for (unsigned i = 0; i < host->owns.n; i++)
		if (broadcast_of(&host->owns.own[i], &ip) && weir__key_equal(weir__key(&ip), key))
			return true;
	return false;
}

static void publish_broadcasts(struct weir_host *host)
{
	static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct weir__ip ip;
	unsigned n = 0;

	for (unsigned i = 0; i < host->n_broadcasts; i++)
		if (still_broadcast(host, host->broadcast[i]))
			host->broadcast[n++] = host->broadcast[i];
		else
			weir__hops_remove(&host->hops, host->broadcast[i]);
	host->n_broadcasts = n;
	for (unsigned i = 0; i < host->owns.n; i++) {
		bool there = false;

		if (!broadcast_of(&host->owns.own[i], &ip))
			continue;
		for (unsigned k = 0; k < host->n_broadcasts; k++)
			there |= weir__key_equal(host->broadcast[k], weir__key(&ip));
		if (there)
			continue;
		weir__hops_set(&host->hops, weir__key(&ip), everybody, WEIR__HOPS_NO_ID);
		host->broadcast[host->n_broadcasts++] = weir__key(&ip);
	}
}

void weir__host_update(struct weir_host *host, uint64_t now)
{
	update_lease(host, now);
	if (host->slaac)
		update_slaac(host, now);
	if (host->routers.reachable_ns)
		host->neighbours.reachable_ns = host->routers.reachable_ns;
	add_routes(host);
	publish_broadcasts(host);
	publish(host);
	watch(host, now);
}

static bool is_prefix_of(const struct weir__address *address, const struct weir__host_route *route)
{
	const struct weir__prefix a = weir__prefix(&address->local, address->bits, NULL);
	const struct weir__prefix b = weir__prefix(&route->to, route->bits, NULL);

	return weir__key_equal(a.net, b.net) && weir__key_equal(a.mask, b.mask);
}

static void want_routes(const struct weir_host *host, struct weir__wanted *wanted)
{
	for (unsigned i = 0; i < host->n_candidates && wanted->n_routes < WEIR_HOST_ROUTES; i++) {
		const struct weir__host_route *route = &host->candidate[i];
		bool connected = false;

		if (i && same_prefix(route, route - 1))
			continue;
		/* The kernel makes those of the addresses by itself. */
		for (unsigned k = 0; k < wanted->n_addresses; k++)
			connected |= is_prefix_of(&wanted->address[k].address, route);
		if (!connected)
			wanted->route[wanted->n_routes++] =
				(struct weir__route){ .to = route->to, .bits = route->bits };
	}
}

void weir__host_wanted(const struct weir_host *host, struct weir__wanted *wanted)
{
	memset(wanted, 0, sizeof(*wanted));
	for (unsigned i = 0; i < host->owns.n; i++) {
		const struct weir__own *own = &host->owns.own[i];
		struct weir__wanted_address *address = &wanted->address[wanted->n_addresses];

		if (!weir__own_is_used(own))
			continue;
		wanted->n_addresses++;
		address->address = (struct weir__address){ .local = own->ip, .bits = own->bits };
		address->deprecated = own->state == WEIR_HOST_DEPRECATED;
	}
	want_routes(host, wanted);
	wanted->mtu = weir__host_mtu(host);
}
