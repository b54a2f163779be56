/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bytes.h"
#include "router.h"

#define SECOND    UINT64_C(1000000000)
#define MS        UINT64_C(1000000)
#define TWO_HOURS (7200 * SECOND)
#define HOUR_MS   3600000
#define NEVER     UINT64_MAX

#define IPV6_MTU_MIN 1280

/* In an advertisement, behind its checksum. */
enum { FLAGS = 1, LIFETIME = 2, REACHABLE = 4 };

/* In the option of a prefix. */
enum {
	PREFIX_BITS = 2,
	PREFIX_FLAGS = 3,
	PREFIX_VALID = 4,
	PREFIX_PREFERRED = 8,
	PREFIX = 16,
	PREFIX_SIZE = 32
};
enum { ON_LINK = 0x80, AUTONOMOUS = 0x40 };

/* In those of DNS: lifetime, and where the list begins. */
enum { DNS_LIFETIME = 4, DNS_LIST = 8 };

static uint64_t end_of(const uint8_t *lifetime, uint64_t now)
{
	const uint32_t seconds = weir__load_be32(lifetime);

	return seconds == UINT32_MAX ? NEVER : now + seconds * SECOND;
}

static bool take_router(struct weir__routers *routers, const struct weir__nd *ra, uint64_t now)
{
	static const int8_t preference[] = { 0, 1, 0, -1 }; /* RFC 4191 §2.1: 10 is taken for 00 */
	const uint64_t until = now + weir__load_be16(ra->body + LIFETIME) * SECOND;
	const int8_t wanted = preference[ra->body[FLAGS] >> 3 & 3];
	struct weir__router *free = NULL;
	bool changed;

	if (until == now)
		return weir__routers_remove(routers, ra->from);
	for (unsigned i = WEIR__ROUTERS; i-- > 0;) {
		struct weir__router *router = &routers->router[i];

		if (!router->until)
			free = router;
		if (!router->until || memcmp(router->address, ra->from, 16) != 0)
			continue;
		changed = router->preference != wanted;
		router->until = until;
		router->preference = wanted;
		return changed;
	}
	routers->refused += !free;
	if (!free)
		return false;
	memcpy(free->address, ra->from, 16);
	free->preference = wanted;
	free->until = until;
	return true;
}

bool weir__routers_remove(struct weir__routers *routers, const uint8_t address[16])
{
	for (unsigned i = 0; i < WEIR__ROUTERS; i++)
		if (routers->router[i].until && memcmp(routers->router[i].address, address, 16) == 0) {
			routers->router[i].until = 0;
			return true;
		}
	return false;
}

static struct weir__router_prefix *prefix_of(struct weir__routers *routers, const uint8_t *option)
{
	struct weir__router_prefix *free = NULL;

	for (unsigned i = WEIR__ROUTER_PREFIXES; i-- > 0;) {
		struct weir__router_prefix *prefix = &routers->prefix[i];

		if (!prefix->on_link_until && !prefix->valid_until)
			free = prefix;
		else if (prefix->bits == option[PREFIX_BITS] &&
			 memcmp(prefix->prefix, option + PREFIX, 16) == 0)
			return prefix;
	}
	routers->refused += !free;
	if (free) {
		memset(free, 0, sizeof(*free));
		free->bits = option[PREFIX_BITS];
		memcpy(free->prefix, option + PREFIX, 16);
	}
	return free;
}

/*
 * RFC 4862 §5.5.3 (e): nobody who is not authenticated may end an address in less than two hours; but what is
 * preferred may end at once. A prefix of another length than 64 makes no address (RFC 4862 (d), RFC 4291
 * §2.5.1).
 */
static void take_address(struct weir__router_prefix *prefix, const uint8_t *option, uint64_t now)
{
	const uint64_t valid = end_of(option + PREFIX_VALID, now);
	const uint64_t preferred = end_of(option + PREFIX_PREFERRED, now);

	if (prefix->bits != 64 || preferred > valid || (!prefix->valid_until && valid == now))
		return;
	prefix->preferred_until = preferred;
	if (!prefix->valid_until || valid > now + TWO_HOURS || valid > prefix->valid_until)
		prefix->valid_until = valid;
	else if (prefix->valid_until > now + TWO_HOURS)
		prefix->valid_until = now + TWO_HOURS;
	if (prefix->preferred_until > prefix->valid_until)
		prefix->preferred_until = prefix->valid_until;
}

static bool take_prefix(struct weir__routers *routers, const uint8_t *option, uint64_t now)
{
	struct weir__router_prefix *prefix, before;

	if (weir__nd_option_size(option) != PREFIX_SIZE || option[PREFIX_BITS] > 128 ||
	    option[PREFIX] == 0xff || (option[PREFIX] == 0xfe && (option[PREFIX + 1] & 0xc0) == 0x80))
		return false;
	prefix = prefix_of(routers, option);
	if (!prefix)
		return false;
	before = *prefix;
	if (option[PREFIX_FLAGS] & ON_LINK)
		prefix->on_link_until = end_of(option + PREFIX_VALID, now);
	if (prefix->on_link_until == now)
		prefix->on_link_until = 0;
	if (option[PREFIX_FLAGS] & AUTONOMOUS)
		take_address(prefix, option, now);
	return prefix->on_link_until != before.on_link_until || prefix->valid_until != before.valid_until ||
	       prefix->preferred_until != before.preferred_until;
}

static bool take_mtu(struct weir__routers *routers, const uint8_t *option)
{
	const uint32_t mtu = weir__load_be32(option + 4);
	const uint32_t before = routers->mtu;

	if (weir__nd_option_size(option) == 8 && mtu >= IPV6_MTU_MIN && mtu <= routers->mtu_max)
		routers->mtu = mtu;
	return routers->mtu != before;
}

static bool take_server(struct weir__routers *routers, const uint8_t *address, uint64_t until, uint64_t now)
{
	struct weir__router_dns *free = NULL;

	for (unsigned i = WEIR_HOST_DNS; i-- > 0;) {
		struct weir__router_dns *dns = &routers->dns[i];

		if (!dns->until)
			free = dns;
		if (!dns->until || memcmp(dns->address, address, 16) != 0)
			continue;
		dns->until = until > now ? until : 0;
		return until == now;
	}
	routers->refused += !free && until > now;
	if (!free || until == now)
		return false;
	memcpy(free->address, address, 16);
	free->until = until;
	return true;
}

static bool take_rdnss(struct weir__routers *routers, const uint8_t *option, uint64_t now)
{
	const size_t size = weir__nd_option_size(option);
	bool changed = false;

	for (size_t at = DNS_LIST; at + 16 <= size; at += 16)
		changed |= take_server(routers, option + at, end_of(option + DNS_LIFETIME, now), now);
	return changed;
}

static bool is_name_byte(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
	       c == '_';
}

/*
 * One name (RFC 1035 §3.1) as text. Only letters, digits, '-' and '_' get into a text that some program will
 * write into a file. Returns the bytes it took; 0: it is none, and nothing of the rest can be read.
 */
static size_t read_name(const uint8_t *bytes, size_t size, char text[256])
{
	size_t at = 0, n = 0;

	while (at < size && bytes[at]) {
		const size_t label = bytes[at++];

		if (label > 63 || label > size - at || n + label + 2 > 256)
			return 0;
		if (n)
			text[n++] = '.';
		for (size_t i = 0; i < label; i++, at++) {
			if (!is_name_byte(bytes[at]))
				return 0;
			text[n++] = (char)bytes[at];
		}
	}
	text[n] = '\0';
	return at < size && n ? at + 1 : 0;
}

static bool take_name(struct weir__routers *routers, const char *text, uint64_t until, uint64_t now)
{
	struct weir__router_name *free = NULL;

	for (unsigned i = WEIR_HOST_DNS; i-- > 0;) {
		struct weir__router_name *name = &routers->domain[i];

		if (!name->until)
			free = name;
		if (!name->until || strcmp(name->text, text) != 0)
			continue;
		name->until = until > now ? until : 0;
		return until == now;
	}
	routers->refused += !free && until > now;
	if (!free || until == now)
		return false;
	memcpy(free->text, text, strlen(text) + 1);
	free->until = until;
	return true;
}

static bool take_dnssl(struct weir__routers *routers, const uint8_t *option, uint64_t now)
{
	const uint64_t until = end_of(option + DNS_LIFETIME, now);
	const size_t size = weir__nd_option_size(option);
	size_t at = DNS_LIST, n;
	bool changed = false;
	char text[256];

	while (at < size && (n = read_name(option + at, size - at, text))) {
		changed |= take_name(routers, text, until, now);
		at += n;
	}
	return changed;
}

bool weir__routers_input(struct weir__routers *routers, const struct weir__nd *ra, uint64_t now)
{
	const uint32_t reachable_ms = weir__load_be32(ra->body + REACHABLE);
	bool changed = take_router(routers, ra, now);

	if (reachable_ms && reachable_ms <= HOUR_MS) /* RFC 4861 §6.2.1 */
		routers->reachable_ns = reachable_ms * MS;
	for (const uint8_t *option = NULL; (option = weir__nd_option(ra, option));)
		switch (option[0]) {
		case WEIR__ND_PREFIX:
			changed |= take_prefix(routers, option, now);
			break;
		case WEIR__ND_MTU:
			changed |= take_mtu(routers, option);
			break;
		case WEIR__ND_RDNSS:
			changed |= take_rdnss(routers, option, now);
			break;
		case WEIR__ND_DNSSL:
			changed |= take_dnssl(routers, option, now);
			break;
		}
	return changed;
}

/* Ends what is due; else says when. */
static void end(uint64_t *until, uint64_t now, uint64_t *next, bool *changed)
{
	if (*until && *until <= now) {
		*until = 0;
		*changed = true;
	} else if (*until && *until < *next) {
		*next = *until;
	}
}

uint64_t weir__routers_timer(struct weir__routers *routers, uint64_t now, bool *changed)
{
	uint64_t next = NEVER;

	*changed = false;
	for (unsigned i = 0; i < WEIR__ROUTERS; i++)
		end(&routers->router[i].until, now, &next, changed);
	for (unsigned i = 0; i < WEIR__ROUTER_PREFIXES; i++) {
		end(&routers->prefix[i].on_link_until, now, &next, changed);
		end(&routers->prefix[i].valid_until, now, &next, changed);
	}
	for (unsigned i = 0; i < WEIR_HOST_DNS; i++) {
		end(&routers->dns[i].until, now, &next, changed);
		end(&routers->domain[i].until, now, &next, changed);
	}
	return next;
}
