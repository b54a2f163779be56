/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdio.h>

#include "host.h"

#define IPV4_MTU_MIN 576
#define IPV6_MTU_MIN 1280

static const char *text_of(const struct weir__ip *ip, char text[INET6_ADDRSTRLEN])
{
	return inet_ntop(ip->family == 6 ? AF_INET6 : AF_INET, ip->bytes, text, INET6_ADDRSTRLEN);
}

static void lower(uint32_t *mtu, uint32_t to)
{
	if (to && to < *mtu)
		*mtu = to;
}

/* The least that anybody has told, but never so little that a family ceases to work: a lie would be enough
 * for that. */
uint32_t weir__host_mtu(const struct weir_host *host)
{
	const uint32_t least = host->no_ipv6 ? IPV4_MTU_MIN : IPV6_MTU_MIN;
	uint32_t mtu = host->mtu;

	lower(&mtu, host->session_mtu);
	lower(&mtu, host->has_lease ? host->lease.mtu : 0);
	lower(&mtu, host->routers.mtu);
	return mtu < least ? least : mtu;
}

static void fill_addresses(const struct weir_host *host, struct weir_host_status *status)
{
	char text[INET6_ADDRSTRLEN];

	for (unsigned i = 0; i < host->owns.n; i++) {
		const struct weir__own *own = &host->owns.own[i];
		struct weir_host_address *to = &status->address[status->n_addresses++];

		snprintf(to->text, sizeof(to->text), "%s/%u", text_of(&own->ip, text), own->bits);
		to->source = own->source;
		to->state = own->state;
		to->valid_until = own->valid_until;
		to->preferred_until = own->preferred_until;
	}
}

static void fill_routes(const struct weir_host *host, struct weir_host_status *status)
{
	char text[INET6_ADDRSTRLEN];

	for (unsigned i = 0; i < host->n_candidates && status->n_routes < WEIR_HOST_ROUTES; i++) {
		const struct weir__host_route *route = &host->candidate[i];
		struct weir_host_route *to = &status->route[status->n_routes++];

		snprintf(to->to, sizeof(to->to), "%s/%u", text_of(&route->to, text), route->bits);
		if (route->via.family)
			snprintf(to->via, sizeof(to->via), "%s", text_of(&route->via, text));
		to->source = route->source;
		to->valid_until = route->valid_until;
	}
}

static void add_dns(struct weir_host_status *status, uint8_t family, const uint8_t *address)
{
	if (status->n_dns < WEIR_HOST_DNS)
		inet_ntop(family == 6 ? AF_INET6 : AF_INET, address, status->dns[status->n_dns++],
			  WEIR_HOST_TEXT);
}

static void add_domain(struct weir_host_status *status, const char *text)
{
	for (unsigned i = 0; i < status->n_domains; i++)
		if (strcmp(status->domain[i], text) == 0)
			return;
	if (status->n_domains < WEIR_HOST_DNS)
		snprintf(status->domain[status->n_domains++], sizeof(status->domain[0]), "%s", text);
}

static void fill_dns(const struct weir_host *host, struct weir_host_status *status)
{
	const struct weir__routers *routers = &host->routers;

	for (unsigned i = 0; host->has_lease && i < host->lease.n_dns; i++)
		add_dns(status, 4, host->lease.dns[i]);
	for (unsigned i = 0; host->has_lease && i < host->lease.n_domains; i++)
		add_domain(status, host->lease.domain[i]);
	for (unsigned i = 0; i < WEIR_HOST_DNS; i++) {
		if (routers->dns[i].until)
			add_dns(status, 6, routers->dns[i].address);
		if (routers->domain[i].until)
			add_domain(status, routers->domain[i].text);
	}
}

void weir__host_fill_status(struct weir_host *host, struct weir_host_status *status)
{
	const struct weir__neighbours *neighbours = &host->neighbours;

	memset(status, 0, sizeof(*status));
	status->carrier = host->carrier;
	fill_addresses(host, status);
	fill_routes(host, status);
	fill_dns(host, status);
	status->mtu = weir__host_mtu(host);
	status->dhcp = host->dhcp ? weir__dhcp_state(host->dhcp) : "";
	status->dhcp_server_until = host->has_lease ? host->lease.until : 0;
	status->neighbours = neighbours->n;
	status->requests = neighbours->requests;
	status->replies = host->replies;
	status->refused = neighbours->refused + host->routers.refused;
	status->queued = neighbours->queued;
	status->queue_drops = neighbours->queue_drops + host->out_drops;
	status->conflicts = host->owns.conflicts;
	status->contradictions = neighbours->contradictions;
	status->flood_drops = host->flood_drops;
	memcpy(status->device_error, host->device_error, sizeof(status->device_error));
}
