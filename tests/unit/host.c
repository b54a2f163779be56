/* SPDX-License-Identifier: Apache-2.0 */
/* A host without a thread, by a clock of the test's: frames in, frames out. */
#include "test.h"

#include "bytes.h"
#include "error.h"
#include "frames.h"
#include "host/host.h"

#define SECOND UINT64_C(1000000000)
#define MS     UINT64_C(1000000)

static const uint8_t own_mac[6] = { 2, 0, 0, 0, 0, 1 }, mac_a[6] = { 2, 0, 0, 0, 0, 0xa },
		     mac_b[6] = { 2, 0, 0, 0, 0, 0xb };

struct fixture {
	struct weir_host *host;
	uint64_t now;
	uint8_t frame[2048]; /* the last one that came out */
	size_t size;
};

static void begin(struct fixture *f, const struct weir_host_options *options)
{
	struct weir_error err = { 0 };

	memset(f, 0, sizeof(*f));
	if (weir__host_open(&f->host, options, &err) < 0)
		fail_msg("%s", err.text);
	f->now = 1000 * SECOND;
	weir__host_set_carrier(f->host, true, f->now);
}

static void end(struct fixture *f)
{
	weir__host_free(f->host);
}

/* Lets time go by, until something comes out; returns whether anything did. */
static bool out(struct fixture *f, uint64_t within)
{
	const uint64_t end = f->now + within;

	for (;;) {
		const uint64_t due = weir__host_run(f->host, f->now);
		const struct weir__frame *frame = weir__host_peek(f->host);

		if (frame) {
			f->size = frame->len;
			memcpy(f->frame, frame->bytes, frame->len);
			weir__host_sent(f->host);
			return true;
		}
		if (due > end || f->now == end) {
			f->now = end;
			return false;
		}
		f->now = due > f->now ? due : f->now;
	}
}

/* Lets time go by, whatever comes out. */
static void pass(struct fixture *f, uint64_t ns)
{
	const uint64_t end = f->now + ns;

	while (f->now < end && out(f, end - f->now))
		continue;
	while (out(f, 0))
		continue;
}

static struct weir_host_status status_of(struct fixture *f)
{
	struct weir_host_status status;

	weir__host_fill_status(f->host, &status);
	return status;
}

static enum weir_host_address_state address_state(struct fixture *f, const char *text)
{
	const struct weir_host_status status = status_of(f);

	for (unsigned i = 0; i < status.n_addresses; i++)
		if (strcmp(status.address[i].text, text) == 0)
			return status.address[i].state;
	fail_msg("no address %s", text);
	return WEIR_HOST_CONFLICT;
}

static bool has_address(struct fixture *f, const char *text)
{
	const struct weir_host_status status = status_of(f);

	for (unsigned i = 0; i < status.n_addresses; i++)
		if (strcmp(status.address[i].text, text) == 0)
			return true;
	return false;
}

static bool has_route(struct fixture *f, const char *to, const char *via)
{
	const struct weir_host_status status = status_of(f);

	for (unsigned i = 0; i < status.n_routes; i++)
		if (strcmp(status.route[i].to, to) == 0 && strcmp(status.route[i].via, via) == 0)
			return true;
	return false;
}

static enum weir__host_result in(struct fixture *f, const uint8_t *frame, size_t size)
{
	return weir__host_input(f->host, frame, size, f->now);
}

/* --- ARP --- */

static enum weir__host_result arp_in(struct fixture *f, struct arp arp)
{
	uint8_t frame[FRAME_MAX];

	return in(f, frame, frame_arp(frame, &arp));
}

/* The frame that came out is this. */
static void expect_arp(struct fixture *f, bool reply, const uint8_t *to, const char *sender,
		       const char *target)
{
	struct weir__arp arp;

	assert_int_equal(f->size, 60);
	assert_memory_equal(f->frame, to, 6);
	assert_memory_equal(f->frame + 6, own_mac, 6);
	assert_int_equal(weir__load_be16(f->frame + 12), WEIR__ETHERTYPE_ARP);
	assert_true(weir__arp_parse(f->frame + 14, f->size - 14, &arp));
	assert_int_equal(arp.reply, reply);
	assert_memory_equal(arp.sender_mac, own_mac, 6);
	assert_memory_equal(arp.sender, ip(sender).bytes, 4);
	assert_memory_equal(arp.target, ip(target).bytes, 4);
}

static void expect_out_arp(struct fixture *f, uint64_t within, bool reply, const uint8_t *to,
			   const char *sender, const char *target)
{
	assert_true(out(f, within));
	expect_arp(f, reply, to, sender, target);
}

/* --- packets --- */

static void packet_to(struct fixture *f, const char *to, enum weir__host_result wanted)
{
	const struct weir__ip destination = ip(to);
	uint8_t packet[100] = { 0 };

	if (destination.family == 4) {
		memcpy(packet, (const uint8_t[]){ 0x45, 0, 0, 100, [8] = 64, 17 }, 10);
		memcpy(packet + 16, destination.bytes, 4);
	} else {
		memcpy(packet, (const uint8_t[]){ 0x60, [5] = 60, 17, 64 }, 8);
		memcpy(packet + 24, destination.bytes, 16);
	}
	assert_int_equal(weir__host_send(f->host, packet, sizeof(packet), f->now), wanted);
}

static void expect_packet(struct fixture *f, const uint8_t *mac)
{
	assert_true(out(f, 0));
	assert_int_equal(f->size, 114);
	assert_memory_equal(f->frame, mac, 6);
	assert_memory_equal(f->frame + 6, own_mac, 6);
}

static const struct weir_host_options ipv4_host = {
	.mac = "02:00:00:00:00:01",
	.no_ipv6 = true,
	.ipv4 = WEIR_LIST("10.0.0.1/24"),
	.route = (const struct weir_route[]){ { "default", .via = "10.0.0.254" },
					      { "default", .via = "10.0.0.253" },
					      { 0 } },
};

/* Until its address is its own and has been announced, and the gateways have been given up. */
static void settle(struct fixture *f)
{
	pass(f, 5 * SECOND);
	assert_int_equal(address_state(f, "10.0.0.1/24"), WEIR_HOST_PREFERRED);
}

static void probes_and_announces(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, &ipv4_host);
	for (unsigned i = 0; i < 3; i++) {
		expect_out_arp(&f, SECOND, false, everybody, "0.0.0.0", "10.0.0.1");
		assert_int_equal(address_state(&f, "10.0.0.1/24"), WEIR_HOST_TENTATIVE);
		packet_to(&f, "10.0.0.7", WEIR__HOST_NO_WAY);
		/* Nobody has it yet. */
		assert_int_equal(arp_in(&f, (struct arp){ "10.0.0.7", "10.0.0.1", mac_a }),
				 WEIR__HOST_UNWANTED);
	}
	expect_out_arp(&f, SECOND, false, everybody, "10.0.0.1", "10.0.0.1");
	assert_int_equal(address_state(&f, "10.0.0.1/24"), WEIR_HOST_PREFERRED);
	assert_true(f.now - 1000 * SECOND < SECOND);
	end(&f);
}

static void gives_way_before_it_has_the_address(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, &ipv4_host);
	assert_true(out(&f, SECOND));
	/* Another one probes for it too, or has it. */
	arp_in(&f, (struct arp){ "0.0.0.0", "10.0.0.1", mac_a });
	assert_int_equal(address_state(&f, "10.0.0.1/24"), WEIR_HOST_CONFLICT);
	assert_false(out(&f, 100 * SECOND));
	weir__host_set_carrier(f.host, false, f.now);
	weir__host_set_carrier(f.host, true, f.now);
	assert_true(out(&f, SECOND));
	arp_in(&f, (struct arp){ "10.0.0.1", "10.0.0.1", mac_a });
	assert_int_equal(address_state(&f, "10.0.0.1/24"), WEIR_HOST_CONFLICT);
	assert_int_equal(status_of(&f).conflicts, 2);
	end(&f);
}

static void defends_once_in_ten_seconds(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, &ipv4_host);
	settle(&f);
	arp_in(&f, (struct arp){ "10.0.0.1", "10.0.0.7", mac_b });
	expect_out_arp(&f, 0, false, everybody, "10.0.0.1", "10.0.0.1");
	for (unsigned i = 0; i < 50; i++)
		arp_in(&f, (struct arp){ "10.0.0.1", "10.0.0.1", mac_b, .reply = i & 1 });
	assert_false(out(&f, 0));
	assert_int_equal(address_state(&f, "10.0.0.1/24"), WEIR_HOST_PREFERRED);
	assert_int_equal(status_of(&f).conflicts, 51);
	pass(&f, 11 * SECOND);
	arp_in(&f, (struct arp){ "10.0.0.1", "10.0.0.1", mac_b });
	expect_out_arp(&f, 0, false, everybody, "10.0.0.1", "10.0.0.1");
	end(&f);
}

static void answers_for_its_own_address_only(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, &ipv4_host);
	settle(&f);
	arp_in(&f, (struct arp){ "10.0.0.7", "10.0.0.1", mac_a });
	expect_out_arp(&f, 0, true, mac_a, "10.0.0.1", "10.0.0.7");
	/* A probe of another one's. */
	arp_in(&f, (struct arp){ "0.0.0.0", "10.0.0.1", mac_b });
	expect_out_arp(&f, 0, true, mac_b, "10.0.0.1", "0.0.0.0");
	arp_in(&f, (struct arp){ "10.0.0.7", "10.0.0.2", mac_a });
	arp_in(&f, (struct arp){ "10.0.0.7", "10.0.0.255", mac_a });
	arp_in(&f, (struct arp){ "10.0.0.7", "10.0.0.1", own_mac }); /* sent back */
	assert_false(out(&f, 0));
	assert_int_equal(status_of(&f).replies, 2);
	end(&f);
}

/* Who asked us is answered by data at once; but nobody who cannot be a neighbour. */
static void knows_who_asked(void **state)
{
	struct fixture f;
	uint32_t n;

	(void)state;
	begin(&f, &ipv4_host);
	settle(&f);
	n = status_of(&f).neighbours;
	arp_in(&f, (struct arp){ "10.0.0.7", "10.0.0.1", mac_a });
	assert_true(out(&f, 0));
	packet_to(&f, "10.0.0.7", WEIR__HOST_TAKEN);
	expect_packet(&f, mac_a);
	assert_int_equal(status_of(&f).neighbours, n + 1);
	arp_in(&f, (struct arp){ "10.0.0.255", "10.0.0.1", mac_a });
	arp_in(&f, (struct arp){ "10.1.0.7", "10.0.0.1", mac_a });
	arp_in(&f, (struct arp){ "224.0.0.1", "10.0.0.1", mac_a });
	assert_int_equal(status_of(&f).neighbours, n + 1);
	end(&f);
}

static void asks_for_the_next_hop(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, &ipv4_host);
	settle(&f);
	packet_to(&f, "10.0.0.7", WEIR__HOST_TAKEN);
	expect_out_arp(&f, 0, false, everybody, "10.0.0.1", "10.0.0.7");
	/* To everybody, an answer is none of ours; and it must be to our address. */
	arp_in(&f, (struct arp){ "10.0.0.7", "10.0.0.1", mac_b, .reply = true });
	arp_in(&f, (struct arp){ "10.0.0.7", "10.0.0.9", mac_b, own_mac, .reply = true });
	assert_false(out(&f, 0));
	arp_in(&f, (struct arp){ "10.0.0.7", "10.0.0.1", mac_a, own_mac, .reply = true });
	expect_packet(&f, mac_a);
	/* A subnet's broadcast, and everybody. */
	packet_to(&f, "10.0.0.255", WEIR__HOST_TAKEN);
	expect_packet(&f, everybody);
	end(&f);
}

static void has_another_gateway(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, &ipv4_host);
	pass(&f, SECOND);
	arp_in(&f, (struct arp){ "10.0.0.253", "10.0.0.1", mac_b, own_mac, .reply = true });
	pass(&f, 10 * MS);
	/* One that answered comes before one that has not yet. */
	packet_to(&f, "8.8.8.8", WEIR__HOST_TAKEN);
	expect_packet(&f, mac_b);
	arp_in(&f, (struct arp){ "10.0.0.254", "10.0.0.1", mac_a, own_mac, .reply = true });
	pass(&f, 10 * MS);
	packet_to(&f, "8.8.8.8", WEIR__HOST_TAKEN);
	expect_packet(&f, mac_a);
	/* The first one falls silent while it is used: then the other one is taken. */
	for (unsigned i = 0; i < 700; i++) {
		packet_to(&f, "8.8.8.8", WEIR__HOST_TAKEN);
		pass(&f, 100 * MS);
		if (weir__neighbours_expects(&f.host->neighbours, &(struct weir__ip){ 4, { 10, 0, 0, 253 } },
					     mac_b))
			arp_in(&f, (struct arp){ "10.0.0.253", "10.0.0.1", mac_b, own_mac, .reply = true });
	}
	packet_to(&f, "8.8.8.8", WEIR__HOST_TAKEN);
	expect_packet(&f, mac_b);
	/* It is asked now and then, and used again. */
	for (unsigned i = 0; i < 300; i++) {
		pass(&f, 100 * MS);
		arp_in(&f, (struct arp){ "10.0.0.254", "10.0.0.1", mac_a, own_mac, .reply = true });
	}
	packet_to(&f, "8.8.8.8", WEIR__HOST_TAKEN);
	expect_packet(&f, mac_a);
	end(&f);
}

/* 65,536 forged messages a second, of all kinds: what is known stays, answers to us and to who is known
 * pass. */
static void stands_a_flood(void **state)
{
	struct fixture f;
	uint64_t generation;
	unsigned n;

	(void)state;
	begin(&f, &ipv4_host);
	settle(&f);
	packet_to(&f, "10.0.0.7", WEIR__HOST_TAKEN);
	arp_in(&f, (struct arp){ "10.0.0.7", "10.0.0.1", mac_a, own_mac, .reply = true });
	pass(&f, 10 * MS);
	generation = f.host->hops.generation;
	n = status_of(&f).neighbours;
	for (unsigned i = 0; i < 65536; i++) {
		const uint8_t mac[6] = { 2, 1, 1, 1, (uint8_t)(i >> 8), (uint8_t)i };
		char sender[32];

		/* Not the first address of the forger's: it may not contradict us in this test. */
		snprintf(sender, sizeof(sender), "10.0.0.%u", 20 + i % 200);
		arp_in(&f, (struct arp){ sender, i % 2 ? "10.0.0.9" : sender, mac, .reply = i % 3 == 0 });
		f.now += SECOND / 65536;
		while (out(&f, 0))
			continue;
	}
	assert_int_equal(f.host->hops.generation, generation);
	assert_int_equal(status_of(&f).neighbours, n);
	assert_true(status_of(&f).flood_drops > 60000);
	assert_true(status_of(&f).replies == 0);
	/* In the middle of it, another one is found, and who is known is answered. */
	packet_to(&f, "10.0.0.8", WEIR__HOST_TAKEN);
	assert_true(out(&f, 0));
	assert_int_equal(arp_in(&f, (struct arp){ "10.0.0.8", "10.0.0.1", mac_b, own_mac, .reply = true }),
			 WEIR__HOST_TAKEN);
	expect_packet(&f, mac_b);
	for (unsigned i = 0; i < 1000; i++) {
		arp_in(&f, (struct arp){ "10.0.0.99", "10.0.0.1", mac_b });
		while (out(&f, 0))
			continue;
	}
	assert_int_equal(status_of(&f).replies, 2);
	assert_int_equal(arp_in(&f, (struct arp){ "10.0.0.7", "10.0.0.1", mac_a }), WEIR__HOST_TAKEN);
	expect_out_arp(&f, 0, true, mac_a, "10.0.0.1", "10.0.0.7");
	end(&f);
}

static void says_nothing_without_carrier(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, &ipv4_host);
	settle(&f);
	packet_to(&f, "10.0.0.7", WEIR__HOST_TAKEN);
	weir__host_set_carrier(f.host, false, f.now);
	assert_false(out(&f, 100 * SECOND));
	packet_to(&f, "10.0.0.7", WEIR__HOST_DOWN);
	assert_int_equal(arp_in(&f, (struct arp){ "10.0.0.7", "10.0.0.1", mac_a }), WEIR__HOST_UNWANTED);
	assert_false(out(&f, 0));
	/* Back: it is announced, and used at once. */
	weir__host_set_carrier(f.host, true, f.now);
	expect_out_arp(&f, 0, false, everybody, "10.0.0.1", "10.0.0.1");
	expect_out_arp(&f, 0, false, everybody, "10.0.0.1", "10.0.0.254");
	expect_out_arp(&f, 0, false, everybody, "10.0.0.1", "10.0.0.253");
	end(&f);
}

/* While a neighbour is asked whether it is still there, others cannot keep its answer out. */
static void hears_an_answer_in_a_flood(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, &ipv4_host);
	settle(&f);
	packet_to(&f, "10.0.0.7", WEIR__HOST_TAKEN);
	arp_in(&f, (struct arp){ "10.0.0.7", "10.0.0.1", mac_a, own_mac, .reply = true });
	pass(&f, 10 * MS);
	for (unsigned i = 0; i < 65536; i++) {
		const uint8_t mac[6] = { 2, 1, 1, 1, (uint8_t)(i >> 8), (uint8_t)i };

		arp_in(&f, (struct arp){ "10.0.0.7", "10.0.0.1", mac, own_mac, .reply = true });
	}
	assert_int_equal(status_of(&f).contradictions, 1);
	expect_out_arp(&f, 0, false, mac_a, "10.0.0.1", "10.0.0.7");
	assert_int_equal(arp_in(&f, (struct arp){ "10.0.0.7", "10.0.0.1", mac_a, own_mac, .reply = true }),
			 WEIR__HOST_TAKEN);
	assert_false(out(&f, 2 * SECOND));
	packet_to(&f, "10.0.0.7", WEIR__HOST_TAKEN);
	expect_packet(&f, mac_a);
	end(&f);
}

/* --- IPv6 --- */

#define LINK_LOCAL "fe80::ff:fe00:1"

static const struct weir_host_options ipv6_host = {
	.mac = "02:00:00:00:00:01",
	.ipv6 = WEIR_LIST("fd00::1/64"),
	.slaac = true,
};

static struct weir__nd nd_of(uint8_t type, const char *from, const char *to, const char *target,
			     const uint8_t *mac)
{
	struct weir__nd nd = { .type = type, .has_mac = mac };

	memcpy(nd.from, ip(from).bytes, 16);
	memcpy(nd.to, ip(to).bytes, 16);
	if (target)
		memcpy(nd.target, ip(target).bytes, 16);
	if (mac)
		memcpy(nd.mac, mac, 6);
	return nd;
}

static enum weir__host_result ipv6_in(struct fixture *f, const uint8_t *mac, const uint8_t *to,
				      const uint8_t *packet, size_t size)
{
	uint8_t frame[1600];

	memcpy(frame, to, 6);
	memcpy(frame + 6, mac, 6);
	weir__store_be16(frame + 12, WEIR__ETHERTYPE_IPV6);
	memcpy(frame + 14, packet, size);
	return in(f, frame, 14 + size);
}

static enum weir__host_result nd_in(struct fixture *f, const uint8_t *mac, const uint8_t *to,
				    const struct weir__nd *nd)
{
	uint8_t packet[WEIR__ND_MAX];
	const size_t size = weir__nd_write(packet, nd);

	return ipv6_in(f, mac, to, packet, size);
}

static struct weir__nd expect_nd(struct fixture *f, uint64_t within, uint8_t type)
{
	struct weir__nd nd;

	assert_true(out(f, within));
	assert_int_equal(weir__load_be16(f->frame + 12), WEIR__ETHERTYPE_IPV6);
	assert_true(weir__nd_parse(f->frame + 14, f->size - 14, &nd));
	assert_int_equal(nd.type, type);
	return nd;
}

static void expect_address(const uint8_t *bytes, const char *text)
{
	assert_memory_equal(bytes, ip(text).bytes, 16);
}

static void detects_duplicates(void **state)
{
	struct fixture f;
	struct weir__nd nd;

	(void)state;
	begin(&f, &ipv6_host);
	nd = expect_nd(&f, SECOND, WEIR__ND_NS);
	expect_address(nd.from, "::");
	assert_false(nd.has_mac);
	assert_int_equal(nd.to[0], 0xff);
	/* For the other one too; it is somebody else's. */
	nd = expect_nd(&f, SECOND, WEIR__ND_NS);
	nd = nd_of(WEIR__ND_NA, "fd00::1", "ff02::1", "fd00::1", mac_a);
	nd.override = true;
	assert_int_equal(nd_in(&f, mac_a, everybody, &nd), WEIR__HOST_TAKEN);
	assert_int_equal(address_state(&f, "fd00::1/64"), WEIR_HOST_CONFLICT);
	nd = expect_nd(&f, 2 * SECOND, WEIR__ND_NA);
	expect_address(nd.target, LINK_LOCAL);
	expect_address(nd.to, "ff02::1");
	assert_true(nd.override && !nd.solicited && nd.has_mac && !nd.router);
	assert_int_equal(address_state(&f, LINK_LOCAL "/64"), WEIR_HOST_PREFERRED);
	assert_false(has_route(&f, "fd00::/64", ""));
	end(&f);
}

static void answers_solicitations(void **state)
{
	struct fixture f;
	struct weir__nd nd;

	(void)state;
	begin(&f, &ipv6_host);
	pass(&f, 20 * SECOND);
	nd = nd_of(WEIR__ND_NS, "fd00::7", "ff02::1:ff00:1", "fd00::1", mac_a);
	assert_int_equal(nd_in(&f, mac_a, (const uint8_t[]){ 0x33, 0x33, 0xff, 0, 0, 1 }, &nd),
			 WEIR__HOST_TAKEN);
	nd = expect_nd(&f, 0, WEIR__ND_NA);
	assert_memory_equal(f.frame, mac_a, 6);
	assert_true(nd.solicited && nd.override && nd.has_mac);
	assert_memory_equal(nd.mac, own_mac, 6);
	expect_address(nd.from, "fd00::1");
	expect_address(nd.to, "fd00::7");
	packet_to(&f, "fd00::7", WEIR__HOST_TAKEN);
	expect_packet(&f, mac_a);
	/* Somebody else's probe for it is answered to all. */
	nd = nd_of(WEIR__ND_NS, "::", "ff02::1:ff00:1", "fd00::1", NULL);
	nd_in(&f, mac_b, (const uint8_t[]){ 0x33, 0x33, 0xff, 0, 0, 1 }, &nd);
	nd = expect_nd(&f, 0, WEIR__ND_NA);
	expect_address(nd.to, "ff02::1");
	assert_false(nd.solicited);
	/* Not ours. */
	nd = nd_of(WEIR__ND_NS, "fd00::7", "ff02::1:ff00:2", "fd00::2", mac_a);
	assert_int_equal(nd_in(&f, mac_a, everybody, &nd), WEIR__HOST_UNWANTED);
	assert_false(out(&f, 0));
	end(&f);
}

static void solicits(void **state)
{
	struct fixture f;
	struct weir__nd nd;

	(void)state;
	begin(&f, &ipv6_host);
	pass(&f, 20 * SECOND);
	packet_to(&f, "fd00::1:7", WEIR__HOST_TAKEN);
	nd = expect_nd(&f, 0, WEIR__ND_NS);
	assert_memory_equal(f.frame, ((const uint8_t[]){ 0x33, 0x33, 0xff, 1, 0, 7 }), 6);
	expect_address(nd.from, "fd00::1");
	expect_address(nd.to, "ff02::1:ff01:7");
	assert_true(nd.has_mac);
	nd = nd_of(WEIR__ND_NA, "fd00::1:7", "fd00::1", "fd00::1:7", mac_a);
	nd.override = true;
	/* Not solicited: nothing is learnt. */
	assert_int_equal(nd_in(&f, mac_a, own_mac, &nd), WEIR__HOST_TAKEN);
	assert_false(out(&f, 0));
	nd.solicited = true;
	assert_int_equal(nd_in(&f, mac_a, own_mac, &nd), WEIR__HOST_TAKEN);
	expect_packet(&f, mac_a);
	/* RFC 4861 would believe this. */
	nd.solicited = false;
	memcpy(nd.mac, mac_b, 6);
	nd_in(&f, mac_b, own_mac, &nd);
	nd = expect_nd(&f, 0, WEIR__ND_NS);
	assert_memory_equal(f.frame, mac_a, 6);
	expect_address(nd.to, "fd00::1:7");
	packet_to(&f, "fd00::1:7", WEIR__HOST_TAKEN);
	expect_packet(&f, mac_a);
	end(&f);
}

static void refuses_what_may_come_from_afar(void **state)
{
	struct weir__nd nd = nd_of(WEIR__ND_NS, "fd00::7", "fd00::1", "fd00::1", mac_a);
	uint8_t packet[WEIR__ND_MAX];
	struct fixture f;
	size_t size;

	(void)state;
	begin(&f, &ipv6_host);
	pass(&f, 20 * SECOND);
	size = weir__nd_write(packet, &nd);
	assert_int_equal(ipv6_in(&f, mac_a, own_mac, packet, size), WEIR__HOST_TAKEN);
	packet[7] = 254;
	assert_int_equal(ipv6_in(&f, mac_a, own_mac, packet, size), WEIR__HOST_MALFORMED);
	packet[7] = 255;
	packet[42] ^= 1;
	assert_int_equal(ipv6_in(&f, mac_a, own_mac, packet, size), WEIR__HOST_MALFORMED);
	end(&f);
}

/* --- routers --- */

static enum weir__host_result ra_in(struct fixture *f, const char *from, const uint8_t *mac, struct ra ra)
{
	uint8_t frame[FRAME_MAX];

	return in(f, frame, frame_ra(frame, from, mac, &ra));
}

#define SLAAC "fd01::ff:fe00:1/64"

static void solicits_routers(void **state)
{
	struct weir__nd nd;
	struct fixture f;
	unsigned n = 0;

	(void)state;
	begin(&f, &ipv6_host);
	while (out(&f, 30 * SECOND)) {
		assert_true(weir__nd_parse(f.frame + 14, f.size - 14, &nd));
		if (nd.type != WEIR__ND_RS)
			continue;
		n++;
		expect_address(nd.from, LINK_LOCAL);
		expect_address(nd.to, "ff02::2");
		assert_true(nd.has_mac);
	}
	assert_int_equal(n, 3);
	weir__host_set_carrier(f.host, false, f.now);
	weir__host_set_carrier(f.host, true, f.now);
	do {
		assert_true(out(&f, 2 * SECOND));
		assert_true(weir__nd_parse(f.frame + 14, f.size - 14, &nd));
	} while (nd.type != WEIR__ND_RS);
	ra_in(&f, "fe80::a", mac_a, (struct ra){ .lifetime = 1800 });
	while (out(&f, 20 * SECOND)) {
		assert_true(weir__nd_parse(f.frame + 14, f.size - 14, &nd));
		assert_int_not_equal(nd.type, WEIR__ND_RS);
	}
	end(&f);
}

static void takes_what_routers_advertise(void **state)
{
	struct weir_host_status status;
	struct fixture f;

	(void)state;
	begin(&f, &ipv6_host);
	pass(&f, 20 * SECOND);
	assert_int_equal(ra_in(&f, "fe80::a", mac_a,
			       (struct ra){ .lifetime = 1800,
					    .prefix = "fd01::",
					    .flags = 0xc0,
					    .valid = 86400,
					    .preferred = 14400,
					    .mtu = 1400,
					    .dns = "fd01::53",
					    .domain = "\4home" }),
			 WEIR__HOST_TAKEN);
	pass(&f, 10 * MS);
	assert_int_equal(address_state(&f, SLAAC), WEIR_HOST_TENTATIVE);
	pass(&f, 3 * SECOND);
	assert_int_equal(address_state(&f, SLAAC), WEIR_HOST_PREFERRED);
	assert_true(has_route(&f, "fd01::/64", ""));
	assert_true(has_route(&f, "::/0", "fe80::a"));
	status = status_of(&f);
	assert_int_equal(status.mtu, 1400);
	assert_int_equal(status.n_dns, 1);
	assert_string_equal(status.dns[0], "fd01::53");
	assert_int_equal(status.n_domains, 1);
	assert_string_equal(status.domain[0], "home");
	/* Not preferred any more, then gone. */
	pass(&f, 14500 * SECOND);
	assert_int_equal(address_state(&f, SLAAC), WEIR_HOST_DEPRECATED);
	assert_false(has_route(&f, "::/0", "fe80::a"));
	assert_int_equal(status_of(&f).n_dns, 0);
	pass(&f, 72000 * SECOND);
	assert_false(has_address(&f, SLAAC));
	assert_false(has_route(&f, "fd01::/64", ""));
	end(&f);
}

/* RFC 4862 5.5.3 (e) */
static void keeps_addresses_for_two_hours(void **state)
{
	struct ra ra = { .prefix = "fd01::", .flags = 0xc0, .valid = 86400, .preferred = 86400 };
	struct fixture f;

	(void)state;
	begin(&f, &ipv6_host);
	pass(&f, 20 * SECOND);
	ra_in(&f, "fe80::a", mac_a, ra);
	pass(&f, 3 * SECOND);
	ra.valid = ra.preferred = 0;
	ra_in(&f, "fe80::b", mac_b, ra);
	pass(&f, SECOND);
	assert_int_equal(address_state(&f, SLAAC), WEIR_HOST_DEPRECATED);
	assert_false(has_route(&f, "fd01::/64", ""));
	pass(&f, 7000 * SECOND);
	assert_int_equal(address_state(&f, SLAAC), WEIR_HOST_DEPRECATED);
	ra.valid = 60;
	ra_in(&f, "fe80::b", mac_b, ra);
	pass(&f, 100 * SECOND);
	assert_true(has_address(&f, SLAAC));
	pass(&f, 200 * SECOND);
	assert_false(has_address(&f, SLAAC));
	end(&f);
}

static void prefers_a_router_that_answers(void **state)
{
	struct weir__nd nd;
	struct fixture f;

	(void)state;
	begin(&f, &ipv6_host);
	pass(&f, 20 * SECOND);
	ra_in(&f, "fe80::a", mac_a, (struct ra){ .lifetime = 1800 });
	ra_in(&f, "fe80::b", mac_b, (struct ra){ .lifetime = 1800 });
	pass(&f, 10 * MS);
	nd = nd_of(WEIR__ND_NA, "fe80::b", LINK_LOCAL, "fe80::b", mac_b);
	nd.solicited = true;
	/* It has no flag that says that it is a router: then it is none (RFC 4861 7.2.5). */
	nd_in(&f, mac_b, own_mac, &nd);
	pass(&f, 10 * MS);
	assert_false(has_route(&f, "::/0", "fe80::b"));
	assert_true(has_route(&f, "::/0", "fe80::a"));
	/* Nor one whose lifetime is over. */
	ra_in(&f, "fe80::a", mac_a, (struct ra){ .lifetime = 0 });
	pass(&f, 10 * MS);
	assert_false(has_route(&f, "::/0", "fe80::a"));
	packet_to(&f, "2001:db8::1", WEIR__HOST_NO_WAY);
	end(&f);
}

static void ignores_routers_unless_told(void **state)
{
	const struct weir_host_options options = { .mac = "02:00:00:00:00:01" };
	struct fixture f;

	(void)state;
	begin(&f, &options);
	pass(&f, 20 * SECOND);
	assert_int_equal(ra_in(&f, "fe80::a", mac_a, (struct ra){ .lifetime = 1800 }), WEIR__HOST_UNWANTED);
	assert_int_equal(status_of(&f).n_routes, 1);
	end(&f);
}

/* --- options --- */

#define expect_refused(text_, ...)                                                     \
	do {                                                                           \
		const struct weir_host_options options_ = { __VA_ARGS__ };             \
		struct weir_error err_ = { 0 };                                        \
		struct weir_host *host_;                                               \
		assert_int_equal(weir_host_create(&host_, &options_, &err_), -EINVAL); \
		assert_null(host_);                                                    \
		assert_string_equal(err_.text, text_);                                 \
	} while (0)

#define MAC .mac = "02:00:00:00:00:01"

static void says_what_is_wrong(void **state)
{
	(void)state;
	expect_refused("mac: missing: the MAC address of the host", .mac = NULL);
	expect_refused("mac: 'x' is not a MAC address", .mac = "x");
	expect_refused("mac: '33:33:00:00:00:01' is a group address", .mac = "33:33:00:00:00:01");
	expect_refused("neighbours_max: 7 is not 0 or 8 to 16384", MAC, .neighbours_max = 7);
	expect_refused("queue_max: 65 is more than 64", MAC, .queue_max = 65);
	expect_refused("mtu: 1000 is not 0 or 1280 to 65535", MAC, .mtu = 1000);
	expect_refused("slaac: there is no IPv6 with no_ipv6", MAC, .slaac = true, .no_ipv6 = true);
	expect_refused("ipv6: there is no IPv6 with no_ipv6", MAC, .ipv6 = WEIR_LIST("fd00::1/64"),
		       .no_ipv6 = true);
	expect_refused("ipv4[0]: 'fd00::1' is not an IPv4 address with a prefix\n"
		       "ipv4[1]: '224.0.0.1/24' is no unicast address\n"
		       "ipv4[3]: '10.0.0.1/24' is there twice",
		       MAC, .ipv4 = WEIR_LIST("fd00::1", "224.0.0.1/24", "10.0.0.1/24", "10.0.0.1/24"));
	expect_refused("route[0].to: '10.0.0' is not a prefix\n"
		       "route[1].via: 'fd00::1' is of another family than '10.0.0.0/8'\n"
		       "route[2].via: '224.0.0.1' is not an address of a gateway",
		       MAC,
		       .route = (const struct weir_route[]){ { "10.0.0" },
							     { "10.0.0.0/8", .via = "fd00::1" },
							     { "default", .via = "224.0.0.1" },
							     { 0 } });
}

/* With its thread. */
static void lives_and_dies(void **state)
{
	enum weir_neighbour_state neighbour;
	struct weir_host_status status;
	struct weir_error err = { 0 };
	struct weir_host *host;
	char mac[18];

	(void)state;
	assert_int_equal(weir_host_create(&host, &ipv4_host, &err), 0);
	weir_host_carrier(host, true);
	weir_host_status(host, &status);
	assert_true(status.carrier);
	assert_string_equal(status.dhcp, "");
	assert_int_equal(weir_host_set_neighbour(host, "10.0.0.9", "02:00:00:00:00:09", &err), 0);
	assert_int_equal(weir_host_neighbour(host, "10.0.0.9", &neighbour, mac), 0);
	assert_int_equal(neighbour, WEIR_NEIGHBOUR_STATIC);
	assert_string_equal(mac, "02:00:00:00:00:09");
	assert_int_equal(weir_host_neighbour(host, "10.0.0", &neighbour, mac), -EINVAL);
	assert_int_equal(weir_host_set_neighbour(host, "10.0.0.9", "ff:ff:ff:ff:ff:ff", &err), -EINVAL);
	assert_string_equal(err.text, "mac: 'ff:ff:ff:ff:ff:ff' is not the MAC address of one");
	weir_host_carrier(host, false);
	weir_host_destroy(host);
	weir_host_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(probes_and_announces),
		cmocka_unit_test(gives_way_before_it_has_the_address),
		cmocka_unit_test(defends_once_in_ten_seconds),
		cmocka_unit_test(answers_for_its_own_address_only),
		cmocka_unit_test(knows_who_asked),
		cmocka_unit_test(asks_for_the_next_hop),
		cmocka_unit_test(has_another_gateway),
		cmocka_unit_test(stands_a_flood),
		cmocka_unit_test(hears_an_answer_in_a_flood),
		cmocka_unit_test(says_nothing_without_carrier),
		cmocka_unit_test(detects_duplicates),
		cmocka_unit_test(answers_solicitations),
		cmocka_unit_test(solicits),
		cmocka_unit_test(refuses_what_may_come_from_afar),
		cmocka_unit_test(solicits_routers),
		cmocka_unit_test(takes_what_routers_advertise),
		cmocka_unit_test(keeps_addresses_for_two_hours),
		cmocka_unit_test(prefers_a_router_that_answers),
		cmocka_unit_test(ignores_routers_unless_told),
		cmocka_unit_test(says_what_is_wrong),
		cmocka_unit_test(lives_and_dies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
