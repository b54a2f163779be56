/* SPDX-License-Identifier: Apache-2.0 */
/* What a router says: any message of neighbour discovery whose checksum is right, taken twice. */
#include "input.h"

#include "bytes.h"
#include "checksum.h"
#include "host/router.h"

#define SECOND UINT64_C(1000000000)

/* As a sender would, who means it. */
static void complete(uint8_t *packet, size_t size)
{
	uint16_t checksum;
	uint64_t sum;

	packet[0] = 0x60;
	weir__store_be16(packet + 4, (uint16_t)(size - 40));
	packet[6] = 58;
	packet[7] = 255;
	memset(packet + 42, 0, 2);
	sum = weir__checksum_pseudo6(packet + 8, 58, (uint32_t)(size - 40));
	checksum = weir__checksum_finish(weir__checksum_add(sum, packet + 40, size - 40));
	memcpy(packet + 42, &checksum, 2);
}

static void require_sound(const struct weir__routers *routers, uint64_t now)
{
	for (unsigned i = 0; i < WEIR__ROUTERS; i++)
		require(routers->router[i].until == 0 || routers->router[i].until > now);
	for (unsigned i = 0; i < WEIR__ROUTER_PREFIXES; i++) {
		const struct weir__router_prefix *prefix = &routers->prefix[i];

		require(prefix->bits <= 128);
		require(prefix->preferred_until <= prefix->valid_until || !prefix->valid_until);
		require(!prefix->valid_until || prefix->bits == 64);
		require(!prefix->on_link_until || prefix->on_link_until > now);
	}
	for (unsigned i = 0; i < WEIR_HOST_DNS; i++) {
		const char *name = routers->domain[i].text;

		require(memchr(name, '\0', sizeof(routers->domain[i].text)));
		require(strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
			strlen(name));
	}
	require(routers->mtu == 0 || (routers->mtu >= 1280 && routers->mtu <= 1500));
}

static void require_options(const struct weir__nd *nd, const uint8_t *end)
{
	for (const uint8_t *option = NULL; (option = weir__nd_option(nd, option));)
		require(weir__nd_option_size(option) >= 8 && option + weir__nd_option_size(option) <= end);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct weir__routers routers = { .mtu_max = 1500 };
	uint64_t now = 1000 * SECOND, next;
	uint8_t *packet;
	struct weir__nd nd;
	bool changed;

	if (weir__nd_parse(bytes, size, &nd))
		require_options(&nd, bytes + size);
	if (size < 44 || size > 1500)
		return 0;
	packet = malloc(size);
	memcpy(packet, bytes, size);
	complete(packet, size);
	if (weir__nd_parse(packet, size, &nd)) {
		require_options(&nd, packet + size);
		for (int i = 0; nd.type == WEIR__ND_RA && i < 2; i++) {
			weir__routers_input(&routers, &nd, now);
			require_sound(&routers, now);
		}
	}
	free(packet);
	/* All ends, or lasts for ever. */
	for (unsigned i = 0; (next = weir__routers_timer(&routers, now, &changed)) != UINT64_MAX; i++) {
		require(next > now && i < 100);
		now = next;
		require_sound(&routers, 0);
	}
	return 0;
}
