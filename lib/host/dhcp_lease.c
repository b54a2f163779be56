/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "bytes.h"
#include "dhcp_lease.h"

/* Every host of IPv4 takes so much (RFC 791 §3.1). What says less is wrong, or means harm. */
#define MTU_MIN 576

/* Of one option, put together. What is longer is left out. */
#define VALUE_MAX 1024

#define NAME_BYTES_MAX 255 /* of a domain (RFC 1035 §2.3.4) */
#define LABEL_MAX      63
#define POINTER        0xc0 /* in a length: the rest of the name stands elsewhere */
#define POINTED        0x3fff

struct value {
	uint8_t bytes[VALUE_MAX];
	size_t len;
};

static size_t take(const struct weir__dhcp_reply *reply, uint8_t code, struct value *value)
{
	value->len = weir__dhcp_option(reply, code, value->bytes, sizeof(value->bytes));
	return value->len;
}

bool weir__dhcp_is_host(const uint8_t address[4])
{
	return address[0] != 0 && address[0] != 127 && address[0] < 224;
}

static uint32_t mask_of(unsigned bits)
{
	return bits ? UINT32_MAX << (32 - bits) : 0;
}

/* The network of an address to which no mask was told, by its class (RFC 791 §2.3). */
static uint8_t bits_of_class(const uint8_t address[4])
{
	return address[0] < 128 ? 8 : address[0] < 192 ? 16 : 24;
}

static void read_bits(const struct weir__dhcp_reply *reply, struct weir__dhcp_lease *lease)
{
	uint8_t value[4];
	uint32_t mask;
	uint8_t bits = 0;

	lease->bits = bits_of_class(lease->address);
	if (weir__dhcp_option(reply, WEIR__DHCP_MASK, value, sizeof(value)) != 4)
		return;
	mask = weir__load_be32(value);
	while (bits < 32 && mask & UINT32_C(1) << (31 - bits))
		bits++;
	if (bits && mask == mask_of(bits))
		lease->bits = bits;
}

/* Neither the network itself nor everybody in it; networks of two addresses have neither (RFC 3021). */
static bool is_one_of_many(const struct weir__dhcp_lease *lease)
{
	const uint32_t host = weir__load_be32(lease->address) & ~mask_of(lease->bits);

	return lease->bits > 30 || (host != 0 && host != ~mask_of(lease->bits));
}

static void add_route(struct weir__dhcp_lease *lease, const uint8_t *to, uint8_t bits, const uint8_t via[4])
{
	struct weir__dhcp_route *route = &lease->route[lease->n_routes++];

	*route = (struct weir__dhcp_route){ .bits = bits };
	memcpy(route->to, to, 4);
	memcpy(route->via, via, 4);
}

/* One route at *at; returns whether it is whole. Bits behind the prefix are 0 from then on, as RFC 3442 has
 * it. */
static bool read_route(const struct value *value, size_t *at, uint8_t to[4], uint8_t *bits,
		       const uint8_t **via)
{
	size_t octets;

	*bits = value->bytes[(*at)++];
	octets = (*bits + 7u) / 8;
	if (*bits > 32 || value->len - *at < octets + 4)
		return false;
	memset(to, 0, 4);
	memcpy(to, value->bytes + *at, octets);
	weir__store_be32(to, weir__load_be32(to) & mask_of(*bits));
	*via = value->bytes + *at + octets;
	*at += octets + 4;
	return true;
}

/* RFC 3442. A list that is broken somewhere counts as none. */
static bool read_classless(const struct weir__dhcp_reply *reply, struct weir__dhcp_lease *lease)
{
	static const uint8_t on_link[4];
	const uint8_t *via;
	struct value value;
	uint8_t to[4], bits;
	size_t at = 0;

	if (!take(reply, WEIR__DHCP_ROUTES, &value))
		return false;
	while (at < value.len) {
		if (!read_route(&value, &at, to, &bits, &via)) {
			lease->n_routes = 0;
			return false;
		}
		if (lease->n_routes < WEIR_HOST_ROUTES &&
		    (weir__dhcp_is_host(via) || memcmp(via, on_link, 4) == 0))
			add_route(lease, to, bits, via);
	}
	return true;
}

static void read_routes(const struct weir__dhcp_reply *reply, struct weir__dhcp_lease *lease)
{
	static const uint8_t everything[4];
	struct value value;

	/* RFC 3442: routers are not looked at where there are such routes. */
	if (read_classless(reply, lease) || take(reply, WEIR__DHCP_ROUTERS, &value) % 4)
		return;
	for (size_t at = 0; at < value.len && !lease->n_routes; at += 4)
		if (weir__dhcp_is_host(value.bytes + at))
			add_route(lease, everything, 0, value.bytes + at);
}

static void read_dns(const struct weir__dhcp_reply *reply, struct weir__dhcp_lease *lease)
{
	struct value value;

	if (take(reply, WEIR__DHCP_DNS, &value) % 4)
		return;
	for (size_t at = 0; at < value.len && lease->n_dns < WEIR_HOST_DNS; at += 4)
		if (weir__dhcp_is_host(value.bytes + at) || value.bytes[at] == 127)
			memcpy(lease->dns[lease->n_dns++], value.bytes + at, 4);
}

/* Letters, digits, hyphens, and underscores, which some have: names end in files that shells read. */
static bool is_label(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] > 0x7f || !(isalnum(bytes[i]) || bytes[i] == '-' || bytes[i] == '_'))
			return false;
	return len > 0 && len <= LABEL_MAX && bytes[0] != '-';
}

static bool is_domain(const char *text)
{
	const char *end;

	for (; (end = strchr(text, '.')); text = end + 1)
		if (!is_label((const uint8_t *)text, (size_t)(end - text)))
			return false;
	return is_label((const uint8_t *)text, strlen(text));
}

static void add_domain(struct weir__dhcp_lease *lease, const char *name)
{
	if (lease->n_domains == WEIR_HOST_DNS || !is_domain(name))
		return;
	for (unsigned i = 0; i < lease->n_domains; i++)
		if (strcasecmp(lease->domain[i], name) == 0)
			return;
	memcpy(lease->domain[lease->n_domains++], name, strlen(name) + 1);
}

static void read_domain(const struct weir__dhcp_reply *reply, struct weir__dhcp_lease *lease)
{
	uint8_t value[NAME_BYTES_MAX + 1];
	size_t len = weir__dhcp_option(reply, WEIR__DHCP_DOMAIN, value, NAME_BYTES_MAX);

	value[len] = 0;
	len = strlen((char *)value); /* some end it with a 0 */
	if (len && value[len - 1] == '.')
		value[len - 1] = 0;
	add_domain(lease, (char *)value);
}

/* Appends the label at from and a dot; returns whether it is whole and there is room. */
static bool add_label(const struct value *value, size_t from, char name[NAME_BYTES_MAX + 1], size_t *len)
{
	const size_t label = value->bytes[from];

	if (label > LABEL_MAX || label >= value->len - from || *len + label + 1 > NAME_BYTES_MAX)
		return false;
	memcpy(name + *len, value->bytes + from + 1, label);
	*len += label + 1;
	name[*len - 1] = '.';
	return true;
}

/*
 * One name (RFC 1035 §4.1.4, RFC 3397 §2), from *at on, which is left behind it. A pointer may only lead to
 * before all that has been read of the name, so that there are no circles. Returns whether it is a name.
 */
static bool read_name(const struct value *value, size_t *at, char name[NAME_BYTES_MAX + 1])
{
	size_t from = *at, lowest = *at, end = 0, len = 0;

	while (from < value->len && value->bytes[from]) {
		if (value->bytes[from] < POINTER) {
			if (!add_label(value, from, name, &len))
				return false;
			from += 1u + value->bytes[from];
			continue;
		}
		if (value->len - from < 2)
			return false;
		if (!end)
			end = from + 2;
		from = weir__load_be16(value->bytes + from) & POINTED;
		if (from >= lowest)
			return false;
		lowest = from;
	}
	if (from >= value->len)
		return false;
	*at = end ? end : from + 1;
	name[len ? len - 1 : 0] = 0;
	return true;
}

static void read_search(const struct weir__dhcp_reply *reply, struct weir__dhcp_lease *lease)
{
	char name[NAME_BYTES_MAX + 1] = "";
	struct value value;
	size_t at = 0;

	take(reply, WEIR__DHCP_SEARCH, &value);
	while (at < value.len && read_name(&value, &at, name))
		add_domain(lease, name);
}

static void read_mtu(const struct weir__dhcp_reply *reply, struct weir__dhcp_lease *lease)
{
	uint8_t value[2];

	if (weir__dhcp_option(reply, WEIR__DHCP_MTU, value, sizeof(value)) == 2 &&
	    weir__load_be16(value) >= MTU_MIN)
		lease->mtu = weir__load_be16(value);
}

/* 0: not told. */
static uint32_t read_seconds(const struct weir__dhcp_reply *reply, uint8_t code)
{
	uint8_t value[4];

	return weir__dhcp_option(reply, code, value, sizeof(value)) == 4 ? weir__load_be32(value) : 0;
}

static bool read_times(const struct weir__dhcp_reply *reply, struct weir__dhcp_times *times)
{
	const uint32_t lease = read_seconds(reply, WEIR__DHCP_LEASE_TIME);
	const uint32_t renew = read_seconds(reply, WEIR__DHCP_RENEWAL);
	const uint32_t rebind = read_seconds(reply, WEIR__DHCP_REBINDING);

	*times = (struct weir__dhcp_times){ UINT32_MAX, UINT32_MAX, UINT32_MAX };
	if (lease == UINT32_MAX)
		return true;
	times->lease = lease;
	/* RFC 2131 §4.4.5 */
	times->renew = lease / 2;
	times->rebind = lease - lease / 8;
	if (renew >= WEIR__DHCP_LEASE_MIN / 2 && renew < rebind && rebind < lease) {
		times->renew = renew;
		times->rebind = rebind;
	}
	return lease >= WEIR__DHCP_LEASE_MIN;
}

bool weir__dhcp_read_lease(const struct weir__dhcp_reply *reply, struct weir__dhcp_lease *lease,
			   struct weir__dhcp_times *times)
{
	memset(lease, 0, sizeof(*lease));
	memcpy(lease->address, reply->address, 4);
	memcpy(lease->server, reply->server, 4);
	if (!weir__dhcp_is_host(lease->address) || !weir__dhcp_is_host(lease->server))
		return false;
	read_bits(reply, lease);
	if (!is_one_of_many(lease) || !read_times(reply, times))
		return false;
	read_routes(reply, lease);
	read_dns(reply, lease);
	read_domain(reply, lease);
	read_search(reply, lease);
	read_mtu(reply, lease);
	return true;
}
