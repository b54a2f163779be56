/* SPDX-License-Identifier: Apache-2.0 */
/* The DHCP client against a server of the test's, with a clock of the test's. */
#include "test.h"

#include "../dhcp_server.h"
#include "host/dhcp.h"

#define SECOND UINT64_C(1000000000)
#define START  (1000 * SECOND)
#define SENT   32

#define SERVER  0xc0a81e01 /* 192.168.30.1 */
#define OTHER   0xc0a81e02
#define ADDRESS 0xc0a81e0a /* 192.168.30.10 */

static const uint8_t mac[6] = { 2, 0, 0, 0, 0x30, 1 };

struct world {
	struct weir__dhcp *dhcp;
	uint64_t now;
	uint64_t next; /* when the client wants to be called */
	uint32_t random;
	struct dhcp_packet sent[SENT];
	unsigned n_sent;
	unsigned changes, losses;
	struct weir__dhcp_lease lease; /* that was told last */
};

static void take_packet(void *context, const uint8_t *packet, size_t len)
{
	struct world *world = context;
	struct dhcp_packet *sent = &world->sent[world->n_sent++ % SENT];

	assert_true(len <= 576);
	memcpy(sent->bytes, packet, len);
	sent->len = len;
}

static void take_lease(void *context, const struct weir__dhcp_lease *lease)
{
	struct world *world = context;

	world->changes += lease != NULL;
	world->losses += !lease;
	if (lease)
		world->lease = *lease;
}

static uint32_t draw(void *context)
{
	struct world *world = context;

	return world->random = world->random * 1664525 + 1013904223;
}

static struct world *world_make(const char *hostname)
{
	struct world *world = calloc(1, sizeof(*world));
	const struct weir__dhcp_user user = { take_packet, take_lease, draw, world };

	assert_non_null(world);
	assert_int_equal(weir__dhcp_create(&world->dhcp, mac, hostname, &user), 0);
	world->now = START;
	return world;
}

static void world_free(struct world *world)
{
	weir__dhcp_destroy(world->dhcp);
	free(world);
}

static void settle(struct world *world)
{
	world->next = weir__dhcp_timer(world->dhcp, world->now);
}

/* Lets the client wait for what it waits for. */
static void pass_time(struct world *world)
{
	assert_true(world->next > world->now && world->next != UINT64_MAX);
	world->now = world->next;
	settle(world);
}

static const struct dhcp_packet *last(const struct world *world)
{
	assert_true(world->n_sent > 0);
	return &world->sent[(world->n_sent - 1) % SENT];
}

static void deliver(struct world *world, const struct dhcp_packet *packet)
{
	assert_true(weir__dhcp_input(world->dhcp, packet->bytes, packet->len, world->now));
	settle(world);
}

static void expect_state(const struct world *world, const char *name)
{
	assert_string_equal(weir__dhcp_state(world->dhcp), name);
}

/* What a plain server says: mask, router, that time. */
static void plain(struct dhcp_packet *packet, const struct dhcp_packet *request, uint8_t type,
		  uint32_t seconds)
{
	dhcp_answer(packet, request, type, ADDRESS, SERVER);
	if (type != NAK) {
		dhcp_add32(packet, 1, 0xffffff00);
		dhcp_add32(packet, 3, SERVER);
		dhcp_add32(packet, 51, seconds);
	}
	dhcp_finish(packet);
}

static void answer(struct world *world, uint8_t type, uint32_t seconds)
{
	struct dhcp_packet packet;

	plain(&packet, last(world), type, seconds);
	deliver(world, &packet);
}

static void start(struct world *world)
{
	weir__dhcp_start(world->dhcp, world->now);
	settle(world);
}

static struct world *bound(uint32_t seconds)
{
	struct world *world = world_make(NULL);

	start(world);
	answer(world, OFFER, seconds);
	answer(world, ACK, seconds);
	expect_state(world, "BOUND");
	assert_int_equal(world->changes, 1);
	return world;
}

/* --- the way to a lease */

static void expect_well_made(const struct dhcp_packet *packet)
{
	const uint8_t *message = packet->bytes + DHCP_HEADERS;
	size_t len;
	const uint8_t *client = dhcp_find(packet, 61, &len);

	assert_int_equal(packet->bytes[0], 0x45);
	assert_int_equal(dhcp_get(packet->bytes + 2, 2), packet->len);
	assert_int_equal(dhcp_sum(0, packet->bytes, 20), 0xffff);
	assert_int_equal(dhcp_udp_sum(packet), 0xffff);
	assert_int_equal(dhcp_get(packet->bytes + 20, 2), 68);
	assert_int_equal(dhcp_get(packet->bytes + 22, 2), 67);
	assert_int_equal(dhcp_get(packet->bytes + 24, 2), packet->len - 20);
	assert_true(packet->len >= DHCP_HEADERS + 300);
	assert_memory_equal(message, ((uint8_t[4]){ 1, 1, 6, 0 }), 4);
	assert_memory_equal(message + 28, mac, 6);
	assert_memory_equal(message + 236, ((uint8_t[4]){ 0x63, 0x82, 0x53, 0x63 }), 4);
	assert_int_equal(len, 7);
	assert_int_equal(client[0], 1);
	assert_memory_equal(client + 1, mac, 6);
}

static void expect_to_everybody(const struct dhcp_packet *packet)
{
	expect_well_made(packet);
	assert_int_equal(dhcp_from(packet), 0);
	assert_int_equal(dhcp_to(packet), 0xffffffff);
	assert_int_equal(dhcp_client_address(packet), 0);
}

static void expect_wishes(const struct dhcp_packet *packet)
{
	size_t len;
	const uint8_t *wishes = dhcp_find(packet, 55, &len);

	assert_non_null(wishes);
	for (const char *wanted = "\x01\x03\x06\x0f\x1a\x77\x79"; *wanted; wanted++)
		assert_non_null(memchr(wishes, *wanted, len));
	assert_true((uint8_t *)memchr(wishes, 121, len) < (uint8_t *)memchr(wishes, 3, len));
	assert_true(dhcp_number(packet, 57) >= 576);
}

static void gets_a_lease(void **state)
{
	struct world *world = world_make("laptop");
	const uint8_t *name;
	uint32_t xid;
	size_t len;

	(void)state;
	expect_state(world, "STOPPED");
	start(world);
	expect_state(world, "SELECTING");
	assert_int_equal(world->n_sent, 1);
	expect_to_everybody(last(world));
	expect_wishes(last(world));
	assert_int_equal(dhcp_type(last(world)), DISCOVER);
	assert_int_equal(dhcp_number(last(world), 50), 0);
	assert_false(dhcp_wants_broadcast(last(world)));
	name = dhcp_find(last(world), 12, &len);
	assert_int_equal(len, 6);
	assert_memory_equal(name, "laptop", 6);
	xid = dhcp_xid(last(world));

	world->now += SECOND / 4;
	answer(world, OFFER, 3600);
	expect_state(world, "REQUESTING");
	assert_int_equal(world->n_sent, 2);
	expect_to_everybody(last(world));
	expect_wishes(last(world));
	assert_int_equal(dhcp_type(last(world)), REQUEST);
	assert_int_equal(dhcp_number(last(world), 50), ADDRESS);
	assert_int_equal(dhcp_number(last(world), 54), SERVER);
	assert_int_equal(dhcp_xid(last(world)), xid);
	assert_null(weir__dhcp_lease(world->dhcp));

	world->now += SECOND / 4;
	answer(world, ACK, 3600);
	expect_state(world, "BOUND");
	assert_int_equal(world->n_sent, 2);
	assert_int_equal(world->changes, 1);
	assert_memory_equal(world->lease.address, ((uint8_t[4]){ 192, 168, 30, 10 }), 4);
	assert_int_equal(world->lease.bits, 24);
	assert_memory_equal(world->lease.server, ((uint8_t[4]){ 192, 168, 30, 1 }), 4);
	/* The time runs from the request, not from the answer. */
	assert_int_equal(world->lease.until, START + SECOND / 4 + 3600 * SECOND);
	assert_memory_equal(weir__dhcp_lease(world->dhcp), &world->lease, sizeof(world->lease));
	world_free(world);
}

/* A pause of that many seconds, give or take one. */
static void expect_pause(struct world *world, uint64_t seconds)
{
	const uint64_t pause = world->next - world->now;

	assert_true(pause >= (seconds - 1) * SECOND && pause <= (seconds + 1) * SECOND);
}

static void asks_again_and_again(void **state)
{
	static const unsigned pauses[] = { 4, 8, 16, 32, 64, 64, 64 };
	struct world *world = world_make(NULL);
	uint32_t xid;

	(void)state;
	start(world);
	xid = dhcp_xid(last(world));
	for (unsigned i = 0; i < countof(pauses); i++) {
		assert_int_equal(world->n_sent, i + 1);
		assert_int_equal(dhcp_type(last(world)), DISCOVER);
		assert_int_equal(dhcp_xid(last(world)), xid);
		assert_int_equal(dhcp_secs(last(world)), (world->now - START) / SECOND);
		assert_int_equal(dhcp_wants_broadcast(last(world)), i >= 2);
		expect_pause(world, pauses[i]);
		settle(world); /* too early */
		assert_int_equal(world->n_sent, i + 1);
		pass_time(world);
	}
	answer(world, OFFER, 60);
	assert_true(dhcp_wants_broadcast(last(world)));
	assert_int_equal(dhcp_secs(last(world)), dhcp_secs(&world->sent[world->n_sent - 2]));
	world_free(world);
}

static void gives_an_offer_up(void **state)
{
	struct world *world = world_make(NULL);
	uint32_t xid;

	(void)state;
	start(world);
	answer(world, OFFER, 3600);
	xid = dhcp_xid(last(world));
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(world->n_sent, 2 + i);
		assert_int_equal(dhcp_type(last(world)), REQUEST);
		assert_int_equal(dhcp_xid(last(world)), xid);
		expect_pause(world, 4u << i);
		pass_time(world);
	}
	expect_state(world, "SELECTING");
	assert_int_equal(dhcp_type(last(world)), DISCOVER);
	assert_int_not_equal(dhcp_xid(last(world)), xid);
	world_free(world);
}

/* --- what is not for it, or no answer */

static void expect_ignored(struct world *world, const struct dhcp_packet *packet)
{
	const unsigned n_sent = world->n_sent, changes = world->changes, losses = world->losses;
	const char *name = weir__dhcp_state(world->dhcp);

	weir__dhcp_input(world->dhcp, packet->bytes, packet->len, world->now);
	settle(world);
	assert_int_equal(world->n_sent, n_sent);
	assert_int_equal(world->changes, changes);
	assert_int_equal(world->losses, losses);
	expect_state(world, name);
}

/* That byte of the message changed, with checksums that are right. */
static void expect_ignored_with(struct world *world, const struct dhcp_packet *good, unsigned at,
				uint8_t byte)
{
	struct dhcp_packet packet = *good;

	assert_int_not_equal(packet.bytes[at], byte);
	packet.bytes[at] = byte;
	dhcp_seal(&packet);
	expect_ignored(world, &packet);
}

static void expect_bad_ones_ignored(struct world *world, uint8_t type)
{
	struct dhcp_packet good, packet;

	plain(&good, last(world), type, 3600);
	expect_ignored_with(world, &good, DHCP_HEADERS, 1);      /* a request */
	expect_ignored_with(world, &good, DHCP_HEADERS + 1, 6);  /* of another kind of network */
	expect_ignored_with(world, &good, DHCP_HEADERS + 2, 16); /* with longer addresses */
	expect_ignored_with(world, &good, DHCP_HEADERS + 7, (uint8_t)(good.bytes[DHCP_HEADERS + 7] + 1));
	expect_ignored_with(world, &good, DHCP_HEADERS + 33, 2);  /* somebody else's */
	expect_ignored_with(world, &good, DHCP_HEADERS + 236, 0); /* plain BOOTP */
	expect_ignored_with(world, &good, DHCP_OPTIONS + 2, RELEASE);
	expect_ignored_with(world, &good, DHCP_OPTIONS + 5, 0); /* a server that is no host */
	expect_ignored_with(world, &good, 6, 0x20);             /* a fragment */
	for (size_t len = 0; len < DHCP_OPTIONS + 9; len++) {
		packet = good;
		packet.len = len;
		if (len >= DHCP_HEADERS)
			dhcp_seal(&packet);
		expect_ignored(world, &packet);
	}
	packet = good;
	packet.bytes[DHCP_HEADERS + 100] ^= 1; /* the sum of UDP is wrong */
	expect_ignored(world, &packet);
	packet = good;
	packet.bytes[8] ^= 1; /* that of IP */
	expect_ignored(world, &packet);
	packet = good;
	packet.bytes[packet.len - 1] = 77; /* an option that ends behind the packet */
	packet.bytes[packet.len++] = 9;
	dhcp_seal(&packet);
	expect_ignored(world, &packet);
}

static void ignores_what_is_not_for_it(void **state)
{
	struct world *world = world_make(NULL);
	struct dhcp_packet packet;

	(void)state;
	start(world);
	expect_bad_ones_ignored(world, OFFER);
	plain(&packet, last(world), ACK, 3600);
	expect_ignored(world, &packet);
	plain(&packet, last(world), NAK, 0);
	expect_ignored(world, &packet);
	answer(world, OFFER, 3600);
	expect_state(world, "REQUESTING");

	expect_bad_ones_ignored(world, ACK);
	plain(&packet, last(world), OFFER, 3600);
	expect_ignored(world, &packet);
	for (unsigned type = ACK; type <= NAK; type++) { /* of another server */
		dhcp_answer(&packet, last(world), (uint8_t)type, ADDRESS, OTHER);
		dhcp_add32(&packet, 51, 3600);
		dhcp_finish(&packet);
		expect_ignored(world, &packet);
	}
	dhcp_answer(&packet, last(world), ACK, ADDRESS + 1, SERVER); /* another address than was offered */
	dhcp_add32(&packet, 51, 3600);
	dhcp_finish(&packet);
	expect_ignored(world, &packet);
	answer(world, ACK, 3600);
	expect_state(world, "BOUND");
	expect_bad_ones_ignored(world, NAK);
	plain(&packet, last(world), NAK, 0);
	expect_ignored(world, &packet);
	world_free(world);
}

static void knows_what_is_not_dhcp(void **state)
{
	struct world *world = world_make(NULL);
	struct dhcp_packet packet;

	(void)state;
	start(world);
	plain(&packet, last(world), OFFER, 3600);
	assert_true(weir__dhcp_input(world->dhcp, packet.bytes, packet.len, world->now));
	dhcp_put16(packet.bytes + 22, 67);
	assert_false(weir__dhcp_input(world->dhcp, packet.bytes, packet.len, world->now));
	dhcp_put16(packet.bytes + 22, 68);
	packet.bytes[9] = 6;
	assert_false(weir__dhcp_input(world->dhcp, packet.bytes, packet.len, world->now));
	packet.bytes[9] = 17;
	packet.bytes[0] = 0x65;
	assert_false(weir__dhcp_input(world->dhcp, packet.bytes, packet.len, world->now));
	assert_false(weir__dhcp_input(world->dhcp, packet.bytes, 0, world->now));
	world_free(world);
}

/* --- the life of a lease */

static void renews(void **state)
{
	struct world *world = bound(3600);
	const uint32_t xid = dhcp_xid(last(world));
	uint64_t asked;

	(void)state;
	/* At half the time, or up to a sixteenth of that earlier. */
	assert_true(world->next <= START + 1800 * SECOND && world->next >= START + 1680 * SECOND);
	pass_time(world);
	asked = world->now;
	expect_state(world, "RENEWING");
	expect_well_made(last(world));
	expect_wishes(last(world));
	assert_int_equal(dhcp_type(last(world)), REQUEST);
	assert_int_equal(dhcp_from(last(world)), ADDRESS);
	assert_int_equal(dhcp_to(last(world)), SERVER);
	assert_int_equal(dhcp_client_address(last(world)), ADDRESS);
	assert_int_equal(dhcp_number(last(world), 50), 0);
	assert_int_equal(dhcp_number(last(world), 54), 0);
	assert_int_not_equal(dhcp_xid(last(world)), xid);
	world->now += SECOND;
	answer(world, ACK, 7200);
	expect_state(world, "BOUND");
	assert_int_equal(world->changes, 2);
	assert_int_equal(world->losses, 0);
	assert_int_equal(world->lease.until, asked + 7200 * SECOND);
	world_free(world);
}

/* Half of the time that is left, a minute at least, and never beyond the next state. */
static void expect_renewals(struct world *world, uint64_t end, uint32_t to)
{
	while (world->next < end) {
		const uint64_t left = end - world->now, pause = world->next - world->now;

		assert_int_equal(dhcp_to(last(world)), to);
		assert_int_equal(dhcp_client_address(last(world)), ADDRESS);
		assert_int_equal(pause, left / 2 > 60 * SECOND ? left / 2 : 60 * SECOND);
		pass_time(world);
	}
	assert_int_equal(world->next, end);
}

static void outlives_a_silent_server(void **state)
{
	struct world *world = bound(3600);
	const uint32_t xid = dhcp_xid(last(world));

	(void)state;
	pass_time(world);
	expect_state(world, "RENEWING");
	expect_renewals(world, START + 3150 * SECOND, SERVER);
	pass_time(world);
	expect_state(world, "REBINDING");
	expect_renewals(world, START + 3600 * SECOND, 0xffffffff);
	assert_int_equal(dhcp_from(last(world)), ADDRESS);
	assert_int_equal(world->losses, 0);
	pass_time(world);
	assert_int_equal(world->losses, 1);
	assert_null(weir__dhcp_lease(world->dhcp));
	expect_state(world, "SELECTING");
	expect_to_everybody(last(world));
	assert_int_equal(dhcp_type(last(world)), DISCOVER);
	assert_int_equal(dhcp_number(last(world), 50), ADDRESS);
	assert_int_not_equal(dhcp_xid(last(world)), xid);
	world_free(world);
}

static void another_server_may_rebind(void **state)
{
	struct world *world = bound(3600);
	struct dhcp_packet packet;

	(void)state;
	pass_time(world);
	dhcp_answer(&packet, last(world), ACK, ADDRESS, OTHER);
	dhcp_add32(&packet, 51, 600);
	dhcp_finish(&packet);
	expect_ignored(world, &packet); /* but not renew */
	while (strcmp(weir__dhcp_state(world->dhcp), "REBINDING") != 0)
		pass_time(world);
	dhcp_answer(&packet, last(world), ACK, ADDRESS, OTHER);
	dhcp_add32(&packet, 51, 600);
	dhcp_finish(&packet);
	deliver(world, &packet);
	expect_state(world, "BOUND");
	assert_memory_equal(world->lease.server, ((uint8_t[4]){ 192, 168, 30, 2 }), 4);
	world_free(world);
}

/* The machine slept: what was due is not made up for. */
static void wakes_up_late(void **state)
{
	struct world *world = bound(3600);
	const unsigned n = world->n_sent;

	(void)state;
	world->now = START + 3400 * SECOND;
	settle(world);
	expect_state(world, "REBINDING");
	assert_int_equal(world->n_sent, n + 1);
	assert_int_equal(dhcp_to(last(world)), 0xffffffff);
	world->now = START + 90000 * SECOND;
	settle(world);
	expect_state(world, "SELECTING");
	assert_int_equal(world->losses, 1);
	assert_int_equal(world->n_sent, n + 2);
	world_free(world);
}

static void keeps_an_endless_lease(void **state)
{
	struct world *world = bound(UINT32_MAX);

	(void)state;
	assert_int_equal(world->lease.until, UINT64_MAX);
	assert_int_equal(world->next, UINT64_MAX);
	world_free(world);
}

static void begins_anew_when_refused(void **state)
{
	struct world *world = bound(3600);
	uint64_t pause = SECOND;

	(void)state;
	pass_time(world);
	answer(world, NAK, 0);
	expect_state(world, "INIT");
	assert_int_equal(world->losses, 1);
	/* Later each time: what it offers, this server refuses. */
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(world->next - world->now, pause);
		pass_time(world);
		expect_state(world, "SELECTING");
		assert_int_equal(dhcp_number(last(world), 50), 0);
		answer(world, OFFER, 3600);
		answer(world, NAK, 0);
		expect_state(world, "INIT");
		pause = pause < 64 * SECOND ? 2 * pause : pause;
	}
	assert_int_equal(world->losses, 1);
	pass_time(world);
	answer(world, OFFER, 3600);
	answer(world, ACK, 3600);
	expect_state(world, "BOUND");
	world_free(world);
}

/* --- carrier */

static void asks_for_the_address_it_had(void **state)
{
	struct world *world = bound(3600);

	(void)state;
	weir__dhcp_stop(world->dhcp, world->now);
	settle(world);
	expect_state(world, "STOPPED");
	assert_int_equal(world->next, START + 3600 * SECOND);
	assert_non_null(weir__dhcp_lease(world->dhcp));
	world->now += 100 * SECOND;
	start(world);
	expect_state(world, "REBOOTING");
	expect_to_everybody(last(world));
	assert_int_equal(dhcp_type(last(world)), REQUEST);
	assert_int_equal(dhcp_number(last(world), 50), ADDRESS);
	assert_int_equal(dhcp_number(last(world), 54), 0);
	answer(world, ACK, 600);
	expect_state(world, "BOUND");
	assert_int_equal(world->losses, 0);
	assert_int_equal(world->lease.until, START + 700 * SECOND);
	world_free(world);
}

/* Nobody answers for the old address: it stays in use while others are asked for. */
static void looks_for_others_when_nobody_knows_it(void **state)
{
	struct world *world = bound(3600);
	struct dhcp_packet packet;

	(void)state;
	weir__dhcp_stop(world->dhcp, world->now);
	start(world);
	for (unsigned i = 0; i < 2; i++) {
		expect_state(world, "REBOOTING");
		expect_pause(world, 4u << i);
		pass_time(world);
	}
	expect_state(world, "SELECTING");
	assert_int_equal(world->losses, 0);
	assert_non_null(weir__dhcp_lease(world->dhcp));
	dhcp_answer(&packet, last(world), OFFER, ADDRESS + 5, OTHER);
	dhcp_add32(&packet, 51, 600);
	dhcp_finish(&packet);
	deliver(world, &packet);
	packet.bytes[DHCP_OPTIONS + 2] = ACK;
	dhcp_seal(&packet);
	deliver(world, &packet);
	expect_state(world, "BOUND");
	assert_int_equal(world->losses, 0);
	assert_int_equal(world->changes, 2);
	assert_memory_equal(world->lease.address, ((uint8_t[4]){ 192, 168, 30, 15 }), 4);
	world_free(world);
}

static void loses_a_lease_that_ends_meanwhile(void **state)
{
	struct world *world = bound(3600);
	const unsigned n = world->n_sent;

	(void)state;
	weir__dhcp_stop(world->dhcp, world->now);
	settle(world);
	pass_time(world);
	assert_int_equal(world->losses, 1);
	assert_int_equal(world->n_sent, n);
	expect_state(world, "STOPPED");
	assert_int_equal(world->next, UINT64_MAX);
	start(world);
	expect_state(world, "SELECTING");

	/* The same while others are asked for. */
	answer(world, OFFER, 30);
	answer(world, ACK, 30);
	weir__dhcp_stop(world->dhcp, world->now);
	start(world);
	while (world->losses == 1)
		pass_time(world);
	expect_state(world, "SELECTING");
	assert_null(weir__dhcp_lease(world->dhcp));
	world_free(world);
}

static void gives_back(void **state)
{
	struct world *world = bound(3600);
	unsigned n;

	(void)state;
	weir__dhcp_release(world->dhcp, world->now);
	settle(world);
	n = world->n_sent;
	expect_state(world, "STOPPED");
	assert_int_equal(world->losses, 1);
	expect_well_made(last(world));
	assert_int_equal(dhcp_type(last(world)), RELEASE);
	assert_int_equal(dhcp_from(last(world)), ADDRESS);
	assert_int_equal(dhcp_to(last(world)), SERVER);
	assert_int_equal(dhcp_client_address(last(world)), ADDRESS);
	assert_int_equal(dhcp_number(last(world), 54), SERVER);
	assert_int_equal(dhcp_number(last(world), 50), 0);
	assert_int_equal(dhcp_secs(last(world)), 0);
	assert_int_equal(world->next, UINT64_MAX);
	weir__dhcp_release(world->dhcp, world->now); /* what is not there any more */
	assert_int_equal(world->n_sent, n);
	assert_int_equal(world->losses, 1);
	start(world);
	expect_state(world, "SELECTING");
	assert_int_equal(dhcp_number(last(world), 50), ADDRESS);
	weir__dhcp_release(world->dhcp, world->now);
	assert_int_equal(world->n_sent, n + 1);
	world_free(world);
}

static void declines(void **state)
{
	struct world *world = bound(3600);

	(void)state;
	weir__dhcp_decline(world->dhcp, world->now);
	settle(world);
	expect_state(world, "INIT");
	assert_int_equal(world->losses, 1);
	expect_to_everybody(last(world));
	assert_int_equal(dhcp_type(last(world)), DECLINE);
	assert_int_equal(dhcp_number(last(world), 50), ADDRESS);
	assert_int_equal(dhcp_number(last(world), 54), SERVER);
	assert_int_equal(dhcp_number(last(world), 57), 0);
	assert_int_equal(world->next - world->now, 10 * SECOND);
	pass_time(world);
	expect_state(world, "SELECTING");
	assert_int_equal(dhcp_number(last(world), 50), 0);
	world_free(world);
}

/* --- what a lease says */

struct option {
	uint8_t code, len;
	const char *bytes;
};

/* An offer with these options is acknowledged with them; returns the world, bound or not. */
static struct world *offer(uint32_t address, const struct option *options, unsigned n)
{
	struct world *world = world_make(NULL);
	struct dhcp_packet packet;

	start(world);
	for (unsigned type = OFFER; type <= ACK; type += ACK - OFFER) {
		dhcp_answer(&packet, last(world), (uint8_t)type, address, SERVER);
		for (unsigned i = 0; i < n; i++)
			dhcp_add(&packet, options[i].code, options[i].bytes, options[i].len);
		dhcp_finish(&packet);
		deliver(world, &packet);
	}
	return world;
}

#define OFFER_OF(address, ...)                                 \
	offer(address, (const struct option[]){ __VA_ARGS__ }, \
	      countof(((const struct option[]){ __VA_ARGS__ })))
#define O(code, bytes)                         \
	{                                      \
		code, sizeof(bytes) - 1, bytes \
	}
#define HOUR O(51, "\0\0\x0e\x10")
#define NO_OPTION       \
	(struct option) \
	{               \
		0       \
	}

static void expect_bits(uint32_t address, struct option mask, unsigned bits)
{
	struct world *world = offer(address, (const struct option[]){ HOUR, mask }, mask.code ? 2 : 1);

	expect_state(world, "BOUND");
	assert_int_equal(world->lease.bits, bits);
	world_free(world);
}

static void reads_masks(void **state)
{
	(void)state;
	expect_bits(0x0a010203, (struct option)O(1, "\xff\xff\xff\0"), 24);
	expect_bits(0x0a010203, (struct option)O(1, "\xff\xff\xff\xff"), 32);
	expect_bits(0x0a010202, (struct option)O(1, "\xff\xff\xff\xfe"), 31);
	expect_bits(0x0a010203, (struct option)O(1, "\x80\0\0\0"), 1);
	/* None, or nonsense: as its class has it. */
	expect_bits(0x0a010203, NO_OPTION, 8);
	expect_bits(0xac100203, NO_OPTION, 16);
	expect_bits(0xc0a80203, NO_OPTION, 24);
	expect_bits(0x0a010203, (struct option)O(1, "\xff\0\xff\0"), 8);
	expect_bits(0x0a010203, (struct option)O(1, "\0\0\0\0"), 8);
	expect_bits(0x0a010203, (struct option)O(1, "\xff\xff\xff"), 8);
	expect_bits(0x0a010203, (struct option)O(1, "\xff\xff\xff\0\0"), 8);
}

static void expect_no_lease(struct world *world)
{
	expect_state(world, "SELECTING");
	assert_int_equal(world->n_sent, 1);
	assert_int_equal(world->changes, 0);
	world_free(world);
}

static void refuses_leases_nobody_can_have(void **state)
{
	(void)state;
	expect_no_lease(OFFER_OF(0, HOUR));
	expect_no_lease(OFFER_OF(0x7f000002, HOUR));
	expect_no_lease(OFFER_OF(0xe0000001, HOUR));
	expect_no_lease(OFFER_OF(0xffffffff, HOUR));
	expect_no_lease(OFFER_OF(0xc0a81eff, HOUR, O(1, "\xff\xff\xff\0")));
	expect_no_lease(OFFER_OF(0xc0a81e00, HOUR, O(1, "\xff\xff\xff\0")));
	expect_no_lease(OFFER_OF(ADDRESS, O(1, "\xff\xff\xff\0")));
	expect_no_lease(OFFER_OF(ADDRESS, O(51, "\0\0\0\0")));
	expect_no_lease(OFFER_OF(ADDRESS, O(51, "\0\0\0\x09")));
	expect_no_lease(OFFER_OF(ADDRESS, O(51, "\0\0\x0e")));
}

/* Renewal and rebinding begin so many seconds after the request. */
static void expect_times(struct world *world, uint64_t renew, uint64_t rebind)
{
	expect_state(world, "BOUND");
	assert_true(world->next <= START + renew * SECOND);
	assert_true(world->next >= START + (renew - renew / 16) * SECOND);
	while (strcmp(weir__dhcp_state(world->dhcp), "REBINDING") != 0)
		pass_time(world);
	assert_int_equal(world->now, START + rebind * SECOND);
	world_free(world);
}

static void keeps_the_times(void **state)
{
	(void)state;
	expect_times(OFFER_OF(ADDRESS, HOUR), 1800, 3150);
	expect_times(OFFER_OF(ADDRESS, HOUR, O(58, "\0\0\0\x64"), O(59, "\0\0\x03\xe8")), 100, 1000);
	/* In the wrong order, at once, or behind the end. */
	expect_times(OFFER_OF(ADDRESS, HOUR, O(58, "\0\0\x03\xe8"), O(59, "\0\0\0\x64")), 1800, 3150);
	expect_times(OFFER_OF(ADDRESS, HOUR, O(58, "\0\0\0\x01"), O(59, "\0\0\0\x02")), 1800, 3150);
	expect_times(OFFER_OF(ADDRESS, HOUR, O(58, "\0\0\0\x64"), O(59, "\0\0\x0e\x10")), 1800, 3150);
	expect_times(OFFER_OF(ADDRESS, O(51, "\0\0\0\x0a")), 5, 9);
}

static void expect_route(const struct weir__dhcp_lease *lease, unsigned i, uint32_t to, unsigned bits,
			 uint32_t via)
{
	assert_true(i < lease->n_routes);
	assert_int_equal(dhcp_get(lease->route[i].to, 4), to);
	assert_int_equal(lease->route[i].bits, bits);
	assert_int_equal(dhcp_get(lease->route[i].via, 4), via);
}

static void takes_routers(void **state)
{
	struct world *world = OFFER_OF(ADDRESS, HOUR, O(3, "\xc0\xa8\x1e\x01\xc0\xa8\x1e\x02"));

	(void)state;
	assert_int_equal(world->lease.n_routes, 1);
	expect_route(&world->lease, 0, 0, 0, SERVER);
	world_free(world);
	world = OFFER_OF(ADDRESS, HOUR, O(3, "\0\0\0\0\xc0\xa8\x1e\x02"));
	assert_int_equal(world->lease.n_routes, 1);
	expect_route(&world->lease, 0, 0, 0, OTHER);
	world_free(world);
	world = OFFER_OF(ADDRESS, HOUR, O(3, "\xc0\xa8\x1e\x01\xc0\xa8\x1e"));
	assert_int_equal(world->lease.n_routes, 0);
	world_free(world);
}

/* RFC 3442: instead of routers. */
static void takes_classless_routes(void **state)
{
	static const char good[] = "\x00\xc0\xa8\x1e\x01"
				   "\x08\x0a\xc0\xa8\x1e\x02"
				   "\x0c\xac\x1f\xc0\xa8\x1e\x02"
				   "\x19\x0a\x1b\x81\x81\0\0\0\0"
				   "\x20\x0a\x01\x02\x03\xe0\0\0\x01"
				   "\x20\x0a\x01\x02\x03\xc0\xa8\x1e\x03";
	struct world *world = OFFER_OF(ADDRESS, HOUR, O(3, "\xc0\xa8\x1e\x09"), O(121, good));

	(void)state;
	assert_int_equal(world->lease.n_routes, 5);
	expect_route(&world->lease, 0, 0, 0, SERVER);
	expect_route(&world->lease, 1, 0x0a000000, 8, OTHER);
	expect_route(&world->lease, 2, 0xac100000, 12, OTHER); /* without what is behind the prefix */
	expect_route(&world->lease, 3, 0x0a1b8180, 25, 0);     /* on the link */
	expect_route(&world->lease, 4, 0x0a010203, 32, 0xc0a81e03);
	world_free(world);
}

static void takes_routers_for_broken_routes(void **state)
{
	static const struct option broken[] = { O(121, "\x08\x0a\xc0\xa8\x1e"),
						O(121, "\x21\x0a\0\0\0\0\xc0\xa8\x1e\x01"),
						O(121, "\x08\x0a\xc0\xa8\x1e\x01\x10"), O(121, "\xff") };

	(void)state;
	for (unsigned i = 0; i < countof(broken); i++) {
		struct world *world = OFFER_OF(ADDRESS, HOUR, O(3, "\xc0\xa8\x1e\x01"), broken[i]);

		assert_int_equal(world->lease.n_routes, 1);
		expect_route(&world->lease, 0, 0, 0, SERVER);
		world_free(world);
	}
}

/* More than there is room for, in an option that is in parts (RFC 3396). */
static void stops_at_so_many_routes(void **state)
{
	struct world *world = world_make(NULL);
	struct dhcp_packet packet;
	uint8_t routes[50 * 7];

	(void)state;
	for (unsigned i = 0; i < 50; i++)
		memcpy(routes + (size_t)i * 7, (uint8_t[7]){ 16, 10, (uint8_t)i, 192, 168, 30, 1 }, 7);
	start(world);
	for (unsigned type = OFFER; type <= ACK; type += ACK - OFFER) {
		dhcp_answer(&packet, last(world), (uint8_t)type, ADDRESS, SERVER);
		dhcp_add(&packet, 121, routes, 200);
		dhcp_add32(&packet, 51, 3600);
		dhcp_add(&packet, 121, routes + 200, 150);
		dhcp_finish(&packet);
		deliver(world, &packet);
	}
	assert_int_equal(world->lease.n_routes, WEIR_HOST_ROUTES);
	for (unsigned i = 0; i < WEIR_HOST_ROUTES; i++)
		expect_route(&world->lease, i, 0x0a000000 | i << 16, 16, SERVER);
	world_free(world);
}

static void takes_dns_and_mtu(void **state)
{
	struct world *world =
		OFFER_OF(ADDRESS, HOUR, O(26, "\x05\x78"), O(6, "\x0a\0\0\x01\0\0\0\0\x0a\0\0\x02"));

	(void)state;
	assert_int_equal(world->lease.mtu, 1400);
	assert_int_equal(world->lease.n_dns, 2);
	assert_memory_equal(world->lease.dns, ((uint8_t[8]){ 10, 0, 0, 1, 10, 0, 0, 2 }), 8);
	world_free(world);
	world = OFFER_OF(ADDRESS, HOUR, O(26, "\x02\x3f"), O(6, "\x0a\0\0\x01\x0a"));
	assert_int_equal(world->lease.mtu, 0);
	assert_int_equal(world->lease.n_dns, 0);
	world_free(world);
	world = OFFER_OF(ADDRESS, HOUR, O(26, "\x02\x40"),
			 O(6, "\x0a\0\0\x01\x0a\0\0\x02\x0a\0\0\x03\x0a\0\0\x04\x0a\0\0\x05\x0a\0\0\x06"
			      "\x0a\0\0\x07\x0a\0\0\x08\x0a\0\0\x09"));
	assert_int_equal(world->lease.mtu, 576);
	assert_int_equal(world->lease.n_dns, WEIR_HOST_DNS);
	world_free(world);
}

static void expect_domains(struct world *world, const char *const *names)
{
	unsigned n = 0;

	for (; names[n]; n++) {
		assert_true(n < world->lease.n_domains);
		assert_string_equal(world->lease.domain[n], names[n]);
	}
	assert_int_equal(world->lease.n_domains, n);
	world_free(world);
}

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NO_NAMES   ((const char *const[]){ NULL })

static void takes_domains(void **state)
{
	(void)state;
	expect_domains(OFFER_OF(ADDRESS, HOUR, O(15, "example.com")), NAMES("example.com"));
	expect_domains(OFFER_OF(ADDRESS, HOUR, O(15, "example.com.\0")), NAMES("example.com"));
	/* As RFC 3397 has it, in parts, with pointers to the middle and to the beginning. */
	expect_domains(OFFER_OF(ADDRESS, HOUR,
				O(119, "\x03"
				       "eng\x05"
				       "app"),
				O(15, "Corp.example"),
				O(119, "le\x03"
				       "com\0\x09"
				       "marketing\xc0\x04\x03"
				       "lab\xc0\0"
				       "\x04"
				       "corp\x07"
				       "example\0")),
		       NAMES("Corp.example", "eng.apple.com", "marketing.apple.com", "lab.eng.apple.com"));
}

static void refuses_bad_domains(void **state)
{
	(void)state;
	expect_domains(OFFER_OF(ADDRESS, HOUR, O(15, "a b")), NO_NAMES);
	expect_domains(OFFER_OF(ADDRESS, HOUR, O(15, "$(reboot)")), NO_NAMES);
	expect_domains(OFFER_OF(ADDRESS, HOUR, O(15, "-o.example")), NO_NAMES);
	expect_domains(OFFER_OF(ADDRESS, HOUR, O(15, "a..b")), NO_NAMES);
	expect_domains(OFFER_OF(ADDRESS, HOUR, O(15, ".")), NO_NAMES);
	expect_domains(OFFER_OF(ADDRESS, HOUR, O(15, "\n")), NO_NAMES);
	/* Circles, forward, behind the end, nothing behind, a kind of label that there is not. */
	expect_domains(OFFER_OF(ADDRESS, HOUR, O(119, "\xc0\0")), NO_NAMES);
	expect_domains(OFFER_OF(ADDRESS, HOUR,
				O(119, "\x01"
				       "a\xc0\0")),
		       NO_NAMES);
	expect_domains(OFFER_OF(ADDRESS, HOUR,
				O(119, "\x01"
				       "a\xc0\x04\x01"
				       "b\0")),
		       NO_NAMES);
	expect_domains(OFFER_OF(ADDRESS, HOUR,
				O(119, "\x05"
				       "ab")),
		       NO_NAMES);
	expect_domains(OFFER_OF(ADDRESS, HOUR,
				O(119, "\x01"
				       "a\xc0")),
		       NO_NAMES);
	expect_domains(OFFER_OF(ADDRESS, HOUR,
				O(119, "\x01"
				       "a")),
		       NO_NAMES);
	expect_domains(OFFER_OF(ADDRESS, HOUR,
				O(119, "\x41"
				       "a\0")),
		       NO_NAMES);
	/* What came before is kept; so is what has a dot within a label left out. */
	expect_domains(OFFER_OF(ADDRESS, HOUR,
				O(119, "\x01"
				       "a\0\x03"
				       "b c\0\x01"
				       "d\0\xff")),
		       NAMES("a", "d"));
}

/* Options in the fields of the server's name and of the file. */
static void reads_overloaded_fields(void **state)
{
	struct world *world = world_make(NULL);
	struct dhcp_packet packet;
	uint8_t *message = packet.bytes + DHCP_HEADERS;

	(void)state;
	start(world);
	for (unsigned type = OFFER; type <= ACK; type += ACK - OFFER) {
		dhcp_answer(&packet, last(world), (uint8_t)type, ADDRESS, SERVER);
		memcpy(message + 44, "\x1a\x02\x05\x78\xff", 5);
		memcpy(message + 108, "\0\0\x33\x04\0\0\x0e\x10\xff", 9);
		dhcp_add(&packet, 52, "\3", 1);
		dhcp_finish(&packet);
		deliver(world, &packet);
	}
	expect_state(world, "BOUND");
	assert_int_equal(world->lease.mtu, 1400);
	assert_int_equal(world->lease.until, START + 3600 * SECOND);

	/* One that ends behind its field. */
	pass_time(world);
	dhcp_answer(&packet, last(world), ACK, ADDRESS, SERVER);
	dhcp_add32(&packet, 51, 3600);
	memset(message + 44, 0, 64);
	memcpy(message + 44 + 62, "\x1a\x01", 2);
	dhcp_add(&packet, 52, "\2", 1);
	dhcp_finish(&packet);
	expect_ignored(world, &packet);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gets_a_lease),
		cmocka_unit_test(asks_again_and_again),
		cmocka_unit_test(gives_an_offer_up),
		cmocka_unit_test(ignores_what_is_not_for_it),
		cmocka_unit_test(knows_what_is_not_dhcp),
		cmocka_unit_test(renews),
		cmocka_unit_test(outlives_a_silent_server),
		cmocka_unit_test(another_server_may_rebind),
		cmocka_unit_test(wakes_up_late),
		cmocka_unit_test(keeps_an_endless_lease),
		cmocka_unit_test(begins_anew_when_refused),
		cmocka_unit_test(asks_for_the_address_it_had),
		cmocka_unit_test(looks_for_others_when_nobody_knows_it),
		cmocka_unit_test(loses_a_lease_that_ends_meanwhile),
		cmocka_unit_test(gives_back),
		cmocka_unit_test(declines),
		cmocka_unit_test(reads_masks),
		cmocka_unit_test(refuses_leases_nobody_can_have),
		cmocka_unit_test(keeps_the_times),
		cmocka_unit_test(takes_routers),
		cmocka_unit_test(takes_classless_routes),
		cmocka_unit_test(takes_routers_for_broken_routes),
		cmocka_unit_test(stops_at_so_many_routes),
		cmocka_unit_test(takes_dns_and_mtu),
		cmocka_unit_test(takes_domains),
		cmocka_unit_test(refuses_bad_domains),
		cmocka_unit_test(reads_overloaded_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
