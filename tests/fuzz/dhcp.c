/* SPDX-License-Identifier: Apache-2.0 */
#include "input.h"

#include "../dhcp_server.h"
#include "host/dhcp.h"

static const uint8_t mac[6] = { 2, 0, 0, 0, 0x30, 1 };

struct world {
	struct weir__dhcp *dhcp;
	uint64_t now;
	uint32_t random;
	struct dhcp_packet sent; /* last */
	bool leased;
};

static void take_packet(void *context, const uint8_t *packet, size_t len)
{
	struct world *world = context;

	require(len >= DHCP_OPTIONS && len <= 576);
	memcpy(world->sent.bytes, packet, len);
	world->sent.len = len;
	require(dhcp_sum(0, packet, 20) == 0xffff);
	require(dhcp_udp_sum(&world->sent) == 0xffff);
}

static bool is_host(const uint8_t *address)
{
	return address[0] != 0 && address[0] != 127 && address[0] < 224;
}

static void require_domain(const char *name)
{
	require(memchr(name, 0, 256) && name[0]);
	for (; *name; name++)
		require(strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", *name));
}

static void require_sound(const struct weir__dhcp_lease *lease)
{
	require(is_host(lease->address) && is_host(lease->server));
	require(lease->bits >= 1 && lease->bits <= 32);
	require(lease->mtu == 0 || (lease->mtu >= 576 && lease->mtu <= 65535));
	require(lease->n_routes <= WEIR_HOST_ROUTES && lease->n_dns <= WEIR_HOST_DNS &&
		lease->n_domains <= WEIR_HOST_DNS);
	for (unsigned i = 0; i < lease->n_routes; i++) {
		const struct weir__dhcp_route *route = &lease->route[i];

		require(route->bits <= 32);
		require(route->bits == 32 || (uint32_t)(dhcp_get(route->to, 4) << route->bits) == 0);
		require(is_host(route->via) || dhcp_get(route->via, 4) == 0);
	}
	for (unsigned i = 0; i < lease->n_domains; i++)
		require_domain(lease->domain[i]);
}

static void take_lease(void *context, const struct weir__dhcp_lease *lease)
{
	struct world *world = context;

	require(lease || world->leased);
	world->leased = lease != NULL;
	if (lease)
		require_sound(lease);
}

static uint32_t draw(void *context)
{
	struct world *world = context;

	return world->random = world->random * 1664525 + 1013904223;
}

/* In a block of its own, so that a sanitizer sees what is touched outside. */
static void deliver(struct world *world, const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	require(copy);
	memcpy(copy, bytes, len);
	weir__dhcp_input(world->dhcp, copy, len, world->now);
	free(copy);
}

static size_t take_length(struct input *input)
{
	const size_t len = input_number(input, 2) % 2048;

	return len < input->size ? len : input->size;
}

static void skip(struct input *input, size_t n)
{
	input->bytes += n;
	input->size -= n;
}

/* length, any packet */
static void any_packet(struct world *world, struct input *input)
{
	const size_t len = take_length(input);

	deliver(world, input->bytes, len);
	skip(input, len);
}

/* type, address, server, seconds, length, options: to what was sent last, with the right sums */
static void answer(struct world *world, struct input *input)
{
	const uint8_t type = input_byte(input);
	const uint32_t address = 0x0a000000 | input_byte(input), server = 0x0a000000 | input_byte(input);
	const uint32_t seconds = (uint32_t)input_number(input, 4);
	const size_t len = take_length(input);
	struct dhcp_packet packet;

	dhcp_answer(&packet, &world->sent, type, address, server);
	if (seconds)
		dhcp_add32(&packet, 51, seconds);
	memcpy(packet.bytes + packet.len, input->bytes, len);
	packet.len += len;
	skip(input, len);
	dhcp_finish(&packet);
	deliver(world, packet.bytes, packet.len);
}

static void step(struct world *world, struct input *input, uint64_t next)
{
	switch (input_byte(input) % 8) {
	case 0:
		weir__dhcp_start(world->dhcp, world->now);
		break;
	case 1:
		weir__dhcp_stop(world->dhcp, world->now);
		break;
	case 2:
		weir__dhcp_release(world->dhcp, world->now);
		break;
	case 3:
		weir__dhcp_decline(world->dhcp, world->now);
		break;
	case 4:
		if (next != UINT64_MAX)
			world->now = next;
		break;
	case 5:
		world->now += input_number(input, 2) * 1000000000;
		break;
	case 6:
		any_packet(world, input);
		break;
	case 7:
		answer(world, input);
		break;
	}
}

/* What happens, one thing after the other. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = { bytes, size };
	struct world world = { .now = UINT64_C(1) << 40 };
	const struct weir__dhcp_user user = { take_packet, take_lease, draw, &world };
	uint64_t next = UINT64_MAX;

	require(weir__dhcp_create(&world.dhcp, mac, "host", &user) == 0);
	while (input.size) {
		step(&world, &input, next);
		next = weir__dhcp_timer(world.dhcp, world.now);
		require(next > world.now);
		require(world.leased == (weir__dhcp_lease(world.dhcp) != NULL));
		require(*weir__dhcp_state(world.dhcp));
	}
	weir__dhcp_destroy(world.dhcp);
	return 0;
}
